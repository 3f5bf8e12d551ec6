"""The window around an end in which a quantity stands out most, over all windows, with a p-value that pays for the search.

Each cycle is its own block: the days of the window are ranked among the days of that cycle, freed of its slope and of the days of
the week. The window is the one whose ranks are farthest out (Mann and Whitney's z, added over cycles); for the p-value the
cycles are counted (Student's t over cycles, Bonferroni over windows).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from period_calendar import Calendar, Places

from harness_core.sdk.statistics.blocked import Comparison, over_blocks

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LEAST_INSIDE_SHARE = 0.5
LEAST_OUTSIDE = 5
LEAST_CYCLES = 6


@dataclass(frozen=True)
class Window:
    """Days ``low`` to ``high`` beside the ends; the effect per cycle is Cliff's delta of its days against the cycle's others."""

    low: int
    high: int
    found: Comparison
    p_value: float
    agreeing: int


def adjusted(values: Floats, calendar: Calendar) -> Floats:
    """Daily values on the scale of their logarithm where all are positive, less the median of their day of the week."""
    known = np.isfinite(values)
    shown = np.log(values, where=known, out=np.full(len(values), np.nan)) if (values[known] > 0).all() else values.copy()
    weekday = (calendar.days + 3) % 7
    for day in range(7):
        mine = known & (weekday == day)
        if mine.any():
            shown[mine] -= np.median(shown[mine])
    return np.asarray(shown, dtype=np.float64)


def without_profile(values: Floats, found: Places) -> Floats:
    """Less the median of each place beside the ends: what is common to all months is taken out before quarters are looked at."""
    left = values.copy()
    inside = (found.end >= 0) & np.isfinite(values)
    for place in np.unique(found.place[inside]):
        mine = inside & (found.place == place)
        left[mine] -= np.median(left[mine])
    return left


def best_window(values: Floats, found: Places, longest: int, reach: int) -> Window | None:
    """The window whose days stand out most clearly over the cycles; None where too few cycles have enough days."""
    table, columns = _table(values, found)
    if table.shape[0] < 2:
        return None
    ranks = _ranks(_levelled(table, columns))
    near = np.flatnonzero(np.abs(columns) <= reach).tolist()
    spans = [(i, j) for i in near for j in range(i, min(i + longest, near[-1] + 1))]
    best: tuple[float, int, int, Floats] | None = None
    for i, j in spans:
        deltas, scores = _deltas(ranks, i, j)
        size = round(abs(math.fsum(scores)), 9)
        if len(deltas) >= max(LEAST_CYCLES, table.shape[0] // 2) and (best is None or size > best[0]):
            best = (size, i, j, deltas)
    if best is None:
        return None
    _, i, j, deltas = best
    compared = over_blocks(deltas, "Cliff's delta within cycles")
    p_value = compared.p_value
    agreeing = int((np.sign(compared.deltas) == np.sign(compared.effect.value)).sum())
    return Window(int(columns[i]), int(columns[j]), compared, min(1.0, p_value * len(spans)), agreeing)


def _table(values: Floats, found: Places) -> tuple[Floats, Integers]:
    """Cycles x places, NaN where there is no value; the places in order of time."""
    inside = found.end >= 0
    columns = np.unique(found.place[inside])
    table = np.full((found.ends, len(columns)), np.nan)
    table[found.end[inside], np.searchsorted(columns, found.place[inside])] = values[inside]
    return table, columns


def _levelled(table: Floats, columns: Integers) -> Floats:
    """Each cycle less its own straight line through the outer days, so that growth is not taken for the end of a cycle."""
    left = table.copy()
    x = np.arange(len(columns), dtype=np.float64)
    for row in left:
        known = np.isfinite(row)
        if known.sum() > 2:
            slope = _slope(x[known], row[known])
            row[known] -= slope * x[known]
    return left


def _slope(x: Floats, y: Floats) -> float:
    """The slope between the medians of the first and last third (Tukey's resistant line)."""
    third = max(1, len(x) // 3)
    run = float(np.median(x[-third:]) - np.median(x[:third]))
    return float(np.median(y[-third:]) - np.median(y[:third])) / run if run else 0.0


def _ranks(table: Floats) -> Floats:
    """Mid-ranks within each cycle."""
    ranks = np.full(table.shape, np.nan)
    for row, out in zip(table, ranks, strict=True):
        known = np.flatnonzero(np.isfinite(row))
        _, places, counts = np.unique(np.round(row[known], 9), return_inverse=True, return_counts=True)
        ends = np.cumsum(counts)
        out[known] = (ends - (counts - 1) / 2)[places]
    return ranks


def _deltas(ranks: Floats, first: int, last: int) -> tuple[Floats, Floats]:
    """Cliff's delta of columns first..last against the others, and as z, for the cycles that have enough of both."""
    known = np.isfinite(ranks)
    inside = known[:, first : last + 1].sum(axis=1)
    outside = known.sum(axis=1) - inside
    usable = (inside >= LEAST_INSIDE_SHARE * (last - first + 1)) & (outside >= LEAST_OUTSIDE)
    n, m = inside[usable], outside[usable]
    sums = np.nansum(ranks[usable, first : last + 1], axis=1)
    deltas = np.asarray(np.round(2 * (sums / n - (n + 1) / 2) / m - 1, 12), dtype=np.float64)
    return deltas, np.asarray(deltas * np.sqrt(3 * n * m / (n + m + 1)), dtype=np.float64)
