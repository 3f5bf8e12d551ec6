"""Random histories over the real statements, with a clock that stands still: what no test would think of, again by its seed.

Workers claim, commit, crash, hand back and stumble; people pause, resume, cancel and retry. After each history everything is let
go on to its end, and two judges look at it: the rules that hold in any history, and the query of the documentation, which must
rebuild from the events alone what the tables say.
"""

import random
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from harness_core.domain.errors import Conflict, LeaseLost
from harness_core.domain.runs import RUN_ENDED, ExecutionStatus, Job, JobKind, Run, RunStatus, WorkerId
from harness_core.ports.state import Closing, Commit
from tests.integration.test_jobs import State

ROOT = Path(__file__).parents[2]
QUERY = re.findall(r"```sql\n(.*?)```", (ROOT / "docs" / "how-to" / "read-the-events.md").read_text(encoding="utf-8"), re.DOTALL)[0]
PLAN = (
    ("ingest", "ingest", ()), ("profile", "profile", ("ingest",)), ("left", "analysis", ("profile",)),
    ("right", "analysis", ("profile",)), ("walled", "analysis", ("profile",)), ("below", "analysis", ("left", "right")),
    ("report", "report", ("left", "right", "walled", "below")),
)  # fmt: skip
WORKERS = (WorkerId("worker_1"), WorkerId("worker_2"))
HISTORIES, STEPS = 40, 120
ENDINGS = (ExecutionStatus.OK, ExecutionStatus.OK, ExecutionStatus.OK, ExecutionStatus.NA, ExecutionStatus.ERROR)


class History:
    """One run, two workers that each remember what they hold, and a person."""

    def __init__(self, state: State, seed: int) -> None:
        self.state, self.chance = state, random.Random(seed)
        self.run = state.submit(f"run_{seed:04}", *PLAN, blocked=("walled",))
        self.held: list[Job] = []
        self.moves: list[Callable[[], object]] = [
            *([self.claim] * 5), *([self.finish] * 4), self.try_again, self.hand_back, self.crash, self.stumble, self.forget,
            self.pause, self.resume, self.resume,
        ]  # fmt: skip
        self.rare: list[Callable[[], object]] = [self.cancel, self.retry]

    @property
    def now(self) -> Run:
        return self.state.runs.get(self.run.run_id)

    def live(self) -> None:
        for _ in range(STEPS):
            self.state.clock.pass_(self.chance.choice((0.0, 0.25, 1.0)))
            move = self.chance.choice(self.rare if self.chance.random() < 0.02 else self.moves)
            try:
                move()
            except (Conflict, LeaseLost):
                continue

    def end(self) -> None:
        """Nobody disturbs any more: whatever can go on does."""
        if self.now.status not in RUN_ENDED:
            self.resume()
        self.state.jobs.reap(WORKERS)
        self.held = []
        while self.now.status not in RUN_ENDED:
            self.state.clock.pass_(60)
            assert self.claim() is not None, f"stuck: {self.state.statuses(self.run)}"
            self.finish()

    def claim(self) -> Job | None:
        job = self.state.jobs.claim(self.chance.choice(WORKERS), run_id=self.run.run_id)
        if job is not None:
            assert self.now.paused_at is None, "a job of a paused run was given away"
            self.held.append(job)
        return job

    def _one(self) -> Iterator[Job]:
        if self.held:
            yield self.held.pop(self.chance.randrange(len(self.held)))

    def finish(self) -> None:
        for job in self._one():
            if job.kind is JobKind.ADVANCE:
                self._advance(job)
                continue
            status = ExecutionStatus.CANCELLED if self.now.cancel_requested else self.chance.choice(ENDINGS)
            findings = self.chance.choice((0, 2)) if status is ExecutionStatus.OK else 0
            commit = Commit(status, self.state.attempt(job, str(status)), summary="Done.", finding_count=findings)
            self.state.jobs.commit_execution(job, commit)

    def _advance(self, job: Job) -> None:
        executions = self.state.runs.executions(self.run.run_id)
        if any(item.open for item in executions) and not self.now.cancel_requested:
            self.state.jobs.settle(job)
            return
        well = all(item.ok for item in executions)
        status = RunStatus.CANCELLED if self.now.cancel_requested else RunStatus.COMPLETED if well else RunStatus.PARTIAL
        self.state.jobs.begin_closing(job)
        self.state.jobs.commit_closing(job, Closing(status))

    def try_again(self) -> None:
        for job in self._one():
            if job.kind is JobKind.EXECUTE:
                self.state.jobs.retry_execution(job, self.state.attempt(job, "crashed"), 0.5)

    def hand_back(self) -> None:
        for job in self._one():
            self.state.jobs.release(job)

    def crash(self) -> None:
        """A worker dies with all that it holds, and wakes up believing that it still holds it."""
        if self.chance.random() < 0.5:
            self.state.jobs.reap([self.chance.choice(WORKERS)])

    def stumble(self) -> None:
        for job in self._one():
            if self.chance.random() < 0.3:
                self.state.jobs.stumble(job, "the disk is full")
            else:
                self.held.append(job)

    def forget(self) -> None:
        for _ in self._one():
            self.state.clock.pass_(31)
            self.state.jobs.reap(())

    def pause(self) -> None:
        self.state.runs.pause(self.run.run_id)

    def resume(self) -> None:
        self.state.runs.resume(self.run.run_id)

    def cancel(self) -> None:
        self.state.runs.request_cancel(self.run.run_id)

    def retry(self) -> None:
        self.state.runs.retry(self.run.run_id)


def rebuilt(path: Path, run_id: str) -> list[tuple[Any, ...]]:
    """What the query of the documentation says of a run."""
    with closing(sqlite3.connect(path)) as database:
        return database.execute(QUERY, {"run": run_id}).fetchall()


def recorded(state: State, run: Run) -> dict[str | None, tuple[Any, ...]]:
    """The same from the tables of runs and executions."""
    now = state.runs.get(run.run_id)
    first = None if now.first_result_at is None else now.first_result_at - now.created_at
    found: dict[str | None, tuple[Any, ...]] = {
        None: (str(now.status), now.created_at, now.started_at, now.ended_at if now.status in RUN_ENDED else None, first)
    }
    for item in state.runs.executions(run.run_id):
        found[item.plugin_id] = (str(item.status), item.queued_at, item.started_at, item.ended_at, None)
    return found


def check_rebuilt(state: State, path: Path, run: Run) -> None:
    rows = rebuilt(path, run.run_id)
    told = {plugin: (status, queued, started, ended, first) for plugin, status, queued, started, ended, _, _, _, first in rows}
    assert told == recorded(state, run)
    assert rows[0][0] is None


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state.sqlite")


def test_histories_keep_the_rules_and_can_be_told_from_their_events(state: State, tmp_path: Path) -> None:
    """Paused runs claim nothing, resumed ones lose nothing, everything ends, and the events say all of it, at any moment."""
    seen = {"run.paused": 0, "execution.lost": 0, "execution.retry": 0, "run.cancel_requested": 0, "run.retried": 0}
    dead = 0
    for seed in range(HISTORIES):
        history = History(state, seed)
        history.live()
        check_rebuilt(state, tmp_path / "state.sqlite", history.run)
        history.end()
        check_rebuilt(state, tmp_path / "state.sqlite", history.run)
        events = state.runs.events(history.run.run_id, limit=10_000)
        assert [item.seq for item in events] == list(range(1, len(events) + 1)), seed
        assert not started_while_paused(events), seed
        assert history.now.paused_at is None, seed
        assert not state.jobs.has_open(history.run.run_id), seed
        for name in seen:
            seen[name] += any(item.type == name for item in events)
        dead += any((item.data.get("error") or {}).get("type") in ("WorkerLost", "HandlingFailed") for item in events)
    assert min(*seen.values(), dead) >= 3, f"too tame to prove anything: {seen}, {dead} dead letters"


def started_while_paused(events: Any) -> list[int]:
    """Numbers of the events that should not be: something began between a pause and its end."""
    paused, wrong = False, []
    for item in events:
        if item.type == "run.paused":
            paused = True
        elif item.type in ("run.resumed", "run.cancel_requested", "run.ended"):
            paused = False
        elif paused and item.type in ("execution.started", "run.started"):
            wrong.append(item.seq)
    return wrong


def test_the_query_measures_pauses_and_losses(state: State, tmp_path: Path) -> None:
    """What no table holds is in the events too: how long a run was paused, how often a worker was lost or an attempt repeated."""
    run = state.submit("run_a", ("ingest", "ingest", ()), ("walled", "analysis", ()), blocked=("walled",))
    state.claim(WORKERS[0])
    state.jobs.reap([WORKERS[0]])
    for seconds in (5.0, 2.5):
        state.runs.pause(run.run_id)
        state.clock.pass_(seconds)
        state.runs.resume(run.run_id)
    job = state.claim(WORKERS[1])
    state.jobs.retry_execution(job, state.attempt(job, "crashed"), 0.5)
    state.clock.pass_(1)
    rows = {row[0]: row for row in rebuilt(tmp_path / "state.sqlite", run.run_id)}
    retries, lost, paused_s = rows[None][5:8]
    assert (retries, lost, paused_s) == (0, 1, 7.5)
    assert rows["ingest"][1:2] + rows["ingest"][5:7] == ("PENDING", 1, 1)
    assert rows["walled"][1] == "BLOCKED"
    check_rebuilt(state, tmp_path / "state.sqlite", run)
