"""One value, one text; and a reader that no hostile JSON gets past."""

import datetime as dt
import json
import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness_core.sdk.canonical import NotCanonical, canonical_bytes, jsonable, strict_loads

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_reading_back_gives_the_value(value: object) -> None:
    """Canonical bytes lose nothing, and are the same when written again."""
    data = canonical_bytes(value)
    again = strict_loads(data)
    assert again == value
    assert canonical_bytes(again) == data


def test_the_form() -> None:
    """Sorted keys, two spaces, a newline at the end, UTF-8, shortest floats."""
    assert (
        canonical_bytes({"b": 0.1, "ä": [1, {}], "a": None})
        == '{\n  "a": null,\n  "b": 0.1,\n  "ä": [\n    1,\n    {}\n  ]\n}\n'.encode()
    )


@pytest.mark.parametrize("value", [math.nan, math.inf, {"a": object()}, {1, 2}])
def test_what_has_no_form_is_refused(value: object) -> None:
    """NaN is never written, by anybody."""
    with pytest.raises(NotCanonical):
        canonical_bytes(value)


def test_numbers_without_a_form_become_null_and_are_named() -> None:
    """A plugin's NaN is null, with a note of where it stood."""
    notes: list[str] = []
    assert jsonable({"a": [1.0, math.nan], "b": np.float64("inf")}, notes) == {"a": [1.0, None], "b": None}
    assert [note.split(" ")[0] for note in notes] == ["$.a[1]", "$.b"]


def test_what_plugins_commonly_hold_becomes_plain() -> None:
    """NumPy, dates, decimals and sets need no conversion by hand."""
    value = {
        "n": np.int64(3), "a": np.array([[1.5, 2.0]]), "d": dt.date(2024, 2, 29), "t": dt.datetime(2024, 1, 1, 12, 0),
        "m": Decimal("1.50"), "i": Decimal(7), "s": {"b", "a"}, "x": b"\x00\xff", "y": "\ud800",
    }  # fmt: skip
    expected = {
        "n": 3, "a": [[1.5, 2.0]], "d": "2024-02-29", "t": "2024-01-01T12:00:00", "m": 1.5, "i": 7, "s": ["a", "b"], "x": "00ff", "y": "?",
    }  # fmt: skip
    assert jsonable(value) == expected


HOSTILE = {
    "NaN": b'{"a": NaN}', "Infinity": b"[-Infinity]", "overflow": b"[1e999]", "doubled key": b'{"a": 1, "a": 2}',
    "too deep": b"[" * 100 + b"]" * 100, "far too deep": b"[" * 200_000 + b"]" * 200_000, "lone surrogate": b'"\\ud800"',
    "huge integer": b"1" * 5000, "not UTF-8": b'"\xff"', "no JSON": b"{", "nothing": b"", "two values": b"1 2",
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_json_is_refused(case: str) -> None:
    """Everything that could surprise a reader further on stops here."""
    with pytest.raises(NotCanonical):
        strict_loads(HOSTILE[case])


def test_ordinary_json_of_any_size_is_read() -> None:
    """Many brackets are not deep brackets."""
    value = [[{"a": [index]}] for index in range(20_000)]
    assert strict_loads(json.dumps(value).encode()) == value
