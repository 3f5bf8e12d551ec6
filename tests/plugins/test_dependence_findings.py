"""The dependence plugin on planted relations: found, in words with the right shape, and with numbers that stock DuckDB gives again."""

import datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from harness_core.sdk.canonical import canonical_bytes
from harness_core.sdk.dataset import Dataset, data_view
from harness_core.sdk.statistics import coded, counted
from harness_core.sdk.testing import run_plugin
from tests.plugins.example_table import analysed, misses
from tests.plugins.stated_numbers import assert_numbers_have_evidence
from tests.plugins.stock_duckdb import run_again

PLUGIN = Path(__file__).parents[2] / "plugins" / "analysis_dependence"
Table = dict[str, Any]


def dependence(table: Any, **more: Any) -> dict[str, Any]:
    return run_plugin(PLUGIN, table, **more)


def told(answer: dict[str, Any]) -> dict[frozenset[str], dict[str, Any]]:
    return {frozenset(finding["columns"]): finding for finding in answer["findings"]}


def planted(seed: int = 4, n: int = 3000) -> Table:
    """A line, a parabola, a shop that sets the price, two categories that go together, nulls, and three columns of noise."""
    rng = np.random.default_rng(seed)
    x, dose = rng.normal(size=n), rng.uniform(-2, 2, n)
    shop = rng.integers(0, 4, n)
    colour = np.where(rng.random(n) < 0.6, np.array(["red", "green", "blue"])[rng.integers(0, 3, n)], "red")
    size = np.where((colour == "blue") & (rng.random(n) < 0.7), "large", np.array(["small", "large"])[rng.integers(0, 2, n)])
    line = 3 - 2 * x + rng.normal(0, 1.5, n)
    first = datetime.datetime(2024, 1, 1)
    return {
        "x": x,
        "line": pa.array(line, mask=rng.random(n) < 0.1),
        "dose": dose,
        "effect": 4 - dose**2 + rng.normal(0, 0.5, n),
        "shop": np.array(["Bonn", "Kiel", "O'Hara", "Ulm"])[shop],
        "price": np.round(10 + np.array([0, 0, 8, 0])[shop] + rng.normal(0, 3, n), 2),
        "colour": colour,
        "size": size,
        "noise": rng.normal(size=n),
        "coin": np.array(["head", "tail"])[rng.integers(0, 2, n)],
        "day": pa.array([first + datetime.timedelta(minutes=int(m)) for m in rng.integers(0, 500_000, n)]),
    }


@pytest.fixture(scope="module")
def answer() -> dict[str, Any]:
    return dependence(planted())


def test_the_planted_pairs_are_found_and_no_others(answer: dict[str, Any]) -> None:
    """Guards both sides: four relations of four shapes, and silence about 51 pairs of unrelated columns."""
    assert set(told(answer)) == {
        frozenset(pair) for pair in (("x", "line"), ("dose", "effect"), ("shop", "price"), ("colour", "size"))
    }
    assert answer["metrics"]["tests"] == 55


def test_each_shape_has_its_sentence(answer: dict[str, Any]) -> None:
    """Guards the words: falling, highest in the middle, highest in a group, more often in a group."""
    found = told(answer)
    assert '"line" falls with "x": Spearman\'s rank correlation -0.7' in found[frozenset({"x", "line"})]["statement"]
    assert '"effect" is highest in the middle of "dose"' in found[frozenset({"dose", "effect"})]["statement"]
    assert 'where "shop" is O\'Hara' in found[frozenset({"shop", "price"})]["statement"]
    assert (
        '"size" is small most often, in 51.2 % of the rows where "colour" is red'
        in found[frozenset({"colour", "size"})]["statement"]
    )


def test_every_number_comes_from_a_query(answer: dict[str, Any], tmp_path: Path) -> None:
    """Guards citeability: stock DuckDB gives each evidence result again, and each number printed is in one."""
    assert assert_numbers_have_evidence(answer) >= 10
    table = pa.table(planted())
    pyarrow.parquet.write_table(table, tmp_path / "data.parquet")
    connection = duckdb.connect()
    connection.execute(data_view(tmp_path / "data.parquet", table.column_names))
    items = [item for finding in answer["findings"] for item in finding["evidence"]]
    assert len(items) >= 5
    for item in items:
        again = connection.sql(item["sql"]).fetchall()
        assert len(again) == len(item["result"])
        for row, kept in zip(again, item["result"], strict=True):
            assert list(row) == [value if isinstance(value, str) else pytest.approx(value, rel=1e-9) for value in kept]


def test_the_strength_is_about_the_correlation_of_normal_columns() -> None:
    """Guards the scale: for normal columns the effect is about |r|, its interval holds it, and nought is not in it."""
    rng = np.random.default_rng(1)
    for r in (0.3, 0.6, 0.9):
        x = rng.normal(size=20_000)
        (finding,) = dependence({"x": x, "y": r * x + np.sqrt(1 - r * r) * rng.normal(size=20_000)})["findings"]
        effect = finding["statistics"]["effect"]
        assert effect["value"] == pytest.approx(r, abs=0.04)
        assert 0 < effect["low"] <= effect["value"] <= effect["high"]


def simpson(seed: int = 2, n: int = 4000) -> Table:
    """Within each hospital more treatment means better results; the hospitals with hard cases treat more."""
    rng = np.random.default_rng(seed)
    hospital = rng.integers(0, 4, n)
    treatment = hospital * 2 + rng.normal(size=n)
    result = 0.8 * treatment - 3 * hospital + rng.normal(0, 0.6, n)
    return {"hospital": np.array(["A", "B", "C", "D"])[hospital], "treatment": treatment, "result": result}


def test_a_reversal_within_groups_is_said() -> None:
    """Guards Simpson's paradox: falling over all, rising in each of four groups, in title, statement and numbers."""
    finding = told(dependence(simpson()))[frozenset({"treatment", "result"})]
    assert finding["statistics"]["rank_correlation"] < 0 < finding["statistics"]["conditional"]["correlation"]
    assert finding["statistics"]["conditional"]["outcome"] == "reverses"
    assert 'but within "hospital" this turns round' in finding["title"]
    assert "against it in 4 of 4 groups" in finding["statement"]


def test_a_shadow_of_a_third_column_is_not_told_by_itself() -> None:
    """Guards the chain a -> b -> c: the ends go together only through the middle, and only two edges are told."""
    rng = np.random.default_rng(9)
    a = rng.normal(size=5000)
    b = a + rng.normal(0, 0.4, 5000)
    c = b + rng.normal(0, 0.4, 5000)
    c = np.where(rng.random(5000) < 0.5, c, rng.normal(size=5000) * 1.5)
    answer = dependence({"a": a, "b": b, "c": c})
    assert frozenset({"a", "c"}) not in told(answer)
    assert {"columns": ["a", "c"], "explained_by": "b"} in answer["metrics"]["explained"]


def test_columns_that_move_together_are_one_finding() -> None:
    """Guards blocks: four columns of one factor give one finding, not six."""
    rng = np.random.default_rng(3)
    factor = rng.normal(size=2000)
    answer = dependence({f"c{k}": factor + rng.normal(0, 0.5, 2000) for k in range(4)})
    (finding,) = answer["findings"]
    assert finding["columns"] == ["c0", "c1", "c2", "c3"]
    assert finding["statistics"]["pairs"] == 6


def test_the_same_information_twice_is_said_and_nearly_the_same_is_not() -> None:
    """Guards "functional": true for another unit and for a code beside its name, not for a date a few days later."""
    rng = np.random.default_rng(7)
    celsius = np.round(rng.normal(15, 8, 2000), 1)
    code = rng.integers(0, 5, 2000)
    ordered = np.arange(2000) + rng.integers(0, 3, 2000)
    shipped = ordered + rng.integers(1, 5, 2000)
    name = np.array(list("pqrst"))[code]
    found = told(dependence({"c": celsius, "f": celsius * 1.8 + 32, "code": code, "name": name, "o": ordered, "s": shipped}))
    functional = {pair for pair, finding in found.items() if finding["statistics"]["functional"]}
    assert functional == {frozenset({"c", "f"}), frozenset({"code", "name"})}
    assert "rank correlation 0.9999" in found[frozenset({"o", "s"})]["statement"]


def test_the_example_is_marked_in_full() -> None:
    """Guards every line of the marking scheme about this plugin, and that region stands behind representative and city."""
    answer = analysed("analysis_dependence")
    assert misses("analysis_dependence", answer["findings"]) == []
    for proxy in ("sales_rep", "city"):
        finding = told(answer)[frozenset({proxy, "delivery_days"})]
        assert finding["statistics"]["conditional"]["given"] == "region"
        assert finding["statistics"]["conditional"]["outcome"] == "vanishes"


def test_the_order_of_rows_changes_no_byte() -> None:
    """Guards determinism under permutation: findings and metrics are the same bytes."""
    table, order = pa.table(planted()), np.random.default_rng(0).permutation(3000)
    one, other = dependence(table), dependence(table.take(pa.array(order)))
    for part in ("findings", "metrics"):
        assert canonical_bytes(one[part]) == canonical_bytes(other[part])


def test_the_order_of_columns_changes_no_strength(answer: dict[str, Any]) -> None:
    """Guards symmetry: with the columns the other way round, the same pairs with the same effects and p-values."""
    turned = dependence(dict(reversed(planted().items())))
    assert {pair: f["statistics"]["effect"] for pair, f in told(turned).items()} == {
        pair: f["statistics"]["effect"] for pair, f in told(answer).items()
    }
    assert sorted((sorted(p["columns"]), p["p_value"]) for p in turned["metrics"]["pairs"]) == sorted(
        (sorted(p["columns"]), p["p_value"]) for p in answer["metrics"]["pairs"]
    )


def test_units_names_and_constants_change_no_strength(answer: dict[str, Any]) -> None:
    """Guards invariance: other units and names and a constant column leave effects, p-values and tests alone."""
    table = planted()
    table["x"], table["price"] = table["x"] * 1024.0, table["price"] * 0.25 + 8
    renamed = {f'{name}"; --': values for name, values in table.items()} | {"constant": np.ones(3000)}
    other = dependence(renamed)
    assert [(f["statistics"]["effect"], f["statistics"]["p_value"]) for f in other["findings"]] == [
        (f["statistics"]["effect"], f["statistics"]["p_value"]) for f in answer["findings"]
    ]
    assert other["metrics"]["tests"] == 55


@pytest.mark.parametrize("rows", [17, 1000])
def test_the_size_of_chunks_changes_no_byte(answer: dict[str, Any], rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards the fold: batches of seventeen rows, read again for each pass, give the same bytes as the usual ones kept."""
    original = Dataset.iter_batches
    monkeypatch.setattr(Dataset, "iter_batches", lambda self, columns=None, **how: original(self, columns, rows, **how))
    monkeypatch.setattr(coded, "KEPT_BYTES", 0)
    again = dependence(planted())
    assert canonical_bytes(again["findings"]) == canonical_bytes(answer["findings"])
    assert canonical_bytes(again["metrics"]) == canonical_bytes(answer["metrics"])


def shelf(seed: int = 6, n: int = 4000) -> Table:
    """Prices in steps that an article all but decides, and a rating that the shop moves a little."""
    rng = np.random.default_rng(seed)
    article, shop = rng.integers(0, 6, n), rng.integers(0, 3, n)
    return {
        "article": np.array(["bolt", "clamp", "drill", "file", "hinge", "level"])[article],
        "price": np.array([2, 9, 81, 12, 5, 30])[article] + rng.integers(0, 2, n),
        "shop": np.array(["Bonn", "Kiel", "Ulm"])[shop],
        "rating": np.clip(shop + rng.integers(1, 6, n), 1, 7),
    }


def test_a_price_list_is_information_and_no_insight() -> None:
    """Guards columns that are related by definition: a number of which a category leaves hardly anything open is for information
    and says so, however strong that is; a weaker relation to a category is a notice and does not."""
    answer = dependence(shelf())
    listed, felt = told(answer)[frozenset({"article", "price"})], told(answer)[frozenset({"shop", "rating"})]
    assert listed["statistics"]["effect"]["value"] ** 2 >= 0.9
    assert (listed["severity"], listed["statistics"]["by_definition"]) == ("info", True)
    assert felt["statistics"]["effect"]["value"] ** 2 < 0.9
    assert felt["severity"] == "notice"
    assert "by_definition" not in felt["statistics"]


def test_two_numbers_are_never_related_by_definition() -> None:
    """Guards the limit of that rule: a line between two numbers, as strong as it may be, is no price list."""
    x = np.random.default_rng(2).normal(size=3000)
    (finding,) = dependence({"x": x, "y": x + 0.01 * np.sin(40 * x)})["findings"]
    assert finding["statistics"]["effect"]["value"] ** 2 >= 0.9
    assert "by_definition" not in finding["statistics"]


def test_what_is_counted_first_gives_the_same_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards the shorter queries over combinations of few values: stock DuckDB gives them again, and row by row all is the same."""
    answer = dependence(shelf())
    queries = [item["sql"] for finding in answer["findings"] for item in finding["evidence"]]
    assert any("GROUP BY ALL" in sql for sql in queries)
    assert run_again(answer, pa.table(shelf()), tmp_path) == len(queries)
    monkeypatch.setattr(counted, "REPEATED", 10**9)
    slow = dependence(shelf())
    assert not any("GROUP BY ALL" in item["sql"] for finding in slow["findings"] for item in finding["evidence"])
    for one, other in zip(answer["findings"], slow["findings"], strict=True):
        assert one | {"evidence": ()} == other | {"evidence": ()}
        assert [item["result"] for item in one["evidence"]] == [item["result"] for item in other["evidence"]]


def test_names_that_the_queries_use_themselves_change_nothing() -> None:
    """Guards names inside queries: columns called as their parts are give the same findings but for the names."""
    names = {"article": "g", "price": "v", "shop": "c", "rating": "low"}
    plain, odd = dependence(shelf()), dependence({names[name]: values for name, values in shelf().items()})
    assert [[names[name] for name in finding["columns"]] for finding in plain["findings"]] == [
        f["columns"] for f in odd["findings"]
    ]
    for one, other in zip(plain["findings"], odd["findings"], strict=True):
        assert [item["result"] for item in one["evidence"]] == [item["result"] for item in other["evidence"]]


def test_beyond_the_limit_columns_are_named_and_not_read() -> None:
    """Guards the bound for wide tables: of 2,000 columns twenty are paired, as was asked, the rest are listed with the reason."""
    rng = np.random.default_rng(1)
    answer = dependence({f"c{k}": rng.normal(size=60) for k in range(2000)}, settings={"max_columns": 20})
    assert answer["metrics"]["tests"] == 20 * 19 // 2
    left = answer["metrics"]["left_out"]
    assert (len(left), left[0]) == (1980, {"name": "c20", "reason": "beyond the limit of columns"})


@pytest.mark.parametrize("unit", [1e307, 1e200, 1e-200])
def test_numbers_of_any_size_have_a_correlation(unit: float) -> None:
    """Guards the sums against overflow and underflow: the largest doubles there are, and very small ones."""
    x = np.random.default_rng(1).normal(size=300)
    (pair,) = dependence({"a": x * unit, "b": -x})["metrics"]["pairs"]
    assert pair["pearson"] == pytest.approx(-1, abs=1e-12)


def test_what_cannot_be_compared_is_said() -> None:
    """Guards the na answers: one usable column, and columns that are never filled together."""
    one = dependence({"x": np.arange(100.0), "constant": np.ones(100)})
    assert (one["status"], one["reason_code"]) == ("na", "too_few_columns")
    half = np.arange(100.0)
    first, second = pa.array(half, mask=half < 50), pa.array(half, mask=half >= 50)
    apart = dependence({"a": first, "b": second})
    assert (apart["status"], apart["reason_code"]) == ("na", "too_few_rows")
    assert dependence({"x": np.random.default_rng(1).normal(size=500), "y": np.random.default_rng(2).normal(size=500)})[
        "reason_code"
    ] == "no_dependence"  # fmt: skip
