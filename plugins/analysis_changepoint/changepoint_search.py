"""The search for changes in one series: cycles are taken out, the best partition is found, and what noise could show is dropped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from changepoint_chance import change_p_values, series_p
from changepoint_segments import Floats, Model, Partition, Sums, best_partition, best_without_change, judge, without, without_spikes

from harness_core.sdk.statistics.seasonality import cycles

LEAST_VALUES = 12
BOOTSTRAP_VALUES = 160
CYCLE_LEVEL = 0.01
SERIES_LEVEL = 0.1
WANDERING = 0.5  # from this memory on a series drifts by itself; what is clear at its place is told, with the doubt
CLEAR_AT_ITS_PLACE = 1e-10
MODELS: tuple[Model, ...] = ("level", "line")


@dataclass(frozen=True)
class Change:
    """A change at the beginning of block ``block``: ``at_place`` is the chance of so clear a change at any place, and ``p_value``
    at least that of a series that only has memory or tails."""

    block: int
    p_value: float
    at_place: float


@dataclass(frozen=True)
class Found:
    """The changes of a series in order, what its cycles add to each value, and the partition that was judged."""

    changes: tuple[Change, ...] = ()
    seasonal: Floats | None = None
    partition: Partition | None = None
    periods: tuple[int, ...] = ()


def search(
    values: Floats, weights: Floats, settings: Mapping[str, Any], rng: np.random.Generator,
    *, suggested: Sequence[int] = (), models: Sequence[Model] = MODELS, normal: bool = False,
) -> Found:  # fmt: skip
    """The changes in finite ``values`` with ``weights``; ``normal`` says that each value is a mean of many rows."""
    spread = float(values.std()) if len(values) else 0.0
    if len(values) < LEAST_VALUES or spread <= 1e-12 * float(np.abs(values).max()):
        return Found()
    scaled = (values - values.mean()) / spread
    found_cycles = cycles(scaled, CYCLE_LEVEL, suggested)
    seasonal = sum((cycle.over(len(values)) for cycle in found_cycles), np.zeros(len(values)))
    clean = without_spikes(scaled - seasonal)
    sums, penalty = Sums(clean, weights), float(settings["penalty"])
    partition = best_partition(sums, models, penalty, most=int(settings["max_changes"]))
    partition, at_place = _pruned(sums, partition, penalty, float(settings["significance"]))
    if partition is None or not partition.starts:
        return Found()
    whole = 0.0
    if len(partition.weights) or not normal or len(values) < 60:
        whole = series_p(_coarse(clean, weights), models, penalty, rng)
    wanders = float(best_without_change(sums, models, penalty).weights.sum()) >= WANDERING
    if whole > SERIES_LEVEL and not (wanders and min(at_place) <= CLEAR_AT_ITS_PLACE):
        return Found()
    changes = tuple(Change(start, max(whole, p), p) for start, p in zip(partition.starts, at_place, strict=True))
    return Found(changes, seasonal * spread, partition, tuple(cycle.period for cycle in found_cycles))


def _pruned(sums: Sums, partition: Partition | None, penalty: float, level: float) -> tuple[Partition | None, list[float]]:
    """The partition without the changes that noise could show, the least sure one dropped first."""
    while partition is not None and partition.starts:
        chances = change_p_values(sums, partition)
        worst = int(np.argmax(chances))
        if chances[worst] <= level:
            return partition, chances
        (partition,) = judge(sums, [without(partition, worst)], partition.model, penalty)
    return partition, []


def _coarse(values: Floats, weights: Floats) -> Sums:
    """The series in at most so many blocks as a bootstrap can afford."""
    size = -(-len(values) // BOOTSTRAP_VALUES)
    if size == 1:
        return Sums(values, weights)
    edges = np.arange(0, len(values), size)
    total = np.add.reduceat(weights, edges)
    return Sums(np.add.reduceat(weights * values, edges) / total, total)
