"""The life of jobs under random histories over real SQL with a virtual clock: workers come, stall, die and come back too late.

Whatever happens, each execution commits exactly once, nothing starts before what it depends on, at most one live lease holds a job,
and when the dust settles every run has ended. The control at the end removes the fence and must be caught by the same checks.
"""

import random
from collections import Counter
from pathlib import Path

import pytest

from harness_core.domain.errors import LeaseLost
from harness_core.domain.runs import RUN_ENDED, ExecutionStatus, Job, JobKind, RunStatus, WorkerId
from harness_core.ports.state import Closing
from tests.fakes.unfenced import END_OF, UNFENCED_END
from tests.integration.test_jobs import LEASE_S, State

DIAMOND = (
    ("ingest", "ingest", ()), ("profile", "profile", ("ingest",)), ("left", "analysis", ("profile",)),
    ("right", "analysis", ("profile",)), ("report", "report", ("ingest", "profile", "left", "right")),
)  # fmt: skip
WORKERS = [WorkerId(f"worker_{number}") for number in range(3)]
STEPS = 120


class Violation(AssertionError):
    """A promise of the protocol was broken."""


class World:
    """Three workers with what they believe they hold, and an independent account of what was committed."""

    def __init__(self, path: Path | None, seed: int) -> None:
        self.state, self.random = State(path), random.Random(seed)
        self.held: dict[WorkerId, list[Job]] = {worker: [] for worker in WORKERS}
        self.committed: Counter[str] = Counter()
        self.stale = 0
        for number in range(2):
            self.state.submit(f"run_{seed}_{number}", *DIAMOND)

    def step(self) -> None:
        action = self.random.choices([self.claim, self.commit, self.beat, self.stall, self.die, self.reap], [6, 5, 2, 2, 1, 2])[0]
        action(self.random.choice(WORKERS))

    def claim(self, worker: WorkerId) -> None:
        job = self.state.jobs.claim(worker)
        if job is not None:
            self._check_dependencies(job)
            self.held[worker].append(job)

    def _check_dependencies(self, job: Job) -> None:
        if job.execution_id is None:
            return
        run, plugin = str(job.execution_id).split(".")
        given_up = self._given_up() if plugin == "report" else set()  # a report is made whatever happened before it
        for name, _, needs in DIAMOND:
            if name == plugin and any(
                not self.committed[f"{run}.{needed}"] and f"{run}.{needed}" not in given_up for needed in needs
            ):
                raise Violation(f"{job.execution_id} started before what it depends on")

    def _given_up(self) -> set[str]:
        """Dead letters, and what was skipped because of them."""
        runs = [run.run_id for run in self.state.runs.page().runs]
        ended = [item for run_id in runs for item in self.state.runs.executions(run_id) if item.status in ("ERROR", "SKIPPED")]
        return {str(item.execution_id) for item in ended}

    def commit(self, worker: WorkerId) -> None:
        if not self.held[worker]:
            return
        job = self.held[worker].pop(self.random.randrange(len(self.held[worker])))
        try:
            if job.kind is JobKind.ADVANCE:
                self.state.jobs.commit_closing(job, Closing(RunStatus.COMPLETED))
                return
            self.state.commit(job)
        except LeaseLost:
            self.stale += 1
            return
        self.committed[str(job.execution_id)] += 1
        if self.committed[str(job.execution_id)] > 1:
            raise Violation(f"{job.execution_id} was committed twice")

    def beat(self, worker: WorkerId) -> None:
        heard = self.state.jobs.heartbeat(worker, self.held[worker])
        self.held[worker] = [job for job in self.held[worker] if heard[job.job_id] != "lost" or self.random.random() < 0.5]

    def stall(self, worker: WorkerId) -> None:
        """The machine sleeps, the worker does not notice and goes on believing."""
        self.state.clock.pass_(self.random.uniform(0, LEASE_S * 1.5))

    def die(self, worker: WorkerId) -> None:
        self.held[worker] = []
        if self.random.random() < 0.5:
            self.state.jobs.reap([worker])

    def reap(self, worker: WorkerId) -> None:
        self.state.jobs.reap(())

    def settle(self) -> None:
        """Everybody stops misbehaving: all runs must end."""
        for _ in range(200):
            self.state.clock.pass_(LEASE_S + 1)
            self.state.jobs.reap(())
            for worker in WORKERS:
                self.held[worker] = []
                self.claim(worker)
                self.commit(worker)
            if all(run.status in RUN_ENDED for run in self.state.runs.page().runs):
                return
        raise Violation("a run never ended")

    def check(self) -> None:
        for run in self.state.runs.page().runs:
            events = self.state.runs.events(run.run_id)
            if [event.seq for event in events] != list(range(1, len(events) + 1)):
                raise Violation("the events have a gap")
            for execution in self.state.runs.executions(run.run_id):
                attempts = [item for item in self.state.runs.attempts(run.run_id) if item.execution_id == execution.execution_id]
                if execution.status is ExecutionStatus.OK and (len(attempts) != 1 or attempts[0].fence != execution.fence):
                    raise Violation(f"{execution.execution_id} has {len(attempts)} results")


def history(path: Path | None, seed: int) -> World:
    world = World(path, seed)
    for _ in range(STEPS):
        world.step()
    world.settle()
    world.check()
    return world


@pytest.mark.parametrize("where", ["on disk", "in memory"])
@pytest.mark.parametrize("seed", range(10))
def test_no_history_loses_or_doubles_a_commit(tmp_path: Path, seed: int, where: str) -> None:
    """Random claims, stalls, deaths and late commits: exactly once, in order, to the end."""
    history(tmp_path / "state.sqlite" if where == "on disk" else None, seed)


def test_without_the_fence_the_same_checks_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: a protocol that trusts whoever commits is caught, so the checks above can fail."""
    monkeypatch.setattr(END_OF, UNFENCED_END)
    caught = 0
    for seed in range(12):
        try:
            history(None, seed)
        except Exception:  # a doubled commit shows as a violation or as a doubled audit row
            caught += 1
            break
    assert caught > 0
