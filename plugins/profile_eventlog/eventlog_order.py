"""Whether the rows of a candidate case follow an order: one-directional steps, a usual beginning, and cases that are short.

Under the null hypothesis the order of rows within a case means nothing. Then A comes before B as often as after it (Bowker's test
of symmetry, 1948), and each row of a case is equally likely to be its first (Hoeffding's bound, 1956).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sequences:
    """The rows of a slice ordered by case, time and row: their order, where cases begin, and how the cases lie in time.

    ``spread`` is the time the cases take over what they would take with rows put into cases at random; ``advancing`` the share of
    steps within cases in which time moves on.
    """

    order: Integers
    offsets: Integers
    inside: NDArray[np.bool_]
    spread: float
    advancing: float


def sequences(case: Integers, times: Integers) -> Sequences:
    order = np.lexsort((times, case))
    ordered, stamps = case[order], times[order]
    inside = ordered[1:] == ordered[:-1]
    offsets = np.concatenate(([0], np.flatnonzero(~inside) + 1, [len(order)])).astype(np.int64)
    sizes = np.diff(offsets)
    several = sizes > 1
    lasted = (stamps[offsets[1:] - 1] - stamps[offsets[:-1]])[several].astype(np.float64)
    whole = float(stamps.max() - stamps.min())
    expected = whole * math.fsum((sizes[several] - 1) / (sizes[several] + 1))
    advancing = float((np.diff(stamps)[inside] > 0).mean()) if inside.any() else 0.0
    return Sequences(order, offsets, inside, math.fsum(lasted) / expected if expected > 0 else math.inf, advancing)


@dataclass(frozen=True)
class Direction:
    """How much the order of activities within cases means.

    ``directionality`` is 0 where A precedes B as often as the reverse and 1 where only one of the two happens, corrected for
    chance; ``start_share`` the share of cases that begin with the commonest beginning; ``p_value`` under exchangeable rows.
    """

    directionality: float
    start_share: float
    varied_cases: float
    p_value: float


def direction(labels: Integers, seen: Sequences) -> Direction:
    """``labels`` (rows of the slice) are the numbers of the activities, from 0 on."""
    ordered = labels[seen.order]
    size = int(ordered.max()) + 1
    steps = ordered[:-1][seen.inside] * size + ordered[1:][seen.inside]
    pairs, counts = np.unique(steps, return_counts=True)
    one, other = pairs // size, pairs % size
    apart = one != other
    low, high = np.minimum(one, other)[apart], np.maximum(one, other)[apart]
    signs = np.where(one[apart] < other[apart], 1, -1)
    _, places = np.unique(low * size + high, return_inverse=True)
    totals = np.bincount(places, weights=counts[apart])
    differences = np.bincount(places, weights=signs * counts[apart])
    statistic = math.fsum(differences**2 / totals) if len(totals) else 0.0
    freedom, total = len(totals), float(totals.sum())
    directed = max(0.0, (statistic - freedom) / (total - freedom)) if total > freedom else 0.0
    p_symmetry = float(special.chdtrc(freedom, statistic)) if freedom else 1.0
    share, p_start = _beginning(ordered, seen, size)
    varied = np.zeros(len(seen.offsets) - 1, dtype=bool)
    case_of = np.repeat(np.arange(len(varied)), np.diff(seen.offsets))
    varied[case_of[1:][seen.inside & (ordered[1:] != ordered[:-1])]] = True
    several = np.diff(seen.offsets) > 1
    varied_share = float(varied[several].mean()) if several.any() else 0.0
    return Direction(directed, share, varied_share, min(1.0, 2 * min(p_symmetry, p_start)))


def _beginning(ordered: Integers, seen: Sequences, size: int) -> tuple[float, float]:
    """(share of cases with the commonest first activity, chance that exchangeable rows give such a share for any activity)."""
    sizes = np.diff(seen.offsets)
    several = sizes > 1
    if not several.any():
        return 0.0, 1.0
    counted = np.repeat(several, sizes)
    weights = np.repeat(1.0 / sizes, sizes)
    expected = np.bincount(ordered[counted], weights=weights[counted], minlength=size)
    observed = np.bincount(ordered[seen.offsets[:-1]][several], minlength=size)
    n, best = int(several.sum()), 0.0
    for first, mean in zip(observed / n, expected / n, strict=True):
        if first > mean > 0:
            best = max(best, n * _divergence(float(first), min(float(mean), 1 - 1e-12)))
    return float(observed.max()) / n, min(1.0, size * math.exp(-best))


def _divergence(share: float, expected: float) -> float:
    """Kullback and Leibler's divergence of two shares, in nats."""
    rest = (1 - share) * math.log((1 - share) / (1 - expected)) if share < 1 else 0.0
    return share * math.log(share / expected) + rest
