"""Rows by group and time: clusters beyond what the group's total and the time's total explain (permutation scan)."""

from dataclasses import dataclass

import numpy as np
from scan_windows import Floats, Window, largest, likeliest, monte_carlo
from scipy.stats import random_table

LONGEST_SHARE = 0.25
TRIMMED = 0.05
FIRST_TABLES = 40
CELLS_AT_ONCE = 400_000


@dataclass(frozen=True)
class GroupCluster:
    window: Window
    p_value: float
    draws: int
    dispersion: float


def group_cluster(counts: Floats, rng: np.random.Generator, most: int) -> GroupCluster:
    """The likeliest group and window. Under the null rows keep their group and their time, but not which goes with which: random
    tables with the same margins, so neither a season nor a trend of all groups can make a cluster. Where rows come in batches, the
    table is uneven throughout; the ratio is divided by how much more uneven it is than the random tables."""
    rows, columns = counts.sum(axis=1), counts.sum(axis=0)
    expected = np.outer(rows, columns) / counts.sum()
    longest = max(1, int(LONGEST_SHARE * counts.shape[1]))
    window = likeliest(counts, expected, longest)
    tables = random_table(rows.astype(np.int64), columns.astype(np.int64), seed=rng)
    first = tables.rvs(FIRST_TABLES).astype(np.float64)
    usual = float(np.mean([_unevenness(table, expected) for table in first]))
    dispersion = max(1.0, _unevenness(counts, expected) / max(usual, 1e-300))

    def draw(count: int) -> Floats:
        part = max(1, CELLS_AT_ONCE // counts.size)
        drawn = [tables.rvs(min(part, count - done)).astype(np.float64) for done in range(0, count, part)]
        return np.concatenate([largest(block, expected[None], longest) for block in drawn])

    p_value, draws = monte_carlo(window.llr / dispersion, draw, most)
    return GroupCluster(window, p_value, draws, dispersion)


def _unevenness(counts: Floats, expected: Floats) -> float:
    """Pearson's statistic per cell without the largest twentieth of the cells, where a cluster would be."""
    terms = np.sort(((counts - expected) ** 2 / np.maximum(expected, 1e-300)).ravel())
    return float(terms[: max(1, int(len(terms) * (1 - TRIMMED)))].mean())
