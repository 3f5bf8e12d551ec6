"""Differences in spread: groups whose values scatter more, or less, around their own median than those of the other groups do."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from difference_columns import Measure
from difference_levels import Level
from numpy.typing import NDArray

from harness_core.sdk.statistics.effects import Counts, Effect, FloatArray
from harness_core.sdk.statistics.ranks import deviations, fligner_killeen, weighted_median

DRAWS = 400
WIDER_TOO = 1.25  # the outer tenth of the distances must say the same as the middle, which alone is coarse for whole numbers
NEARLY_ALL = 0.9
FEWEST_STEPS = 2  # between whole numbers a distance of 1 becomes one of 2 by a handful of rows


@dataclass(frozen=True)
class Spread:
    """A measure by a grouping: the group with the most unusual scatter, and the ratio of its median distance to the others'."""

    level: Level
    group: int
    p_value: float
    ratio: float
    outer_ratio: float
    own: Counts
    others: Counts
    distances: FloatArray

    @property
    def is_wide(self) -> bool:
        return self.ratio > 1


def judge(level: Level, measure: Measure) -> Spread | None:
    """The test by Fligner and Killeen over the groups, and the group that departs most; None where a spread is nought."""
    table = level.table[list(level.groups)]
    kept = table.sum(axis=0) > 0
    table, values = table[:, kept], measure.values[kept]
    if table.shape[1] < 3:
        return None
    spread = deviations(table, values)
    if not np.isfinite(spread).all():
        return None
    p_value, scores = fligner_killeen(table, spread)
    sizes = table.sum(axis=1)
    departure = np.abs(scores - float((sizes * scores).sum()) / float(sizes.sum())) * np.sqrt(sizes)
    position = int(np.argmax(departure))
    distances, own, others = _by_distance(table, spread, position)
    middle = [weighted_median(distances, counts) for counts in (own, others)]
    outer = [_quantile(distances, counts, NEARLY_ALL) for counts in (own, others)]
    if min(*middle, *outer) <= 0 or abs(middle[0] - middle[1]) < FEWEST_STEPS * _resolution(measure) * (1 - 1e-9):
        return None
    ratios = middle[0] / middle[1], outer[0] / outer[1]
    return Spread(level, level.groups[position], p_value, *ratios, own, others, distances)


def _resolution(measure: Measure) -> float:
    """The least distance between two values, where they are few enough to be told apart; else 0."""
    return float(np.diff(measure.values).min()) if measure.axis.discrete else 0.0


def _by_distance(table: Counts, spread: FloatArray, position: int) -> tuple[FloatArray, Counts, Counts]:
    """The different distances, ascending, and how often they stand in the group and in all others."""
    distances, places = np.unique(spread, return_inverse=True)
    places = places.reshape(table.shape)
    own = _count(places[position], table[position], len(distances))
    others = _count(np.delete(places, position, axis=0), np.delete(table, position, axis=0), len(distances))
    return distances, own, others


def _count(places: NDArray[np.int64], rows: Counts, size: int) -> Counts:
    counts = np.zeros(size, dtype=np.int64)
    np.add.at(counts, places.ravel(), rows.ravel())
    return counts


def _quantile(values: FloatArray, counts: Counts, share: float) -> float:
    return float(values[int(np.searchsorted(np.cumsum(counts), share * float(counts.sum())))])


def is_large(spread: Spread, least_ratio: float) -> bool:
    """Whether middle and outer distances both are larger, or both smaller, by enough."""
    if spread.is_wide:
        return spread.ratio >= least_ratio and spread.outer_ratio >= WIDER_TOO
    return spread.ratio <= 1 / least_ratio and spread.outer_ratio <= 1 / WIDER_TOO


def goes_with_level(spread: Spread, measure: Measure, least_ratio: float) -> bool:
    """Whether the scatter is in proportion to the level, as in any price: then the level says it already."""
    if measure.least < 0:
        return False
    table, group = spread.level.table, spread.group
    inside = weighted_median(measure.values, table[group])
    outside = weighted_median(measure.values, table[[code for code in spread.level.groups if code != group]].sum(axis=0))
    if min(inside, outside) <= 0:
        return True
    relative = spread.ratio / (inside / outside)
    return 1 / least_ratio < relative < least_ratio


def interval(spread: Spread, rng: np.random.Generator) -> Effect:
    """The ratio of median distances with the percentile interval of 400 multinomial redraws of both sides."""
    ratios = np.sort([_drawn(spread, rng) for _ in range(DRAWS)])
    low, high = float(ratios[int(0.025 * DRAWS)]), float(ratios[int(0.975 * DRAWS)])
    return Effect("ratio of spreads", spread.ratio, min(low, spread.ratio), max(high, spread.ratio))


def _drawn(spread: Spread, rng: np.random.Generator) -> float:
    medians = []
    for counts in (spread.own, spread.others):
        n = int(counts.sum())
        medians.append(weighted_median(spread.distances, rng.multinomial(n, counts / n)))
    return medians[0] / medians[1] if medians[1] > 0 else spread.ratio


def plainest(spreads: Sequence[Spread]) -> Spread:
    """One finding per measure: the surest, and of equally sure ones that with the fewest groups."""
    return min(spreads, key=lambda spread: (spread.p_value, len(spread.level.groups), spread.level.g))
