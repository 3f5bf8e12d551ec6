"""Tells what stands behind the rows of a sheet: remarks in a single cell, and a row of totals, proved by the sums."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from repair_notes import Repairs, counted

HELD_ROWS = 12  # that many last rows are looked at
FEWEST_ROWS = 3  # a table so short has no end of its own
SUM_TOLERANCE = 1e-6
REMARK = re.compile(
    r"\s*(?:[*†©]|\(?(?:source|note|remark|footnote|legend|printed|generated|quelle|hinweis|stand)s?\b)", re.IGNORECASE
)
TOTAL = re.compile(
    r"\s*(?:(?:grand|overall)[ -])?"
    r"(?:total\w*|sums?|gesamt\w*|summen?|totaal|suma|somme|razem|итого|всего|合计|合計)\b",
    re.IGNORECASE,
)
Cells = Mapping[int, Any]


@dataclass(frozen=True)
class End:
    """The numbers of the rows behind the table; ``total`` is one that seems to hold sums, which are still to be proved."""

    remarks: list[int] = field(default_factory=list)
    total: tuple[int, Cells] | None = None

    @property
    def begins(self) -> int | None:
        """The number of its first row."""
        return self.total[0] if self.total else min(self.remarks, default=None)


def find_end(rows: Sequence[tuple[int, Cells]], row_count: int) -> End:
    """What the last rows of a sheet are, by their numbers and filled cells; ``row_count`` rows of the table stand before them."""
    kept = len(rows)
    while kept > 1 and _is_remark(rows[kept - 1][1]):
        kept -= 1
    if 0 < kept < len(rows) and not _is_apart(rows[kept - 1], rows[kept]):
        kept = len(rows)
    if row_count + kept <= FEWEST_ROWS:
        return End()
    remarks = [number for number, _ in rows[kept:]]
    return End(remarks, rows[kept - 1] if _may_be_total(rows[:kept]) else None)


def _is_remark(cells: Cells) -> bool:
    return len(cells) == 1 and isinstance(next(iter(cells.values())), str)


def _is_apart(before: tuple[int, Cells], remark: tuple[int, Cells]) -> bool:
    """Below a row of several cells, and behind a blank one or in the words of a remark."""
    return len(before[1]) > 1 and (remark[0] > before[0] + 1 or bool(REMARK.match(next(iter(remark[1].values())))))


def _may_be_total(rows: Sequence[tuple[int, Cells]]) -> bool:
    """Whether the last row is called a total, or holds numbers only, none of them smaller than those above it."""
    cells = rows[-1][1]
    numbers = _numbers(cells)
    if _is_called_total(cells):
        return bool(numbers)
    above = [_numbers(before) for _, before in rows[:-1]]
    return (
        len(numbers) == len(cells) > 1
        and len(above) > 1
        and all(abs(value) >= abs(before.get(column, 0.0)) for column, value in numbers.items() for before in above)
    )


def _is_called_total(cells: Cells) -> bool:
    return any(isinstance(value, str) and TOTAL.match(value) for value in cells.values())


def _numbers(cells: Cells) -> dict[int, float]:
    return {column: value for column, value in cells.items() if isinstance(value, int | float) and not isinstance(value, bool)}


def summed_columns(cells: Cells, sums: Mapping[int, float]) -> list[int]:
    """The columns whose sum a row holds; [] unless these are all its numbers, or half of them where it is called a total."""
    numbers = _numbers(cells)
    proved = [
        column for column, value in numbers.items() if value and math.isclose(value, sums.get(column, 0.0), rel_tol=SUM_TOLERANCE)
    ]
    needed = len(numbers) / 2 if _is_called_total(cells) else len(numbers)
    return proved if proved and len(proved) >= needed else []


def say_end(end: End, summed: Sequence[str], repairs: Repairs) -> None:
    """Note what was set aside; ``summed`` names the columns whose sums were proved."""
    if end.total and summed:
        listed = ", ".join(f"“{name}”" for name in summed[:5]) + (" …" if len(summed) > 5 else "")
        words = f"The last row was set aside: it holds the {'sum' if len(summed) == 1 else 'sums'} of {listed}."
        repairs.add("total_row", 1, words, lines=[end.total[0]])
    if end.remarks:
        words = counted(len(end.remarks), "row after the table was", "rows after the table were")
        repairs.add("trailer_lines", len(end.remarks), f"{words} set aside as no row of it.", lines=end.remarks)
