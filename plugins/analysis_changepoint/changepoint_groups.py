"""Which values of other columns a measure seems to change within: a first look at all, for a search of the few it points to.

The whole hides a change in one product of thirty. Each value's own series of block means is tested for one change of its level by
the largest likelihood ratio over all places (M. Csörgő, L. Horváth, Limit Theorems in Change-Point Analysis (1997)), in one pass
over the rows per pair of columns. The look is only for choosing: what is told is judged again by the full search, all values that
were looked at counted.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from changepoint_chance import supremum_p
from changepoint_claims import Claim
from changepoint_tracks import Blocks, Track, literal
from numpy.typing import NDArray

from harness_core.sdk import Dataset
from harness_core.sdk.statistics.series import Floats, codes, finite_sql, numbers, view_name

MOST_VALUES = 200
MOST_COLUMNS = 6
LEAST_ROWS, LEAST_BLOCKS, EDGE_ROWS = 24, 12, 6
ROWS_TOGETHER = 1_000_000
ROWS_LOOKED_AT = 100_000_000  # over all pairs of columns: ten pairs of ten million rows, a few seconds
LIKELY = 0.05
TWICE, SURELY = 0.5, 4.0

Cells = NDArray[np.int32]


@dataclass(frozen=True)
class Column:
    """A column whose values make groups; ``cells`` holds per row, in the order of the blocks, ``value * blocks + block``, where a
    row without a value comes after the last one. ``counts`` is the number of rows of each cell."""

    name: str
    values: Sequence[Any]
    cells: Cells
    counts: Floats

    @property
    def blocks(self) -> int:
        return len(self.counts) // (len(self.values) + 1)


@dataclass(frozen=True)
class Candidate:
    """A group that seems to change: ``chance`` is that of the first look, for this group alone."""

    chance: float
    measure: str
    column: str
    code: int


def grouping(dataset: Dataset, profile: Sequence[Mapping[str, Any]], blocks: Blocks) -> list[Column]:
    """The columns by which rows are grouped: categories and flags with 2 to 200 values, the first six of them."""
    size = len(blocks)
    block = np.repeat(np.arange(size, dtype=np.int32), np.diff(blocks.edges))
    found = []
    for entry in profile:
        distinct = int(entry.get("distinct_count") or 0)
        shown = isinstance(entry.get("top_values"), list)  # values that may be personal are not shown
        if entry.get("role") not in {"category", "flag"} or not 2 <= distinct <= MOST_VALUES or not shown:
            continue
        name = str(entry["name"])
        quoted = view_name(name)
        query = f"SELECT {quoted}, count(*) FROM data WHERE {quoted} IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1"
        values = [row[0] for row in dataset.sql(query).fetchall()]
        cells = blocks.order.arranged(codes(dataset, name, values)).astype(np.int32)
        cells[cells < 0] = len(values)
        cells *= size
        cells += block
        found.append(Column(name, values, cells, _totals(cells, None, (len(values) + 1) * size)))
        if len(found) == MOST_COLUMNS:
            break
    return found


def first_look(track: Track, level: Floats, columns: Sequence[Column]) -> tuple[int, list[Candidate]]:
    """How many groups have rows enough to be looked at, and those of them that seem to change otherwise than all rows do, whose
    ``level`` is given per row."""
    looked, likely = 0, list[Candidate]()
    centred = track.values - level
    present = np.isfinite(centred)
    complete = bool(present.all())
    centred = centred if complete else np.where(present, centred, 0.0)
    for column in columns:
        if column.name == track.column:
            continue
        sums = _totals(column.cells, centred, len(column.counts))
        counts = column.counts if complete else _totals(column.cells, present.astype(np.float64), len(column.counts))
        of_groups = zip(sums.reshape(-1, column.blocks)[:-1], counts.reshape(-1, column.blocks)[:-1], strict=True)
        for code, (total, number) in enumerate(of_groups):
            chance = _chance(total, number)
            looked += chance is not None
            if chance is not None and chance <= LIKELY:
                likely.append(Candidate(chance, track.column, column.name, code))
    return looked, likely


def _totals(cells: Cells, values: Floats | None, size: int) -> Floats:
    """The sum of ``values``, or of rows, in each cell."""
    totals = np.zeros(size)
    for start in range(0, len(cells), ROWS_TOGETHER):
        part = slice(start, start + ROWS_TOGETHER)
        totals += np.bincount(cells[part], None if values is None else values[part], size)
    return totals


def _chance(sums: Floats, counts: Floats) -> float | None:
    """The chance of so large a difference of two levels at any place, by how the block means vary about them; None where the group
    is too small."""
    filled = counts > 0
    counts, sums = counts[filled], sums[filled]
    n, total = float(counts.sum()), float(sums.sum())
    if n < LEAST_ROWS or len(counts) < LEAST_BLOCKS:
        return None
    before, total_before = counts.cumsum()[:-1], sums.cumsum()[:-1]
    inside = (before >= EDGE_ROWS) & (n - before >= EDGE_ROWS)
    if not inside.any():
        return None
    before, total_before = before[inside], total_before[inside]
    between = float(((total_before - total * before / n) ** 2 * n / (before * (n - before))).max())
    left = (float((sums**2 / counts).sum()) - total**2 / n - between) / max(1, len(counts) - 2)
    return supremum_p(between / left, len(counts), 1) if left > 0 else float(between <= 0)


def candidate_tracks(
    dataset: Dataset, candidates: Sequence[Candidate], columns: Sequence[Column], blocks: Blocks
) -> Iterator[Track]:
    """The series of the candidates, each measure read once."""
    by_name = {column.name: column for column in columns}
    names = list(dict.fromkeys(item.measure for item in candidates))
    for name, values in numbers(dataset, names):
        arranged, sql = blocks.order.arranged(values), finite_sql(dataset.column(name))
        for item in candidates:
            if item.measure == name:
                column = by_name[item.column]
                value, group = column.values[item.code], column.cells // column.blocks
                inside = np.where(group == item.code, arranged, np.nan)
                condition = f"{view_name(column.name)} = {literal(value)}"
                rest = partial(_others, arranged, group, item.code)
                yield Track("level", name, inside, sql, value=str(value), by=column.name, condition=condition, rest=rest)


def _others(values: Floats, group: NDArray[np.int32], code: int) -> Floats:
    """The values of all other groups, each less the mean of its own: groups that lie far apart do not hide how steady each is."""
    present = np.isfinite(values) & (group != code)
    counts = np.bincount(group[present], minlength=1)
    means = np.bincount(group[present], values[present], len(counts)) / np.maximum(counts, 1)
    return np.where(present, values - means[np.minimum(group, len(means) - 1)], np.nan)


def changes_otherwise(claim: Claim) -> bool:
    """Whether the group changes by at least twice as much as the other rows do at the same place, if they change the same way, and
    by four standard errors more (a difference of differences)."""
    if claim.track.rest is None:
        return True
    shifts, variance = [], 0.0
    for values in (claim.track.values, claim.track.rest()):
        sides = [part[np.isfinite(part)] for part in (values[claim.low : claim.position], values[claim.position : claim.high])]
        if min(len(side) for side in sides) < 2:
            return False
        variance += sum(float(side.var(ddof=1)) / len(side) for side in sides)
        shifts.append(float(sides[1].mean() - sides[0].mean()))
    more = (shifts[0] - shifts[1]) * (1 if shifts[0] > 0 else -1)
    return more >= max(TWICE * abs(shifts[0]), SURELY * math.sqrt(variance))
