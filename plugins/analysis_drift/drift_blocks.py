"""Is a difference between two sides more than chance, when neighbouring rows may resemble one another?

Each side is cut into consecutive blocks of rows, all about as long. If nothing drifts, the blocks can be dealt to the two sides in
any way; the p-value is the share of dealings, (b + 1) / (m + 1), that set the sides as far apart as they are (Romano 1990, block
permutation). The blocks must be long beside the memory of the series: five times the length over which neighbours resemble one
another, by the lag-one correlation of ranks; else they are joined, and with too few blocks nothing is claimed.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from drift_sides import MISSING, Codes
from numpy.typing import NDArray
from scipy import special

from harness_core.sdk.statistics.blocks import even_edges
from harness_core.sdk.statistics.series import Floats, Integers

BLOCKS = 40
FEWEST_BLOCKS = 12
FEWEST_ON_A_SIDE = 4
LENGTHS_OF_MEMORY = 5.0
WINDOW = 50
FIRST_LOOK, WORTH_ALL = 999, 0.01
TOGETHER = 20_000
IN_CACHE = 200  # products so small stay in the cache, and BLAS does not share them among threads, which costs more than it saves

Statistic = Callable[[Floats, Floats], Floats]


@dataclass
class Dealer:
    """Deals blocks to two sides at random, in the same ways for every column of a run, whatever was asked before."""

    seed: int
    permutations: int
    _masks: dict[tuple[int, ...], NDArray[np.float32]] = field(default_factory=dict)

    def masks(self, first: int, total: int, start: int, end: int) -> NDArray[np.float32]:
        """The dealings ``start`` to ``end``, a row each: 1 for the ``first`` blocks of the earlier side, 0 for the others."""
        key = (first, total, start, end)
        if key not in self._masks:
            draws = np.zeros((end - start, total), dtype=np.float32)
            draws[:, :first] = 1
            rng = np.random.Generator(np.random.PCG64([self.seed, *key]))
            self._masks[key] = rng.permuted(draws, axis=1, out=draws)
        return self._masks[key]

    def p_value(self, counts: Floats, first: int, statistic: Statistic) -> float:
        """``counts`` holds one row per block, the ``first`` of them on the earlier side; large statistics speak for drift."""
        whole = counts.sum(axis=0)
        observed = float(statistic(counts[:first].sum(axis=0)[None, :], counts[first:].sum(axis=0)[None, :])[0])
        larger = looked = 0
        for start, end in _stages(self.permutations):
            masks = self.masks(first, len(counts), start, end)
            for place in range(0, len(masks), IN_CACHE):
                dealt = masks[place : place + IN_CACHE].astype(np.float64) @ counts
                larger += int(np.count_nonzero(statistic(dealt, whole - dealt) >= observed * (1 - 1e-12)))
            looked = end
            if looked == FIRST_LOOK and (larger + 1) / (looked + 1) > WORTH_ALL:
                break
        return (larger + 1) / (looked + 1)


def _stages(total: int) -> list[tuple[int, int]]:
    edges = [0, FIRST_LOOK, *range(TOGETHER, total, TOGETHER), total]
    return [(low, high) for low, high in itertools.pairwise(edges) if low < high]


def kolmogorov_of(first: Floats, second: Floats) -> Floats:
    """Per row of counts in ordered classes, each with those below it, the largest gap of the distribution functions."""
    gaps = first * (1 / np.maximum(first[:, -1:], 1))
    gaps -= second * (1 / np.maximum(second[:, -1:], 1))
    return np.asarray(np.maximum(gaps.max(axis=1), -gaps.min(axis=1)))


def chi_squared_of(first: Floats, second: Floats) -> Floats:
    """Per row of counts in classes the chi-squared statistic over the number of rows."""
    one, two = first.sum(axis=1, keepdims=True), second.sum(axis=1, keepdims=True)
    gaps = first / np.maximum(one, 1) - second / np.maximum(two, 1)
    return np.asarray((gaps**2 / np.maximum(first + second, 1e-12)).sum(axis=1) * (one * two)[:, 0])


def share_gap_of(first: Floats, second: Floats) -> Floats:
    """Per row of two counts (missing, present) how far the shares of the first are apart."""
    return np.asarray(np.abs(first[:, 0] / np.maximum(first.sum(axis=1), 1) - second[:, 0] / np.maximum(second.sum(axis=1), 1)))


@dataclass(frozen=True)
class Blocks:
    """Blocks of a comparison: where each side is cut. The first ``first`` blocks are those of the earlier side."""

    edges: tuple[Integers, Integers]

    @classmethod
    def of(cls, sizes: tuple[int, int], memory: float = 1.0) -> "Blocks | None":
        """None where the sides are too short for blocks that do not know of one another."""
        total = sum(sizes)
        most = min(BLOCKS, int(total / max(2.0, LENGTHS_OF_MEMORY * memory if memory > 1.2 else 2.0)))
        first = round(most * sizes[0] / total) if total else 0
        if most < FEWEST_BLOCKS or min(first, most - first) < FEWEST_ON_A_SIDE:
            return None
        return cls((even_edges(sizes[0], first), even_edges(sizes[1], most - first)))

    @property
    def first(self) -> int:
        return len(self.edges[0]) - 1

    def __len__(self) -> int:
        return len(self.edges[0]) + len(self.edges[1]) - 2

    def counts(self, codes: tuple[Codes, Codes], size: int) -> Floats:
        """Per block how many rows have each code from 0 on; ``MISSING`` is left out."""
        parts = [
            np.bincount(side[low:high], minlength=MISSING + 1)[:size]
            for edges, side in zip(self.edges, codes, strict=True)
            for low, high in itertools.pairwise(edges.tolist())
        ]
        return np.array(parts, dtype=np.float64)


def memory_of(sides: tuple[Codes, Codes]) -> float:
    """Over how many rows neighbours resemble one another: (1 + r) / (1 - r) for the correlation r of neighbouring values around
    the mean of their fifty, with its bias taken out; 1 where they do not. ``sides`` are classes in order, none missing.

    All sums are of whole numbers, so nothing depends on how they are added.
    """
    products = squares = 0.0
    for side in sides:
        width = WINDOW if len(side) >= WINDOW else len(side)
        for start in range(0, len(side) // max(1, width) * width, TOGETHER * width):
            part = side[start : start + TOGETHER * width]
            windows = part[: len(part) // width * width].reshape(-1, width).astype(np.int64)
            sums, ends = windows.sum(axis=1), windows[:, 0] + windows[:, -1]
            inner = np.einsum("ij,ij->i", windows[:, 1:], windows[:, :-1])
            around = width**2 * inner - width * sums * (2 * sums - ends) + (width - 1) * sums**2
            products += int(around.sum()) / width**2
            squares += int((width * np.einsum("ij,ij->i", windows, windows) - sums**2).sum()) / width
    length = min(WINDOW, max(2, *(len(side) for side in sides)))
    correlation = products / squares + 1 / length if squares > 0 else 0.0
    return (1 + correlation) / (1 - correlation) if 0 < correlation < 1 else (1.0 if correlation <= 0 else math.inf)


def one_sided_p(blocks_on_its_side: int, blocks_with_it: int, blocks: int) -> float:
    """The chance that all blocks with a value lie on one side, dealt at random: hypergeometric, doubled for either side."""

    def ways(n: int) -> float:
        return float(special.gammaln(n + 1) - special.gammaln(blocks_with_it + 1) - special.gammaln(n - blocks_with_it + 1))

    if blocks_with_it > blocks_on_its_side:
        return 1.0
    return min(1.0, 2 * math.exp(ways(blocks_on_its_side) - ways(blocks)))
