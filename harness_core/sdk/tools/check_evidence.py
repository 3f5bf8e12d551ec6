"""Runs the queries that a report cites, over the views they are about, in a DuckDB that can reach nothing else.

The queries were written by guests: only single SELECT statements are run, without file or network access, without a way to change
a setting, each and all of them within a time limit. What they return is handed back as it is; the kernel compares.
"""

import time
from collections.abc import Mapping
from threading import Timer
from typing import TYPE_CHECKING, Any

from harness_core.sdk.canonical import compact_bytes, jsonable
from harness_core.sdk.context import PluginContext
from harness_core.sdk.contract import PluginResult
from harness_core.sdk.dataset import Dataset, data_view, quote_text

if TYPE_CHECKING:
    import duckdb

MAX_ANSWER_BYTES = 16 * 1024 * 1024
MAX_MESSAGE = 500


def run(ctx: PluginContext) -> PluginResult:
    """``metrics.answers``: for each of ``settings.queries`` (``sql``, ``max_rows``) its ``rows`` or the ``error`` it ended with."""
    connection = locked_connection(ctx)
    query_s, ends = float(ctx.settings["query_s"]), time.monotonic() + float(ctx.settings["total_s"])
    answers: list[dict[str, Any]] = []
    left = MAX_ANSWER_BYTES
    for number, query in enumerate(ctx.settings["queries"]):
        answer = _answer(connection, query, min(query_s, ends - time.monotonic()))
        size = len(compact_bytes(answer))
        if size > left:
            answer, size = {"error": "the result is too large to compare"}, 0
        left -= size
        answers.append(answer)
        ctx.progress(number + 1, len(ctx.settings["queries"]), "checking evidence")
    return PluginResult.ok("checked", metrics={"answers": answers})


def locked_connection(ctx: PluginContext) -> "duckdb.DuckDBPyConnection":
    """An in-memory database with the view ``data`` (the first dataset version) and a view per role, closed to everything else."""
    import duckdb

    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": 1,
            "memory_limit": f"{int(ctx.settings['engine_memory_mb'])}MB",
            "temp_directory": str(ctx.scratch / "spill"),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )
    connection.execute("SET parquet_metadata_cache = true")
    for role, dataset in ctx.datasets.items():
        connection.execute(_view(dataset, role))
    if ctx.datasets:
        connection.execute(_view(ctx.dataset, "data"))
    paths = ", ".join(quote_text(str(dataset.path)) for dataset in ctx.datasets.values())
    connection.execute(f"SET allowed_paths = [{paths}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def _view(dataset: Dataset, name: str) -> str:
    return data_view(dataset.path, [column.name for column in dataset.columns], name)


def _answer(connection: "duckdb.DuckDBPyConnection", query: Mapping[str, Any], time_s: float) -> dict[str, Any]:
    import duckdb

    if time_s <= 0:
        return {"error": "the time for all queries together was over before this one began"}
    timer = Timer(time_s, connection.interrupt)
    try:
        statements = connection.extract_statements(query["sql"])
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            return {"error": "it is not a single SELECT statement, so it was not run"}
        timer.start()
        rows = connection.execute(statements[0]).fetchmany(int(query["max_rows"]))
        return {"rows": jsonable(rows)}
    except duckdb.InterruptException:
        return {"error": f"it took longer than {time_s:.3g} seconds"}
    except Exception as reason:
        return {"error": f"{type(reason).__name__}: {' '.join(str(reason).split())}"[:MAX_MESSAGE]}
    finally:
        timer.cancel()
