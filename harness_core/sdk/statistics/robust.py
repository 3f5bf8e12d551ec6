"""Robust univariate statistics: medcouple, skew-adjusted fences, Rosner's test and a predictive test for a gap in a tail.

Every function takes plain NumPy arrays that are already sorted where it says so, and is a pure function of them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from harness_core.sdk.statistics.description import quantile

FloatArray = NDArray[np.float64]

MEDCOUPLE_GRID = 1000
TAIL_POINTS = 100
SHAPES = np.where(np.abs(np.linspace(-0.7, 1.5, 45)) < 1e-9, 1e-6, np.linspace(-0.7, 1.5, 45))
LOG_SCALES = np.linspace(-2.4, 2.4, 49)
SHAPE_PRIOR = (0.2, 0.3)


def quantile_grid(ordered: FloatArray, points: int) -> FloatArray:
    """``points`` observed values at the probabilities (i + 0.5) / points; all values where there are no more than that."""
    return ordered if len(ordered) <= points else np.asarray(ordered[grid_places(len(ordered), points)], dtype=np.float64)


def grid_places(count: int, points: int) -> NDArray[np.int64]:
    """The places, among ``count`` sorted values, of the probabilities (i + 0.5) / points."""
    return ((np.arange(points) + 0.5) / points * count).astype(np.int64)


def medcouple(ordered: FloatArray) -> float:
    """Robust skewness in [-1, 1] of sorted values (Brys, Hubert and Struyf 2004).

    Exact up to 1,000 values. Beyond that it is the medcouple of 1,000 exact quantiles, which moves every value by at most
    half a thousandth in probability.
    """
    centred = quantile_grid(ordered, MEDCOUPLE_GRID)
    centred = centred - np.median(centred)
    upper, lower = centred[centred >= 0], centred[centred <= 0]
    spread = upper[:, None] - lower[None, :]
    tied = spread == 0
    kernel = (upper[:, None] + lower[None, :]) / np.where(tied, 1.0, spread)
    ties = math.isqrt(int(tied.sum()))
    signs = np.sign(np.add.outer(np.arange(ties), np.arange(ties)) - (ties - 1)).ravel()
    kernel[tied] = signs
    return float(np.median(kernel))


def adjusted_fences(ordered: FloatArray, reach: float = 1.5, skew: float | None = None) -> tuple[float, float]:
    """The fences of the boxplot adjusted for skew (Hubert and Vandervieren 2008), of sorted values.

    ``skew`` is their medcouple, where it is known already.
    Fitted by its authors for medcouples up to 0.6 in size; beyond that the exponential factor is held at that of 0.6.
    """
    q1, q3 = quantile(ordered, 0.25), quantile(ordered, 0.75)
    skew = min(max(medcouple(ordered) if skew is None else skew, -0.6), 0.6)
    down, up = (-4.0, 3.0) if skew >= 0 else (-3.0, 4.0)
    iqr = q3 - q1
    return q1 - reach * math.exp(down * skew) * iqr, q3 + reach * math.exp(up * skew) * iqr


@dataclass(frozen=True)
class EsdStep:
    """One step of Rosner's test: the value taken out, its statistic, its critical value and its p-value."""

    position: int
    value: float
    statistic: float
    critical: float
    p_value: float


@dataclass(frozen=True)
class EsdResult:
    """The steps of Rosner's test, and how many of the first of them are outliers."""

    steps: Sequence[EsdStep]
    outliers: int


def generalized_esd(values: FloatArray, max_outliers: int = 10, alpha: float = 0.05) -> EsdResult:
    """Rosner's generalised extreme studentised deviate test (Technometrics 1983), for roughly normal values.

    Good from about 25 values on; it must not be used where the rest is skewed or heavy-tailed.
    """
    left = np.asarray(values, dtype=np.float64)
    positions = np.arange(len(left))
    steps: list[EsdStep] = []
    for _ in range(min(max_outliers, len(left) - 3)):
        deviation = float(left.std(ddof=1))
        if deviation == 0:
            break
        distances = np.abs(left - left.mean())
        worst = int(np.argmax(distances))
        steps.append(_esd_step(int(positions[worst]), float(left[worst]), float(distances[worst]) / deviation, len(left), alpha))
        left, positions = np.delete(left, worst), np.delete(positions, worst)
    return EsdResult(steps, max((i for i, step in enumerate(steps, 1) if step.statistic > step.critical), default=0))


def _esd_step(position: int, value: float, statistic: float, n: int, alpha: float) -> EsdStep:
    """``n`` is what is left before this step; the p-value is the level at which ``statistic`` would be critical."""
    quantile = -float(special.stdtrit(n - 2, alpha / (2 * n)))
    critical = (n - 1) * quantile / math.sqrt((n - 2 + quantile**2) * n)
    room = (n - 1) ** 2 / n - statistic**2
    if room <= 0:
        return EsdStep(position, value, statistic, critical, 0.0)
    t = statistic * math.sqrt((n - 2) / room)
    return EsdStep(position, value, statistic, critical, min(1.0, 2 * n * float(special.stdtr(n - 2, -t))))


@dataclass(frozen=True)
class TailGap:
    """How surprising a gap in a tail is: its p-value, the expected number of values beyond it, and the tail's mean shape."""

    p_value: float
    expected_count: float
    shape: float


def tail_gap(below: FloatArray, nearest: float, beyond: int) -> TailGap:
    """Would ``beyond`` values, the nearest at ``nearest``, stand so far from the rest of their own tail?

    ``below`` holds the tail under the gap, largest first; its last value is the threshold. Exceedances follow a generalised
    Pareto law (Pickands 1975). Its two parameters are integrated out on a grid (flat in the log scale, the shape normal around
    0.2), with the ``beyond`` values known only to be larger than the rest, so that they cannot shape the law that judges them.
    The p-value is the predictive chance that all of them lie beyond ``nearest``, given that they lie beyond ``below[0]``.
    """
    threshold = below[-1]
    excess = below[:-1] - threshold
    unit = float(excess.mean())
    if unit <= 0:
        return TailGap(1.0, float(beyond), 0.0)
    points, weight = _thinned(excess / unit)
    shapes, scales = SHAPES[:, None], np.exp(LOG_SCALES)[None, :]
    last = _log_survival(np.array([excess[0] / unit]), shapes, scales)[..., 0]
    here = _log_survival(np.array([(nearest - threshold) / unit]), shapes, scales)[..., 0]
    posterior = _posterior(points, weight, last, beyond, shapes, scales)
    with np.errstate(invalid="ignore"):
        chance = np.exp(np.where(np.isneginf(last), -np.inf, np.minimum(beyond * (here - last), 0.0)))
    p_value = float((posterior * chance).sum())
    expected = float((posterior * np.exp(np.where(posterior > 0, here, -np.inf))).sum()) * (len(excess) + beyond)
    return TailGap(min(1.0, p_value), expected, float((posterior * shapes).sum()))


def _thinned(excess: FloatArray) -> tuple[FloatArray, float]:
    """At most 100 of the order statistics, evenly spaced, and how many observations each stands for."""
    points = quantile_grid(excess, TAIL_POINTS)
    return points, len(excess) / len(points)


def _log_survival(points: FloatArray, shapes: FloatArray, scales: FloatArray) -> FloatArray:
    inside = 1 + (shapes / scales)[..., None] * points
    with np.errstate(divide="ignore"):
        return np.asarray(-np.log(np.maximum(inside, 0)) / shapes[..., None], dtype=np.float64)


def _posterior(
    points: FloatArray, weight: float, last: FloatArray, beyond: int, shapes: FloatArray, scales: FloatArray
) -> FloatArray:
    """The weights of the grid, summing to one."""
    survival = _log_survival(points, shapes, scales)
    likelihood = weight * ((1 + shapes) * survival.sum(axis=-1) - len(points) * np.log(scales))
    likelihood = likelihood + beyond * last - 0.5 * ((shapes - SHAPE_PRIOR[0]) / SHAPE_PRIOR[1]) ** 2
    likelihood = np.where(np.isfinite(likelihood) & np.isfinite(last), likelihood, -np.inf)
    weights = np.exp(likelihood - likelihood.max())
    return np.asarray(weights / weights.sum(), dtype=np.float64)
