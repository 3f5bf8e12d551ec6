"""Missing values on planted truth: where they are, with what they go together, in numbers that stock DuckDB gives again."""

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from harness_core.sdk.canonical import canonical_bytes
from harness_core.sdk.dataset import Dataset
from harness_core.sdk.statistics import coded
from harness_core.sdk.testing import run_plugin
from tests.plugins.example_table import analysed, misses
from tests.plugins.stock_duckdb import run_again

PLUGIN = Path(__file__).parents[2] / "plugins" / "analysis_missingness"


def missingness(table: Any, **more: Any) -> dict[str, Any]:
    return run_plugin(PLUGIN, table, **more)


def planted(seed: int = 5, n: int = 6000) -> pa.Table:
    """Gaps by group, by size, by time, by stretch of rows; a block of three columns, one that follows a rule, two in turn, noise."""
    rng = np.random.default_rng(seed)
    region, plan = rng.integers(0, 4, n), rng.integers(0, 2, n)
    income, age = rng.lognormal(8, 0.5, n), rng.normal(40, 9, n)
    minute = rng.integers(0, 525_000, n)
    first = datetime.datetime(2024, 1, 1)
    address = rng.random(n) < 0.08
    rows = np.arange(n)
    return pa.table(
        {
            "region": np.array(["East", "North", "O'West", "South"])[region],
            "plan": np.array(["basic", "pro"])[plan],
            "income": income,
            "seen_at": pa.array([first + datetime.timedelta(minutes=int(m)) for m in minute]),
            "rep": pa.array(rng.normal(size=n), mask=(region == 2) & (rng.random(n) < 0.2)),
            "loan": pa.array(rng.normal(size=n), mask=(income > 5000) & (rng.random(n) < 0.5) | (rng.random(n) < 0.01)),
            "probe": pa.array(rng.normal(size=n), mask=(minute > 200_000) & (minute < 260_000)),
            "scan": pa.array(rng.normal(size=n), mask=(rows >= 2000) & (rows < 2600)),
            "seats": pa.array(rng.integers(1, 9, n), mask=plan == 0),
            "street": pa.array([f"s{k}" for k in rng.integers(0, 500, n)], mask=address),
            "zip": pa.array(rng.integers(0, 900, n), mask=address ^ (rng.random(n) < 0.002)),
            "town": pa.array([f"t{k}" for k in rng.integers(0, 90, n)], mask=address),
            "phone": pa.array(rng.normal(size=n), mask=rng.random(n) < 0.5),
            "age": pa.array(np.where(rng.random(n) < 0.1, np.nan, age)),
        }
    )


@pytest.fixture(scope="module")
def answer() -> dict[str, Any]:
    return missingness(planted())


def told(answer: dict[str, Any]) -> dict[tuple[str, ...], dict[str, Any]]:
    return {tuple(finding["columns"]): finding for finding in answer["findings"]}


def test_each_planted_cause_is_found_and_no_other(answer: dict[str, Any]) -> None:
    """Guards both sides: five causes and a block are named; gaps at random (phone, age) and the block's own gaps are left alone."""
    assert set(told(answer)) == {
        ("rep", "region"), ("loan", "income"), ("probe", "seen_at"), ("scan",), ("seats", "plan"), ("zip", "street", "town"),
    }  # fmt: skip


def test_the_sentences_say_where_and_how_many(answer: dict[str, Any]) -> None:
    """Guards the words for a group, a threshold, a period, a stretch of rows, a rule and a block."""
    found = {columns: finding["statement"] for columns, finding in told(answer).items()}
    assert found["rep", "region"].startswith('"rep" is missing only where "region" is O\'West: in ')
    assert '"loan" is missing mostly where "income" is ' in found["loan", "income"]
    assert "or more: in " in found["loan", "income"]
    assert 'is missing exactly where "seen_at" is from 2024-05-18' in found["probe", "seen_at"]
    assert (
        found["scan",]
        == '"scan" is missing exactly from row 2,000 to row 2,599: in all 600 rows there and in none of the other 5,400.'
    )
    assert found["seats", "plan"].startswith('"seats" is missing exactly where "plan" is basic: in all ')
    assert '"zip", "street" and "town" are missing together' in found["zip", "street", "town"]


def test_a_rule_is_for_knowing_and_a_gap_for_asking(answer: dict[str, Any]) -> None:
    """Guards severity: what follows a rule exactly, and what is only missing together, is info; the others deserve a look."""
    severity = {columns: finding["severity"] for columns, finding in told(answer).items()}
    assert [severity["seats", "plan"], severity["zip", "street", "town"]] == ["info", "info"]
    assert [severity["rep", "region"], severity["loan", "income"]] == ["notice", "notice"]


def test_effects_have_intervals_and_the_advice_names_the_place(answer: dict[str, Any]) -> None:
    """Guards promise 3: a difference of shares within its interval, above the floor, with the test and its p-value."""
    for finding in answer["findings"]:
        if finding["subject"] == "together":
            continue
        effect = finding["statistics"]["effect"]
        assert 0.2 <= effect["low"] <= effect["value"] <= effect["high"] <= 1
        assert finding["statistics"]["p_value"] < 1e-6


def test_every_number_comes_from_a_query(answer: dict[str, Any], tmp_path: Path) -> None:
    """Guards citeability: stock DuckDB gives each count again, and the rows cited do lack the value."""
    assert run_again(answer, planted(), tmp_path) == 6
    rows = told(answer)["rep", "region"]["evidence"][1]["refs"]
    indices = [int(reference.rpartition("=")[2]) for reference in rows]
    assert len(indices) == 20
    assert planted().column("rep").take(pa.array(indices)).null_count == 20


def test_counts_and_patterns_are_exact(answer: dict[str, Any]) -> None:
    """Guards the metrics against counting by hand: gaps per column (not-a-number is one), complete rows, rows per pattern."""
    table = planted()
    masks = {
        name: np.array([value is None or value != value for value in table.column(name).to_pylist()]) for name in table.column_names
    }
    assert answer["metrics"]["missing"] == {name: int(mask.sum()) for name, mask in masks.items() if mask.any()}
    stacked = np.stack([masks[name] for name in answer["metrics"]["missing"]])
    assert answer["metrics"]["complete_rows"] == int((~stacked.any(axis=0)).sum())
    assert answer["metrics"]["pattern_count"] == len(np.unique(stacked, axis=1).T)
    assert sum(entry["rows"] for entry in answer["metrics"]["patterns"]) <= table.num_rows


def test_two_causes_of_one_columns_gaps_are_both_told() -> None:
    """Guards the second look: gaps in one plant and, elsewhere, at night are two findings; the shadow of the first is none."""
    rng = np.random.default_rng(2)
    plant, hour = rng.integers(0, 6, 12_000), rng.integers(0, 24, 12_000)
    line = np.array([f"L{k}" for k in range(12)])[plant * 2 + rng.integers(0, 2, 12_000)]
    mask = (plant == 1) & (rng.random(12_000) < 0.5) | (hour >= 21) & (rng.random(12_000) < 0.5)
    table = {
        "plant": np.array(list("abcdef"))[plant],
        "line": line,
        "hour": hour,
        "x": pa.array(rng.normal(size=12_000), mask=mask),
    }
    assert set(told(missingness(table))) == {("x", "plant"), ("x", "hour")}


def test_columns_filled_in_turn_are_one_finding() -> None:
    """Guards the other form of togetherness: a row has the one or the other."""
    rng = np.random.default_rng(3)
    is_firm = rng.random(3000) < 0.4
    table = {
        "company": pa.array(["x"] * 3000, mask=~is_firm),
        "surname": pa.array(["y"] * 3000, mask=is_firm ^ (rng.random(3000) < 0.01)),
    }
    (finding,) = [f for f in missingness(table)["findings"] if f["subject"] == "in turn"]
    assert finding["statement"].startswith('A row has either "company" or "surname": exactly one of them in 2,9')


@pytest.mark.parametrize("n", [300, 3000, 100_000])
def test_gaps_in_one_group_are_found_at_every_size(n: int) -> None:
    """Guards recall: a third of the values of one group of five."""
    rng = np.random.default_rng(n)
    group = rng.integers(0, 5, n)
    table = {"g": np.array(list("abcde"))[group], "x": pa.array(rng.normal(size=n), mask=(group == 3) & (rng.random(n) < 0.33))}
    assert '"x" is missing only where "g" is d' in told(missingness(table))["x", "g"]["title"]


@pytest.mark.parametrize("share", [0.02, 0.4, 0.95])
def test_values_missing_at_random_are_quiet(share: float) -> None:
    """Guards false alarms: of six tables with six columns of random gaps none speaks, whatever the share."""
    for seed in range(6):
        rng = np.random.default_rng([seed, int(1000 * share)])
        n = int(rng.choice([100, 1000, 5000]))
        table: dict[str, Any] = {f"x{k}": pa.array(rng.lognormal(size=n), mask=rng.random(n) < share) for k in range(6)}
        table |= {"g": np.array(list("abcdefgh"))[rng.integers(0, 8, n)], "rare": np.array(["u", "v"])[(rng.random(n) < 0.01) * 1]}
        answer = missingness(table)
        assert (answer["status"], answer["reason_code"]) == ("na", "no_pattern"), (seed, n)


def test_the_example_is_marked_in_full() -> None:
    """Guards every line of the marking scheme about this plugin, and that the other two columns with gaps are left alone."""
    answer = analysed("analysis_missingness")
    assert misses("analysis_missingness", answer["findings"]) == []
    (finding,) = answer["findings"]
    assert "in 631 of 4,819 rows there (13.09 %) and in none of the other 15,181" in finding["statement"]


def test_the_order_of_rows_changes_nothing_but_the_stretch_and_the_rows_cited(answer: dict[str, Any]) -> None:
    """Guards determinism under permutation: all but the claim about the order of rows keep statement and numbers to the byte."""
    other = missingness(planted().take(pa.array(np.random.default_rng(0).permutation(6000))))
    assert ("scan",) not in told(other)
    for columns, finding in told(other).items():
        for part in ("statement", "statistics", "title", "figure"):
            assert canonical_bytes(finding.get(part)) == canonical_bytes(told(answer)[columns].get(part)), columns


def test_the_size_of_chunks_changes_no_byte(answer: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards the merge of counts: batches of 13 rows, read again for each pass, give the same bytes as the usual ones kept."""
    original = Dataset.iter_batches
    monkeypatch.setattr(Dataset, "iter_batches", lambda self, columns=None, **how: original(self, columns, 13, **how))
    monkeypatch.setattr(coded, "KEPT_BYTES", 0)
    again = missingness(planted())
    for part in ("findings", "metrics"):
        assert canonical_bytes(again[part]) == canonical_bytes(answer[part])


def test_odd_names_and_tables_are_answered_in_words() -> None:
    """Guards the na answers and degenerate input: empty, complete, empty columns, one row; names full of quotes."""
    kinds: dict[str, tuple[Any, str]] = {
        "empty": ({"x": pa.array([], pa.float64())}, "none_missing"),
        "complete": ({"x": np.arange(50.0), "y": ["a"] * 50}, "none_missing"),
        "empty column": ({"x": np.arange(50.0), "y": pa.nulls(50, pa.string())}, "none_missing"),
        "one row": ({"x": pa.array([None], pa.float64())}, "none_missing"),
        "few gaps": ({"x": pa.array([None, *range(99)])}, "no_pattern"),
    }
    for name, (table, reason) in kinds.items():
        answer = missingness(table)
        assert (answer["status"], answer["reason_code"]) == ("na", reason), name
    odd = missingness({'g"; --': list("ab") * 100, "row_index": pa.array([1.0, None] * 100)})
    assert odd["findings"][0]["title"] == '"row_index" is missing exactly where "g"; --" is b'


def test_a_column_of_blanks_is_not_said_to_be_missing_where_it_is_null() -> None:
    """Guards empty columns: what the profile knows to hold nothing but blanks has no gaps to be explained."""
    table = pa.table({"x": list("ab") * 100, "y": pa.array(["", None] * 100)})
    profile = run_plugin(PLUGIN.with_name("profile_basic"), table)
    assert missingness(table, upstream={"profile_basic": profile})["reason_code"] == "none_missing"


def test_wide_tables_are_bounded_and_what_is_left_out_is_named() -> None:
    """Guards the bounds: 1,500 columns with gaps, of which five are tested against three."""
    rng = np.random.default_rng(1)
    table = {f"x{k}": pa.array(rng.normal(size=60), mask=rng.random(60) < 0.3) for k in range(1500)}
    answer = missingness(table, settings={"max_missing_columns": 5, "max_columns": 3})
    assert len(answer["metrics"]["missing"]) == 1500
    assert len(answer["metrics"]["left_out"]) == 1495 + 1497
    assert answer["metrics"]["tests"] <= 5 * 4
