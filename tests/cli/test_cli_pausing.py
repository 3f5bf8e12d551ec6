"""`runs pause` and `runs resume`: what runs is finished, nothing new begins, and it stays so whoever comes and goes."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from tests.cli.conftest import Harness, ended, eventually, forked
from tests.cli.test_cli_queue import submit

SLOW = ("--set", "analysis_slow.seconds=1.5")
OWN_GUESTS = {"HARNESS_WARM_START": "0", "HARNESS_DRAIN_S": "60"}
PATIENCE_S = 120


@contextmanager
def asleep(worker: "subprocess.Popen[str]") -> Iterator[None]:
    """The worker's plugins stand still meanwhile, so that none of them can end too soon."""
    guests = psutil.Process(worker.pid).children(recursive=True)
    for guest in guests:
        guest.suspend()
    try:
        yield
    finally:
        for guest in guests:
            if guest.is_running():
                guest.resume()


def states(harness: Harness) -> dict[str, str]:
    return dict(harness.rows("SELECT plugin_id, status FROM execution"))


def test_what_runs_is_finished_and_the_rest_waits_whoever_comes(harness: Harness) -> None:
    """The worker that was at it commits and leaves; another finds nothing to do; `resume` without any worker goes on by itself."""
    run_id = submit(harness, *SLOW, plugins="analysis_slow")
    worker = harness.start("worker", env=OWN_GUESTS)
    harness.wait_until_running("analysis_slow")
    with asleep(worker):
        paused = forked(harness, "runs", "pause", run_id, "--json")
    assert paused.code == 0
    assert paused.document.items() >= {"run_id": run_id, "status": "RUNNING", "running": ["analysis_slow"]}.items()
    assert paused.document["paused_at"]
    watching = harness.start("runs", "watch", run_id)
    eventually(lambda: states(harness)["analysis_slow"] == "OK" and ["ended"])
    worker.send_signal(signal.SIGTERM)
    assert ended(worker, PATIENCE_S).code == 143
    assert harness("worker", "--burst").code == 0
    assert states(harness)["report_bundle"] == "PENDING"
    again = forked(harness, "runs", "pause", run_id)
    assert again.out == f"Run {run_id} is paused. Go on with `harness runs resume {run_id}`.\n"
    shown = forked(harness, "runs", "show", run_id, "--json").document
    assert (shown["status"], shown["paused_at"]) == ("RUNNING", paused.document["paused_at"])
    assert "harness runs resume" in shown["waiting_because"]
    assert "RUNNING, paused" in forked(harness, "runs", "list").out
    assert forked(harness, "runs", "list", "--json").document["runs"][0]["paused_at"] == paused.document["paused_at"]
    resumed = harness("runs", "resume", run_id, "--json")
    assert (resumed.code, resumed.document["status"]) == (0, "COMPLETED"), resumed.err
    watched = ended(watching, PATIENCE_S)
    assert watched.code == 0
    said = [line.split()[0] for line in watched.err.splitlines()]
    assert said.index("paused") < said.index("resumed") < len(said)
    assert harness.rows("SELECT DISTINCT attempts FROM execution") == [(1,)]


def test_a_pause_while_queued_is_heeded_by_every_worker_to_come(harness: Harness) -> None:
    """A run that is paused before anybody took it stays QUEUED; waiting for it says why; cancelling it ends it."""
    run_id = submit(harness)
    assert forked(harness, "runs", "pause", run_id).code == 0
    assert harness("worker", "--burst").code == 0
    assert set(states(harness).values()) == {"PENDING"}
    waited = forked(harness, "runs", "watch", run_id, "--timeout", "0.5")
    assert waited.code == 124
    assert "paused" in waited.err
    assert f"harness runs resume {run_id}" in waited.err
    assert harness("runs", "cancel", run_id).out == f"Run {run_id} is CANCELLED.\n"
    refused = forked(harness, "runs", "pause", run_id, "--json")
    assert (refused.code, refused.document["error"]["code"]) == (2, "run_ended")


def test_a_worker_that_is_killed_takes_no_pause_with_it(harness: Harness) -> None:
    """SIGKILL in the middle of a paused run: what was lost waits like the rest, and is done once the run is resumed."""
    run_id = submit(harness, *SLOW, plugins="analysis_slow,analysis_tiny")
    worker = harness.start("worker", env=OWN_GUESTS)
    harness.wait_until_running("analysis_slow")
    with asleep(worker):
        assert forked(harness, "runs", "pause", run_id).code == 0
        worker.kill()
        ended(worker)
    assert harness("worker", "--burst").code == 0
    assert states(harness)["analysis_slow"] == "PENDING"
    assert harness.rows("SELECT count(*) FROM event WHERE type = 'execution.lost'")[0][0] >= 1
    resumed = harness("runs", "resume", run_id, "--json")
    assert (resumed.code, resumed.document["status"]) == (0, "COMPLETED"), resumed.err
    assert harness.rows("SELECT DISTINCT attempts FROM execution") == [(1,)]


def test_the_process_of_another_run_takes_nothing_over(harness: Harness) -> None:
    """`harness run` works on its own run only, so `resume` of another one is done here, and nobody is promised."""
    other = harness.start("run", harness.file(), "--plugins", "analysis_slow", env=OWN_GUESTS)
    harness.wait_until_running("analysis_slow")
    run_id = submit(harness)
    resumed = harness("runs", "resume", run_id, "--json")
    assert (resumed.code, resumed.document["status"]) == (0, "COMPLETED"), resumed.err
    assert other.poll() is None


def test_a_run_in_its_own_process_waits_and_goes_on(harness: Harness) -> None:
    """`harness run` is paused and resumed from another shell: it says so, stays, and ends as it would have."""
    running = harness.start("run", harness.file(), "--plugins", "analysis_slow", *SLOW, env=OWN_GUESTS)
    run_id = harness.wait_until_running("analysis_slow")
    with asleep(running):
        assert forked(harness, "runs", "pause", run_id).code == 0
    eventually(lambda: states(harness)["analysis_slow"] == "OK" and ["ended"])
    assert running.poll() is None
    assert states(harness)["report_bundle"] == "PENDING"
    assert harness("runs", "resume", run_id).out == f"Run {run_id} is RUNNING; a running worker takes it over.\n"
    done = ended(running, PATIENCE_S)
    assert done.code == 0
    assert "nothing new is started" in done.err
