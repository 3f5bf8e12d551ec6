"""Disks that are slow to confirm, or never do, under real processes: leases stay held, nothing is done twice, and somebody says so."""

import errno
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from harness_core.adapters.catalog.folders import FolderCatalog
from harness_core.adapters.files import write_atomically
from harness_core.bootstrap import Core, open_core
from harness_core.domain.runs import JobState
from harness_core.services.janitors.rescuer import rescue
from harness_core.settings import read_settings
from tests.api.conftest import client_of
from tests.cli.conftest import Harness, ended, harness, tiny_plugins  # noqa: F401 - fixtures
from tests.cli.test_cli_queue import submit as submit_by_command
from tests.conftest import OpenCore
from tests.crash.test_storm import ROOT, judge
from tests.fakes.plugins import small_catalog
from tests.fakes.running import submit, until

LEASE_S, SLEEP_S = 0.6, 2.0
WAITS = "import time\nfrom harness_core.sdk import PluginResult\ndef run(ctx):\n    time.sleep({seconds})\n    return PluginResult.ok('Done.')\n"
REFUSES = """
import errno, os, pathlib
real = os.fdatasync
def fdatasync(descriptor):
    if pathlib.Path({mark!r}).exists():
        raise OSError(errno.EIO, "Input/output error")
    real(descriptor)
os.fdatasync = fdatasync
"""


@pytest.mark.parametrize("call", ["fsync", "fdatasync"])
def test_a_slow_disk_costs_no_lease(tmp_path: Path, table: Path, call: str) -> None:
    """While a worker waits for its disk longer than a lease lasts, its jobs stay its own, and each is done once."""
    disk, plugins = tmp_path / "disk", tmp_path / "plugins"
    small_catalog(plugins, analysis_brief=WAITS.format(seconds=0.5), analysis_long=WAITS.format(seconds=SLEEP_S))
    environ = {**os.environ, "HARNESS_LEASE_S": str(LEASE_S)}
    settings = read_settings({"HARNESS_LEASE_S": str(LEASE_S)}, home=tmp_path / "home")
    with closing(open_core(settings, catalog=FolderCatalog([(plugins, "path")]))) as core:
        run = submit(core, table, plugins=["analysis_brief", "analysis_long"])
        command = [sys.executable, "-m", "tests.crash.part", "disk", str(tmp_path / "home"), str(plugins), f"{call}:{disk}"]
        with subprocess.Popen(command, cwd=ROOT, env=environ, stderr=subprocess.DEVNULL) as worker:
            try:
                until(lambda: core.jobs.backlog()["leased"] == 2, "both at work")
                write_atomically(disk, str(SLEEP_S).encode())
                until(disk.with_suffix(".asleep").exists, "a disk that keeps somebody waiting")
                held, taken = meanwhile(core, disk)
                assert (held > 0, taken) == (True, [])
                until(lambda: core.runs.get(run.run_id).status == "COMPLETED", "the end of the run")
            finally:
                worker.kill()
        assert {item.attempts for item in core.runs.executions(run.run_id)} == {1}
        assert not [event.type for event in core.runs.events(run.run_id) if event.type in ("execution.lost", "job.stumbled")]
    found = judge(tmp_path / "home")
    assert [name for name in ("lost", "doubled", "stale", "gaps", "ended twice", "wrong bytes") if found[name]] == []


def meanwhile(core: Core, disk: Path) -> tuple[int, list[str]]:
    """How often a lease was looked at while the worker waited for its disk, and what could be taken from it."""
    rows = "SELECT job_id, lease_until FROM job WHERE state = ?"
    held, taken = 0, list[str]()
    with closing(sqlite3.connect(core.settings.home / "state.sqlite", timeout=30)) as database:
        while not disk.with_suffix(".awake").exists():
            for job_id, lease_until in database.execute(rows, [JobState.LEASED]).fetchall():
                held += 1
                taken += [f"the lease of job {job_id} ran out"] if lease_until < core.clock.steady() else []
            taken += ["a job was given back"] * rescue(core.jobs, core.workers, core.overview, core.bell)
    return held, taken


def test_a_disk_that_fails_is_not_ready_until_a_new_start(open_home: OpenCore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once a sync has failed the service says so, writes nothing more even when the disk seems well, and the next process is ready."""
    core = open_home(queue_url="memory://")
    client = client_of(core)
    assert client.get("/readyz").status_code == 200

    def fails(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr("harness_core.adapters.db.syncing.os.fdatasync", fails)
        refused = client.post("/api/v1/uploads", params={"filename": "t.csv"}, content=b"a\n1\n")
    assert (refused.status_code, refused.json()["code"]) == (503, "state_database_not_synced")
    answer = client.get("/readyz")
    (problem,) = answer.json()["problems"]
    assert (answer.status_code, problem["where"]) == (503, "database")
    assert "did not confirm" in problem["reason"]
    assert "Input/output error" in problem["reason"]
    assert "start this process again" in problem["remedy"]
    assert client.post("/api/v1/uploads", params={"filename": "t.csv"}, content=b"a\n1\n").status_code == 503
    assert client_of(open_home(queue_url="memory://")).get("/readyz").status_code == 200


def test_a_worker_whose_disk_fails_ends_and_burns_no_attempt(harness: Harness) -> None:  # noqa: F811 - the fixture
    """It leaves with the reason and exit 8 instead of claiming and losing one job after another; the next worker does the run."""
    mark = harness.folder / "fails"
    run_id = submit_by_command(harness, "--set", "analysis_slow.seconds=0.5", plugins="analysis_slow")
    worker = harness.start("worker", code=REFUSES.format(mark=str(mark)))
    harness.wait_until_running("analysis_slow")
    mark.touch()
    done = ended(worker)
    assert (done.code, "did not confirm" in done.err) == (8, True), done.err
    mark.unlink()
    assert harness("worker", "--burst").code == 0
    assert harness.rows("SELECT status FROM run WHERE run_id = ?", run_id) == [("COMPLETED",)]
    assert harness.rows("SELECT max(crashes) FROM job")[0][0] <= 1
