"""Rows by group and time: clusters beyond what the group's total and the time's total explain (space-time permutation scan)."""

from dataclasses import dataclass

import numpy as np
from scan_windows import Floats, Window, largest, likeliest, monte_carlo

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
    """The likeliest group and window. Under the null a row's group says nothing about its time: each group's rows are spread over
    the steps as all rows are (multinomial), and what is due is computed anew from the margins of each drawn table, so neither a
    season nor a trend of all groups can make a cluster. Where rows come in batches, the table is uneven throughout; the ratio is
    divided by how much more uneven it is than the drawn tables."""
    rows, columns = counts.sum(axis=1), counts.sum(axis=0)
    expected = np.outer(rows, columns) / counts.sum()
    longest = max(1, int(LONGEST_SHARE * counts.shape[1]))
    window = likeliest(counts, expected, longest)
    shares = columns / columns.sum()

    def tables(count: int) -> tuple[Floats, Floats]:
        drawn = rng.multinomial(rows.astype(np.int64), shares, (count, len(rows))).astype(np.float64)
        due = drawn.sum(axis=2, keepdims=True) * drawn.sum(axis=1, keepdims=True) / counts.sum()
        return drawn, due

    first = [_unevenness(table, due) for table, due in zip(*tables(FIRST_TABLES), strict=True)]
    dispersion = max(1.0, _unevenness(counts, expected) / max(float(np.mean(first)), 1e-300))

    def draw(count: int) -> Floats:
        part = max(1, CELLS_AT_ONCE // counts.size)
        blocks = [largest(*tables(min(part, count - done)), longest) for done in range(0, count, part)]
        return np.concatenate(blocks)

    p_value, draws = monte_carlo(window.llr / dispersion, draw, most)
    return GroupCluster(window, p_value, draws, dispersion)


def _unevenness(counts: Floats, expected: Floats) -> float:
    """Pearson's statistic per cell without the largest twentieth of the cells, where a cluster would be."""
    terms = np.sort(((counts - expected) ** 2 / np.maximum(expected, 1e-300)).ravel())
    return float(terms[: max(1, int(len(terms) * (1 - TRIMMED)))].mean())
