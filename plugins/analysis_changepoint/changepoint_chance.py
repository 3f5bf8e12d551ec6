"""How likely noise with the same memory and the same tails would show so clear a change: a bootstrap of the whole search.

The series is simulated without any change, as the autoregression that describes it best when there is none, driven by the
innovations that the segments leave over (residual bootstrap); the clearest change found in each simulated series makes the scale.
Its upper tail is taken as a Gumbel law (A. M. Abrams, K. Kleinman and M. Kulldorff, Int. J. Health Geogr. 9 (2010) 61), so that
a hundred simulations can tell p-values below one in a hundred.
"""

import math
from collections.abc import Sequence

import numpy as np
from changepoint_segments import Floats, Model, Partition, Sums, best_partition, judge, without_spikes

SIMULATIONS = 99
FIRST_LOOK = 12
WARM_UP = 50
MOST_CHANGES = 6


class Chance:
    """The scale of the largest gain in series without a change. Simulations stop early where they show that nothing stands out."""

    def __init__(self, sums, models, penalty, rng, source='found'):
        self.sums=sums
        null = min((judge(sums, [()], model, penalty)[0] for model in models), key=lambda item: item.criterion)
        found = best_partition(sums, models, penalty, at_least=1)
        self.found=found
        self.observed=null.criterion-found.criterion
        innovations = _innovations(found if source=='found' else null)
        innovations = innovations * (null.sigma / max(float(innovations.std()), 1e-300))
        self.maxima: list[float] = []
        for count in range(1, SIMULATIONS + 1):
            series = without_spikes(_simulated(null, innovations, len(sums.values), rng))
            self.maxima.append(_stat(Sums(series, sums.weights), models, penalty))
            if count >= FIRST_LOOK and sum(value >= self.observed for value in self.maxima) >= 0.25 * count:
                break
        self.p=self.p_value(self.observed)

    def p_value(self, gain: float) -> float:
        """The Gumbel tail beyond ``gain``, but never less than what a bootstrap without any value beyond it may say by a half."""
        values = np.array(self.maxima)
        beyond = int((values >= gain).sum())
        plain = (beyond + 1) / (len(values) + 1)
        if beyond >= 3 or len(values) < SIMULATIONS:
            return plain
        scale = max(float(values.std(ddof=1)) * math.sqrt(6) / math.pi, 1e-9)
        place = float(values.mean()) - 0.5772156649015329 * scale
        return min(plain, -math.expm1(-math.exp(-(gain - place) / scale)))


def _stat(sums, models, penalty):
    found = best_partition(sums, models, penalty, most=MOST_CHANGES, at_least=1)
    null = min((judge(sums, [()], model, penalty)[0] for model in models), key=lambda item: item.criterion)
    return null.criterion-found.criterion


def _innovations(partition: Partition) -> Floats:
    rest = partition.residuals.copy()
    for lag, weight in enumerate(partition.weights, 1):
        rest[lag:] -= weight * partition.residuals[:-lag]
    return np.asarray(rest - rest.mean(), dtype=np.float64)


def _simulated(null: Partition, innovations: Floats, length: int, rng: np.random.Generator) -> Floats:
    from scipy.signal import lfilter

    shocks = rng.choice(innovations, size=length + WARM_UP)
    series = lfilter([1.0], np.concatenate([[1.0], -_damped(null.weights)]), shocks)
    return np.asarray(series[WARM_UP:], dtype=np.float64)


def _damped(weights: Floats) -> Floats:
    """The weights, made just stable where they would let the series run away."""
    if not len(weights):
        return weights
    roots = np.roots(np.concatenate([[1.0], -weights]))
    largest = float(np.abs(roots).max())
    return weights if largest <= 1 else weights / largest ** np.arange(1, len(weights) + 1)
