"""The development override of the network: the operator's setting and a grant together, for one plugin, recorded wherever one looks."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness_core.bootstrap import Core
from harness_core.domain.plugins import PluginId
from harness_core.services.doctor import check_network
from harness_core.services.plugins import decide
from harness_worker.runtime import WorkerRuntime
from tests.conftest import OpenCore
from tests.fakes.plugins import make_plugin, small_catalog
from tests.fakes.running import ended, run_to_end, submit
from tests.wall.attempts import fill
from tests.wall.enclosure import THROUGH, Enclosure

WEB = PluginId("analysis_web")
OPENED = {
    "tcp", "tcp_without_waiting", "tcp_with_its_first_bytes", "multipath_tcp", "udp", "udp_connected", "udp_by_message", "by_c_call",
    "by_http", "by_asyncio", "a_newer_internet_socket", "handing_over",
}  # fmt: skip
"""All that the override lets through, of all that is tried: connections out, and messages with descriptors to oneself."""
FETCHING = """
import socket
from harness_core.sdk import PluginResult

def run(ctx):
    with socket.create_connection(("localhost", PORT), 5) as made:
        made.sendall(b"?")
        return PluginResult.ok(made.recv(100).decode())
"""


@pytest.fixture
def port() -> Iterator[int]:
    """A service of this machine that answers with a count of who asked."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            for number in range(1, 100):
                try:
                    asked, _ = listening.accept()
                except OSError:
                    return
                with asked:
                    asked.recv(1)
                    asked.sendall(f"answer {number}".encode())

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def opened(open_home: OpenCore, tmp_path: Path, port: int, **environ: str) -> Core:
    catalog = small_catalog(tmp_path / "plugins")
    make_plugin(tmp_path / "plugins", WEB, "analysis", FETCHING.replace("PORT", str(port)), capabilities=["network"])
    core = open_home(catalog, queue_url="memory://", **environ)
    core.catalog.refresh()
    return core


@pytest.mark.parametrize("namespaces", [True, False])
def test_it_opens_what_is_named_and_nothing_else(enclosure: Enclosure, user: int, namespaces: bool) -> None:
    """Sockets of the internet, outwards; files, programs, processes, local services, waiting for others stay as they were."""
    found = enclosure.run({"landlock": 99, "seccomp": True, "namespaces": namespaces, "network": True}, user=user)
    assert set(found) == set(fill())
    assert {name for name, how in found.items() if how == THROUGH} == OPENED


def test_the_setting_and_the_grant_together_open_it(open_home: OpenCore, tmp_path: Path, table: Path, port: int) -> None:
    """Level, reason, manifest, configuration and report say so, and what was fetched is never used again."""
    core = opened(open_home, tmp_path, port, allow_network="1")
    decide(core.catalog, core.grants, WEB, ["network"], granted=True)
    runs = [run_to_end(core, table, plugins=[WEB]) for _ in range(2)]
    folder = core.store.run_folder(runs[0].run_id)
    report, manifest = (json.loads((folder / name).read_bytes()) for name in ("report.json", "run_manifest.json"))
    (attempt,) = [item for item in core.runs.attempts(runs[0].run_id) if item.plugin_id == WEB]
    assert (attempt.wall_level, attempt.status) == ("B", "OK")
    assert "The network was open to it (HARNESS_ALLOW_NETWORK)." in attempt.reason
    assert manifest["config"]["open_network"] == report["open_network"] == [WEB]
    assert manifest["config"]["grants"] == {WEB: {"network": True}}
    assert "B" not in manifest["environment"]["wall"]["level"], "the wall around the others is whole"
    answers = [item.summary for run in runs for item in core.runs.executions(run.run_id) if item.plugin_id == WEB]
    assert answers == ["answer 1", "answer 2"]
    assert {item.wall_level for item in core.runs.attempts(runs[0].run_id) if item.plugin_id != WEB} == {core.launcher.level.level}


@pytest.mark.parametrize(("environ", "grant", "status"), [
    ({}, False, "BLOCKED"), ({"allow_network": "1"}, False, "BLOCKED"), ({}, True, "SANDBOX"),
])  # fmt: skip
def test_one_of_the_two_does_not_open_it(
    open_home: OpenCore, tmp_path: Path, table: Path, port: int, environ: dict[str, str], grant: bool, status: str
) -> None:
    """Without the grant the plugin is blocked, with the command that would help; without the setting the wall stays whole."""
    core = opened(open_home, tmp_path, port, **environ)
    if grant:
        decide(core.catalog, core.grants, WEB, ["network"], granted=True)
    run = run_to_end(core, table, plugins=[WEB])
    (execution,) = [item for item in core.runs.executions(run.run_id) if item.plugin_id == WEB]
    assert str(execution.status) == status
    assert execution.error is not None
    assert ("grant" if status == "BLOCKED" else "HARNESS_ALLOW_NETWORK") in str(execution.error["remedy"])
    assert "open_network" not in json.loads((core.store.run_folder(run.run_id) / "report.json").read_bytes())


def test_the_worker_has_to_allow_it_too(open_home: OpenCore, tmp_path: Path, table: Path, port: int) -> None:
    """A run that was submitted with the override is not carried out with it by a worker whose operator did not set it."""
    core = opened(open_home, tmp_path, port, allow_network="1")
    decide(core.catalog, core.grants, WEB, ["network"], granted=True)
    waiting = submit(core, table, plugins=[WEB])
    other = opened(open_home, tmp_path, port)
    worker = WorkerRuntime(other, kind="worker", places=2)
    worker.start()
    ended(other, waiting)
    worker.stop(drain_s=5.0)
    (execution,) = [item for item in other.runs.executions(waiting.run_id) if item.plugin_id == WEB]
    assert str(execution.status) == "ERROR"
    assert execution.error is not None
    assert (execution.error["type"], "HARNESS_ALLOW_NETWORK=1" in execution.error["remedy"]) == ("network_closed", True)


def test_the_doctor_tells(open_home: OpenCore, tmp_path: Path, port: int) -> None:
    """A warning with the names, as long as the setting is there; nothing otherwise."""
    core = opened(open_home, tmp_path, port)
    assert check_network(False, core.catalog, {WEB: {"network": True}}) == []
    (check,) = check_network(True, core.catalog, {WEB: {"network": True}})
    assert (check.state, check.details["plugins"]) == ("warning", [WEB])
    assert "analysis_web" in check.sentence
