"""Clocks that jump, locks that are held, disks that are full or refuse: a clear state, and nothing lost."""

import errno
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from harness_core.adapters.db import engine
from harness_core.adapters.db.engine import Database, open_engine
from harness_core.domain.errors import NotSynced, Unhealthy
from harness_core.domain.runs import ExecutionStatus
from harness_core.ports.state import Commit
from tests.integration.test_jobs import LEASE_S, ME, OTHER, State, VirtualClock

CHAIN = (("ingest", "ingest", ()), ("count", "analysis", ("ingest",)))


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state.sqlite")


class JumpingClock(VirtualClock):
    """The clock on the wall can be set; the other one cannot."""

    def __init__(self) -> None:
        super().__init__()
        self.set_by = 0.0

    def now(self) -> float:
        return self.at + self.set_by


@pytest.mark.parametrize("jump_s", [-86_400.0, 86_400.0])
def test_a_clock_that_is_set_expires_no_lease(state: State, jump_s: float) -> None:
    """Leases live on the clock that does not jump, so that daylight saving and NTP take no work away."""
    clock = JumpingClock()
    state.jobs._clock = state.clock = clock
    state.submit("run_a", *CHAIN)
    held = state.claim(ME)
    clock.set_by = jump_s
    state.jobs.reap(())
    assert state.jobs.claim(OTHER) is None
    assert state.commit(held)
    clock.pass_(LEASE_S + 1)
    assert state.jobs.claim(OTHER) is not None


def test_a_clock_that_is_set_back_strands_no_job(state: State) -> None:
    """What was due when the clock was a day ahead is due now, not tomorrow; a retry keeps its own short delay."""
    clock = JumpingClock()
    clock.set_by = 86_400.0
    state.jobs._clock = state.clock = clock
    state.submit("run_a", *CHAIN)
    clock.set_by = 0.0
    assert state.jobs.claim(ME) is None
    assert len(state.jobs.reap(())) == 1
    held = state.claim(ME)
    state.jobs.retry_execution(held, state.attempt(held), delay_s=8.0)
    assert state.jobs.reap(()) == []
    assert state.jobs.claim(ME) is None


def test_a_lock_that_is_held_is_waited_for(state: State, tmp_path: Path) -> None:
    """Another process writing is the normal case: nobody fails for it."""
    run = state.submit("run_a", *CHAIN)
    other = sqlite3.connect(tmp_path / "state.sqlite", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    claimed: list[Any] = []
    waiting = threading.Thread(target=lambda: claimed.append(state.jobs.claim(ME)))
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive()
    other.execute("COMMIT")
    waiting.join(30)
    assert [job.run_id for job in claimed] == [run.run_id]


def test_a_lock_that_never_ends_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the timeout there is a code and a next step, and the work can be done later."""
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_S", 0.05)
    state = State(tmp_path / "state.sqlite")
    state.submit("run_a", *CHAIN)
    job = state.claim(ME)
    other = sqlite3.connect(tmp_path / "state.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unhealthy) as refused:
        state.commit(job)
    assert refused.value.code == "state_database_unavailable"
    other.execute("ROLLBACK")
    assert state.commit(job)


def test_a_full_disk_loses_nothing(state: State) -> None:
    """A commit that finds no room changes nothing, says why, and works when there is room again."""
    run = state.submit("run_a", *CHAIN)
    job = state.claim(ME)
    assert state.database._writers is not None
    cursor = state.database._writers._cursor  # of the connection that claims and commits go by
    assert cursor is not None
    cursor.execute("PRAGMA max_page_count = 1")  # SQLite takes this as: not a page more than there are
    big = Commit(ExecutionStatus.OK, state.attempt(job), summary="x" * 1_000_000)
    with pytest.raises(Unhealthy) as refused:
        state.jobs.commit_execution(job, big)
    assert "full" in str(refused.value.why)
    assert state.statuses(run) == {"ingest": "RUNNING", "count": "PENDING"}
    cursor.execute(f"PRAGMA max_page_count = {1 << 30}")
    assert state.jobs.commit_execution(job, big)


def test_a_disk_that_does_not_confirm_is_never_believed_again(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a failed sync the next success proves nothing: this process acknowledges, claims and renews no more; a new one does."""
    state.submit("run_0", *CHAIN)
    held = state.claim(ME)

    def fails(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr("harness_core.adapters.db.syncing.os.fdatasync", fails)
        with pytest.raises(Unhealthy) as refused:
            state.submit("run_a", *CHAIN)
    assert refused.value.code == "state_database_not_synced"
    for refuses in (
        lambda: state.submit("run_b", *CHAIN),
        lambda: state.jobs.claim(OTHER),
        lambda: state.jobs.heartbeat(ME, [held]),
    ):
        with pytest.raises(NotSynced):
            refuses()
    state.database.close()
    afresh = Database(open_engine(f"sqlite:///{tmp_path / 'state.sqlite'}"))
    with afresh.writing():
        pass
