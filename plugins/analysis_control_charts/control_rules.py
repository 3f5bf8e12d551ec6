"""The rules of the charts and their limits: single points, EWMA, CUSUM and runs on one side, for values without memory.

Sources: W. A. Shewhart (1931); S. W. Roberts, Technometrics 1 (1959) 239-250; E. S. Page, Biometrika 41 (1954) 100-115; Western
Electric, Statistical Quality Control Handbook (1956), for the runs; B. L. van der Waerden, Indag. Math. 14 (1952) 453-458, for
normal scores. All limits belong to the whole chart, not to a point, so that a long chart in control gives no more false alarms than
a short one.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from harness_core.sdk.statistics.filters import autoregression
from harness_core.sdk.statistics.student import student_tail

Floats = NDArray[np.float64]

SIMULATIONS = 199
CUSUM_SLACK = 0.5
EULER = 0.5772156649015329
LEAST_CHANCE = 1e-300
FAR_OUT, TRIED_SHARE, SYMMETRIC = 6.0, 0.025, 3.84
SINGLE = "single point"
RULES = (SINGLE, "EWMA", "CUSUM", "run on one side")


@dataclass(frozen=True)
class Signals:
    """Per rule its statistic at every point, its limit, and the chance of its largest value in a chart in control.

    A single point's statistic is the number of standard deviations that has the same chance under a normal law."""

    statistics: Mapping[str, Floats]
    limits: Mapping[str, float]
    p_values: Mapping[str, float]


def statistics_of(points: Floats, smoothing: float) -> dict[str, Floats]:
    """The statistic of each rule over several points, along the last axis of normal scores."""
    weight = smoothing
    ewma = autoregression(weight * points, [1.0 - weight])
    places = np.arange(1, points.shape[-1] + 1)
    spread = np.sqrt(weight / (2 - weight) * (1 - (1 - weight) ** (2 * places)))
    return {
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


def tail_chances(points: Floats) -> Floats:
    """The chance of a value as far out as each point, by Student's law with tails as heavy as the other points allow.

    Both sides of the median make one law unless they are skewed; then each has its own, for a skewed measure in control reaches
    further on one side. The points far out, the farthest in any case, are on trial and say nothing about their own law.
    """
    centred = points - np.median(points)
    sides = [np.ones(len(points), dtype=bool)] if _looks_symmetric(points) else [centred >= 0, centred < 0]
    chances = np.ones(len(points))
    for side in sides:
        distances = np.abs(centred[side])
        ascending = np.sort(distances)
        farther = max(1, min(int((ascending > FAR_OUT).sum()), int(TRIED_SHARE * len(points))))
        tail = student_tail(ascending[:-farther], farther)
        if tail is not None:
            chances[side] = tail.beyond(distances)
    return chances


def _looks_symmetric(points: Floats) -> bool:
    """Whether the points within six robust deviations have the skewness of a normal law, by the first part of the statistic of
    C. Jarque and A. Bera, Economics Letters 6 (1980) 255-259, at its level of 5 %."""
    low, middle, high = np.quantile(points, [0.25, 0.5, 0.75])
    kept = points[np.abs(points - middle) * 1.349 <= FAR_OUT * (high - low)]
    spread = float(kept.std()) if len(kept) else 0.0
    if spread == 0 or not math.isfinite(spread):
        return False
    scores = (kept - kept.mean()) / spread
    return len(kept) / 6 * float((scores**3).mean()) ** 2 <= SYMMETRIC


def normal_scores(points: Floats, base: int) -> Floats:
    """The points by their mid-ranks among the first ``base`` ones, as quantiles of a normal law."""
    order = np.sort(points[:base])
    ranks = (np.searchsorted(order, points, "left") + np.searchsorted(order, points, "right")) / 2
    return np.asarray(special.ndtri(np.clip((ranks + 0.5) / (base + 1), 0.5 / (base + 1), 1 - 0.5 / (base + 1))), dtype=np.float64)


def judge(points: Floats, base: int, smoothing: float, level: float, rng: np.random.Generator) -> Signals:
    """All rules on standardised points, each at a quarter of ``level``; the first ``base`` points set the standard.

    The rules over several points see normal scores, and their limits come from the same scores in random orders: exact whatever
    the law of the points, as long as one order is as likely as another. A single point has no order; see ``tail_chances``.
    """
    scores = normal_scores(points, base)
    kept = np.tile(scores[:base], (SIMULATIONS, 1))
    drawn = rng.permuted(kept, axis=1) if base == len(points) else rng.choice(scores[:base], (SIMULATIONS, len(points)))
    observed, simulated = statistics_of(scores, smoothing), statistics_of(drawn, smoothing)
    chances = np.clip(tail_chances(points), LEAST_CHANCE, 1.0)
    alone = -math.expm1(math.log1p(-level / len(RULES)) / len(points))
    limits = {SINGLE: float(-special.ndtri(alone / 2))}
    p_values = {SINGLE: float(-np.expm1(len(points) * np.log1p(-chances.min())))}
    for rule in RULES[1:]:
        maxima = simulated[rule].max(axis=-1)
        width = max(float(maxima.std(ddof=1)) * math.sqrt(6) / math.pi, 1e-9)
        place = float(maxima.mean()) - EULER * width
        largest = float(observed[rule].max())
        p_values[rule] = -math.expm1(-math.exp(min(700.0, -(largest - place) / width)))
        limits[rule] = place - width * math.log(-math.log1p(-level / len(RULES)))
    return Signals({SINGLE: -special.ndtri(chances / 2), **observed}, limits, p_values)
