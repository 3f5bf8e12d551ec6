"""What the dependence plugin works out for many sentences at once is what the query beside each gives, number by number."""

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from harness_core.sdk.canonical import canonical_bytes
from harness_core.sdk.statistics import coded
from harness_core.sdk.testing import run_plugin
from tests.plugins.stock_duckdb import run_again

PLUGIN = Path(__file__).parents[2] / "plugins" / "analysis_dependence"
ROWS = 4000


def mixture(seed: int = 3, rows: int = ROWS) -> pa.Table:
    """Numbers of many kinds that go with one another, over all rows and within groups, and lack values in different rows."""
    rng = np.random.default_rng(seed)
    common, ward = rng.normal(size=rows), rng.integers(0, 4, rows)
    dose = 2 * ward + rng.normal(size=rows)
    odd = common + 0.5 * rng.normal(size=rows)
    odd[:3] = np.inf, -np.inf, np.nan
    names = np.array(["north", "south", "east", "west", *(f"rare {k}" for k in range(40))])
    region = np.where(rng.random(rows) < 0.1, rng.integers(4, 44, rows), np.clip(np.round(common + 1.5), 0, 3).astype(int))
    first = datetime.datetime(2024, 1, 1)
    return pa.table(
        {
            "ward": np.array(["A", "B", "C", "D"])[ward],
            "dose": dose,
            "result": pa.array(0.8 * dose - 3 * ward + rng.normal(0, 0.6, rows), mask=rng.random(rows) < 0.05),
            "odd": odd,
            "whole": pa.array(np.round(1e6 * (common + rng.normal(size=rows))).astype(np.int64), mask=rng.random(rows) < 0.2),
            "narrow": (odd + rng.normal(size=rows)).astype(np.float32),
            "curve": np.round(common**2 + 0.3 * rng.normal(size=rows), 3) * np.where(rng.random(rows) < 0.3, 0.0, -1.0),
            "large": (1 << 60) + np.round(1e15 * common).astype(np.int64),
            "region": names[region],
            "day": pa.array([first + datetime.timedelta(minutes=float(m)) for m in 9e4 * common]),
            "tail": np.exp(12 * common) * np.exp(rng.normal(size=rows)),
        }
    )


def answered(table: pa.Table) -> dict[str, Any]:
    return run_plugin(PLUGIN, table, settings={"exact_rank_rows": 0, "max_findings": 100})


@pytest.mark.parametrize("seed", [3, 4])
def test_each_query_gives_what_was_worked_out_for_all(seed: int, tmp_path: Path) -> None:
    """Guards the shared passes against the queries that stand as evidence: whole numbers beyond doubles, floats of half the width,
    infinities, minus nought, ties, long tails, rare categories, times, missing values in different rows, groups of a third column."""
    table = mixture(seed)
    answer = answered(table)
    queries = [item["sql"] for finding in answer["findings"] for item in finding["evidence"]]
    assert run_again(answer, table, tmp_path) == len(queries) >= 15
    for part in ("corr(ra, rb)", "quantile_disc(v", "CASE WHEN count(*) > 2 AND min(a) < max(a)"):
        assert any(part in query for query in queries), part


def test_rows_that_are_not_kept_are_asked_of_the_database_and_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards tables too large to keep: medians come from queries then, and no byte differs."""
    kept = answered(mixture())
    monkeypatch.setattr(coded, "KEPT_BYTES", 0)
    asked = answered(mixture())
    assert canonical_bytes(asked["findings"]) == canonical_bytes(kept["findings"])
    assert canonical_bytes(asked["metrics"]) == canonical_bytes(kept["metrics"])
