"""The rules of the charts and their limits: single points, EWMA, CUSUM and runs on one side, for values without memory.

Sources: W. A. Shewhart (1931); S. W. Roberts, Technometrics 1 (1959) 239-250; E. S. Page, Biometrika 41 (1954) 100-115; Western
Electric, Statistical Quality Control Handbook (1956), for the runs. All limits belong to the whole chart, not to a point: they come
from simulated charts of the same length and tails, so that a long chart in control gives no more false alarms than a short one.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.signal import lfilter

Floats = NDArray[np.float64]

SIMULATIONS = 199
CUSUM_SLACK = 0.5
EULER = 0.5772156649015329
NORMAL_TAIL_RATIO = 3.449  # of the 1 % to 99 % range to the quartile range, for normal values
RULES = ("single point", "EWMA", "CUSUM", "run on one side")


@dataclass(frozen=True)
class Signals:
    """Per rule its statistic at every point, its limit, and the chance of its largest value in a chart in control."""

    statistics: Mapping[str, Floats]
    limits: Mapping[str, float]
    p_values: Mapping[str, float]


def statistics_of(points: Floats, smoothing: float) -> dict[str, Floats]:
    """The statistic of each rule along the last axis of standardised points."""
    weight = smoothing
    ewma = lfilter([weight], [1.0, weight - 1.0], points, axis=-1)
    places = np.arange(1, points.shape[-1] + 1)
    spread = np.sqrt(weight / (2 - weight) * (1 - (1 - weight) ** (2 * places)))
    return {
        "single point": np.abs(points),
        "EWMA": np.abs(ewma) / spread,
        "CUSUM": _cusum(points),
        "run on one side": _runs(points),
    }


def _cusum(points: Floats) -> Floats:
    """The larger of the two one-sided sums, with a slack of half a deviation."""
    high, low = (_reflected(way * points - CUSUM_SLACK) for way in (1, -1))
    return np.maximum(high, low)


def _reflected(steps: Floats) -> Floats:
    """A sum that is never below nought: the walk less its lowest point so far."""
    walk = np.cumsum(steps, axis=-1)
    return np.asarray(walk - np.minimum(np.minimum.accumulate(walk, axis=-1), 0.0), dtype=np.float64)


def _runs(points: Floats) -> Floats:
    """How many points in a row, up to here, lie on the same side of the centre."""
    side = np.sign(points)
    places = np.arange(points.shape[-1])
    turned = np.concatenate([np.ones((*side.shape[:-1], 1), dtype=bool), side[..., 1:] != side[..., :-1]], axis=-1)
    return np.asarray(places - np.maximum.accumulate(np.where(turned, places, 0), axis=-1) + 1, dtype=np.float64)


def freedom(points: Floats) -> float:
    """Degrees of freedom of Student's law with tails as heavy as these: by the ranges of quantiles, between 2.5 and 200."""
    low, q1, q3, high = np.quantile(points, [0.01, 0.25, 0.75, 0.99])
    ratio = (high - low) / max(q3 - q1, 1e-300)
    if ratio <= NORMAL_TAIL_RATIO:
        return 200.0
    grid = np.geomspace(2.5, 200.0, 60)
    ratios = special.stdtrit(grid, 0.99) / special.stdtrit(grid, 0.75)
    return float(grid[int(np.argmin(np.abs(ratios - ratio)))])


def judge(points: Floats, smoothing: float, level: float, rng: np.random.Generator) -> Signals:
    """All rules on standardised points (quartiles as of a standard normal law), each at a quarter of ``level``."""
    degrees = freedom(points)
    scale = float(special.ndtri(0.75) / special.stdtrit(degrees, 0.75))
    drawn = rng.standard_t(degrees, (SIMULATIONS, len(points))) * scale
    observed, simulated = statistics_of(points, smoothing), statistics_of(drawn, smoothing)
    limits, p_values = {}, {}
    for rule in RULES:
        maxima = simulated[rule].max(axis=-1)
        width = max(float(maxima.std(ddof=1)) * math.sqrt(6) / math.pi, 1e-9)
        place = float(maxima.mean()) - EULER * width
        largest = float(observed[rule].max())
        if rule == "single point":  # its law is known
            tail = 2 * special.stdtr(degrees, -np.array([largest]) / scale)[0]
            p_values[rule] = float(-np.expm1(len(points) * np.log1p(-min(tail, 1 - 1e-16))))
            limits[rule] = float(-special.stdtrit(degrees, -math.expm1(math.log1p(-level / 4) / len(points)) / 2) * scale)
        else:
            p_values[rule] = -math.expm1(-math.exp(min(700.0, -(largest - place) / width)))
            limits[rule] = place - width * math.log(-math.log1p(-level / 4))
    return Signals(observed, limits, p_values)
