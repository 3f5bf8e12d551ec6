"""What the dependence plugin says of rates, of few rows, of courses in time, of event logs and of columns that stand for one."""

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from harness_core.sdk.testing import run_plugin
from tests.plugins.stock_duckdb import run_again

PLUGINS = Path(__file__).parents[2] / "plugins"
START = datetime.datetime(2025, 3, 1)


def dependence(table: Any) -> dict[str, Any]:
    """The answer with the profiles that a run gives it."""
    upstream: dict[str, Any] = {}
    for name in ("profile_basic", "profile_eventlog"):
        upstream[name] = run_plugin(PLUGINS / name, table, upstream=dict(upstream))
    answer = run_plugin(PLUGINS / "analysis_dependence", table, upstream=upstream)
    assert answer["status"] != "error", answer["error"]
    return answer


def told(answer: dict[str, Any]) -> dict[frozenset[str], dict[str, Any]]:
    return {frozenset(finding["columns"]): finding for finding in answer["findings"]}


def customers(n: int = 4000) -> pa.Table:
    """A third of the small ones leave, a tenth of the others; variant B wins in both segments and loses in all rows together."""
    rng = np.random.default_rng(3)
    size = rng.choice(["large", "middle", "small"], n)
    segment = rng.choice(["new", "old"], n)
    variant = np.where(rng.random(n) < np.where(segment == "new", 0.8, 0.2), "B", "A")
    bought = rng.random(n) < np.where(segment == "new", 0.05, 0.35) + np.where(variant == "B", 0.04, 0.0)
    return pa.table({
        "size": size, "segment": segment, "variant": variant, "noise": rng.normal(size=n),
        "left": np.where(rng.random(n) < np.where(size == "small", 0.33, 0.1), "yes", "no"), "bought": bought.astype(int),
    })  # fmt: skip


def test_a_column_of_two_values_is_told_as_a_rate(tmp_path: Path) -> None:
    """Guards the words: how often it is yes, where most and where least, with numbers that stock DuckDB gives."""
    table = customers()
    answer = dependence(table)
    leaving = told(answer)[frozenset({"size", "left"})]
    assert leaving["title"] == 'How often "left" is yes depends on "size"'
    assert 'of the rows where "size" is small' in leaving["statement"]
    assert leaving["severity"] == "notice"
    assert leaving["figure"]["type"] == "bars"
    assert run_again(answer, table, tmp_path) >= 3


def test_a_rate_that_looks_different_only_over_all_rows_is_told_with_what_is_behind_it() -> None:
    """Guards Simpson's paradox where one value is rare: the correlation is far below the floor, and the lesson is not."""
    finding = told(dependence(customers()))[frozenset({"variant", "bought"})]
    assert finding["statistics"]["effect"]["value"] < 0.3
    assert finding["statistics"]["conditional"]["given"] == "segment"
    assert 'within "segment"' in finding["title"]


def test_rates_that_hardly_differ_are_not_told() -> None:
    """Guards the floor: 30,000 rows make a difference of two points sure, which is not worth a sentence."""
    rng = np.random.default_rng(5)
    group = rng.choice(["a", "b"], 30_000)
    table = pa.table({"group": group, "hit": (rng.random(30_000) < np.where(group == "a", 0.5, 0.53)).astype(int)})
    assert dependence(table)["status"] == "na"


def cars(seed: int, n: int = 30) -> pa.Table:
    """Weight decides consumption, gears and colour nothing."""
    rng = np.random.default_rng(seed)
    weight = rng.normal(1400, 300, n)
    return pa.table({
        "weight": weight.round(), "consumption": (weight / 200 + rng.normal(0, 0.7, n)).round(2), "paint": rng.normal(size=n).round(3),
        "gears": rng.choice([4, 5, 6], n), "seats": rng.normal(size=n).round(3),
    })  # fmt: skip


def test_thirty_rows_are_enough_for_a_strong_relation(tmp_path: Path) -> None:
    """Guards small tables: found in each of five of them, with the p-value of shuffled rows, and nothing else."""
    for seed in range(5):
        answer = dependence(cars(seed))
        assert set(told(answer)) == {frozenset({"weight", "consumption"})}
        assert answer["findings"][0]["statistics"]["p_value"] >= 1e-5
    assert answer["findings"][0]["statistics"]["test"].endswith("shuffled rows")
    assert run_again(answer, cars(4), tmp_path) >= 2


def test_p_values_of_few_rows_are_uniform_under_the_null() -> None:
    """Guards calibration: of 600 pairs of unrelated columns of 14 rows no more are below a level than that level says."""
    p_values: list[float] = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        columns = {f"c{k}": rng.normal(size=14) if k % 2 else rng.exponential(size=14) for k in range(6)}
        p_values += [pair["p_value"] for pair in dependence(pa.table(columns))["metrics"]["pairs"]]
    assert len(p_values) == 600
    for level in (0.01, 0.05, 0.2):
        assert np.mean(np.array(p_values) <= level) <= level + 2.5 * np.sqrt(level * (1 - level) / len(p_values))


@pytest.mark.parametrize("seed", range(3))
def test_two_slow_movements_are_no_dependence(seed: int) -> None:
    """Guards against nonsense-correlations: random walks in time that know nothing of each other; without the time they would be
    taken for independent rows."""
    rng = np.random.default_rng(seed)
    n = 3000
    walks = {f"walk{k}": rng.normal(size=n).cumsum().round(2) for k in range(4)}
    at = [START + datetime.timedelta(minutes=10 * k) for k in range(n)]
    answer = dependence(pa.table({"at": at, **walks}))
    assert [finding["title"] for finding in answer["findings"] if "at" not in finding["columns"]] == []
    assert len(dependence(pa.table(walks))["findings"]) > 0


def test_what_moves_together_in_time_is_still_told() -> None:
    """Guards the power of that correction: two columns with memory that share their quick movements too."""
    rng = np.random.default_rng(2)
    n = 2000
    load = 50 + 10 * np.sin(np.arange(n) / 20) + rng.normal(0, 2, n).cumsum() * 0.1 + rng.normal(0, 3, n)
    at = [START + datetime.timedelta(minutes=10 * k) for k in range(n)]
    answer = dependence(pa.table({"at": at, "load": load.round(2), "price": (0.5 * load + rng.normal(0, 2, n)).round(2)}))
    finding = told(answer)[frozenset({"load", "price"})]
    assert finding["statistics"]["independent_rows"] < n / 2


def test_the_case_of_an_event_log_is_no_column_to_compare() -> None:
    """Guards event logs: case numbers go with time, resource and all else of a case, which says nothing."""
    rng = np.random.default_rng(7)
    rows = []
    for case in range(300):
        begin = START + datetime.timedelta(hours=2 * case)
        for step, activity in enumerate(("register", "check", "decide", "close")):
            rows.append((case, activity, begin + datetime.timedelta(minutes=30 * step + int(rng.integers(0, 20)))))
    table = pa.table({name: [row[k] for row in rows] for k, name in enumerate(("case_id", "activity", "at"))})
    answer = dependence(table.append_column("clerk", pa.array(rng.choice(["Ann", "Bob", "Cid"], table.num_rows))))
    assert {"name": "case_id", "reason": "it numbers the cases"} in answer["metrics"]["left_out"]
    assert all("case_id" not in finding["columns"] for finding in answer["findings"])


def test_a_running_number_is_told_with_its_time_alone() -> None:
    """Guards against one trivial fact told five times: a number that grows with time goes with all that drifts."""
    rng = np.random.default_rng(9)
    n = 2000
    times = np.sort(rng.integers(0, 400_000, n))
    order = rng.permutation(n)
    price = 10 + times / 40_000 + rng.normal(0, 2, n)
    table = pa.table({
        "reading": (10_000 + np.arange(n) // 2)[order], "price": price.round(2)[order],
        "at": [START + datetime.timedelta(minutes=int(minute)) for minute in times[order]],
    })  # fmt: skip
    assert set(told(dependence(table))) == {frozenset({"reading", "at"}), frozenset({"price", "at"})}


def test_columns_of_noughts_and_ones_that_stand_for_one_column(tmp_path: Path) -> None:
    """Guards one-hot columns: one identity in place of a dependence per pair."""
    rng = np.random.default_rng(1)
    colour = rng.integers(0, 3, 900)
    columns = {f"colour_{name}": (colour == k).astype(int) for k, name in enumerate(("red", "green", "blue"))}
    table = pa.table({**columns, "other": rng.integers(0, 2, 900)})
    answer = dependence(table)
    (finding,) = answer["findings"]
    assert (finding["kind"], finding["columns"]) == ("identity", list(columns))
    assert finding["statement"].startswith("In 900 of 900 rows exactly one of ")
    assert run_again(answer, table, tmp_path) == 1


def test_a_column_that_falls_where_the_others_rise_is_named() -> None:
    """Guards the words of a block: a question that was asked the other way round does not move together with the rest."""
    rng = np.random.default_rng(4)
    trait = rng.normal(size=800)
    columns = {
        name: np.clip(np.round(3 + sign * trait + rng.normal(0, 0.5, 800)), 1, 5)
        for name, sign in zip("pqr", (1, -1, 1), strict=True)
    }
    (finding,) = dependence(pa.table(columns))["findings"]
    assert finding["title"] == '3 columns move together: "p", "q" and "r"'
    assert finding["statement"].endswith('"q" goes the other way.')
