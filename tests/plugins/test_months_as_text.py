"""Months as text, such as 2024-01: recognised by the profile, an axis of time for the analyses, and the same in their evidence."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from harness_core.sdk.testing import run_plugin
from tests.plugins.stock_duckdb import run_again

PLUGINS = Path(__file__).parents[2] / "plugins"


def sales(separator: str = "-") -> pa.Table:
    """Six years of months, fifty rows each, in disorder; the amount rises for good in January 2022."""
    rng = np.random.default_rng(1)
    months = np.repeat(np.arange("2018-01", "2024-01", dtype="datetime64[M]"), 50)
    amount = rng.normal(100, 10, len(months)) + 8 * (months >= np.datetime64("2022-01"))
    texts = np.array([str(month).replace("-", separator) for month in months])
    order = rng.permutation(len(months))
    return pa.table({"month": texts[order], "amount": amount[order]})


@pytest.mark.parametrize("separator", ["-", "/"])
def test_a_change_is_found_in_its_month_and_can_be_checked(separator: str, tmp_path: Path) -> None:
    """Guards the axis: change points and drift see the order of months, and stock DuckDB gives their numbers again."""
    table = sales(separator)
    profile = run_plugin(PLUGINS / "profile_basic", table)
    month = profile["metrics"]["columns"][0]
    assert (month["semantic_type"], month["role"]) == ("year_month", "time")
    upstream = {"profile_basic": profile}
    change = run_plugin(PLUGINS / "analysis_changepoint", table, upstream=upstream)
    assert change["findings"][0]["statistics"]["time"] == "2022-01-01"
    drift = run_plugin(PLUGINS / "analysis_drift", table, upstream=upstream)
    assert [finding["columns"] for finding in drift["findings"]] == [["amount", "month"]]
    assert run_again(change, table, tmp_path) >= 1
    assert run_again(drift, table, tmp_path) == 1


def test_the_planner_takes_months_for_a_time() -> None:
    """Guards the need for a date or time column."""
    profile = run_plugin(PLUGINS / "profile_basic", sales())
    entry = {"plugin_id": "analysis_x", "type": "analysis", "needs": {"temporal": 1}, "depends_on": []}
    plan = run_plugin(PLUGINS / "planner_basic", {"x": [1]}, upstream={"profile_basic": profile}, plan=[entry])
    assert plan["metrics"]["selection"][0]["selected"]


@pytest.mark.parametrize("values", [["2024-13", "2024-00"], ["2024-1", "2024-2"], ["9024-01", "0024-01"], ["24-01", "24-02"]])
def test_what_only_looks_like_months_is_none(values: list[str]) -> None:
    """Guards codes and broken months."""
    profile = run_plugin(PLUGINS / "profile_basic", {"code": values * 50, "x": list(range(100))})
    assert profile["metrics"]["columns"][0]["semantic_type"] != "year_month"
