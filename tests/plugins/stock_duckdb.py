"""The evidence of an answer run again by stock DuckDB, which knows nothing of this product."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet
import pytest

from harness_core.sdk.canonical import jsonable
from harness_core.sdk.dataset import data_view
from tests.plugins.stated_numbers import assert_numbers_have_evidence


def run_again(answer: dict[str, Any], table: pa.Table, folder: Path, others: Mapping[str, pa.Table] | None = None) -> int:
    """Runs every query of every finding over ``table`` and the ``others`` by role; raises AssertionError where one differs, or where
    a sentence prints a number that no evidence yields. Returns how many queries there were."""
    assert_numbers_have_evidence(answer)
    connection = duckdb.connect()
    for role, content in {"data": table, **(others or {})}.items():
        pyarrow.parquet.write_table(content, folder / f"{role}.parquet")
        connection.execute(data_view(folder / f"{role}.parquet", content.column_names, role))
    queries = [item for finding in answer["findings"] for item in finding["evidence"] if item["type"] == "query"]
    for item in queries:
        again = jsonable(connection.sql(item["sql"]).fetchall())
        assert len(again) == len(item["result"]), item["sql"]
        for row, kept in zip(again, item["result"], strict=True):
            assert row == [_like(value, item["tolerance"]) for value in kept], item["sql"]
    return len(queries)


def _like(value: Any, tolerance: float | None) -> Any:
    return pytest.approx(value, rel=tolerance or 0) if isinstance(value, float) else value
