"""Regular expressions that a stranger wrote, matched in time linear in the text: RE2's syntax and RE2's engine.

Python's own engine backtracks, so one pattern in a plugin's schema and one text in its result could stop a worker for hours.
RE2 comes with Arrow, which is 90 MB to load: the plain patterns that most schemas hold are matched without it.
"""

import re
from functools import lru_cache

MAX_PATTERN = 1000

# Plain: anchored, literals and simple character sets, of which at most the last may repeat without a fixed count. Such a
# pattern means the same to both engines, and leaves Python's nothing to go back for.
ATOM = r"(?:[A-Za-z0-9_ :/@,;=-]|\\[.+*?/()\[\]{}$^|-]|\[(?:[A-Za-z0-9_ :/@.,;=+-]|\\[.-])+\]|\\d)"
PLAIN = re.compile(rf"\^((?:{ATOM}(?:\{{[0-9]{{1,2}}\}})?)*(?:{ATOM}(?:[*+?]|\{{[0-9]{{1,2}},[0-9]{{0,2}}\}}))?)\$\Z", re.ASCII)


@lru_cache(maxsize=4096)
def pattern_problem(pattern: str) -> str | None:
    """Why ``pattern`` cannot be used, or None."""
    if len(pattern) > MAX_PATTERN:
        return f"longer than {MAX_PATTERN:,} characters"
    if plain(pattern) is not None:
        return None
    from pyarrow import ArrowInvalid, compute

    try:
        compute.match_substring_regex("", pattern)
    except ArrowInvalid as reason:
        return str(reason).removeprefix("Invalid regular expression: ")
    return None


@lru_cache(maxsize=65_536)
def matches(pattern: str, text: str) -> bool:
    """Whether ``pattern`` is found anywhere in ``text``; a pattern that RE2 does not know matches nothing."""
    simple = plain(pattern)
    if simple is not None:
        return simple.fullmatch(text) is not None
    if pattern_problem(pattern) is not None:
        return False
    from pyarrow import compute

    return bool(compute.match_substring_regex(text, pattern).as_py())


@lru_cache(maxsize=4096)
def plain(pattern: str) -> re.Pattern[str] | None:
    """The pattern between its anchors for Python's engine, where it is plain; else None."""
    found = PLAIN.match(pattern)
    try:
        return re.compile(found[1], re.ASCII) if found else None
    except re.error:
        return None
