"""Durations: planted changes, slow groups, deadlines and open rows are told with the right numbers, and nothing where nothing is."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from harness_core.sdk.canonical import canonical_bytes
from harness_core.sdk.testing import run_plugin
from tests.plugins.stock_duckdb import run_again

PLUGINS = Path(__file__).parents[2] / "plugins"
DAY = np.timedelta64(1, "D")
ROWS = 3_000


def looked_at(table: Any, **more: Any) -> dict[str, Any]:
    profile = run_plugin(PLUGINS / "profile_basic", table)
    answer = run_plugin(PLUGINS / "analysis_durations", table, upstream={"profile_basic": profile}, **more)
    assert answer["status"] != "error", answer["error"]
    return answer


def told(answer: dict[str, Any], *kinds: str) -> list[dict[str, Any]]:
    return [finding for finding in answer["findings"] if finding["severity"] != "info" and (not kinds or finding["kind"] in kinds)]


def issued(count: int = ROWS) -> Any:
    """Dates over two years, several rows a day."""
    return np.datetime64("2023-01-01") + (np.arange(count) * 730 // count) * DAY


def lasting(days: Any) -> Any:
    return np.maximum(0, np.round(days)).astype("timedelta64[D]")


def invoices(seed: int = 1, *, longer: float = 0.0, slow: float = 0.0, drift: float = 0.0) -> dict[str, Any]:
    """Paid about 25 days after they were issued; ``longer`` from 2024-03-01 on, ``slow`` where the country is FR, ``drift`` more at
    the end than at the beginning (all in days)."""
    draw, begun = np.random.default_rng(seed), issued()
    country = draw.choice(["DE", "FR", "IT"], ROWS)
    days = draw.normal(25, 6, ROWS) + longer * (begun >= np.datetime64("2024-03-01")) + slow * (country == "FR")
    days += drift * np.arange(ROWS) / ROWS
    return {"issued": begun, "paid": begun + lasting(days), "country": country}


def test_a_slow_group_may_be_a_flag(tmp_path: Path) -> None:
    """Guards the value in the query: DuckDB writes true where Python writes True."""
    table = invoices(slow=10)
    table["abroad"] = table.pop("country") == "FR"
    answer = looked_at(table)
    (finding,) = told(answer)
    assert finding["title"].endswith('where "abroad" is true')
    assert run_again(answer, pa.table(table), tmp_path)


def test_rows_that_nearly_all_begin_at_once_have_no_before() -> None:
    """Guards the cut of a course: half of the rows and more on its first day."""
    table = invoices()
    table["issued"] = np.where(np.arange(ROWS) < 0.7 * ROWS, table["issued"][0], table["issued"])
    table["paid"] = table["issued"] + lasting(np.arange(ROWS) / 50)
    assert looked_at(table)["status"] == "ok"


def test_what_takes_as_long_as_the_table_reaches_has_no_course() -> None:
    """Guards the rows left out at the end: where hardly any row began long enough ago, nothing is said about changes."""
    table = invoices()
    days = np.random.default_rng(9).uniform(500, 900, ROWS)
    paid = table["issued"] + lasting(days)
    table["paid"] = pa.array(paid, mask=paid > np.datetime64("2024-12-30"))
    answer = looked_at(table)
    assert [finding["kind"] for finding in told(answer)] == []
    assert {"name": 'from "issued" to "paid"', "reason": "too few rows began long enough ago"} in answer["metrics"]["left_out"]


@pytest.mark.parametrize("longer", [6, 10, 30, -8])
def test_a_change_is_told_with_its_day(longer: int) -> None:
    """Guards the cut: the day, both medians, and the direction."""
    (finding,) = told(looked_at(invoices(longer=longer)))
    assert finding["kind"] == "changepoint"
    assert finding["columns"] == ["issued", "paid"]
    away = np.datetime64(finding["statistics"]["time"]) - np.datetime64("2024-03-01")
    assert abs(away) <= 5 * DAY
    assert abs(finding["statistics"]["after_median_s"] - finding["statistics"]["before_median_s"] - longer * 86_400) <= 86_400
    assert ("longer" in finding["title"]) == (longer > 0)
    assert finding["figure"]["marks"][0]["x"] == finding["statistics"]["time"]


def test_what_doubles_is_a_warning() -> None:
    (finding,) = told(looked_at(invoices(longer=30)))
    assert finding["severity"] == "warning"


def test_a_slow_rise_is_no_change_of_a_day() -> None:
    """Guards the comparison of a step with a line."""
    (finding,) = told(looked_at(invoices(drift=30)))
    assert finding["kind"] == "trend"


def test_a_slow_group_is_told_with_both_medians() -> None:
    (finding,) = told(looked_at(invoices(slow=10)))
    assert finding["kind"] == "group_difference"
    assert finding["columns"] == ["issued", "paid", "country"]
    assert "FR" in finding["title"]
    assert finding["statistics"]["inside_median_s"] - finding["statistics"]["outside_median_s"] == pytest.approx(
        10 * 86_400, abs=86_400
    )


def test_a_group_that_is_only_of_a_slow_time_is_not_told() -> None:
    """Guards the comparison within time: a country that was served only while everything took longer is not slow itself."""
    table = invoices(longer=20)
    table["country"] = np.where(table["issued"] >= np.datetime64("2024-03-01"), "FR", "DE")
    assert [finding["kind"] for finding in told(looked_at(table))] == ["changepoint"]


def test_durations_that_depend_on_nothing_are_quiet() -> None:
    """Many tables, some with a memory from day to day: nothing above a fact, and small p-values as rare as they should be."""
    p_values = []
    for seed in range(24):
        draw, begun = np.random.default_rng(seed), issued(600)
        days = draw.lognormal(2, 0.8, 600)
        if seed % 3 == 0:
            for place in range(1, 600):
                days[place] = 0.6 * days[place - 1] + 0.4 * days[place]
        table = {"a": begun, "b": begun + lasting(days), "g": draw.choice(["x", "y", "z"], 600)}
        answer = looked_at(table)
        assert told(answer) == [], seed
        assert answer["metrics"]["tests"] == 4
        p_values += [f["statistics"]["p_value"] for f in answer["findings"] if "p_value" in f["statistics"]]
    assert p_values == []


def test_a_deadline_is_known_and_what_comes_after_it_is_counted() -> None:
    """Guards that a reckoned time is not taken for something that happened: no duration leads to it."""
    table = invoices()
    table["due"] = table["issued"] + 30 * DAY
    answer = looked_at(table)
    late = int((table["paid"] > table["due"]).sum())
    (finding,) = told(answer)
    assert finding["title"].startswith('"paid" is after "due" in ')
    assert f"in {late:,} of 3,000 rows" in finding["statement"]
    assert [pair["columns"] for pair in answer["metrics"]["pairs"]] == [["issued", "paid"]]
    assert any(f["title"] == '"due" is always 30 days after "issued"' for f in answer["findings"])
    table["due"][:3] += DAY
    assert any(f["title"] == '"due" is nearly always 30 days after "issued"' for f in looked_at(table)["findings"])


def test_steps_follow_one_another_and_are_not_told_twice() -> None:
    """Of three times in order only neighbours are paired: a slower last step is not told of the whole way too."""
    draw, begun = np.random.default_rng(3), issued()
    packed = begun + lasting(draw.normal(5, 1, ROWS))
    sent = packed + lasting(draw.normal(4, 1, ROWS) + 5 * (begun >= np.datetime64("2024-01-01")))
    answer = looked_at({"sent": sent, "ordered": begun, "packed": packed})
    assert [pair["columns"] for pair in answer["metrics"]["pairs"]] == [["ordered", "packed"], ["packed", "sent"]]
    assert [finding["columns"] for finding in told(answer)] == [["packed", "sent"]]


def test_the_latest_rows_do_not_make_it_look_quicker_and_old_ones_are_open(tmp_path: Path) -> None:
    """Guards against censoring: what is not over yet is left out of the course; what is overdue is told, with its rows."""
    table = invoices()
    today = np.datetime64("2024-12-30")
    paid = table["paid"].astype("datetime64[D]")
    forgotten = [100, 700, 1500]
    missing = paid > today
    missing[forgotten] = True
    table["paid"] = pa.array(paid, mask=missing)
    answer = looked_at(table)
    (finding,) = told(answer)
    assert run_again(answer, pa.table(table), tmp_path)
    assert finding["title"] == '3 rows are still without "paid" after a long time'
    assert [int(ref.split("=")[1]) for ref in finding["evidence"][2]["refs"]] == forgotten


def test_ends_that_are_missing_here_and_there_are_not_called_open() -> None:
    """Guards the inference: only where the latest rows lack their end does a missing end mean that something is open."""
    table = invoices()
    table["paid"] = pa.array(table["paid"], mask=np.random.default_rng(5).random(ROWS) < 0.03)
    assert told(looked_at(table)) == []


def test_a_duration_that_a_column_holds_is_left_to_that_column() -> None:
    """What other analyses say of the column need not be said twice."""
    table = invoices(longer=20)
    table["days"] = (table["paid"] - table["issued"]).astype(int)
    answer = looked_at(table)
    assert told(answer) == []
    assert {"name": 'from "issued" to "paid"', "reason": '"days" holds this duration'} in answer["metrics"]["left_out"]


def test_every_number_can_be_had_from_stock_duckdb(tmp_path: Path) -> None:
    table = invoices(longer=20, slow=12)
    table["due"] = table["issued"] + 30 * DAY
    answer = looked_at(table)
    assert len(answer["findings"]) >= 4
    assert run_again(answer, pa.table(table), tmp_path) == len(answer["findings"])


@pytest.mark.parametrize(
    "names", [("s", "d", "inside"), ("begun", "e", "s"), ("row_index", "data", "g"), ('a "b"', "it's", "begun")]
)
def test_whatever_the_columns_are_called(names: tuple[str, str, str], tmp_path: Path) -> None:
    """Guards the queries: no name of theirs meets one of the table's."""
    table = pa.table(invoices(longer=10, slow=10)).rename_columns(list(names))
    answer = looked_at(table)
    assert {finding["kind"] for finding in told(answer)} == {"changepoint", "group_difference"}
    assert run_again(answer, table, tmp_path) == len(answer["findings"])


@pytest.mark.parametrize("seed", [1, 2])
def test_the_order_of_rows_and_the_size_of_row_groups_change_nothing(seed: int) -> None:
    """Row order only decides which row is named where the change begins."""
    table = pa.table(invoices(longer=10, slow=10))
    mixed = table.take(pa.array(np.random.default_rng(seed).permutation(ROWS)))
    words = [[f["statement"] for f in looked_at(each)["findings"]] for each in (table, mixed)]
    assert words[0] == words[1]
    assert canonical_bytes(looked_at(table)["findings"]) == canonical_bytes(looked_at(table, row_group=500)["findings"])


@pytest.mark.parametrize(
    "table",
    [
        {"a": issued(), "b": issued()[::-1]},
        {"a": issued(), "b": pa.array([None] * ROWS, pa.date32())},
        {"a": issued(), "b": issued()},
        {"a": issued(40), "b": issued(40) + 3 * DAY},
        {"a": pa.array([], pa.date32()), "b": pa.array([], pa.date32())},
    ],
)
def test_times_without_an_order_are_none_of_our_business(table: Any) -> None:
    answer = looked_at(table)
    assert (answer["status"], answer["reason_code"]) == ("na", "no_order")


def test_times_without_end_do_no_harm() -> None:
    """Infinite dates, and all rows on one day."""
    table = invoices(longer=20)
    stamps = pa.array(table["paid"].astype("datetime64[us]"))
    same = looked_at({"a": np.full(ROWS, np.datetime64("2024-01-01")), "b": stamps, "x": np.arange(ROWS)})
    assert told(same) == []
