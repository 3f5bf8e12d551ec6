"""Counts of every measure by every grouping in one pass, and mean ranks of two groupings crossed in another: whole numbers only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from difference_columns import Chosen
from numpy.typing import NDArray
from scipy import sparse

from harness_core.sdk import PluginContext
from harness_core.sdk.statistics.axes import Axis, Codes
from harness_core.sdk.statistics.coded import Repeated, cells, coded, covering, joint, margin, tables
from harness_core.sdk.statistics.effects import Counts, FloatArray, mid_rank_scores

MOST_CELLS = 1 << 14
RANK_STEPS = 10_000  # ranks as whole numbers: sums of squares of ninety million of them are exact in a double
Pair = tuple[int, int]
Triple = tuple[int, int, int]


@dataclass(frozen=True)
class Crossed:
    """One measure by two groupings: rows, sums and sums of squares of the ranks (0..1) per cell."""

    rows: Counts
    sums: FloatArray
    squares: FloatArray


@dataclass(frozen=True)
class Counted:
    """``pairs``: (measure, grouping) -> counts, a row per group (the rare ones together last, where there are any), a column per
    class of the measure. ``margins``: rows per class of each measure."""

    pairs: Mapping[Pair, Counts]
    margins: Sequence[NDArray[np.int64]]


def count_pairs(ctx: PluginContext, chosen: Chosen, rows: Repeated[list[Codes]]) -> Counted:
    """Every measure by every grouping, in one pass; in ``rows`` the measures come first."""
    first = len(chosen.measures)
    sizes = _sizes(chosen)
    wanted = [(m, first + g) for m in range(first) for g in range(len(chosen.groupings))]
    found = tables(rows, sizes, wanted, lambda done: ctx.progress_in_rows(done, ctx.dataset.row_count * 2, "comparing groups"))
    margins = [found[m, first].sum(axis=1)[:-1] for m in range(first)]
    return Counted({(m, k - first): table[:-1, :-1].T for (m, k), table in found.items()}, margins)


def coded_rows(ctx: PluginContext, chosen: Chosen) -> Repeated[list[Codes]]:
    """The classes of the measures, then those of the groupings."""
    return coded(ctx.dataset, _axes(chosen))


def _axes(chosen: Chosen) -> list[Axis]:
    return [*(measure.axis for measure in chosen.measures), *chosen.groupings]


def _sizes(chosen: Chosen) -> list[int]:
    return [axis.size + 1 for axis in _axes(chosen)]


def cross(chosen: Chosen, rows: Repeated[list[Codes]], counted: Counted, triples: Sequence[Triple]) -> dict[Triple, Crossed]:
    """(measure, grouping, grouping) -> ranks of the measure by both, over the rows with a value in all three; one pass.

    Each row adds 1, its rank and the square of it, for all measures at once, to one cell of each group of groupings.
    """
    first, sizes = len(chosen.measures), _sizes(chosen)
    used = sorted({m for m, _, _ in triples})
    terms = [_terms(counted.margins[m]) for m in used]
    wanted = sorted({(first + a, first + b) for _, a, b in triples})
    groups = covering(wanted, sizes, MOST_CELLS)
    totals = [np.zeros((cells(members, sizes), 3 * len(used))) for members in groups]
    for codes in rows if triples else ():
        added = np.concatenate([term[codes[m]] for m, term in zip(used, terms, strict=True)], axis=1)
        for members, total in zip(groups, totals, strict=True):
            _add(total, joint(codes, members, sizes), added)
    filled = [
        (members, total.reshape([*(sizes[k] for k in members), len(used), 3]))
        for members, total in zip(groups, totals, strict=True)
    ]
    found = {pair: margin(pair, filled)[:-1, :-1] for pair in wanted}
    return {(m, a, b): _crossed(found[first + a, first + b][:, :, used.index(m)]) for m, a, b in triples}


def _terms(counts: NDArray[np.int64]) -> FloatArray:
    """Per class of a measure what a row of it adds: 1, its rank in whole steps, and the square; nothing where it is missing."""
    ranks = np.round(mid_rank_scores(counts) * RANK_STEPS)
    return np.append(np.stack([np.ones(len(ranks)), ranks, ranks * ranks], axis=1), np.zeros((1, 3)), axis=0)


def _add(total: FloatArray, cell: Codes, added: FloatArray) -> None:
    """Add each row of ``added`` to its cell of ``total``: a product with the matrix that has one 1 per row of the table."""
    count = len(cell)
    places = sparse.csc_array((np.ones(count), cell.astype(np.int32), np.arange(count + 1, dtype=np.int32)), (len(total), count))
    total += places @ added


def _crossed(sums: FloatArray) -> Crossed:
    return Crossed(sums[..., 0].astype(np.int64), sums[..., 1] / RANK_STEPS, sums[..., 2] / RANK_STEPS**2)
