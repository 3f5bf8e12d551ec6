"""How far apart two distributions are: Kolmogorov, Wasserstein, Jensen-Shannon distances and the population stability index.

Sources: A. Kolmogorov (1933) and N. Smirnov (1939); S. Vallender, "Calculation of the Wasserstein distance between probability
distributions on the line", Theory Probab. Appl. 18 (1974) 784-786; D. Endres and J. Schindelin, "A new metric for probability
distributions", IEEE Trans. Inf. Theory 49 (2003) 1858-1860; B. Yurdakul, "Statistical properties of population stability index",
Western Michigan University (2018).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness_core.sdk.statistics.ordered import Ordered

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Merged:
    """Two samples in one order: ``pooled``, and at each of its different values how far apart the distribution functions are."""

    pooled: Ordered
    gaps: Floats

    @classmethod
    def of(cls, first: Ordered, second: Ordered) -> "Merged":
        """Both with at least one value."""
        together = np.concatenate([first.values, second.values])
        order = np.argsort(together, kind="stable")  # merges two sorted runs
        values = together[order]
        weights = np.concatenate(
            [np.ones(len(side.values), np.int64) if side.counts is None else side.counts for side in (first, second)]
        )
        weights = weights[order]
        last = np.flatnonzero(np.append(values[1:] != values[:-1], True))  # the last of equal ones has all of them behind it
        reached = np.cumsum(weights)[last]
        weights[order < len(first.values)] = 0
        of_second = np.cumsum(weights)[last]
        return cls(Ordered(values[last], np.diff(reached, prepend=0)), (reached - of_second) / first.n - of_second / second.n)

    def kolmogorov(self) -> tuple[float, float]:
        """The largest gap (0..1), and the lowest value at which it is."""
        place = int(np.argmax(np.abs(self.gaps)))
        return float(abs(self.gaps[place])), float(self.pooled.values[place])

    def wasserstein(self) -> float:
        """The area between the distribution functions, in the unit of the values."""
        with np.errstate(over="ignore", invalid="ignore"):  # an infinite step over which the gap is nought adds nothing
            return float(np.nansum(np.abs(self.gaps[:-1]) * np.diff(self.pooled.values)))


def jensen_shannon(first: Floats, second: Floats) -> float:
    """The root of the Jensen-Shannon divergence to base 2 of two rows of counts: 0 for equal shares, 1 where nothing is shared."""
    p, q = first / first.sum(), second / second.sum()
    middle = (p + q) / 2
    bits = (_relative_bits(p, middle) + _relative_bits(q, middle)) / 2
    return math.sqrt(min(1.0, max(0.0, bits)))


def _relative_bits(p: Floats, q: Floats) -> float:
    held = p > 0
    return float(np.sum(p[held] * np.log2(p[held] / q[held])))


def population_stability(first: Floats, second: Floats) -> float:
    """The population stability index of two rows of counts. Half a row is added to each class, so an empty one is no infinity."""
    p, q = (first + 0.5) / (first.sum() + len(first) / 2), (second + 0.5) / (second.sum() + len(second) / 2)
    return float(np.sum((q - p) * np.log(q / p)))
