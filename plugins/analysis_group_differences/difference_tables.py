"""Counts of every measure by every grouping in one pass, and mean ranks of two groupings crossed in another: whole numbers only."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from difference_columns import Chosen
from numpy.typing import NDArray

from harness_core.sdk import PluginContext
from harness_core.sdk.statistics.axes import Axis, Codes
from harness_core.sdk.statistics.effects import Counts, FloatArray, mid_rank_scores

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


def count_pairs(ctx: PluginContext, chosen: Chosen) -> Counted:
    """Every measure by every grouping, in one pass."""
    measures = [measure.axis for measure in chosen.measures]
    shapes = {
        (m, g): (grouping.size + 1, axis.size + 1) for m, axis in enumerate(measures) for g, grouping in enumerate(chosen.groupings)
    }
    totals = {pair: np.zeros(int(np.prod(shape)), dtype=np.int64) for pair, shape in shapes.items()}
    margins = [np.zeros(axis.size + 1, dtype=np.int64) for axis in measures]
    done = 0
    for values, groups in _coded(ctx, measures, chosen.groupings):
        for (m, g), total in totals.items():
            total += np.bincount(groups[g] * shapes[m, g][1] + values[m], minlength=len(total))
        for margin, codes in zip(margins, values, strict=True):
            margin += np.bincount(codes, minlength=len(margin))
        done += len(groups[0])
        ctx.progress(done, ctx.dataset.row_count * 2, "comparing groups")
    tables = {pair: total.reshape(shapes[pair])[:-1, :-1] for pair, total in totals.items()}
    return Counted(tables, [margin[:-1] for margin in margins])


def cross(ctx: PluginContext, chosen: Chosen, counted: Counted, triples: Sequence[Triple]) -> dict[Triple, Crossed]:
    """(measure, grouping, grouping) -> ranks of the measure by both, over the rows with a value in all three; one pass."""
    used = sorted({m for m, _, _ in triples})
    ranks = {m: np.append(np.round(mid_rank_scores(counted.margins[m]) * RANK_STEPS), np.nan) for m in used}
    shapes = {triple: tuple(chosen.groupings[g].size + 1 for g in triple[1:]) for triple in triples}
    totals = {triple: [np.zeros(int(np.prod(shapes[triple]))) for _ in range(3)] for triple in triples}
    by_pair: dict[Pair, list[int]] = {}
    for m, a, b in triples:
        by_pair.setdefault((a, b), []).append(m)
    for values, groups in _coded(ctx, [chosen.measures[m].axis for m in used], chosen.groupings) if triples else ():
        scores = {m: ranks[m][codes] for m, codes in zip(used, values, strict=True)}
        for (a, b), members in by_pair.items():
            joint = groups[a] * (chosen.groupings[b].size + 1) + groups[b]
            for m in members:
                _add(totals[m, a, b], joint, scores[m])
    return {triple: _crossed(totals[triple], shapes[triple]) for triple in triples}


def _add(totals: list[FloatArray], joint: Codes, scores: FloatArray) -> None:
    present = ~np.isnan(scores)
    if not present.all():
        joint, scores = joint[present], scores[present]
    totals[0] += np.bincount(joint, minlength=len(totals[0]))
    totals[1] += np.bincount(joint, weights=scores, minlength=len(totals[1]))
    totals[2] += np.bincount(joint, weights=scores * scores, minlength=len(totals[2]))


def _crossed(totals: list[FloatArray], shape: tuple[int, ...]) -> Crossed:
    rows, sums, squares = (total.reshape(shape)[:-1, :-1] for total in totals)
    return Crossed(rows.astype(np.int64), sums / RANK_STEPS, squares / RANK_STEPS**2)


def _coded(ctx: PluginContext, measures: Sequence[Axis], groupings: Sequence[Axis]) -> Iterator[tuple[list[Codes], list[Codes]]]:
    names = [axis.name for axis in (*measures, *groupings)]
    for batch in ctx.dataset.iter_batches(names):
        yield tuple([axis.codes(batch.column(axis.name)) for axis in axes] for axes in (measures, groupings))  # type: ignore[misc]
