"""Differences in level: which measures differ between which groups, which grouping says it best, and which groups stand out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from difference_columns import Chosen
from difference_tables import Counted, Crossed, Pair, Triple

from harness_core.sdk.statistics.axes import Axis
from harness_core.sdk.statistics.effects import Counts, Effect, corrected_root, mid_rank_scores, without_empty
from harness_core.sdk.statistics.ranks import dominance, kruskal_wallis

ALMOST_AS_GOOD = 0.85  # a coarser grouping that explains so much of what the best one does says it better
SETTLED = 0.9  # a grouping that explains so much of the rank variance decides the value: a price list, not a difference
LEFT_OVER = 0.3  # a further grouping must keep so much of its effect within the groups of the first
FAINT = 0.1
STANDS_OUT = 0.6
MOST_APART = 3
BAND = 0.98
FOLLOWS = 0.9
LEAST_FOLLOWING = 5
FURTHER = 3


@dataclass(frozen=True)
class Level:
    """A measure by a grouping: ``groups`` are the codes of the groups with enough rows, ``effect`` the root of the share of rank
    variance between them (0..1), ``test_p`` by Kruskal and Wallis."""

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


def holm(p_values: Sequence[float], level: float) -> list[bool]:
    """Which of the hypotheses Holm's step-down procedure (1979) rejects at ``level`` over all of them."""
    order = sorted(range(len(p_values)), key=lambda position: p_values[position])
    rejected = [False] * len(p_values)
    for rank, position in enumerate(order):
        if p_values[position] > level / (len(p_values) - rank):
            break
        rejected[position] = True
    return rejected


def apart(level: Level) -> Apart:
    """The groups farthest from the others, taken away one by one until the rest is much of one level; at most three."""
    rest, taken = list(level.groups), []
    everyone = level.table.sum(axis=0)
    while len(rest) > 1 and len(taken) < MOST_APART:
        away = max(rest, key=lambda code: (abs(_against(level, [code], everyone, taken).value), -code))
        taken.append(away)
        rest.remove(away)
        side = {_against(level, [code], everyone, taken).value > 0 for code in taken}
        left = kruskal_wallis(level.table[rest])[1] if len(rest) > 1 else 0.0
        if left <= STANDS_OUT * level.effect and len(side) == 1 and 2 * len(taken) <= len(level.groups):
            return Apart(tuple(sorted(taken)), _against(level, taken, everyone, ()), is_clear=True)
    extreme = max(level.groups, key=lambda code: (abs(_against(level, [code], everyone, ()).value), -code))
    return Apart((extreme,), _against(level, [extreme], everyone, ()), is_clear=False)


def _against(level: Level, codes: Sequence[int], everyone: Counts, without: Sequence[int]) -> Effect:
    """Cliff's delta of the groups ``codes`` against all other rows but those of the groups ``without``."""
    inside = level.table[list(codes)].sum(axis=0)
    gone = [code for code in without if code not in codes]
    outside = everyone - inside - (level.table[gone].sum(axis=0) if gone else 0)
    if not outside.sum():
        return Effect("Cliff's delta", 0.0, -1.0, 1.0)
    return dominance(inside, outside)


def is_band(level: Level) -> bool:
    """Whether the groups are ranges of the measure itself: nearly every class of it lies in one group."""
    counts = without_empty(level.table)
    return counts.shape[1] > counts.shape[0] and float(counts.max(axis=0).sum()) >= BAND * float(counts.sum())


def plainest(levels: Sequence[Level]) -> Level:
    """Of the groupings that explain nearly as much as the best one, that with the fewest groups."""
    most = max(level.effect**2 for level in levels)
    near = [level for level in levels if level.effect**2 >= ALMOST_AS_GOOD * most]
    return min(near, key=lambda level: (len(level.groups), -level.effect, level.g))


def followed(level: Level, settled: Sequence[Level], counted: Counted) -> int | None:
    """A measure that the grouping decides, and in whose order the groups stand here too: then it is behind the difference."""
    if len(level.groups) < LEAST_FOLLOWING or level.is_settled:
        return None
    own = _mean_ranks(level, level.groups, counted)
    for other in settled:
        shared = [code for code in level.groups if code in other.groups]
        if other.g == level.g and other.m != level.m and len(shared) == len(level.groups):
            ranks = np.corrcoef(_order(own), _order(_mean_ranks(other, shared, counted)))[0, 1]
            if abs(float(ranks)) >= FOLLOWS:
                return other.m
    return None


def _mean_ranks(level: Level, codes: Sequence[int], counted: Counted) -> "np.ndarray[Any, np.dtype[np.float64]]":
    part = level.table[list(codes)]
    return np.asarray(part @ mid_rank_scores(counted.margins[level.m]) / part.sum(axis=1))


def _order(values: "np.ndarray[Any, np.dtype[np.float64]]") -> "np.ndarray[Any, np.dtype[np.int64]]":
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
    told, explained, waiting = [], [], list(levels)
    while waiting and len(told) < FURTHER:
        best = plainest(waiting)
        told.append(best)
        waiting.remove(best)
        for other in tuple(waiting):
            within = crossed.get((other.m, min(best.g, other.g), max(best.g, other.g)))
            if within is not None and _is_shadow(within, other, best):
                explained.append((other, chosen.groupings[best.g].name))
                waiting.remove(other)
    return Story(tuple(told), tuple(explained) + tuple((level, "stronger groupings of the same measure") for level in waiting))


def _is_shadow(within: Crossed, other: Level, best: Level) -> bool:
    turned = within if best.g < other.g else Crossed(within.rows.T, within.sums.T, within.squares.T)
    return effect_within(turned) < max(FAINT, LEFT_OVER * other.effect)
