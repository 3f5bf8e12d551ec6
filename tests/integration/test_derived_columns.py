"""Derived columns: written by one plugin, handed to those that build on it, computed once for runs that come at once."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness_core.adapters.catalog.folders import FolderCatalog
from harness_core.adapters.db.keeping import SqlKeeping
from harness_core.bootstrap import Core
from harness_core.domain.errors import Tampered
from harness_core.domain.runs import Execution, Run
from harness_core.services.guests import Preparing
from harness_worker.runtime import WorkerRuntime
from tests.conftest import OpenCore
from tests.fakes.plugins import make_plugin, small_catalog
from tests.fakes.running import ended, report_bytes, run_to_end, submit, until

DERIVE = """
import numpy
import pyarrow
from harness_core.sdk import PluginResult

def run(ctx):
    twice = numpy.arange(ctx.dataset.row_count, dtype=numpy.int32) * 2
    ctx.write_derived({"twice": twice, "odd": pyarrow.array([None, 5, None])})
    return PluginResult.ok("Derived.")
"""
READ = """
from harness_core.sdk import PluginResult

def run(ctx):
    derived = ctx.dataset.derived
    twice = derived.numpy("twice")
    kept = "as the kernel kept them" if twice is not None else "computed again"
    if twice is None:
        twice = [0, 2, 4]
    else:
        rows = ctx.dataset.sql('SELECT row_index, a, twice, odd FROM data JOIN derived USING (row_index) ORDER BY row_index')
        assert rows.fetchall() == [(0, "1", 0, None), (1, "2", 2, 5), (2, "3", 4, None)]
        assert derived.numpy("odd").tolist() == [-1, 5, -1]
        assert derived.numpy("no such column") is None
    ctx.log.warning(kept)
    return PluginResult.ok("Read.", metrics={"twice": [int(value) for value in twice]})
"""
HOLD = """
import sys, time
from pathlib import Path
from harness_core.adapters.home import Home
from harness_core.adapters.store import FolderStore
assert FolderStore(Home(Path(sys.argv[1]))).hold(sys.argv[2], lambda: False)
print("held", flush=True)
time.sleep(600)
"""
KEPT, AGAIN = "as the kernel kept them", "computed again"


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    folder = tmp_path / "plugins"
    small_catalog(folder)
    make_plugin(folder, "profile_small", "profile", DERIVE, derives=True, uses_seed=False)
    make_plugin(folder, "analysis_count", "analysis", READ, depends_on=["profile_small"], uses_seed=False)
    return folder


@pytest.fixture
def core(plugins: Path, open_home: OpenCore) -> Core:
    """A core whose profile derives columns and whose analysis reads them."""
    return open_home(FolderCatalog([(plugins, "path")], check_interval_s=0.0), queue_url="memory://")


def statuses(core: Core, run: Run) -> dict[str, str]:
    return {item.plugin_id: str(item.status) for item in core.runs.executions(run.run_id)}


def said(core: Core, run: Run) -> Sequence[str]:
    return [str(event.data["message"]) for event in core.runs.events(run.run_id, type="execution.log")]


def profile_of(core: Core, run: Run) -> Execution:
    return next(item for item in core.runs.executions(run.run_id) if item.plugin_id == "profile_small")


def derived_of(core: Core, run: Run) -> Path:
    return core.store.run_folder(run.run_id) / "plugins/profile_small/artifacts/derived/data.parquet"


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@contextmanager
def working(core: Core, places: int) -> Iterator[None]:
    worker = WorkerRuntime(core, kind="worker", places=places)
    worker.start()
    try:
        yield
    finally:
        worker.stop(drain_s=5.0)


@contextmanager
def held_elsewhere(core: Core, run: Run) -> Iterator[None]:
    """Another process is at what the profile of ``run`` computes; at the end it is killed."""
    name = "once." + str(profile_of(core, run).fingerprint).removeprefix("sha256:")[:32]
    command = [sys.executable, "-c", HOLD, str(core.settings.home), name]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield
    finally:
        process.kill()
        process.communicate()


def until_it_waits(core: Core, run: Run) -> None:
    until(lambda: core.runs.events(run.run_id, type="execution.waiting"), f"{run.run_id} waits")


def test_whoever_builds_on_it_finds_the_columns(core: Core, table: Path) -> None:
    """In row order, as arrays and in SQL; the file is an artifact of the run, in its report with its hash and who was handed it."""
    run = run_to_end(core, table)
    assert said(core, run) == [KEPT]
    (item,) = [item for item in core.runs.artifacts(run.run_id) if item.path.endswith("derived/data.parquet")]
    assert item.sha256 == core.store.sha256_of(derived_of(core, run))
    report = json.loads((core.store.run_folder(run.run_id) / "report.json").read_bytes())
    assert item.sha256 in json.dumps(report["plugins"]["profile_small"]["artifacts"])
    assert {"from": f"artifact:{item.path}", "to": "execution:analysis_count"} in report["lineage"]["edges"]


def test_the_same_bytes_with_and_without(core: Core, table: Path, plugins: Path) -> None:
    """What the analysis makes of the columns does not depend on whether somebody kept them."""
    first = run_to_end(core, table)
    make_plugin(plugins, "analysis_count", "analysis", READ, uses_seed=False)  # no longer builds on the profile
    second = run_to_end(core, table, reuse=False)
    assert (said(core, first), said(core, second)) == ([KEPT], [AGAIN])
    name = "plugins/analysis_count/output.json"
    assert report_bytes(core, first)[name] == report_bytes(core, second)[name]


def test_runs_at_once_compute_them_once(core: Core, table: Path) -> None:
    """Of two runs that wait, one derives and the other takes its result; one that is to compute everything itself never waits."""
    first = run_to_end(core, table)
    damage(derived_of(core, first))
    with working(core, places=3), held_elsewhere(core, first):
        forced = ended(core, submit(core, table, reuse=False))
        damage(derived_of(core, forced))
        runs = [submit(core, table) for _ in range(2)]
        for run in runs:
            until_it_waits(core, run)
    with working(core, places=3):
        runs = [ended(core, run) for run in runs]
    assert sorted(statuses(core, run)["profile_small"] for run in runs) == ["OK", "REUSED"]
    assert statuses(core, forced)["profile_small"] == "OK"
    assert core.runs.events(forced.run_id, type="execution.waiting") == []
    assert report_bytes(core, runs[0]) == report_bytes(core, runs[1]) == report_bytes(core, forced)
    assert core.store.sha256_of(derived_of(core, runs[0])) == core.store.sha256_of(derived_of(core, runs[1]))
    assert not list((core.settings.home / "scratch").iterdir())


def test_other_code_and_other_data_are_a_miss(core: Core, table: Path, plugins: Path, tmp_path: Path) -> None:
    """Columns are found by all that decides them: one byte of code or of the file, and they are derived anew."""
    run_to_end(core, table)
    other = tmp_path / "other.csv"
    other.write_text(table.read_text().replace("1,x", "1,z"))
    assert statuses(core, run_to_end(core, other))["profile_small"] == "OK"
    assert statuses(core, run_to_end(core, table))["profile_small"] == "REUSED"
    make_plugin(plugins, "profile_small", "profile", DERIVE + "\n# changed\n", derives=True, uses_seed=False)
    assert statuses(core, run_to_end(core, table))["profile_small"] == "OK"


def test_a_damaged_file_is_not_reused(core: Core, table: Path) -> None:
    """A later run finds that a byte differs, says so, and derives anew."""
    first = run_to_end(core, table)
    damage(derived_of(core, first))
    second = run_to_end(core, table)
    assert statuses(core, second)["profile_small"] == "OK"
    assert [event.plugin_id for event in core.runs.events(second.run_id, type="execution.reuse_refused")] == ["profile_small"]
    with pytest.raises(Tampered):
        core.replaying.replay(first.run_id)


@pytest.mark.parametrize("harm", [damage, Path.unlink])
def test_a_damaged_file_is_not_handed_on(core: Core, table: Path, harm: Callable[[Path], None]) -> None:
    """Damage between the derivation and its use is seen before a guest reads it; who builds on it computes for itself."""
    run = run_to_end(core, table)
    preparing = Preparing(core.runs, core.library, core.catalog, core.store, core.blobs)
    execution = next(item for item in core.runs.executions(run.run_id) if item.plugin_id == "analysis_count")
    before = preparing.prepare(run, execution)
    assert before.message["upstream"]["profile_small"]["derived"] == {"data": "artifacts/derived/data.parquet"}
    harm(derived_of(core, run))
    after = preparing.prepare(run, execution)
    assert after.message["upstream"]["profile_small"]["derived"] == {}
    assert after.fingerprint == before.fingerprint
    (refused,) = core.runs.events(run.run_id, type="execution.derived_refused")
    assert (refused.plugin_id, refused.data["reason"]) == ("profile_small", "artifacts/derived/data.parquet is damaged")


def test_who_derived_them_may_be_gone(core: Core, table: Path, plugins: Path) -> None:
    """A plugin that was taken away since leaves no columns to hand on; who builds on its result runs all the same."""
    run = run_to_end(core, table)
    shutil.rmtree(plugins / "profile_small")
    core.catalog.refresh()
    preparing = Preparing(core.runs, core.library, core.catalog, core.store, core.blobs)
    execution = next(item for item in core.runs.executions(run.run_id) if item.plugin_id == "analysis_count")
    assert preparing.prepare(run, execution).message["upstream"]["profile_small"]["derived"] == {}


def test_they_go_with_their_runs(core: Core, table: Path) -> None:
    """Each run has its own; when the last one is purged, nothing of them is left."""
    first, second = run_to_end(core, table), run_to_end(core, table)
    for run, left in ((first, 1), (second, 0)):
        core.retaining.delete_runs([run.run_id])
        assert SqlKeeping(core.database, core.clock).purge(run.run_id, lambda deleted_at: deleted_at is not None)
        core.collecting.remove_runs([run.run_id])
        assert len(list(core.settings.home.rglob("derived/data.parquet"))) == left


def test_a_run_waits_for_a_living_process_only(core: Core, table: Path) -> None:
    """When the process that computes is killed, whoever waited computes; and a run that is cancelled waits no longer."""
    first = run_to_end(core, table)
    damage(derived_of(core, first))
    with working(core, places=2):
        with held_elsewhere(core, first):
            cancelled, waiting = submit(core, table, seed=1), submit(core, table)
            for run in (cancelled, waiting):
                until_it_waits(core, run)
            core.controlling.cancel(cancelled.run_id)
            assert ended(core, cancelled).status == "CANCELLED"
            assert statuses(core, waiting)["profile_small"] == "RUNNING"
        assert ended(core, waiting).status == "COMPLETED"
        assert statuses(core, waiting)["profile_small"] == "OK"


def test_only_who_says_so_derives(core: Core, table: Path, plugins: Path) -> None:
    """Columns of a plugin whose manifest does not speak of them are an error with the remedy in it."""
    make_plugin(plugins, "profile_small", "profile", DERIVE, uses_seed=False)
    run = run_to_end(core, table)
    failed = profile_of(core, run)
    assert (failed.status, failed.error and failed.error["type"]) == ("ERROR", "ValueError")
    assert "derives: true" in str(failed.error and failed.error["message"])


def test_a_column_has_a_value_for_every_row(core: Core, table: Path, plugins: Path) -> None:
    """A column of another length is refused where it is written."""
    short = DERIVE.replace('"odd": pyarrow.array([None, 5, None])', '"odd": pyarrow.array([5])')
    make_plugin(plugins, "profile_small", "profile", short, derives=True)
    failed = profile_of(core, run_to_end(core, table))
    assert "has 1 values; the dataset version has 3 rows" in str(failed.error and failed.error["message"])
