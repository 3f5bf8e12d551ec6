"""Trend without assumptions on its shape: the Mann-Kendall test, also for series with memory, and the slope of Theil and Sen.

Sources: H. B. Mann, Econometrica 13 (1945) 245-259; P. K. Sen, J. Am. Stat. Assoc. 63 (1968) 1379-1389; K. H. Hamed and A. R. Rao,
J. Hydrol. 204 (1998) 182-196. Every function takes values in order of time, all finite; the memory used
grows with the square of their number.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from harness_core.sdk.statistics.filters import autoregression

Floats = NDArray[np.float64]

SIMULATIONS = 200
WARM_UP = 100
NO_MEMORY = 0.05
MOST_MEMORY = 0.995


@dataclass(frozen=True)
class Trend:
    """``s`` is Kendall's score, ``tau`` its share of all pairs; ``slope`` per step with its 95 % interval. ``p_independent`` holds
    for values without memory; ``memory`` is their first autocorrelation around the line, and ``p_value`` allows for it."""

    n: int
    s: float
    variance: float
    tau: float
    p_independent: float
    p_value: float
    memory: float
    slope: float
    low: float
    high: float
    intercept: float


def score(values: Floats) -> float:
    """The number of pairs that rise minus the number that fall."""
    return float(np.triu(np.sign(values[None, :] - values[:, None]), 1).sum())


def score_variance(values: Floats) -> float:
    """Of the score, without memory, with ties."""
    n = len(values)
    _, ties = np.unique(values, return_counts=True)
    return float(n * (n - 1) * (2 * n + 5) - (ties * (ties - 1) * (2 * ties + 5)).sum()) / 18


def normal_p(s: float, variance: float) -> float:
    """Two-sided, corrected for continuity."""
    if variance <= 0:
        return 1.0
    return float(min(1.0, 2 * special.ndtr(-max(0.0, abs(s) - 1) / math.sqrt(variance))))


def slopes(values: Floats) -> Floats:
    """The slopes of all pairs, ascending."""
    first, second = np.triu_indices(len(values), 1)
    found = (values[second] - values[first]) / (second - first)
    found.sort()
    return np.asarray(found, dtype=np.float64)


def mann_kendall(values: Floats, rng: np.random.Generator) -> Trend:
    """The trend of at least four values.

    Where they have memory around their line, the score's variance is that of series simulated with this memory (autoregression of
    order one, corrected for the bias of short series by Kendall 1954) and without a trend. The correction of Hamed and Rao is not
    enough where the memory is strong.
    """
    n = len(values)
    s, variance, pairs = score(values), score_variance(values), slopes(values)
    slope = float(np.median(pairs))
    around = values - slope * np.arange(n)
    memory = first_autocorrelation(around)
    used = variance
    if memory > NO_MEMORY:  # one standard error more: an underrated memory makes a trend of every swing
        used = max(variance, simulated_variance(n, min(MOST_MEMORY, memory + math.sqrt((1 - memory**2) / n)), rng))
    reach = 1.959963984540054 * math.sqrt(used)
    low, high = (pairs[min(max(round((len(pairs) + way * reach) / 2), 0), len(pairs) - 1)] for way in (-1, 1))
    return Trend(
        n, s, variance, 2 * s / (n * (n - 1)), normal_p(s, variance), normal_p(s, used), memory,
        slope, float(low), float(high), float(np.median(values) - slope * (n - 1) / 2),
    )  # fmt: skip


def first_autocorrelation(values: Floats) -> float:
    """Corrected for the bias that fitting a line brings, within [0, 0.995]; of ranks, so that outliers do not hide it."""
    n = len(values)
    ranks = np.argsort(np.argsort(values, kind="stable"), kind="stable").astype(np.float64)
    ranks -= ranks.mean()
    power = float(ranks @ ranks)
    raw = float(ranks[1:] @ ranks[:-1]) / power if power > 0 else 0.0
    return min(max(raw + (2 + 4 * raw + 4 * max(raw, 0.0) ** 4) / n, 0.0), MOST_MEMORY)


def simulated_variance(n: int, memory: float, rng: np.random.Generator) -> float:
    """The variance of the score over simulated autoregressions of order one without a trend."""
    shocks = rng.standard_normal((SIMULATIONS, n + WARM_UP))
    series = autoregression(shocks, [memory])[:, WARM_UP:]
    return float(np.mean([score(one) ** 2 for one in series]))


def hamed_rao_variance(values: Floats) -> float:
    """The variance of the score corrected by the significant autocorrelations of the ranks around Sen's line."""
    n = len(values)
    around = values - float(np.median(slopes(values))) * np.arange(n)
    order = np.argsort(around, kind="stable")
    ranks = np.empty(n)
    ranks[order] = np.arange(1, n + 1)
    _, inverse, counts = np.unique(around, return_inverse=True, return_counts=True)
    ranks = (np.bincount(inverse, weights=ranks) / counts)[inverse]
    centred = ranks - ranks.mean()
    power = float(centred @ centred)
    if power == 0:
        return score_variance(values)
    bound = 1.959963984540054 / math.sqrt(n)
    total = 0.0
    for lag in range(1, n):
        correlation = float(centred[lag:] @ centred[: n - lag]) / power
        if abs(correlation) > bound:
            total += (n - lag) * (n - lag - 1) * (n - lag - 2) * correlation
    return score_variance(values) * (1 + 2 / (n * (n - 1) * (n - 2)) * total)
