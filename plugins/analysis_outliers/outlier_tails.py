"""The verdict on one column: which of its largest and smallest values the rest of the column cannot explain."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from harness_core.sdk.statistics.ordered import Ordered
from harness_core.sdk.statistics.robust import (
    MEDCOUPLE_GRID,
    FloatArray,
    adjusted_fences,
    generalized_esd,
    medcouple,
    tail_gap,
)
from harness_core.sdk.statistics.student import student_tail

Direction = Literal["high", "low"]
Scale = Literal["linear", "log"]

GAPS_TRIED = 5
WORTH_A_FIT = 0.05
TAIL_POWER, TAIL_LEAST, TAIL_MOST = 0.7, 20, 400
TAIL_PER_OUTLIER = 5
HEAPED_SHARE = 0.5
LOG_GAIN = 0.05
Z95 = 1.6448536269514722
NORMALITY_LEVEL = 0.05
SHAPIRO_MOST_ROWS = 5000  # beyond, the published approximation of its p-value is not tried
ESD = "generalised ESD"
ESD_MOST = 10


@dataclass(frozen=True)
class TailClaim:
    """``count`` values beyond ``fence`` on one side, the nearest at ``nearest``; ``rest_extreme`` is the last value that belongs.

    ``distance`` is in one-sided robust standard deviations on ``scale``, with a 95 % interval. ``p_value`` counts every gap tried.
    ``p_value_if_normal`` is Rosner's own, which holds if all other values are normal.
    """

    direction: Direction
    count: int
    nearest: float
    rest_extreme: float
    fence: float
    scale: Scale
    test: str
    p_value: float
    expected_count: float | None
    distance: tuple[float, float, float]
    p_value_if_normal: float | None = None


@dataclass(frozen=True)
class Verdict:
    """What was found in a column, and the figures that say how it was judged."""

    claims: tuple[TailClaim, ...]
    scale: Scale
    medcouple: float
    fences: tuple[float, float]
    beyond_fences: tuple[int, int]
    p_value: float


def judge(ordered: Ordered, settings: Mapping[str, Any], esd_level: float) -> Verdict:
    """The verdict on values with a spread. ``esd_level`` is the level of Rosner's test, already shared among columns."""
    scale, skew = better_scale(ordered)
    work = ordered.logged() if scale == "log" else ordered
    low, high = adjusted_fences(work.whole, settings["fence_reach"], skew)
    tests = [_tail_test(ordered, work, scale, direction, (low, high), settings) for direction in ("high", "low")]
    claims = [claim for claim in tests if claim is not None and claim.p_value <= settings["significance"]]
    if not claims and ordered.n <= settings["esd_max_rows"]:
        claims = _esd_claims(ordered.whole, esd_level)
    elif settings["esd_sure_rows"] <= ordered.n <= SHAPIRO_MOST_ROWS:
        far = [claim for claim in _esd_claims(ordered.whole, esd_level) if claim.distance[0] >= settings["esd_sure_sds"]]
        claims = [*(claim for claim in claims if claim.direction not in {item.direction for item in far}), *far]
    p_values = [claim.p_value for claim in (*tests, *claims) if claim is not None]
    back = np.exp if scale == "log" else np.asarray
    beyond = np.searchsorted(work.whole, low, side="left"), ordered.n - np.searchsorted(work.whole, high, side="right")
    return Verdict(
        claims=tuple(claim for claim in claims if _floor(claim, settings) <= claim.distance[0] < math.inf),
        scale=scale,
        medcouple=skew,
        fences=(float(back(low)), float(back(high))),
        beyond_fences=(int(beyond[0]), int(beyond[1])),
        p_value=min(1.0, 2 * min(p_values, default=0.5)),
    )


def _floor(claim: TailClaim, settings: Mapping[str, Any]) -> float:
    """Rosner's test asks for no minimum distance: its critical values are one already."""
    return 0.0 if claim.test == ESD else float(settings["min_robust_sds"])


def better_scale(ordered: Ordered) -> tuple[Scale, float]:
    """Logarithms where all values are positive and clearly more symmetric on that scale, else linear; and the medcouple on it."""
    grid = ordered.grid(MEDCOUPLE_GRID)
    plain = medcouple(grid)
    if ordered.values[0] <= 0 or abs(plain) <= LOG_GAIN:
        return "linear", plain
    logged = medcouple(np.log(grid))
    return ("log", logged) if abs(logged) + LOG_GAIN < abs(plain) else ("linear", plain)


@dataclass(frozen=True)
class Side:
    """The values seen from one end; ``work`` holds them on the scale on which they are judged."""

    ordered: Ordered
    work: Ordered
    direction: Direction

    def _seen(self, values: FloatArray) -> FloatArray:
        return values[::-1] if self.direction == "high" else -values

    @cached_property
    def descending(self) -> FloatArray:
        """All values, the suspects first."""
        return self._seen(self.work.whole)

    def ladder(self, values: Ordered) -> FloatArray:
        """The different ones of ``values``, the suspects first."""
        return self._seen(values.runs[0])

    def at(self, values: Ordered, place: int) -> float:
        """The one of ``values`` at this place, the suspects first."""
        return float(self._seen(values.at(np.array([values.n - 1 - place if self.direction == "high" else place])))[0])


def _tail_test(
    ordered: Ordered,
    work: Ordered,
    scale: Scale,
    direction: Direction,
    fences: tuple[float, float],
    settings: Mapping[str, Any],
) -> TailClaim | None:
    """The most surprising gap on one side beyond the fence, tested; None where nothing lies beyond the fence."""
    limit = _limit(work.whole, fences, direction, settings)
    best = _best_gap(Side(ordered, work, direction), limit) if limit else None
    if best is None:
        return None
    count, p_value, expected = best
    return _claim(ordered.whole, direction, count, scale, "generalised Pareto tail", min(1.0, 2 * p_value), expected)


def _best_gap(side: Side, limit: int) -> tuple[int, float, float] | None:
    """(count, p-value, expected count) of the most surprising gap above at least all but ``limit`` of the values; None without.

    A gap under the ``m`` largest values has the weight 1 / m in a Bonferroni correction over all gaps, tried or not: the few
    farthest values are the usual suspects, and a larger group must be the more striking.
    """
    weight = sum(1 / m for m in range(1, limit + 1))
    results = []
    for m in _promising_gaps(side.descending, limit, weight):
        below, nearest = _around_gap(side.descending, m)
        gap = tail_gap(below, nearest, m)
        p_value = max(gap.p_value * m * weight, _ladder_p(side, m, len(below)))
        results.append((min(1.0, p_value), -m, gap.expected_count))
    if not results:
        return None
    p_value, negative_count, expected = min(results)
    return -negative_count, p_value, expected


def _ladder_p(side: Side, count: int, size: int) -> float:
    """The p-value of the gap among the different values, on the more telling scale; 0 where the tail is not heaped on few.

    Where thousands of rows share a few values, as in a price list, rows say how often a step of the ladder is taken, not how far
    apart the steps are: a top step as far from the next as others from theirs is no outlier, however many rows lie below it.
    """
    if np.count_nonzero(np.diff(side.descending[count : count + size])) + 1 > HEAPED_SHARE * size:
        return 0.0
    p_values = []
    for values in (side.work, side.ordered):
        different = side.ladder(values)
        place = len(different) - int(np.searchsorted(different[::-1], side.at(values, count), side="right"))
        p_values.append(tail_gap(_largest_steps(different[place:]), float(different[place - 1]), 1).p_value)
    return min(p_values)


def _largest_steps(different: FloatArray) -> FloatArray:
    """Of different values, the farthest first, as many as a tail may have."""
    return different[: max(TAIL_LEAST, min(int(len(different) ** TAIL_POWER), TAIL_MOST))]


def _promising_gaps(descending: FloatArray, limit: int, weight: float) -> list[int]:
    """The counts above the gaps that are largest beside the spacing of the values right below them.

    In an exponential tail ``surprise`` is minus the logarithm of the p-value; a gap that reaches little more than half of what a
    correction for all gaps asks for is not worth a fit.
    """
    counts = np.arange(1, limit + 1)
    gaps = descending[:limit] - descending[1 : limit + 1]
    reach = np.minimum(2 * counts + TAIL_LEAST, len(descending) - 1)
    local = (descending[counts] - descending[reach]) / np.log(reach / counts)
    surprise = counts * gaps / np.maximum(local, _units_below(descending, limit, int(reach[-1])))
    asked = np.log(counts * weight / WORTH_A_FIT)
    order = np.argsort(asked - surprise, kind="stable")[:GAPS_TRIED]
    return [int(counts[index]) for index in order if surprise[index] > 0.6 * asked[index]]


def _units_below(descending: FloatArray, limit: int, reach: int) -> FloatArray:
    """For each count up to ``limit``, the smallest step between the values that it leaves, down to ``reach``.

    Never the gap in question itself: where all of those values are equal, as at the top of a price list, it is the step from them
    to the next value further down.
    """
    steps = -np.diff(descending[1 : reach + 1])
    smallest = np.minimum.accumulate(np.where(steps > 0, steps, np.inf)[::-1])[::-1]
    units = np.append(smallest, np.inf)[:limit]
    return np.where(np.isfinite(units), units, _step_down(descending, float(descending[reach])))


def _step_down(descending: FloatArray, value: float) -> float:
    """From ``value`` to the next smaller one; 1 where there is none."""
    position = len(descending) - int(np.searchsorted(descending[::-1], value, side="left"))
    return value - float(descending[position]) if position < len(descending) else 1.0


def tail_verdict(values: FloatArray, fence: float, settings: Mapping[str, Any]) -> tuple[int, float]:
    """How many of the largest values stand apart from the rest, among those beyond ``fence``, and the p-value of that."""
    ordered = Ordered(np.sort(values))
    limit = _limit(ordered.values, (-math.inf, fence), "high", settings)
    best = _best_gap(Side(ordered, ordered, "high"), limit) if limit else None
    return best[:2] if best else (0, 1.0)


def _limit(ordered: FloatArray, fences: tuple[float, float], direction: Direction, settings: Mapping[str, Any]) -> int:
    """How many values may be called outliers on one side: those beyond the fence, up to the largest share."""
    if direction == "high":
        beyond = len(ordered) - int(np.searchsorted(ordered, fences[1], side="right"))
    else:
        beyond = int(np.searchsorted(ordered, fences[0], side="left"))
    return min(beyond, max(3, int(settings["max_share"] * len(ordered))), len(ordered) // 4)


def _around_gap(descending: FloatArray, count: int) -> tuple[FloatArray, float]:
    """The tail below the gap under the ``count`` largest values, and the value next to it from above.

    Rounded data have ties: each group of equal values is spread evenly over its rounding interval, so that a step of one
    rounding unit is no gap.
    """
    n = len(descending)
    size = max(TAIL_LEAST, min(int(n**TAIL_POWER), TAIL_MOST), TAIL_PER_OUTLIER * count)
    part = descending[: min(count + size, n - 1) + 1]
    below = part[count:]
    steps = -np.diff(below)
    if not (steps == 0).any():
        return below, float(part[count - 1])
    unit = float(steps[steps > 0].min()) if (steps > 0).any() else _step_down(descending, float(below[-1]))
    starts = np.flatnonzero(np.concatenate(([True], np.diff(below) != 0)))
    sizes = np.diff(np.concatenate((starts, [len(below)])))
    whole = sizes.copy()  # the threshold may cut its group: what is above it fills only the upper part of the interval
    whole[-1] = max(sizes[-1], np.diff(np.searchsorted(descending[::-1], [below[-1], np.nextafter(below[-1], np.inf)]))[0])
    within = np.arange(len(below)) - np.repeat(starts, sizes)
    spread = 0.5 - (within + 0.5) / np.repeat(whole, sizes)
    return below + unit * spread, float(part[count - 1]) - unit / 2


def _esd_claims(ordered: FloatArray, level: float) -> list[TailClaim]:
    """Rosner's test where the values it leaves look normal; at most ten outliers, as published.

    It chooses the values. Their p-value does not take it for granted that the others are normal: it is the chance under Student's
    law with its tails integrated out, with the weight 1 / m for m values, as all counts up to ten were open, and two sides.
    """
    result = generalized_esd(ordered, ESD_MOST, level)
    if result.outliers == 0:
        return []
    chosen = result.steps[: result.outliers]
    rest = np.delete(ordered, [step.position for step in chosen])
    from scipy.stats import shapiro  # half a second to load, and rarely needed

    if shapiro(rest).pvalue < NORMALITY_LEVEL:
        return []
    middle = float(np.median(ordered))
    tail = student_tail(np.sort(np.abs(rest - middle)), len(chosen))
    weight = 2 * sum(1 / m for m in range(1, ESD_MOST + 1))
    sides: tuple[tuple[Direction, list[float]], ...] = (
        ("high", [step.value for step in chosen if step.value > middle]),
        ("low", [step.value for step in chosen if step.value < middle]),
    )
    claims = []
    for direction, values in sides:
        if values and tail is not None:
            count, nearest = len(values), min(abs(value - middle) for value in values)
            p_value = min(1.0, weight * count * tail.at_least(count, len(ordered), nearest))
            claim = _claim(ordered, direction, count, "linear", ESD, p_value, None)
            claims.append(replace(claim, p_value_if_normal=chosen[-1].p_value))
    return claims


def _claim(
    ordered: FloatArray, direction: Direction, count: int, scale: Scale, test: str, p_value: float, expected: float | None
) -> TailClaim:
    nearest, last = (ordered[-count], ordered[-count - 1]) if direction == "high" else (ordered[count - 1], ordered[count])
    fence = round_between(float(last), float(nearest))
    distance = robust_distance(ordered, float(nearest), direction, scale)
    return TailClaim(direction, count, float(nearest), float(last), fence, scale, test, p_value, expected, distance)


def round_between(one: float, other: float) -> float:
    """A number strictly between two, with as few digits as that allows; ``other`` itself never, ``one`` only if they touch."""
    middle = one + (other - one) / 2
    for digits in range(1, 18):
        candidate = float(f"{middle:.{digits}g}")
        if min(one, other) < candidate < max(one, other):
            return candidate
    return one


def robust_distance(ordered: FloatArray, value: float, direction: Direction, scale: Scale) -> tuple[float, float, float]:
    """(value, low, high): the distance from the median in units of (95th or 5th percentile - median) / 1.645.

    That unit is the standard deviation where data are normal, and it looks only at the side in question. The interval takes the
    order statistics that enclose both quantiles with about 95 % certainty.
    """
    n = len(ordered)
    outer = 0.95 if direction == "high" else 0.05
    change = np.log if scale == "log" else np.asarray
    target = float(change(value))

    def at(probability: float, sigmas: float) -> float:
        shift = sigmas * math.sqrt(probability * (1 - probability) / n)
        index = math.ceil(n * (probability + shift)) - 1
        return float(change(ordered[min(max(index, 0), n - 1)]))

    sign = 1.0 if direction == "high" else -1.0

    def distance(middle_sigmas: float, outer_sigmas: float) -> float:
        middle = at(0.5, middle_sigmas)
        unit = abs(at(outer, outer_sigmas) - middle) / Z95
        return abs(target - middle) / unit if unit > 0 else math.inf

    centre = distance(0.0, 0.0)
    low = distance(0.0, sign * 1.96)
    high = distance(0.0, -sign * 1.96)
    return centre, min(low, centre), max(high, centre)
