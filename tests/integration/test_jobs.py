"""Claims, leases and fences: at most one worker's result counts, and none is lost.

This is the contract of the port ``Jobs``: every test here runs against each implementation, on disk and in memory.
"""

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.dialects.postgresql.base import PGDialect

from harness_core.adapters.db.concluding import ADD_ATTEMPT, CONCLUDE
from harness_core.adapters.db.engine import Database, open_engine
from harness_core.adapters.db.events import ADD_EVENT, NEXT_EVENTS
from harness_core.adapters.db.jobs import SqlJobs
from harness_core.adapters.db.leases import END, RENEW, START_EXECUTION, START_RUN, claim_statement
from harness_core.adapters.db.migrate import Migrations
from harness_core.adapters.db.opening import ADD_JOB, OPEN_JOBS, STEPS, TOOK
from harness_core.adapters.db.runs import SqlRuns
from harness_core.bootstrap import product_folder
from harness_core.domain.errors import LeaseLost
from harness_core.domain.plugins import PluginId
from harness_core.domain.runs import (
    MAX_CRASHES,
    Attempt,
    Execution,
    ExecutionId,
    ExecutionStatus,
    Job,
    JobKind,
    Run,
    RunConfig,
    RunId,
    RunStatus,
    WorkerId,
)
from harness_core.ports.state import Closing, Commit, MemoryShortage
from tests.fakes.migrated import lay_database

LEASE_S = 30.0
ME, OTHER = WorkerId("worker_me"), WorkerId("worker_other")


class VirtualClock:
    """A fake clock that moves only when told to."""

    def __init__(self) -> None:
        self.at, self.boot_id = 1_000.0, "boot-1"

    def now(self) -> float:
        return self.at

    def steady(self) -> float:
        return self.at

    def pass_(self, seconds: float) -> None:
        self.at += seconds


class State:
    """Runs and jobs over a real database, at ``path`` or in memory, with the virtual clock."""

    def __init__(self, path: Path | None) -> None:
        self.clock = VirtualClock()
        self.database = Database(open_engine(f"sqlite:///{path}" if path else "sqlite://"))
        migrations = Migrations(self.database.engine, product_folder("migrations"))
        if not migrations.is_current():
            migrations.upgrade()
        self.runs = SqlRuns(self.database, self.clock)
        self.jobs = SqlJobs(self.database, self.clock, LEASE_S)

    def submit(
        self,
        name: str,
        *steps: tuple[str, str, tuple[str, ...]],
        reserved_for: WorkerId | None = None,
        memory_mb: Mapping[str, int] | None = None,
        blocked: Sequence[str] = (),
    ) -> Run:
        """A run of ``(plugin id, type, depends on)`` steps, of which those ``blocked`` lack a capability."""
        config = RunConfig(inputs=(), selection=(), settings={}, code={}, seed=0, engine={})
        run = Run(RunId(name), RunStatus.QUEUED, "sha256:0", config, 1, self.clock.now(), reserved_for=reserved_for)
        executions = [
            Execution(
                ExecutionId(f"{name}.{plugin}"), run.run_id, PluginId(plugin), type_, "1", layer,  # type: ignore[arg-type]
                tuple(PluginId(item) for item in needs), required=type_ != "analysis", memory_mb=(memory_mb or {}).get(plugin, 0),
            )
            for layer, (plugin, type_, needs) in enumerate(steps)
        ]  # fmt: skip
        denied = {"status": ExecutionStatus.BLOCKED, "ended_at": run.created_at, "summary": "It lacks a capability."}
        return self.runs.create(run, [replace(item, **denied) if item.plugin_id in blocked else item for item in executions])[0]  # type: ignore[arg-type]

    def attempt(self, job: Job, status: str = "OK") -> Attempt:
        plugin = PluginId(str(job.execution_id).split(".", 1)[1])
        return Attempt(
            job.run_id, job.execution_id, plugin, job.fence, job.owner, self.clock.now(), self.clock.now(), status, "", 0, None,  # type: ignore[arg-type]
            0.0, 0.0, 0.0, 0, 0, 0, 0, 0, "", "", False, "C",
        )  # fmt: skip

    def commit(self, job: Job, status: ExecutionStatus = ExecutionStatus.OK) -> list[int]:
        return list(self.jobs.commit_execution(job, Commit(status, self.attempt(job, str(status)))))

    def claim(self, worker: WorkerId = ME) -> Job:
        job = self.jobs.claim(worker)
        assert job is not None
        return job

    def statuses(self, run: Run) -> dict[str, str]:
        return {item.plugin_id: str(item.status) for item in self.runs.executions(run.run_id)}


@pytest.fixture(params=["on disk", "in memory"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[State]:
    lay_database(tmp_path)
    state = State(tmp_path / "state.sqlite" if request.param == "on disk" else None)
    yield state
    state.database.close()


CHAIN = (("ingest", "ingest", ()), ("profile", "profile", ("ingest",)), ("count", "analysis", ("profile",)))


def test_a_job_is_claimed_by_one_worker_only(state: State) -> None:
    """Two workers that ask at once never get the same job."""
    state.submit("run_a", *CHAIN)
    assert state.claim(ME).execution_id == "run_a.ingest"
    assert state.jobs.claim(OTHER) is None


def test_what_took_longest_before_is_begun_first(state: State) -> None:
    """A run begins with what was long in the runs before it, so that no long plugin is left for the end; the first by name."""
    side_by_side = (("a", "analysis", ()), ("b", "analysis", ()), ("c", "analysis", ()))
    state.submit("run_a", *side_by_side)
    for took_s in (1.0, 9.0, 4.0):
        job = state.claim()
        state.jobs.commit_execution(job, Commit(ExecutionStatus.OK, replace(state.attempt(job), wall_s=took_s)))
    closing = state.claim()
    state.jobs.begin_closing(closing)
    state.jobs.commit_closing(closing, Closing(RunStatus.COMPLETED))
    state.submit("run_b", *side_by_side)
    assert [state.claim().execution_id for _ in side_by_side] == ["run_b.b", "run_b.c", "run_b.a"]


def test_claiming_marks_run_and_execution_running(state: State) -> None:
    """Whoever looks sees at once that work has begun."""
    run = state.submit("run_a", *CHAIN)
    state.claim()
    assert state.runs.get(run.run_id).status is RunStatus.RUNNING
    assert state.statuses(run) == {"ingest": "RUNNING", "profile": "PENDING", "count": "PENDING"}


def test_a_commit_opens_what_waited_for_it(state: State) -> None:
    """The next layer is opened in the transaction that commits the result."""
    state.submit("run_a", *CHAIN)
    rings = state.commit(state.claim())
    opened = state.claim()
    assert rings == [opened.job_id]
    assert opened.execution_id == "run_a.profile"


def test_a_stale_commit_changes_nothing(state: State) -> None:
    """A worker that lost its lease cannot commit: the fence of the later attempt stands."""
    run = state.submit("run_a", *CHAIN)
    stale = state.claim(ME)
    state.clock.pass_(LEASE_S + 1)
    state.jobs.reap(())
    fresh = state.claim(OTHER)
    assert fresh.fence == stale.fence + 1
    with pytest.raises(LeaseLost):
        state.commit(stale, ExecutionStatus.ERROR)
    assert state.statuses(run)["ingest"] == "RUNNING"
    state.commit(fresh)
    with pytest.raises(LeaseLost):
        state.commit(fresh)
    assert state.statuses(run)["ingest"] == "OK"
    assert len(state.runs.attempts(run.run_id)) == 1


def test_a_heartbeat_keeps_the_lease(state: State) -> None:
    """A worker that beats keeps its job for as long as it takes."""
    state.submit("run_a", *CHAIN)
    job = state.claim()
    for _ in range(5):
        state.clock.pass_(LEASE_S - 1)
        assert state.jobs.heartbeat(ME, [job]) == {job.job_id: "held"}
        assert state.jobs.reap(()) == []
    state.commit(job)


def test_a_heartbeat_tells_of_lost_leases_and_cancellation(state: State) -> None:
    """The heartbeat is how a worker hears that it must stop."""
    run = state.submit("run_a", *CHAIN)
    job = state.claim()
    state.runs.request_cancel(run.run_id)
    assert state.jobs.heartbeat(ME, [job]) == {job.job_id: "cancel"}
    state.clock.pass_(LEASE_S + 1)
    state.jobs.reap(())
    assert state.jobs.heartbeat(ME, [job]) == {job.job_id: "lost"}


def test_a_dead_workers_jobs_are_taken_back_at_once(state: State) -> None:
    """Where the death is known, nobody waits for the lease."""
    state.submit("run_a", *CHAIN)
    job = state.claim()
    assert state.jobs.reap([ME]) == [job.job_id]
    assert state.claim(OTHER).job_id == job.job_id


def test_a_reboot_voids_every_lease(state: State) -> None:
    """The lease clock starts anew with each boot, so leases of another boot have run out."""
    state.submit("run_a", *CHAIN)
    job = state.claim()
    state.clock.boot_id = "boot-2"
    assert state.jobs.reap(()) == [job.job_id]


def test_a_poison_job_becomes_a_dead_letter(state: State) -> None:
    """A job that takes its worker with it is tried a few times, then ends where it can be seen, and the run goes on."""
    run = state.submit("run_a", *CHAIN)
    for _ in range(MAX_CRASHES):
        state.claim()
        state.jobs.reap([ME])
    assert [entry["execution_id"] for entry in state.jobs.dead()] == ["run_a.ingest"]
    assert state.statuses(run) == {"ingest": "ERROR", "profile": "SKIPPED", "count": "SKIPPED"}
    assert (state.runs.executions(run.run_id)[0].error or {})["type"] == "WorkerLost"
    assert state.claim().kind is JobKind.ADVANCE


def test_crashes_are_not_charged_as_attempts(state: State) -> None:
    """The crash budget is another than the retry budget."""
    run = state.submit("run_a", *CHAIN)
    state.claim()
    state.jobs.reap([ME])
    assert state.claim().attempt == 1
    assert state.runs.executions(run.run_id)[0].attempts == 1


def test_the_last_try_is_alone_so_that_no_neighbour_is_blamed(state: State) -> None:
    """A worker that dies takes all it holds with it: who merely stood beside a poison job is never given up for it."""
    run = state.submit("run_a", ("innocent", "analysis", ()), ("poison", "analysis", ()))
    for _ in range(MAX_CRASHES - 1):
        assert {state.claim().execution_id for _ in "ab"} == {"run_a.innocent", "run_a.poison"}
        state.jobs.reap([ME])
    (alone,) = state.jobs.claim_several(ME, 5)
    assert (alone.execution_id, state.jobs.claim(ME)) == ("run_a.innocent", None)
    assert state.claim(OTHER).execution_id == "run_a.poison"
    state.jobs.reap([OTHER])
    state.commit(alone)
    assert state.statuses(run) == {"innocent": "OK", "poison": "ERROR"}
    assert [entry["execution_id"] for entry in state.jobs.dead()] == ["run_a.poison"]


def test_who_is_on_its_last_try_waits_for_an_empty_worker(state: State) -> None:
    """Beside a job that runs, others are taken first; when the worker holds nothing, the suspect's turn has come."""
    state.submit("run_a", ("suspect", "analysis", ()))
    for _ in range(MAX_CRASHES - 1):
        state.claim()
        state.jobs.reap([ME])
    state.submit("run_b", ("first", "analysis", ()), ("second", "analysis", ()))
    held = state.jobs.claim(ME, run_id=RunId("run_b"))
    beside = state.claim()
    assert held is not None
    assert beside.execution_id == "run_b.second"
    for job in (held, beside):
        state.commit(job)
    assert state.claim().execution_id == "run_a.suspect"


def test_a_released_job_is_not_charged(state: State) -> None:
    """A worker that stops hands back what it had, and nobody pays for it."""
    state.submit("run_a", *CHAIN)
    state.jobs.release(state.claim())
    assert state.claim(OTHER).attempt == 1


def test_a_retry_waits_for_its_time(state: State) -> None:
    """Backoff is kept by the database, not by the worker's memory."""
    state.submit("run_a", *CHAIN)
    job = state.claim()
    state.jobs.retry_execution(job, state.attempt(job, "crashed"), delay_s=5.0)
    assert state.jobs.claim(ME) is None
    assert state.jobs.due() == []
    state.clock.pass_(6)
    assert state.jobs.due() == [job.job_id]
    assert state.claim().attempt == 2


def test_what_depends_on_a_failure_is_skipped_and_reports_run_all_the_same(state: State) -> None:
    """A failed step skips what needs it, by name; the report is made whatever happened."""
    run = state.submit("run_a", *CHAIN, ("report", "report", ("ingest", "profile", "count")))
    state.commit(state.claim(), ExecutionStatus.ERROR)
    assert state.statuses(run) == {"ingest": "ERROR", "profile": "SKIPPED", "count": "SKIPPED", "report": "PENDING"}
    assert "ingest" in state.runs.executions(run.run_id)[1].summary
    assert state.claim().execution_id == "run_a.report"


def test_a_reserved_run_is_left_to_its_worker_until_that_is_dead(state: State) -> None:
    """The run of `harness run` is nobody else's while it lives, and anybody's afterwards."""
    state.submit("run_a", *CHAIN, reserved_for=OTHER)
    assert state.jobs.claim(ME) is None
    state.jobs.reap([OTHER])
    assert state.claim(ME).execution_id == "run_a.ingest"


def test_a_worker_of_one_run_touches_no_other(state: State) -> None:
    """`harness run` in a home with waiting runs does its own and leaves the others."""
    state.submit("run_a", *CHAIN)
    mine = state.submit("run_b", *CHAIN, reserved_for=ME)
    job = state.jobs.claim(ME, reserved_only=True)
    assert job is not None
    assert job.run_id == mine.run_id
    assert state.jobs.claim(ME, reserved_only=True) is None


def test_closing_ends_the_run_once(state: State) -> None:
    """The end of a run is one transaction with a fixed time, however often it is begun."""
    run = state.submit("run_a", ("ingest", "ingest", ()))
    state.commit(state.claim())
    job = state.claim()
    first = state.jobs.begin_closing(job)
    state.clock.pass_(5)
    assert state.jobs.begin_closing(job).ended_at == first.ended_at
    state.jobs.commit_closing(job, Closing(RunStatus.COMPLETED))
    with pytest.raises(LeaseLost):
        state.jobs.commit_closing(job, Closing(RunStatus.FAILED))
    ended = state.runs.get(run.run_id)
    assert (ended.status, ended.ended_at) == (RunStatus.COMPLETED, first.ended_at)


def test_events_have_no_gap_and_tell_the_whole_story(state: State) -> None:
    """A reader that resumes after any sequence number misses nothing."""
    run = state.submit("run_a", ("ingest", "ingest", ()))
    state.commit(state.claim())
    state.jobs.commit_closing(state.claim(), Closing(RunStatus.COMPLETED))
    events = state.runs.events(run.run_id)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert [event.type for event in events] == [
        "run.queued", "execution.queued", "run.started", "execution.started", "execution.ended", "run.ended",
    ]  # fmt: skip
    assert [event.seq for event in state.runs.events(run.run_id, after=4)] == [5, 6]


@pytest.mark.parametrize("failing", ["stumble", "reap"])
def test_an_advance_job_that_never_works_fails_the_run(state: State, failing: str) -> None:
    """A run cannot hang on its own closing: after too many failures it ends FAILED, with the reason."""
    run = state.submit("run_a", ("ingest", "ingest", ()))
    state.commit(state.claim())
    give_back: dict[str, Callable[[Job], object]] = {
        "stumble": lambda job: state.jobs.stumble(job, "disk full"),
        "reap": lambda job: state.jobs.reap([ME]),
    }
    for _ in range(MAX_CRASHES):
        state.clock.pass_(60)
        give_back[failing](state.claim())
    ended = state.runs.get(run.run_id)
    assert ended.status is RunStatus.FAILED
    assert (ended.error or {})["type"] == {"stumble": "HandlingFailed", "reap": "WorkerLost"}[failing]
    assert state.jobs.claim(ME) is None


def test_memory_is_never_promised_twice(state: State) -> None:
    """What runs side by side fits the machine; what does not fit waits and says for what; one too large for it runs alone."""
    state.jobs = SqlJobs(state.database, state.clock, LEASE_S, memory_mb=3000)
    run = state.submit("run_a", *((name, "analysis", ()) for name in ("a", "b", "c")), memory_mb={"a": 2000, "b": 2000, "c": 9000})
    first = state.claim(ME)
    assert state.jobs.claim(OTHER) is None
    assert state.jobs.short_of_memory(run.run_id) == MemoryShortage("b", 2000, 2000, 3000)
    state.commit(first)
    second = state.claim(OTHER)
    assert second.execution_id == "run_a.b"
    assert state.jobs.claim(ME) is None
    state.commit(second)
    assert state.claim(ME).execution_id == "run_a.c"
    assert state.jobs.short_of_memory(run.run_id) is None


def test_several_are_claimed_at_once_in_order(state: State) -> None:
    """A worker with free places takes as many jobs in one transaction, the first submitted first, and no more than there are."""
    state.submit("run_a", *((name, "analysis", ()) for name in ("a", "b", "c")))
    other = state.submit("run_b", ("d", "analysis", ()))
    first = state.jobs.claim_several(ME, 2)
    assert [(job.execution_id, job.fence, job.attempt) for job in first] == [("run_a.a", 1, 1), ("run_a.b", 1, 1)]
    assert [job.execution_id for job in state.jobs.claim_several(OTHER, 5, run_id=other.run_id)] == ["run_b.d"]
    assert [job.execution_id for job in state.jobs.claim_several(OTHER, 5)] == ["run_a.c"]
    assert [event.type for event in state.runs.events(first[0].run_id)].count("run.started") == 1
    assert state.jobs.claim_several(ME, 5) == []


def test_several_at_once_are_held_to_the_same_conditions(state: State) -> None:
    """What one claim was promised counts for the next of the same batch: memory, a pause, a reservation."""
    state.jobs = SqlJobs(state.database, state.clock, LEASE_S, memory_mb=3000)
    paused = state.submit("run_a", ("z", "analysis", ()))
    state.runs.pause(paused.run_id)
    state.submit("run_b", ("mine", "analysis", ()), reserved_for=OTHER)
    needs = {"a": 2000, "b": 2000, "c": 1000}
    state.submit("run_c", *((name, "analysis", ()) for name in needs), memory_mb=needs)
    assert [job.execution_id for job in state.jobs.claim_several(ME, 5)] == ["run_c.a", "run_c.c"]
    assert [job.execution_id for job in state.jobs.claim_several(OTHER, 5, reserved_only=True)] == ["run_b.mine"]


def test_a_heartbeat_answers_for_each_job_by_itself(state: State) -> None:
    """One transaction renews all, and says of each whether it is held, lost or to be stopped."""
    stopped = state.submit("run_b", ("two", "analysis", ()))
    state.submit("run_a", ("one", "analysis", ()), ("gone", "analysis", ()))
    jobs = {str(job.execution_id): job for job in state.jobs.claim_several(ME, 3)}
    state.commit(jobs["run_a.gone"])
    state.runs.request_cancel(stopped.run_id)
    heard = state.jobs.heartbeat(ME, list(jobs.values()))
    assert {name: heard[job.job_id] for name, job in jobs.items()} == {
        "run_b.two": "cancel", "run_a.one": "held", "run_a.gone": "lost",
    }  # fmt: skip


def test_threads_that_claim_and_commit_at_once_lose_and_double_nothing(state: State) -> None:
    """Eight workers in one process, whose transactions are written together: each step once, its numbers without a gap."""
    runs = [state.submit(f"run_{number}", *CHAIN, ("report", "report", ("count",))) for number in range(10)]
    taken: list[Job] = []
    failures: list[BaseException] = []

    def work(worker: WorkerId) -> None:
        try:
            while any(item.open for run in runs for item in state.runs.executions(run.run_id)):
                for job in state.jobs.claim_several(worker, 2):
                    taken.append(job)
                    state.jobs.heartbeat(worker, [job])
                    if job.kind is JobKind.EXECUTE:
                        state.commit(job)
        except BaseException as reason:
            failures.append(reason)

    threads = [threading.Thread(target=work, args=(WorkerId(f"worker_{number}"),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert len({(job.job_id, job.fence) for job in taken}) == len(taken)
    for run in runs:
        assert set(state.statuses(run).values()) == {"OK"}
        assert len(state.runs.attempts(run.run_id)) == 4
        seqs = [event.seq for event in state.runs.events(run.run_id)]
        assert seqs == list(range(1, len(seqs) + 1))


CLAIMS = {"any": {}, "one run's": {"by_run": True}, "a given one": {"by_job": True}, "its own": {"reserved_only": True}}


@pytest.mark.parametrize("which", CLAIMS)
def test_a_claim_is_answered_from_an_index(state: State, which: str) -> None:
    """The statements themselves: of tables nothing is scanned but the indexes of what is ready, leased or paused."""
    for statement in (claim_statement(3000, **CLAIMS[which]), RENEW, END, STEPS, OPEN_JOBS, ADD_JOB):
        compiled = statement.on(state.database.engine.dialect)
        with state.database.engine.connect() as connection:
            values = tuple(None for _ in range(compiled.sql.count("?")))
            plan = " ".join(str(row[3]) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled.sql}", values))
        assert not re.search(r"SCAN \w+ (?!USING INDEX ix_(job_ready|job_leased|run_paused)\b)", plan), plan
        assert which == "one run's" or "TEMP B-TREE" not in plan, plan


def test_what_took_how_long_is_asked_of_the_newest_runs_only(state: State) -> None:
    """However many runs a home has kept: the index of the newest leads to a few, and these to their attempts."""
    compiled = TOOK.on(state.database.engine.dialect)
    with state.database.engine.connect() as connection:
        values = tuple(compiled.values({}))
        plan = " ".join(str(row[3]) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled.sql}", values))
    assert "SCAN run USING INDEX ix_run_newest" in plan
    assert "USING INDEX ix_attempt_run_id" in plan


def test_the_statements_are_the_same_on_postgresql() -> None:
    """What is prepared is written over the tables in one language: another dialect needs no other code, and skips locked rows."""
    dialect = PGDialect()
    claim = claim_statement(3000, by_run=True).on(dialect)
    assert "FOR UPDATE SKIP LOCKED" in claim.sql
    given = {"worker": ME, "now": 1.0, "of_run": "r", "of_job": None, "new_lease_until": 2.0, "new_lease_boot_id": "b"}
    assert claim.values(given)["new_lease_until"] == 2.0
    for statement in (RENEW, END, START_RUN, START_EXECUTION, NEXT_EVENTS, ADD_EVENT, CONCLUDE, ADD_ATTEMPT, ADD_JOB, STEPS, TOOK):
        assert "?" not in statement.on(dialect).sql
