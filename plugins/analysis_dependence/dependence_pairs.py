"""One pair of columns judged from its table of counts: how strong, how sure, and of what shape."""

import math
from dataclasses import dataclass

import dependence_small as small
import numpy as np
from dependence_small import FEW_ROWS, Shuffles
from dependence_tables import Counts
from scipy import special

from harness_core.sdk.statistics.axes import Axis
from harness_core.sdk.statistics.effects import (
    Effect,
    chi_square,
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
NEARLY_INDEPENDENT = 0.8  # a share of independent rows from here on is what chance leaves of an autocorrelation of nought
FEW_INDEPENDENT = 20
LEAST_INDEPENDENT = 4.0
WORTH_SHUFFLING = 0.1
CELL_COUNT = 5
MONOTONE_SHARE = 0.7
ONE_TO_ONE = 0.995
SHUFFLED = frozenset({"rank correlation", "smooth chi-squared", "Kruskal-Wallis"})


@dataclass(frozen=True)
class Judged:
    """A pair of axes: ``correlation`` is that of the scores where both sides have an order, ``monotone`` says that it tells it all.

    ``decides`` names the side that leaves no doubt about the other: "first", "second", "both" or None. ``weight`` is the number of
    independent rows that the ``n`` rows are worth.
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
    weight: float

    @property
    def pair(self) -> tuple[int, int]:
        return self.i, self.j


@dataclass(frozen=True)
class Chance:
    """How chance is reckoned: random tables at most, the p-value from which on more digits are worth them, shuffled rows."""

    rng: np.random.Generator
    draws: int
    worth: float
    shuffles: Shuffles


def judge(pair: tuple[int, int], axes: tuple[Axis, Axis], table: Counts, chance: Chance, independent: float = 1.0) -> Judged | None:
    """The verdict on a pair; None where too few rows have both values, or one side is constant in them.

    ``independent`` is the share of rows that count as independent of each other.
    """
    counts = without_empty(table)
    n = int(counts.sum())
    if n < LEAST_ROWS or min(counts.shape) < 2:
        return None
    ordered = _ordered(axes[0], counts.shape[0]), _ordered(axes[1], counts.shape[1])
    weight = float(n) if independent >= NEARLY_INDEPENDENT else max(LEAST_INDEPENDENT, n * independent)
    coarse = coarsened(counts, ordered, weight)
    p_value, test = _p_value(counts, coarse, ordered, chance) if weight == n else _serial_p(counts, coarse, ordered, weight)
    effect = _effect(counts, coarse, ordered, weight)
    correlation = score_correlation(counts) if all(ordered) else None
    between = max(correlation_ratio(counts) if ordered[1] else 0.0, correlation_ratio(counts.T) if ordered[0] else 0.0)
    monotone = correlation is not None and correlation**2 >= MONOTONE_SHARE * max(between, 0.9 * effect.value**2)
    decides = _decides(counts, axes, correlation)
    return Judged(pair[0], pair[1], n, effect, p_value, test, correlation, monotone, decides, table, weight)


def _ordered(axis: Axis, present: int) -> bool:
    return axis.kind != "category" or present == 2


def coarsened(counts: Counts, ordered: tuple[bool, bool], weight: float) -> Counts:
    """Ordered sides merged until a cell can expect about five of the ``weight`` independent rows."""
    room = weight / CELL_COUNT
    if all(ordered):
        wanted = (max(2, int(math.sqrt(room))),) * 2
    else:
        wanted = (max(2, int(room / counts.shape[1])), max(2, int(room / counts.shape[0])))
    for axis in (0, 1):
        if ordered[axis]:
            counts = merge_ordered(counts, axis, wanted[axis])
    return counts


def _p_value(counts: Counts, coarse: Counts, ordered: tuple[bool, bool], chance: Chance) -> tuple[float, str]:
    """The smallest of the tests that apply, times their number (Bonferroni), and the name of that test."""
    n = int(counts.sum())
    shuffles = chance.shuffles if n < FEW_ROWS else None
    tests: list[tuple[float, str]] = []
    if all(ordered) and _ranks_will_do(counts):
        ranks, curves = correlation_p(score_correlation(counts), n), smooth_p(counts)
        if shuffles is not None:
            ranks = small.rank_p(counts, shuffles) if ranks <= WORTH_SHUFFLING else ranks
            curves = small.smooth_p(counts, shuffles) if curves <= WORTH_SHUFFLING else curves
        tests += [(ranks, "rank correlation"), (curves, "smooth chi-squared")]
    elif any(ordered) and not all(ordered):
        groups = counts if ordered[1] else counts.T
        between = _kruskal_wallis_p(groups, n)
        if shuffles is not None and between <= WORTH_SHUFFLING:
            between = small.kruskal_wallis_p(groups, shuffles)
        tests.append((between, "Kruskal-Wallis"))
    tests.append(chi_square_p(coarse, chance.rng, chance.draws, chance.worth))
    p_value, test = min(tests, key=lambda result: result[0])
    return min(1.0, p_value * len(tests)), test + (", shuffled rows" if shuffles is not None and test in SHUFFLED else "")


def _serial_p(counts: Counts, coarse: Counts, ordered: tuple[bool, bool], weight: float) -> tuple[float, str]:
    """The tests with ``weight`` independent rows in place of all: statistics shrink in proportion (Rao and Scott 1981)."""
    share, tests = weight / int(counts.sum()), []
    if all(ordered):
        tests.append((correlation_p(score_correlation(counts), round(weight)), "rank correlation"))
    elif any(ordered):
        groups = counts if ordered[1] else counts.T
        tests.append((_kruskal_wallis_p(groups, round(weight)), "Kruskal-Wallis"))
    if weight >= FEW_INDEPENDENT or not tests:
        statistic, freedom = chi_square(coarse)
        tests.append((float(special.chdtrc(freedom, statistic * share)), "chi-squared"))
    p_value, test = min(tests, key=lambda result: result[0])
    return min(1.0, p_value * len(tests)), f"{test}, rows of one course"


def _ranks_will_do(counts: Counts) -> bool:
    """Not for two by two classes, where chi-squared is the same, nor beside a class of a handful of rows that stands for a side."""
    if counts.shape == (2, 2):
        return False
    return all(size > 2 or counts.sum(axis=1 - axis).min() >= CELL_COUNT for axis, size in enumerate(counts.shape))


def _kruskal_wallis_p(groups: Counts, n: int) -> float:
    return float(special.chdtrc(groups.shape[0] - 1, (n - 1) * correlation_ratio(groups)))


def _effect(counts: Counts, coarse: Counts, ordered: tuple[bool, bool], weight: float) -> Effect:
    """The larger of the informational correlation and, where a side has an order, what its ranks alone show."""
    n = round(weight)
    value, low, high = informational_correlation(coarse)
    wider = math.sqrt(int(counts.sum()) / weight)
    effects = [
        Effect(
            "informational correlation", value, max(0.0, value - wider * (value - low)), min(1.0, value + wider * (high - value))
        )
    ]
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
