"""From a file to a report: what is committed, what is reused, what every bad end becomes; the bytes are always the same."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness_core.bootstrap import Core
from harness_core.domain.errors import InputRefused, UsageError
from harness_core.domain.runs import ExecutionStatus, RunStatus
from harness_worker.runtime import WorkerRuntime
from tests.conftest import OpenCore
from tests.fakes.plugins import COUNT, make_plugin, small_catalog
from tests.fakes.running import ended, report_bytes, run_to_end, submit, until

OK = {"ingest_small", "profile_small", "planner_small", "analysis_count", "report_small"}


def statuses(core: Core, run: Any) -> dict[str, str]:
    return {item.plugin_id: str(item.status) for item in core.runs.executions(run.run_id)}


def report(core: Core, run: Any) -> dict[str, Any]:
    return dict(json.loads((core.store.run_folder(run.run_id) / "report.json").read_bytes()))


def test_a_run_ends_with_its_reports(core: Core, table: Path) -> None:
    """The whole way: ingest, profile, plan, analysis, report, manifest."""
    run = run_to_end(core, table)
    assert run.status is RunStatus.COMPLETED
    assert statuses(core, run) == dict.fromkeys(OK, "OK")
    folder = core.store.run_folder(run.run_id)
    assert {path.name for path in folder.iterdir()} == {"plugins", "report.json", "report.md", "report.html", "run_manifest.json"}
    document = report(core, run)
    assert document["run_fingerprint"] == run.fingerprint
    assert document["dataset"]["row_count"] == 3
    assert [finding["plugin_id"] for finding in document["findings"]] == ["analysis_count", "profile_small"]
    assert not list((core.settings.home / "scratch").iterdir())


def test_the_report_names_nothing_volatile(core: Core, table: Path) -> None:
    """No run id, path or host gets into the report."""
    run = run_to_end(core, table)
    text = (core.store.run_folder(run.run_id) / "report.json").read_text()
    for volatile in (run.run_id, str(core.settings.home), os.uname().nodename, "worker_"):
        assert volatile not in text


def test_every_registered_artifact_is_there_with_its_hash(core: Core, table: Path) -> None:
    """The registry and the disk agree, and nothing lies in the run's folder that is not registered."""
    run = run_to_end(core, table)
    folder = core.store.run_folder(run.run_id)
    registered = {item.path: item.sha256 for item in core.runs.artifacts(run.run_id)}
    on_disk = {str(path.relative_to(folder)): core.store.sha256_of(path) for path in folder.rglob("*") if path.is_file()}
    assert registered == on_disk


def test_a_second_run_reuses_every_result_and_has_the_same_bytes(core: Core, table: Path) -> None:
    """An identical run executes no plugin; reuse changes no byte of the report."""
    first, second = run_to_end(core, table), run_to_end(core, table)
    assert statuses(core, second) == dict.fromkeys(OK, "REUSED")
    assert second.fingerprint == first.fingerprint
    assert report_bytes(core, second) == report_bytes(core, first)


def test_force_computes_again_and_gives_the_same_bytes(core: Core, table: Path) -> None:
    """Computing anew with other worker counts gives what reuse would have given."""
    first, second = run_to_end(core, table), run_to_end(core, table, reuse=False, places=1)
    assert statuses(core, second) == dict.fromkeys(OK, "OK")
    assert report_bytes(core, second) == report_bytes(core, first)


def test_one_changed_byte_of_code_is_a_miss(core: Core, table: Path, tmp_path: Path) -> None:
    """A result computed by other code is never reused."""
    run_to_end(core, table)
    make_plugin(tmp_path / "plugins", "analysis_count", "analysis", COUNT + "\n# changed\n", depends_on=["profile_small"])
    second = run_to_end(core, table)
    assert statuses(core, second)["analysis_count"] == "OK"


def test_a_tampered_result_is_not_reused(core: Core, table: Path) -> None:
    """An earlier result whose bytes were altered on disk is computed again, and the refusal is recorded."""
    first = run_to_end(core, table)
    path = core.store.plugin_folder(first.run_id, "analysis_count") / "output.json"  # type: ignore[arg-type]
    path.write_bytes(path.read_bytes().replace(b"3 rows", b"4 rows"))
    second = run_to_end(core, table)
    assert statuses(core, second)["analysis_count"] == "OK"
    assert "execution.reuse_refused" in {event.type for event in core.runs.events(second.run_id)}


def test_the_seed_reaches_every_plugin_as_its_own(core: Core, table: Path) -> None:
    """0 is derived from the fingerprint, another value is literal; each plugin draws from its own stream."""
    derived, literal = run_to_end(core, table), run_to_end(core, table, seed=7)
    assert derived.resolved_seed != 0
    assert literal.resolved_seed == 7
    seeds = {name: entry["metrics"].get("seed") for name, entry in report(core, literal)["plugins"].items()}
    assert seeds["analysis_count"] != seeds["profile_small"]


BAD_ENDS = {
    "raises": ("def run(ctx):\n    raise ValueError('no such thing')\n", "ERROR", "ValueError"),
    "no_result": ("def run(ctx):\n    return None\n", "ERROR", "BadResult"),
    "wrong_shape": ("def run(ctx):\n    return {'status': 'ok'}\n", "ERROR", "BadResult"),
    "exits": ("import os\ndef run(ctx):\n    os._exit(0)\n", "ERROR", "Crashed"),
    "too_slow": ("import time\ndef run(ctx):\n    time.sleep(60)\n", "TIMEOUT", "Timeout"),
    "memory": ("def run(ctx):\n    kept = [bytearray(1 << 20) for _ in range(4096)]\n", "MEMORY", "MemoryLimit"),
    "link": (
        "import os\nfrom harness_core.sdk import PluginResult\ndef run(ctx):\n    os.symlink('/etc/hostname', ctx.write_artifact('x'))\n"
        "    return PluginResult.ok('x')\n", "SANDBOX", "SandboxViolation"),
    "folder": (
        "from harness_core.sdk import PluginResult\ndef run(ctx):\n    ctx.write_artifact('x').mkdir()\n"
        "    return PluginResult.ok('x')\n", "ERROR", "RefusedFile"),
    "elsewhere": ("def run(ctx):\n    open(ctx.scratch.parent / 'x', 'w')\n", "SANDBOX", "SandboxViolation"),
    "forbidden_call": ("import ctypes\ndef run(ctx):\n    ctypes.CDLL(None).unshare(0)\n", "SANDBOX", "SandboxViolation"),
    "too_many_files": (
        "import time\ndef run(ctx):\n    for n in range(11_000): (ctx.scratch / str(n)).touch()\n    time.sleep(30)\n",
        "SANDBOX", "FilesLimit"),
    "na_without_reason": (
        "from harness_core.sdk import PluginResult\ndef run(ctx):\n    return PluginResult('na', 'nothing')\n", "ERROR", "InvalidOutput"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_ENDS)
def test_every_bad_end_has_its_status_and_the_rest_goes_on(open_home: OpenCore, table: Path, tmp_path: Path, case: str) -> None:
    """A bad plugin costs its own result only: the run is PARTIAL, the report is written and names the cause."""
    code, status, type_ = BAD_ENDS[case]
    root = tmp_path / "plugins"
    catalog = small_catalog(root)
    limits = {"timeout_s": 1 if case == "too_slow" else 30, "memory_mb": 256, "concurrency": "cpu"}
    make_plugin(root, "analysis_bad", "analysis", code, depends_on=["profile_small"], limits=limits, retries=0)
    core = open_home(catalog, queue_url="memory://")
    run = run_to_end(core, table)
    assert run.status is RunStatus.PARTIAL
    assert statuses(core, run) == {**dict.fromkeys(OK, "OK"), "analysis_bad": status}
    (error,) = report(core, run)["errors"]
    assert (error["plugin_id"], error["type"]) == ("analysis_bad", type_)
    assert error["message"]
    assert error["remedy"]


def test_a_crash_is_tried_again_with_backoff(open_home: OpenCore, table: Path, tmp_path: Path) -> None:
    """What is transient gets another chance; each attempt has its audit row."""
    crash_once = "import os\ndef run(ctx):\n    if ctx.scratch.name.endswith('.1'):\n        os._exit(9)\n"
    code = crash_once + "    from harness_core.sdk import PluginResult\n    return PluginResult.na('fine', 'Nothing.')\n"
    core = open_home(small_catalog(tmp_path / "plugins", analysis_flaky=code), queue_url="memory://")
    run = run_to_end(core, table)
    assert statuses(core, run)["analysis_flaky"] == "NA"
    attempts = [item for item in core.runs.attempts(run.run_id) if item.plugin_id == "analysis_flaky"]
    assert [item.status for item in attempts] == ["crashed", "NA"]


def test_a_failing_required_step_fails_the_run_and_still_reports(open_home: OpenCore, table: Path, tmp_path: Path) -> None:
    """FAILED runs have reports too, with the cause first and what was skipped beneath it."""
    root = tmp_path / "plugins"
    catalog = small_catalog(root)
    make_plugin(root, "profile_small", "profile", "def run(ctx):\n    raise RuntimeError('broken')\n")
    core = open_home(catalog, queue_url="memory://")
    run = run_to_end(core, table)
    assert run.status is RunStatus.FAILED
    assert statuses(core, run)["planner_small"] == "SKIPPED"
    (error,) = report(core, run)["errors"]
    assert (error["plugin_id"], error["skipped"]) == ("profile_small", ["planner_small"])


@pytest.mark.parametrize("missing", ["ingest_small", "planner_small", "report_small"])
def test_a_required_step_without_a_plugin_fails_closed(open_home: OpenCore, table: Path, tmp_path: Path, missing: str) -> None:
    """The kernel does no step itself: without its plugin the run fails, with a report that says so."""
    root = tmp_path / "plugins"
    catalog = small_catalog(root)
    for path in (root / missing).iterdir():
        path.unlink()
    (root / missing).rmdir()
    core = open_home(catalog, queue_url="memory://")
    run = run_to_end(core, table)
    assert run.status is RunStatus.FAILED
    assert missing.split("_")[0] in json.dumps(report(core, run)["errors"])
    assert (core.store.run_folder(run.run_id) / "report.md").read_text()


def test_an_unreadable_file_is_refused_and_nothing_recorded(core: Core, tmp_path: Path) -> None:
    """Exit 6: no run, and the sentence has line and remedy."""
    (tmp_path / "empty.csv").write_bytes(b"")
    with pytest.raises(InputRefused) as refused:
        submit(core, tmp_path / "empty.csv")
    assert refused.value.code == "empty_file"
    assert "line 1" in refused.value.what
    assert core.runs.page().runs == []


def test_bad_requests_are_refused_with_every_problem(core: Core, table: Path) -> None:
    """Exit 2: nothing recorded, and all mistakes at once."""
    with pytest.raises(UsageError) as refused:
        submit(core, table, plugins=["analysis_cout", "analysis_foo"])
    assert "did you mean analysis_count?" in str(refused.value.problems[0])
    assert len(refused.value.problems) == 2
    with pytest.raises(UsageError):
        submit(core, table, settings={"analysis_count": {"unknown": 1}})
    assert core.runs.page().runs == []


def test_manual_selection_runs_what_was_named_and_what_it_needs(core: Core, table: Path) -> None:
    """Naming a plugin brings its dependencies and the reports, and no planner."""
    run = run_to_end(core, table, plugins=["analysis_count"])
    assert statuses(core, run) == dict.fromkeys(OK - {"planner_small"}, "OK")


SLOW = """
import pathlib, time
from harness_core.sdk import PluginResult

def run(ctx):
    (ctx.scratch / "started").touch()
    while not pathlib.Path({release!r}).exists():
        time.sleep(0.01)
    return PluginResult.na("done", "Done.")
"""


@pytest.fixture
def slow(tmp_path: Path, home: Path) -> tuple[Callable[[], bool], Path, str]:
    """Whether it has started, what lets it end, and its code."""
    release = tmp_path / "release"
    return lambda: any(home.glob("scratch/*/started")), release, SLOW.format(release=str(release))


def test_cancelling_ends_a_running_plugin(
    open_home: OpenCore, table: Path, tmp_path: Path, slow: tuple[Callable[[], bool], Path, str]
) -> None:
    """A cancelled run stops within seconds, its guest's process is gone, and it is closed as CANCELLED."""
    started, _, code = slow
    core = open_home(small_catalog(tmp_path / "plugins", analysis_slow=code), queue_url="memory://")
    worker = WorkerRuntime(core, kind="worker", places=2)
    worker.start()
    try:
        run = submit(core, table)
        until(started, "the slow plugin to start")
        core.controlling.cancel(run.run_id)
        assert ended(core, run).status is RunStatus.CANCELLED
    finally:
        worker.stop(drain_s=1.0)
    assert statuses(core, run)["analysis_slow"] == "CANCELLED"
    assert (core.store.run_folder(run.run_id) / "run_manifest.json").exists()


def test_cancelling_without_a_worker_closes_the_run(core: Core, table: Path) -> None:
    """A waiting run can be cancelled although nobody works."""
    run = submit(core, table)
    assert core.controlling.cancel(run.run_id).status is RunStatus.CANCELLED


def test_a_stopping_worker_hands_back_and_another_goes_on(
    open_home: OpenCore, table: Path, tmp_path: Path, slow: tuple[Callable[[], bool], Path, str]
) -> None:
    """Drain: what did not end in time is handed back uncharged, and the run ends elsewhere as if nothing had been."""
    started, release, code = slow
    core = open_home(small_catalog(tmp_path / "plugins", analysis_slow=code), queue_url="memory://")
    first = WorkerRuntime(core, kind="worker", places=2)
    first.start()
    run = submit(core, table)
    until(started, "the slow plugin to start")
    first.stop(drain_s=0.1)
    execution = next(item for item in core.runs.executions(run.run_id) if item.plugin_id == "analysis_slow")
    assert (execution.status, execution.attempts) == (ExecutionStatus.PENDING, 0)
    release.touch()
    second = WorkerRuntime(core, kind="worker", places=2)
    second.start()
    try:
        assert ended(core, run).status is RunStatus.COMPLETED
    finally:
        second.stop(drain_s=5.0)


def test_a_lost_queue_loses_nothing(open_home: OpenCore, table: Path, tmp_path: Path, home: Path) -> None:
    """The state database is the truth: with the queue file deleted, the stager rings again."""
    core = open_home(small_catalog(tmp_path / "plugins"))
    run = submit(core, table)
    for path in home.glob("queue.sqlite*"):
        path.unlink()
    fresh = open_home(small_catalog(tmp_path / "plugins"))
    worker = WorkerRuntime(fresh, kind="worker", places=2)
    worker.start()
    try:
        assert ended(fresh, run).status is RunStatus.COMPLETED
    finally:
        worker.stop(drain_s=5.0)


WORKER_PROGRAM = """
import sys
from pathlib import Path
from harness_core.bootstrap import open_core
from harness_core.settings import read_settings
from harness_worker.runtime import WorkerRuntime
from tests.fakes.plugins import small_catalog
import signal
core = open_core(read_settings({}, home=Path(sys.argv[1])), catalog=small_catalog(Path(sys.argv[2])))
worker = WorkerRuntime(core, kind="worker", places=2)
worker.start()
print(core.settings.home, flush=True)
signal.pause()
"""


def test_killing_the_worker_loses_nothing(
    open_home: OpenCore, table: Path, tmp_path: Path, slow: tuple[Callable[[], bool], Path, str]
) -> None:
    """SIGKILL in the middle of a plugin: the guest dies too, another worker goes on, and the bytes are those of an undisturbed run."""
    import subprocess
    import sys

    started, release, code = slow
    root = tmp_path / "plugins"
    core = open_home(small_catalog(root, analysis_slow=code))
    run = submit(core, table)
    program = [sys.executable, "-c", WORKER_PROGRAM, str(core.settings.home), str(root)]
    doomed = subprocess.Popen(program, cwd=Path(__file__).parents[2])
    until(started, "the slow plugin to start")
    doomed.send_signal(signal.SIGKILL)
    doomed.wait()
    assert core.overview.run(run.run_id).status is RunStatus.ABORTED
    release.touch()
    worker = WorkerRuntime(core, kind="worker", places=2)
    worker.start()
    try:
        resumed = ended(core, run)
    finally:
        worker.stop(drain_s=5.0)
    assert resumed.status is RunStatus.COMPLETED
    assert report_bytes(core, run_to_end(core, table, reuse=False)) == report_bytes(core, resumed)
    assert "execution.lost" in {event.type for event in core.runs.events(run.run_id)}
