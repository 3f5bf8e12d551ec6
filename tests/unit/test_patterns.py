"""Patterns of strangers: the short cut through Python's engine must never say anything that RE2 would not."""

from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import ArrowInvalid, compute

from harness_core.domain.patterns import matches, pattern_problem, plain

ATOMS = [
    "a",
    "-",
    "[a-c]",
    "[a-]",
    "[^a]",
    "[\\.-]",
    "[c-a]",
    "\\d",
    "\\.",
    ".",
    "(a)",
    "a|b",
    "a{2}",
    "a{1,2}",
    "a*",
    "b+",
    "b?",
    "\\w",
    "é",
    "$",
    "^",
]


@given(st.lists(st.sampled_from(ATOMS), max_size=4).map("".join), st.text(alphabet="abc.-é1\n", max_size=5))
@settings(max_examples=500, deadline=None)
def test_both_engines_give_the_same_verdict(inner: str, text: str) -> None:
    """Guards the short cut as a property: valid in both or in neither, matched in both or in neither, line breaks included."""
    pattern = f"^{inner}$"
    try:
        expected = compute.match_substring_regex(text, pattern).as_py()
    except ArrowInvalid:
        assert pattern_problem(pattern) is not None
        return
    assert pattern_problem(pattern) is None
    assert matches(pattern, text) is expected


def test_what_may_backtrack_takes_the_long_way() -> None:
    """Guards the worker: only a pattern with at most one open repeat, at its end, is given to Python's engine."""
    assert [pattern for pattern in ("^a*a*$", "^(a+)+$", "^a+b$", "^.*$", "a", "^a|b$") if plain(pattern)] == []
    assert plain("^[a-z][a-z0-9_]{2,63}$") is not None
