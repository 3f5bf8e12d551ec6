"""Textbook coefficients of the pairs that the metrics list: Pearson and Spearman over all values, chi-squared and Cramér's V."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from dependence_axes import Axis, as_numbers
from dependence_pairs import Judged
from numpy.typing import NDArray
from scipy import stats

from harness_core.sdk import PluginContext
from harness_core.sdk.statistics.effects import Counts, chi_square, expected_counts, without_empty
from harness_core.sdk.statistics.wording import rounded

FloatArray = NDArray[np.float64]
DIGITS = 12


def coefficients(ctx: PluginContext, axes: Sequence[Axis], edges: Sequence[Judged]) -> list[dict[str, float | None]]:
    """Per edge the coefficients that suit its kinds; those of numbers only up to ``exact_rank_rows`` rows."""
    exact = ctx.dataset.row_count <= ctx.settings["exact_rank_rows"]
    wanted = sorted({k for edge in edges if _both(axes, edge, numeric=True) for k in edge.pair}) if exact else []
    values = {k: _values(ctx, axes[k]) for k in wanted}
    found: list[dict[str, float | None]] = []
    for edge in edges:
        if _both(axes, edge, numeric=True):
            found.append(_of_numbers(values[edge.i], values[edge.j]) if exact else {})
        else:
            found.append(_of_categories(edge.table) if _both(axes, edge, numeric=False) else {})
    return found


def _both(axes: Sequence[Axis], edge: Judged, *, numeric: bool) -> bool:
    return all((axes[k].kind != "category") == numeric for k in edge.pair)


def _values(ctx: PluginContext, axis: Axis) -> FloatArray:
    parts = [as_numbers(batch.column(0), axis.kind) for batch in ctx.dataset.iter_batches([axis.name])]
    return np.concatenate(parts)


def _of_numbers(a: FloatArray, b: FloatArray) -> dict[str, float | None]:
    kept = np.isfinite(a) & np.isfinite(b)
    a, b = a[kept], b[kept]
    return {
        "pearson": _rounded(_correlation(a, b)),
        "spearman": _rounded(_correlation(stats.rankdata(a), stats.rankdata(b))),
    }


def _correlation(a: Any, b: Any) -> float:
    """Two passes with exactly rounded sums, so that the order of the rows cannot show."""
    a, b = a - math.fsum(a) / len(a), b - math.fsum(b) / len(b)
    scale = math.sqrt(math.fsum(a * a)) * math.sqrt(math.fsum(b * b))
    return math.fsum(a * b) / scale if scale > 0 else math.nan


def _rounded(value: float) -> float | None:
    return rounded(value, DIGITS) if math.isfinite(value) else None


def _of_categories(table: Counts) -> dict[str, float | None]:
    """Chi-squared and V of the classes; with Yates's correction too where there are two by two of them."""
    counts = without_empty(table)
    n, smaller = int(counts.sum()), min(counts.shape) - 1
    statistic = chi_square(counts)[0]
    found = {"chi_squared": rounded(statistic, DIGITS), "cramers_v": rounded(math.sqrt(statistic / n / smaller), DIGITS)}
    if counts.shape == (2, 2):
        expected = expected_counts(counts)
        gaps = np.maximum(np.abs(counts - expected) - 0.5, 0)
        found["chi_squared_yates"] = rounded(float((gaps**2 / expected).sum()), DIGITS)
    return found
