"""The profile: exact facts per column, the same bytes for any row order, and no table that it cannot describe."""

import datetime
import json
import math
import re
import shutil
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from harness_core.sdk import Dataset
from harness_core.sdk.canonical import canonical_bytes
from harness_core.sdk.testing import run_plugin, write_dataset

PLUGIN = Path(__file__).parents[2] / "plugins" / "profile_basic"


def profile(table, **settings):
    answer = run_plugin(PLUGIN, table, settings=settings)
    assert answer["status"] == "ok", answer["error"]
    return answer["metrics"]


def columns(table, **settings):
    return {column["name"]: column for column in profile(table, **settings)["columns"]}


@pytest.fixture(scope="module")
def ledger():
    draw, n = np.random.default_rng(5), 3_000
    start = datetime.datetime(2024, 1, 1)
    return pa.table(
        {
            "entry_id": np.arange(1, n + 1),
            "posted": [start + datetime.timedelta(minutes=int(m)) for m in np.sort(draw.integers(0, 10**6, n))],
            "region": draw.choice(["North", "South", "East"], n),
            "amount": pa.array(np.round(draw.lognormal(3, 1, n), 2), mask=draw.random(n) < 0.1),
            "quantity": draw.integers(-3, 30, n),
            "email": [f"user{i}@example.org" for i in range(n)],
            "code": [f"AB-{i:04d}" for i in draw.integers(0, 900, n)],
            "paid": draw.integers(0, 2, n).astype(bool),
        }
    )


def test_numbers_agree_with_the_engine(ledger):
    """Every figure of a numeric column is what stock DuckDB computes from the same data."""
    found = columns(ledger)
    for name in ("amount", "quantity"):
        row = duckdb.sql(
            f"SELECT count(*) - count({name}), count(DISTINCT {name}), min({name}), max({name}), avg({name}), stddev_samp({name}), "
            f"skewness({name}), kurtosis({name}), count(*) FILTER ({name} = 0), count(*) FILTER ({name} < 0) FROM ledger"
        ).fetchall()[0]
        keys = ["null_count", "distinct_count", "min", "max", "mean", "std", "skewness", "kurtosis", "zero_count", "negative_count"]
        assert [found[name][key] for key in keys] == pytest.approx(list(row), rel=1e-9)
        for share, value in found[name]["quantiles"].items():
            assert value == pytest.approx(
                duckdb.sql(f"SELECT quantile_cont({name}::DOUBLE, {share}) FROM ledger").fetchall()[0][0], rel=1e-12
            )


def test_histogram_covers_every_value_once(ledger):
    """The bins of a histogram are increasing and hold all non-null values together; integers stand inside their bins."""
    for name in ("amount", "quantity"):
        column = columns(ledger)[name]
        edges, counts = column["histogram"]["edges"], column["histogram"]["counts"]
        assert sum(counts) == column["count"]
        assert len(edges) == len(counts) + 1 <= 41
        assert all(low < high for low, high in pairwise(edges))
    values = ledger["quantity"].to_numpy()
    assert counts[0] == np.count_nonzero((values > edges[0]) & (values < edges[1]))


def test_meanings_and_roles(ledger):
    """Typical columns get the role that an analyst would give them."""
    found = columns(ledger)
    assert {name: column["role"] for name, column in found.items()} == {
        "entry_id": "identifier",
        "posted": "time",
        "region": "category",
        "amount": "measure",
        "quantity": "measure",
        "email": "identifier",
        "code": "category",
        "paid": "flag",
    }
    assert found["email"]["semantic_type"] == "email"
    assert found["email"]["semantic_share"] == 1.0
    assert found["code"]["patterns"] == [{"pattern": "AA-9999", "count": 3_000}]
    assert found["posted"]["is_sorted"] == "ascending"
    assert found["region"]["is_sorted"] is None


def test_personal_values_are_withheld(ledger):
    """No e-mail address leaves the profile, nor the values of a column called after persons."""
    table = ledger.append_column("customer_name", pa.array(["Ada Lovelace", "Alan Turing", "Grace Hopper"] * 1_000))
    answer = run_plugin(PLUGIN, table)
    text = json.dumps({key: answer[key] for key in ("summary", "metrics", "debug")})
    assert "Lovelace" not in text
    assert "@example.org" not in text
    assert columns(table)["customer_name"]["top_values_withheld"] == "may_be_personal"


def test_row_order_and_batches_move_no_digit(ledger, monkeypatch):
    """The profile of shuffled rows is the same to the last byte, sortedness apart."""
    order = np.random.default_rng(1).permutation(ledger.num_rows)
    first, second = profile(ledger)["columns"], profile(ledger.take(pa.array(order)))["columns"]
    for column in (*first, *second):
        column.pop("is_sorted")
    assert canonical_bytes(first) == canonical_bytes(second)


def test_renaming_a_neutral_column_changes_only_its_name(ledger):
    renamed = profile(ledger.rename_columns(["betrag" if name == "amount" else name for name in ledger.column_names]))["columns"]
    before = {column["name"]: column for column in profile(ledger)["columns"]}
    after = {column["name"]: column for column in renamed}
    assert {**after["betrag"], "name": "amount", "semantic_type": "currency"} == before["amount"]
    assert all(after[name] == before[name] for name in before if name != "amount")


def test_key_single_then_composite(ledger):
    """A unique column is the key; without one, the smallest combination that tells all rows apart."""
    assert profile(ledger)["keys"] == [{"columns": ["entry_id"]}, {"columns": ["email"]}]
    orders = np.repeat(np.arange(400), 5)
    lines = np.tile(np.arange(5), 400)
    draw = np.random.default_rng(3)
    table = {
        "order_no": orders,
        "line_no": lines,
        "region": draw.choice(["a", "b"], 2_000),
        "amount": np.round(draw.normal(size=2_000), 1),
    }
    assert profile(table)["keys"] == [{"columns": ["order_no", "line_no"]}]


def test_independent_columns_are_no_key_by_chance():
    """Columns with so many levels that nothing repeats by luck alone are not called a key together."""
    draw = np.random.default_rng(3)
    assert profile({"a_id": draw.integers(0, 900, 1_000), "b_id": draw.integers(0, 900, 1_000)})["keys"] == []


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_tiny_tables(rows):
    """No rows, one row and two rows of every type are described."""
    types = {
        "i": pa.int64(),
        "f": pa.float64(),
        "d": pa.decimal128(20, 3),
        "b": pa.bool_(),
        "day": pa.date32(),
        "at": pa.timestamp("us"),
        "clock": pa.time64("us"),
        "zoned": pa.timestamp("us", "Europe/Berlin"),
        "s": pa.string(),
        "raw": pa.binary(),
        "list": pa.list_(pa.int64()),
        "u": pa.uint64(),
    }
    values = {
        "i": 7,
        "f": 1.5,
        "d": Decimal("2.125"),
        "b": True,
        "day": datetime.date(2024, 2, 29),
        "at": datetime.datetime(1970, 1, 1),
        "clock": datetime.time(23, 59, 59, 5),
        "zoned": datetime.datetime(2024, 7, 1, 12, tzinfo=datetime.UTC),
        "s": "x",
        "raw": b"\x00\xff",
        "list": [1, None],
        "u": 2**64 - 1,
    }
    table = pa.table({name: pa.array([values[name]] * rows, kind) for name, kind in types.items()})
    metrics = profile(table)
    found = {column["name"]: column for column in metrics["columns"]}
    assert metrics["row_count"] == rows
    assert metrics["sampled"] is False
    assert {column["role"] for column in found.values()} == {"empty" if rows == 0 else "constant"}
    if rows:
        assert found["u"]["max"] == 2**64 - 1
        assert found["zoned"]["min"] == "2024-07-01T12:00:00"
        assert found["clock"]["min"] == "23:59:59.000005"
        assert found["f"]["std"] == (None if rows == 1 else 0.0)


def test_what_holds_nothing_but_blanks_is_empty():
    """Empty texts and blanks of every kind, alone, mixed or beside nothing; one word, a nought or a false makes it something else."""
    empty = {"a": [""] * 40, "b": ["  "] * 40, "c": ["", " ", "\t", "\u00a0"] * 10, "d": ["", None] * 20}
    others = {"e": ["", "x"] * 20, "f": ["0"] * 40, "g": [False] * 40, "h": [" x "] * 40}
    roles = {name: (column["role"], column["semantic_type"]) for name, column in columns({**empty, **others}).items()}
    assert {name for name, told in roles.items() if told == ("empty", "empty")} == set(empty)
    assert not {"empty"} & {word for name in others for word in roles[name]}


def test_nulls_infinities_and_not_a_numbers():
    """They are counted, and the moments are those of the finite values."""
    column = columns({"x": pa.array([1.0, 2.0, 4.0, math.nan, math.inf, -math.inf, None])})["x"]
    assert (column["null_count"], column["non_finite_count"], column["distinct_count"]) == (1, 3, 6)
    assert column["mean"] == pytest.approx(7 / 3)
    assert columns({"x": pa.array([math.nan, math.nan, math.inf])})["x"]["role"] == "measure"


def test_strange_names():
    """Quotes, line breaks, emoji, keywords and the view's own words are names like any other."""
    names = ['a"b', "line\nbreak", "🙂", "select", "row_index", "data", "file_row_number", "a.b", "a", "c0", " ", "' OR 1=1 --"]
    metrics = profile(pa.table({name: [index, index + 1, index + 1] for index, name in enumerate(names)}))
    assert [column["name"] for column in metrics["columns"]] == names
    assert [column["min"] for column in metrics["columns"]] == list(range(len(names)))


def test_huge_and_extreme_numbers():
    """Neither integers at the ends of their range nor doubles near the largest one overflow."""
    found = columns(
        {
            "i": pa.array([-(2**63), 2**63 - 1, 0]),
            "f": pa.array([1.7e308, -1.7e308, 1e308]),
            "big": pa.array([10**17, 10**17 + 1, 10**17 + 2]),
        }
    )
    assert (found["i"]["min"], found["i"]["max"]) == (-(2**63), 2**63 - 1)
    assert found["f"]["mean"] == pytest.approx(1e308 / 3)
    assert found["big"]["std"] == 1.0


@pytest.mark.parametrize("large", [1_000_000, 10_000_000])
def test_small_spread_around_large_numbers(large):
    """Values that agree in their first digits keep eight digits of their deviation, whatever the order of the rows."""
    values = [large + 0.2, *[large + 0.1, large + 0.3] * 500]
    for rows in (values, sorted(values), values[::-1]):
        column = columns({"x": rows})["x"]
        assert column["mean"] == pytest.approx(large + 0.2, rel=1e-15)
        assert column["std"] == pytest.approx(0.1, rel=1e-8)


def test_wide_decimals_are_told_apart():
    """Decimals that no double can tell apart still have their exact distinct count."""
    values = [Decimal("12345678901234567890.01"), Decimal("12345678901234567890.02")]
    column = columns({"d": pa.array(values, pa.decimal128(30, 2))})["d"]
    assert column["distinct_count"] == 2


def test_shapes_of_letters_without_case_and_beyond_ascii():
    """Umlauts are letters, and digits of any script are digits."""
    column = columns({"c": ["Ä1", "Ö2", "ü٣", "x9"]})["c"]
    assert column["patterns"] == [{"pattern": "A9", "count": 2}, {"pattern": "a9", "count": 2}]


@pytest.mark.parametrize(
    ("values", "semantic"),
    [
        (["2024-01-05", "05.02.2024", "2023/12/31"], "date"),
        (["https://a.org/x", "www.b.com/y", "http://c.de"], "url"),
        (["12 %", "7.5%", "-3 %"], "percentage"),
        (["$1,200.00", "$7.50", "EUR 3"], "currency"),
        (["Germany", "France", "Japan"], "country"),
        (
            [
                "550e8400-e29b-41d4-a716-446655440000",
                "650e8400-e29b-41d4-a716-446655440000",
                "750e8400-e29b-41d4-a716-446655440000",
            ],
            "uuid",
        ),
        (["+49 30 1234567", "(030) 123 4567", "+1 555-123-4567"], "phone"),
        (["12 Jun 1998", "Monday, 7 May 2018", "March 3rd, 2020"], "date"),
        (["6/3/15 1:00", "12 Jun 1998 - 14:30", "Fri Oct 16 00:00:00 UTC 2015"], "timestamp"),
        (["2,683,000", "754", "(1,200)"], "decimal_number"),
        (["5.25 oz", "188 grams", "18 - 24 years old"], "quantity"),
        (["$395K", "$1.2 million", "€ 40"], "currency"),
        (["['a', 'b']", "[1, 2, 3]", '{"a": 1}'], "list"),
        (["example.com/a", "www.b.org", "c.co.uk"], "url"),
    ],
)
def test_semantic_types_of_text(values, semantic):
    """Text of a known form is recognised, and the share of rows with that form is counted."""
    column = columns({"field": [*(values * 10), "?"]})["field"]
    assert column["semantic_type"] == semantic
    assert column["semantic_share"] == pytest.approx(30 / 31)


@pytest.mark.parametrize(
    "values",
    [["jump;fly", "fly", "hide;jump;fly"], ["red, blue", "red", "blue, green, red"], [f"[{'1, ' * k}2]" for k in range(200)]],
)
def test_lists_in_one_cell(values):
    """Several items in a cell are a list, with cells of one item among them, and however long they are."""
    column = columns({"field": values * 10})["field"]
    assert (column["semantic_type"], column["semantic_share"]) == ("list", 1.0)


@pytest.mark.parametrize(
    "values",
    [
        [f"{k:05}" for k in range(900)],  # leading zeros: a code, and no number
        [f"{k}{'ABCDEFGHJ'[k % 9]}" for k in range(900)],  # letters that are no units
        [f"{k} Main Street, Springfield" for k in range(900)],  # always two parts: an address, and no list
    ],
)
def test_codes_and_addresses_are_neither_numbers_nor_lists(values):
    """Forms are not read into codes and addresses."""
    assert columns({"field": values})["field"]["semantic_type"] in {"identifier", "code", "short_text"}


def test_words_for_nothing_do_not_hide_a_form():
    """A form is judged over the values that say something; the share is that of all rows."""
    column = columns({"field": ["12 %", "7 %", "######", "not found", "unknown"] * 8})["field"]
    assert (column["semantic_type"], column["semantic_share"]) == ("percentage", 0.4)


def test_names_are_told_from_sentences():
    """Short texts that hardly repeat are no prose; long ones are, even where they come back as the values of a category."""
    names = [f"Harbour {k} Trading House" for k in range(60)]
    remarks = [f"The delivery {k} was late because the lorry broke down twice." for k in range(60)]
    found = columns({"name": names, "remark": remarks, "note": [remarks[k % 6] + remarks[k % 2] for k in range(60)]})
    assert [found[name]["semantic_type"] for name in ("name", "remark", "note")] == ["short_text", "free_text", "free_text"]
    assert found["note"]["role"] == "category"


def test_expressions_mean_the_same_to_python_and_to_the_engine(monkeypatch):
    """Every form is recognised by the engine that counts it exactly where it is by Python, which chooses it."""
    monkeypatch.syspath_prepend(str(PLUGIN))
    import profile_forms

    texts = [
        "2024-01-05", "1.2.24", "7 May 2018", "Oct. 3rd, 2020", "6/3/15 1:00 PM GMT+5", "2024-01-05T10:00:00Z", "1 341,2", "1\u202f341",
        "1'341.5", "(1,234)", "12-", "$4,85,873", "€ 3 Mio", "3 m²", "5 km/h", "18 to 24 years", "+3 °C", "12,5 %", "a.b.co", "[]",
        "a;b", "x" * 50, "é", "\u00a0", "01234", "-.5", "5.", "1.234.567", "", "10:15 a.m.", "2024-07", "5 k", "5 kg/m²", "½", "٣",
    ]  # fmt: skip
    for semantic, expression in profile_forms.EXPRESSIONS:
        by_engine = duckdb.execute("SELECT [regexp_full_match(t, ?) FOR t IN ?]", [expression, texts]).fetchall()[0][0]
        assert by_engine == [re.fullmatch(expression, text) is not None for text in texts], semantic


def test_words_for_yes_and_no_are_a_flag():
    column = columns({"paid": ["Yes", "no"] * 9})["paid"]
    assert (column["semantic_type"], column["role"]) == ("boolean", "flag")


def test_wide_tables_stay_small():
    """The profile of 400 columns says less per column, so that 2,000 columns stay below eight megabytes."""
    draw = np.random.default_rng(2)
    table = {
        f"column {i}": draw.normal(size=300) if i % 2 else draw.choice([f"level {k}" for k in range(50)], 300) for i in range(400)
    }
    assert len(canonical_bytes(profile(table))) * 5 < 8_000_000


def test_text_beyond_the_kept_groups_is_counted_exactly(monkeypatch, tmp_path):
    """Text with more distinct values than are kept in memory gives the same facts."""
    monkeypatch.syspath_prepend(str(PLUGIN))
    import profile_texts

    dataset = Dataset(write_dataset(tmp_path, {"k": [f"key {i % 700}" for i in range(1_000)]}), tmp_path)
    kept = profile_texts.Groups(dataset, "data", "k", "VARCHAR")
    facts, top = kept.facts(), kept.top(3)
    monkeypatch.setattr(profile_texts, "KEPT_GROUPS", 10)
    counted = profile_texts.Groups(dataset, "data", "k", "VARCHAR")
    assert counted.relation != kept.relation
    assert (counted.facts(), counted.top(3)) == (facts, top)
    assert facts["distinct_count"] == 700


def test_order_and_shapes_hold_across_batches():
    """A fall between the last value of one batch and the first of the next is seen, and shapes are added up."""
    names = [f"{i:06d}" for i in range(65_536)]
    assert columns({"c": [*names, "065536"]})["c"]["is_sorted"] == "ascending"
    broken = columns({"c": [*names, "000000"]})["c"]
    assert broken["is_sorted"] is None
    assert broken["patterns"] == [{"pattern": "999999", "count": 65_537}]


def test_two_threads_say_what_one_says(tmp_path):
    """A large table is shared by two threads, which see the same columns in the same order, and read as many rows."""
    draw, n = np.random.default_rng(9), 500_000
    names = pa.array(["North", "South", "Müller"]).dictionary_encode().dictionary
    wide = {f"m{k}": draw.normal(size=n).round(2) for k in range(14)}
    table = pa.table({"region": names.take(pa.array(draw.integers(0, 3, n))), **wide, "n": np.arange(n)})
    alone = tmp_path / "profile_basic"
    shutil.copytree(PLUGIN, alone)
    source = (alone / "plugin.py").read_text(encoding="utf-8")
    assert "WORTH_SHARING = 500_000 " in source
    (alone / "plugin.py").write_text(source.replace("WORTH_SHARING = 500_000 ", "WORTH_SHARING = 500_001 "), encoding="utf-8")
    dataset = write_dataset(tmp_path / "data", table)
    by_two, by_one = (run_plugin(folder, datasets={"data": dataset}) for folder in (PLUGIN, alone))
    assert canonical_bytes(by_two["metrics"]) == canonical_bytes(by_one["metrics"])
