"""The scan statistics on planted clusters, and on streams that are busy for a reason: seasons, trends, batches."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from harness_core.sdk.testing import run_plugin
from tests.plugins import example_table
from tests.plugins.series_tables import PLUGINS, analysed, assert_evidence_holds, days

NAME = "analysis_scan_statistics"
DAYS = 200


def stream(seed: int, *, burst: bool = False, group_burst: bool = False, uneven: float = 0.0) -> dict[str, Any]:
    """Rows of 200 days with a working week and a rising level; days differ by more than chance where ``uneven``."""
    rng = np.random.default_rng(seed)
    stamps, groups = [], []
    for k, day in enumerate(days(DAYS)):
        rate = (6 if day.weekday() >= 5 else 20) * (1 + k / DAYS) * (rng.gamma(1 / uneven, uneven) if uneven else 1)
        count = int(rng.poisson(rate * (2.5 if burst and 120 <= k < 124 else 1)))
        shares = np.array([0.4, 0.3, 0.2, 0.1])
        if group_burst and 60 <= k < 70:
            shares = np.array([0.3, 0.22, 0.15, 0.33])
        stamps += [day + timedelta(seconds=int(s)) for s in np.sort(rng.integers(0, 86_400, count))]
        groups += list(rng.choice(["north", "south", "east", "it's west"], count, p=shares))
    return {"at": pa.array(stamps, pa.timestamp("us")), "site": groups, "x": rng.normal(size=len(stamps))}


@pytest.fixture(scope="module")
def answer() -> dict[str, Any]:
    return analysed(NAME, stream(1, burst=True, group_burst=True))


def test_both_clusters_are_found_in_their_days_and_group(answer: dict[str, Any]) -> None:
    """Guards both scans: the busy days altogether, and the group with too many rows, with their first and last day."""
    found = {tuple(f["columns"]): f["statistics"] for f in answer["findings"]}
    assert set(found) == {("at",), ("site", "at")}
    assert found["at",]["from"][:10] == "2023-05-02"
    assert "it's west" in next(f["title"] for f in answer["findings"] if "site" in f["columns"])
    planted = np.datetime64("2023-01-02") + 60
    assert abs((np.datetime64(found["site", "at"]["from"][:10]) - planted).astype(int)) <= 3
    assert all(s["p_value"] <= 0.001 and s["effect"]["value"] > 1.5 for s in found.values())


def test_every_number_comes_from_a_query_or_the_artifact(answer: dict[str, Any], tmp_path: Path) -> None:
    """Guards citeability: stock DuckDB counts the rows again, and the artifact's expected rows add up to the statement's."""
    assert_evidence_holds(answer, stream(1, burst=True, group_burst=True), tmp_path)
    group = next(f for f in answer["findings"] if "site" in f["columns"])
    observed, _, _, _, expected = group["evidence"][0]["result"][0]
    assert group["statistics"]["rows"] == observed
    assert group["statistics"]["expected"] == pytest.approx(expected, rel=1e-6)
    assert "expected_rows.json" in answer["written"]


def test_busy_weeks_rising_levels_and_uneven_days_are_no_clusters() -> None:
    """Guards the null of both scans: at most one of twelve streams without a cluster yields a finding."""
    loud = []
    for seed in range(12):
        found = analysed(NAME, stream(100 + seed, uneven=[0.0, 0.05, 0.2][seed % 3]), max_draws=999)["findings"]
        loud += [(seed, f["title"]) for f in found]
    assert len(loud) <= 1, loud


def test_p_values_are_uniform_under_the_null() -> None:
    """Guards the Monte-Carlo p-values by group: about a tenth of them below one tenth, about half below one half."""
    rng = np.random.default_rng(5)
    p_values = []
    for _ in range(24):
        stamps = np.sort(rng.integers(0, 60, 600)).astype("timedelta64[D]") + np.datetime64("2024-01-01")
        table = {"at": stamps, "g": rng.choice(list("abcd"), 600)}
        (scan,) = [item for item in analysed(NAME, table, max_draws=99)["metrics"]["scans"] if item["column"] == "g"]
        p_values.append(scan["p_value"])
    assert sum(p <= 0.1 for p in p_values) <= 6
    assert 6 <= sum(p <= 0.5 for p in p_values) <= 18


def test_the_example_has_no_cluster() -> None:
    """Guards the example: a working week and a change of policy are no clusters of rows."""
    assert example_table.analysed(NAME)["reason_code"] == "no_cluster"


def test_the_same_seed_gives_the_same_answer_whatever_the_columns_are_called() -> None:
    """Guards determinism: the draws depend on the seed and the counts only."""
    table = stream(2, group_burst=True)
    one = analysed(NAME, table, max_draws=999)["metrics"]["scans"]
    other = analysed(NAME, {"at": table["at"], 'a "b"': table["site"], "x": table["x"]}, max_draws=999)["metrics"]["scans"]
    assert [{**scan, "column": None} for scan in one] == [{**scan, "column": None} for scan in other]


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({"x": [1.0, 2.0] * 40}, "no_time_column"),
        ({"at": [days(1)[0]] * 80, "g": ["a", "b"] * 40}, "no_time_column"),
        ({"at": pa.array([None] * 80, pa.timestamp("us")), "g": ["a", "b"] * 40}, "no_time_column"),
        ({"at": days(5) * 20, "g": ["a", "b"] * 50}, "too_few_steps"),
    ],
)
def test_degenerate_tables_say_why_not(table: dict[str, Any], reason: str) -> None:
    """Guards the tables that cannot be scanned: each has its reason, and none an error."""
    assert analysed(NAME, table)["reason_code"] == reason


def test_without_a_profile_rows_altogether_are_scanned() -> None:
    """Guards the plugin alone: no profile means no groups, and no error."""
    answer = run_plugin(PLUGINS / NAME, stream(3), settings={"max_draws": 99})
    assert [scan["column"] for scan in answer["metrics"]["scans"]] == [None]
