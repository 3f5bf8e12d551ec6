"""The change-point plugin on planted changes: it finds their place to the row and says so in numbers that stock DuckDB gives again."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from harness_core.sdk.testing import run_plugin
from tests.determinism.tables import readings
from tests.plugins import example_table
from tests.plugins.series_tables import PLUGINS, analysed, assert_evidence_holds, days

NAME = "analysis_changepoint"


def changes(answer: dict[str, Any]) -> set[tuple[str, str, int]]:
    return {(f["columns"][0], f["statistics"]["change"], f["statistics"]["row_index"]) for f in answer["findings"]}


def ledger(n: int = 20_000) -> dict[str, Any]:
    """Rows over two years: a level, a spread, a share and missing values change, each on its own day; one column does not."""
    rng = np.random.default_rng(4)
    stamps = np.sort(rng.integers(0, 730, n))
    dates = np.datetime64("2023-01-01") + stamps.astype("timedelta64[D]")
    price = rng.lognormal(3, 0.6, n) * np.where(stamps < 300, 1.0, 1.4)
    weight = rng.normal(50, np.where(stamps < 500, 4, 7))
    status = np.where(rng.random(n) < np.where(stamps < 400, 0.10, 0.22), "open", "paid")
    note = pa.array(rng.normal(size=n), mask=rng.random(n) < np.where(stamps < 200, 0.02, 0.30))
    return {"date": dates, "price": price, "weight": weight, "status": status, "note": note, "quiet": rng.gamma(2, 3, n)}


@pytest.fixture(scope="module")
def answer() -> dict[str, Any]:
    return analysed(NAME, ledger())


def test_each_planted_change_is_found_at_its_day_and_nothing_else(answer: dict[str, Any]) -> None:
    """Guards the search, the place among the raw rows, and all four sorts of change."""
    found = {(f["columns"][0], f["statistics"]["change"]): f["statistics"]["time"] for f in answer["findings"]}
    planted = {("price", "level"): 300, ("weight", "spread"): 500, ("status", "share"): 400, ("note", "share"): 200}
    assert set(found) == set(planted)
    for key, day in planted.items():
        off = (np.datetime64(found[key]) - np.datetime64("2023-01-01")).astype(int) - day
        assert abs(off) <= 3, (key, off)
    assert all(f["severity"] == "notice" for f in answer["findings"])


def test_every_number_comes_from_a_query(answer: dict[str, Any], tmp_path: Path) -> None:
    """Guards citeability: stock DuckDB gives both sides again, and the statement quotes them."""
    assert_evidence_holds(answer, ledger(), tmp_path)
    note = next(f for f in answer["findings"] if f["columns"][0] == "note")
    (_, _, before, _), (_, n, after, _) = note["evidence"][0]["result"]
    assert f"{after:.1%} of {n:,} rows" in note["statement"]
    assert f"after {before:.1%}" in note["statement"]


def test_a_spread_is_told_in_numbers_that_show_it(tmp_path: Path) -> None:
    """Guards the words against their numbers: where one far value turns the standard deviations round, typical distances are told."""
    rng = np.random.default_rng(5)
    plain = rng.normal(0, np.where(np.arange(12_000) < 6000, 1.0, 1.6))
    table = {"v": plain, "w": np.where(np.arange(12_000) == 2000, 150.0, rng.permutation(plain[:6000]).repeat(2))}
    table["w"][6000:] *= 1.7
    answer = analysed(NAME, table)
    found = {f["columns"][0]: f for f in answer["findings"] if f["statistics"]["change"] == "spread"}
    assert set(found) == {"v", "w"}
    for finding in found.values():
        assert finding["statistics"]["after"] > 1.3 * finding["statistics"]["before"]
        assert "spreads wider" in finding["title"]
    assert "standard deviation is" in found["v"]["statement"]
    assert "The standard deviation does not show it" in found["w"]["statement"]
    assert_evidence_holds(answer, table, tmp_path)


def test_the_example_is_marked_in_full() -> None:
    """Guards every line of the marking scheme, and that the change of policy is all that is said."""
    answer = example_table.analysed(NAME)
    assert example_table.misses(NAME, answer["findings"]) == []
    assert changes(answer) == {("discount", "level", 11_801)}
    assert answer["findings"][0]["statistics"]["time"] == "2024-03-04"


def test_several_levels_from_row_to_row() -> None:
    """Guards many changes in one series without time, to the row, and a spike that is none."""
    rng = np.random.default_rng(2)
    values = np.repeat([10.0, 14.0, 9.0, 9.0, 16.0], 60) + rng.normal(size=300)
    values[200] = 90.0
    found = {row for _, change, row in changes(analysed(NAME, {"v": values})) if change == "level"}
    assert len(found) == 3
    assert all(min(abs(row - planted) for row in found) <= 1 for planted in (60, 120, 240))


def test_a_course_that_turns_is_told_as_one() -> None:
    """Guards the lines: a rise that becomes a fall is one change of course, with both slopes."""
    steps = np.arange(200.0)
    values = np.where(steps < 120, steps, 240 - steps) + np.random.default_rng(1).normal(0, 3, 200)
    (finding,) = analysed(NAME, {"v": values})["findings"]
    assert finding["statistics"]["change"] == "course"
    assert abs(finding["statistics"]["row_index"] - 120) <= 4
    assert finding["statistics"]["slope_before"] == pytest.approx(1, abs=0.1)
    assert finding["statistics"]["slope_after"] == pytest.approx(-1, abs=0.1)


def test_a_season_is_no_change_and_a_change_within_it_is_found() -> None:
    """Guards the cycles: a yearly swing is quiet, and a level shift of half its height is found through it."""
    rng = np.random.default_rng(3)
    month = np.arange(144)
    swing = 10 * np.sin(2 * np.pi * month / 12) + rng.normal(0, 1, 144)
    assert analysed(NAME, {"v": swing})["reason_code"] == "no_change"
    ((_, change, row),) = changes(analysed(NAME, {"v": swing + np.where(month < 80, 0, 5)}))
    assert change == "level"
    assert abs(row - 80) <= 1


def test_a_change_in_one_group_only_names_the_group() -> None:
    """Guards the groups: two regions of four change in opposite directions, the whole does not, and the findings say which."""
    rng = np.random.default_rng(6)
    n = 12_000
    region = rng.choice(["North", "South", "East", "West"], n)
    dates = np.datetime64("2024-01-01") + (np.arange(n) // 20).astype("timedelta64[D]")
    value = rng.normal(20, 6, n) + np.select([region == "East", region == "West"], [2.0, -2.0]) * (np.arange(n) >= 9000)
    found = analysed(NAME, {"date": dates, "region": region, "value": value})["findings"]
    assert {(tuple(f["columns"]), f["subject"].split(" / ")[2]) for f in found} == {
        (("value", "region", "date"), "East"),
        (("value", "region", "date"), "West"),
    }
    assert all(abs(f["statistics"]["row_index"] - 9000) < 500 for f in found)


def products(rng: np.random.Generator, n: int, raised: float) -> dict[str, Any]:
    """Orders of thirty products over two hundred days; from day 120 on one of them costs ``raised`` times as much."""
    product, day = rng.integers(0, 30, n), np.sort(rng.integers(0, 200, n))
    price = np.exp(rng.normal(3, 0.8, 30))[product] * rng.normal(1, 0.08, n)
    price = np.where((product == 7) & (day >= 120), price * raised, price)
    return {
        "date": np.datetime64("2024-01-01") + day.astype("timedelta64[D]"), "quantity": rng.poisson(5, n) + 1,
        "product": np.array([f"P{k:02d}" for k in range(30)])[product], "price": price.round(2),
        "channel": np.array(["Web", "Phone", "Shop"])[rng.integers(0, 3, n)],
    }  # fmt: skip


@pytest.mark.parametrize(("n", "since", "severity"), [(900, "2024-0", "info"), (20_000, "2024-04-30", "notice")])
def test_a_price_that_rises_for_one_product_is_told_of_that_product(n: int, since: str, severity: str) -> None:
    """Guards the first look at all groups of all measures: one product of thirty, by a second measure, which the total hides; and the
    same table without the rise has nothing to tell."""
    (finding,) = analysed(NAME, products(np.random.default_rng(1), n, 1.3))["findings"]
    assert finding["columns"] == ["price", "product", "date"]
    assert finding["subject"].startswith(f"level / product / P07 / {since}")
    assert finding["severity"] == severity
    assert analysed(NAME, products(np.random.default_rng(1), n, 1.0))["findings"] == []


def test_what_all_rows_do_is_not_told_of_a_group() -> None:
    """Guards the groups against echoes: a level that all five places share, under a daily rhythm, is at most told of the whole."""
    table = readings()
    for finding in analysed(NAME, table)["findings"]:
        assert "place" not in finding["columns"]
        assert "ok" not in finding["columns"]


def test_units_and_names_change_nothing() -> None:
    """Guards invariance: other units, another name and a further column leave place, p-value and effect as they are."""
    rng = np.random.default_rng(5)
    values = rng.normal(100, 5, 400) + np.where(np.arange(400) < 250, 0, 6)
    one = analysed(NAME, {"v": values})["findings"][0]["statistics"]
    other = analysed(NAME, {"a b": values * 1000 + 7, "c": ["x"] * 400})["findings"][0]["statistics"]
    assert (one["row_index"], one["change"]) == (other["row_index"], other["change"])
    assert one["effect"]["value"] == pytest.approx(other["effect"]["value"], rel=1e-4)


def test_rows_out_of_order_are_put_in_order_by_time() -> None:
    """Guards the order: a shuffled file gives the same change at the same time."""
    table = {"date": days(600), "v": np.random.default_rng(7).normal(0, 1, 600) + (np.arange(600) >= 350) * 2.0}
    order = np.random.default_rng(0).permutation(600)
    shuffled = {"date": [table["date"][k] for k in order], "v": table["v"][order]}
    one, other = analysed(NAME, table)["findings"], analysed(NAME, shuffled)["findings"]
    assert [f["subject"] for f in one] == [f["subject"] for f in other] != []
    assert order[other[0]["statistics"]["row_index"]] == one[0]["statistics"]["row_index"]


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({"v": []}, "too_few_rows"),
        ({"v": [1.0]}, "too_few_rows"),
        ({"v": [None] * 40}, "no_change"),
        ({"v": [3.0] * 40}, "no_change"),
        ({"v": [float("inf"), float("-inf")] * 30}, "no_change"),
        ({"v": [1e300, -1e300] * 30}, "no_change"),
        ({"k": sorted(["a", "b", "c"] * 40), "v": list(np.repeat([1.0, 9.0, 4.0], 40))}, "rows_are_grouped"),
    ],
)
def test_degenerate_tables_say_why_not(table: dict[str, Any], reason: str) -> None:
    """Guards the tables in which nothing can change: each has its reason, and none an error."""
    assert analysed(NAME, table)["reason_code"] == reason


def test_a_wrong_time_column_is_named() -> None:
    """Guards the setting: a column that is not there is said by name."""
    answer = run_plugin(PLUGINS / NAME, {"v": list(range(40))}, settings={"time_column": "when"})
    assert answer["reason_code"] == "no_time_column"
    assert '"when"' in answer["summary"]
