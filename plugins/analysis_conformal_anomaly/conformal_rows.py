"""Rows of a table whose measures, taken together, are unlike those of all other rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from conformal_gap import Verdict, judge
from conformal_scores import References, alike, by_hash, choose, hashed, p_values
from conformal_units import FARTHEST_IN_ROWS, Floats, Unit, decorrelation, score_matrix, unit_of

from harness_core.sdk import Dataset, PluginContext
from harness_core.sdk.statistics.series import as_floats, numbers

NAMED_ROWS = 20
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


def units_of(dataset: Dataset, names: Sequence[str]) -> tuple[list[Unit], list[dict[str, str]]]:
    """The columns that can be scaled, and the others with the reason."""
    found = [(name, unit_of(name, values, FARTHEST_IN_ROWS)) for name, values in numbers(dataset, names)]
    left = [{"name": name, "reason": item} for name, item in found if isinstance(item, str)]
    return [item for _, item in found if isinstance(item, Unit)], left


def matrices(dataset: Dataset, units: Sequence[Unit]) -> Iterator[Floats]:
    names = [unit.name for unit in units]
    for batch in dataset.iter_batches(names):
        yield score_matrix(units, [as_floats(batch.column(name)) for name in names])


def odd_rows(ctx: PluginContext, units: Sequence[Unit]) -> Oddities:
    dataset, seed = ctx.dataset, ctx.seed
    turn = decorrelation(matrices(dataset, units), len(units))
    references = choose(lambda: matrices(dataset, units), turn, by_hash, seed)
    scores, folds = [], []
    done = 0
    for matrix in matrices(dataset, units):
        fold = by_hash(done, hashed(matrix, seed))
        scores.append(references.scores(matrix, fold))
        folds.append(fold)
        done += len(matrix)
        ctx.progress(done, dataset.row_count, "rows compared")
    return _oddities(ctx, units, references, np.concatenate(scores), np.concatenate(folds))


def _oddities(
    ctx: PluginContext,
    units: Sequence[Unit],
    references: References,
    scores: Floats,
    fold: np.ndarray[tuple[int], np.dtype[np.uint8]],
) -> Oddities:
    ratios, conformal = alike(scores, fold), p_values(scores, fold)
    verdict = judge(ratios, ctx.settings["max_share"], ctx.settings["min_ratio"])
    told = verdict.count if verdict.p_value <= ctx.settings["significance"] else 0
    order = np.argsort(-ratios, kind="stable")
    chosen = [int(row) for row in order[:told]]
    alarms = int((conformal <= ctx.settings["alarm_level"]).sum())
    listed = [(int(row), float(conformal[row]), float(ratios[row])) for row in order[: max(told, min(alarms, 1_000))]]
    names = _blamed(ctx.dataset, units, references, chosen[:NAMED_ROWS], fold) if chosen else []
    return Oddities(
        verdict, units, references, chosen, [float(conformal[row]) for row in chosen], [float(ratios[row]) for row in chosen],
        names, listed, len(scores), alarms, float(conformal.min()),
    )  # fmt: skip


def _blamed(
    dataset: Dataset,
    units: Sequence[Unit],
    references: References,
    rows: Sequence[int],
    fold: np.ndarray[tuple[int], np.dtype[np.uint8]],
) -> list[str]:
    """The columns without which the rows would be least odd, at most three, in table order."""
    names = [unit.name for unit in units]
    found = dataset.rows(rows, names)
    matrix = score_matrix(units, [np.array([np.nan if row[name] is None else float(row[name]) for row in found]) for name in names])
    fall = np.round(sum(references.blame(scores, int(fold[row])) for scores, row in zip(matrix, rows, strict=True)), 9)
    order = np.argsort(-fall, kind="stable")[:COLUMNS_NAMED]
    taken = {int(k) for position, k in enumerate(order) if position == 0 or fall[k] >= BLAME * fall[order[0]] or position == 1}
    return [name for k, name in enumerate(names) if k in taken]
