"""The longer plugins say how far they are in rows of the table, so that people are shown a rate and the time that is left."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness_core.sdk.testing import run_plugin

PLUGINS = Path(__file__).parents[2] / "plugins"
ROWS = 4_000
LONG = (
    "analysis_changepoint",
    "analysis_concentration",
    "analysis_conformal_anomaly",
    "analysis_control_charts",
    "analysis_dependence",
    "analysis_distribution",
    "analysis_group_differences",
    "analysis_missingness",
    "analysis_outliers",
    "analysis_period_effect",
    "analysis_pii_scan",
    "analysis_scan_statistics",
    "analysis_trend_seasonality",
)


@pytest.fixture(scope="module")
def table() -> dict[str, Any]:
    rng = np.random.default_rng(5)
    day = [date(2022, 1, 1) + timedelta(days=int(900 * row / ROWS)) for row in range(ROWS)]
    amount = rng.lognormal(3, 1, ROWS)
    return {
        "day": day,
        "region": rng.choice(["North", "South", "East"], ROWS).tolist(),
        "customer": [f"C{number:03d}" for number in rng.integers(0, 300, ROWS)],
        "amount": amount.round(2).tolist(),
        "weight": [None if gone else value for gone, value in zip(rng.random(ROWS) < 0.2, rng.normal(9, 2, ROWS), strict=True)],
    }


@pytest.fixture(scope="module")
def profile(table: dict[str, Any]) -> dict[str, Any]:
    return run_plugin(PLUGINS / "profile_basic", table)


@pytest.mark.parametrize("plugin", LONG)
def test_progress_is_told_in_rows(plugin: str, table: dict[str, Any], profile: dict[str, Any]) -> None:
    """Every note is a number of rows out of all rows of the table, whatever the plugin counts within."""
    answer = run_plugin(PLUGINS / plugin, table, upstream={"profile_basic": profile})
    notes = [frame for frame in answer["frames"] if frame["type"] == "progress"]
    assert notes, answer["summary"]
    assert {(note["unit"], note["total"]) for note in notes} == {("rows", float(ROWS))}
    assert all(0 <= note["done"] <= ROWS for note in notes)
