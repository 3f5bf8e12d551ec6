"""The change-point plugin on series without a change: noise of many shapes, with memory, trends and seasons."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.plugins.null_tables import null_table
from tests.plugins.series_tables import analysed, days, walk

NAME = "analysis_changepoint"
SURE = 0.01

SHAPES: dict[str, Callable[[np.random.Generator, int], Any]] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "lognormal": lambda rng, n: rng.lognormal(0, 1, n),
    "student t3": lambda rng, n: rng.standard_t(3, n),
    "counts": lambda rng, n: rng.poisson(0.5, n).astype(float),
    "memory 0.5": lambda rng, n: walk(rng, n, 0.5),
    "memory 0.9": lambda rng, n: walk(rng, n, 0.9),
    "random walk": lambda rng, n: np.cumsum(rng.normal(size=n)),
    "trend": lambda rng, n: np.arange(n) * 0.1 + rng.normal(size=n),
}


@pytest.mark.parametrize("rows", [40, 150, 600])
def test_noise_and_wandering_are_no_sure_change(rows: int) -> None:
    """Guards the bootstrap: of eight shapes, with memory or without, hardly one is called a change with p below 0.01."""
    rng = np.random.default_rng(rows)
    answers = [analysed(NAME, {name: draw(rng, rows) for name, draw in SHAPES.items()}) for _ in range(3 if rows < 600 else 1)]
    loud = [f["title"] for answer in answers for f in answer["findings"] if f["statistics"]["p_value"] <= SURE]
    assert len(loud) <= 1, loud


def test_random_tables_are_quiet() -> None:
    """Guards the whole plugin on tables of unrelated columns: none of ten has a change that is sure among all that were looked for."""
    loud = []
    for seed in range(10):
        answer = analysed(NAME, null_table(seed))
        sure = 0.005 / answer["metrics"]["tests"] if answer["findings"] else 0.0
        loud += [(seed, f["title"]) for f in answer["findings"] if f["statistics"]["p_value"] <= sure]
    assert loud == []


def test_groups_of_which_a_block_has_few_rows_are_quiet() -> None:
    """Guards what counts as a mean of many rows: blocks of thirty rows hold but two or three of each of a dozen groups."""
    for seed in (0, 2):
        rng = np.random.default_rng(seed)
        table = {"g": rng.choice([f"v{k}" for k in range(12)], 9000), "v": rng.gamma(0.5, 2, 9000)}
        assert min((f["statistics"]["p_value"] for f in analysed(NAME, table)["findings"]), default=1.0) > 1e-3


def test_a_large_quiet_table_is_quiet() -> None:
    """Guards the means of many rows: a hundred thousand rows over three years, with a working week, without a finding."""
    rng = np.random.default_rng(9)
    n = 100_000
    dates = np.sort(rng.choice(np.array(days(1000), dtype="datetime64[D]"), n))
    table = {"date": dates, "a": rng.lognormal(2, 1, n), "b": rng.integers(0, 9, n), "c": rng.choice(["x", "y", "z"], n)}
    answer = analysed(NAME, table)
    assert (answer["status"], answer["reason_code"]) == ("na", "no_change")
    assert answer["metrics"]["tests"] > 5


def test_rare_values_in_any_order_are_no_change() -> None:
    """Guards what counts as a spike: among many zeros the lone values are the series, not outliers that leave their clusters behind."""
    rng = np.random.default_rng(11)
    table = {f"p{k}": (rng.random(500) < share) * rng.lognormal(3, 1, 500) for k, share in enumerate([0.05] * 5 + [0.1] * 2)}
    table |= {f"f{k}": (rng.random(500) < 0.1).astype(float) for k in range(4)}
    assert min((f["statistics"]["p_value"] for f in analysed(NAME, table)["findings"]), default=1.0) > 1e-3


def test_means_of_few_skewed_rows_are_no_sure_change() -> None:
    """Guards the ranks, and that a level which hardly changes makes no spread: dear rows close together are no change at all."""
    for seed in (41, 42):
        rng = np.random.default_rng(seed)
        answer = analysed(NAME, {f"v{k}": rng.lognormal(3, 1.2, 4700) for k in range(30)})
        assert answer["findings"] == [], seed


def test_a_large_step_in_plain_noise_is_beyond_doubt() -> None:
    """Guards the tail: ranks, or the law fitted to the simulations, say more than that none of ninety-nine shows as much."""
    rng = np.random.default_rng(3)
    table = {name: draw(rng, 400) + 2 * (np.arange(400) >= 250) for name, draw in list(SHAPES.items())[:3]}
    least = {f["columns"][0]: f["statistics"]["p_value"] for f in analysed(NAME, table)["findings"]}
    assert set(least) == set(table)
    assert max(least.values()) < 1e-4
