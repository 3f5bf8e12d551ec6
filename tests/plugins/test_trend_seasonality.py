"""Trend and seasonality on planted courses, on noise with memory, and on tables in which there is no course at all."""

import importlib
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.plugins import example_table
from tests.plugins.null_tables import null_table
from tests.plugins.series_tables import PLUGINS, analysed, assert_evidence_holds, days, walk

NAME = "analysis_trend_seasonality"
SEED = 8


@pytest.fixture
def cycles_of() -> Iterator[ModuleType]:
    """The plugin's own module of cycles and months, forgotten afterwards."""
    before = set(sys.modules)
    sys.path.insert(0, str(PLUGINS / NAME))
    yield importlib.import_module("trend_cycles")
    sys.path.remove(str(PLUGINS / NAME))
    for name in [name for name in set(sys.modules) - before if name.startswith("trend_")]:
        del sys.modules[name]


def kinds(answer: dict[str, Any]) -> set[tuple[str, tuple[str, ...], Any]]:
    return {(f["kind"], tuple(f["columns"]), f["statistics"].get("period")) for f in answer["findings"]}


def events() -> dict[str, Any]:
    """Rows of 400 days: fewer at weekends, more in the last three days of a month, none for nine days; one measure rises."""
    rng = np.random.default_rng(SEED)
    stamps, height = [], []
    for k, day in enumerate(days(400)):
        rate = 8 if day.weekday() >= 5 else 30
        if (day + timedelta(days=3)).month != day.month:
            rate = int(rate * 1.6)
        count = 0 if 200 <= k < 209 else int(rng.poisson(rate))
        stamps += [day + timedelta(seconds=int(s)) for s in np.sort(rng.integers(0, 86_400, count))]
        height += list(rng.normal(100 + 0.05 * k, 10, count))
    return {"at": pa.array(stamps, pa.timestamp("us")), "height": height, "noise": rng.gamma(2, 2, len(stamps))}


@pytest.fixture(scope="module")
def answer() -> dict[str, Any]:
    return analysed(NAME, events())


def test_what_was_planted_is_found_and_nothing_else(answer: dict[str, Any]) -> None:
    """Guards the working week, the month's end, the gap and the rising measure, on their own columns."""
    assert {(f["kind"], tuple(f["columns"])) for f in answer["findings"]} == {
        ("seasonality", ("at",)),
        ("gap", ("at",)),
        ("trend", ("height", "at")),
    }
    texts = " ".join(f["statement"] for f in answer["findings"])
    assert "weekly cycle" in texts
    assert "last 3 days of a month" in texts
    assert "9 days without a row" in texts


def test_every_number_comes_from_a_query(answer: dict[str, Any], tmp_path: Path) -> None:
    """Guards citeability: stock DuckDB gives Sen's slope, the weekdays, the month's end and the silence again."""
    assert_evidence_holds(answer, events(), tmp_path)
    trend = next(f for f in answer["findings"] if f["kind"] == "trend")
    assert trend["statistics"]["slope_low"] <= trend["statistics"]["slope"] <= trend["statistics"]["slope_high"]
    days_per_step = {"day": 1, "week": 7}[trend["statistics"]["step"]]
    assert trend["statistics"]["slope"] == pytest.approx(0.05 * days_per_step, rel=0.2)


def test_the_example_is_marked_in_full() -> None:
    """Guards the marking scheme: the working week, with its days, and nothing else."""
    answer = example_table.analysed(NAME)
    assert example_table.misses(NAME, answer["findings"]) == []
    assert kinds(answer) == {("seasonality", ("order_date",), 7)}
    assert "lowest on Saturday" in answer["findings"][0]["statement"]


@pytest.mark.parametrize(("period", "cycles"), [(4, 12), (7, 20), (12, 8), (30, 9)])
def test_periods_of_rows_as_they_stand(period: int, cycles: int) -> None:
    """Guards the search over all periods: neither a multiple nor a harmonic is taken, with a trend beneath and noise above."""
    rng = np.random.default_rng(period)
    n = period * cycles + 3
    shape = rng.normal(size=period) * 3
    values = shape[np.arange(n) % period] + 0.02 * np.arange(n) + rng.normal(0, 1, n)
    found = [f["statistics"]["period"] for f in analysed(NAME, {"v": values})["findings"] if f["kind"] == "seasonality"]
    assert found == [period]


def test_a_day_within_a_week_of_hours() -> None:
    """Guards two cycles in one series: hours of the day first, named as such."""
    hours = np.arange(24 * 60)
    stamps = np.datetime64("2024-01-01T00:00:00") + (hours * 60).astype("timedelta64[m]").astype("timedelta64[s]")
    day, week = np.sin(2 * np.pi * hours / 24), (hours // 24 % 7 >= 5) * -3.0
    answer = analysed(NAME, {"at": stamps, "v": 20 + 2 * day + week + np.random.default_rng(1).normal(0, 0.5, len(hours))})
    assert {f["statistics"]["period"] for f in answer["findings"] if f["kind"] == "seasonality"} == {24, 168}
    assert any("06:00" in f["statement"] for f in answer["findings"])


def test_a_missing_month_in_a_regular_calendar() -> None:
    """Guards the plain gap: one month of sixty is not there, which is a fact and no test."""
    months = [m for m in np.arange("2019-01", "2024-01", dtype="datetime64[M]") if str(m) != "2021-06"]
    stamps = np.array(months).astype("datetime64[D]")
    (gap,) = [
        f for f in analysed(NAME, {"at": stamps, "v": np.random.default_rng(1).normal(size=59)})["findings"] if f["kind"] == "gap"
    ]
    assert gap["statistics"]["from"] == "2021-06-01"
    assert "p_value" not in gap["statistics"]
    assert gap["evidence"][0]["result"] == [[0, "2021-05-01", "2021-07-01", 1, 30]]


def test_memory_is_no_trend() -> None:
    """Guards the variance with memory: slow noise, which the plain test calls a trend one time in four, is hardly ever told."""
    rng = np.random.default_rng(3)
    plain = told = 0
    for _ in range(30):
        answer = analysed(NAME, {"v": walk(rng, 120, 0.85)})
        told += any(f["kind"] == "trend" for f in answer["findings"])
        plain += answer["metrics"]["trends"][0]["p_independent"] <= 0.01
    assert plain >= 6
    assert told <= 2


def test_random_tables_are_quiet() -> None:
    """Guards the whole plugin on unrelated columns: a finding in at most one of twelve tables."""
    loud = [(seed, f["title"]) for seed in range(12) for f in analysed(NAME, null_table(seed))["findings"]]
    assert len({seed for seed, _ in loud}) <= 1, loud


def test_three_days_of_a_skewed_measure_are_lower_by_nature(cycles_of: ModuleType) -> None:
    """Guards the ends of months: of 600 p-values over 30 months with a long tail, about one is below 0.002 and not a dozen."""
    rng = np.random.default_rng(7)
    starts = np.array(days(900, "2022-01-01"), dtype="datetime64[us]").astype(np.int64)
    grid = SimpleNamespace(step=SimpleNamespace(name="day"), starts=starts)
    found = []
    for _ in range(300):
        values = rng.lognormal(0, 1.6, 900)
        series = SimpleNamespace(scale=SimpleNamespace(grid=grid), values=values)
        found += [edge.p_value for edge in cycles_of.month_edges(series, values, 1)]
    assert len(found) == 600
    assert sum(p_value <= 0.002 for p_value in found) <= 6


def test_units_change_the_slope_only() -> None:
    """Guards invariance: a thousandfold measure has a thousandfold slope, the same p-value and the same tau."""
    values = np.arange(100) * 0.1 + np.random.default_rng(2).normal(size=100)
    one, other = (analysed(NAME, {"v": values * factor})["findings"][0]["statistics"] for factor in (1, 1000))
    assert other["slope"] == pytest.approx(1000 * one["slope"], rel=1e-8)
    assert (one["p_value"], one["effect"]["value"]) == (other["p_value"], other["effect"]["value"])


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({"v": []}, "too_few_steps"),
        ({"v": [1.0]}, "too_few_steps"),
        ({"v": [None] * 40}, "no_course"),
        ({"v": [3.0] * 40}, "no_course"),
        ({"v": [float("inf")] * 40}, "no_course"),
        ({"at": [days(1)[0]] * 40, "v": list(np.random.default_rng(1).normal(size=40))}, "no_course"),
        ({"k": sorted("abc" * 40), "v": list(np.arange(120.0) % 7)}, "rows_are_grouped"),
    ],
)
def test_degenerate_tables_say_why_not(table: dict[str, Any], reason: str) -> None:
    """Guards the tables without a course: each has its reason, and none an error."""
    assert analysed(NAME, table)["reason_code"] == reason


def test_rows_spread_evenly_over_days_follow_no_cycle() -> None:
    """Guards the floor for counts: 1,826 and 1,827 rows a day in perfect rhythm are an uneven division, and no season."""
    rows = 120_000
    at = np.datetime64("2022-01-01") + (np.arange(rows) * 1095 // rows).astype("timedelta64[D]")
    answer = analysed(NAME, {"at": at, "v": np.random.default_rng(3).normal(size=rows)})
    assert not [f for f in answer["findings"] if f["kind"] == "seasonality"]


@pytest.mark.parametrize(("extra", "told"), [(1, False), (8, True)])
def test_a_row_more_on_mondays_is_no_week(extra: int, told: bool) -> None:
    """Guards the floor for small counts: nine rows on Mondays beside eight are less than unrelated rows differ by; sixteen are not."""
    day = np.repeat(np.arange(364), np.where(np.arange(364) % 7 == 0, 8 + extra, 8))
    at = np.datetime64("2024-01-01") + day.astype("timedelta64[D]")
    answer = analysed(NAME, {"at": at, "v": np.random.default_rng(3).normal(size=len(day))})
    assert any(f["kind"] == "seasonality" and f["columns"] == ["at"] for f in answer["findings"]) is told
