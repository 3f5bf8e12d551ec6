"""Queues: planted servers, slow resources and crowding are found, with numbers that stock DuckDB gives again; quiet logs stay quiet."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from harness_core.sdk.statistics.blocked import compare, even_blocks
from harness_core.sdk.statistics.work import servers, time_at_level, under_way
from tests.plugins.event_logs import analysed, job_log, process_log, quiet_log, seconds, stands

PLUGIN = "analysis_queue_delay"


def subjects(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {finding["subject"]: finding for finding in answer["findings"]}


def crowded_log(seed: int = 5, jobs: int = 4000) -> Any:
    """Jobs that never wait, three times as many in every other hour, each slowed down by those that are under way when it begins."""
    rng = np.random.default_rng(seed)
    at = np.sort(rng.uniform(0, 1e6, 2 * jobs))
    at = at[(at // 7200 % 2 == 0) | (rng.random(2 * jobs) < 0.3)][:jobs]
    ends: list[float] = []
    for begun, base in zip(at, rng.gamma(4, 60, len(at)), strict=True):
        ends.append(begun + base * (1 + 0.25 * sum(end > begun for end in ends[-40:])))
    return pa.table(
        {"asked": seconds(at - 1), "begun": seconds(at), "done": seconds(np.array(ends)), "x": rng.normal(size=len(at))}
    )


def test_a_saturated_queue_is_told_without_a_comparison(tmp_path: Path) -> None:
    """Guards the queue that is never idle: nothing to compare with, and still the servers are what it waits for."""
    table = job_log(load=1.5)
    answer = analysed(PLUGIN, table)
    found = subjects(answer)["capacity"]
    assert "p_value" not in found["statistics"]
    assert found["statistics"]["full_share"] > 0.95
    assert stands(table, answer, tmp_path) >= 3


def test_a_queue_waits_for_its_servers(tmp_path: Path) -> None:
    """Guards the capacity finding: the planted number of servers, jobs that come when all are taken wait, the others do not."""
    table = job_log(load=0.9)
    answer = analysed(PLUGIN, table)
    found = subjects(answer)["capacity"]
    assert answer["metrics"]["servers"] == 3
    assert found["kind"] == "queueing"
    assert found["statistics"]["effect"]["value"] > 0.8
    assert "all 3 servers" in found["title"]
    assert "half wait more than 0 seconds" in found["statement"]
    assert stands(table, answer, tmp_path) >= 2


def test_waiting_is_told_where_it_is_the_larger_part(tmp_path: Path) -> None:
    """Guards the overall finding against a plain sum, and its silence in an idle queue."""
    table = job_log(load=0.95)
    answer = analysed(PLUGIN, table)
    told = subjects(answer)["overall"]
    waits = (table["begun"].to_numpy() - table["asked"].to_numpy()).astype(float).sum()
    whole = (table["done"].to_numpy() - table["asked"].to_numpy()).astype(float).sum()
    assert told["statistics"]["effect"]["value"] == pytest.approx(waits / whole, rel=1e-5)
    assert stands(table, answer, tmp_path) >= 1
    assert "overall" not in subjects(analysed(PLUGIN, job_log(load=0.4)))


def test_littles_law_holds_in_a_stable_queue() -> None:
    """Guards the check of the law: number in the system and rate times time agree within a few per cent."""
    law = analysed(PLUGIN, job_log(jobs=8000, load=0.7))["metrics"]["little"]
    assert law["product"] == pytest.approx(law["number_in_system"], rel=0.03)


def test_work_that_waits_despite_room_is_told(tmp_path: Path) -> None:
    """Guards the other verdict: jobs released by the hour wait although servers are free."""
    rng = np.random.default_rng(3)
    asked = np.sort(rng.uniform(0, 4e6, 5000))
    begun = np.ceil(asked / 3600) * 3600 + rng.uniform(0, 60, 5000)
    done = begun + rng.gamma(2, 30, 5000)
    table = pa.table({"asked": seconds(asked), "begun": seconds(begun), "done": seconds(done), "x": rng.normal(size=5000)})
    answer = analysed(PLUGIN, table)
    assert "capacity" not in subjects(answer)
    assert subjects(answer)["despite_room"]["statistics"]["effect"]["value"] > 0.9
    assert stands(table, answer, tmp_path) >= 2


def test_the_slow_resource_is_named(tmp_path: Path) -> None:
    """Guards the groups: one of five queues gets twice the work of the others, and its share of busy time is told."""
    parts = [job_log(seed, 1500, 1, 0.5) for seed in range(4)] + [job_log(9, 2700, 1, 0.9)]
    named = [part.set_column(2, "on", pa.array([f"line {k}"] * len(part))) for k, part in enumerate(parts)]
    table = pa.concat_tables(named).sort_by("asked")
    answer = analysed(PLUGIN, table)
    found = subjects(answer)["resource:line 4"]
    assert (found["kind"], found["severity"]) == ("queueing", "warning")
    assert found["statistics"]["busy_share"] > 0.8
    assert stands(table, answer, tmp_path) >= 3


def test_crowding_is_told_only_where_it_is(tmp_path: Path) -> None:
    """Guards the slowdown: work that takes longer beside other work is told, and plain queues are not."""
    table = crowded_log()
    answer = analysed(PLUGIN, table)
    found = subjects(answer)["crowding"]
    assert found["statistics"]["many_median_s"] > 1.5 * found["statistics"]["few_median_s"]
    assert stands(table, answer, tmp_path) >= 1
    assert "crowding" not in subjects(analysed(PLUGIN, job_log(servers=6, load=0.5)))


def test_steps_of_cases_wait_for_the_step_before(tmp_path: Path) -> None:
    """Guards logs of cases with start and end: waiting runs from the end of the case's previous step."""
    log = process_log(2, 300)
    end = log["when"].to_numpy() + np.timedelta64(90, "s")
    table = log.append_column("until", pa.array(end))
    answer = analysed(PLUGIN, table)
    assert answer["metrics"]["waiting"]["jobs"] == len(log) - 300
    assert subjects(answer)["activity:ship"]["kind"] == "waiting_time"
    assert stands(table, answer, tmp_path) >= 2


@pytest.mark.parametrize("seed", range(4))
def test_equal_resources_and_kinds_are_not_told_apart(seed: int) -> None:
    """Guards the false alarms: in a plain queue no server and no kind of work stands out, though waits are like their neighbours."""
    found = subjects(analysed(PLUGIN, job_log(seed + 20, 3000, 3, 0.9)))
    assert not {name for name in found if name.startswith(("resource", "activity", "crowding"))}


def test_one_time_is_not_enough() -> None:
    """Guards the applicability: a log with one time per event, and a table that is no log, are left with a sentence."""
    assert analysed(PLUGIN, process_log())["reason_code"] == "one_time_per_event"
    assert analysed(PLUGIN, quiet_log(2))["reason_code"] == "not_an_event_log"


def test_levels_are_counted_exactly() -> None:
    """Guards the sweep: levels, their durations and the servers against a count by hand."""
    start, end = np.array([0, 1, 1, 5]), np.array([2, 4, 3, 9])
    assert time_at_level(start, end).tolist() == [1, 6, 1, 1]
    assert under_way(start, end, np.array([0, 1, 2, 5, 9])).tolist() == [0, 1, 3, 0, 1]
    assert servers(np.array([10, 5000, 4000, 1])) == 2
    assert servers(np.array([10])) == 0


def test_p_values_hold_under_dependence() -> None:
    """Guards the blocked comparison: labels at random over a slow random walk give p-values below 0.05 in one case of twenty."""
    rng = np.random.default_rng(12)
    small = 0
    for _ in range(400):
        values = np.cumsum(rng.normal(size=600))
        compared = compare(values, rng.random(600) < 0.4, even_blocks(600, 20))
        assert compared is not None
        small += compared.p_value <= 0.05
    assert small <= 36
