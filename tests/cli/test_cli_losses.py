"""Workers that are killed again and again: a poison plugin is given up where all can see it, and pays from a budget of its own."""

import os
import signal
import subprocess

import psutil

from tests.cli.conftest import Harness, ended, eventually, forked, write_plugin

PATIENCE_S = 180
RUNS = """
    SELECT 1 FROM execution JOIN job USING (execution_id) JOIN worker ON worker_id = lease_owner
    WHERE plugin_id = ? AND pid = ? AND state = 'LEASED' AND progress_done > 0
"""
CODE = """
import time
from harness_core.sdk import PluginResult

def run(ctx):
    for done in range({steps}):
        ctx.progress(done + 1, {steps}, "working")
        time.sleep(0.05)
    return PluginResult.ok("Done.")
"""


def prepare(harness: Harness, plugin_id: str, steps: int) -> dict[str, str]:
    """A plugin of its own for the test; the environment in which the command finds it."""
    folder = harness.folder / "more"
    write_plugin(folder, plugin_id, {}, CODE.format(steps=steps))
    return {"HARNESS_PLUGIN_PATH": f"{harness.plugins}:{folder}", "HARNESS_WARM_START": "0", "HARNESS_DRAIN_S": "0.05"}


def start_worker(harness: Harness, env: dict[str, str], plugin_id: str) -> "subprocess.Popen[str]":
    """A worker that is working on that plugin now."""
    worker = harness.start("worker", env=env)
    eventually(lambda: harness.rows(RUNS, plugin_id, worker.pid), PATIENCE_S)
    return worker


def kill(worker: "subprocess.Popen[str]") -> None:
    worker.kill()
    ended(worker)


def test_a_poison_plugin_is_given_up_and_the_run_goes_on(harness: Harness) -> None:
    """Three workers killed over it: a dead letter with its own reason, seen by `show` and `doctor`; everything else is done."""
    env = prepare(harness, "analysis_poison", steps=2000)
    asked = harness("submit", harness.file(), "--plugins", "analysis_poison,analysis_tiny", "--json", env=env)
    run_id = asked.document["run_id"]
    for _ in range(3):
        kill(start_worker(harness, env, "analysis_poison"))
    assert ended(harness.start("worker", "--burst", env=env), PATIENCE_S).code == 0
    shown = forked(harness, "runs", "show", run_id, "--json").document
    by_id = {item["plugin_id"]: item for item in shown["executions"]}
    poison = by_id["analysis_poison"]
    assert (shown["status"], poison["status"], poison["error"]["type"]) == ("PARTIAL", "ERROR", "WorkerLost")
    assert "3 times" in poison["summary"]
    assert poison["attempts"] == 1
    assert {item["status"] for name, item in by_id.items() if name != "analysis_poison"} <= {"OK", "NA"}
    assert harness.rows("SELECT count(*) FROM job WHERE state = 'DEAD'") == [(1,)]
    letters = {check["name"]: check for check in harness("doctor", "--json").document["checks"]}["dead_letters"]
    assert letters["state"] == "warning"
    assert run_id in letters["next_step"]
    assert [entry["run_id"] for entry in letters["details"]["jobs"]] == [run_id]


def test_losses_and_a_drain_eat_no_attempt(harness: Harness) -> None:
    """Two workers killed and one drained, and then two crashes of the plugin itself: its own two retries were still there."""
    env = prepare(harness, "analysis_unlucky", steps=60)
    asked = harness("submit", harness.file(), "--plugins", "analysis_unlucky", "--json", env=env)
    run_id = asked.document["run_id"]
    for _ in range(2):
        kill(start_worker(harness, env, "analysis_unlucky"))
    drained = start_worker(harness, env, "analysis_unlucky")
    drained.send_signal(signal.SIGTERM)
    assert ended(drained, PATIENCE_S).code == 143
    assert harness.rows("SELECT attempts FROM execution WHERE plugin_id = 'analysis_unlucky'") == [(0,)]
    worker = start_worker(harness, env, "analysis_unlucky")
    for crashes in range(2):
        eventually(lambda: harness.rows(RUNS, "analysis_unlucky", worker.pid), PATIENCE_S)
        (guest,) = psutil.Process(worker.pid).children()
        os.kill(guest.pid, signal.SIGKILL)
        charged = "SELECT 1 FROM event WHERE type = 'execution.retry' LIMIT 1 OFFSET ?"
        eventually(lambda query=charged, before=crashes: harness.rows(query, before), PATIENCE_S)
    eventually(lambda: harness.rows("SELECT 1 FROM run WHERE status = 'COMPLETED'"), PATIENCE_S)
    worker.send_signal(signal.SIGTERM)
    ended(worker, PATIENCE_S)
    attempts = "SELECT status FROM attempt WHERE plugin_id = 'analysis_unlucky' ORDER BY fence"
    assert harness.rows(attempts) == [("crashed",), ("crashed",), ("OK",)]
    assert harness.rows("SELECT attempts FROM execution WHERE plugin_id = 'analysis_unlucky'") == [(3,)]
    types = "SELECT type, count(*) FROM event WHERE run_id = ? AND type IN ('execution.lost', 'execution.handed_back') GROUP BY 1"
    assert dict(harness.rows(types, run_id)) == {"execution.lost": 2, "execution.handed_back": 1}
