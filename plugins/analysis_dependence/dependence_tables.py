"""Contingency tables of all pairs, and of chosen triples, in one pass each: whole counts, added batch by batch."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow
from numpy.typing import NDArray

from harness_core.sdk import PluginContext
from harness_core.sdk.statistics.axes import Axis, Codes

Counts = NDArray[np.int64]
Pair = tuple[int, int]
Triple = tuple[int, int, int]


def pair_tables(ctx: PluginContext, axes: Sequence[Axis], pairs: Sequence[Pair]) -> dict[Pair, Counts]:
    """The table of each pair of axes over the rows where neither is missing."""
    totals = {pair: np.zeros((axes[pair[0]].size + 1) * (axes[pair[1]].size + 1), dtype=np.int64) for pair in pairs}
    rows = 0
    for codes in _coded(ctx, axes):
        for (i, j), total in totals.items():
            total += np.bincount(codes[i] * (axes[j].size + 1) + codes[j], minlength=len(total))
        rows += len(codes[0])
        ctx.progress(rows, ctx.dataset.row_count * 1.5, "pairs of columns")
    return {(i, j): total.reshape(axes[i].size + 1, axes[j].size + 1)[:-1, :-1] for (i, j), total in totals.items()}


def triple_tables(ctx: PluginContext, axes: Sequence[Axis], triples: Sequence[Triple]) -> dict[Triple, Counts]:
    """Tables with three sides, the third being what is conditioned on, first in the array."""
    shapes = {triple: tuple(axes[k].size + 1 for k in (triple[2], triple[0], triple[1])) for triple in triples}
    totals = {triple: np.zeros(int(np.prod(shapes[triple])), dtype=np.int64) for triple in triples}
    used = sorted({k for triple in triples for k in triple})
    place = {k: position for position, k in enumerate(used)}
    for codes in _coded(ctx, [axes[k] for k in used]) if triples else ():
        for (i, j, k), total in totals.items():
            joint = (codes[place[k]] * (axes[i].size + 1) + codes[place[i]]) * (axes[j].size + 1) + codes[place[j]]
            total += np.bincount(joint, minlength=len(total))
    return {triple: total.reshape(shapes[triple])[:-1, :-1, :-1] for triple, total in totals.items()}


def _coded(ctx: PluginContext, axes: Sequence[Axis]) -> Iterator[list[Codes]]:
    for batch in ctx.dataset.iter_batches([axis.name for axis in axes]):
        yield [axis.codes(_plain(batch.column(axis.name))) for axis in axes]


def _plain(array: pyarrow.Array) -> pyarrow.Array:
    return array.dictionary_decode() if pyarrow.types.is_dictionary(array.type) else array
