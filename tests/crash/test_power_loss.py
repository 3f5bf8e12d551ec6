"""The power goes: what was acknowledged is there, what was not is there whole or not at all."""

import os
import random
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness_core.adapters.db.syncing import SharedSync
from harness_core.domain.runs import RunId
from tests.integration.test_jobs import ME, State

THREADS, RUNS_EACH, CUTS = 4, 8, 40
STEPS = (("ingest", "ingest", ()), ("profile", "profile", ("ingest",)))


class Disk:
    """Knows how much of the log the disk has confirmed, as the product's own calls say, and who was told that it is safe."""

    def __init__(self, state: State, log: Path) -> None:
        self.state, self.log = state, log
        self.confirmed = 0
        self.acknowledged: set[str] = set()
        self.snapshots: list[tuple[set[str], int, bytes]] = []
        self._lock = threading.Lock()

    def watch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        real = os.fdatasync

        def fdatasync(descriptor: int) -> None:
            written = os.fstat(descriptor).st_size
            real(descriptor)
            with self._lock:
                self.confirmed = max(self.confirmed, written)

        monkeypatch.setattr("harness_core.adapters.db.syncing.os.fdatasync", fdatasync)

    def submit(self, name: str) -> None:
        self.state.submit(name, *STEPS)
        self._acknowledge(name)

    def work(self, name: str) -> None:
        """Take the run's first step and commit it, among others who do so at the same time."""
        job = self.state.jobs.claim(ME, run_id=RunId(name))
        assert job is not None
        self.state.commit(job)
        self._acknowledge(str(job.execution_id))

    def _acknowledge(self, name: str) -> None:
        with self._lock:
            self.acknowledged.add(name)
            self.snapshots.append((set(self.acknowledged), self.confirmed, self.log.read_bytes()))


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    state = State(tmp_path / "state.sqlite")
    disk = Disk(state, tmp_path / "state.sqlite-wal")
    disk.watch(monkeypatch)
    state.submit("before", *STEPS)  # opens the log and has it confirmed once
    yield disk
    state.database.close()


def write(disk: Disk) -> None:
    def client(number: int) -> None:
        for item in range(RUNS_EACH):
            disk.submit(f"run_{number}_{item}")
            disk.work(f"run_{number}_{item}")

    threads = [threading.Thread(target=client, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def lost(disk: Disk, folder: Path, chance: random.Random) -> tuple[set[str], Any]:
    """Cut the power at one of the snapshots; returns what was acknowledged and is gone, and what is half there."""
    acknowledged, confirmed, log = chance.choice(disk.snapshots)
    folder.mkdir()
    database = folder / "state.sqlite"
    shutil.copyfile(disk.log.with_name("state.sqlite"), database)
    kept = log[: chance.randint(confirmed, len(log))] if confirmed < len(log) else log
    (folder / "state.sqlite-wal").write_bytes(kept)
    with sqlite3.connect(database) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        there = {row[0] for row in connection.execute("SELECT run_id FROM run")}
        there |= {
            row[0] for row in connection.execute("SELECT execution_id FROM execution JOIN attempt USING (execution_id, fence)")
        }
        half = connection.execute(
            "SELECT run_id FROM run WHERE (SELECT count(*) FROM execution e WHERE e.run_id = run.run_id) <> ? "
            "UNION SELECT e.execution_id FROM execution e LEFT JOIN attempt a USING (execution_id) "
            "WHERE (e.status = 'OK') <> (a.fence IS NOT NULL) "
            "UNION SELECT run_id FROM event GROUP BY run_id HAVING max(seq) <> count(*)",
            (len(STEPS),),
        ).fetchall()
    return acknowledged - there, half


def test_every_acknowledged_commit_survives(disk: Disk, tmp_path: Path) -> None:
    """The log cut at any length the disk had not confirmed: nobody was told of something that is gone."""
    write(disk)
    chance = random.Random(1)
    for cut in range(CUTS):
        assert lost(disk, tmp_path / f"cut{cut}", chance) == (set(), [])


def test_without_the_sync_the_same_check_fails(disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: acknowledge before the disk has confirmed, and commits are seen to vanish."""
    monkeypatch.setattr(SharedSync, "sync", lambda self: None)
    write(disk)
    chance = random.Random(1)
    assert any(lost(disk, tmp_path / f"cut{cut}", chance)[0] for cut in range(CUTS))


def test_many_commits_share_one_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the disk is busy, whoever commits waits for the next sync, and one serves them all."""
    log = tmp_path / "log"
    log.write_bytes(b"x")
    began, go_on, count = threading.Event(), threading.Event(), [0]

    def slow(descriptor: int) -> None:
        count[0] += 1
        began.set()
        go_on.wait(30)

    monkeypatch.setattr("harness_core.adapters.db.syncing.os.fdatasync", slow)
    shared = SharedSync(log)
    first = threading.Thread(target=shared.sync)
    first.start()
    began.wait(30)
    others = [threading.Thread(target=shared.sync) for _ in range(20)]
    for thread in others:
        thread.start()
    while shared._asked < 21:
        pass
    go_on.set()
    for thread in [first, *others]:
        thread.join(30)
    assert count == [2]
