"""Digits: values heaped at round numbers, and leading digits against Benford's law where it can be expected.

Sources: F. Benford, "The law of anomalous numbers", Proc. Am. Philos. Soc. 78 (1938) 551-572; M. J. Nigrini, "Benford's Law"
(Wiley, 2012) for the mean absolute deviation and its borders.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from distribution_columns import Step, Values
from numpy.typing import NDArray
from scipy import special

from harness_core.sdk.statistics.axes import Floats
from harness_core.sdk.statistics.effects import Z95

HEAPS = (5, 10, 50, 100, 500, 1000)
NEIGHBOURS = 4
LEAST_SPREAD = 1.5
SAME_DIGITS = 0.2
MATTERS = 0.01  # of the median: heaps at every twentieth of a cent of a hundred change nothing
LEAST_HEAPS = 10
COARSE = 0.15  # of the quartiles' distance: rounding to less adds under a three-hundredth to the variance (Sheppard 1898)

FIRST = np.log10(1 + 1 / np.arange(1, 10))
FIRST_TWO = np.log10(1 + 1 / np.arange(10, 100))
BORDERS = ((0.006, "close conformity"), (0.012, "acceptable conformity"), (0.015, "marginal conformity"))


@dataclass(frozen=True)
class Heap:
    """Values that are multiples of ``multiple`` steps: ``at`` of the ``near`` rows within ``neighbours`` steps of one. ``share`` of
    all rows are there beyond what smooth neighbours lead one to expect, with its interval. ``is_coarse`` says that the multiples
    are so wide, beside the distance of the quartiles, that rounding to them changes what the values say."""

    multiple: int
    at: int
    near: int
    neighbours: int
    share: float
    low: float
    high: float
    p_value: float
    is_coarse: bool


def heaps(values: Values) -> tuple[Heap | None, int]:
    """The strongest heaping at multiples of 5 to 1,000 steps, and how many multiples could be tested.

    A heap is compared with the up to four values on each side of it, so that a density which is smooth there gives each the same
    share whatever its slope. Two binomial tests must agree: one over the rows, and one over the heaps, of which not too many may
    be higher than all their neighbours; the latter keeps a few frequent values from passing for a habit.
    """
    step = values.step
    if step is None:
        return None, 0
    spread, middle = _spread(step), abs(float(values.ordered[values.n // 2])) / step.size
    found = [_heap(step, multiple) for multiple in HEAPS if MATTERS * middle <= multiple <= spread / LEAST_SPREAD]
    tested = [heap for heap in found if heap is not None]
    if not tested:
        return None, 0
    best = max(tested, key=lambda heap: (round(heap.share, 2), heap.multiple))
    p_value = min(1.0, min(heap.p_value for heap in tested) * len(tested))
    return replace(best, p_value=p_value, is_coarse=best.multiple >= COARSE * spread), len(tested)


def _spread(step: Step) -> float:
    """The distance between the quartiles, in steps."""
    cumulated = np.cumsum(step.counts)
    low, high = (int(step.whole[int(np.searchsorted(cumulated, part * cumulated[-1]))]) for part in (0.25, 0.75))
    return float(high - low)


def _heap(step: Step, multiple: int) -> Heap | None:
    reach = min(NEIGHBOURS, (multiple - 1) // 2)
    rest = step.whole % multiple
    distance = np.minimum(rest, multiple - rest)
    usable = (np.abs(step.whole) > multiple // 2) & (distance <= reach)
    at = int(step.counts[usable & (distance == 0)].sum())
    near = int(step.counts[usable].sum())
    homes, places = np.unique((step.whole[usable] + multiple // 2) // multiple, return_inverse=True)
    if near < 50 or len(homes) < LEAST_HEAPS:
        return None
    on, beside = np.zeros(len(homes), dtype=np.int64), np.zeros(len(homes), dtype=np.int64)
    counts, is_on = step.counts[usable], distance[usable] == 0
    on[places[is_on]] = counts[is_on]
    np.maximum.at(beside, places[~is_on], counts[~is_on])
    chance = 1 / (2 * reach + 1)
    observed = at / near
    part = near / int(step.counts.sum()) / (1 - chance)
    share = (observed - chance) * part
    error = math.sqrt(max(observed * (1 - observed), 1 / near) / near) * part
    p_value = max(_at_least(at, near, chance), _at_least(int((on > beside).sum()), len(homes), chance))
    return Heap(multiple, at, near, reach, share, max(-1.0, share - Z95 * error), min(1.0, share + Z95 * error), p_value, False)


def _at_least(count: int, n: int, chance: float) -> float:
    """The chance of ``count`` or more of ``n``."""
    return float(special.bdtrc(count - 1, n, chance)) if count else 1.0


@dataclass(frozen=True)
class Leading:
    """Leading digits of the positive values: counts, mean absolute deviations, and why the law cannot be expected, if so."""

    n: int
    first: NDArray[np.int64]
    first_two: NDArray[np.int64]
    reasons: tuple[str, ...]

    @property
    def chi_squared(self) -> tuple[float, float]:
        return _chi_squared(self.first, FIRST), _chi_squared(self.first_two, FIRST_TWO)

    @property
    def deviation(self) -> tuple[float, float]:
        """Mean absolute deviation of the shares of first digits, and of first two digits."""
        return _deviation(self.first, FIRST), _deviation(self.first_two, FIRST_TWO)

    @property
    def p_value(self) -> float:
        return float(special.chdtrc(8, self.chi_squared[0]))

    @property
    def conformity(self) -> str:
        """Nigrini's class of the first digits' deviation."""
        return next((name for border, name in BORDERS if self.deviation[0] <= border), "nonconformity")

    @property
    def noise(self) -> float:
        """The deviation of first digits to be expected from chance alone."""
        return float(np.sqrt(2 * FIRST * (1 - FIRST) / (math.pi * self.n)).mean())


def leading(values: Values, least_rows: int, least_orders: float) -> Leading | None:
    """None without positive values. The boundaries are exact decimals, so 0.3 has the first digit 3."""
    positive = values.ordered[np.searchsorted(values.ordered, 0.0, side="right") :]
    if not len(positive):
        return None
    exponents = range(math.floor(math.log10(positive[0])) - 1, math.floor(math.log10(positive[-1])) + 2)
    edges = np.array([float(f"{digits}e{exponent - 1}") for exponent in exponents for digits in range(10, 100)])
    counts = np.diff(np.append(np.searchsorted(positive, edges), len(positive))).reshape(-1, 90).sum(axis=0)
    reasons = _reasons(values, positive, least_rows, least_orders)
    return Leading(len(positive), counts.reshape(9, 10).sum(axis=1), counts, reasons)


def _reasons(values: Values, positive: Floats, least_rows: int, least_orders: float) -> tuple[str, ...]:
    low, high = (float(positive[int(part * (len(positive) - 1))]) for part in (0.01, 0.99))
    distinct, counts = values.runs
    reasons = [] if len(positive) >= least_rows else [f"fewer than {least_rows:,} positive values"]
    reasons += [] if len(positive) >= 0.9 * values.n else ["more than a tenth of the values are not positive"]
    if math.log10(high / low) < least_orders:
        reasons.append(f"the middle 98 % of the values span less than {least_orders:g} orders of magnitude")
    if len(distinct) < 100 or counts.max() > SAME_DIGITS * values.n:
        reasons.append("too few different values, or one that is too frequent")
    return tuple(reasons)


def _deviation(counts: NDArray[np.int64], expected: Floats) -> float:
    return float(np.abs(counts / counts.sum() - expected).mean())


def _chi_squared(counts: NDArray[np.int64], expected: Floats) -> float:
    n = int(counts.sum())
    return float(((counts - n * expected) ** 2 / (n * expected)).sum())
