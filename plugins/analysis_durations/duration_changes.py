"""Since when it takes longer, or in which group: ranks of durations, compared over blocks of time.

Neighbours in time resemble one another, so blocks are counted and not rows. The change: the best cut of the blocks' mean ranks in
two, or a straight line where that fits better, by Student's t corrected for all cuts and both forms (Bonferroni) and for the memory
from block to block (the variance of a mean of a first-order autoregression: D. Wilks, Statistical Methods in the Atmospheric
Sciences, 5.2.4). Groups: within blocks, in the SDK.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from duration_pairs import Durations
from duration_ranks import Ranked, counted, doubled_within
from numpy.typing import NDArray
from scipy import special

from harness_core.sdk import Dataset
from harness_core.sdk.statistics.blocked import Comparison, compare_sums
from harness_core.sdk.statistics.blocks import even_edges
from harness_core.sdk.statistics.effects import Effect
from harness_core.sdk.statistics.ranks import dominance
from harness_core.sdk.statistics.series import codes, view_name

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MOST_BLOCKS, ROWS_PER_BLOCK, LEAST_SIDE = 40, 8, 3
GROUP_BLOCKS = 20


@dataclass(frozen=True)
class Change:
    """From ``at`` (microseconds since 1970) on it takes longer or less; ``is_step``: a step describes it better than a line;
    of a line, ``at`` is the middle row."""

    at: int
    effect: Effect
    p_value: float
    is_step: bool


@dataclass(frozen=True)
class Slow:
    """One group of a column beside all other rows of the same time."""

    column: str
    value: str
    found: Comparison

    @property
    def rank(self) -> tuple[float, float]:
        """Sorts groups by how much they stand out; of two that mirror each other the one in which it takes longer comes last."""
        return round(abs(self.found.effect.value), 9), self.found.effect.value


def change(found: Durations) -> Change | None:
    """The clearest change of the whole course; None where the rows are too few or all begin at once."""
    blocks = min(MOST_BLOCKS, len(found) // ROWS_PER_BLOCK)
    if blocks < 4 * LEAST_SIDE or found.begun[0] == found.begun[-1]:
        return None
    ranked, edges = found.ranked, even_edges(len(found), blocks).tolist()
    means = _sums(ranked, edges) / np.diff(edges) / (2 * len(found))  # ridits: 0 to 1, a half on average
    cut, step, step_p = _best_cut(means)
    line, line_p = _line(means)
    if cut is None:
        return None
    is_step = step <= line
    at = _moment(found, edges, cut) if is_step else int(found.begun[len(found) // 2])
    if at == found.begun[0]:  # most rows begin at once: there is no before
        return None
    first = counted(ranked.place[: int(np.searchsorted(found.begun, at))], len(ranked.counts))
    second = ranked.counts - first
    return Change(at, dominance(second, first), min(1.0, 2 * (step_p if is_step else line_p)), is_step)


def _sums(ranked: Ranked, edges: Sequence[int]) -> Integers:
    """The sum of the doubled ranks of each block."""
    doubled = ranked.doubled
    return np.array([doubled[ranked.place[low:high]].sum() for low, high in itertools.pairwise(edges)], dtype=np.int64)


def _best_cut(means: Floats) -> tuple[int | None, float, float]:
    """(how many blocks are before the best of all cuts, the squares that it leaves, its p-value)."""
    size = len(means)
    places = np.arange(LEAST_SIDE, size - LEAST_SIDE + 1)
    sums = np.cumsum(means)
    first, second = sums[places - 1] / places, (sums[-1] - sums[places - 1]) / (size - places)
    gain = np.round((second - first) ** 2 * places * (size - places) / size, 15)
    best = int(np.argmax(gain))
    cut = int(places[best])
    residuals = means - np.where(np.arange(size) < cut, first[best], second[best])
    if gain[best] <= 0:
        return None, math.fsum(residuals**2), 1.0
    return cut, math.fsum(residuals**2), min(1.0, len(places) * _p_value(float(gain[best]), residuals))


def _line(means: Floats) -> tuple[float, float]:
    """(the squares that a straight line leaves, the p-value of its slope)."""
    places = np.arange(len(means)) - (len(means) - 1) / 2
    slope = math.fsum(places * means) / math.fsum(places**2)
    residuals = means - math.fsum(means) / len(means) - slope * places
    return math.fsum(residuals**2), _p_value(slope * slope * math.fsum(places**2), residuals)


def _p_value(explained: float, residuals: Floats) -> float:
    """Of the squares that one parameter explains beside two estimated ones, when the residuals may remember one another."""
    squares, size = math.fsum(residuals**2), len(residuals)
    if squares <= 0:
        return 0.0
    memory = min(0.99, max(0.0, math.fsum(residuals[1:] * residuals[:-1]) / squares + 1 / size))
    t_square = explained / squares * (size - 2) * (1 - memory) / (1 + memory)
    return 2 * float(special.stdtr(size - 2, -math.sqrt(t_square)))


def _moment(found: Durations, edges: Sequence[int], cut: int) -> int:
    """The moment, near the cut between blocks, that tells the ranks before from those after best."""
    begun, size, ranked = found.begun, len(found), found.ranked
    low, high = edges[max(0, cut - 2)], edges[min(cut + 2, len(edges) - 1)]
    starts = np.flatnonzero(np.concatenate(([False], begun[low + 1 : high] != begun[low : high - 1]))) + low
    if not len(starts):
        return int(begun[edges[cut]])
    before = int(_sums(ranked, [0, low])[0])
    sums = (before + np.cumsum(ranked.doubled[ranked.place[low:high]]))[starts - 1 - low] / (2 * size)
    first, second = sums / starts, (size / 2 - sums) / (size - starts)
    gain = np.round((second - first) ** 2 * starts * (size - starts) / size, 9)
    return int(begun[starts[int(np.argmax(gain))]])


def slowest(dataset: Dataset, found: Durations, columns: Sequence[str], least: int) -> tuple[list[Slow], int]:
    """Per column the group that stands out most from all other rows of its time; and how many groups were compared."""
    edges = even_edges(len(found), GROUP_BLOCKS).tolist()
    ranks = [part.astype(np.int32) for part in doubled_within(found.ranked.place, edges)] if columns else []
    tests = 0
    told: list[Slow] = []
    for name in columns:
        values, words = _values(dataset, name)
        sums, inside = _tables(codes(dataset, name, values).astype(np.int32)[found.rows], len(values), ranks, edges)
        compared = [
            Slow(name, word, each)
            for word, size, each in zip(words, inside.sum(axis=0)[1:], compare_sums(sums, inside), strict=True)
            if each is not None and least <= size <= len(found) - least
        ]
        tests += len(compared)
        if compared:
            told.append(max(compared, key=lambda item: item.rank))
    return told, tests


def _tables(
    group: NDArray[np.int32], groups: int, ranks: Sequence[NDArray[np.int32]], edges: Sequence[int]
) -> tuple[Floats, Integers]:
    """(sum of ranks, number of rows) per block and group, those in none first."""
    sums, inside = np.empty((len(ranks), groups + 1)), np.empty((len(ranks), groups + 1), dtype=np.int64)
    for place, (low, high) in enumerate(itertools.pairwise(edges)):
        cells = group[low:high] + 1
        inside[place] = np.bincount(cells, minlength=groups + 1)
        sums[place] = np.bincount(cells, weights=ranks[place], minlength=groups + 1) / 2
    return sums, inside


def _values(dataset: Dataset, name: str) -> tuple[list[Any], list[str]]:
    """The different values of a column, and each as DuckDB writes it."""
    column = view_name(name)
    query = f"SELECT DISTINCT {column}, CAST({column} AS VARCHAR) FROM data WHERE {column} IS NOT NULL ORDER BY 1"
    rows = dataset.sql(query).fetchall()
    return [row[0] for row in rows], [row[1] for row in rows]
