"""Textbook coefficients of the pairs that the metrics list: Pearson and Spearman over all values, chi-squared and Cramér's V."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from dependence_pairs import Judged
from numpy.typing import NDArray

from harness_core.sdk import PluginContext
from harness_core.sdk.statistics.axes import Axis, as_numbers
from harness_core.sdk.statistics.effects import Counts, chi_square, expected_counts, without_empty
from harness_core.sdk.statistics.summation import reproducible_sum
from harness_core.sdk.statistics.wording import rounded

FloatArray = NDArray[np.float64]
DIGITS = 12


@dataclass(frozen=True)
class Centred:
    """Deviations from the mean, and the root of the sum of their squares."""

    deviations: FloatArray
    norm: float


@dataclass(frozen=True)
class Values:
    """A numeric or time column in memory, with what every pair needs of it worked out once."""

    values: FloatArray

    @cached_property
    def finite(self) -> NDArray[np.bool_]:
        return np.isfinite(self.values)

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """The place of each value among the different values, so that ranks within a part of the rows need no sorting."""
        _, places = np.unique(self.values, return_inverse=True)
        return np.asarray(places, dtype=np.int64)

    @cached_property
    def whole(self) -> tuple[Centred, Centred]:
        return self.part(self.finite)

    def part(self, kept: NDArray[np.bool_]) -> tuple[Centred, Centred]:
        """The values and their ranks in the rows ``kept``, centred."""
        return centred(self.values[kept]), centred(mid_ranks(self.order[kept]))


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


def _values(ctx: PluginContext, axis: Axis) -> Values:
    parts = [as_numbers(batch.column(0), axis.kind) for batch in ctx.dataset.iter_batches([axis.name])]
    return Values(np.concatenate(parts))


def mid_ranks(places: NDArray[np.int64]) -> FloatArray:
    """Ranks from 1 on, ties sharing their mean, of values given by their places among the different ones."""
    counts = np.bincount(places)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[places], dtype=np.float64)


def centred(values: FloatArray) -> Centred:
    """Brought below 1 by a power of two first, which loses no bit and keeps squares from overflowing."""
    values = np.ldexp(values, -math.frexp(float(np.abs(values).max()))[1])
    deviations = values - reproducible_sum(values) / len(values)
    return Centred(deviations, math.sqrt(reproducible_sum(deviations * deviations)))


def _of_numbers(a: Values, b: Values) -> dict[str, float | None]:
    if np.array_equal(a.finite, b.finite):
        first, second = a.whole, b.whole
    else:
        kept = a.finite & b.finite
        first, second = a.part(kept), b.part(kept)
    pearson, spearman = (_rounded(correlation(one, other)) for one, other in zip(first, second, strict=True))
    return {"pearson": pearson, "spearman": spearman}


def correlation(a: Centred, b: Centred) -> float:
    scale = a.norm * b.norm
    return reproducible_sum(a.deviations * b.deviations) / scale if scale > 0 else math.nan


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
