"""The search for changes in one series: cycles are taken out, the best partition is found, and what noise could show is dropped."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from changepoint_chance import change_p_values, rank_p_values, series_p
from changepoint_segments import Floats, Model, Partition, Sums, best_partition, best_without_change, judge, without, without_spikes

from harness_core.sdk.statistics.seasonality import cycles

LEAST_VALUES = 12
FEW_VALUES = 60  # ranks of fewer are too few to be sure by them; of more without memory they say better how sure a change is
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
    clean = scaled - seasonal
    sums, penalty = Sums(without_spikes(clean), weights), float(settings["penalty"])
    partition = best_partition(sums, models, penalty, most=int(settings["max_changes"]))
    partition = _pruned(sums, partition, penalty, float(settings["significance"]), partial(change_p_values, sums))
    if partition is None or not partition.starts:
        return Found()
    null, whole = best_without_change(sums, models, penalty), 0.0
    if len(partition.weights) or len(null.weights) or not normal or len(values) < FEW_VALUES:
        whole = series_p(clean, weights, null, partition, models, penalty, rng)
    by_ranks = partial(rank_p_values, Sums(clean, weights))
    if whole <= SERIES_LEVEL and len(values) >= FEW_VALUES:
        partition = _pruned(sums, partition, penalty, SERIES_LEVEL, by_ranks)
    elif whole > SERIES_LEVEL and (null.weights.sum() < WANDERING or min(change_p_values(sums, partition)) > CLEAR_AT_ITS_PLACE):
        return Found()
    if partition is None or not partition.starts:
        return Found()
    at_place = change_p_values(sums, partition)
    least = whole if len(null.weights) or len(values) < FEW_VALUES else 0.0
    ranked = by_ranks(partition) if len(values) >= FEW_VALUES else at_place
    changes = tuple(
        Change(start, max(least, *pair), pair[0]) for start, *pair in zip(partition.starts, at_place, ranked, strict=True)
    )
    return Found(changes, seasonal * spread, partition, tuple(cycle.period for cycle in found_cycles))


def _pruned(
    sums: Sums, partition: Partition | None, penalty: float, level: float, chances: Callable[[Partition], Sequence[float]]
) -> Partition | None:
    """The partition without the changes that noise could show, the least sure one dropped first."""
    while partition is not None and partition.starts:
        of_each = chances(partition)
        worst = int(np.argmax(of_each))
        if of_each[worst] <= level:
            break
        (partition,) = judge(sums, [without(partition, worst)], partition.model, penalty)
    return partition
