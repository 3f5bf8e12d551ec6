"""`submit`, `worker`, `serve` and steering: through the durable queue and over HTTP."""

import http.client
import re
import signal
import socket
from pathlib import Path

from tests.cli.conftest import Harness, ended, eventually
from tests.cli.test_cli_run import CONTRACT_KEYS


def submit(harness: Harness, *options: str, plugins: str = "analysis_tiny") -> str:
    done = harness("submit", harness.file(), "--plugins", plugins, *options, "--json")
    assert (done.code, done.document["status"]) == (0, "QUEUED")
    return str(done.document["run_id"])


def test_two_workers_drain_the_queue_and_leave(harness: Harness) -> None:
    """Two bursts side by side: every run is completed, every execution was done once, and both exit 0."""
    run_ids = [submit(harness, "--force", "--seed", str(seed)) for seed in (1, 2)]
    workers = [harness.start("worker", "--burst", "--concurrency", "1") for _ in range(2)]
    assert [ended(worker).code for worker in workers] == [0, 0]
    assert harness.rows("SELECT run_id, status FROM run ORDER BY run_id") == [(run_id, "COMPLETED") for run_id in sorted(run_ids)]
    assert harness.rows("SELECT DISTINCT attempts FROM execution") == [(1,)]
    idle = harness("worker", "--burst")
    assert idle.code == 0
    assert [line.split()[0] for line in idle.err.splitlines()] == ["Worker", "Worker"]


def test_a_worker_drains_on_sigterm_and_another_goes_on(harness: Harness) -> None:
    """What does not end within the patience is handed back uncharged; --wait of somebody else sees it to its end."""
    run_id = submit(harness, "--set", "analysis_slow.seconds=3", plugins="analysis_slow")
    worker = harness.start("worker", env={"HARNESS_DRAIN_S": "0.1"})
    assert harness.wait_until_running("analysis_slow") == run_id
    worker.send_signal(signal.SIGTERM)
    assert ended(worker, 20).code == 143
    waiting = harness.start("runs", "watch", run_id, "--json")
    assert harness("worker", "--burst").code == 0
    watched = ended(waiting)
    assert (watched.code, watched.document["status"]) == (0, "COMPLETED")
    assert set(watched.document) == CONTRACT_KEYS
    assert harness.rows("SELECT attempts FROM execution WHERE plugin_id = 'analysis_slow'") == [(1,)]


def test_a_second_signal_ends_the_patience_of_a_worker(harness: Harness) -> None:
    """With a long drain, the second SIGINT hands back at once."""
    submit(harness, plugins="analysis_slow")
    worker = harness.start("worker", env={"HARNESS_DRAIN_S": "600"})
    harness.wait_until_running("analysis_slow")
    worker.send_signal(signal.SIGINT)
    eventually(lambda: harness.rows("SELECT 1 FROM worker WHERE draining"))
    worker.send_signal(signal.SIGINT)
    assert ended(worker, 20).code == 130
    assert harness.rows("SELECT status FROM execution WHERE plugin_id = 'analysis_slow'") == [("PENDING",)]


def test_steering_a_run_that_nobody_works_on(harness: Harness) -> None:
    """A queued run is cancelled without any worker; what cannot be done to a run is a conflict with its reason."""
    run_id = submit(harness)
    assert harness("runs", "cancel", run_id).out == f"Run {run_id} is CANCELLED.\n"
    for verb in ("cancel", "resume"):
        done = harness("runs", verb, run_id, "--json")
        assert (done.code, done.document["error"]["code"]) == (2, "run_ended")
    retried = harness("runs", "retry", run_id, "--json")
    assert (retried.code, retried.document["status"]) == (0, "COMPLETED")


def test_over_http_it_is_the_same(harness: Harness, tmp_path: Path) -> None:
    """A run through a service: the contract's object, copies in --out, refusals with their codes; SIGTERM ends it with 143."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    url, out = f"http://127.0.0.1:{port}", tmp_path / "out"
    service = harness.start("serve", "--port", str(port))
    eventually(lambda: _answers(port))
    waited = harness("submit", harness.file(), "--url", url, "--plugins", "analysis_tiny", "--wait", "--json", "--out", str(out))
    assert waited.code == 0, waited.err
    assert set(waited.document) == CONTRACT_KEYS
    assert sorted(path.name for path in out.iterdir()) == ["report.html", "report.json", "report.md", "run_manifest.json"]
    run_id = waited.document["run_id"]
    assert (out / "report.json").read_bytes() == (harness.home / "runs" / run_id / "report.json").read_bytes()
    assert re.search(r"^OK +analysis_tiny", waited.err, re.MULTILINE)
    refused = harness("submit", harness.file("", "empty.csv"), "--url", url, "--json")
    assert (refused.code, refused.document["exit"]["name"]) == (6, "input_rejected")
    unknown = harness("submit", harness.file(), "--url", url, "--plugins", "nope")
    assert unknown.code == 2
    assert "there is no plugin of this name" in unknown.err
    service.send_signal(signal.SIGTERM)
    assert ended(service, 30).code == 143


def _answers(port: int) -> list[int]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return [connection.getresponse().status]
    except OSError:
        return []
    finally:
        connection.close()
