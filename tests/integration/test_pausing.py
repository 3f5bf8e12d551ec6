"""A paused run: nothing of it is given to anybody, nothing of it is lost, and everybody says that it is paused."""

from collections.abc import Callable

import pytest

from harness_core.adapters.db.workers import SqlWorkers
from harness_core.domain.errors import Conflict
from harness_core.domain.runs import RUN_ENDED, ExecutionStatus, Job, JobKind, RunStatus
from harness_core.ports.state import Closing
from harness_core.services.overview import Overview
from tests.integration.test_jobs import CHAIN, LEASE_S, ME, OTHER, State, state

__all__ = ["state"]

WIDE = (("ingest", "ingest", ()), ("left", "analysis", ("ingest",)), ("right", "analysis", ("ingest",)))


def to_the_end(state: State) -> list[str]:
    """Claim and commit until nothing is given any more; what was executed, in order."""
    done = []
    while job := state.jobs.claim(ME):
        if job.kind is JobKind.EXECUTE:
            done.append(str(job.execution_id).split(".")[1])
            state.commit(job)
        else:
            state.jobs.commit_closing(job, Closing(RunStatus.COMPLETED))
    return done


def test_nothing_of_a_paused_run_is_given_to_anybody(state: State) -> None:
    """Neither by a ring nor by looking around; runs beside it go on, and it does not count as waiting for a worker."""
    run = state.submit("run_a", *CHAIN)
    (job_id,) = state.jobs.due()
    state.runs.pause(run.run_id)
    assert (state.jobs.claim(ME), state.jobs.claim(ME, job_id=job_id), state.jobs.claim(ME, run_id=run.run_id)) == (None,) * 3
    assert (list(state.jobs.due()), list(state.jobs.due(run_id=run.run_id))) == ([], [])
    assert state.jobs.backlog() == {"ready": 0, "leased": 0, "dead": 0, "oldest_ready_s": 0.0}
    assert state.jobs.short_of_memory(run.run_id) is None
    beside = state.submit("run_b", *CHAIN)
    assert state.claim().run_id == beside.run_id


def test_what_runs_is_finished_and_what_it_opens_waits(state: State) -> None:
    """The result that was on its way is committed; resuming loses nothing and does nothing twice."""
    run = state.submit("run_a", *WIDE)
    running = state.claim()
    state.runs.pause(run.run_id)
    assert state.jobs.heartbeat(ME, [running]) == {running.job_id: "held"}
    state.commit(running)
    assert state.statuses(run) == {"ingest": "OK", "left": "PENDING", "right": "PENDING"}
    assert state.jobs.claim(OTHER) is None
    _, rings = state.runs.resume(run.run_id)
    assert len(rings) == 2
    assert to_the_end(state) == ["left", "right"]
    assert state.runs.get(run.run_id).status is RunStatus.COMPLETED


@pytest.mark.parametrize("given_back", ["handed back", "tried again", "lost", "stumbled"])
def test_what_comes_back_waits_with_the_others(state: State, given_back: str) -> None:
    """However a job comes back while its run is paused, it is not given out again before the run is resumed."""
    run = state.submit("run_a", *CHAIN)
    job = state.claim()
    state.runs.pause(run.run_id)
    ways: dict[str, Callable[[Job], object]] = {
        "handed back": state.jobs.release,
        "tried again": lambda job: state.jobs.retry_execution(job, state.attempt(job, "crashed"), 0.5),
        "lost": lambda job: state.jobs.reap([ME]),
        "stumbled": lambda job: state.jobs.stumble(job, "disk full"),
    }
    ways[given_back](job)
    state.clock.pass_(LEASE_S)
    assert state.jobs.claim(OTHER) is None
    assert list(state.jobs.due()) == []
    state.runs.resume(run.run_id)
    assert state.claim(OTHER).execution_id == job.execution_id
    assert state.statuses(run)["ingest"] == "RUNNING"


def test_pausing_twice_is_pausing_once(state: State) -> None:
    """The first time counts, and one event says it; so it is when the same request comes again after a lost answer."""
    run = state.submit("run_a", *CHAIN)
    first = state.runs.pause(run.run_id)
    state.clock.pass_(5)
    assert state.runs.pause(run.run_id).paused_at == first.paused_at
    assert len(state.runs.events(run.run_id, type="run.paused")) == 1
    assert state.runs.resume(run.run_id)[0].paused_at is None
    assert state.runs.pause(run.run_id).paused_at == state.clock.now()


def test_a_paused_run_can_be_cancelled(state: State) -> None:
    """It ends like any other, without being resumed first, and is then paused no more."""
    run = state.submit("run_a", *CHAIN)
    running = state.claim()
    state.runs.pause(run.run_id)
    state.runs.request_cancel(run.run_id)
    assert state.jobs.heartbeat(ME, [running]) == {running.job_id: "cancel"}
    state.commit(running, ExecutionStatus.CANCELLED)
    state.jobs.commit_closing(state.claim(), Closing(RunStatus.CANCELLED))
    ended = state.runs.get(run.run_id)
    assert (ended.status, ended.paused_at) == (RunStatus.CANCELLED, None)


def test_what_ends_or_has_ended_cannot_be_paused(state: State) -> None:
    """The refusal says why, and changes nothing."""
    run = state.submit("run_a", ("ingest", "ingest", ()))
    state.commit(state.claim())
    closing = state.claim()
    state.runs.pause(run.run_id)  # its reports are being written, which is finished like everything that runs
    state.jobs.commit_closing(closing, Closing(RunStatus.COMPLETED))
    assert state.runs.get(run.run_id).paused_at is None
    stopping = state.submit("run_b", *CHAIN)
    state.runs.request_cancel(stopping.run_id)
    for run_id, code in ((run.run_id, "run_ended"), (stopping.run_id, "run_stopping")):
        with pytest.raises(Conflict) as refused:
            state.runs.pause(run_id)
        assert (refused.value.code, state.runs.get(run_id).paused_at) == (code, None)


def test_a_paused_run_is_not_aborted_and_says_how_it_goes_on(state: State) -> None:
    """Without any worker a run that was under way is ABORTED; one that is paused waits for a person, and names the command."""
    overview = Overview(state.runs, state.jobs, SqlWorkers(state.database, state.clock), state.clock, LEASE_S)
    run = state.submit("run_a", *CHAIN)
    state.jobs.release(state.claim())
    assert overview.run(run.run_id).status is RunStatus.ABORTED
    state.runs.pause(run.run_id)
    seen = overview.run(run.run_id)
    assert (seen.status, [item.status for item in overview.page().runs]) == (RunStatus.RUNNING, [RunStatus.RUNNING])
    assert f"`harness runs resume {run.run_id}`" in (overview.waiting_because(seen) or "")
    assert seen.status not in RUN_ENDED
