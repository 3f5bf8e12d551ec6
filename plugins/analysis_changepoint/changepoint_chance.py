"""How likely noise would show so clear a change: at one place by the law of the largest of all places, and in the whole series by a
bootstrap of the whole search, for noise with memory or with tails."""

import math
from collections.abc import Sequence

import numpy as np
from changepoint_segments import (
    PARAMETERS,
    Floats,
    Model,
    Partition,
    Sums,
    best_partition,
    best_without_change,
    gains,
    innovations,
    without,
    without_spikes,
)
from scipy import special

from harness_core.sdk.statistics.filters import autoregression

SIMULATIONS = 99
FIRST_LOOK = 12
HOPELESS = 0.3
WARM_UP = 50
MOST_CHANGES = 6
EULER = 0.5772156649015329


def supremum_p(gain: float, length: int, dimension: int) -> float:
    """The chance that the largest of the likelihood-ratio statistics over all places of ``length`` values reaches ``gain`` when
    nothing changes, for ``dimension`` parameters that may change (M. Csörgő and L. Horváth, Limit Theorems in Change-Point
    Analysis, 1997, eq. 1.3.26)."""
    if gain <= dimension + 1:
        return 1.0
    trim = min(0.49, max(1.0, math.log(length)) ** 1.5 / length)
    spread = 2 * math.log((1 - trim) / trim)
    log_density = dimension / 2 * math.log(gain / 2) - gain / 2 - float(special.gammaln(dimension / 2))
    return min(1.0, math.exp(max(log_density, -700.0)) * ((1 - dimension / gain) * spread + 4 / gain))


def change_p_values(sums: Sums, partition: Partition) -> list[float]:
    """Per change the chance of so large a gain at any place, given the other changes, times the number of segments.

    The F statistic of the innovations with and without the change is put on the scale of chi-squared first. Two neighbours that
    bound a passing episode were chosen together, among all pairs of places: a change is no surer than it is with its neighbour.
    """
    n, dimension = len(sums.values), PARAMETERS[partition.model]
    segments = len(partition.starts) + 1
    free = max(4, n - dimension * segments - len(partition.weights))
    full = innovations(partition.residuals, partition.weights)

    def tail(starts: Sequence[int], parameters: int) -> tuple[float, float]:
        """The gain over the partition with these changes only, and the chance of its F statistic."""
        rest = innovations(sums.residuals(starts, partition.model), partition.weights)
        gain = max(0.0, float(rest @ rest - full @ full)) / partition.sigma**2
        return gain, float(special.fdtrc(parameters, free, gain / parameters))

    found = []
    for which in range(len(partition.starts)):
        gain, chance = tail(without(partition, which), dimension)
        scaled = float(special.chdtri(dimension, chance)) if chance > 1e-290 else min(gain, 1400.0)
        found.append(supremum_p(scaled, n, dimension) * segments)
    for first in range(len(partition.starts) - 1):
        others = (*partition.starts[:first], *partition.starts[first + 2 :])
        together = tail(others, 2 * dimension)[1] * n * (n - 1) / 2
        found[first : first + 2] = [max(alone, together) for alone in found[first : first + 2]]
    return [min(1.0, chance) for chance in found]


def series_p(sums: Sums, models: Sequence[Model], penalty: float, rng: np.random.Generator) -> float:
    """The chance that a series without a change, with the memory and the tails of this one, shows as much.

    Series are simulated as the autoregression that describes this one best if nothing changes, driven by its own innovations
    (residual bootstrap), and searched in the same way; without memory its own values in random orders are searched. Two statistics
    are compared, the improvement of the criterion and the largest gain of a single change; the smaller p-value counts twice. Beyond
    the simulations the tail is a Gumbel law (A. M. Abrams, K. Kleinman and M. Kulldorff, Int. J. Health Geogr. 9 (2010) 61).
    """
    null = best_without_change(sums, models, penalty)
    shocks = _shocks(null, best_partition(sums, models, penalty)) if len(null.weights) else None
    observed = _statistics(sums, models, penalty)
    simulated: list[tuple[float, float]] = []
    for count in range(1, SIMULATIONS + 1):
        series = rng.permutation(sums.values)
        if shocks is not None:
            series = _simulated(_damped(null.weights), shocks, len(sums.values), rng)
        series = without_spikes(series)
        simulated.append(_statistics(Sums(series, sums.weights), models, penalty))
        beyond = [sum(item[k] >= observed[k] for item in simulated) for k in (0, 1)]
        if count >= FIRST_LOOK and min(beyond) >= HOPELESS * count:
            break
    return min(1.0, 2 * min(_tail([item[k] for item in simulated], observed[k]) for k in (0, 1)))


def _shocks(null: Partition, found: Partition | None) -> Floats:
    """The innovations of the series without a change; none is larger, in their deviations, than the changes leave any: a jump that
    is a change is no sign of heavy tails."""
    shocks = innovations(null.residuals, null.weights)
    if found is not None and found.starts:
        rest = innovations(found.residuals, found.weights)
        reach = null.sigma * float(np.abs(rest).max()) / found.sigma
        shocks = np.clip(shocks, -reach, reach)
    return np.asarray((shocks - shocks.mean()) * (null.sigma / max(float(shocks.std()), 1e-300)))


def _tail(simulated: Sequence[float], observed: float) -> float:
    """(b + 1) / (m + 1), or the Gumbel tail where fewer than three of the simulated values lie beyond."""
    beyond = sum(value >= observed for value in simulated)
    plain = (beyond + 1) / (len(simulated) + 1)
    if beyond >= 3 or len(simulated) < SIMULATIONS:
        return plain
    scale = max(float(np.std(simulated, ddof=1)) * math.sqrt(6) / math.pi, 1e-9)
    place = float(np.mean(simulated)) - EULER * scale
    return min(plain, -math.expm1(-math.exp(-(observed - place) / scale)))


def _statistics(sums: Sums, models: Sequence[Model], penalty: float) -> tuple[float, float]:
    found = best_partition(sums, models, penalty, most=MOST_CHANGES, at_least=1)
    if found is None:
        return 0.0, 0.0
    return best_without_change(sums, models, penalty).criterion - found.criterion, max(gains(sums, found, penalty))


def _simulated(weights: Floats, shocks: Floats, length: int, rng: np.random.Generator) -> Floats:
    drawn = rng.choice(shocks, size=length + WARM_UP)
    return autoregression(drawn, weights)[WARM_UP:]


def _damped(weights: Floats) -> Floats:
    """The weights, made just stable where they would let the series run away."""
    if not len(weights):
        return weights
    largest = float(np.abs(np.roots(np.concatenate([[1.0], -weights]))).max())
    return weights if largest <= 1 else weights / largest ** np.arange(1, len(weights) + 1)
