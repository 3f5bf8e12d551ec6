"""The distribution plugin on planted shapes, and on smooth columns, with numbers that stock DuckDB gives again."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from harness_core.sdk.canonical import canonical_bytes
from harness_core.sdk.testing import run_plugin
from tests.plugins.example_table import analysed
from tests.plugins.null_tables import null_table
from tests.plugins.stock_duckdb import run_again

PLUGINS = Path(__file__).parents[2] / "plugins"
N = 6000


def distribution(table: Any, **more: Any) -> dict[str, Any]:
    return run_plugin(PLUGINS / "analysis_distribution", table, **more)


def planted(seed: int = 3) -> pa.Table:
    """Estimated weights, two humps with a group behind them, a limit, claims with a power-law tail, amounts that recur, smooth noise."""
    rng = np.random.default_rng(seed)
    weight = np.round(rng.normal(75, 15, N))
    estimated = rng.random(N) < 0.3
    site = rng.integers(0, 3, N)
    amount = 10 ** rng.uniform(0, 5, N)
    recurring = rng.random(N) < 0.25
    return pa.table(
        {
            "site": np.array(["A", "B", "C"])[site],
            "weight": np.where(estimated, np.round(weight / 10) * 10, weight),
            "pressure": rng.normal(10, 1, N) + 9 * (site == 1),
            "score": np.minimum(np.round(rng.normal(80, 15, N), 2), 100.0),
            "claim": np.round(100 * (rng.pareto(1.2, N) + 1), 2),
            "amount": np.round(np.where(recurring, rng.uniform(5000, 5200, N), amount), 2),
            "smooth": pa.array(rng.normal(50, 10, N), mask=rng.random(N) < 0.1),
            "count": rng.poisson(6, N),
        }
    )


@pytest.fixture(scope="module")
def answer() -> dict[str, Any]:
    profile = run_plugin(PLUGINS / "profile_basic", planted())
    return distribution(planted(), upstream={"profile_basic": profile})


def told(answer: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(finding["columns"][0], finding["kind"]): finding for finding in answer["findings"]}


def test_each_shape_is_found_and_smooth_columns_are_left_alone(answer: dict[str, Any]) -> None:
    """Guards both sides: five peculiarities of five kinds, nothing about a normal and a Poisson column."""
    found = set(told(answer))
    assert found >= {
        ("weight", "digit_preference"), ("pressure", "multimodality"), ("score", "distribution_shape"), ("claim", "heavy_tail"),
        ("amount", "benford"),
    }  # fmt: skip
    assert {name for name, _ in found} == {"weight", "pressure", "score", "claim", "amount"}


def test_the_sentences_carry_the_facts(answer: dict[str, Any]) -> None:
    """Guards the words: the multiple, both humps and the group behind them, the limit, the share of the head, the digits."""
    found = {key: finding["statement"] for key, finding in told(answer).items()}
    assert 'Values of "weight" are heaped at multiples of 10' in found["weight", "digit_preference"]
    assert '"pressure" has two humps: ' in found["pressure", "multimodality"]
    assert '"site" tells the two apart in 100 % of the rows' in found["pressure", "multimodality"]
    assert 'values of "score" (' in found["score", "distribution_shape"]
    assert "are exactly the highest one, 100;" in found["score", "distribution_shape"]
    assert "of the total" in found["claim", "heavy_tail"]
    assert "most out of line are values that begin with 5" in found["amount", "benford"]


def test_effects_hold_the_truth(answer: dict[str, Any]) -> None:
    """Guards the estimates: three in ten weights estimated, a tail index of 1/1.2, each within its interval."""
    heap = told(answer)["weight", "digit_preference"]["statistics"]["effect"]
    assert heap["low"] < 0.3 < heap["high"]
    tail = told(answer)["claim", "heavy_tail"]["statistics"]["effect"]
    assert tail["low"] < 1 / 1.2 < tail["high"]


def test_every_number_comes_from_a_query(answer: dict[str, Any], tmp_path: Path) -> None:
    """Guards citeability: stock DuckDB gives each result again, digits of leading places included."""
    assert run_again(answer, planted(), tmp_path) >= 8


def test_digits_are_counted_exactly(answer: dict[str, Any]) -> None:
    """Guards the leading digits against their texts, for numbers such as 0.3 that no double holds, and from 1e-7 to 1e20."""
    rng = np.random.default_rng(1)
    values = np.array([float(f"{rng.integers(1, 1000)}e{rng.integers(-9, 18)}") for _ in range(500)])
    (entry,) = distribution({"x": values})["metrics"]["columns"]
    texts = [f"{value:.14e}" for value in values]
    assert entry["benford"]["first"] == [sum(text[0] == str(digit) for text in texts) for digit in range(1, 10)]
    assert entry["benford"]["first_two"] == [sum(text[0] + text[2] == str(digits) for text in texts) for digits in range(10, 100)]


def test_benfords_law_is_not_asked_where_it_cannot_be_expected() -> None:
    """Guards the conditions: heights, few rows, a narrow span and negative amounts have reasons, and no finding."""
    rng = np.random.default_rng(2)
    table = {"height": rng.normal(170, 9, 5000), "change": rng.normal(0, 1e4, 5000), "prices": rng.lognormal(3, 0.6, 5000)}
    answer = distribution(table)
    assert not [finding for finding in answer["findings"] if finding["kind"] == "benford"]
    assert all(not entry["benford"]["applies"] and entry["benford"]["reasons"] for entry in answer["metrics"]["columns"])


def test_amounts_that_follow_the_law_are_quiet() -> None:
    """Guards the other side: a log-uniform column is judged, conforms, and is not reported."""
    answer = distribution({"x": 10 ** np.random.default_rng(5).uniform(0, 5, 20_000)})
    assert answer["metrics"]["columns"][0]["benford"]["conformity"] == "close conformity"
    assert [finding for finding in answer["findings"] if finding["kind"] == "benford"] == []


def test_noise_of_many_shapes_calls_for_no_attention() -> None:
    """Guards the first page: of 40 tables of noise at most one has a finding above info, whatever shapes their columns have."""
    loud = [seed for seed in range(40) if any(f["severity"] != "info" for f in distribution(null_table(seed))["findings"])]
    assert len(loud) <= 1, loud


@pytest.mark.parametrize("n", [100, 1000, 30_000])
def test_one_hump_is_never_two(n: int) -> None:
    """Guards the valley test: of thirty columns of one hump and three sizes, rounded or not, none is split."""
    rng = np.random.default_rng(n)
    table: dict[str, Any] = {}
    for k in range(10):
        table |= {f"n{k}": rng.normal(size=n), f"g{k}": np.round(rng.gamma(3, 20, n)), f"t{k}": np.round(rng.standard_t(3, n), 2)}
    assert [f for f in distribution(table)["findings"] if f["kind"] in {"multimodality", "digit_preference"}] == []


def test_the_order_of_rows_and_the_names_change_nothing(answer: dict[str, Any]) -> None:
    """Guards determinism: the same bytes for permuted rows."""
    table = planted().take(pa.array(np.random.default_rng(0).permutation(N)))
    other = distribution(table, upstream={"profile_basic": run_plugin(PLUGINS / "profile_basic", table)})
    for part in ("findings", "metrics"):
        assert canonical_bytes(other[part]) == canonical_bytes(answer[part])


def test_units_change_no_verdict(answer: dict[str, Any]) -> None:
    """Guards invariance: in thousandths, the same kinds are found about the same columns."""
    table = planted()
    scaled = {name: pa.array(np.asarray(table[name]) * 1000) for name in ("weight", "pressure", "score", "claim", "smooth")}
    assert set(told(distribution(scaled))) == {key for key in told(answer) if key[0] in scaled}


def test_the_example_has_nothing_to_shout_about() -> None:
    """Guards the first page of the example: no shape in it is worth a notice."""
    assert [f["title"] for f in analysed("analysis_distribution")["findings"] if f["severity"] != "info"] == []


def test_odd_columns_are_answered_in_words() -> None:
    """Guards degenerate input: empty, one row, constant, missing, infinities, the largest doubles, and names full of quotes."""
    kinds: dict[str, Any] = {
        "empty": pa.array([], pa.float64()), "one": [1.0], "constant": np.ones(500), "missing": pa.nulls(500, pa.float64()),
    }  # fmt: skip
    for name, values in kinds.items():
        answer = distribution({"x": values})
        assert (answer["status"], answer["reason_code"]) == ("na", "nothing_to_describe"), name
    huge = np.concatenate((np.linspace(-1, 1, 298) * 1.7e308, [np.inf, np.nan]))
    tiny = np.linspace(1, 300, 300) * 5e-324
    assert distribution({'a"; --': huge, "tiny": tiny, "wide": 10.0 ** np.linspace(-300, 300, 300)})["status"] in {"ok", "na"}


def test_beyond_the_limit_columns_are_named() -> None:
    """Guards the bound for wide tables."""
    answer = distribution({f"x{k}": np.arange(150.0) for k in range(300)}, settings={"max_columns": 7})
    assert len(answer["metrics"]["columns"]) == 7
    assert answer["metrics"]["left_out"][0] == {"name": "x7", "reason": "beyond the limit of columns"}
