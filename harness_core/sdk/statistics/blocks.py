"""A series in blocks of neighbours: where each begins, and the mean of each."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def block_means(values: Floats, edges: Integers) -> tuple[Floats, Floats]:
    """(mean of the finite values, their number) between consecutive edges; NaN and 0 where there are none."""
    present = np.isfinite(values)
    counts = _block_sums(present.astype(np.float64), edges)
    sums = _block_sums(np.where(present, values, 0.0), edges)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(counts > 0, sums / counts, np.nan), counts


def _block_sums(values: Floats, edges: Integers) -> Floats:
    sums = np.zeros(len(edges) - 1)
    filled = np.flatnonzero(np.diff(edges) > 0)
    if len(filled):
        sums[filled] = np.add.reduceat(values[: edges[-1]], edges[filled])
    return sums


def even_edges(length: int, blocks: int) -> Integers:
    """The edges of ``blocks`` blocks of nearly equal size; position ``i`` lies in block ``i * blocks // length``."""
    blocks = max(1, blocks)
    return -(-(np.arange(blocks + 1, dtype=np.int64) * length) // blocks)
