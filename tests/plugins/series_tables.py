"""Tables for the analyses of series, and evidence run again by stock DuckDB."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from harness_core.sdk.dataset import data_view
from harness_core.sdk.testing import run_plugin
from tests.plugins.stated_numbers import assert_numbers_have_evidence

PLUGINS = Path(__file__).parents[2] / "plugins"


def days(count: int, start: str = "2023-01-02") -> list[datetime]:
    return [datetime.fromisoformat(start) + timedelta(days=k) for k in range(count)]


def analysed(plugin: str, table: Any, **settings: Any) -> dict[str, Any]:
    """The plugin's answer, with the profile it builds on."""
    table = table if isinstance(table, pa.Table) else pa.table(table)
    profile = run_plugin(PLUGINS / "profile_basic", table)
    return run_plugin(PLUGINS / plugin, table, upstream={"profile_basic": profile}, settings=settings)


def assert_evidence_holds(answer: dict[str, Any], table: Any, folder: Path) -> None:
    """Every query of every finding gives its result again in stock DuckDB, and every number of a sentence comes from evidence."""
    assert_numbers_have_evidence(answer)
    table = table if isinstance(table, pa.Table) else pa.table(table)
    pyarrow.parquet.write_table(table, folder / "data.parquet")
    connection = duckdb.connect()
    connection.execute(data_view(folder / "data.parquet", table.column_names))
    queries = [item for finding in answer["findings"] for item in finding["evidence"] if item["type"] == "query"]
    assert queries
    for item in queries:
        again = [list(row) for row in connection.sql(item["sql"]).fetchall()]
        assert len(again) == len(item["result"]), item["sql"]
        for row, before in zip(again, item["result"], strict=True):
            for value, old in zip(row, before, strict=True):
                assert (value == pytest.approx(old, rel=1e-9)) if isinstance(old, float) else (value == old), item["sql"]


def walk(rng: np.random.Generator, n: int, memory: float) -> Any:
    """An autoregression of the first order."""
    shocks = rng.normal(size=n + 50)
    series = np.zeros(n + 50)
    for k in range(1, n + 50):
        series[k] = memory * series[k - 1] + shocks[k]
    return series[50:]
