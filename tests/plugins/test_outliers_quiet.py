"""The outliers plugin on noise: columns without errors, of many shapes and sizes, stay quiet."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness_core.sdk.statistics.robust import adjusted_fences, generalized_esd, medcouple, tail_gap
from harness_core.sdk.statistics.student import student_tail
from harness_core.sdk.testing import run_plugin

PLUGIN = Path(__file__).parents[2] / "plugins" / "analysis_outliers"
Floats = NDArray[np.float64]

SHAPES: dict[str, Callable[[np.random.Generator, int], NDArray[Any]]] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "uniform": lambda rng, n: rng.random(n),
    "lognormal": lambda rng, n: rng.lognormal(0, 1, n),
    "exponential": lambda rng, n: rng.exponential(size=n),
    "student t3": lambda rng, n: rng.standard_t(3, n),
    "integers": lambda rng, n: rng.integers(0, 100, n),
    "Poisson": lambda rng, n: rng.poisson(4, n),
    "prices": lambda rng, n: np.round(rng.lognormal(4, 0.8, n), 2),
}


@pytest.mark.parametrize(("rows", "tables"), [(50, 8), (200, 8), (1000, 6), (10_000, 2), (100_000, 1)])
def test_noise_is_quiet(rows: int, tables: int) -> None:
    """Guards the false alarms: of the columns of noise at most one per size, and no joint finding, is above info."""
    loud = []
    for seed in range(tables):
        rng = np.random.default_rng([rows, seed])
        answer = run_plugin(PLUGIN, {name: draw(rng, rows) for name, draw in SHAPES.items()})
        loud += [(seed, f["title"]) for f in answer["findings"] if f["severity"] != "info"]
    assert len(loud) <= 1, loud


def test_the_tail_test_is_calibrated_in_a_heavy_tail() -> None:
    """Guards the predictive p-value: at most about its level under Student's t with three degrees of freedom."""
    rng = np.random.default_rng(12)
    below = 0
    for _ in range(200):
        values = np.sort(rng.standard_t(3, 2000))[::-1]
        below += tail_gap(values[1:200], float(values[0]), 1).p_value <= 0.05
    assert below <= 26


def test_the_tail_test_has_power() -> None:
    """Guards the other side: a value far beyond a normal tail has a tiny p-value, and next to none is expected there."""
    values = np.sort(np.random.default_rng(1).normal(size=5000))[::-1]
    gap = tail_gap(values[:300], 60.0, 1)
    assert gap.p_value < 1e-8
    assert gap.expected_count < 1e-6


def test_tails_of_unknown_weight_are_not_taken_for_normal() -> None:
    """Guards the predictive chance of the farthest of 122 values: about its level in heavy tails, where a normal law is sure of it in
    every fourth column; and small where the others are normal and the farthest is twelve deviations away."""
    rng, below, sure = np.random.default_rng(6), 0, 0
    for _ in range(200):
        distances = np.sort(np.abs(rng.standard_t(3, 122)))
        tail = student_tail(distances[:-1], 1)
        assert tail is not None
        below += 2 * tail.at_least(1, 122, float(distances[-1])) <= 0.01
        sure += distances[-1] > 4.5 * distances[82]
    assert below <= 4
    assert sure >= 40
    ordinary = student_tail(np.sort(np.abs(rng.normal(size=999))), 1)
    assert ordinary is not None
    assert 2 * ordinary.at_least(1, 1000, 12.0) < 1e-4
    many = np.linspace(0.1, 12.0, 500)
    assert ordinary.beyond(many) == pytest.approx([float(ordinary.beyond(many[k : k + 1])[0]) for k in range(500)], rel=0.01)


def naive_medcouple(values: Floats) -> float:
    """The definition, pair by pair, for values without ties at the median."""
    centred = np.sort(values) - np.median(values)
    pairs = [(a + b) / (a - b) for a in centred[centred >= 0] for b in centred[centred <= 0] if a != b]
    return float(np.median(pairs))


def test_the_medcouple_is_that_of_the_definition() -> None:
    """Guards the medcouple: exact where it says so, and within its bound beyond."""
    rng = np.random.default_rng(3)
    small = rng.lognormal(size=60)
    assert medcouple(np.sort(small)) == pytest.approx(naive_medcouple(small), abs=1e-12)
    large = np.sort(rng.exponential(size=3000))
    assert medcouple(large) == pytest.approx(naive_medcouple(large), abs=0.01)
    assert medcouple(np.array([1.0, 2.0, 2.0, 2.0, 3.0])) == 0.0


def test_fences_lean_towards_the_long_tail() -> None:
    """Guards the adjustment: symmetric data have Tukey's fences, skewed data a longer reach on the long side."""
    even = np.linspace(-1, 1, 501)
    assert adjusted_fences(even) == pytest.approx((-2.0, 2.0), abs=1e-9)
    skewed = np.sort(np.random.default_rng(1).exponential(size=2000))
    q1, q3 = np.quantile(skewed, [0.25, 0.75])
    low, high = adjusted_fences(skewed)
    assert high > q3 + 1.5 * (q3 - q1)
    assert low > q1 - 1.5 * (q3 - q1)


def test_esd_p_values_agree_with_the_critical_values() -> None:
    """Guards Rosner's p-value: below the level exactly where the statistic is beyond its critical value."""
    values = np.append(np.random.default_rng(5).normal(size=60), [6.0, -5.0])
    result = generalized_esd(values, 6, 0.05)
    assert [step.p_value < 0.05 for step in result.steps] == [step.statistic > step.critical for step in result.steps]
    assert result.outliers == 2
