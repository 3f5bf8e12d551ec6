"""The first page of whole tables: what a good analyst would say about them, and nothing that the table's build says by itself."""

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tests.evaluate.whole_table import analyse, told

START = datetime.datetime(2025, 3, 1)


def page(table: pa.Table, folder: Path) -> list[dict[str, Any]]:
    """The insights, first one first."""
    return [dict(finding) for finding in told(analyse(table, folder))]


def test_columns_may_be_called_as_queries_call_theirs(tmp_path: Path) -> None:
    """Guards names: a table with columns class, value, edge, g, s, t … is analysed like any other, by every plugin."""
    rng = np.random.default_rng(5)
    n = 400
    columns: dict[str, Any] = {"t": [START + datetime.timedelta(hours=7 * k) for k in range(n)]}
    columns |= {name: rng.choice(["p", "q", "r"], n, p=[0.8, 0.1, 0.1]) for name in ("g", "s", "class", "edge")}
    columns |= {name: rng.normal(10, 2, n).round(3) for name in ("v", "n", "value", "y", "step", "later")}
    weekday = np.array([moment.weekday() for moment in columns["t"]])
    columns["k"] = (np.arange(n) * 0.02 + 3 * np.sin(2 * np.pi * weekday / 7) + rng.normal(0, 1, n)).round(3)
    columns["x"] = (columns["y"] * 2 + rng.normal(0, 1, n)).round(3)
    columns["n"] += (columns["g"] == "q") * 6
    told_of = {frozenset(finding["columns"]) for finding in page(pa.table(columns), tmp_path)}
    assert {frozenset({"n", "g"}), frozenset({"x", "y"}), frozenset({"k", "t"})} <= told_of


def test_a_sensor_log(tmp_path: Path) -> None:
    """Guards series: a daily cycle, what depends on it, a step, a stretch that stands still; slow drifts beside them depend on
    nothing."""
    rng = np.random.default_rng(3)
    n = 1600
    wave = np.sin(2 * np.pi * np.arange(n) / 24)
    heat = 20 + 4 * wave + rng.normal(0, 0.5, n)
    damp = 60 - 2 * (heat - 20) + rng.normal(0, 1.5, n)
    shake = rng.normal(0.8, 0.1, n)
    damp[900:960] = damp[900]
    shake[1200:] += 0.4
    table = pa.table({
        "at": [START + datetime.timedelta(hours=k) for k in range(n)], "heat": heat.round(2), "damp": damp.round(1),
        "shake": shake.round(3), "pressure": (1013 + rng.normal(0, 0.4, n).cumsum()).round(1),
        "humour": rng.normal(0, 1, n).cumsum().round(2),
    })  # fmt: skip
    first = page(table, tmp_path)
    said = {(finding["kind"], finding["columns"][0]) for finding in first}
    assert {("seasonality", "heat"), ("changepoint", "shake"), ("control_signal", "damp")} <= said
    related = [set(finding["columns"]) for finding in first if finding["kind"] == "dependence"]
    assert related == [{"heat", "damp"}]


def test_thirty_shops(tmp_path: Path) -> None:
    """Guards small tables: thirty rows in which money spent brings sales have that one insight."""
    rng = np.random.default_rng(13)
    spent = rng.uniform(5, 50, 30).round(1)
    table = pa.table({
        "shop": [f"S{k:02d}" for k in range(30)], "side": rng.choice(["north", "south"], 30), "spent": spent,
        "sales": (100 + 3 * spent + rng.normal(0, 15, 30)).round(1), "visitors": rng.poisson(300, 30),
    })  # fmt: skip
    (insight,) = page(table, tmp_path)
    assert set(insight["columns"]) == {"spent", "sales"}
