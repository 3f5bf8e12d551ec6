"""Few rows: tests of a pair of columns by shuffling one of them, because the laws of large numbers do not hold yet.

p = (b + 1) / (m + 1), b of m shuffles being as extreme as the rows (Phipson and Smyth, Stat. Appl. Genet. Mol. Biol. 9 (2010) 39).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from harness_core.sdk.statistics.effects import Counts, mid_rank_scores, polynomial_scores

FEW_ROWS = 50
BLOCK = 2_000
Floats = NDArray[np.float64]
Statistic = Callable[[NDArray[np.int64]], Floats]


class Shuffles:
    """Orders of n rows, drawn once for each n, so that all pairs of so many rows are shuffled alike."""

    def __init__(self, rng: np.random.Generator, draws: int) -> None:
        self._rng, self._draws = rng, draws
        self._orders: dict[int, NDArray[np.uint8]] = {}

    def of(self, n: int) -> NDArray[np.uint8]:
        if n not in self._orders:
            rows = np.tile(np.arange(n, dtype=np.uint8), (self._draws, 1))
            self._orders[n] = self._rng.permuted(rows, axis=1)
        return self._orders[n]

    def chance(self, statistic: Statistic, second: NDArray[np.int64]) -> float:
        """The share of shuffles in which ``statistic`` of the shuffled classes is as large as of the rows as they are."""
        seen = float(statistic(second[None, :])[0]) * (1 - 1e-12)
        orders = self.of(len(second))
        larger = sum(int((statistic(second[orders[at : at + BLOCK]]) >= seen).sum()) for at in range(0, len(orders), BLOCK))
        return (larger + 1) / (len(orders) + 1)


def rows_of(counts: Counts) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The classes of both sides, row by row, that a table of counts stands for."""
    first, second = np.nonzero(counts)
    times = counts[first, second]
    return np.repeat(first, times), np.repeat(second, times)


def rank_p(counts: Counts, shuffles: Shuffles) -> float:
    """Of the rank correlation of the classes, two-sided."""
    first, second = rows_of(counts)
    one, other = (mid_rank_scores(counts.sum(axis=axis)) - 0.5 for axis in (1, 0))
    return shuffles.chance(lambda codes: np.abs(other[codes] @ one[first]), second)


def smooth_p(counts: Counts, shuffles: Shuffles) -> float:
    """Of the linear and quadratic components of chi-squared on both sides together."""
    first, second = rows_of(counts)
    one, other = (polynomial_scores(counts.sum(axis=axis)) for axis in (1, 0))
    weights = one[:, first]
    return shuffles.chance(lambda codes: np.asarray(((other[:, codes] @ weights.T) ** 2).sum(axis=(0, 2))), second)


def kruskal_wallis_p(groups: Counts, shuffles: Shuffles) -> float:
    """Of the rank variance between the rows of the table ``groups``."""
    first, second = rows_of(groups)
    sizes = groups.sum(axis=1)
    member = (first[:, None] == np.arange(len(sizes))[None, :]) / np.sqrt(sizes)
    scores = mid_rank_scores(groups.sum(axis=0)) - 0.5
    return shuffles.chance(lambda codes: np.asarray(((scores[codes] @ member) ** 2).sum(axis=1)), second)
