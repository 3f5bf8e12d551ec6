"""Durations by rank: the place of each in the order of all, and how often each occurs; of ten million rows in 40 MB.

Durations are whole seconds, minutes or days as a rule, so their places are counted; where too many different ones are possible they
are sorted. Both give the same ranks, and sums of ranks are whole numbers, so that no order of adding can change them.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness_core.sdk.statistics.ordering import largest_unit, stable_order

Integers = NDArray[np.int64]
Places = NDArray[np.int32]

CHUNK = 1 << 19  # rows whose numbers are widened at a time
FEW = 1 << 16


@dataclass(frozen=True)
class Ranked:
    """``place`` has the place of each row's duration in ``values``, which ascend; ``counts`` has how many rows have each."""

    place: Places
    counts: Integers
    values: Integers | range

    @classmethod
    def of(cls, taken: Integers) -> "Ranked":
        """``taken`` is not empty."""
        low, high, unit = int(taken.min()), int(taken.max()), largest_unit(taken)
        values = range(low, high + unit, unit)
        if len(values) > max(FEW, len(taken) // 4):
            return cls._sorted(taken)
        place = np.empty(len(taken), dtype=np.int32)
        for at in range(0, len(taken), CHUNK):
            place[at : at + CHUNK] = (taken[at : at + CHUNK] - low) // unit
        return cls(place, counted(place, len(values)), values)

    @classmethod
    def _sorted(cls, taken: Integers) -> "Ranked":
        order = stable_order(taken)
        ordered = taken[order]
        starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
        counts = np.diff(starts, append=len(ordered))
        place = np.empty(len(taken), dtype=np.int32)
        place[order] = np.repeat(np.arange(len(starts), dtype=np.int32), counts)
        return cls(place, counts, ordered[starts])

    @cached_property
    def upto(self) -> Integers:
        """How many rows take as long as each duration, or less."""
        return np.cumsum(self.counts)

    @property
    def doubled(self) -> Integers:
        """Per duration twice its mid-rank, counted from a half on: over all rows they sum to the square of their number."""
        return 2 * self.upto - self.counts

    def at(self, position: int) -> int:
        """The duration at this position, from 0 on, of the order of all."""
        return int(self.values[int(np.searchsorted(self.upto, position, side="right"))])


def counted(place: Places, size: int) -> Integers:
    """How many rows have each place."""
    counts = np.zeros(size, dtype=np.int64)
    for at in range(0, len(place), CHUNK):
        part = np.bincount(place[at : at + CHUNK])
        counts[: len(part)] += part
    return counts


def doubled_within(place: Places, edges: Sequence[int]) -> Iterator[Integers]:
    """Block by block twice the mid-rank, from 1 on, of each row among those of its block."""
    for low, high in itertools.pairwise(edges):
        values: NDArray[Any] = place[low:high]
        if len(values) and int(values.max()) > 4 * len(values):
            _, values = np.unique(values, return_inverse=True)
        counts = np.bincount(values)
        yield (2 * np.cumsum(counts) - counts + 1)[values]
