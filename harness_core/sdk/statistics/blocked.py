"""Comparisons within blocks of time, so that neighbours that resemble one another are not taken for independent witnesses.

Waiting times and loads are alike from one moment to the next; a rank test over single rows then finds differences everywhere. Here
rows are only compared within their block, and the blocks are what is counted (randomised blocks; batch means in queueing: A. Law,
Simulation Modeling and Analysis, chapter 9). The blocks must be long beside the memory of the process.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from harness_core.sdk.statistics.effects import Effect

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LEAST_BLOCKS = 6
LEAST_ROWS = 5
ROUNDED = 12


@dataclass(frozen=True)
class Comparison:
    """Cliff's delta of the chosen rows against the others of their own block, averaged over blocks, with its 95 % interval; the
    p-value by Student's t over the ``blocks`` that hold both."""

    effect: Effect
    p_value: float
    blocks: int
    deltas: Floats


def compare(values: NDArray[np.int64] | Floats, chosen: NDArray[np.bool_], block: Integers) -> Comparison | None:
    """None where fewer than six blocks hold at least five rows of both sorts. ``block`` numbers the blocks from 0."""
    return compare_ranked(ranks_within(values, block), chosen, block)


def compare_ranked(ranks: Floats, chosen: NDArray[np.bool_], block: Integers) -> Comparison | None:
    """As :func:`compare`, of the ranks of :func:`ranks_within`, which are the same for every choice of rows."""
    return compare_groups(ranks, chosen.astype(np.int64) - 1, 1, block)[0]


def compare_groups(ranks: Floats, group: Integers, groups: int, block: Integers) -> list[Comparison | None]:
    """As :func:`compare_ranked`, each of ``groups`` groups against all other rows; ``group`` is the number of a row's, or -1."""
    blocks = int(block.max()) + 1 if len(block) else 0
    cell = block * (groups + 1) + group + 1
    inside = np.bincount(cell, minlength=blocks * (groups + 1)).reshape(blocks, groups + 1)
    weighed = np.bincount(cell, weights=ranks, minlength=blocks * (groups + 1))
    return compare_sums(np.asarray(weighed, dtype=np.float64).reshape(blocks, groups + 1), inside)


def compare_sums(sums: Floats, inside: Integers) -> list[Comparison | None]:
    """As :func:`compare_groups`, of the sum of ranks and the number of rows per block (down) and group (across, the rows that are
    in none first)."""
    total = inside.sum(axis=1)
    return [_of_sums(sums[:, place], inside[:, place], total) for place in range(1, inside.shape[1])]


def _of_sums(sums: Floats, inside: Integers, total: Integers) -> Comparison | None:
    usable = (inside >= LEAST_ROWS) & (total - inside >= LEAST_ROWS)
    if int(usable.sum()) < LEAST_BLOCKS:
        return None
    n, m = inside[usable].astype(np.float64), (total - inside)[usable].astype(np.float64)
    deltas = np.round(2 * (sums[usable] / n - (n + 1) / 2) / m - 1, ROUNDED)
    return over_blocks(deltas, "Cliff's delta within blocks of time")


def over_blocks(deltas: Floats, name: str) -> Comparison:
    """The mean of one effect (-1..1) per block, with Student's interval; where all agree, as if one more did not."""
    count = len(deltas)
    mean = math.fsum(deltas) / count
    variance = math.fsum((deltas - mean) ** 2) / (count - 1)
    error = math.sqrt(max(variance, (1 - mean * mean) / count**2, mean * mean / count**2) / count)
    reach = float(special.stdtrit(count - 1, 0.975)) * error
    p_value = 1.0 if error == 0 else float(2 * special.stdtr(count - 1, -abs(mean) / error))
    return Comparison(Effect(name, mean, max(-1.0, mean - reach), min(1.0, mean + reach)), p_value, count, deltas)


def ranks_within(values: NDArray[np.int64] | Floats, block: Integers) -> Floats:
    """The mid-rank of each value among those of its block, from 1 on."""
    order = np.argsort(values, kind="stable")
    narrow = block.astype(np.min_scalar_type(int(block.max()) if len(block) else 0))  # few numbers are sorted in one pass
    order = order[np.argsort(narrow[order], kind="stable")]
    ordered, blocks = values[order], block[order]
    first_of_block = np.concatenate(([True], blocks[1:] != blocks[:-1]))
    first = first_of_block | np.concatenate(([True], ordered[1:] != ordered[:-1]))
    starts = np.flatnonzero(first)
    ends = np.concatenate((starts[1:], [len(order)]))
    origin = np.maximum.accumulate(np.where(first_of_block, np.arange(len(order)), 0))
    middle = (starts + ends - 1) / 2 - origin[starts] + 1
    found = np.empty(len(order))
    found[order] = np.repeat(middle, ends - starts)
    return found


def even_blocks(count: int, blocks: int) -> Integers:
    """The block of each of ``count`` rows in order: ``blocks`` of nearly equal size."""
    return np.asarray(np.arange(count, dtype=np.int64) * blocks // max(1, count))


def ratio_of_sums(name: str, part: Floats, whole: Floats) -> Effect:
    """The ratio of two sums over independent units with its 95 % interval (Cochran 1977, 6.4)."""
    total = math.fsum(whole)
    ratio = math.fsum(part) / total
    error = math.sqrt(math.fsum((part - ratio * whole) ** 2)) / total
    reach = 1.959963984540054 * error
    return Effect(name, ratio, max(0.0, ratio - reach), min(1.0, ratio + reach))
