"""Concentration on planted heads and on even tables, with numbers that stock DuckDB gives again, and the indices by definition."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from harness_core.sdk.canonical import canonical_bytes
from harness_core.sdk.statistics.inequality import atkinson, gini, herfindahl, lorenz_asymmetry, rosenbluth
from harness_core.sdk.testing import run_plugin
from tests.plugins.example_table import analysed
from tests.plugins.null_tables import null_table
from tests.plugins.stock_duckdb import run_again

PLUGINS = Path(__file__).parents[2] / "plugins"


def concentration(table: Any, **more: Any) -> dict[str, Any]:
    return run_plugin(PLUGINS / "analysis_concentration", table, **more)


def planted(seed: int = 7, n: int = 8000) -> pa.Table:
    """Two of sixty customers make most of the turnover with few rows; machines break evenly; one error code is most of the log."""
    rng = np.random.default_rng(seed)
    customer, code = rng.integers(0, 60, n), np.minimum(rng.geometric(0.6, n), 14)
    return pa.table(
        {
            "customer": np.array([f"C'{k:02}" for k in range(60)])[customer],
            "machine": np.array([f"M{k:02}" for k in range(20)])[rng.integers(0, 20, n)],
            "code": np.array([f"E{k:02}" for k in range(15)])[code],
            "turnover": np.round(rng.lognormal(3, 0.5, n) * np.where(customer < 2, 200.0, 1.0), 2),
            "minutes": pa.array(rng.gamma(3, 5, n), mask=rng.random(n) < 0.1),
        }
    )


@pytest.fixture(scope="module")
def answer() -> dict[str, Any]:
    return concentration(planted())


def told(answer: dict[str, Any]) -> dict[tuple[str, ...], dict[str, Any]]:
    return {tuple(finding["columns"]): finding for finding in answer["findings"]}


def test_the_heads_are_found_and_even_columns_are_left_alone(answer: dict[str, Any]) -> None:
    """Guards both sides: a sum in two hands, a code in most rows; nothing about machines and minutes."""
    assert set(told(answer)) == {("turnover", "customer"), ("code",)}
    assert told(answer)["turnover", "customer"]["severity"] == "notice"


def test_the_sentence_names_the_head_and_says_what_the_rows_would_be(answer: dict[str, Any]) -> None:
    """Guards the words: how many hold half, who is first, the interval, and that it is not the number of rows."""
    finding = told(answer)["turnover", "customer"]
    assert finding["statement"].startswith(
        '2 of 60 values of "customer" (3.33 %) hold half of the sum of "turnover", and 2 (3.33 %) hold four fifths.'
    )
    assert set(finding["statistics"]["head"][:2]) == {"C'00", "C'01"}
    assert finding["statistics"]["gini_of_rows"] < 0.1
    assert ", against 0.0" in finding["statement"]


def test_numbers_agree_with_counting_by_hand(answer: dict[str, Any]) -> None:
    """Guards Gini, Herfindahl and the size of the head against sums in plain Python, and that the interval holds the value."""
    table = planted().to_pydict()
    held: dict[str, float] = {}
    for customer, turnover in zip(table["customer"], table["turnover"], strict=True):
        held[customer] = held.get(customer, 0.0) + turnover
    amounts = sorted(held.values())
    total, pairs = sum(amounts), sum(abs(a - b) for a in amounts for b in amounts)
    statistics = told(answer)["turnover", "customer"]["statistics"]
    assert statistics["effect"]["value"] == pytest.approx(pairs / (2 * 60 * total), rel=1e-5)
    assert statistics["herfindahl"] == pytest.approx(sum((a / total) ** 2 for a in amounts), rel=1e-5)
    assert statistics["effect"]["low"] < statistics["effect"]["value"] < statistics["effect"]["high"]


def test_every_number_comes_from_a_query(answer: dict[str, Any], tmp_path: Path) -> None:
    """Guards citeability: stock DuckDB gives each result again."""
    assert run_again(answer, planted(), tmp_path) == 5


def test_even_groups_are_quiet() -> None:
    """Guards false alarms: noise of many shapes, and 500 groups of three rows each by chance, have nothing above info."""
    for seed in range(12):
        table = null_table(seed)
        answer = concentration(table, upstream={"profile_basic": run_plugin(PLUGINS / "profile_basic", table)})
        assert [f["title"] for f in answer["findings"] if f["severity"] != "info"] == [], seed
    rng = np.random.default_rng(1)
    sparse = {"g": np.array([f"g{k}" for k in range(500)])[rng.integers(0, 500, 1500)], "x": rng.lognormal(0, 1, 1500)}
    assert concentration(sparse)["reason_code"] == "evenly_spread"


def test_the_dispersion_test_is_calibrated() -> None:
    """Guards the p-value: of 80 even tables about five in a hundred lie below 0.05, for rows and for sums."""
    p_values = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        table = {"g": np.array([f"g{k:02}" for k in range(30)])[rng.integers(0, 30, 3000)], "x": rng.gamma(2, 1, 3000)}
        p_values += [entry["p_value"] for entry in concentration(table)["metrics"]["groups"]]
    assert len(p_values) == 80
    assert 0.01 <= np.mean(np.array(p_values) <= 0.05) <= 0.11


def test_the_indices_are_those_of_the_definitions() -> None:
    """Guards the formulas on known cases: equal holdings, one holder, and published examples of the asymmetry."""
    equal, one = np.full(8, 0.1), np.array([0.0, 0.0, 0.0, 5.0])
    assert (gini(equal), herfindahl(equal), lorenz_asymmetry(equal)) == pytest.approx((0.0, 1 / 8, 1.0), abs=1e-12)
    assert (gini(one), herfindahl(one), rosenbluth(one), atkinson(one)) == pytest.approx((0.75, 1.0, 1.0, 0.75))
    few, many = np.array([50 / 9] * 9 + [50.0]), np.array([2.0] * 5 + [18.0] * 5)
    assert gini(few) == pytest.approx(gini(many))
    assert (lorenz_asymmetry(few), lorenz_asymmetry(many)) == pytest.approx((1.46, 0.74))


def test_the_order_of_rows_changes_no_byte(answer: dict[str, Any]) -> None:
    """Guards determinism under permutation: findings and metrics are the same bytes."""
    other = concentration(planted().take(pa.array(np.random.default_rng(0).permutation(8000))))
    for part in ("findings", "metrics"):
        assert canonical_bytes(other[part]) == canonical_bytes(answer[part])


def test_units_change_no_share(answer: dict[str, Any]) -> None:
    """Guards invariance: in another currency and with names full of quotes the same heads and coefficients are found."""
    table = planted()
    scaled = table.set_column(3, "turnover", pa.array(np.asarray(table["turnover"]) * 1024))
    other = concentration(scaled.rename_columns([f'{name}"; --' for name in table.column_names]))
    assert [f["statistics"]["effect"]["value"] for f in other["findings"]] == [
        f["statistics"]["effect"]["value"] for f in answer["findings"]
    ]


def test_the_example_has_no_head_worth_a_notice() -> None:
    """Guards the first page of the example."""
    assert [f["title"] for f in analysed("analysis_concentration")["findings"] if f["severity"] != "info"] == []


def test_odd_tables_are_answered_in_words() -> None:
    """Guards degenerate input: empty, unique keys, nothing but zeros, negative amounts, the largest doubles, wide tables."""
    groups = [f"g{k % 20}" for k in range(400)]
    assert concentration({"g": pa.array([], pa.string())})["reason_code"] == "no_rows"
    assert concentration({"g": [str(k) for k in range(100)], "x": np.arange(100.0)})["reason_code"] == "no_holders"
    assert concentration({"g": groups, "x": np.zeros(400)})["reason_code"] == "evenly_spread"
    left = concentration({"g": groups, "x": np.arange(400.0) - 5})["metrics"]["left_out"]
    assert left == [{"name": "x", "reason": "it has negative values, or none above nought"}]
    assert concentration({"g": groups, "x": np.full(400, 1e308)})["status"] == "na"
    tiny = concentration({"g": groups, "x": pa.array([1e-300] * 399 + [None])})
    assert tiny["metrics"]["rows"][0]["gini"] == pytest.approx(0, abs=1e-9)
    wide = concentration({f"g{k}": groups for k in range(300)})
    assert len(wide["metrics"]["groups"]) == 12
    assert len(wide["metrics"]["left_out"]) == 288
