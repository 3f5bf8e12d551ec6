"""A worker's places: filled with as much as is due in one claim, never more than there are, and rings are left to who has one free."""

import dataclasses
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from harness_core.bootstrap import Core
from harness_core.domain.plugins import PluginId
from harness_core.domain.runs import (
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
from harness_core.ports.state import Closing, Commit
from harness_worker.places import Places
from harness_worker.runtime import WorkerRuntime
from tests.conftest import OpenCore
from tests.fakes.plugins import small_catalog
from tests.integration.test_jobs import State

WAIT_S = 30.0
FAN = (("ingest", ()), ("a", ("ingest",)), ("b", ("ingest",)), ("c", ("ingest",)))


class Held:
    """Stands in for guests: executions that last until they are let go."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.began: dict[str, threading.Event] = {}
        self.let_go: dict[str, threading.Event] = {}

    def of(self, events: dict[str, threading.Event], name: str) -> threading.Event:
        return events.setdefault(name, threading.Event())

    def execute(self, job: Job, stop: Callable[[], Any]) -> Sequence[int]:
        name = str(job.execution_id)
        self.of(self.began, name).set()
        assert self.of(self.let_go, name).wait(WAIT_S)
        return self._core.jobs.commit_execution(job, Commit(ExecutionStatus.OK, State.attempt(self, job)))  # type: ignore[arg-type]

    @property
    def clock(self) -> Any:
        return self._core.clock

    def advance(self, job: Job) -> Sequence[int]:
        self._core.jobs.begin_closing(job)
        self._core.jobs.commit_closing(job, Closing(RunStatus.COMPLETED))
        return ()


def submit(core: Core, name: str, steps: Sequence[tuple[str, tuple[str, ...]]]) -> None:
    run_id, config = RunId(name), RunConfig(inputs=(), selection=(), settings={}, code={}, seed=0, engine={})
    executions = [
        Execution(
            ExecutionId(f"{name}.{step}"), run_id, PluginId(step), "analysis", "1", layer, tuple(PluginId(need) for need in needs),
            required=False,
        )
        for layer, (step, needs) in enumerate(steps)
    ]  # fmt: skip
    _, rings = core.runs.create(Run(run_id, RunStatus.QUEUED, "sha256:0", config, 1, core.clock.now()), executions)
    for job_id in rings:
        core.bell.ring(job_id)


def until(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(int(WAIT_S / 0.01)):
        if condition():
            return
        pause.wait(0.01)
    raise TimeoutError("what was waited for did not come")


@pytest.fixture
def crew(open_home: OpenCore, tmp_path: Any) -> Iterator[Callable[[int], tuple[WorkerRuntime, Core, Held]]]:
    """Starts workers with so many places, each on a core of its own and the same home; stops them at the end."""
    running: list[tuple[WorkerRuntime, Held]] = []

    def start(places: int) -> tuple[WorkerRuntime, Core, Held]:
        core = open_home(small_catalog(tmp_path / "plugins"))
        held = Held(core)
        worker = WorkerRuntime(dataclasses.replace(core, executing=held, advancing=held), kind="worker", places=places)  # type: ignore[arg-type]
        worker.start()
        running.append((worker, held))
        return worker, core, held

    yield start
    for worker, held in running:
        for event in held.let_go.values():
            event.set()
        worker.stop(drain_s=5.0)


def test_free_places_take_a_whole_layer_in_one_claim(
    crew: Callable[[int], tuple[WorkerRuntime, Core, Held]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a commit opens is taken by the same worker at once, by one transaction, and nobody is rung for it."""
    _, core, held = crew(3)
    batches, rung = [], []
    plain_claim, plain_ring = type(core.jobs).claim_several, type(core.bell).ring

    def claim_several(jobs: Any, worker_id: WorkerId, count: int, **given: Any) -> Sequence[Job]:
        found = plain_claim(jobs, worker_id, count, **given)
        batches.append(sorted(str(job.execution_id) for job in found))
        return found

    def ring(bell: Any, job_id: int) -> None:
        rung.append(job_id)
        plain_ring(bell, job_id)

    monkeypatch.setattr(type(core.jobs), "claim_several", claim_several)
    monkeypatch.setattr(type(core.bell), "ring", ring)
    for name in ("run.ingest", "run.a", "run.b", "run.c"):
        held.of(held.let_go, name)
    held.let_go["run.ingest"].set()
    submit(core, "run", FAN)
    for name in ("run.a", "run.b", "run.c"):
        assert held.of(held.began, name).wait(WAIT_S)
    assert ["run.a", "run.b", "run.c"] in batches
    assert len(rung) == 1
    for name in ("run.a", "run.b", "run.c"):
        held.let_go[name].set()
    until(lambda: core.runs.get("run").status is RunStatus.COMPLETED)


def test_who_has_no_free_place_leaves_the_ring_to_others(crew: Callable[[int], tuple[WorkerRuntime, Core, Held]]) -> None:
    """A worker that is busy neither hears nor takes what it could not begin; whoever is free does."""
    _, core, busy = crew(1)
    busy.of(busy.let_go, "run_a.long")
    submit(core, "run_a", (("long", ()),))
    assert busy.of(busy.began, "run_a.long").wait(WAIT_S)
    _, _, free = crew(1)
    free.of(free.let_go, "run_b.short").set()
    submit(core, "run_b", (("short", ()),))
    assert free.of(free.began, "run_b.short").wait(WAIT_S)
    until(lambda: core.runs.get("run_b").status is RunStatus.COMPLETED)
    assert "run_b.short" not in busy.began
    busy.let_go["run_a.long"].set()
    until(lambda: core.runs.get("run_a").status is RunStatus.COMPLETED)


def test_a_place_survives_the_work_that_fails_in_it() -> None:
    """Whatever goes wrong in handling a job, the place is free again, takes the next, and ends when it is told to."""
    done: list[int] = []
    seen = threading.Semaphore(0)

    def work(job: Job) -> Sequence[int]:
        if job.job_id == 1:
            raise OSError("no space left")
        done.append(job.job_id)
        return (job.job_id + 10,)

    def freed(opened: Sequence[int]) -> None:
        seen.release()
        if opened:
            raise OSError("the database is locked")

    places = Places(1, work, freed)
    places.start()
    for number in (1, 2, 3):
        places.give(Job(number, "execute", RunId("run"), None, 1, WorkerId("worker"), 1, 0))  # type: ignore[arg-type]
        assert seen.acquire(timeout=WAIT_S)
    assert (done, places.free) == ([2, 3], 1)
    places.close()
    assert places.join(WAIT_S)


def test_between_a_job_and_the_one_it_opens_a_place_counts_as_busy() -> None:
    """`worker --burst` leaves when nothing is busy: what a job opened may still be on its way to a place."""
    looking, go_on = threading.Event(), threading.Event()

    def freed(_opened: Sequence[int]) -> None:
        looking.set()
        assert go_on.wait(WAIT_S)

    places = Places(1, lambda _job: (7,), freed)
    places.start()
    places.give(Job(1, JobKind.ADVANCE, RunId("run"), None, 1, WorkerId("w"), 1, 0))
    assert looking.wait(WAIT_S)
    assert places.free == 1
    assert places.busy
    go_on.set()
    until(lambda: not places.busy)
    places.close()
    assert places.join(WAIT_S)
