"""A measure as the points of a chart: subgroups, without its cycles and its memory, on the scale of its own ordinary noise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness_core.sdk.statistics.blocks import block_means, even_edges
from harness_core.sdk.statistics.seasonality import cycles
from harness_core.sdk.statistics.series import Integers, Order, Step, choose_step

Floats = NDArray[np.float64]

LEAST_POINTS = 30
AR_ORDER = 3
CYCLE_LEVEL = 0.01
CLIP = 3.0
QUARTILE = 0.6744897501960817
ROWS_PER_MEAN = 5
HELD = (0.001, 0.999)


@dataclass(frozen=True)
class Subgroups:
    """Consecutive rows that make one point each."""

    order: Order
    edges: Integers
    step: Step | None

    @classmethod
    def of(cls, order: Order, most: int) -> "Subgroups":
        if order.length <= most:
            step = choose_step(order.times, most) if order.times is not None else None
            return cls(order, even_edges(order.length, order.length), step)
        if order.times is not None and (step := choose_step(order.times, most)):
            index = step.index(order.times)
            edges = np.concatenate([[0], np.flatnonzero(np.diff(index)) + 1, [order.length]]).astype(np.int64)
            return cls(order, edges, step)
        return cls(order, even_edges(order.length, most), None)


@dataclass(frozen=True)
class Chart:
    """``points`` are standardised innovations of the values; ``expected`` is what was foreseen for each, ``deviation`` its usual
    error; the first ``base`` of them set the standard. ``kept`` are the numbers of the subgroups; rows were held within
    ``bounds``."""

    values: Floats
    expected: Floats
    points: Floats
    base: int
    kept: Integers
    deviation: float
    memory: float
    periods: tuple[int, ...]
    bounds: tuple[float, float] | None


def held(values: Floats, groups: Subgroups) -> tuple[float, float] | None:
    """The bounds within which single rows are held before they are averaged: a subgroup signals by its mean, and one absurd row is
    an outlier. None where every row is a point of its own."""
    present = values[np.isfinite(values)]
    if groups.order.length < ROWS_PER_MEAN * (len(groups.edges) - 1) or len(present) < ROWS_PER_MEAN:
        return None
    low, high = np.quantile(present, HELD)
    return float(low), float(high)


def chart(values: Floats, groups: Subgroups, settings: Mapping[str, Any]) -> Chart | None:
    """The chart of a measure given in the order of the rows; None where it is too short or has no ordinary spread."""
    bounds = held(values, groups)
    means, counts = block_means(values if bounds is None else np.clip(values, *bounds), groups.edges)
    kept = np.flatnonzero(counts > 0)
    if len(kept) < LEAST_POINTS:
        return None
    series, weight = means[kept], np.sqrt(counts[kept] / counts[kept].mean())
    suggested = [period for period, _ in groups.step.seasons] if groups.step else []
    found = cycles(_clipped(series), CYCLE_LEVEL, suggested)
    seasonal = sum((cycle.over(len(series)) for cycle in found), np.zeros(len(series)))
    base = slice(0, max(LEAST_POINTS, int(len(series) * settings["baseline_share"])))
    left = series - seasonal
    centre = float(np.median(left[base]))
    weights = _memory(_clipped(left[base]))
    remembered = _clipped(left) - centre  # one absurd value does not make the next, ordinary one look absurd
    foreseen = np.full(len(left), centre)
    for lag, share in enumerate(weights, 1):
        foreseen[lag:] += share * remembered[:-lag]
    errors = (left - foreseen) * weight
    middle = float(np.median(errors[base]))
    q1, q3 = np.quantile(errors[base], [0.25, 0.75])
    deviation = float(q3 - q1) / (2 * QUARTILE)
    if deviation <= 1e-12 * float(np.abs(series).max()):
        return None
    points = (errors - middle) / deviation
    periods = tuple(cycle.period for cycle in found)
    expected = foreseen + seasonal + middle / weight
    return Chart(series, expected, points, min(base.stop, len(points)), kept, deviation, float(sum(weights)), periods, bounds)


def _clipped(series: Floats) -> Floats:
    """Values held within three robust deviations, so that what is out of control does not set the standard."""
    q1, middle, q3 = np.quantile(series, [0.25, 0.5, 0.75])
    reach = CLIP * max(float(q3 - q1) / (2 * QUARTILE), 1e-300)
    return np.asarray(np.clip(series, middle - reach, middle + reach), dtype=np.float64)


def _memory(left: Floats) -> list[float]:
    """The weights of an autoregression up to order three (Yule-Walker; Schwarz's criterion), none where there is no memory."""
    n = len(left)
    left = left - left.mean()  # around the median of a skewed measure, every lag would seem to be remembered
    moments = np.array([float(left[lag:] @ left[: n - lag]) / n for lag in range(AR_ORDER + 1)])
    if moments[0] <= 0:
        return []
    best, chosen = n * np.log(moments[0]), np.zeros(0)
    for order in range(1, AR_ORDER + 1):
        matrix = moments[np.abs(np.subtract.outer(np.arange(order), np.arange(order)))]
        weights = np.linalg.solve(matrix + 1e-9 * moments[0] * np.eye(order), moments[1 : order + 1])
        variance = max(float(moments[0] - weights @ moments[1 : order + 1]), 1e-12 * moments[0])
        if n * np.log(variance) + order * np.log(n) < best:
            best, chosen = n * np.log(variance) + order * np.log(n), weights
    return [float(weight) for weight in chosen]


def stretches(beyond: NDArray[np.bool_], apart: int) -> list[tuple[int, int]]:
    """(first, last) of the groups of points beyond a limit; groups closer than ``apart`` points are one."""
    places = np.flatnonzero(beyond)
    if not len(places):
        return []
    cuts = np.flatnonzero(np.diff(places) > apart) + 1
    return [(int(part[0]), int(part[-1])) for part in np.split(places, cuts)]


def rows_of(groups: Subgroups, kept: Integers, points: Sequence[int]) -> list[int]:
    """The row numbers at which these points begin."""
    return [groups.order.row(int(groups.edges[kept[point]])) for point in points]
