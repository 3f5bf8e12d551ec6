"""Large tables whose columns repeat few values: counting these instead of sorting all rows changes no word and no number."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from harness_core.sdk.statistics.ordered import WORTH_COUNTING
from harness_core.sdk.testing import run_plugin
from tests.plugins.stock_duckdb import run_again

PLUGINS = Path(__file__).parents[2] / "plugins"
ROWS = WORTH_COUNTING + 20_000
Answer = dict[str, Any]


@pytest.fixture(scope="module")
def table() -> pa.Table:
    """Prices with a misplaced point, weights in two humps, a skewed wait that grows later on and has holes, sizes that go with the
    weights but in three rows, and times in no order."""
    rng = np.random.default_rng(11)
    late = rng.permutation(ROWS) >= ROWS // 2
    price = np.round(rng.normal(50, 4, ROWS), 1)
    price[[17, 90_000]] = 505.0, 498.0
    weight = np.where(rng.random(ROWS) < 0.6, np.round(rng.normal(200, 12, ROWS)), np.round(rng.normal(320, 12, ROWS)))
    size = np.round(weight / 4 + rng.normal(0, 1, ROWS), 1)
    size[[5, 60_000, 100_001]] = 81.0, 81.3, 80.8
    weight[[5, 60_000, 100_001]] = 200.0, 201.0, 199.0
    wait = np.round(rng.lognormal(1.0 + 0.4 * late, 0.9, ROWS), 1)
    wait[7] = np.inf
    days = np.datetime64("2023-01-01") + np.where(late, rng.integers(150, 300, ROWS), rng.integers(0, 150, ROWS))
    return pa.table({
        "day": days.astype("datetime64[D]"), "price": price, "weight": pa.array(weight).cast(pa.int64()), "size": size,
        "wait": pa.array(wait, mask=rng.random(ROWS) < 0.02),
    })  # fmt: skip


@pytest.fixture(scope="module")
def profile(table: pa.Table) -> Answer:
    return run_plugin(PLUGINS / "profile_basic", table)


def unknown_counts(profile: Answer) -> Answer:
    """The profile of somebody who does not know how many different numbers a column has."""
    columns = [
        {key: value for key, value in column.items() if key != "distinct_count" or column["name"] == "day"}
        for column in profile["metrics"]["columns"]
    ]
    return {**profile, "metrics": {**profile["metrics"], "columns": columns}}


def said(answer: Answer) -> list[Any]:
    """All but the queries, which may be put in another way."""
    findings = [
        {**finding, "evidence": [item.get("result", item.get("refs")) for item in finding["evidence"]]}
        for finding in answer["findings"]
    ]
    return [answer["status"], answer["summary"], answer["metrics"], findings]


@pytest.mark.parametrize(
    ("plugin", "kinds"),
    [
        ("analysis_outliers", {"outlier", "anomaly"}), ("analysis_distribution", {"multimodality", "distribution_shape"}),
        ("analysis_drift", {"drift"}), ("analysis_conformal_anomaly", {"anomaly"}),
    ],
)  # fmt: skip
def test_counted_columns_are_judged_as_sorted_ones(
    plugin: str, kinds: set[str], table: pa.Table, profile: Answer, tmp_path: Path
) -> None:
    """Guards both ways against one another, with findings of every kind, and the queries of the counted way in stock DuckDB."""
    counted = run_plugin(PLUGINS / plugin, table, upstream={"profile_basic": profile})
    sorted_here = run_plugin(PLUGINS / plugin, table, upstream={"profile_basic": unknown_counts(profile)})
    assert {finding["kind"] for finding in counted["findings"]} == kinds
    assert said(counted) == said(sorted_here)
    assert run_again(counted, table, tmp_path) >= len(counted["findings"])
