"""Planted faults of every kind are found, with the rows, and every number can be had from the evidence."""

import datetime
import json
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness_core.sdk.testing import run_plugin
from tests.plugins.stated_numbers import assert_numbers_have_evidence

PLUGINS = Path(__file__).parents[2] / "plugins"
ROWS = 4_000


def check(table, **settings):
    profile = run_plugin(PLUGINS / "profile_basic", table)
    answer = run_plugin(PLUGINS / "analysis_data_quality", table, upstream={"profile_basic": profile}, settings=settings)
    assert answer["status"] != "error", answer["error"]
    return answer


def found(table, kind, *columns, **settings):
    """The findings of a kind about exactly these columns."""
    return [
        f for f in check(table, **settings)["findings"] if f["kind"] == kind and (not columns or tuple(f["columns"]) == columns)
    ]


def rows_of(finding):
    return [int(ref.split("=")[1]) for item in finding["evidence"] if item["type"] == "rows" for ref in item["refs"]]


def draws(seed=1):
    return np.random.default_rng(seed)


def with_values(values, places, replacement):
    changed = np.array(values, dtype=object)
    changed[places] = replacement
    return changed.tolist()


def words(count, seed=1):
    return draws(seed).choice(["North", "South", "East", "West"], count).tolist()


def test_constant_and_empty_columns():
    """A column with one value is constant, one without any is empty, one with two strays is almost constant."""
    table = pa.table(
        {
            "currency": ["EUR"] * ROWS,
            "note": pa.array([None] * ROWS, pa.string()),
            "site": with_values(["A1"] * ROWS, [10, 20], "B2"),
            "x": draws().normal(size=ROWS),
        }
    )
    by_column = {f["columns"][0]: f for f in found(table, "constant")}
    assert by_column["currency"]["statement"] == '"currency" holds the value "EUR" in all 4,000 rows.'
    assert by_column["note"]["title"] == '"note" is empty'
    assert "3,998 of 4,000 rows" in by_column["site"]["statement"]
    assert rows_of(by_column["site"]) == [10, 20]
    assert "x" not in by_column


def test_a_column_of_blanks_is_empty_and_nothing_else():
    """What it holds is said there, and not once more as padding, empty texts, a constant or a dependency."""
    table = pa.table(
        {
            "blanks": ["  "] * ROWS,
            "texts": pa.array(["", None] * (ROWS // 2)),
            "one": pa.array(["\u00a0"] + [None] * (ROWS - 1)),
            "mixed": ["", " ", "\t", " "] * (ROWS // 4),
            "x": words(ROWS),
        }
    )
    findings = check(table)["findings"]
    told = {finding["columns"][0]: finding for finding in findings}
    assert (len(findings), len(told)) == (4, 4)
    assert {name: finding["statement"].partition("; ")[2] for name, finding in told.items()} == {
        "blanks": "all of them hold nothing but blanks.",
        "texts": "2,000 of them hold an empty text.",
        "one": "1 of them holds nothing but blanks.",
        "mixed": "all of them hold nothing but blanks.",
    }
    assert told["texts"]["title"] == '"texts" is empty'
    assert told["texts"]["evidence"][0]["result"] == [[4000, 2000, 0]]


def test_missing_values_above_the_floor():
    """A third missing is said, a tenth is not, and the floor is a setting."""
    draw = draws()
    table = pa.table(
        {
            "a": pa.array(draw.normal(size=ROWS), mask=np.arange(ROWS) % 3 == 0),
            "b": pa.array(draw.normal(size=ROWS), mask=np.arange(ROWS) % 10 == 0),
        }
    )
    (finding,) = found(table, "missingness")
    assert finding["statement"] == '"a" has no value in 1,334 of 4,000 rows (33.35 %).'
    assert len(found(table, "missingness", missing_share_floor=0.05)) == 2


@pytest.mark.parametrize("name", ["id", "x"])
def test_key_violations_with_their_rows(name):
    """Three values given twice break a key, whatever the column is called."""
    ids = np.arange(1_000, 1_000 + ROWS)
    ids[[5, 100, 2_000]] = ids[[6, 101, 2_001]]
    (finding,) = found({name: ids, "v": draws().normal(size=ROWS)}, "key", name)
    assert "3 values that stand in 6 rows" in finding["statement"]
    assert rows_of(finding) == [5, 6, 100, 101, 2_000, 2_001]


def test_random_numbers_that_repeat_by_chance_break_no_key():
    """Among 4,000 draws below a million about eight pairs are equal: that is no violated key."""
    draw = draws()
    assert not found({"token": draw.integers(0, 10**6, ROWS), "tag": [f"T{i:06d}" for i in draw.integers(0, 10**6, ROWS)]}, "key")


def test_composite_key_is_told():
    table = {
        "order_no": np.repeat(np.arange(800), 5),
        "line_no": np.tile(np.arange(1, 6), 800),
        "v": np.round(draws().normal(size=ROWS), 1),
    }
    (finding,) = found(table, "key")
    assert finding["columns"] == ["order_no", "line_no"]


def test_duplicate_rows_are_counted_exactly():
    """Two rows loaded twice and one three times are four repeats in three groups; the key is not told again."""
    draw = draws()
    table = pa.table({"id": np.arange(ROWS), "amount": np.round(draw.lognormal(3, 1, ROWS), 2), "region": words(ROWS)})
    doubled = pa.concat_tables([table, table.take([7, 8, 9, 9])])
    answer = check(doubled)
    (finding,) = [f for f in answer["findings"] if f["kind"] == "duplicate_rows"]
    assert finding["statement"].startswith("4 rows of 4,004 are equal in every column to an earlier row")
    assert "3 different rows stand there more than once, up to 3 times" in finding["statement"]
    assert rows_of(finding) == [4_000, 4_001, 4_002, 4_003]
    assert finding["severity"] == "warning"
    assert not [f for f in answer["findings"] if f["kind"] == "key"]


def test_unavoidable_repeats_are_no_finding():
    """With twelve possible rows, four thousand of them repeat: that says nothing."""
    assert not found({"a": words(ROWS, 1), "b": draws(2).choice(["x", "y", "z"], ROWS)}, "duplicate_rows")


def test_duplicate_columns_are_told_once():
    """The same content under another name is one finding: not also an identity, a dependency and a key."""
    draw = draws()
    amount, city = np.round(draw.lognormal(3, 1, ROWS), 2), words(ROWS)
    table = pa.table({"amount": amount, "city": city, "betrag": amount, "town": city, "copy": with_values(city, [3], "Elsewhere")})
    answer = check(table)
    assert sorted(tuple(f["columns"]) for f in answer["findings"]) == [("amount", "betrag"), ("city", "town", "copy")]
    assert answer["metrics"]["repeated_columns"] == ["betrag", "copy", "town"]
    (cities,) = [f for f in answer["findings"] if "city" in f["columns"]]
    assert '"copy" differs in 1 row' in cities["statement"]
    assert rows_of(cities) == [3]


def test_rare_flags_are_not_the_same_column():
    """Two independent flags that are nearly always zero agree in 98 % of the rows, and are not alike."""
    draw = draws()
    table = {"a": (draw.random(ROWS) < 0.01).astype(int), "b": (draw.random(ROWS) < 0.01).astype(int), "x": draw.normal(size=ROWS)}
    assert not found(table, "duplicate_columns")


def test_mixed_types():
    """Numbers kept as text because of two cells, and the two rows; a word for missing among them is a stand-in, not a type."""
    values = with_values([f"{v:.2f}" for v in draws().normal(50, 9, ROWS)], [3, 33, 44], ["abc", "12 kg", "n/a"])
    (finding,) = found({"weight": values}, "mixed_type")
    assert finding["statement"].startswith('3,997 of 4,000 values of "weight" are numbers')
    assert rows_of(finding) == [3, 33]
    (words_finding,) = found({"weight": values}, "sentinel")
    assert rows_of(words_finding) == [44]


def test_shape_of_codes():
    """Three of 4,000 codes without the common shape are found; the values themselves are not quoted."""
    codes = with_values(
        [f"{a}-{i:04d}" for a, i in zip(draws().choice(["AB", "CD"], ROWS), draws(2).integers(0, 9_999, ROWS), strict=True)],
        [7, 70, 700],
        "secret?",
    )
    (finding,) = found({"code": codes}, "format_violation", "code")
    assert '3,997 of 4,000 values of "code" have the shape "AA-9999"' in finding["statement"]
    assert rows_of(finding) == [7, 70, 700]
    assert "secret" not in json.dumps({key: finding[key] for key in ("title", "statement", "statistics")})


def test_growing_numbers_have_no_fixed_shape():
    """A counter that passed 999 has values of three and of four digits, and breaks no format."""
    assert not found({"ref": [f"R{i}" for i in draws().integers(950, 9_999, ROWS)]}, "format_violation")


def postcodes(lost, form="{}"):
    """Codes of five digits of which a share of those that begin with noughts was read as numbers."""
    draw = draws()
    codes = [f"{code:05d}" for code in draw.integers(1_067, 99_999, ROWS)]
    return [form.format(code.lstrip("0") if draw.random() < lost else code) for code in codes]


@pytest.mark.parametrize("form", ["{}", "D-{}", "DE {} X"])
@pytest.mark.parametrize("lost", [0.03, 0.4])
def test_codes_that_lost_a_leading_zero(form, lost):
    """Postcodes of four digits among those of five that have theirs break the format, whatever stands around the digits."""
    codes = postcodes(lost, form)
    (finding,) = found({"zip": codes}, "format_violation")
    short = [row for row, code in enumerate(codes) if sum(map(str.isdigit, code)) < 5]
    assert finding["statistics"]["others"] == len(short) > 5
    assert rows_of(finding) == short[:20]
    assert "leading zeros" in finding["recommendation"]


@pytest.mark.parametrize(
    "values",
    [
        [f"R{950 + k}" for k in range(ROWS)],  # a running number in the order of rows, and the other way round
        [f"R{950 + ROWS - k}" for k in range(ROWS)],
        [f"R{9_000 + k:04d}" for k in range(1_010)],  # filled up to four digits, and outgrown them
        [f"R{k:04d}" for k in range(10_040)],
        [f"{weight / 100:.2f}".removesuffix("0") + " kg" for weight in draws().integers(100, 999, ROWS)],
        [f"{number // 60}:{number % 60:02d}" for number in draws().integers(580, 1_400, ROWS)],
        [f"R{str(number)[: 5 - (k % 30 == 0)]}" for k, number in enumerate(postcodes(0))],  # a nought may lead the short ones, too
        [f"R{int(number)}" for number in draws().normal(5_000, 1_700, ROWS).clip(100)],
    ],
)
def test_numbers_of_no_fixed_width_lose_no_zero(values):
    """Counters that grow or outgrow their width, decimals, times and tails break no format."""
    assert not found({"ref": values}, "format_violation")


def test_a_zero_too_many():
    """What is longer and begins with a nought has not grown."""
    numbers = with_values([f"R{number}" for number in draws().integers(10_000, 99_999, ROWS)], list(range(9)), "R012345")
    (finding,) = found({"ref": numbers}, "format_violation")
    assert finding["statistics"]["others"] == 9


def test_impossible_dates():
    day = [f"2024-{m:02d}-{d:02d}" for m, d in zip(draws().integers(1, 13, ROWS), draws(2).integers(1, 28, ROWS), strict=True)]
    (finding,) = found({"due": with_values(day, [9, 90], ["2024-02-30", "2023-13-01"])}, "format_violation")
    assert finding["title"] == '2 dates in "due" do not exist'
    assert rows_of(finding) == [9, 90]


def test_padding_and_spellings():
    """Seven rows with another spelling and a blank are told both ways, with the value, which repeats."""
    city = with_values(words(ROWS), list(range(5, 12)), "north ")
    padded, spelled = (
        next(f for f in found({"city": city}, "format_violation") if f["subject"] == subject) for subject in ("padding", "spelling")
    )
    assert "7 of 4,000 values" in padded["statement"]
    assert 'for example "north"' in spelled["statement"]
    assert rows_of(padded) == rows_of(spelled) == list(range(5, 12))


@pytest.mark.parametrize("blank", list(" \t\n\v\f\u00a0"))
def test_every_blank_is_a_blank_and_no_letter_is(blank):
    """Blanks of each kind are cut off, letters never; and the queries that say so survive a copy from a page."""
    city = with_values(words(ROWS), list(range(5, 12)), f"{blank}north{blank}")
    (spelled,) = [f for f in found({"city": city}, "format_violation") if f["subject"] == "spelling"]
    assert 'for example "north"' in spelled["statement"]
    assert rows_of(spelled) == list(range(5, 12))
    assert all(item["sql"].isprintable() for item in spelled["evidence"] if item["type"] == "query")


def test_one_fault_in_many_columns_is_told_once():
    table = {f"c{i}": with_values(words(ROWS, i), [5 + i], "North ") for i in range(5)}
    (finding,) = [f for f in found(table, "format_violation") if f["subject"] == "padding"]
    assert finding["columns"] == list(table)
    assert rows_of(finding) == [5, 6, 7, 8, 9]


def test_evenly_mixed_capitals_are_meant():
    assert not found({"base": draws().choice(["a", "A", "b", "B"], ROWS), "x": draws().normal(size=ROWS)}, "format_violation")


@pytest.mark.parametrize(("value", "low", "high"), [(999, 18, 90), (-1, 0, 120), (0, 150, 200)])
def test_numeric_sentinels(value, low, high):
    """A far-away technical value in forty rows is a stand-in."""
    ages = draws().integers(low, high, ROWS)
    ages[::100] = value
    (finding,) = found({"measure": ages, "x": draws(2).normal(size=ROWS)}, "sentinel")
    assert f"40 rows of 4,000 (1 %) have {value:,}" in finding["statement"]


def test_zero_that_belongs_to_the_numbers_is_no_sentinel():
    """Counts with many zeros, and amounts that start near zero, are what they are."""
    draw = draws()
    assert not found(
        {
            "count": draw.poisson(1.2, ROWS) * draw.integers(1, 9, ROWS),
            "spend": np.where(draw.random(ROWS) < 0.4, 0, draw.exponential(20, ROWS)),
        },
        "sentinel",
    )


def test_date_sentinels():
    days = [datetime.date(2023, 1, 1) + datetime.timedelta(days=int(d)) for d in draws().integers(0, 700, ROWS)]
    (finding,) = found({"shipped": with_values(days, [1, 2, 3], datetime.date(1900, 1, 1))}, "sentinel")
    assert "1900-01-01" in finding["statement"]
    assert rows_of(finding) == [1, 2, 3]


def sales(seed=3):
    draw = draws(seed)
    quantity, price = draw.integers(1, 20, ROWS), np.round(draw.lognormal(3, 1, ROWS), 2)
    total, net = np.round(quantity * price, 2), np.round(draw.lognormal(5, 1, ROWS), 2)
    total[[11, 22, 33]] += 5
    tax = np.round(net * 0.19, 2)
    return {"quantity": quantity, "unit_price": price, "total": total, "net": net, "tax": tax, "gross": np.round(net + tax, 2)}


def test_identities_and_the_rows_that_break_them():
    """Product, sum and rate are found once each; consequences (gross = 1.19 net) are not told again."""
    told = {f["title"]: f for f in found(sales(), "identity")}
    assert list(told) == ['"total" = "quantity" × "unit_price" but for 3 rows', '"gross" = "net" + "tax"', '"tax" = 0.19 × "net"']
    broken = told['"total" = "quantity" × "unit_price" but for 3 rows']
    assert broken["severity"] == "warning"
    assert rows_of(broken) == [11, 22, 33]
    assert "in 3,997 of 4,000 rows" in broken["statement"]
    assert "rounded to 2 decimals" in told['"tax" = 0.19 × "net"']["statement"]


FORMS = {
    '"d" = "a" + "b" + "c"': lambda a, b, c: a + b + c,
    '"d" = "a" + "b" - "c"': lambda a, b, c: a + b - c,
    '"d" = "a" × "b" × (1 - "c")': lambda a, b, c: np.round(a * b * (1 - c), 2),
    '"d" = "a" × (1 + "c")': lambda a, b, c: np.round(a * (1 + c), 2),
    '"d" = "a" / "b"': lambda a, b, c: np.round(a / b, 2),
    '"d" = "a" + 1900': lambda a, b, c: a + 1900,
    '"d" = 2.54 × "a"': lambda a, b, c: 2.54 * a,
    '"d" = "a" × "b" × "c"': lambda a, b, c: a * b * c,
}


@pytest.mark.parametrize("title", FORMS)
def test_every_form_of_identity(title):
    """Each form is recognised as itself."""
    draw = draws(8)
    a, b, c = np.round(draw.lognormal(4, 1, 1_000), 2), draw.integers(1, 12, 1_000), np.round(draw.uniform(0, 0.4, 1_000), 2)
    found_titles = [f["title"] for f in found({"a": a, "b": b, "c": c, "d": FORMS[title](a, b, c)}, "identity")]
    assert found_titles == [title]


def test_four_summands():
    draw = draws(9)
    parts = {name: np.round(draw.lognormal(3, 1, 1_000), 2) for name in "abcd"}
    (finding,) = found({**parts, "all": np.round(sum(parts.values()), 2)}, "identity")
    assert finding["title"] == '"all" = "a" + "b" + "c" + "d"'


def test_rare_numbers_make_no_identity():
    """Columns that are nearly always zero satisfy every equation by chance."""
    draw = draws()
    table = {name: np.where(draw.random(ROWS) < 0.02, draw.integers(1, 9, ROWS), 0) for name in "abcd"}
    assert not found(table, "identity")


def places(seed=4):
    draw = draws(seed)
    zips = draw.integers(10_000, 10_300, ROWS)
    city, state = zips % 57, (zips % 57) % 6
    return {
        "zip": zips,
        "city": with_values([f"City {c}" for c in city], [100, 200], "Wrongtown"),
        "state": [f"S{s}" for s in state],
        "state_code": [s * 10 for s in state],
        "amount": draw.normal(size=ROWS),
    }


def test_dependencies_with_violations():
    """zip decides city but for two rows, city decides state (so zip does); two codes of a state are one thing."""
    told = {tuple(f["columns"]): f for f in found(places(), "functional_dependency")}
    assert set(told) == {("zip", "city"), ("zip", "state"), ("state", "state_code")} or set(told) == {
        ("zip", "city"), ("city", "state"), ("state", "state_code"),
    }  # fmt: skip
    assert told["zip", "city"]["severity"] == "warning"
    assert rows_of(told["zip", "city"]) == [100, 200]
    assert "3,998 of 4,000 rows" in told["zip", "city"]["statement"]
    assert told["state", "state_code"]["title"] == '"state" and "state_code" are two names of the same thing'


def test_two_columns_decide_a_third():
    draw = draws()
    product, region = draw.choice([f"P{i}" for i in range(20)], ROWS), draw.choice(["N", "S", "E"], ROWS)
    price = {(f"P{i}", r): float(draw.choice([9.99, 12.5, 15.0, 19.99, 25.0])) for i in range(20) for r in "NSE"}
    table = {"product": product, "region": region, "price": [price[p, r] for p, r in zip(product, region, strict=True)]}
    (finding,) = found(table, "functional_dependency")
    assert finding["columns"] == ["product", "region", "price"]


def test_exact_minimal_dependencies_of_a_small_table():
    """All minimal determinants and unique combinations are in the metrics, missing values equal to one another."""
    table = pa.table({"a": [1, 1, 2, 2, None, None], "b": ["x", "y", "x", "y", "x", "y"], "c": [1, 1, 2, 2, 3, 3]})
    exact = check(table)["metrics"]["exact_dependencies"]
    assert exact["unique"] == [["a", "b"], ["b", "c"]]
    assert exact["functional"] == [{"determinant": ["c"], "dependent": "a"}, {"determinant": ["a"], "dependent": "c"}]


def test_findings_are_bounded_and_the_rest_is_counted():
    table = {f"k{i}": [f"v{i}"] * 100 for i in range(15)} | {"x": draws().normal(size=100)}
    answer = check(table, max_findings_per_kind=5)
    assert len(answer["findings"]) == 5
    assert answer["metrics"]["omitted"] == {"constant": 10}
    assert "10 further findings" in answer["summary"]


def test_evidence_is_reproduced_by_stock_duckdb(tmp_path):
    """Every query of every finding, run by a bare DuckDB over the Parquet, returns what the finding says; no sentence prints more."""
    table = pa.table({**sales(), **places(), "code": words(ROWS), "strange \"name'": with_values(["A-1"] * ROWS, [5], "B-2")})
    pq.write_table(table, tmp_path / "data.parquet")
    bare = duckdb.connect()
    bare.execute(f"CREATE VIEW data AS SELECT *, file_row_number AS row_index FROM read_parquet('{tmp_path}/data.parquet')")
    answer = check(table)
    findings = answer["findings"]
    assert len(findings) >= 6
    assert assert_numbers_have_evidence(answer) >= 10
    for finding in findings:
        queries = [item for item in finding["evidence"] if item["type"] == "query"]
        assert queries, finding["title"]
        for item in queries:
            rows = [
                [int(v) if v is not None and not isinstance(v, str) and v == int(v) else v for v in row]
                for row in bare.sql(item["sql"]).fetchall()
            ]
            assert rows == item["result"], finding["title"]


def test_without_a_profile_it_says_so():
    answer = run_plugin(PLUGINS / "analysis_data_quality", {"x": [1]})
    assert (answer["status"], answer["error"]["type"]) == ("error", "MissingProfile")


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_tiny_tables(rows):
    """Tables of no, one or three rows are checked without a word too many."""
    answer = check(
        pa.table(
            {
                "a": pa.array([1] * rows, pa.int64()),
                "b": pa.array(["x"] * rows),
                "row_index": pa.array([[1]] * rows, pa.list_(pa.int64())),
            }
        )
    )
    assert answer["status"] == "na" or rows == 3
    assert answer.get("reason_code") in {"no_rows", "nothing_found", None}


def test_a_code_that_looks_like_a_word_for_missing_is_a_code():
    """NA among two-letter regions is North America; "unknown" among them stands for a missing value."""
    regions = draws().choice(["EU", "NA", "AP", "SA"], ROWS)
    assert not found({"region": regions}, "sentinel")
    (finding,) = found({"region": with_values(regions, [4, 5], "unknown")}, "sentinel")
    assert rows_of(finding) == [4, 5]


def test_few_negative_numbers_where_things_are_counted():
    """A stock below nought is told with its rows; a balance, many returns, and one mark for missing are not."""
    draw = draws()
    counts = draw.poisson(40, ROWS)
    stock, returned, marked = counts.copy(), counts.copy(), counts.copy()
    stock[[7, 70, 700]] = [-3, -12, -5]
    returned[: ROWS // 10] *= -1
    marked[5:9] = -1
    table = pa.table({
        "stock_on_hand": draw.normal(size=ROWS), "quantity": stock, "returned_qty": returned, "hours": marked,
        "balance": draw.normal(90, 40, ROWS).round(2),
    })  # fmt: skip
    told = [f for f in check(table)["findings"] if f["subject"] == "negative"]
    assert [f["columns"] for f in told] == [["quantity"]]
    assert told[0]["statement"] == '"quantity" is below 0 in 3 of 4,000 rows (0.075 %), down to -12; all others are 0 or more.'
    assert rows_of(told[0]) == [7, 70, 700]


def test_dates_in_two_ways_of_writing():
    """A text column of dates that are written in two ways is said not to be readable as dates; one way is no fault."""
    day = np.array([f"2024-{1 + k % 12:02d}-{1 + k % 28:02d}" for k in range(ROWS)])
    other = np.array([f"{text[8:]}/{text[5:7]}/{text[:4]}" for text in day])
    mixed = np.where(np.arange(ROWS) % 10 == 0, other, day)
    answer = check(pa.table({"one": day.tolist(), "two": mixed.tolist()}))
    (finding,) = (f for f in answer["findings"] if f["subject"] == "date forms")
    assert finding["columns"] == ["two"]
    assert "3,600 like 2024-01-01 and 400 like " in finding["statement"]
    assert rows_of(finding)[:2] == [0, 10]
    assert assert_numbers_have_evidence(answer) > 0


def test_addresses_that_are_none():
    """Of a column of e-mail addresses those without the form of one are told with their rows."""
    mails = [f"user{k}@example.com" for k in range(ROWS)]
    mails[30] = "user30example.com"
    mails[31] = "user31@"
    (finding,) = (f for f in check(pa.table({"mail": mails, "x": draws().normal(size=ROWS)}))["findings"] if f["subject"] == "form")
    assert finding["statement"].startswith('3,998 of 4,000 values of "mail" have the form of an e-mail address; 2 values')
    assert rows_of(finding) == [30, 31]


def test_a_tax_of_two_rates_is_part_of_the_rule():
    """Two rates of a tax are enough to say how the gross amount comes about."""
    draw = draws()
    net, vat = draw.uniform(5, 500, ROWS).round(2), draw.choice([0.07, 0.19], ROWS)
    told = found(pa.table({"net": net, "vat": vat, "gross": (net * (1 + vat)).round(2)}), "identity", "gross", "net", "vat")
    assert [f["title"] for f in told] == ['"gross" = "net" × (1 + "vat")']
