"""Group differences on planted truth: the right group, in the right words, with numbers that stock DuckDB gives again."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from harness_core.sdk.canonical import canonical_bytes
from harness_core.sdk.dataset import Dataset
from harness_core.sdk.statistics import coded, counted
from harness_core.sdk.testing import run_plugin
from tests.plugins.example_table import analysed, misses
from tests.plugins.stock_duckdb import run_again

PLUGIN = Path(__file__).parents[2] / "plugins" / "analysis_group_differences"


def differences(table: Any, **more: Any) -> dict[str, Any]:
    return run_plugin(PLUGIN, table, **more)


def planted(seed: int = 5, n: int = 6000) -> dict[str, Any]:
    """A slow plant, an unsteady machine, a bad combination of shift and tool, a column with gaps, and two columns of noise."""
    rng = np.random.default_rng(seed)
    plant, machine, shift, tool = (rng.integers(0, k, n) for k in (4, 5, 3, 6))
    wear = rng.normal(50, 10, n) + 25 * ((shift == 2) & (tool == 3))
    return {
        "plant": np.array(["Bonn", "Kiel", "O'Hara", "Ulm"])[plant],
        "machine": np.array([f"M{k}" for k in range(5)])[machine],
        "shift": np.array(["early", "late", "night"])[shift],
        "tool": np.array([f"T{k}" for k in range(6)])[tool],
        "hours": rng.gamma(4, 1, n) + 4.0 * (plant == 2),
        "width": rng.normal(0, 1, n) * np.where(machine == 4, 3.0, 1.0) + 100,
        "wear": pa.array(wear, mask=rng.random(n) < 0.1),
        "noise": rng.normal(size=n),
        "count": rng.poisson(4, n),
    }


@pytest.fixture(scope="module")
def answer() -> dict[str, Any]:
    return differences(planted())


def told(answer: dict[str, Any]) -> dict[tuple[str, ...], dict[str, Any]]:
    return {tuple(finding["columns"]): finding for finding in answer["findings"]}


def test_level_spread_and_slice_are_found_and_nothing_else(answer: dict[str, Any]) -> None:
    """Guards both sides: three differences of three sorts among five measures and four groupings, and silence about the rest."""
    assert set(told(answer)) == {("hours", "plant"), ("width", "machine"), ("wear", "shift", "tool")}
    assert {f["severity"] for f in answer["findings"]} == {"notice"}


def test_the_sentences_name_group_and_amount(answer: dict[str, Any]) -> None:
    """Guards the words: the group by its own name, the median on both sides, the interval, and the combination."""
    found = told(answer)
    hours = found["hours", "plant"]["statement"]
    assert '"hours" is higher where "plant" is O\'Hara: its median is 7.' in hours
    low, high = (float(part) for part in re.findall(r"95 % interval ([\d.]+) to ([\d.]+)", hours)[0])
    assert 3.7 < low < 4.0 < high < 4.3
    assert '"width" scatters more where "machine" is M4' in found["width", "machine"]["title"]
    assert '"wear" is unusually high where "shift" is night and "tool" is T3' in found["wear", "shift", "tool"]["title"]


def test_effects_carry_intervals_that_hold_the_truth(answer: dict[str, Any]) -> None:
    """Guards the intervals: of the ratio of spreads around 3, of the departure of the slice, each around its value."""
    found = told(answer)
    spread = found["width", "machine"]["statistics"]["effect"]
    assert spread["low"] < 3.0 < spread["high"]
    for finding in answer["findings"]:
        effect = finding["statistics"]["effect"]
        assert effect["low"] <= effect["value"] <= effect["high"]
        assert finding["statistics"]["p_value"] < 1e-6


def test_every_number_comes_from_a_query(answer: dict[str, Any], tmp_path: Path) -> None:
    """Guards citeability: stock DuckDB gives each evidence result again."""
    assert run_again(answer, pa.table(planted()), tmp_path) == 6


@pytest.mark.parametrize("shift", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("n", [200, 2000, 50_000])
def test_a_shift_is_found_at_every_size_of_table(shift: float, n: int) -> None:
    """Guards recall: a group of a fifth of the rows, half to three standard deviations off (the least only from 2,000 rows on)."""
    rng = np.random.default_rng([n, int(10 * shift)])
    group = rng.integers(0, 5, n)
    found = told(differences({"g": np.array(list("abcde"))[group], "x": rng.normal(size=n) + shift * (group == 1)}))
    if n > 200 or shift > 0.5:
        assert found["x", "g"]["statistics"]["groups"] == ["b"]
        assert 'where "g" is b' in found["x", "g"]["title"]


def test_half_a_deviation_deserves_a_look() -> None:
    """Guards the severity: a group that is higher by half a standard deviation is a notice, one by four tenths only a fact."""
    rng = np.random.default_rng(3)
    shop = np.array(["a", "b", "c", "d"])[rng.integers(0, 4, 20_000)]
    for shift, severity in ((0.5, "notice"), (0.4, "info")):
        (finding,) = differences({"shop": shop, "v": rng.normal(size=20_000) + shift * (shop == "b")})["findings"]
        assert finding["severity"] == severity


def test_a_trifle_is_no_difference_however_many_rows() -> None:
    """Guards the floor: a shift of five hundredths of a standard deviation in 200,000 rows is significant and not worth a word."""
    rng = np.random.default_rng(3)
    group = rng.integers(0, 2, 200_000)
    answer = differences({"g": np.array(["a", "b"])[group], "x": rng.normal(size=200_000) + 0.05 * group})
    assert (answer["status"], answer["reason_code"]) == ("na", "no_difference")
    assert answer["metrics"]["pairs"][0]["p_value"] < 1e-10


def test_the_example_is_marked_in_full() -> None:
    """Guards every line of the marking scheme about this plugin: East, with city and representative as its shadows, and no more."""
    answer = analysed("analysis_group_differences")
    assert misses("analysis_group_differences", answer["findings"]) == []
    (finding,) = [finding for finding in answer["findings"] if finding["severity"] != "info"]
    assert finding["title"] == '"delivery_days" is higher where "region" is East'
    assert finding["statistics"]["also"] == ["city", "sales_rep"]


def test_a_price_list_is_no_difference_and_totals_that_follow_it_are_not_told() -> None:
    """Guards against the obvious: products have their own prices, and totals differ between products because prices do."""
    rng = np.random.default_rng(8)
    product = rng.integers(0, 12, 8000)
    price = np.exp(np.arange(12) / 2)[product] * (1 + rng.uniform(-0.04, 0.04, 8000))
    total = price * rng.integers(1, 12, 8000)
    answer = differences({"product": np.array([f"p{k}" for k in range(12)])[product], "price": price, "total": total})
    assert [f for f in answer["findings"] if f["severity"] != "info"] == []
    assert {tuple(item["columns"]) for item in answer["metrics"]["explained"]} >= {("total", "product")}


def test_many_groups_on_a_slope_are_told_by_their_ends() -> None:
    """Guards the other form: where no group stands apart, the highest and the lowest are named."""
    rng = np.random.default_rng(2)
    group = rng.integers(0, 8, 8000)
    found = told(differences({"g": np.array([f"k{c}" for c in range(8)])[group], "x": rng.normal(size=8000) + 0.4 * group}))
    assert found["x", "g"]["title"] == '"x" differs between the values of "g"'
    assert found["x", "g"]["statistics"]["groups"] == ["k7", "k0"]


def test_a_scatter_that_grows_with_the_level_is_not_told_twice() -> None:
    """Guards against saying it twice: values three times as high scatter three times as much, and that is one difference."""
    rng = np.random.default_rng(4)
    group = rng.integers(0, 3, 6000)
    answer = differences({"g": np.array(list("abc"))[group], "x": rng.lognormal(0, 0.3, 6000) * np.array([1.0, 1.0, 3.0])[group]})
    assert [finding["statistics"]["test"] for finding in answer["findings"]] == ["Kruskal-Wallis"]


def test_the_order_of_rows_changes_no_byte(answer: dict[str, Any]) -> None:
    """Guards determinism under permutation: findings and metrics are the same bytes."""
    table, order = pa.table(planted()), np.random.default_rng(0).permutation(6000)
    other = differences(table.take(pa.array(order)))
    for part in ("findings", "metrics"):
        assert canonical_bytes(other[part]) == canonical_bytes(answer[part])


def test_the_size_of_chunks_changes_no_byte(answer: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards the merge of counts: batches of 13 rows, read again for each pass, give the same bytes as the usual ones kept."""
    original = Dataset.iter_batches
    monkeypatch.setattr(Dataset, "iter_batches", lambda self, columns=None, **how: original(self, columns, 13, **how))
    monkeypatch.setattr(coded, "KEPT_BYTES", 0)
    again = differences(planted())
    for part in ("findings", "metrics"):
        assert canonical_bytes(again[part]) == canonical_bytes(answer[part])


def marks(seed: int = 8, n: int = 6000) -> dict[str, Any]:
    """Marks of one to nine, higher in one school."""
    rng = np.random.default_rng(seed)
    school = rng.integers(0, 4, n)
    mark = np.clip(rng.integers(1, 7, n) + 2 * (school == 1), 1, 9)
    return {"school": np.array(["A", "B", "C", "D"])[school], "mark": pa.array(mark, mask=rng.random(n) < 0.05)}


def test_what_is_counted_first_gives_the_same_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards the shorter queries over combinations of few values: stock DuckDB gives them again, and the longer ones agree."""
    answer = differences(marks())
    queries = [item["sql"] for finding in answer["findings"] for item in finding["evidence"]]
    assert sum("GROUP BY ALL" in sql for sql in queries) == 2
    assert run_again(answer, pa.table(marks()), tmp_path) == len(queries) == 3
    monkeypatch.setattr(counted, "REPEATED", 10**9)
    slow = differences(marks())
    assert not any("GROUP BY ALL" in item["sql"] for finding in slow["findings"] for item in finding["evidence"])
    assert [finding["statement"] for finding in slow["findings"]] == [finding["statement"] for finding in answer["findings"]]
    for one, other in zip(answer["findings"], slow["findings"], strict=True):
        assert [[list(map(like, row)) for row in item["result"]] for item in one["evidence"]] == [
            item["result"] for item in other["evidence"]
        ]


def test_names_that_the_queries_use_themselves_change_nothing() -> None:
    """Guards names inside queries: columns called as their parts are give the same numbers."""
    plain = differences(marks())
    for names in (("g", "v"), ("inside", "times"), ("c", "n")):
        odd = differences(dict(zip(names, marks().values(), strict=True)))
        for one, other in zip(plain["findings"], odd["findings"], strict=True):
            assert [item["result"] for item in one["evidence"]] == [item["result"] for item in other["evidence"]]


def like(value: Any) -> Any:
    return pytest.approx(value, rel=1e-8) if isinstance(value, float) else value


def test_units_and_names_change_no_effect(answer: dict[str, Any]) -> None:
    """Guards invariance: other units, other names and a constant column leave the rank effects and p-values alone."""
    table = planted()
    table["hours"], table["noise"] = table["hours"] * 1024.0, table["noise"] * 0.5 - 3
    other = differences({f'{name}"; --': values for name, values in table.items()} | {"constant": np.ones(6000)})
    assert [(f["statistics"]["effect"], f["statistics"]["p_value"]) for f in other["findings"]] == [
        (f["statistics"]["effect"], f["statistics"]["p_value"]) for f in answer["findings"]
    ]


def test_odd_tables_are_answered_in_words() -> None:
    """Guards the na answers and odd values: empty, one row, all missing, one group, infinities, the largest doubles."""
    kinds: dict[str, Any] = {
        "empty": {"g": pa.array([], pa.string()), "x": pa.array([], pa.float64())},
        "one row": {"g": ["a"], "x": [1.0]},
        "all missing": {"g": ["a", "b"] * 50, "x": pa.array([None] * 100, pa.float64())},
        "one group": {"g": ["a"] * 100, "x": np.arange(100.0)},
        "no numbers": {"g": ["a", "b"] * 50},
    }
    for name, table in kinds.items():
        answer = differences(table)
        assert (answer["status"], answer["reason_code"]) == ("na", "nothing_to_compare"), name
    few = differences({"g": list("ab") * 20, "x": pa.array([*range(10), *[None] * 30])})
    assert (few["status"], few["reason_code"]) == ("na", "too_few_rows")
    huge = np.concatenate((np.linspace(-1, 1, 98) * 1.7e308, [np.inf, np.nan]))
    assert differences({"g": ["a"] * 50 + ["b"] * 50, "x": huge})["status"] == "ok"


def test_beyond_the_limits_columns_are_named() -> None:
    """Guards the bound for wide tables: of 1,000 measures two are compared, as was asked, and the rest are listed with the reason."""
    rng = np.random.default_rng(1)
    columns = {f"x{k}": rng.normal(size=100) for k in range(1000)}
    answer = differences({"g": list("ab") * 50} | columns, settings={"max_measures": 2})
    assert answer["metrics"]["measures"] == ["x0", "x1"]
    assert answer["metrics"]["left_out"][0] == {"name": "x2", "reason": "beyond the limit of measures"}
    assert len(answer["metrics"]["left_out"]) == 998
