"""Groups compared by ranks, from a table of counts (one row per group, one column per ordered class): level and spread.

Sources: N. Cliff, "Dominance statistics: ordinal analyses to answer ordinal questions", Psychological Bulletin 114 (1993) 494-509;
W. H. Kruskal and W. A. Wallis, "Use of ranks in one-criterion variance analysis", J. Am. Stat. Assoc. 47 (1952) 583-621;
M. A. Fligner and T. J. Killeen, "Distribution-free two-sample tests for scale", J. Am. Stat. Assoc. 71 (1976) 210-213.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

from harness_core.sdk.statistics.effects import (
    Z95,
    Counts,
    Effect,
    FloatArray,
    corrected_root,
    correlation_ratio,
    mid_rank_scores,
    without_empty,
)

TIE_DIGITS = 12


def kruskal_wallis(table: Counts) -> tuple[float, float]:
    """(p-value, effect): the effect is the root of the share of rank variance between groups, corrected for chance (0..1)."""
    counts = without_empty(table)
    n, groups = int(counts.sum()), counts.shape[0]
    if min(counts.shape) < 2 or n <= groups:
        return 1.0, 0.0
    explained = correlation_ratio(counts)
    return float(special.chdtrc(groups - 1, (n - 1) * explained)), corrected_root(explained, groups - 1, n)


def dominance(first: Counts, second: Counts) -> Effect:
    """Cliff's delta: how much more often a value of ``first`` is larger than one of ``second`` than smaller (-1..1), 95 % interval.

    Both are counts per ordered class, with at least one row each. The interval is that of the consistent variance, on the scale
    of Fisher's transformation, so that it stays within -1 and 1.
    """
    n, m = int(first.sum()), int(second.sum())
    over = (2 * np.cumsum(second) - second - m) / m
    under = -(2 * np.cumsum(first) - first - n) / n
    value = float(first @ over) / n
    variance = (float(first @ (over - value) ** 2) / n / n) + (float(second @ (under - value) ** 2) / m / m)
    inner = value * (1 - 1 / min(n, m))  # complete separation leaves no variance: then as if one row of the smaller side were
    least = (1 - inner * inner) / min(n, m)  # on the other side of all the rest
    reach = Z95 * math.sqrt(max(variance, least)) / (1 - inner * inner)
    centre = math.atanh(inner)
    low, high = math.tanh(centre - reach), math.tanh(centre + reach)
    return Effect("Cliff's delta", value, min(low, value), max(high, value))


def weighted_median(values: FloatArray, counts: NDArray[np.int64]) -> float:
    """The lower median of ascending ``values`` that stand ``counts`` times each."""
    return float(values[int(np.searchsorted(np.cumsum(counts), (int(counts.sum()) + 1) // 2))])


def deviations(table: Counts, values: FloatArray) -> FloatArray:
    """Per cell how far the class's value lies from its own group's median; ``values`` ascend, one per class."""
    medians = np.array([weighted_median(values, row) for row in table])
    with np.errstate(over="ignore"):
        found = np.abs(values[None, :] - medians[:, None])
    scale = float(found.max())
    return np.asarray(np.round(found / scale, TIE_DIGITS) * scale) if scale > 0 and math.isfinite(scale) else found


def fligner_killeen(table: Counts, spread: FloatArray) -> tuple[float, FloatArray]:
    """(p-value that groups have one spread, mean normal score per group): large scores mean wide groups.

    ``spread`` are the :func:`deviations`. Every group must have rows.
    """
    n, groups = int(table.sum()), table.shape[0]
    distinct, places = np.unique(spread.ravel(), return_inverse=True)
    sizes = np.bincount(places, weights=table.ravel(), minlength=len(distinct)).astype(np.int64)
    shares = mid_rank_scores(sizes) * n / (n + 1) + 0.5 / (n + 1)
    scores = special.ndtri(0.5 + shares / 2)[places].reshape(table.shape)
    mean = float((table * scores).sum()) / n
    variance = float((table * (scores - mean) ** 2).sum()) / (n - 1)
    members = table.sum(axis=1)
    means = (table * scores).sum(axis=1) / members
    if variance <= 0 or groups < 2:
        return 1.0, means
    return float(special.chdtrc(groups - 1, float((members * (means - mean) ** 2).sum()) / variance)), means
