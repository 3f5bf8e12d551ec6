"""Periods of a regular series, found from the data: how long a cycle is, what it looks like, and whether noise could do it.

For each period the series, freed of its moving average over one cycle (classical decomposition), is folded into one cycle; what
the folded cycle explains is tested against noise with memory: an autoregression fitted to what the cycle leaves over. The period is
the one whose cycle explains most for its number of parameters (Schwarz 1978), so neither a multiple nor a harmonic is taken for it.
Strength is that of X. Wang, K. Smith and R. Hyndman, Data Min. Knowl. Discov. 13 (2006) 335-364.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]

HARMONICS = 6
AR_ORDER = 3
LEAST_CYCLES = 4
NAMED_CYCLES = 3
LEAST_VALUES = 16
LONGEST_PERIOD = 2100
PEAKS = 8
NEARLY = 0.9
HALF = 0.5


@dataclass(frozen=True)
class Cycle:
    """A period in steps, the mean deviation in each of its phases (phase of step k: k modulo period), the share of what is not
    trend that it explains, and the chance that noise shows as much at any period."""

    period: int
    profile: Floats
    strength: float
    p_value: float
    cycles: float

    def over(self, n: int) -> Floats:
        return np.asarray(self.profile[np.arange(n) % self.period], dtype=np.float64)


def moving_average(values: Floats, period: int) -> Floats:
    """The centred mean over one whole cycle; at the ends the nearest one there is."""
    n = len(values)
    weights = np.full(period + 1, 1.0 / period) if period % 2 == 0 else np.full(period, 1.0 / period)
    if period % 2 == 0:
        weights[[0, -1]] /= 2
    reach = len(weights) // 2
    if n <= 2 * reach:
        return np.full(n, values.mean())
    total = np.concatenate([[0.0], np.cumsum(values)])
    inner = (total[len(weights) :] - total[: -len(weights)]) / period
    if period % 2 == 0:
        inner = inner - (values[: n - 2 * reach] + values[2 * reach :]) / (2 * period)
    slope_left = (inner[-1] - inner[0]) / max(1, len(inner) - 1) if len(inner) > 1 else 0.0
    ends = np.arange(1, reach + 1)
    return np.concatenate([inner[0] - slope_left * ends[::-1], inner, inner[-1] + slope_left * ends])


def find_cycle(values: Floats, level: float, suggested: Sequence[int] = ()) -> Cycle | None:
    """Of the periods whose cycle is significant the one that explains most; where none is, the one with the smallest p-value.

    None where the series is too short or constant.

    ``values`` are finite. Periods from 2 steps to a quarter of the series are tried, and ``suggested`` ones to a third of it; the
    latter, which the calendar names, share one half of the chance of a false alarm, all others the other half.
    """
    n = len(values)
    if n < LEAST_VALUES or float(np.ptp(values)) == 0:
        return None
    named = [period for period in dict.fromkeys(suggested) if 2 <= period <= n // NAMED_CYCLES]
    longest = min(n // LEAST_CYCLES, LONGEST_PERIOD)
    tried = sorted(set(named) | set(_candidates(values, longest)))
    judged = [item for period in tried if (item := _judge(values, period)) is not None]
    if not judged:
        return None

    def p_value(item: _Judged) -> float:
        tests = 2 * len(named) if item.period in named else (2 if named else 1) * max(1, longest - 1)
        return min(1.0, item.p_value * tests)

    sure = [item for item in judged if p_value(item) <= level]
    best = max(sure, key=lambda item: (item.criterion, -item.period)) if sure else min(judged, key=p_value)
    for item in sure:  # a part of the period that does most of it alone is the period; the rest is found in what it leaves over
        if best.period % item.period == 0 and item.strength >= (HALF if item.period in named else NEARLY) * best.strength:
            best = item
            break
    return Cycle(best.period, best.profile, best.strength, p_value(best), n / best.period)


def _candidates(values: Floats, longest: int) -> list[int]:
    """The periods at the peaks of the periodogram and of the autocorrelation, and their neighbours."""
    n = len(values)
    rest = values - np.polyval(np.polyfit(np.linspace(-1, 1, n), values, 1), np.linspace(-1, 1, n))
    rest = rest - moving_average(rest, longest) if 2 <= longest < n else rest
    chosen: list[int] = []
    for series in (rest, np.diff(values)):  # slow swings hide a cycle in the one, quick noise in the other
        power = np.abs(np.fft.rfft(series)) ** 2
        lags = np.fft.irfft(np.abs(np.fft.rfft(series, 2 * n)) ** 2)[: longest + 2]
        peaks = [k for k in range(2, len(lags) - 1) if lags[k] >= lags[k - 1] and lags[k] > lags[k + 1] and lags[k] > 0]
        chosen += sorted(peaks, key=lambda k: (-lags[k], k))[:PEAKS]
        for wave in np.argsort(-power[1:], kind="stable")[:PEAKS] + 1:
            chosen += [round(len(series) / wave) + shift for shift in (-1, 0, 1)]
    chosen += [part for period in list(chosen) for part in (period // 2, period // 3, 2 * period)]
    return sorted({int(period) for period in chosen if 2 <= period <= longest})


@dataclass(frozen=True)
class _Judged:
    criterion: float
    period: int
    p_value: float
    profile: Floats
    strength: float


def _judge(values: Floats, period: int) -> _Judged | None:
    """One period, or None where its cycle explains nothing beyond the noise's own memory."""
    n = len(values)
    rest = values - moving_average(values, period)
    profile = folded(rest, period)
    left = rest - profile[np.arange(n) % period]
    criterion = -math.inf
    for shape, parameters in _shapes(profile):
        whiten = _autoregression(rest - shape[np.arange(n) % period])
        before, after = whiten(rest), whiten(rest - shape[np.arange(n) % period])
        share = float(after @ after) / max(float(before @ before), 1e-300)
        if 0 <= share < 1 and len(after) > 2 * parameters:
            gain = -len(after) * math.log(max(share, 1e-15)) - parameters * math.log(len(after))
            criterion = max(criterion, gain)
    if criterion == -math.inf:
        return None
    chance = n / max(1.0, n - period)  # so much less than the truth is left over where every phase has a mean of its own
    strength = max(0.0, 1 - chance * float(left.var()) / max(float(rest.var()), 1e-300))
    return _Judged(criterion, period, steady_wave_p(rest, period), profile, strength)


def steady_wave_p(rest: Floats, period: int) -> float:
    """Do the cycles agree in the amplitude and phase of some harmonic more than unrelated cycles would?

    Each cycle gives one complex amplitude per harmonic; their mean is compared with their spread (J. D. Victor and J. Mast, A new
    statistic for steady-state evoked potentials, Electroenceph. Clin. Neurophysiol. 78 (1991) 378-388), so memory within a cycle
    costs nothing. The smallest p-value of up to six harmonics, times their number.
    """
    whole = len(rest) // period
    if whole < 2:
        return 1.0
    waves = np.fft.rfft(rest[: whole * period].reshape(whole, period), axis=1)[:, 1 : HARMONICS + 1]
    mean = waves.mean(axis=0)
    spread = (np.abs(waves - mean) ** 2).sum(axis=0) / (whole - 1)
    real = np.array([2 * (k + 1) == period for k in range(waves.shape[1])])  # the fastest wave has no phase
    numerator = np.where(real, 1, 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(spread > 0, whole * np.abs(mean) ** 2 / spread, np.where(np.abs(mean) > 0, np.inf, 0.0))
    p_values = special.fdtrc(numerator, numerator * (whole - 1), ratio)
    return min(1.0, float(np.min(p_values)) * len(p_values))


def folded(rest: Floats, period: int) -> Floats:
    """The mean of each phase, freed of the mean of all."""
    phase = np.arange(len(rest)) % period
    counts = np.bincount(phase, minlength=period)
    profile = np.bincount(phase, weights=rest, minlength=period) / np.maximum(counts, 1)
    return np.asarray(profile - profile.mean(), dtype=np.float64)


def _shapes(profile: Floats) -> list[tuple[Floats, int]]:
    """The profile, and where it is longer than its first harmonics need, these alone; each with its number of parameters."""
    period = len(profile)
    if period <= 2 * HARMONICS + 1:
        return [(profile, period - 1)]
    waves = np.fft.rfft(profile)
    waves[HARMONICS + 1 :] = 0
    return [(profile, period - 1), (np.fft.irfft(waves, period), 2 * HARMONICS)]


def _autoregression(left: Floats) -> Callable[[Floats], Floats]:
    """A filter that takes the memory of ``left`` out of a series (Yule-Walker)."""
    n = len(left)
    order = min(AR_ORDER, max(1, n // 20))
    centred = left - left.mean()
    moments = np.array([float(centred[lag:] @ centred[: n - lag]) for lag in range(order + 1)])
    if moments[0] <= 0:
        return lambda series: series[order:]
    matrix = moments[np.abs(np.subtract.outer(np.arange(order), np.arange(order)))]
    weights = np.linalg.solve(matrix + 1e-9 * moments[0] * np.eye(order), moments[1:])

    def whiten(series: Floats) -> Floats:
        clean = series[order:].copy()
        for lag, weight in enumerate(weights, 1):
            clean -= weight * series[order - lag : n - lag]
        return clean

    return whiten


def cycles(values: Floats, level: float, suggested: Sequence[int] = (), most: int = 2) -> list[Cycle]:
    """At most ``most`` significant cycles, each found in what the ones before leave over."""
    found: list[Cycle] = []
    left = np.asarray(values, dtype=np.float64)
    while len(found) < most:
        cycle = find_cycle(left, level, suggested)
        if cycle is None or cycle.p_value > level or any(known.period % cycle.period == 0 for known in found):
            break
        found.append(cycle)
        left = left - cycle.over(len(left))
    return found
