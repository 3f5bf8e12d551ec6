"""Event logs with a known truth: a process with a loop and a bottleneck, a job queue with a known number of servers, and tables that
only look like logs."""

import heapq
from collections.abc import Mapping
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
EPOCH = np.datetime64("2024-01-01T08:00:00", "us")
USUAL = ("receive", "check", "decide", "ship", "invoice")


def seconds(values: Any) -> pa.Array:
    """Times so many seconds after the beginning."""
    return pa.array(EPOCH + np.round(np.asarray(values) * 1e6).astype("timedelta64[us]"))


def process_log(seed: int = 1, cases: int = 600) -> pa.Table:
    """Three in ten cases are checked again after the decision, one in ten skips the invoice; shipping takes days, all else minutes."""
    rng = np.random.default_rng(seed)
    rows = []
    for case in range(cases):
        again = rng.random() < 0.3
        path = ["receive", "check", "decide", *(["check", "decide"] if again else []), "ship"]
        path += [] if rng.random() < 0.1 else ["invoice"]
        at = case * 7200.0 + rng.exponential(600)
        for position, activity in enumerate(path):
            at += 0 if not position else rng.gamma(4, 50_000 if activity == "ship" else 400 if not again else 4000)
            rows.append((f"c{case:05d}", activity, at, f"person {rng.integers(9)}", float(rng.normal())))
    order = rng.permutation(len(rows))
    case, activity, at, who, noise = zip(*(rows[place] for place in order), strict=True)
    return pa.table({"noise": noise, "who": who, "what": activity, "when": seconds(at), "order": case})


def job_log(seed: int = 1, jobs: int = 4000, servers: int = 3, load: float = 0.85, slowdown: float = 0.0) -> pa.Table:
    """Jobs that come at random and are taken in order by the first free server; each takes longer by ``slowdown`` per other job."""
    rng = np.random.default_rng(seed)
    came = np.cumsum(rng.exponential(600 / servers / load, jobs))
    takes = rng.gamma(2, 300, jobs)
    free = [(0.0, server) for server in range(servers)]
    begun, ended, by = np.empty(jobs), np.empty(jobs), []
    for job in range(jobs):
        at, server = heapq.heappop(free)
        begun[job] = max(at, came[job])
        beside = sum(end > begun[job] for end, _ in free)
        ended[job] = begun[job] + takes[job] * (1 + slowdown * beside)
        heapq.heappush(free, (ended[job], server))
        by.append(f"srv-{server}")
    kind = rng.choice(["daily", "weekly"], jobs)
    table = {"kind": kind, "asked": seconds(came), "on": by, "done": seconds(ended), "begun": seconds(begun)}
    return pa.table({**table, "size": rng.normal(size=jobs)})


def quiet_log(seed: int) -> pa.Table:
    """Rows of customers, shops and products at random times: everything but an event log."""
    rng = np.random.default_rng([7, seed])
    n = int(rng.integers(200, 6000))
    columns: dict[str, Any] = {"at": seconds(np.sort(rng.uniform(0, 3e7, n)))}
    for name, size in (("customer", max(3, n // int(rng.integers(3, 30)))), ("product", 20), ("status", 4), ("shop", 8)):
        columns[name] = np.array([f"{name}{k}" for k in range(size)])[rng.choice(size, n, p=rng.dirichlet(np.ones(size)))]
    columns["amount"] = rng.lognormal(3, 1, n)
    return pa.table(columns)


def upstream(table: Any, **settings: Any) -> dict[str, dict[str, Any]]:
    """The answers of both profiles."""
    profile = run_plugin(PLUGINS / "profile_basic", table)
    log = run_plugin(PLUGINS / "profile_eventlog", table, upstream={"profile_basic": profile}, settings=settings)
    return {"profile_basic": profile, "profile_eventlog": log}


def analysed(plugin: str, table: Any, settings: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return run_plugin(PLUGINS / plugin, table, upstream=upstream(table), settings=settings, **more)


def stands(table: Any, answer: Mapping[str, Any], folder: Path) -> int:
    """How many evidence queries were run again with stock DuckDB; fails where one gives anything else, and where a sentence prints a
    number that no evidence yields."""
    assert_numbers_have_evidence(answer)
    pyarrow.parquet.write_table(table, folder / "data.parquet", row_group_size=1000)
    connection = duckdb.connect(config={"threads": 2})
    connection.execute(data_view(folder / "data.parquet", table.column_names))
    queries = [item for finding in answer["findings"] for item in finding["evidence"] if item["type"] == "query"]
    for item in queries:
        again = [list(row) for row in connection.sql(item["sql"]).fetchall()]
        assert len(again) == len(item["result"]), item["sql"]
        for one, other in zip(again, item["result"], strict=True):
            close = [pytest.approx(value, rel=item["tolerance"] or 1e-15) if isinstance(value, float) else value for value in other]
            assert one == close, item["sql"]
    return len(queries)
