"""One column of numbers described: moments, quantiles, histogram; the same bytes for any row order, chunk size or machine.

Sums run over fixed blocks of the *sorted* values (NumPy's pairwise sum within a block, an exactly rounded sum over the blocks), so
neither the order in which rows arrive nor the size of the batches can move a digit.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = NDArray[np.float64] | NDArray[np.int64]

BLOCK = 65_536
SAFE_MAGNITUDE = 1e150  # squares of larger values leave the range of a double
SAFE_INTEGER_RANGE = 2**62


@dataclass(frozen=True)
class Moments:
    """``std`` divides by n - 1; ``skewness`` is G1, ``kurtosis`` the excess G2 (Joanes & Gill 1998), as in DuckDB and pandas."""

    mean: float
    std: float | None
    skewness: float | None
    kurtosis: float | None


def moments(ordered: Numbers) -> Moments:
    """The moments of sorted, finite values (at least one), by the corrected two-pass method (Chan, Golub & LeVeque 1983).

    What cannot be had is ``None``: the deviation of one value, the shape of fewer than 3 (4) values or of equal ones.
    """
    count = len(ordered)
    origin, deviations, scale = _centred(ordered)
    shift = _sum(deviations, 1) / count
    mean = (origin + shift) * scale if scale != 1.0 else origin + shift
    if count < 2:
        return Moments(float(mean), None, None, None)
    deviations -= shift
    squares = _sum(deviations, 2) - _sum(deviations, 1) ** 2 / count
    std = math.sqrt(max(squares, 0.0) / (count - 1))
    if std == 0.0 or ordered[0] == ordered[-1]:
        return Moments(float(mean), 0.0, None, None)
    deviations /= std
    return Moments(float(mean), std * scale, _skewness(deviations), _kurtosis(deviations))


def _centred(ordered: Numbers) -> tuple[float, Floats, float]:
    """An origin, the deviations from it as doubles, and the power of two by which everything was made smaller."""
    if ordered.dtype.kind in "iu":
        low, high = int(ordered[0]), int(ordered[-1])
        if high - low < SAFE_INTEGER_RANGE:
            middle = int(ordered[len(ordered) // 2])
            return float(middle), (ordered - middle).astype(np.float64), 1.0
    values = ordered.astype(np.float64)
    largest = max(abs(float(values[0])), abs(float(values[-1])))
    scale = 1.0
    if largest > SAFE_MAGNITUDE:
        scale = math.ldexp(1.0, math.frexp(largest)[1] - 1)
        values /= scale
    origin = _sum(values, 1) / len(values)
    return origin, values - origin, scale


def _sum(values: Floats, power: int) -> float:
    """The sum of ``values ** power`` for a power of 1 to 4."""
    parts = []
    for start in range(0, len(values), BLOCK):
        block = values[start : start + BLOCK]
        squared = block * block if power > 1 else block
        raised = squared * block if power == 3 else squared * squared if power == 4 else squared
        parts.append(float(np.sum(raised)))
    return math.fsum(parts)


def _skewness(standardised: Floats) -> float | None:
    n = len(standardised)
    if n < 3:
        return None
    return _sum(standardised, 3) * n / ((n - 1) * (n - 2))


def _kurtosis(standardised: Floats) -> float | None:
    n = len(standardised)
    if n < 4:
        return None
    first = _sum(standardised, 4) * n * (n + 1) / ((n - 1) * (n - 2) * (n - 3))
    return first - 3 * (n - 1) ** 2 / ((n - 2) * (n - 3))


def quantile(ordered: Numbers, probability: float) -> float:
    """The quantile of sorted values with linear interpolation: type 7 of Hyndman & Fan (1996), as in DuckDB, NumPy and R."""
    place = (len(ordered) - 1) * probability
    below = math.floor(place)
    low = float(ordered[below])
    if below + 1 >= len(ordered) or place == below:
        return low
    high, part = float(ordered[below + 1]), place - below
    gap = high - low
    return low + gap * part if math.isfinite(gap) else low * (1 - part) + high * part


def run_lengths(ordered: Numbers) -> tuple[Numbers, NDArray[np.int64]]:
    """The distinct values of a sorted array, ascending, and how often each stands there."""
    if len(ordered) == 0:
        return ordered, np.zeros(0, dtype=np.int64)
    starts = np.concatenate(([0], np.flatnonzero(ordered[1:] != ordered[:-1]) + 1))
    return ordered[starts], np.diff(np.concatenate((starts, [len(ordered)])))


def histogram(ordered: Numbers, max_bins: int) -> tuple[list[float], list[int]] | None:
    """Edges (one more than bins) and counts of sorted values; ``None`` when they span more than a double can hold.

    The width follows Freedman & Diaconis (1981), at most ``max_bins`` bins; integers with few levels get one bin each, centred.
    Every bin holds its left edge; the last also its right one.
    """
    low, high = float(ordered[0]), float(ordered[-1])
    if not math.isfinite(high - low):
        return None
    if ordered.dtype.kind in "iu" and high - low < 2**52:
        edges = _integer_edges(int(ordered[0]), int(ordered[-1]), _bin_count(ordered, max_bins), max_bins)
    else:
        edges = _edges(low, high, _bin_count(ordered, max_bins))
    places = np.searchsorted(ordered, edges[1:-1], side="left")
    counts = np.diff(np.concatenate(([0], places, [len(ordered)])))
    return [float(edge) for edge in edges], [int(count) for count in counts]


def _bin_count(ordered: Numbers, max_bins: int) -> int:
    low, high = float(ordered[0]), float(ordered[-1])
    spread = quantile(ordered, 0.75) - quantile(ordered, 0.25)
    if high == low:
        return 1
    if spread <= 0:
        return max(1, min(max_bins, math.ceil(math.log2(len(ordered)) + 1)))  # Sturges, where half of the values are equal
    bins = (high - low) / (2 * spread / round(math.cbrt(len(ordered)), 9))
    return max(1, min(max_bins, math.ceil(bins)))


def _edges(low: float, high: float, bins: int) -> Floats:
    if low == high:
        return np.array([low, high])
    edges = np.array([low + (high - low) * part / bins for part in range(bins)] + [high])
    return edges[np.concatenate(([True], np.diff(edges) > 0))]  # neighbours may coincide where doubles are coarse


def _integer_edges(low: int, high: int, bins: int, max_bins: int) -> Floats:
    levels = high - low + 1
    step = 1 if levels <= max_bins else max(1, math.ceil(levels / bins))
    count = math.ceil(levels / step)
    return np.array([low - 0.5 + step * part for part in range(count + 1)])
