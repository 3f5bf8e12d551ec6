"""Differences in level: which measures differ between which groups, which grouping says it best, and which groups stand out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from difference_columns import Chosen, Measure
from difference_tables import Counted, Crossed, Pair, Triple
from numpy.typing import NDArray

from harness_core.sdk.statistics.axes import Axis
from harness_core.sdk.statistics.effects import Counts, Effect, FloatArray, corrected_root, mid_rank_scores
from harness_core.sdk.statistics.ranks import dominance, kruskal_wallis, weighted_median

ALMOST_AS_GOOD = 0.85  # a coarser grouping that explains so much of what the best one does says it better
SETTLED = 0.9  # a grouping that explains so much of the rank variance decides the value: a price list, not a difference
LEFT_OVER = 0.3  # a further grouping must keep so much of its effect within the groups of the first
FAINT = 0.1
MOST_APART = 3
BAND = 0.98
FOLLOWS = 0.9
LEAST_FOLLOWING = 5
FURTHER = 3


@dataclass(frozen=True)
class Level:
    """A measure by a grouping: ``groups`` are the codes of the groups with enough rows, ``effect`` the root of the share of rank
    variance between them (0..1), ``p_value`` that of Kruskal and Wallis."""

    m: int
    g: int
    table: Counts
    groups: tuple[int, ...]
    p_value: float
    effect: float

    @property
    def pair(self) -> Pair:
        return self.m, self.g

    @property
    def n(self) -> int:
        return int(self.table[list(self.groups)].sum())

    @property
    def is_settled(self) -> bool:
        return self.effect**2 >= SETTLED


@dataclass(frozen=True)
class Apart:
    """Groups that stand apart from all the rest, by how much, and whether what is left is much of one level."""

    groups: tuple[int, ...]
    against_rest: Effect
    is_clear: bool


def judge(pair: Pair, counted: Counted, grouping: Axis, least_rows: int) -> Level | None:
    """The test of one measure by one grouping; None where fewer than two groups have enough rows with a value."""
    table = counted.pairs[pair]
    named = table[: len(grouping.values)].sum(axis=1)
    groups = tuple(int(code) for code in np.flatnonzero(named >= least_rows))
    if len(groups) < 2:
        return None
    p_value, effect = kruskal_wallis(table[list(groups)])
    return Level(*pair, table, groups, p_value, effect)


def apart(level: Level, measure: Measure, ranks: FloatArray) -> Apart:
    """The groups beyond the widest gap between neighbouring medians (or, where all medians are one, mean ranks): they stand apart
    where that gap is wider than all that lies on the other side of it, and they are few. Of two groups it is the smaller one."""
    everyone = level.table.sum(axis=0)
    sizes = level.table.sum(axis=1)
    medians = np.array([weighted_median(measure.values, level.table[code]) for code in level.groups])
    centre = medians if medians.max() > medians.min() else ranks
    order = np.argsort(centre, kind="stable")
    gaps = np.diff(centre[order])
    widest = int(np.argmax(gaps))
    sides = order[: widest + 1], order[widest + 1 :]
    few, many = sorted(sides, key=lambda side: _standing(side, centre, sizes[list(level.groups)]))
    few_codes = tuple(sorted(level.groups[int(position)] for position in few))
    if len(few) <= MOST_APART and float(np.ptp(centre[many])) < float(gaps[widest]):
        return Apart(few_codes, _against(level, few_codes, everyone), is_clear=True)
    extreme = max(level.groups, key=lambda code: (abs(_against(level, [code], everyone).value), -code))
    return Apart((extreme,), _against(level, [extreme], everyone), is_clear=False)


def _standing(side: NDArray[np.int64], centre: FloatArray, sizes: Counts) -> tuple[int, float]:
    """The order of the sides of a gap: few groups first, of as many those further off, of two groups the rarer."""
    if len(centre) == 2:
        return 1, float(sizes[side].sum())
    return len(side), -abs(float(centre[side].mean() - np.median(centre)))


def _against(level: Level, codes: Sequence[int], everyone: Counts) -> Effect:
    """Cliff's delta of the groups ``codes`` against all other rows."""
    inside = level.table[list(codes)].sum(axis=0)
    return dominance(inside, everyone - inside)


def is_band(level: Level, ranks: FloatArray) -> bool:
    """Whether the groups are ranges of the measure itself: three or more of them, next to one another without overlap."""
    order = [level.table[level.groups[int(position)]] for position in np.argsort(ranks, kind="stable")]
    return len(order) > 2 and all(dominance(high, low).value >= BAND for low, high in pairwise(order))


def plainest(levels: Sequence[Level]) -> Level:
    """Of the groupings that explain nearly as much as the best one, that with the fewest groups."""
    most = max(level.effect**2 for level in levels)
    near = [level for level in levels if level.effect**2 >= ALMOST_AS_GOOD * most]
    return min(near, key=lambda level: (len(level.groups), -level.effect, level.g))


def followed(level: Level, settled: Sequence[Level], counted: Counted) -> int | None:
    """A measure that the grouping decides, and in whose order the groups stand here too: then it is behind the difference."""
    if len(level.groups) < LEAST_FOLLOWING or level.is_settled:
        return None
    own = mean_ranks(level, level.groups, counted)
    for other in settled:
        shared = [code for code in level.groups if code in other.groups]
        if other.g == level.g and other.m != level.m and len(shared) == len(level.groups):
            ranks = np.corrcoef(_order(own), _order(mean_ranks(other, shared, counted)))[0, 1]
            if abs(float(ranks)) >= FOLLOWS:
                return other.m
    return None


def mean_ranks(level: Level, codes: Sequence[int], counted: Counted) -> FloatArray:
    part = level.table[list(codes)]
    return np.asarray(part @ mid_rank_scores(counted.margins[level.m]) / part.sum(axis=1))


def _order(values: FloatArray) -> NDArray[np.int64]:
    return np.argsort(np.argsort(values, kind="stable"), kind="stable")


def effect_within(crossed: Crossed) -> float:
    """The effect (0..1) of the second grouping within the groups of the first, corrected for chance."""
    rows, sums = crossed.rows, crossed.sums
    stratum = rows.sum(axis=1)
    used = stratum > 0
    rows, sums, stratum = rows[used], sums[used], stratum[used]
    totals = sums.sum(axis=1)
    filled = np.maximum(rows, 1)
    between = float((sums**2 / filled).sum() - (totals**2 / stratum).sum())
    everything = float(crossed.squares.sum() - (totals**2 / stratum).sum())
    freedom, n = int((rows > 0).sum() - used.sum()), int(stratum.sum()) - int(used.sum()) + 1
    return corrected_root(max(0.0, between / everything), freedom, n) if everything > 0 and n > freedom + 1 else 0.0


@dataclass(frozen=True)
class Story:
    """What is told about the level of one measure: its groupings in order, and the pairs that others stand behind."""

    told: tuple[Level, ...]
    explained: tuple[tuple[Level, str], ...]


def story(levels: Sequence[Level], crossed: Mapping[Triple, Crossed], chosen: Chosen) -> Story:
    """The plainest grouping first, then those that still say something within its groups; ``levels`` are of one measure."""
    told: list[Level] = []
    explained: list[tuple[Level, str]] = []
    waiting = list(levels)
    while waiting and len(told) < FURTHER:
        best = plainest(waiting)
        told.append(best)
        waiting.remove(best)
        for other in tuple(waiting):
            if is_shadow(other, best, crossed):
                explained.append((other, chosen.groupings[best.g].name))
                waiting.remove(other)
    return Story(tuple(told), tuple(explained) + tuple((level, "stronger groupings of the same measure") for level in waiting))


def is_shadow(other: Level, best: Level, crossed: Mapping[Triple, Crossed]) -> bool:
    """Whether ``other`` says next to nothing within the groups of ``best``, a grouping of the same measure."""
    within = crossed.get((other.m, min(best.g, other.g), max(best.g, other.g)))
    if within is None:
        return False
    turned = within if best.g < other.g else Crossed(within.rows.T, within.sums.T, within.squares.T)
    return effect_within(turned) < max(FAINT, LEFT_OVER * other.effect)


def only_in_slice(level: Level, found: Apart, crossed: Crossed, cell: tuple[int, int], axis: int, least: float) -> bool:
    """Whether the group that stands apart does so only in a slice of it: without those rows it hardly differs from the rest.

    ``cell`` is the slice, ``axis`` says which of its two groupings is that of ``level``.
    """
    if found.groups != (cell[axis],):
        return False
    rows, sums = (np.moveaxis(part, axis, 0) for part in (crossed.rows, crossed.sums))
    own, other = cell[axis], cell[1 - axis]
    left = int(rows[own].sum() - rows[own, other])
    outside = int(rows.sum() - rows[own].sum())
    if not left or not outside:
        return False
    inside = float(sums[own].sum() - sums[own, other]) / left
    departure = 2 * (inside - float(sums.sum() - sums[own].sum()) / outside)
    return abs(departure) < max(least, LEFT_OVER * abs(found.against_rest.value))
