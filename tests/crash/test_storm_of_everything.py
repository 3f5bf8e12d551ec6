"""A storm over the whole service: the API, the workers and their guests are killed and put to sleep at random, while clients submit.

Nothing stands in for anything: HTTP, the queue, leases, walled guests, commits, reports. What the clients were told is kept, and at
the end compared with what the database and the files say.
"""

import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.crash.test_storm import ROOT, RUNS, judge
from tests.fakes.plugins import small_catalog

LEASE_S = 1.0
SUBMITTED = max(8, RUNS // 10)
DEADLINE_S = 30.0 * SUBMITTED
CALM_S = 4.0
SEEDS = 2
CSV = b"a,b\n1,x\n2,y\n3,x\n"
CLIENT_WAIT_S = 3.0
PACE_S = 0.5  # of the runs that are submitted only to have something to disturb
KINDS = ("worker killed", "worker killed", "worker asleep", "worker asleep", "service killed", "service asleep", "guest killed")


@dataclass
class Parts:
    """The processes, each started again as soon as it was killed; and every process below them that was ever seen."""

    folder: Path
    port: int
    running: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    seen: dict[int, psutil.Process] = field(default_factory=dict)

    def start(self, name: str) -> None:
        kind, port = ("api", [str(self.port)]) if name == "api" else ("worker", [])
        command = [sys.executable, "-m", "tests.crash.part", kind, str(self.folder / "home"), str(self.folder / "plugins"), *port]
        environ = {**os.environ, "HARNESS_LEASE_S": str(LEASE_S), "TMPDIR": str(self.folder / "temporary")}
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=log, stderr=log)

    def kill(self, name: str) -> None:
        self.below(name)
        self.running[name].kill()
        self.running[name].wait()

    def up(self) -> bool:
        """Whether each of them has come so far that it takes requests, or jobs."""
        with socket.socket() as knocking:
            if knocking.connect_ex(("127.0.0.1", self.port)):
                return False
        working = {pid for (pid,) in ask(self.folder / "home", "SELECT pid FROM worker")}
        return {part.pid for name, part in self.running.items() if name != "api"} <= working

    def below(self, name: str) -> list[psutil.Process]:
        """The processes that this one has started: warm ones, and guests."""
        try:
            found = psutil.Process(self.running[name].pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []
        self.seen |= {process.pid: process for process in found}
        return found


@contextmanager
def service(folder: Path) -> Iterator[Parts]:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        parts = Parts(folder, chosen.getsockname()[1])
    (folder / "temporary").mkdir()
    small_catalog(folder / "plugins")
    try:
        for name in ("api", "one", "other"):
            parts.start(name)
        yield parts
    finally:
        for name in parts.running:
            parts.kill(name)


class Clients(threading.Thread):
    """Submits one run after another, each until it is acknowledged, some of them twice; remembers what it was told.

    Ends with the run that is ``SUBMITTED`` or later when ``enough`` is set.
    """

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.told: dict[str, set[str]] = {}
        self.refused: list[str] = []
        self.unsure = 0
        self.enough = threading.Event()
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=CLIENT_WAIT_S)

    def run(self) -> None:
        chance = random.Random(11)
        for number in count():
            if number >= SUBMITTED and self.enough.wait(PACE_S):
                break
            upload = self._until_told("/api/v1/uploads", 201, params={"filename": "table.csv"}, content=CSV)["upload_id"]
            asked = {"upload_id": upload, "seed": number % SEEDS + 1, "reuse": chance.random() < 0.3}
            for _ in range(1 + (chance.random() < 0.3)):
                key = f"key {number}"
                answer = self._until_told("/api/v1/runs", 202, json=asked, headers={"Idempotency-Key": key})
                self.told.setdefault(key, set()).add(answer["run_id"])
        self._http.close()

    def _until_told(self, url: str, expected: int, **request: Any) -> Any:
        while True:
            try:
                answer = self._http.post(url, **request)
            except httpx.HTTPError:
                self.unsure += 1
                time.sleep(0.05)  # the service is being started again
                continue
            if answer.status_code == expected:
                return answer.json()
            self.refused.append(f"{answer.status_code} {answer.text}")
            if len(self.refused) > SUBMITTED:
                raise AssertionError(self.refused)


def dealt(chance: random.Random) -> Iterator[str]:
    """What to do next, in a random order in which each kind comes before any comes again."""
    while True:
        yield from chance.sample(KINDS, len(KINDS))


def disturb(kind: str, parts: Parts, chance: random.Random) -> bool:
    """One of them is killed, or sleeps: a worker beyond its lease, the service for a moment. Whether there was one."""
    name = "api" if "service" in kind else chance.choice(("one", "other"))
    if kind == "guest killed":
        try:
            chance.choice(parts.below(name)).kill()
        except (IndexError, psutil.NoSuchProcess):
            return False
    elif kind.endswith("killed"):
        parts.kill(name)
        parts.start(name)
    else:
        parts.running[name].send_signal(signal.SIGSTOP)
        time.sleep(0.2 if name == "api" else LEASE_S * chance.uniform(1.0, 1.5))  # the sleep is the disturbance itself
        parts.running[name].send_signal(signal.SIGCONT)
    return True


def ask(home: Path, sql: str, *values: Any) -> list[Any]:
    """The state database as it is; nothing before there is one."""
    if not (home / "state.sqlite").exists():
        return []
    with closing(sqlite3.connect(home / "state.sqlite", timeout=30)) as database:
        try:
            return database.execute(sql, values).fetchall()
        except sqlite3.OperationalError:  # it is being made
            return []


def ended(home: Path) -> int:
    return len(ask(home, "SELECT 1 FROM run WHERE status IN ('COMPLETED', 'PARTIAL', 'FAILED')"))


def calm(parts: Parts, chance: random.Random) -> None:
    """Mostly until all parts are up and something was done since, or nothing would ever be; now and then not even that."""
    home = parts.folder / "home"
    done = "SELECT count(*) FROM event WHERE type = 'execution.ended'"
    before, ends = ask(home, done), time.monotonic() + CALM_S
    if chance.random() < 0.15:
        return
    while time.monotonic() < ends and not (parts.up() and ask(home, done) != before):
        time.sleep(0.02)
    time.sleep(chance.uniform(0, 0.2))  # not always at the same step


def storm(folder: Path) -> tuple[Counter[str], Clients, Parts]:
    counted, chance, ends = Counter[str](), random.Random(3), time.monotonic() + DEADLINE_S
    with service(folder) as parts:
        clients = Clients(parts.port)
        clients.start()
        for number, kind in enumerate(dealt(chance), 1):
            if time.monotonic() > ends or not (clients.is_alive() or ended(folder / "home") < len(clients.told)):
                break
            calm(parts, chance)
            counted[kind] += disturb(kind, parts, chance)
            if number == len(KINDS):
                clients.enough.set()
        clients.join(CLIENT_WAIT_S)
    return counted, clients, parts


def reports(home: Path) -> dict[str, set[bytes]]:
    """The different ``report.json`` there are among the completed runs with one fingerprint."""
    found: dict[str, set[bytes]] = {}
    for fingerprint, run_id in ask(home, "SELECT fingerprint, run_id FROM run WHERE status = 'COMPLETED'"):
        found.setdefault(fingerprint, set()).add((home / "runs" / run_id / "report.json").read_bytes())
    return found


def unexplained(home: Path) -> list[str]:
    """Executions that did not end well although neither their worker nor their guest was lost again and again."""
    with sqlite3.connect(home / "state.sqlite") as database:
        rows = database.execute(
            "SELECT execution_id, error FROM execution WHERE status IN ('ERROR', 'TIMEOUT', 'MEMORY', 'SANDBOX')"
        )
        found = [(name, json.loads(error)["type"] if error else "") for name, error in rows]
    database.close()
    return [f"{name}: {type_}" for name, type_ in found if type_ not in ("WorkerLost", "Crashed", "PluginCrashed")]


@pytest.fixture(scope="module")
def after(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The home, what was done, what the clients were told, and the parts, after the storm."""
    folder = tmp_path_factory.mktemp("storm")
    return folder / "home", *storm(folder)


def test_whatever_dies_nothing_is_lost_or_done_twice(after: Any) -> None:
    """Each acknowledged run exists once and has ended; each execution was committed once; every file is as it was recorded."""
    home, counted, clients, _ = after
    found = judge(home)
    executions, taken_back = found.pop("executions"), found.pop("taken back")
    print({**counted, "runs": len(clients.told), "executions": executions, "taken back": taken_back, "unsure": clients.unsure})  # noqa: T201
    assert clients.refused == []
    assert not clients.is_alive()
    assert found.pop("integrity") == [("ok",)]
    assert found == {name: [] for name in found}
    assert [key for key, runs in clients.told.items() if len(runs) != 1] == []
    assert SUBMITTED <= len(clients.told) == ended(home)
    assert executions >= 5 * len(clients.told) - 5
    assert min(counted[kind] for kind in KINDS if kind != "guest killed") > 0  # a guest may be quicker


def test_whatever_dies_the_bytes_are_the_same(after: Any) -> None:
    """Completed runs with one fingerprint have one report, and what failed says that it was killed too often."""
    home, *_ = after
    assert {fingerprint: len(found) for fingerprint, found in reports(home).items() if len(found) > 1} == {}
    assert 1 <= len(reports(home)) <= SEEDS
    assert unexplained(home) == []


def test_whatever_dies_takes_its_processes_along(after: Any) -> None:
    """No guest outlives its worker."""
    *_, parts = after
    alive = psutil.wait_procs(parts.seen.values(), timeout=10)[1]
    assert [process.cmdline() for process in alive] == []
