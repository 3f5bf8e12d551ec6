"""The protocol as a model, small enough to look at every state: workers, crashes, expiry, lost and doubled messages, pauses,
cancellation."""

import random
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

import pytest

from harness_core.adapters.db.tables import JobRow
from harness_core.domain.errors import LeaseLost
from harness_core.domain.runs import Job, WorkerId
from tests.integration import test_jobs as contract

MAX_CRASHES = 3
MAX_MESSAGES = 2
MAX_FENCE = 5


@dataclass(frozen=True)
class State:
    """One job. ``believes`` holds, per worker, the fence under which it thinks it works (0: it does not).

    ``intruded`` says that it was claimed while its run was paused.
    """

    job: str = "ready"
    fence: int = 0
    owner: int = -1
    alive: bool = False  # the lease has not run out
    crashes: int = 0
    messages: int = 1
    cancelled: bool = False
    paused: bool = False
    intruded: bool = False
    believes: tuple[int, ...] = (0, 0)
    commits: tuple[int, ...] = ()

    def believing(self, worker: int, fence: int) -> tuple[int, ...]:
        return tuple(fence if number == worker else held for number, held in enumerate(self.believes))


Step = tuple[str, State]


def steps(state: State, fenced: bool, pausing: bool = True) -> Iterator[Step]:
    """Everything that can happen next. Without ``fenced``, whoever commits is believed; without ``pausing``, a pause is not heeded."""
    yield from messages(state)
    yield from steering(state)
    if state.job == "leased" and state.alive:
        yield "the lease runs out", replace(state, alive=False)
    if state.job == "leased" and not state.alive:
        yield "reap", reaped(state)
    for worker, held in enumerate(state.believes):
        if held:
            yield f"worker {worker} dies", replace(state, believes=state.believing(worker, 0))
            yield f"worker {worker} commits", committed(state, worker, held, fenced)
            if state.cancelled and holds(state, worker, held):
                stopped = replace(state, job="cancelled", owner=-1, alive=False)
                yield f"worker {worker} hears of the cancellation", replace(stopped, believes=state.believing(worker, 0))
        elif state.job == "ready" and state.messages and state.fence < MAX_FENCE and not (state.paused and pausing):
            held = replace(state, job="leased", fence=state.fence + 1, owner=worker, alive=True, messages=state.messages - 1)
            taken = replace(held, intruded=state.paused)
            yield f"worker {worker} claims", replace(taken, believes=state.believing(worker, taken.fence))
        elif state.messages:
            yield f"worker {worker} finds nothing to claim", replace(state, messages=state.messages - 1)


def messages(state: State) -> Iterator[Step]:
    if state.messages:
        yield "a message is lost", replace(state, messages=state.messages - 1)
        if state.messages < MAX_MESSAGES:
            yield "a message is doubled", replace(state, messages=state.messages + 1)
    elif state.job == "ready" and not state.paused:
        yield "the stager rings again", replace(state, messages=1)


def steering(state: State) -> Iterator[Step]:
    """What people do. Cancelling ends a pause; resuming rings."""
    if state.job not in ("ready", "leased"):
        return
    if not state.cancelled:
        yield "cancel", replace(state, cancelled=True, paused=False, job="cancelled" if state.job == "ready" else state.job)
    if not state.cancelled and not state.paused:
        yield "pause", replace(state, paused=True)
    if state.paused:
        yield "resume", replace(state, paused=False, messages=max(1, state.messages))


def holds(state: State, worker: int, fence: int) -> bool:
    return state.job == "leased" and state.owner == worker and state.fence == fence


def reaped(state: State) -> State:
    crashes = state.crashes + 1
    after = "dead" if crashes >= MAX_CRASHES else "cancelled" if state.cancelled else "ready"
    return replace(state, job=after, owner=-1, crashes=crashes)


def committed(state: State, worker: int, fence: int, fenced: bool) -> State:
    gone = replace(state, believes=state.believing(worker, 0))
    if fenced and not holds(state, worker, fence):
        return gone
    return replace(gone, job="done", owner=-1, alive=False, commits=(*state.commits, fence))


def explore(fenced: bool, workers: int, pausing: bool = True) -> dict[State, tuple[State, str] | None]:
    """Every reachable state, with the step that led to it first."""
    start = State(believes=(0,) * workers)
    came_from: dict[State, tuple[State, str] | None] = {start: None}
    waiting = deque([start])
    while waiting:
        state = waiting.popleft()
        if len(state.commits) > 1:
            continue
        for name, after in steps(state, fenced, pausing):
            if after not in came_from:
                came_from[after] = (state, name)
                waiting.append(after)
    return came_from


def path_to(wanted: Callable[[State], bool], came_from: dict[State, tuple[State, str] | None]) -> list[str]:
    found = next((state for state in came_from if wanted(state)), None)
    names: list[str] = []
    while found is not None and (before := came_from[found]) is not None:
        found, name = before
        names.append(name)
    return names[::-1]


def unsafe(state: State) -> bool:
    """Committed twice, or by somebody who no longer had the job; or begun while its run was paused."""
    return len(state.commits) > 1 or (state.job == "done" and state.commits != (state.fence,)) or state.intruded


def ended(state: State) -> bool:
    return state.job in ("done", "dead", "cancelled")


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_no_reachable_state_is_unsafe(workers: int) -> None:
    """At most one commit, by the attempt that holds the job, whatever the order of events."""
    came_from = explore(fenced=True, workers=workers)
    assert not path_to(unsafe, came_from)
    assert all(ended(state) or not state.commits for state in came_from)


@pytest.mark.parametrize("workers", [1, 2])
def test_from_every_state_the_end_can_be_reached(workers: int) -> None:
    """No lost message, death, expiry or pause leaves a job where nothing can happen to it any more."""
    came_from = explore(fenced=True, workers=workers)
    before: dict[State, set[State]] = {}
    for state in came_from:
        for _, after in steps(state, fenced=True):
            before.setdefault(after, set()).add(state)
    reach = {state for state in came_from if ended(state)}
    waiting = list(reach)
    while waiting:
        for state in before.get(waiting.pop(), ()):
            if state not in reach:
                reach.add(state)
                waiting.append(state)
    assert reach == set(came_from)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_paused_job_ends_only_when_somebody_lets_it(workers: int) -> None:
    """Left alone, a job that is not being worked on stays where it is for as long as its run is paused, and is not used up."""
    for state in explore(fenced=True, workers=workers):
        if state.paused and state.job == "ready":
            alone = [after for name, after in steps(state, fenced=True) if name not in ("resume", "cancel")]
            assert all(after.job == "ready" and after.crashes == state.crashes and after.paused for after in alone)


def test_a_pause_that_is_not_heeded_is_caught() -> None:
    """The control for pauses."""
    assert path_to(unsafe, explore(fenced=True, workers=1, pausing=False)) == ["pause", "worker 0 claims"]


def test_without_the_fence_the_model_is_caught() -> None:
    """The control, and the shortest way to the harm: the checks above can fail."""
    found = path_to(unsafe, explore(fenced=False, workers=2))
    assert found == [
        "a message is doubled", "worker 0 claims", "the lease runs out", "reap", "worker 1 claims", "worker 0 commits",
    ]  # fmt: skip


class Real:
    """One job of the real adapter, in memory, led by the names of the model's steps."""

    def __init__(self, state: contract.State, name: str) -> None:
        self.state = state
        self.held: dict[int, tuple[Job, ...]] = {0: (), 1: ()}
        self.run_id = state.submit(name, ("only", "analysis", ())).run_id
        (self.job_id,) = state.jobs.due(run_id=self.run_id)

    def do(self, name: str) -> None:
        worker = int(name.split()[1]) if name.startswith("worker") else 0
        jobs, me = self.state.jobs, WorkerId(f"{self.run_id}_worker_{worker}")
        if name == "the lease runs out":
            self.state.clock.pass_(contract.LEASE_S + 1)
        elif name == "reap":
            jobs.reap(())
        elif name == "pause":
            self.state.runs.pause(self.run_id)
        elif name == "resume":
            self.state.runs.resume(self.run_id)
        elif name.endswith("claims"):
            taken = jobs.claim(me, job_id=self.job_id)
            assert taken is not None
            self.held[worker] = (taken,)
        elif name.endswith("finds nothing to claim"):
            assert jobs.claim(me, job_id=self.job_id) is None
        elif name.endswith("dies"):
            self.held[worker] = ()
        elif name.endswith("commits"):
            with suppress(LeaseLost):  # whether it was rightly refused, the attempts on record will tell
                self.state.commit(self.held[worker][0])
            self.held[worker] = ()

    def row(self) -> tuple[str, int, int, int]:
        with self.state.database.reading() as session:
            row = session.get_one(JobRow, self.job_id)
            return row.state.lower(), row.fence, int(row.lease_owner[-1]) if row.lease_owner else -1, row.crashes

    def fences(self) -> tuple[int, ...]:
        return tuple(item.fence for item in self.state.runs.attempts(self.run_id))


def test_the_database_does_what_the_model_does() -> None:
    """Random walks through the model, step by step on the real statements: the same state, fence, owner, crashes and commits."""
    real_state = contract.State(None)
    reached = set()
    for seed in range(30):
        chance, state, real = random.Random(seed), State(), Real(real_state, f"run_{seed}")
        for _ in range(25):
            name, state = chance.choice([step for step in steps(state, fenced=True) if step[0] != "cancel"])
            real.do(name)
            assert real.row() == (state.job, state.fence, state.owner, state.crashes), (seed, name)
            assert real.fences() == state.commits, (seed, name)
            reached.add(state.job)
            if ended(state):
                break
    real_state.database.close()
    assert reached == {"ready", "leased", "done", "dead"}
