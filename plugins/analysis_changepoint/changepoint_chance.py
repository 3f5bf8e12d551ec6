"""How likely noise would show so clear a change: at one place by the law of the largest of all places, of the values and of their
ranks, and in the whole series by a bootstrap of the whole search, for noise with memory."""

import math
from collections.abc import Callable, Sequence

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
from numpy.polynomial.hermite_e import hermegauss
from scipy import special

from harness_core.sdk.statistics.filters import autoregression

SIMULATIONS = 99
FIRST_LOOK, SECOND_LOOK = 12, 33
HOPELESS, DECIDED = 0.3, 1e-6
FEW_BEYOND = 3
BOOTSTRAP_VALUES = 160
WARM_UP = 50
ENOUGH_FOR_BIAS = 60
MOST_CHANGES = 6
EULER = 0.5772156649015329
GUMBEL_SCALE_VARIANCE = 1.1  # of the scale by moments, times the number of values, in units of its square
NODES, NODE_WEIGHTS = hermegauss(9)
NODE_WEIGHTS /= NODE_WEIGHTS.sum()


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

    The gain is the F statistic of the innovations with and without the change, put on the scale of chi-squared.
    """
    n = len(sums.values)
    free = max(4, n - PARAMETERS[partition.model] * (len(partition.starts) + 1) - len(partition.weights))
    full = innovations(partition.residuals, partition.weights)

    def gain(starts: tuple[int, ...], parameters: int) -> float:
        rest = innovations(sums.residuals(starts, partition.model), partition.weights)
        over = max(0.0, float(rest @ rest - full @ full)) / partition.sigma**2
        chance = float(special.fdtrc(parameters, free, over / parameters))
        return float(special.chdtri(parameters, chance)) if chance > 1e-290 else min(over, 1400.0)

    return _at_any_place(partition, n, gain)


def rank_p_values(sums: Sums, partition: Partition) -> list[float]:
    """The same chances by normal scores, which no far value and no skew of the values can make small.

    Where a change is none, what its partition leaves over without it comes in random order whatever its law, and the scores of its
    ranks are as good as normal. Values that are equal share the mean of their scores, while the variance stays that of distinct
    ones: the more of them are equal, the less sure is a change.
    """
    root = np.sqrt(sums.weights / sums.weights.mean())

    def gain(starts: tuple[int, ...], _: int) -> float:
        scores = normal_scores(innovations(sums.residuals(starts, partition.model), partition.weights))
        scored = Sums(scores / root, sums.weights)
        rest, full = (scored.residuals(places, partition.model) for places in (starts, partition.starts))
        return max(0.0, float(rest @ rest - full @ full))

    return _at_any_place(partition, len(sums.values), gain)


def _at_any_place(partition: Partition, length: int, gain: Callable[[tuple[int, ...], int], float]) -> list[float]:
    """The chances of the gains, by chi-squared, of each change over the partition without it: ``gain(changes left, parameters)``.

    Two neighbours that bound a passing episode were chosen together, among all pairs of places: a change is no surer than it is
    with its neighbour.
    """
    dimension, segments = PARAMETERS[partition.model], len(partition.starts) + 1
    found = [supremum_p(gain(without(partition, which), dimension), length, dimension) * segments for which in range(segments - 1)]
    for first in range(segments - 2):
        others = (*partition.starts[:first], *partition.starts[first + 2 :])
        together = float(special.chdtrc(2 * dimension, gain(others, 2 * dimension))) * length * (length - 1) / 2
        found[first : first + 2] = [max(alone, together) for alone in found[first : first + 2]]
    return [min(1.0, chance) for chance in found]


def normal_scores(values: Floats) -> Floats:
    """Blom's normal scores of the ranks; equal values share the mean of theirs."""
    n = len(values)
    scores = special.ndtri((np.arange(1, n + 1) - 0.375) / (n + 0.25))
    _, place, sizes = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.add.reduceat(scores, np.cumsum(sizes) - sizes) / sizes)[place])


def series_p(
    values: Floats, weights: Floats, null: Partition, found: Partition,
    models: Sequence[Model], penalty: float, rng: np.random.Generator,
) -> float:  # fmt: skip
    """The chance that a series like ``null``, the partition without a change, shows as much as ``values``, spikes and all, do.

    Without memory the values are searched in random orders, just as they were in their own: no law is assumed. With memory series
    are simulated as the autoregression of ``null``, driven by its own innovations (residual bootstrap). Two statistics are
    compared, the improvement of the criterion and the largest gain of a single change; the smaller p-value counts twice. Beyond
    the simulations the tail is a Gumbel law (A. M. Abrams, K. Kleinman and M. Kulldorff, Int. J. Health Geogr. 9 (2010) 61),
    averaged over how little so many simulations say of its scale.
    """
    shocks = _shocks(null, found) if len(null.weights) else None
    memory = _damped(_unbiased(null.weights, len(values), PARAMETERS[null.model]))
    observed = _statistics(_coarse(values, weights), models, penalty)
    simulated: list[tuple[float, float]] = []
    for count in range(1, SIMULATIONS + 1):
        if shocks is None:
            order = rng.permutation(len(values))
            series = _coarse(values[order], weights[order])
        else:
            series = _coarse(_simulated(memory, shocks, len(values), rng), weights)
        simulated.append(_statistics(series, models, penalty))
        beyond = [sum(item[k] >= observed[k] for item in simulated) for k in (0, 1)]
        if count >= FIRST_LOOK and min(beyond) >= HOPELESS * count:
            break
        if count == SECOND_LOOK and _smaller_tail(simulated, observed) <= DECIDED:
            break
    return min(1.0, _smaller_tail(simulated, observed))


def _smaller_tail(simulated: Sequence[tuple[float, float]], observed: tuple[float, float]) -> float:
    return 2 * min(_tail([item[k] for item in simulated], observed[k]) for k in (0, 1))


def _coarse(values: Floats, weights: Floats) -> Sums:
    """The series without its spikes, in at most so many blocks as a bootstrap can afford."""
    values = without_spikes(values)
    size = -(-len(values) // BOOTSTRAP_VALUES)
    if size == 1:
        return Sums(values, weights)
    edges = np.arange(0, len(values), size)
    total = np.add.reduceat(weights, edges)
    return Sums(np.add.reduceat(weights * values, edges) / total, total)


def _shocks(null: Partition, found: Partition) -> Floats:
    """The innovations of the series without a change; none is larger, in their deviations, than the changes leave any: a jump that
    is a change is no sign of heavy tails."""
    shocks = innovations(null.residuals, null.weights)
    if found.starts:
        rest = innovations(found.residuals, found.weights)
        reach = null.sigma * float(np.abs(rest).max()) / found.sigma
        shocks = np.clip(shocks, -reach, reach)
    return np.asarray((shocks - shocks.mean()) * (null.sigma / max(float(shocks.std()), 1e-300)))


def _tail(simulated: Sequence[float], observed: float) -> float:
    """(b + 1) / (m + 1), or the Gumbel tail where fewer than three of the simulated values lie beyond."""
    beyond = sum(value >= observed for value in simulated)
    plain = (beyond + 1) / (len(simulated) + 1)
    if beyond >= FEW_BEYOND:
        return plain
    scale = max(float(np.std(simulated, ddof=1)) * math.sqrt(6) / math.pi, 1e-9)
    place = float(np.mean(simulated)) - EULER * scale
    scales = scale * (1 + math.sqrt(GUMBEL_SCALE_VARIANCE / len(simulated)) * NODES)
    return min(plain, float(-np.expm1(-np.exp(-(observed - place) / scales)) @ NODE_WEIGHTS))


def _statistics(sums: Sums, models: Sequence[Model], penalty: float) -> tuple[float, float]:
    found = best_partition(sums, models, penalty, most=MOST_CHANGES, at_least=1)
    if found is None:
        return 0.0, 0.0
    return best_without_change(sums, models, penalty).criterion - found.criterion, max(gains(sums, found, penalty))


def _simulated(weights: Floats, shocks: Floats, length: int, rng: np.random.Generator) -> Floats:
    drawn = rng.choice(shocks, size=length + WARM_UP)
    return autoregression(drawn, weights)[WARM_UP:]


def _unbiased(weights: Floats, length: int, parameters: int) -> Floats:
    """The weights with what least squares around a fitted level, or line, takes off their sum (F. H. C. Marriott and J. A. Pope,
    Biometrika 41 (1954) 390-402), up to one; a series of few values is too short for this approximation."""
    total = float(weights.sum())
    if length < ENOUGH_FOR_BIAS or not 0 < total < 1:
        return weights
    lost = (1 + 3 * total if parameters == 1 else 2 + 4 * total) / length
    return weights * (min(1.0, total + lost) / total)


def _damped(weights: Floats) -> Floats:
    """The weights, made just stable where they would let the series run away."""
    if not len(weights):
        return weights
    largest = float(np.abs(np.roots(np.concatenate([[1.0], -weights]))).max())
    return weights if largest <= 1 else weights / largest ** np.arange(1, len(weights) + 1)
