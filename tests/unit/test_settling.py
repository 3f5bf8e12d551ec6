"""Which executions start, which are skipped, how a run ends: pure rules, checked as tables and on random plans."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness_core.domain.plugins import PluginId, PluginType
from harness_core.domain.runs import (
    EXECUTION_ENDED,
    EXECUTION_OK,
    Execution,
    ExecutionId,
    ExecutionStatus,
    RunId,
    RunStatus,
)
from harness_core.domain.settling import final_status, longest_first, retry_decision, settle


def execution(
    name: str,
    *needs: str,
    status: ExecutionStatus = ExecutionStatus.PENDING,
    type_: PluginType = "analysis",
    required: bool = False,
) -> Execution:
    depends_on = tuple(PluginId(item) for item in needs)
    return Execution(ExecutionId(name), RunId("run"), PluginId(name), type_, "1", 0, depends_on, required, status=status)


def test_a_skip_goes_on_to_all_that_depend_on_it() -> None:
    """A failure skips its dependants and theirs, each naming who it waited for."""
    settlement = settle(
        [
            execution("a", status=ExecutionStatus.ERROR),
            execution("b", "a"),
            execution("c", "b"),
            execution("r", "a", "c", type_="report"),
        ],
        (),
    )
    assert settlement.skipped == {"b": "a", "c": "b"}
    assert settlement.opened == ("r",)
    assert not settlement.idle


def test_what_has_a_job_is_not_opened_again() -> None:
    """Settling twice opens nothing twice."""
    assert settle([execution("a")], [ExecutionId("a")]).opened == ()


def test_the_longest_is_begun_first() -> None:
    """What took longest comes first; of those that never ran, what builds on the most; names decide the rest."""
    steps = [
        execution("a"),
        execution("wide", "x", "y"),
        execution("b"),
        execution("long"),
        execution("short"),
    ]
    took_s = {PluginId("short"): 1.0, PluginId("long"): 9.0, PluginId("not here"): 99.0}
    assert [step.plugin_id for step in longest_first(steps, took_s)] == ["long", "short", "wide", "a", "b"]


@given(st.data())
def test_settling_always_leads_to_the_end(data: st.DataObject) -> None:
    """On any acyclic plan, with any ends, repeated settling ends every execution and never starts one too early."""
    count = data.draw(st.integers(1, 8))
    plan = [
        execution(f"p{n}", *data.draw(st.sets(st.sampled_from([f"p{m}" for m in range(n)]))) if n else ()) for n in range(count)
    ]
    for _ in range(count + 1):
        settlement = settle(plan, ())
        status = {item.plugin_id: item.status for item in plan}
        for name in settlement.opened:
            chosen = next(item for item in plan if item.execution_id == name)
            assert all(status[needed] in EXECUTION_OK for needed in chosen.depends_on)
        plan = [_after(item, settlement.opened, settlement.skipped, data) for item in plan]
    assert all(item.status in EXECUTION_ENDED for item in plan)


def _after(item: Execution, opened: tuple[ExecutionId, ...], skipped: object, data: st.DataObject) -> Execution:
    if item.execution_id in opened:
        return replace(item, status=data.draw(st.sampled_from(sorted(EXECUTION_ENDED))))
    return replace(item, status=ExecutionStatus.SKIPPED) if item.execution_id in skipped else item  # type: ignore[operator]


ENDS = [
    ([("OK", True), ("OK", False)], RunStatus.COMPLETED),
    ([("REUSED", True), ("NA", False)], RunStatus.COMPLETED),
    ([("OK", True), ("TIMEOUT", False)], RunStatus.PARTIAL),
    ([("OK", True), ("BLOCKED", False)], RunStatus.PARTIAL),
    ([("MEMORY", True), ("OK", False)], RunStatus.FAILED),
    ([("SKIPPED", True)], RunStatus.FAILED),
]


@pytest.mark.parametrize(("ends", "expected"), ENDS)
def test_how_a_run_ends(ends: list[tuple[str, bool]], expected: RunStatus) -> None:
    """A required step decides between FAILED and the rest, any other between PARTIAL and COMPLETED."""
    executions = [
        execution(f"p{n}", status=ExecutionStatus(status), required=required) for n, (status, required) in enumerate(ends)
    ]
    assert final_status(executions, cancelled=False) is expected
    assert final_status(executions, cancelled=True) is RunStatus.CANCELLED
    assert final_status(executions, cancelled=False, missing_required=True) is RunStatus.FAILED


RETRIES = [("crashed", 1, 2, 0.5), ("crashed", 2, 2, 1.0), ("crashed", 3, 2, None), ("crashed", 1, 0, None), ("timeout", 1, 2, None),
           ("memory", 1, 2, None), ("answered", 1, 2, None), ("broken", 1, 2, None)]  # fmt: skip


@pytest.mark.parametrize(("ending", "attempt", "retries", "delay_s"), RETRIES)
def test_what_is_tried_again(ending: str, attempt: int, retries: int, delay_s: float | None) -> None:
    """Only a crash is transient, and only so often; the pause doubles."""
    decision = retry_decision(ending, attempt, retries)
    assert (decision.delay_s if decision else None) == delay_s
