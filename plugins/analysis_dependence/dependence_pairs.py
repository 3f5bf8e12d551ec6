"""One pair of columns judged from its table of counts: how strong, how sure, and of what shape."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from dependence_tables import Counts
from scipy import special

from harness_core.sdk.statistics.axes import Axis
from harness_core.sdk.statistics.effects import (
    Effect,
    chi_square_p,
    corrected_root,
    correlation_p,
    correlation_ratio,
    fisher_interval,
    informational_correlation,
    merge_ordered,
    score_correlation,
    smooth_p,
    without_empty,
)

LEAST_ROWS = 8
CELL_COUNT = 5
MONOTONE_SHARE = 0.7
ONE_TO_ONE = 0.995


@dataclass(frozen=True)
class Judged:
    """A pair of axes: ``correlation`` is that of the scores where both sides have an order, ``monotone`` says that it tells it all.

    ``decides`` names the side that leaves no doubt about the other: "first", "second", "both" or None.
    """

    i: int
    j: int
    n: int
    effect: Effect
    p_value: float
    test: str
    correlation: float | None
    monotone: bool
    decides: str | None
    table: Counts

    @property
    def pair(self) -> tuple[int, int]:
        return self.i, self.j


def judge(
    pair: tuple[int, int], axes: tuple[Axis, Axis], table: Counts, rng: np.random.Generator, settings: Mapping[str, Any]
) -> Judged | None:
    """The verdict on a pair; None where too few rows have both values, or one side is constant in them."""
    counts = without_empty(table)
    n = int(counts.sum())
    if n < LEAST_ROWS or min(counts.shape) < 2:
        return None
    ordered = _ordered(axes[0], counts.shape[0]), _ordered(axes[1], counts.shape[1])
    coarse = coarsened(counts, ordered)
    p_value, test = _p_value(counts, coarse, ordered, rng, settings)
    effect = _effect(counts, coarse, ordered)
    correlation = score_correlation(counts) if all(ordered) else None
    between = max(correlation_ratio(counts) if ordered[1] else 0.0, correlation_ratio(counts.T) if ordered[0] else 0.0)
    monotone = correlation is not None and correlation**2 >= MONOTONE_SHARE * max(between, 0.9 * effect.value**2)
    decides = _decides(counts, axes, correlation)
    return Judged(pair[0], pair[1], n, effect, p_value, test, correlation, monotone, decides, table)


def _ordered(axis: Axis, present: int) -> bool:
    return axis.kind != "category" or present == 2


def coarsened(counts: Counts, ordered: tuple[bool, bool]) -> Counts:
    """Ordered sides merged until a cell can expect about five rows."""
    room = int(counts.sum()) / CELL_COUNT
    if all(ordered):
        wanted = (max(2, int(math.sqrt(room))),) * 2
    else:
        wanted = (max(2, int(room / counts.shape[1])), max(2, int(room / counts.shape[0])))
    for axis in (0, 1):
        if ordered[axis]:
            counts = merge_ordered(counts, axis, wanted[axis])
    return counts


def _p_value(
    counts: Counts, coarse: Counts, ordered: tuple[bool, bool], rng: np.random.Generator, settings: Mapping[str, Any]
) -> tuple[float, str]:
    """The smallest of the tests that apply, times their number (Bonferroni), and the name of that test."""
    n = int(counts.sum())
    tests: list[tuple[float, str]] = []
    if all(ordered) and _ranks_will_do(counts):
        tests += [(correlation_p(score_correlation(counts), n), "rank correlation"), (smooth_p(counts), "smooth chi-squared")]
    elif any(ordered) and not all(ordered):
        groups = counts if ordered[1] else counts.T
        tests.append((_kruskal_wallis_p(groups, n), "Kruskal-Wallis"))
    tests.append(chi_square_p(coarse, rng, settings["permutations"], settings["significance"]))
    p_value, test = min(tests, key=lambda result: result[0])
    return min(1.0, p_value * len(tests)), test


def _ranks_will_do(counts: Counts) -> bool:
    """Not for two by two classes, where chi-squared is the same, nor beside a class of a handful of rows that stands for a side."""
    if counts.shape == (2, 2):
        return False
    return all(size > 2 or counts.sum(axis=1 - axis).min() >= CELL_COUNT for axis, size in enumerate(counts.shape))


def _kruskal_wallis_p(groups: Counts, n: int) -> float:
    return float(special.chdtrc(groups.shape[0] - 1, (n - 1) * correlation_ratio(groups)))


def _effect(counts: Counts, coarse: Counts, ordered: tuple[bool, bool]) -> Effect:
    """The larger of the informational correlation and, where a side has an order, what its ranks alone show."""
    n = int(counts.sum())
    effects = [Effect("informational correlation", *informational_correlation(coarse))]
    if all(ordered):
        correlation = score_correlation(counts)
        effects.append(_rank_effect("rank correlation, absolute", correlation**2, 1, n))
    elif any(ordered):
        groups = counts if ordered[1] else counts.T
        effects.append(_rank_effect("eta of ranks", correlation_ratio(groups), groups.shape[0] - 1, n))
    return max(effects, key=lambda effect: effect.value)


def _rank_effect(name: str, explained: float, freedom: int, n: int) -> Effect:
    value = min(1.0, corrected_root(explained, freedom, n))
    low, high = fisher_interval(value, n)
    return Effect(name, value, max(0.0, low), high)


def _decides(counts: Counts, axes: tuple[Axis, Axis], correlation: float | None) -> str | None:
    """Which side decides the other: categories and few numbers by their classes, many numbers by a perfect order."""
    if all(axis.kind != "category" and not axis.discrete for axis in axes):
        return "both" if correlation is not None and abs(correlation) >= ONE_TO_ONE else None
    if any(axis.kind != "category" and not axis.discrete for axis in axes):
        return None
    forward = bool(((counts > 0).sum(axis=1) == 1).all())
    backward = bool(((counts > 0).sum(axis=0) == 1).all())
    return "both" if forward and backward else "first" if forward else "second" if backward else None
