"""Regular expressions that a stranger wrote, matched in time linear in the text: RE2's syntax and RE2's engine.

Python's own engine backtracks, so one pattern in a plugin's schema and one text in its result could stop a worker for hours.
"""

from functools import lru_cache

MAX_PATTERN = 1000


@lru_cache(maxsize=4096)
def pattern_problem(pattern: str) -> str | None:
    """Why ``pattern`` cannot be used, or None."""
    from pyarrow import ArrowInvalid, compute  # RE2 comes with Arrow; loaded when the first pattern is met

    if len(pattern) > MAX_PATTERN:
        return f"longer than {MAX_PATTERN:,} characters"
    try:
        compute.match_substring_regex("", pattern)
    except ArrowInvalid as reason:
        return str(reason).removeprefix("Invalid regular expression: ")
    return None


@lru_cache(maxsize=65_536)
def matches(pattern: str, text: str) -> bool:
    """Whether ``pattern`` is found anywhere in ``text``; a pattern that RE2 does not know matches nothing."""
    from pyarrow import compute

    return pattern_problem(pattern) is None and bool(compute.match_substring_regex(text, pattern).as_py())
