"""The analyses on tables where nothing depends on anything and nothing is wrong: they stay quiet."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness_core.sdk.statistics.effects import chi_square_p, correlation_ratio, informational_correlation, score_correlation
from harness_core.sdk.testing import run_plugin
from tests.plugins.null_tables import null_table

PLUGINS = Path(__file__).parents[2] / "plugins"


def loud(seeds: range) -> list[tuple[int, str]]:
    """(seed, title) of what the two plugins say above info."""
    found = []
    for seed in seeds:
        table = null_table(seed)
        for plugin in ("analysis_dependence", "analysis_outliers"):
            answer = run_plugin(PLUGINS / plugin, table)
            assert answer["status"] in {"ok", "na"}
            found += [(seed, f["title"]) for f in answer["findings"] if f["severity"] != "info"]
    return found


def test_tables_of_noise_are_quiet() -> None:
    """Guards the false alarms of both plugins: of 24 tables of many shapes, with ties, nulls and rare values, at most one speaks."""
    found = loud(range(24))
    assert len({seed for seed, _ in found}) <= 1, found


def test_p_values_of_unrelated_columns_are_calibrated() -> None:
    """Guards every test that a pair can get: over 40 tables, p-values below 0.05 are no more than about five in a hundred."""
    p_values = []
    for seed in range(100, 140):
        answer = run_plugin(PLUGINS / "analysis_dependence", null_table(seed))
        p_values += [pair["p_value"] for pair in answer["metrics"].get("pairs", [])]
    assert len(p_values) > 500
    assert np.mean(np.array(p_values) <= 0.05) <= 0.06
    assert np.mean(np.array(p_values) <= 0.001) <= 0.005


def crossed(seed: int, rows: int, columns: int, n: int) -> NDArray[np.int64]:
    rng = np.random.default_rng(seed)
    table = np.zeros((rows, columns), dtype=np.int64)
    np.add.at(table, (rng.integers(0, rows, n), rng.integers(0, columns, n)), 1)
    return table


def test_strengths_of_nothing_are_about_nought() -> None:
    """Guards the bias correction: many classes and few rows do not make a strength out of noise."""
    values: dict[str, list[float]] = {"information": [], "ranks": [], "eta": []}
    for seed in range(60):
        table = crossed(seed, 8, 8, 400)
        values["information"].append(informational_correlation(table)[0])
        values["ranks"].append(score_correlation(table))
        values["eta"].append(correlation_ratio(table))
    assert np.mean(values["information"]) < 0.15
    assert abs(np.mean(values["ranks"])) < 0.02
    assert np.mean(values["eta"]) < 0.03


def test_the_monte_carlo_p_value_is_never_nought() -> None:
    """Guards (b + 1) / (m + 1) on a sparse table: at least one in m + 1, and a dull table gets a dull one."""
    rng = np.random.default_rng(1)
    sparse = np.zeros((6, 6), dtype=np.int64)
    np.fill_diagonal(sparse, 3)
    p_value, test = chi_square_p(sparse, rng, 9999, 0.05)
    assert (p_value, test) == (1 / 10_000, "chi-squared, Monte Carlo")
    dull = crossed(5, 6, 6, 30)
    p_dull, name = chi_square_p(dull, np.random.default_rng(2), 1_000_000, 1.0)
    assert name == "chi-squared, Monte Carlo"
    assert 0.005 < p_dull <= 1


@pytest.mark.parametrize("seed", [1, 2])
def test_the_seed_decides_the_draws_and_nothing_else(seed: int) -> None:
    """Guards reproducibility: a sparse table judged twice with one seed gives the same answer."""
    table: dict[str, Any] = {"a": list("pqrstuvw") * 7, "b": (["x"] * 6 + ["y"]) * 8}
    one, other = (run_plugin(PLUGINS / "analysis_dependence", table, seed=seed) for _ in range(2))
    assert one["metrics"] == other["metrics"]
    assert one["findings"] == other["findings"]
