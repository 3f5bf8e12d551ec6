"""Runs in the database: pages, idempotency, cancelling and retrying, and the plans of the queries that everybody asks."""

import pytest
from sqlalchemy import text

from harness_core.domain.errors import Conflict, NotFound, UsageError
from harness_core.domain.runs import Execution, ExecutionStatus, Run, RunId, RunStatus
from harness_core.ports.state import Closing
from tests.integration.test_jobs import CHAIN, ME, State, state

__all__ = ["state"]


def test_pages_go_through_all_runs_once(state: State) -> None:
    """Paging by key neither repeats nor loses a run, also where several were made in the same instant."""
    for number in range(7):
        state.clock.pass_(number % 2)
        state.submit(f"run_{number}")
    seen: list[str] = []
    after = None
    while True:
        page = state.runs.page(after=after, limit=3)
        seen += [run.run_id for run in page.runs]
        if page.next is None:
            break
        after = page.next
    assert sorted(seen) == [f"run_{number}" for number in range(7)]
    assert len(seen) == len(set(seen))


def test_a_broken_cursor_is_refused(state: State) -> None:
    """A cursor that is not ours is the caller's mistake, not a crash."""
    with pytest.raises(UsageError):
        state.runs.page(after="no cursor")


def test_the_same_idempotency_key_gives_the_same_run(state: State) -> None:
    """A client that repeats its request after a lost answer does not start a second run."""
    first = state.submit("run_first", *CHAIN)
    run = Run(RunId("run_x"), RunStatus.QUEUED, "sha256:0", first.config, 1, state.clock.now())
    executions: list[Execution] = []
    made, _ = state.runs.create(run, executions, idempotency_key="k", idempotency_digest="d")
    again, rings = state.runs.create(
        Run(RunId("run_y"), RunStatus.QUEUED, "sha256:0", first.config, 1, 0.0), [], idempotency_key="k", idempotency_digest="d"
    )
    assert (again.run_id, list(rings)) == (made.run_id, [])
    with pytest.raises(Conflict):
        state.runs.create(run, [], idempotency_key="k", idempotency_digest="other")


def test_cancelling_a_waiting_run_cancels_all_of_it(state: State) -> None:
    """What has not started never starts; the run is left to be closed."""
    run = state.submit("run_a", *CHAIN)
    state.runs.request_cancel(run.run_id)
    assert set(state.statuses(run).values()) == {"CANCELLED"}
    job = state.claim()
    assert job.execution_id is None
    state.jobs.commit_closing(job, Closing(RunStatus.CANCELLED))
    with pytest.raises(Conflict):
        state.runs.request_cancel(run.run_id)


def test_a_commit_that_wins_the_race_against_cancelling_stays(state: State) -> None:
    """First writer wins: a result that was committed is not taken back, and nothing new begins."""
    run = state.submit("run_a", *CHAIN)
    job = state.claim()
    state.runs.request_cancel(run.run_id)
    state.commit(job)
    assert state.statuses(run) == {"ingest": "OK", "profile": "CANCELLED", "count": "CANCELLED"}
    assert state.claim().execution_id is None


def test_retrying_runs_only_what_did_not_end_well(state: State) -> None:
    """What was committed stays committed; the failed step and what waited for it get another chance."""
    run = state.submit("run_a", *CHAIN)
    state.commit(state.claim())
    state.commit(state.claim(), ExecutionStatus.ERROR)
    state.jobs.commit_closing(state.claim(), Closing(RunStatus.FAILED))
    again, _ = state.runs.retry(run.run_id)
    assert again.status is RunStatus.QUEUED
    assert state.statuses(run) == {"ingest": "OK", "profile": "PENDING", "count": "PENDING"}
    job = state.claim()
    assert (job.execution_id, job.fence) == ("run_a.profile", 2)


def test_what_is_blocked_is_not_retried(state: State) -> None:
    """A retry keeps the configuration: what lacked a capability at the submission does not get it by being tried again."""
    run = state.submit("run_a", ("ingest", "ingest", ()), ("walled", "analysis", ()), blocked=("walled",))
    state.commit(state.claim())
    state.jobs.commit_closing(state.claim(), Closing(RunStatus.PARTIAL))
    with pytest.raises(Conflict) as refused:
        state.runs.retry(run.run_id)
    assert "walled" in refused.value.what
    assert "plugins grant" in refused.value.next_step


def test_there_is_nothing_to_retry_in_a_good_run(state: State) -> None:
    """Retrying a run that is under way or complete is refused with what to do instead."""
    run = state.submit("run_a", ("ingest", "ingest", ()))
    with pytest.raises(Conflict):
        state.runs.retry(run.run_id)
    state.commit(state.claim())
    state.jobs.commit_closing(state.claim(), Closing(RunStatus.COMPLETED))
    with pytest.raises(Conflict):
        state.runs.retry(run.run_id)


def test_resuming_gives_a_reserved_run_to_anybody(state: State) -> None:
    """A run whose own process is gone is no longer kept for it."""
    run = state.submit("run_a", *CHAIN, reserved_for=ME)
    _, rings = state.runs.resume(run.run_id)
    assert len(rings) == 1
    assert state.jobs.claim("worker_anybody") is not None  # type: ignore[arg-type]


def test_a_unique_prefix_names_a_run(state: State) -> None:
    """Nobody types 27 characters; an ambiguous or unknown prefix is no run."""
    state.submit("run_abc1")
    state.submit("run_abd2")
    assert state.runs.get("run_abc").run_id == "run_abc1"
    for name in ("run_ab", "run_zzz", "run"):
        with pytest.raises(NotFound):
            state.runs.get(name)


PLANS = {
    "the newest runs": ("SELECT * FROM run ORDER BY created_at DESC, run_id DESC LIMIT 50", "ix_run_newest"),
    "the newest of a status": (
        "SELECT * FROM run WHERE status = 'FAILED' ORDER BY created_at DESC, run_id DESC LIMIT 50", "ix_run_status_newest"),
    "kept runs by status": ("SELECT status, count(*) FROM run WHERE deleted_at IS NULL GROUP BY status", "ix_run_kept"),
    "which runs are paused": ("SELECT run_id FROM run WHERE paused_at IS NOT NULL", "ix_run_paused"),
    "what to claim": (
        "SELECT * FROM job WHERE state = 'READY' AND not_before <= 1 ORDER BY priority DESC, job_id LIMIT 1", "ix_job_ready"),
    "expired leases": ("SELECT * FROM job WHERE state = 'LEASED' AND lease_until < 1", "ix_job_leased"),
    "dead letters": ("SELECT * FROM job WHERE state = 'DEAD' ORDER BY job_id LIMIT 100", "ix_job_dead"),
    "executions of a run": ("SELECT * FROM execution WHERE run_id = 'r' ORDER BY layer, plugin_id", "ix_execution_run"),
    "a result to reuse": (
        "SELECT * FROM execution WHERE fingerprint = 'f' AND status IN ('OK', 'NA') ORDER BY ended_at DESC LIMIT 1",
        "ix_execution_reusable"),
    "events after a number": ("SELECT * FROM event WHERE run_id = 'r' AND seq > 5 ORDER BY seq LIMIT 500", "sqlite_autoindex_event"),
    "jobs of a run": ("SELECT job_id FROM job WHERE run_id = 'r' AND state IN ('READY', 'LEASED')", "ix_job_run"),
    "newest dataset versions": (
        "SELECT * FROM dataset_version ORDER BY created_at DESC, dataset_version_id DESC LIMIT 50", "ix_dataset_version_newest"),
}  # fmt: skip


@pytest.mark.parametrize("asked", PLANS)
def test_frequent_questions_are_answered_from_an_index(state: State, asked: str) -> None:
    """Lists and workers stay fast however many runs there are: no scan, no sort."""
    query, index = PLANS[asked]
    with state.database.engine.connect() as connection:
        plan = " ".join(str(row[3]) for row in connection.execute(text(f"EXPLAIN QUERY PLAN {query}")))
    assert index in plan
    assert "TEMP B-TREE" not in plan
