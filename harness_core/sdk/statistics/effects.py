"""Association in a contingency table: tests, and one effect between 0 and 1 for ordered and unordered columns alike.

All functions take a table of counts without empty rows or columns. Scores of an ordered side are its mid-ranks.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

Counts = NDArray[np.int64]
FloatArray = NDArray[np.float64]

EXPECTED_ENOUGH = 5.0
SPARSE_SHARE = 0.2
Z95 = 1.959963984540054
MONTE_CARLO_BLOCK = 2_000
ENOUGH_LARGER = 30
ALMOST_ONE = 0.999999


def without_empty(table: Counts) -> Counts:
    """The table without the rows and columns that hold nothing."""
    return np.asarray(table[np.ix_(table.sum(axis=1) > 0, table.sum(axis=0) > 0)])


def mid_rank_scores(margin: Counts) -> FloatArray:
    """The mean rank, as a share between 0 and 1, of the members of each class, in order (ridits, Bross 1958)."""
    ends = np.cumsum(margin)
    return np.asarray((ends - margin / 2) / ends[-1], dtype=np.float64)


def merge_ordered(counts: Counts, axis: int, classes: int) -> Counts:
    """The table with neighbours on ``axis`` merged into at most ``classes`` classes of roughly equal counts."""
    margin = counts.sum(axis=1 - axis)
    if len(margin) <= classes:
        return counts
    groups = np.minimum((mid_rank_scores(margin) * classes).astype(np.int64), classes - 1)
    _, groups = np.unique(groups, return_inverse=True)
    moved = np.moveaxis(counts, axis, 0)
    merged = np.zeros((int(groups.max()) + 1, moved.shape[1]), dtype=np.int64)
    np.add.at(merged, groups, moved)
    return np.moveaxis(merged, 0, axis)


def expected_counts(table: Counts) -> FloatArray:
    """What independence would put into each cell."""
    return np.asarray(np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum(), dtype=np.float64)


def chi_square(table: Counts) -> tuple[float, int]:
    """Pearson's statistic and its degrees of freedom."""
    expected = expected_counts(table)
    statistic = float(((table - expected) ** 2 / expected).sum())
    return statistic, (table.shape[0] - 1) * (table.shape[1] - 1)


def is_sparse(table: Counts) -> bool:
    """Cochran's rule (1954): too many small expectations for the chi-squared approximation."""
    expected = expected_counts(table)
    return bool((expected < EXPECTED_ENOUGH).mean() > SPARSE_SHARE or (expected < 1).any())


def chi_square_p(table: Counts, rng: np.random.Generator, draws: int, worth: float) -> tuple[float, str]:
    """(p-value, name of the test): chi-squared, or where the table is sparse the Monte-Carlo p-value (b + 1) / (m + 1).

    Random tables with the same margins (Patefield 1981) are only drawn where the approximation stays below ``worth``, and no more
    once 30 of them were as large as the observed one (Besag and Clifford 1991): a p-value far from any decision needs no better
    digits.
    """
    statistic, freedom = chi_square(table)
    approximate = float(special.chdtrc(freedom, statistic))
    if approximate > worth or not is_sparse(table):
        return approximate, "chi-squared"
    from scipy import stats  # half a second to load, and rarely needed

    expected = expected_counts(table)
    law = stats.random_table(table.sum(axis=1), table.sum(axis=0))
    larger = drawn = 0
    while drawn < draws and larger < ENOUGH_LARGER:
        size = min(MONTE_CARLO_BLOCK, draws - drawn)
        tables = law.rvs(size, random_state=rng)
        larger += int((((tables - expected) ** 2 / expected).sum(axis=(1, 2)) >= statistic * (1 - 1e-12)).sum())
        drawn += size
    return (larger + 1) / (drawn + 1), "chi-squared, Monte Carlo"


def information(table: Counts) -> tuple[float, float]:
    """Mutual information in nats and the standard error of it (delta method)."""
    n = int(table.sum())
    filled = table > 0
    shares: FloatArray = np.asarray(table[filled] / n, dtype=np.float64)
    ratios = np.log(shares / (expected_counts(table)[table > 0] / n))
    value = float(np.sum(shares * ratios))
    variance = float(np.sum(shares * ratios**2)) - value**2
    return value, math.sqrt(max(variance, 0.0) / n)


def entropy(margin: Counts) -> float:
    shares: FloatArray = np.asarray(margin[margin > 0] / margin.sum(), dtype=np.float64)
    return float(-np.sum(shares * np.log(shares)))


def corrected_information(table: Counts) -> float:
    """Mutual information less its expectation under independence (Miller 1955), not below nought."""
    freedom: int = (table.shape[0] - 1) * (table.shape[1] - 1)
    return max(0.0, information(table)[0] - freedom / (2 * int(table.sum())))


def _as_correlation(nats: float) -> float:
    """The correlation of two normal variables with that much mutual information (Linfoot 1957)."""
    return math.sqrt(-math.expm1(-2 * max(nats, 0.0)))


def information_ceiling(table: Counts) -> float:
    """The largest value that :func:`_as_correlation` can take with these margins."""
    return _as_correlation(min(entropy(table.sum(axis=1)), entropy(table.sum(axis=0))))


def informational_correlation(table: Counts) -> tuple[float, float, float]:
    """(value, low, high) in 0..1: Linfoot's informational correlation, bias-corrected, over its ceiling; 95 % interval.

    0 for independence; 1 where one side decides the other; about |r| for two normal variables cut into many classes.
    """
    error = information(table)[1]
    nats, ceiling = corrected_information(table), information_ceiling(table)
    value, low, high = (min(1.0, _as_correlation(part) / ceiling) for part in (nats, nats - Z95 * error, nats + Z95 * error))
    return value, low, high


def score_correlation(table: Counts) -> float:
    """Pearson's correlation of the mid-rank scores: Spearman's coefficient of the classes."""
    n = int(table.sum())
    rows = mid_rank_scores(table.sum(axis=1)) - 0.5
    columns = mid_rank_scores(table.sum(axis=0)) - 0.5
    spread = float(table.sum(axis=1) @ rows**2) * float(table.sum(axis=0) @ columns**2)
    return float(rows @ table @ columns) / math.sqrt(spread) if n and spread > 0 else 0.0


def correlation_ratio(table: Counts) -> float:
    """Eta squared of the column scores over the rows: the share of their variance between rows."""
    scores = mid_rank_scores(table.sum(axis=0)) - 0.5
    sizes = table.sum(axis=1)
    between = float((sizes * ((table @ scores) / sizes) ** 2).sum())
    return between / float(table.sum(axis=0) @ scores**2)


def correlation_p(correlation: float, n: int) -> float:
    """Two-sided p-value by Student's t with n - 2 degrees of freedom."""
    if n < 4 or abs(correlation) >= 1:
        return 0.0 if n >= 4 else 1.0
    return float(2 * special.stdtr(n - 2, -abs(correlation) * math.sqrt((n - 2) / (1 - correlation**2))))


def smooth_p(table: Counts) -> float:
    """Linear and quadratic components of chi-squared on both sides together (Rayner and Best 2001)."""
    n = int(table.sum())
    rows, columns = polynomial_scores(table.sum(axis=1)), polynomial_scores(table.sum(axis=0))
    components = rows @ table @ columns.T / math.sqrt(n)
    return float(special.chdtrc(components.size, float((components**2).sum())))


def polynomial_scores(margin: Counts) -> FloatArray:
    """Orthonormal polynomials of degree one and, with three classes or more, two, in the scores under this margin: a row each."""
    share = margin / margin.sum()
    scores = mid_rank_scores(margin)
    first = scores - share @ scores
    first = first / math.sqrt(share @ first**2)
    if len(margin) < 3:
        return np.asarray([first])
    second = first**2 - 1 - (share @ first**3) * first
    norm = float(share @ second**2)
    return np.asarray([first, second / math.sqrt(norm)]) if norm > 1e-12 else np.asarray([first])


@dataclass(frozen=True)
class Effect:
    """An effect with its 95 % interval and its name."""

    name: str
    value: float
    low: float
    high: float


def fisher_interval(correlation: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a correlation by Fisher's transformation."""
    if n <= 4:
        return -1.0, 1.0
    centre = math.atanh(max(-ALMOST_ONE, min(ALMOST_ONE, correlation)))
    reach = Z95 / math.sqrt(n - 3)
    return math.tanh(centre - reach), math.tanh(centre + reach)


def corrected_root(explained: float, freedom: int, n: int) -> float:
    """The root of a share of explained variance, corrected for chance (Ezekiel 1930), not below nought."""
    if n <= freedom + 1:
        return 0.0
    return math.sqrt(max(0.0, 1 - (1 - explained) * (n - 1) / (n - 1 - freedom)))


def cramers_v(table: Counts, *, corrected: bool = False) -> float:
    """Cramér's V; corrected for bias as by Bergsma (2013) on demand."""
    n = int(table.sum())
    phi2 = chi_square(table)[0] / n
    rows, columns = table.shape
    if not corrected:
        return math.sqrt(phi2 / (min(rows, columns) - 1))
    phi2 = max(0.0, phi2 - (rows - 1) * (columns - 1) / (n - 1))
    smaller = min(rows - (rows - 1) ** 2 / (n - 1), columns - (columns - 1) ** 2 / (n - 1)) - 1
    return math.sqrt(phi2 / smaller) if smaller > 0 else 0.0
