"""Rows altogether: what is due in each step by the season and the level around it, and clusters above that."""

from dataclasses import dataclass

import numpy as np
from scan_windows import Floats, Window, largest, likeliest, monte_carlo
from scipy import special

from harness_core.sdk.statistics.filters import autoregression
from harness_core.sdk.statistics.seasonality import cycles

LONGEST_SHARE = 0.1
AROUND_SHARE = 0.25
CYCLE_LEVEL = 0.01
LEAST_EXPECTED = 0.05


@dataclass(frozen=True)
class Cluster:
    """The likeliest window with its p-value, the number of draws, and what was due in each step."""

    window: Window
    p_value: float
    draws: int
    expected: Floats
    dispersion: float


def expected_counts(counts: Floats, suggested: list[int]) -> Floats:
    """The median of the steps around, in a quarter of the series, times what the cycle adds; scaled to the total."""
    n = len(counts)
    found = cycles(counts, CYCLE_LEVEL, suggested)
    seasonal = sum((cycle.over(n) for cycle in found), np.zeros(n))
    factor = np.maximum(1 + seasonal / max(float(counts.mean()), 1e-300), 0.02)
    adjusted = counts / factor
    reach = max(3, int(AROUND_SHARE * n / 2))
    padded = np.pad(adjusted, reach, mode="reflect" if n > reach else "edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    level = _middle_mean(windows)
    due = np.maximum(level * factor, LEAST_EXPECTED)
    return np.asarray(due * (counts.sum() / due.sum()), dtype=np.float64)


def _middle_mean(windows: Floats) -> Floats:
    """The mean of the middle half: as robust against a cluster as needed, and finer than a median of whole numbers."""
    ordered = np.sort(windows, axis=1)
    quarter = ordered.shape[1] // 4
    return np.asarray(ordered[:, quarter : ordered.shape[1] - quarter].mean(axis=1))


def temporal_cluster(counts: Floats, suggested: list[int], rng: np.random.Generator, most: int) -> Cluster:
    """The likeliest cluster in time. Series under the null have the same expectation, the dispersion of these counts (negative
    binomial where it exceeds Poisson's) and the memory of what is left over."""
    expected = expected_counts(counts, suggested)
    longest = max(1, int(LONGEST_SHARE * len(counts)))
    window = likeliest(counts[None, :], expected[None, :], longest)
    left = (counts - expected) / np.sqrt(expected)
    outside = np.ones(len(counts), dtype=bool)
    outside[window.start : window.start + window.steps] = False
    dispersion = max(1.0, float((left[outside] ** 2).mean()))
    memory = _memory(np.where(outside, left, 0.0))

    def draw(count: int) -> Floats:
        drawn = _simulated(expected, dispersion, memory, count, rng)
        again = drawn.sum(axis=1, keepdims=True) * (expected / expected.sum())[None, :]
        return largest(drawn[:, None, :], again[:, None, :], longest)

    p_value, draws = monte_carlo(window.llr, draw, most)
    return Cluster(window, p_value, draws, expected, dispersion)


def _memory(left: Floats) -> float:
    power = float(left @ left)
    raw = float(left[1:] @ left[:-1]) / power if power > 0 else 0.0
    return min(max(raw + (1 + 3 * raw) / len(left), 0.0), 0.95) if raw > 2 / np.sqrt(len(left)) else 0.0


def _simulated(expected: Floats, dispersion: float, memory: float, count: int, rng: np.random.Generator) -> Floats:
    if dispersion <= 1.0 and memory == 0.0:
        return rng.poisson(expected, (count, len(expected))).astype(np.float64)
    waves = rng.standard_normal((count, len(expected)))
    if memory:
        waves[:, 1:] *= np.sqrt(1 - memory**2)
        waves = autoregression(waves, [memory])
    shape = expected / max(dispersion - 1, 0.05)
    rates = special.gammaincinv(shape, special.ndtr(waves)) * max(dispersion - 1, 0.05)
    return np.asarray(rng.poisson(rates), dtype=np.float64)
