"""The protocol as a model, small enough to look at every state: workers, crashes, expiry, lost and doubled messages, cancellation."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

MAX_CRASHES = 3
MAX_MESSAGES = 2
MAX_FENCE = 5


@dataclass(frozen=True)
class State:
    """One job. ``believes`` holds, per worker, the fence under which it thinks it works (0: it does not)."""

    job: str = "ready"
    fence: int = 0
    owner: int = -1
    alive: bool = False  # the lease has not run out
    crashes: int = 0
    messages: int = 1
    cancelled: bool = False
    believes: tuple[int, ...] = (0, 0)
    commits: tuple[int, ...] = ()

    def believing(self, worker: int, fence: int) -> tuple[int, ...]:
        return tuple(fence if number == worker else held for number, held in enumerate(self.believes))


Step = tuple[str, State]


def steps(state: State, fenced: bool) -> Iterator[Step]:
    """Everything that can happen next."""
    yield from messages(state)
    if state.job == "leased" and state.alive:
        yield "the lease runs out", replace(state, alive=False)
    if state.job == "leased" and not state.alive:
        yield "reap", reaped(state)
    if not state.cancelled and state.job in ("ready", "leased"):
        yield "cancel", replace(state, cancelled=True, job="cancelled" if state.job == "ready" else state.job)
    for worker, held in enumerate(state.believes):
        if held:
            yield f"worker {worker} dies", replace(state, believes=state.believing(worker, 0))
            yield f"worker {worker} commits", committed(state, worker, held, fenced)
            if state.cancelled and holds(state, worker, held):
                stopped = replace(state, job="cancelled", owner=-1, alive=False)
                yield f"worker {worker} hears of the cancellation", replace(stopped, believes=state.believing(worker, 0))
        elif state.job == "ready" and state.messages and state.fence < MAX_FENCE:
            taken = replace(state, job="leased", fence=state.fence + 1, owner=worker, alive=True, messages=state.messages - 1)
            yield f"worker {worker} claims", replace(taken, believes=state.believing(worker, taken.fence))
        elif state.messages:
            yield f"worker {worker} finds nothing to claim", replace(state, messages=state.messages - 1)


def messages(state: State) -> Iterator[Step]:
    if state.messages:
        yield "a message is lost", replace(state, messages=state.messages - 1)
        if state.messages < MAX_MESSAGES:
            yield "a message is doubled", replace(state, messages=state.messages + 1)
    elif state.job == "ready":
        yield "the stager rings again", replace(state, messages=1)


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


def explore(fenced: bool, workers: int) -> dict[State, tuple[State, str] | None]:
    """Every reachable state, with the step that led to it first."""
    start = State(believes=(0,) * workers)
    came_from: dict[State, tuple[State, str] | None] = {start: None}
    waiting = deque([start])
    while waiting:
        state = waiting.popleft()
        if len(state.commits) > 1:
            continue
        for name, after in steps(state, fenced):
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
    """Committed twice, or by somebody who no longer had the job."""
    return len(state.commits) > 1 or (state.job == "done" and state.commits != (state.fence,))


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
    """No lost message, death or expiry leaves a job where nothing can happen to it any more."""
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


def test_without_the_fence_the_model_is_caught() -> None:
    """The control, and the shortest way to the harm: the checks above can fail."""
    found = path_to(unsafe, explore(fenced=False, workers=2))
    assert found == [
        "a message is doubled", "worker 0 claims", "the lease runs out", "reap", "worker 1 claims", "worker 0 commits",
    ]  # fmt: skip
