"""Dates in the wrong order, misspelt categories, the list of suspect cells, and the bounds of the search."""

import csv
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from scipy.stats import poisson

from harness_core.sdk import Dataset
from harness_core.sdk.testing import run_plugin

ROOT = Path(__file__).parents[2]
PLUGINS = ROOT / "plugins"
ROWS = 4_000
DAY = np.timedelta64(1, "D")


def check(table, **settings):
    profile = run_plugin(PLUGINS / "profile_basic", table)
    answer = run_plugin(PLUGINS / "analysis_data_quality", table, upstream={"profile_basic": profile}, settings=settings)
    assert answer["status"] != "error", answer["error"]
    return answer


def orders(table, **settings):
    return [f for f in check(table, **settings)["findings"] if f["subject"] == "order"]


def rows_of(finding):
    return [int(ref.split("=")[1]) for item in finding["evidence"] if item["type"] == "rows" for ref in item["refs"]]


def suspects(answer):
    path = Path(answer["scratch"]) / "artifacts" / "suspect_cells.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return {(int(line["row_index"]), line["column"]): int(line["rules"]) for line in csv.DictReader(file)}


def ordered_and_shipped(seed=1):
    draw = np.random.default_rng(seed)
    ordered = np.datetime64("2024-01-01", "D") + np.sort(draw.integers(0, 360, ROWS)) * DAY
    return ordered, ordered + draw.integers(1, 5, ROWS) * DAY


def test_dates_in_the_wrong_order():
    """Three shipments before their order are found, by how much and in which rows; in order they are not mentioned."""
    ordered, shipped = ordered_and_shipped()
    assert not orders({"ordered": ordered, "shipped": shipped})
    shipped[[7, 70, 700]] = ordered[[7, 70, 700]] - np.array([24, 30, 33]) * DAY
    (finding,) = orders({"ordered": ordered, "shipped": shipped})
    assert finding["columns"] == ["ordered", "shipped"]
    assert finding["statement"] == (
        '"shipped" is on or after "ordered" in 3,997 of 4,000 rows that have both; '
        "in 3 rows (0.075 %) it is before it, by 24 to 33 days."
    )
    assert rows_of(finding) == [7, 70, 700]


def test_a_step_over_the_limit_counts_where_the_gaps_end_abruptly():
    """One day too early is wrong where all others are one to four days late."""
    ordered, shipped = ordered_and_shipped()
    shipped[[5, 6]] = ordered[[5, 6]] - DAY
    (finding,) = orders({"ordered": ordered, "shipped": shipped})
    assert "by 1 day." in finding["statement"]


@pytest.mark.parametrize("seed", range(5))
def test_dates_that_merely_tend_to_follow_each_other_keep_no_rule(seed):
    """A second visit is usually after the planned day, at times before it, and the gaps overlap smoothly: no mistake."""
    draw = np.random.default_rng(seed)
    planned = np.datetime64("2024-01-01T00:00", "s") + draw.integers(0, 360 * 86_400, ROWS).astype("timedelta64[s]")
    came = planned + (draw.normal(26, 10, ROWS) * 86_400).astype("timedelta64[s]")
    assert 0 < np.mean(came < planned) < 0.01
    assert not orders({"planned": planned, "came": came})


def test_what_follows_from_two_orders_is_not_told_again():
    """A delivery before the order follows from a delivery before the shipment."""
    ordered, shipped = ordered_and_shipped()
    delivered = shipped + np.random.default_rng(2).integers(1, 9, ROWS) * DAY
    delivered[[9, 99]] -= 300 * DAY
    (finding,) = orders({"ordered": ordered, "shipped": shipped, "delivered": delivered})
    assert finding["columns"] == ["shipped", "delivered"]


def test_stand_ins_for_missing_dates_are_told_once():
    """1900-01-01 is a stand-in, and not also a shipment before its order."""
    ordered, shipped = ordered_and_shipped()
    shipped[[1, 2, 3]] = np.datetime64("1900-01-01", "D")
    answer = check({"number": np.arange(ROWS), "ordered": ordered, "shipped": shipped})
    assert [f["kind"] for f in answer["findings"]] == ["sentinel"]


def test_a_date_beside_a_moment_is_compared_by_the_day():
    """Ordered at noon and shipped on that date is no mistake."""
    ordered, _ = ordered_and_shipped()
    noon = ordered.astype("datetime64[s]") + np.timedelta64(12, "h")
    assert not orders({"ordered": noon, "shipped": ordered + (np.arange(ROWS) % 3) * DAY})


def test_misspelt_categories():
    """Rare values one letter away from a frequent one are found; rare other words, and codes with digits, are not."""
    draw = np.random.default_rng(3)
    city = draw.choice(["Hamburg", "Bremen", "Rostock"], ROWS).astype(object)
    city[[4, 40, 400]] = ["Hamberg", "Rostokc", "Stuttgart"]
    code = draw.choice(["Line 1", "Line 2"], ROWS).astype(object)
    code[8] = "Line 3"
    answer = check({"city": city.tolist(), "code": code.tolist()})
    (finding,) = [f for f in answer["findings"] if f["subject"] == "misspelling"]
    assert finding["columns"] == ["city"]
    assert rows_of(finding) == [4, 40]
    assert "2 such values" in finding["statement"]


def test_names_of_comparable_frequency_are_not_misspelt():
    draw = np.random.default_rng(4)
    name = draw.choice(["Meier", "Meyer", "Maier"], ROWS, p=[0.9, 0.08, 0.02])
    assert not [f for f in check({"name": name, "x": draw.normal(size=ROWS)})["findings"] if f["subject"] == "misspelling"]


def branches(seed=5):
    draw = np.random.default_rng(seed)
    branch = draw.integers(0, 40, ROWS)
    number, town = (branch + 100).astype(object), np.array([f"Town {b:02d}" for b in branch], dtype=object)
    town[[3, 33]] = ["Elsewhere", "Otherwhere"]
    number[50] = 101 if number[50] != 101 else 102
    return {"number": number.tolist(), "town": town.tolist()}


def test_an_equivalence_says_how_often_it_is_broken_each_way():
    """Two towns depart from their number, and one number from its town: each side with its own count."""
    (finding,) = [f for f in check(branches())["findings"] if f["kind"] == "functional_dependency"]
    assert (finding["subject"], finding["statistics"]["broken"], finding["statistics"]["broken_back"]) == ("one_to_one", 3, 1)
    assert rows_of(finding) == [3, 33, 50, 50]


def test_suspect_cells_are_listed_in_full():
    """The findings cite twenty rows; the artifact has every cell, with the number of rules that it breaks."""
    table = branches()
    table["town"][1_000:1_060] = [f"Hamlet {i}" for i in range(60)]
    answer = check(table)
    cells = suspects(answer)
    assert {row for row, column in cells if column == "town"} == {3, 33, 50, *range(1_000, 1_060)}
    assert (50, "number") in cells
    assert answer["metrics"]["suspect_cells"] == {"cells": len(cells), "complete": True}


def test_a_second_habit_is_no_slip():
    """A town of two branches of equal size is no rule with mistakes: nothing is said of its branches, and no cell is suspect."""
    branch = np.random.default_rng(10).integers(0, 60, ROWS)
    town = [f"Town {b if b != 59 else 58:02d}" for b in branch]
    answer = check({"branch": branch, "town": town, "x": np.random.default_rng(11).normal(size=ROWS)})
    (finding,) = answer["findings"]
    assert (finding["columns"], finding["statistics"]["broken"]) == (["branch", "town"], 0)
    assert finding["subject"] == "decides"
    assert answer["metrics"]["suspect_cells"]["cells"] == 0


def test_no_suspects_no_artifact():
    answer = check({"x": np.random.default_rng(1).normal(size=ROWS)})
    assert answer["written"] == {}
    assert answer["metrics"]["suspect_cells"] == {"cells": 0, "complete": True}


@pytest.mark.parametrize(("rows", "below"), [(2_000, 2_000), (4_000, 400_000), (4_000, 4 * 10**9)])
def test_keys_are_told_from_chance_as_the_poisson_distribution_does(rows, below):
    """Where repeats are three times off what random draws give and the exact tail is below one in ten thousand, and only there."""
    values = np.random.default_rng(6).choice(below, rows, replace=False)
    values[1] = values[0]
    by_chance = rows * (rows - 1) / 2 / (int(values.max()) - int(values.min()) + 1)
    unlikely = min(float(poisson.cdf(1, by_chance)), float(poisson.sf(0, by_chance))) < 1e-4
    told = [f for f in check({"n": values, "v": np.random.default_rng(7).normal(size=rows)})["findings"] if f["kind"] == "key"]
    assert bool(told) is (unlikely and not 1 / 3 < by_chance < 3), by_chance


def test_work_is_bounded_however_wide_the_table():
    """Forty deciding columns and 45 pairs of them, where there are 124,750 pairs of columns; queries grow with the columns."""
    draw = np.random.default_rng(8)
    columns, rows = 500, 300
    kinds = [
        lambda: draw.normal(size=rows),
        lambda: draw.integers(0, 9, rows),
        lambda: draw.choice(["North", "South", "East"], rows),
        lambda: [f"K{number}" for number in draw.integers(0, 10**6, rows)],
        lambda: np.full(rows, "same"),
    ]
    answer = check(pa.table({f"c{i}": kinds[i % len(kinds)]() for i in range(columns)}))
    assert answer["metrics"]["found"]["constant"] == columns // len(kinds)
    assert answer["debug"]["dependencies_tried"] <= (40 + math.comb(10, 2)) * columns
    assert columns // len(kinds) < answer["debug"]["queries"] <= 2 * columns


def test_the_example():
    """What twenty thousand rows and 17 columns are told to hold, and in how few questions to the table."""
    table = pyarrow.csv.read_csv(
        ROOT / "examples" / "sales_orders.csv", convert_options=pyarrow.csv.ConvertOptions(strings_can_be_null=True)
    )
    profile = run_plugin(PLUGINS / "profile_basic", table)
    answer = run_plugin(PLUGINS / "analysis_data_quality", table, upstream={"profile_basic": profile})
    assert answer["debug"]["queries"] < 40
    told = {(f["kind"], tuple(f["columns"])) for f in answer["findings"]}
    assert told == {
        ("constant", ("currency",)),
        ("duplicate_rows", ()),
        ("format_violation", ("city",)),
        ("functional_dependency", ("city", "region")),
        ("functional_dependency", ("product", "category")),
        ("functional_dependency", ("sales_rep", "region")),
        ("identity", ("order_date", "ship_date")),
        ("identity", ("total", "quantity", "unit_price", "discount")),
        ("sentinel", ("warehouse_stock",)),
    }


NAMES = ["n", "v", "place", "word", "most", "k0", "usual", "ranked", "h", "gap", "way", "c0", "met", "data"]


@pytest.mark.parametrize("turn", range(0, len(NAMES), 2))
def test_columns_may_be_called_as_the_queries_call_theirs(turn):
    """A number, a branch, a town, a product and two dates are checked alike whatever they are called, n, v or place."""
    draw = np.random.default_rng(9)
    ordered, shipped = ordered_and_shipped()
    shipped[5] = ordered[5] - 30 * DAY
    number = np.arange(ROWS)
    number[8] = number[7]
    table = {"number": number, **{f"{key} of branch": value for key, value in branches().items()}}
    city = draw.choice(["Hamburg", "Bremen"], ROWS).astype(object)
    city[[3, 4]] = ["HAMBURG", "Bremem"]
    table |= {"city": city.tolist(), "ordered": ordered, "shipped": shipped}
    doubled = pa.concat_tables([pa.table(table), pa.table(table).slice(20, 2)])
    turned = NAMES[turn:] + NAMES[:turn]
    names = dict(zip(doubled.column_names, turned, strict=False))
    plain, renamed = check(doubled)["findings"], check(doubled.rename_columns(list(names.values())))["findings"]
    claims = [(f["kind"], f["subject"], [names[column] for column in f["columns"]], f["statistics"], rows_of(f)) for f in plain]
    assert len(claims) >= 6
    assert claims == [(f["kind"], f["subject"], f["columns"], f["statistics"], rows_of(f)) for f in renamed]


def test_samples_of_deciding_values_are_taken_in_one_reading(monkeypatch):
    """However many columns have too many values for a sample of rows to repeat them; what each decides is found all the same."""
    draw, rows = np.random.default_rng(2), 60_000
    keys = {f"k{i}": draw.integers(0, 4_000 + 500 * i, rows) for i in range(4)}
    table = pa.table({**keys, **{f"of_k{i}": key * 7919 % 601 for i, key in enumerate(keys.values())}})
    asked, sql = [], Dataset.sql
    monkeypatch.setattr(Dataset, "sql", lambda dataset, query, *more: asked.append(query) or sql(dataset, query, *more))
    answer = check(table)
    assert {finding["columns"][0] for finding in answer["findings"] if finding["kind"] == "functional_dependency"} == set(keys)
    sampling = [query for query in asked if 'hash("k' in query and "% " in query]
    assert len(sampling) == 1
    assert all(f'hash("{key}") % ' in sampling[0] for key in keys)
