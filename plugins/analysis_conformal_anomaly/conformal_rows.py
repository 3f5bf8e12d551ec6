"""Rows of a table whose measures, taken together, are unlike those of all other rows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from conformal_gap import Verdict, judge
from conformal_scores import Chooser, Folds, References, alarms, alike, by_hash, largest, p_values
from conformal_units import FARTHEST_IN_ROWS, Correlations, Floats, Unit, score_matrix, unit_in_order

from harness_core.sdk import Column, Dataset, PluginContext
from harness_core.sdk.statistics.ordered import in_order
from harness_core.sdk.statistics.series import as_floats

NAMED_ROWS = 20
LISTED_ROWS = 1_000
ROWS_TOGETHER = 16_384
COLUMNS_NAMED = 3
BLAME = 0.5


@dataclass(frozen=True)
class Oddities:
    """The rows that stand apart, oddest first, with their conformal p-values and scores; ``names`` are the columns to look at."""

    verdict: Verdict
    units: Sequence[Unit]
    references: References
    rows: Sequence[int]
    p_values: Sequence[float]
    ratios: Sequence[float]
    names: Sequence[str]
    listed: Sequence[tuple[int, float, float]]
    n: int
    alarms: int
    smallest: float


def units_of(
    dataset: Dataset, columns: Sequence[Column], profile: Sequence[Mapping[str, Any]]
) -> tuple[list[Unit], list[dict[str, str]]]:
    """The columns that can be scaled, and the others with the reason."""
    ordered = in_order(dataset, columns, profile)
    found = [(column.name, unit_in_order(column.name, values, FARTHEST_IN_ROWS)) for column, values in ordered]
    left = [{"name": name, "reason": item} for name, item in found if isinstance(item, str)]
    return [item for _, item in found if isinstance(item, Unit)], left


def matrices(dataset: Dataset, units: Sequence[Unit]) -> Iterator[Floats]:
    """Scores, rows by columns, as many rows at a time as stay in a processor's cache."""
    names = [unit.name for unit in units]
    for batch in dataset.iter_batches(names, ROWS_TOGETHER):
        yield score_matrix(units, [as_floats(batch.column(name)) for name in names])


def odd_rows(ctx: PluginContext, units: Sequence[Unit]) -> Oddities:
    """Two passes: one for the correlations, the folds and the references, one for the scores."""
    dataset, correlations, chooser = ctx.dataset, Correlations(len(units)), Chooser(by_hash, ctx.seed)
    fold = np.empty(dataset.row_count, dtype=np.uint8)
    done = 0
    for matrix in matrices(dataset, units):
        correlations.add(matrix)
        fold[done : done + len(matrix)] = chooser.add(matrix)
        done += len(matrix)
    references = chooser.references(correlations.inverse_root())
    scores = np.empty(dataset.row_count)
    done = 0
    for matrix in matrices(dataset, units):
        place = slice(done, done + len(matrix))
        scores[place] = references.scores(matrix, fold[place])
        done += len(matrix)
        ctx.progress_in_rows(done, dataset.row_count, "rows compared")
    return _oddities(ctx, units, references, scores, fold)


def _oddities(ctx: PluginContext, units: Sequence[Unit], references: References, scores: Floats, fold: Folds) -> Oddities:
    ratios = alike(scores, fold)
    count, smallest = alarms(scores, fold, ctx.settings["alarm_level"])
    verdict = judge(ratios, ctx.settings["max_share"], ctx.settings["min_ratio"])
    told = verdict.count if verdict.p_value <= ctx.settings["significance"] else 0
    listed = max(told, min(count, LISTED_ROWS))
    order = largest(ratios, listed)
    order = order[np.argsort(-ratios[order], kind="stable")][:listed]
    conformal = p_values(scores, fold, order).tolist()
    chosen = order[:told].tolist()
    names = _blamed(ctx.dataset, units, references, chosen[:NAMED_ROWS], fold) if chosen else []
    rows = list(zip(order.tolist(), conformal, ratios[order].tolist(), strict=True))
    return Oddities(
        verdict, units, references, chosen, conformal[:told], [ratio for _, _, ratio in rows[:told]], names, rows, len(scores),
        count, smallest,
    )  # fmt: skip


def _blamed(dataset: Dataset, units: Sequence[Unit], references: References, rows: Sequence[int], fold: Folds) -> list[str]:
    """The columns without which the rows would be least odd, at most three, in table order."""
    names = [unit.name for unit in units]
    found = dataset.rows(rows, names)
    matrix = score_matrix(units, [np.array([np.nan if row[name] is None else float(row[name]) for row in found]) for name in names])
    fall = np.round(sum(references.blame(scores, int(fold[row])) for scores, row in zip(matrix, rows, strict=True)), 9)
    order = np.argsort(-fall, kind="stable")[:COLUMNS_NAMED]
    taken = {int(k) for position, k in enumerate(order) if position == 0 or fall[k] >= BLAME * fall[order[0]] or position == 1}
    return [name for k, name in enumerate(names) if k in taken]
