"""The event-log profile: roles found from the data alone, whatever the columns are called, and refused where there is no order."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from harness_core.sdk.testing import run_plugin
from tests.plugins.event_logs import PLUGINS, job_log, process_log, quiet_log, seconds, upstream


def roles(table: Any, **settings: Any) -> dict[str, Any]:
    answer = upstream(table, **settings)["profile_eventlog"]
    return {role: name for role, name in answer["metrics"]["roles"].items() if name is not None}


def test_case_activity_time_and_resource_are_found() -> None:
    """Guards the search: the four roles of a log in shuffled rows, with a reason for each and exact counts."""
    answer = upstream(process_log())["profile_eventlog"]
    found = {role: name for role, name in answer["metrics"]["roles"].items() if name}
    assert found == {"case": "order", "activity": "what", "time": "when", "resource": "who"}
    assert {entry["role"] for entry in answer["metrics"]["reasons"]} == set(found)
    assert answer["metrics"]["counts"]["cases"] == 600
    assert answer["metrics"]["form"] == "cases"


@pytest.mark.parametrize("cases", [25, 150])
def test_small_logs_are_found_too(cases: int) -> None:
    """Guards the power of the search in small tables."""
    found = roles(process_log(3, cases))
    assert (found["case"], found["activity"], found["time"]) == ("order", "what", "when")


def test_names_play_no_part() -> None:
    """Guards the promise that names are never read: misleading names give the same columns by position."""
    table = process_log()
    misled = table.rename_columns(["case_id", "activity", "timestamp", "start", 'resource "x"; --'])
    positions = {role: table.column_names.index(name) for role, name in roles(table).items()}
    assert {role: misled.column_names.index(name) for role, name in roles(misled).items()} == positions


def test_row_order_and_column_order_play_no_part() -> None:
    """Guards permutation invariance."""
    table = process_log()
    shuffled = table.take(np.random.default_rng(0).permutation(len(table))).select(["order", "when", "what", "who", "noise"])
    assert roles(shuffled) == roles(table)


@pytest.mark.parametrize("seed", range(12))
def test_tables_without_order_are_no_logs(seed: int) -> None:
    """Guards the false alarms: customers, products and shops at random times."""
    answer = upstream(quiet_log(seed))["profile_eventlog"]
    assert answer["status"] == "na"
    assert answer["reason_code"] in {"no_order", "no_case", "no_activity"}
    assert not answer["metrics"]["is_event_log"]


def test_lines_of_one_order_are_no_log() -> None:
    """Guards against order lines: groups of rows that share their time have no order in time."""
    rng = np.random.default_rng(2)
    order = np.repeat(np.arange(400), 4)
    part = np.tile(["box", "paper", "ribbon", "card"], 400)
    table = pa.table({"order": [f"o{k}" for k in order], "part": part, "at": seconds(order * 3600.0), "n": rng.normal(size=1600)})
    assert upstream(table)["profile_eventlog"]["reason_code"] == "no_order"


def test_a_machine_that_cycles_for_ever_is_no_log_of_cases() -> None:
    """Guards the spread: states of machines follow an order, but a machine is no case that begins and ends."""
    state = np.tile(["idle", "heat", "press", "cool"], 500)
    machine = np.repeat([f"m{k}" for k in range(10)], 200)
    at = np.tile(np.arange(200) * 600.0, 10)
    table = pa.table({"machine": machine, "state": state, "at": seconds(at)})
    assert upstream(table)["profile_eventlog"]["reason_code"] == "no_order"


def test_times_of_a_job_log() -> None:
    """Guards the chain of times, whatever the order of columns, and the resource by its exclusiveness."""
    answer = upstream(job_log())["profile_eventlog"]
    found = {role: name for role, name in answer["metrics"]["roles"].items() if name}
    assert found == {"queued": "asked", "started": "begun", "ended": "done", "resource": "on"}
    assert answer["metrics"]["form"] == "jobs"


def test_marks_of_start_and_end() -> None:
    """Guards the lifecycle: a column whose two values alternate within case and activity."""
    log = process_log(4, 200)
    begin, end = log["when"].to_numpy(), log["when"].to_numpy() + np.timedelta64(60, "s")
    both = {name: pa.concat_arrays([log[name].combine_chunks()] * 2) for name in ("order", "what")}
    table = pa.table({**both, "mark": ["B"] * len(log) + ["E"] * len(log), "at": np.concatenate([begin, end])})
    found = roles(table)
    assert (found["lifecycle"], found["start_mark"], found["end_mark"]) == ("mark", "B", "E")


def test_a_case_of_the_whole_order_is_preferred_to_its_steps() -> None:
    """Guards nested cases: a step within an order that has its own little sequence does not hide the order."""
    rng = np.random.default_rng(1)
    rows = []
    for order in range(150):
        at = order * 5000.0
        for step, name in enumerate(("pick", "pack", "send")):
            for part in ("planned", "begun", "done"):
                at += rng.exponential(100)
                rows.append((f"o{order}", f"o{order}-{step}", name, part, at))
    order, step, name, part, at = zip(*rows, strict=True)
    table = pa.table({"step": step, "order": order, "name": name, "part": part, "at": seconds(at)})
    assert roles(table)["case"] == "order"


def test_settings_decide() -> None:
    """Guards the overrides: roles given are taken as they are, and a column that is not there is an error with its name."""
    table = process_log(1, 60)
    assert roles(table, roles={"case": "who", "activity": "what"})["case"] == "who"
    answer = upstream(table, roles={"case": "nope"})["profile_eventlog"]
    assert (answer["status"], answer["error"]["type"]) == ("error", "UnknownColumn")


@pytest.mark.parametrize(
    "table",
    [
        {"a": pa.array([], pa.string()), "t": pa.array([], pa.timestamp("us"))},
        {"a": ["x"], "t": seconds([1.0])},
        {"a": pa.nulls(50, pa.string()), "t": pa.nulls(50, pa.timestamp("us"))},
        {"a": ["x"] * 50, "t": seconds([1.0] * 50)},
        {"a": [f"c{k // 3}" for k in range(60)], "b": ["p", "q", "r"] * 20, "t": seconds([5.0] * 60)},
        {"x": np.full(40, np.inf), "n": np.arange(40)},
    ],
)
def test_degenerate_tables_are_refused_with_a_reason(table: dict[str, Any]) -> None:
    """Guards the empty, the single, the constant and the missing."""
    answer = upstream(pa.table(table))["profile_eventlog"]
    assert answer["status"] == "na"
    assert answer["summary"].endswith(".")


def test_without_a_profile_it_says_so() -> None:
    """A missing prerequisite is an error with a name."""
    answer = run_plugin(PLUGINS / "profile_eventlog", {"x": [1]})
    assert (answer["status"], answer["error"]["type"]) == ("error", "MissingProfile")
