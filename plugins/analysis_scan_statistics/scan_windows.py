"""The scan statistic of Kulldorff over windows of time, and its Monte-Carlo p-value.

Sources: M. Kulldorff, A spatial scan statistic, Commun. Stat. 26 (1997) 1481-1496; M. Kulldorff, R. Heffernan, J. Hartman,
R. Assunção and F. Mostashari, A space-time permutation scan statistic, PLoS Med. 2 (2005) e59; J. Besag and P. Clifford,
Sequential Monte Carlo p-values, Biometrika 78 (1991) 301-304.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]

ENOUGH_LARGER = 12
BATCH = 250


@dataclass(frozen=True)
class Window:
    """The likeliest cluster: row ``group`` of the table, ``steps`` steps from ``start`` on, with its log-likelihood ratio."""

    group: int
    start: int
    steps: int
    observed: float
    expected: float
    llr: float


def log_likelihood_ratio(observed: Floats, expected: Floats, total: float) -> Floats:
    """Of a Poisson excess inside against outside, given the total; nought where there is no excess."""
    inside = special.xlogy(observed, observed) - special.xlogy(observed, np.maximum(expected, 1e-300))
    outside = special.xlogy(total - observed, np.maximum(total - observed, 1e-300) / np.maximum(total - expected, 1e-300))
    return np.where(observed > expected, inside + outside, 0.0)


def likeliest(counts: Floats, expected: Floats, longest: int) -> Window:
    """The window with the largest ratio in a table of groups by steps; the first of equals."""
    total, best = float(counts.sum()), Window(0, 0, 1, 0.0, 0.0, -1.0)
    seen, due = _cumulated(counts), _cumulated(expected)
    for steps in lengths(longest):
        c, e = seen[..., steps:] - seen[..., :-steps], due[..., steps:] - due[..., :-steps]
        ratio = log_likelihood_ratio(c, e, total)
        place = int(ratio.argmax())
        group, start = (int(k) for k in np.unravel_index(place, ratio.shape))
        if ratio[group, start] > best.llr + 1e-12:
            best = Window(group, start, steps, float(c[group, start]), float(e[group, start]), float(ratio[group, start]))
    return best


def largest(counts: Floats, expected: Floats, longest: int) -> Floats:
    """The largest ratio in each of many tables (first axis); ``expected`` may be one for all."""
    total = counts.sum(axis=(1, 2))[:, None, None]
    best = np.zeros(len(counts))
    seen, due = _cumulated(counts), _cumulated(expected)
    for steps in lengths(longest):
        c, e = seen[..., steps:] - seen[..., :-steps], due[..., steps:] - due[..., :-steps]
        np.maximum(best, log_likelihood_ratio(c, e, total).max(axis=(1, 2)), out=best)
    return best


def lengths(longest: int) -> list[int]:
    """The lengths of windows that are tried: all up to eight steps, then each a fifth longer than the one before."""
    found = list(range(1, min(longest, 8) + 1))
    while found and found[-1] * 1.2 <= longest:
        found.append(int(found[-1] * 1.2))
    return found


def _cumulated(table: Floats) -> Floats:
    return np.concatenate([np.zeros((*table.shape[:-1], 1)), np.cumsum(table, axis=-1)], axis=-1)


def monte_carlo(observed: float, draw: Callable[[int], Floats], most: int) -> tuple[float, int]:
    """((b + 1) / (m + 1), m): ``draw`` gives so many maxima under the null. It stops once twelve are as large as what was observed;
    then the p-value is 12 / m, as Besag and Clifford show to be exact."""
    larger = drawn = 0
    while drawn < most:
        maxima = draw(min(BATCH, most - drawn))
        hits = np.flatnonzero(maxima >= observed - 1e-9)
        if larger + len(hits) >= ENOUGH_LARGER:
            drawn += int(hits[ENOUGH_LARGER - larger - 1]) + 1
            return ENOUGH_LARGER / drawn, drawn
        larger, drawn = larger + len(hits), drawn + len(maxima)
    return (larger + 1) / (drawn + 1), drawn
