"""Shapes: several humps, piles at an end, heavy tails and skew, from sorted values.

Sources: A. L. M. Dekkers, J. H. J. Einmahl and L. de Haan, "A moment estimator for the index of an extreme-value distribution",
Ann. Statist. 17 (1989) 1833-1855; D. V. Hinkley, "On power transformations to symmetry", Biometrika 62 (1975) 101-111 for the
octile skewness.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from distribution_columns import Values
from numpy.typing import NDArray
from scipy import special

from harness_core.sdk.statistics.axes import Floats
from harness_core.sdk.statistics.description import quantile
from harness_core.sdk.statistics.effects import Z95

WINDOWS = 40
LEAST_WINDOWS = 8
LEAST_SIDE = 0.05
CROWDED = 4
TAIL_SHARE = 0.05
LEAST_TAIL, MOST_TAIL = 100, 5_000
ORDINARY_TAIL = 0.25
PILE_RATIO = 5
PILE_DISTINCT = 50


@dataclass(frozen=True)
class Valley:
    """Two humps: windows of one width at the left hump, in the valley and at the right hump, with the rows in each."""

    left: tuple[float, float]
    middle: tuple[float, float]
    right: tuple[float, float]
    counts: tuple[int, int, int]
    p_value: float
    humps: int

    @property
    def depth(self) -> float:
        """Rows in the valley as a share of those on the lower hump."""
        return self.counts[1] / min(self.counts[0], self.counts[2])


def valley(values: Values, deepest: float) -> Valley | None:
    """The clearest valley between two humps among up to forty windows of equal width; None where no windows can be made.

    Given the rows in valley and lower hump together, a density without a valley puts at least half of them into the valley
    (binomial test); the p-value is corrected for every choice of three windows (Bonferroni).
    """
    edges = _windows(values)
    if edges is None:
        return None
    ordered = values.ordered
    counts = np.diff(np.searchsorted(ordered, edges)).astype(np.int64)
    best, p_value, where = None, 1.0, (0, 0, 0)
    for v in range(1, len(counts) - 1):
        left, right = int(np.argmax(counts[:v])), v + 1 + int(np.argmax(counts[v + 1 :]))
        lower = min(int(counts[left]), int(counts[right]))
        sides = int(counts[:v].sum()), int(counts[v + 1 :].sum())
        if not lower or min(sides) < LEAST_SIDE * values.n:
            continue
        found = float(special.bdtr(int(counts[v]), int(counts[v]) + lower, 0.5))
        if best is None or (found, counts[v] / lower) < (p_value, best):
            best, p_value, where = counts[v] / lower, found, (left, v, right)
    if best is None:
        return None
    spans = [(float(edges[k]), float(edges[k + 1])) for k in where]
    rows = (int(counts[where[0]]), int(counts[where[1]]), int(counts[where[2]]))
    choices = math.comb(len(counts), 3)
    return Valley(spans[0], spans[1], spans[2], rows, min(1.0, p_value * choices), _humps(counts, deepest, choices))


def _windows(values: Values) -> Floats | None:
    """Edges of windows of equal width over the middle 99 %, each with the same number of possible values."""
    ordered, step = values.ordered, values.step
    low, high = float(ordered[int(0.005 * values.n)]), float(ordered[int(0.995 * (values.n - 1))])
    distinct = int(np.searchsorted(values.runs[0], high, side="right") - np.searchsorted(values.runs[0], low))
    if not high > low or not math.isfinite(high - low):
        return None
    if step is None:
        if distinct < CROWDED * WINDOWS:
            return None
        return np.linspace(low, high, WINDOWS + 1)
    points = round((high - low) / step.size) + 1
    wide = -(-points // WINDOWS)
    windows = -(-points // wide)
    if windows < LEAST_WINDOWS or distinct < min(0.5 * points, CROWDED * WINDOWS):
        return None
    first = round(low / step.size) - 0.5
    return np.asarray((first + wide * np.arange(windows + 1)) * step.size)


def _humps(counts: NDArray[np.int64], depth: float, choices: int) -> int:
    """How many humps have a sure and deep valley between each neighbouring two, walking from left to right."""
    peaks: list[int] = [int(counts[0])]
    lowest = int(counts[0])
    for count in (int(count) for count in counts[1:]):
        lower = min(peaks[-1], count)
        deep = lower > 0 and lowest <= depth * lower
        if deep and float(special.bdtr(lowest, lowest + lower, 0.5)) * choices < 0.01:
            peaks.append(count)
            lowest = count
        elif count > peaks[-1]:
            peaks[-1] = lowest = count
        lowest = min(lowest, count)
    return len(peaks)


@dataclass(frozen=True)
class Pile:
    """Rows exactly at the lowest or highest value, against those at the next one."""

    end: str
    value: float
    rows: int
    next_value: float
    next_rows: int


def piles(values: Values, least_share: float) -> list[Pile]:
    """Ends at which values pile up: at least five times as many as at any of the next five values, in a column of many values."""
    distinct, counts = values.runs
    if len(distinct) < PILE_DISTINCT:
        return []
    found = []
    for end, at, beside in (("lowest", 0, slice(1, 6)), ("highest", -1, slice(-6, -1))):
        rows, next_rows = int(counts[at]), int(counts[beside].max())
        if rows >= max(20, least_share * values.n) and rows >= PILE_RATIO * next_rows and rows < 0.95 * values.n:
            found.append(Pile(end, float(distinct[at]), rows, float(distinct[1 if at == 0 else -2]), next_rows))
    return found


@dataclass(frozen=True)
class Tail:
    """The index of the upper tail (0 for normal and exponential tails, 1/alpha for a power law), from the ``k`` largest values."""

    index: float
    low: float
    high: float
    k: int
    threshold: float
    p_value: float


def upper_tail(values: Values) -> Tail | None:
    """The moment estimator on the largest 5 % (at most 5,000) of positive values; None with fewer than 100 of them.

    The p-value is for an index of at most 0.25, which tails of log-normal and gamma columns look like at these sizes.
    """
    k = min(MOST_TAIL, int(TAIL_SHARE * values.n))
    if k < LEAST_TAIL:
        return None
    threshold = float(values.ordered[-k - 1])
    top = values.ordered[np.searchsorted(values.ordered, threshold, side="right") :]
    k = len(top)
    if threshold <= 0 or k < LEAST_TAIL:
        return None
    logs = np.log(top) - math.log(threshold)
    first, second = float(logs.mean()), float((logs**2).mean())
    if second <= first**2 * (1 + 1e-12):
        return None
    index = first + 1 - 0.5 / (1 - first**2 / second)
    error = math.sqrt((1 + index**2) / k) if index >= 0 else math.sqrt((1 - index) ** 2 / k)
    p_value = float(special.ndtr(-(index - ORDINARY_TAIL) / error))
    return Tail(index, index - Z95 * error, index + Z95 * error, k, threshold, p_value)


def octile_skewness(ordered: Floats) -> float:
    """Hinkley's skewness in -1..1 from the median and the outer octiles; 0 where these are one value."""
    low, middle, high = (quantile(ordered, part) for part in (0.125, 0.5, 0.875))
    spread = high - low
    return ((high - middle) - (middle - low)) / spread if spread > 0 and math.isfinite(spread) else 0.0


def histogram(ordered: Floats, bins: int = 40) -> list[list[float]]:
    """Equal intervals over the middle 99 %, with one wider interval at each end where values lie beyond."""
    low, high = (float(ordered[max(0, math.ceil(len(ordered) * part) - 1)]) for part in (0.005, 0.995))
    edges = np.linspace(low, high, bins + 1) if high > low and math.isfinite(high - low) else np.array([low, high])
    edges = np.unique(np.concatenate(([ordered[0]], edges, [ordered[-1]])))
    counts = np.diff(np.append(np.searchsorted(ordered, edges[:-1]), len(ordered)))
    return [[a, b, int(c)] for (a, b), c in zip(pairwise(edges.tolist()), counts, strict=True)]
