"""The service as a process: it starts where it may, stops at once whoever watches, and goes on after any end."""

import hashlib
import random
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from harness_api import server
from harness_core.adapters.catalog.folders import FolderCatalog
from harness_core.domain.errors import PolicyRefused, Unhealthy, UsageError
from harness_core.domain.runs import RunStatus
from harness_core.settings import read_settings
from harness_worker.runtime import WorkerRuntime
from tests.api.conftest import client_of
from tests.api.serving import CSV, Served
from tests.api.test_api_events import follow
from tests.conftest import OpenCore
from tests.fakes.plugins import COUNT, make_plugin, small_catalog
from tests.fakes.running import ended as wait_until_ended
from tests.fakes.running import until


def status(served: Served, run_id: str) -> str:
    return str(served.client.get(f"/api/v1/runs/{run_id}").json()["status"])


def test_a_signal_ends_it_at_once_whoever_watches(tmp_path: Path) -> None:
    """Open streams, of events and of pages, neither hold it nor are told that the run has ended; the code says what stopped it."""
    with Served(tmp_path / "home", "--no-worker") as served:
        run_id = served.start(served.upload())
        told: list[str] = []
        connected = threading.Barrier(4)

        def watch(path: str) -> None:
            with served.client.stream("GET", path) as answer:
                lines = answer.iter_lines()
                told.append(next(lines))
                connected.wait(10)
                told.extend(lines)

        paths = (f"/api/v1/runs/{run_id}/events", f"/runs/{run_id}/live", "/live")
        watchers = [threading.Thread(target=watch, args=(path,)) for path in paths]
        for watcher in watchers:
            watcher.start()
        connected.wait(10)
        assert served.stop(signal.SIGTERM, timeout_s=8) == 143  # a drain would take ten
        for watcher in watchers:
            watcher.join(5)
        assert "event: end" not in told


def test_an_interrupt_has_its_own_code(tmp_path: Path) -> None:
    """Ctrl-C is 130."""
    with Served(tmp_path / "home", "--no-worker") as served:
        assert served.stop(signal.SIGINT) == 130


def test_without_a_worker_runs_wait_and_with_one_they_go_on(tmp_path: Path) -> None:
    """What was taken in by a service without a worker is done by the next one, and a stream goes on where the old one ended."""
    with Served(tmp_path / "home", "--no-worker") as served:
        run_id = served.start(served.upload(), plugins=["analysis_count"])
        seen = [seq for seq, _ in follow(served, run_id, limit=2)]
        assert "No worker is running" in served.client.get(f"/api/v1/runs/{run_id}").json()["waiting_because"]
        served.stop()
    with Served(tmp_path / "home") as served:
        seen += [seq for seq, _ in follow(served, run_id, after=2)]
        assert status(served, run_id) == "COMPLETED"
    assert seen == [*range(1, len(seen)), None]


def test_killed_in_the_middle_it_goes_on(tmp_path: Path) -> None:
    """SIGKILL while a plugin runs: the next service takes the run back, and its events have no gap."""
    with Served(tmp_path / "home", lease_s="1") as served:
        run_id = served.start(served.upload(), plugins=["analysis_slow"])
        until(
            lambda: "analysis_slow" in served.client.get(f"/api/v1/runs/{run_id}").json()["progress"]["running"], "the plugin runs"
        )
        served.stop(signal.SIGKILL)
    with Served(tmp_path / "home", lease_s="1") as served:
        until(lambda: "execution.lost" in str(follow(served, run_id, limit=12)), "the execution is taken back")
        assert served.client.post(f"/api/v1/runs/{run_id}/cancel").status_code == 202
        *events, end = follow(served, run_id)
        assert [seq for seq, _ in events] == list(range(1, len(events) + 1))
        assert end == (None, {"status": "CANCELLED"})


def test_an_upload_in_pieces_goes_on_after_a_kill_in_the_middle_of_a_piece(tmp_path: Path) -> None:
    """SIGKILL while bytes arrive: the next service knows what was acknowledged, takes the rest, and has the right hash."""
    data, tus = random.Random(7).randbytes(3 << 20), {"Tus-Resumable": "1.0.0"}
    piece = {**tus, "Content-Type": "application/offset+octet-stream"}
    with Served(tmp_path / "home", "--no-worker") as served:
        begun = {**tus, "Upload-Length": str(len(data)), "Upload-Metadata": "filename eC5jc3Y="}
        place = served.client.post("/api/v1/tus", headers=begun).headers["location"]
        served.client.patch(place, content=data[: 1 << 20], headers={**piece, "Upload-Offset": "0"})
        held = tmp_path / "home" / "quarantine" / "tus" / place.rpartition("/")[2] / "data"
        head = f"PATCH {place} HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: {1 << 20}\r\n"
        head += f"Content-Type: {piece['Content-Type']}\r\nContent-Length: {2 << 20}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", int(served.url.rpartition(":")[2]))) as connection:
            connection.sendall(head.encode() + data[1 << 20 : (5 << 20) // 2])
            until(lambda: held.stat().st_size > 1 << 20, "bytes of the second piece are on disk")
            served.stop(signal.SIGKILL)
    with Served(tmp_path / "home", "--no-worker") as served:
        assert served.client.head(place, headers=tus).headers["upload-offset"] == str(1 << 20)
        rest = served.client.patch(place, content=data[1 << 20 :], headers={**piece, "Upload-Offset": str(1 << 20)})
        assert rest.status_code == 204
        upload = served.client.get(f"/api/v1/uploads/{rest.headers['upload-id']}").json()
    assert (upload["filename"], upload["sha256"]) == ("x.csv", hashlib.sha256(data).hexdigest())


def test_a_running_plugin_is_stopped_within_seconds(tmp_path: Path) -> None:
    """Cancelling is acknowledged at once and done soon."""
    with Served(tmp_path / "home") as served:
        run_id = served.start(served.upload(), plugins=["analysis_slow"])
        until(
            lambda: "analysis_slow" in served.client.get(f"/api/v1/runs/{run_id}").json()["progress"]["running"], "the plugin runs"
        )
        assert served.client.post(f"/api/v1/runs/{run_id}/cancel").status_code == 202
        until(lambda: status(served, run_id) == "CANCELLED", "the run is cancelled", 20)


def test_an_address_that_others_reach_needs_to_be_meant(tmp_path: Path) -> None:
    """There is no login, so loopback is the rule; the refusal names the option that the command has."""
    settings = read_settings({}, home=tmp_path / "home")
    with pytest.raises(PolicyRefused) as refused:
        server.serve(settings, host="0.0.0.0", port=0, with_worker=False, open_to_network=False)  # noqa: S104 - it is refused
    option = refused.value.next_step.split()[-1].rstrip(".")
    shown = subprocess.run([sys.executable, "-m", "harness_api.cli", "serve", "--help"], capture_output=True, text=True, check=True)
    assert option in shown.stdout
    assert not (tmp_path / "home").exists()


def test_a_port_in_use_and_an_address_that_is_none(tmp_path: Path) -> None:
    """Both are told before anything is opened."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(Unhealthy) as refused:
            server.bind("127.0.0.1", taken.getsockname()[1])
    assert refused.value.code == "port_in_use"
    with pytest.raises(UsageError):
        server.bind("no.such.host.invalid", 0)


def test_a_plugin_that_comes_while_it_serves_is_planned_and_run(open_home: OpenCore, tmp_path: Path) -> None:
    """Service and worker look at the folders when they plan, not when they happen to look next: here they never would."""
    small_catalog(tmp_path / "plugins")
    catalogs = [FolderCatalog([(tmp_path / "plugins", "path")], check_interval_s=1e9) for _ in range(2)]
    service, hands = (open_home(catalog) for catalog in catalogs)
    assert all("analysis_new" not in catalog.plugins() for catalog in catalogs)
    make_plugin(tmp_path / "plugins", "analysis_new", "analysis", COUNT)
    client = client_of(service)
    upload = client.post("/api/v1/uploads?filename=t.csv", content=CSV).json()["upload_id"]
    named = client.post("/api/v1/runs", json={"upload_id": upload, "plugins": ["analysis_new"]}).json()["run_id"]
    worker = WorkerRuntime(hands, kind="worker", places=2)
    worker.start()
    try:
        assert wait_until_ended(service, service.runs.get(named)).status is RunStatus.COMPLETED
        make_plugin(tmp_path / "plugins", "analysis_newer", "analysis", COUNT)
        planned = client.post("/api/v1/runs", json={"upload_id": upload}).json()["run_id"]
        wait_until_ended(service, service.runs.get(planned))
    finally:
        worker.stop(5)
    ended = {item.plugin_id: str(item.status) for item in service.runs.executions(service.runs.get(planned).run_id)}
    assert ended["analysis_newer"] == "OK"
