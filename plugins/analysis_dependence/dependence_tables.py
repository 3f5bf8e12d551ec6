"""Contingency tables of all pairs, and of chosen triples, in one pass each over the classes: whole counts, added batch by batch."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness_core.sdk import PluginContext
from harness_core.sdk.statistics.axes import Axis, Codes
from harness_core.sdk.statistics.coded import Repeated, joint, tables

Counts = NDArray[np.int64]
Pair = tuple[int, int]
Triple = tuple[int, int, int]


def pair_tables(ctx: PluginContext, axes: Sequence[Axis], rows: Repeated[list[Codes]], pairs: Sequence[Pair]) -> dict[Pair, Counts]:
    """The table of each pair of axes over the rows where neither is missing."""
    sizes, total = [axis.size + 1 for axis in axes], ctx.dataset.row_count * 1.5
    found = tables(rows, sizes, pairs, lambda done: ctx.progress_in_rows(done, total, "pairs of columns"))
    return {pair: table[:-1, :-1] for pair, table in found.items()}


def triple_tables(axes: Sequence[Axis], rows: Repeated[list[Codes]], triples: Sequence[Triple]) -> dict[Triple, Counts]:
    """Tables with three sides, the third being what is conditioned on, first in the array."""
    sizes = [axis.size + 1 for axis in axes]
    sides = {(i, j, k): (k, i, j) for i, j, k in triples}
    totals = {triple: np.zeros([sizes[k] for k in side], dtype=np.int64) for triple, side in sides.items()}
    for codes in rows if triples else ():
        for triple, total in totals.items():
            total += np.bincount(joint(codes, sides[triple], sizes), minlength=total.size).reshape(total.shape)
    return {triple: total[:-1, :-1, :-1] for triple, total in totals.items()}
