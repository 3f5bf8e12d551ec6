"""Finds where a row with a field too few or too many has its gap, from what the columns usually hold.

A row is moved only where the values fit their columns clearly better than they did; otherwise it is padded at its end.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SHAPE_CHARS = 14
FLOOR = 0.003
MARGIN = 3.0
MIN_ROWS = 5
MAX_GAPS = 3
RUNS = ((re.compile(r"[0-9]+"), "9"), (re.compile(r"[^\W\d_]+"), "a"))


def shape(value: str) -> str:
    """The outline of a value: runs of digits as 9, of letters as a, several words as text."""
    stripped = value.strip()
    if not stripped:
        return ""
    if " " in stripped and len(stripped) > 20:
        return "text"
    for pattern, sign in RUNS:
        stripped = pattern.sub(sign, stripped)
    return stripped[:SHAPE_CHARS]


@dataclass(frozen=True)
class Profiles:
    """Per column, how often each shape occurs among regular rows."""

    shares: Sequence[Mapping[str, float]]
    rows: int

    @classmethod
    def of(cls, columns: Sequence[Sequence[str | None]]) -> "Profiles":
        shares = []
        for values in columns:
            counts = Counter(shape(value or "") for value in values)
            shares.append({each: count / len(values) for each, count in counts.items()})
        return cls(shares, len(columns[0]) if columns else 0)

    def fit(self, value: str, column: int) -> float:
        """The logarithm of how usual a value of that shape is in that column."""
        return math.log(max(FLOOR, self.shares[column].get(shape(value), 0.0)))


def aligned(fields: Sequence[str], width: int, profiles: Profiles) -> list[str] | None:
    """The row at ``width``, with gaps where they fit best or without empty surplus fields; None where no place stands out."""
    surplus = len(fields) - width
    if profiles.rows < MIN_ROWS or not 0 < abs(surplus) <= MAX_GAPS or width < 3:
        return None
    plain = [*fields, *[""] * -surplus][:width]
    best = _with_gaps(fields, width, profiles) if surplus < 0 else _without_empties(fields, width, profiles)
    if best is None:
        return None
    score, row = best
    return row if score > sum(profiles.fit(value, column) for column, value in enumerate(plain)) + MARGIN else None


def _with_gaps(fields: Sequence[str], width: int, profiles: Profiles) -> tuple[float, list[str]] | None:
    """The best way to spread too few fields over the columns in order."""
    best: dict[int, tuple[float, list[str]]] = {0: (0.0, [])}
    for column in range(width):
        following: dict[int, tuple[float, list[str]]] = {}
        for used, (score, row) in best.items():
            options = [(used, "")] + ([(used + 1, fields[used])] if used < len(fields) else [])
            for after, value in options:
                if len(fields) - after <= width - column - 1:
                    found = (score + profiles.fit(value, column), [*row, value])
                    if after not in following or found[0] > following[after][0]:
                        following[after] = found
        best = following
    return best.get(len(fields))


def _without_empties(fields: Sequence[str], width: int, profiles: Profiles) -> tuple[float, list[str]] | None:
    """The best way to leave out surplus fields that are empty; None where too few are."""
    best: dict[int, tuple[float, list[str]]] = {0: (0.0, [])}
    for index, value in enumerate(fields):
        following: dict[int, tuple[float, list[str]]] = {}
        for kept, (score, row) in best.items():
            options = []
            if kept < width:
                options.append((kept + 1, (score + profiles.fit(value, kept), [*row, value])))
            if not value.strip() and len(fields) - index - 1 >= width - kept:
                options.append((kept, (score, row)))
            for after, found in options:
                if after not in following or found[0] > following[after][0]:
                    following[after] = found
        best = following
    return best.get(width)
