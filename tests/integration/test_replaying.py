"""Replay: one altered byte or record, one file too many or too few, and the run is refused with its name."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness_core.bootstrap import Core
from harness_core.domain.errors import Conflict, Tampered
from harness_core.domain.runs import Run
from harness_core.sdk.canonical import canonical_bytes, sha256_hex
from harness_core.services.replaying import Replaying
from tests.conftest import OpenCore
from tests.fakes.ended_homes import EndedHome, make_ended_home
from tests.fakes.plugins import make_plugin, small_catalog
from tests.fakes.running import ended, run_to_end, submit


def replaying(core: Core) -> Replaying:
    return Replaying(core.settings.home, core.runs, core.library, core.store)


def flip(path: Path) -> None:
    """Change one bit in the middle of a file, whatever its permissions."""
    data = bytearray(path.read_bytes())
    if data:
        data[len(data) // 2] ^= 1
    else:
        data = bytearray(b"x")
    path.chmod(0o644)
    path.write_bytes(data)


def named(core: Core, run: Run) -> dict[str, tuple[str | None, str | None]]:
    """What the refusal names, with the expected and the actual value."""
    with pytest.raises(Tampered) as refused:
        replaying(core).replay(run.run_id)
    return {item["path"]: (item["expected"], item["actual"]) for item in refused.value.details["mismatches"]}


@pytest.fixture(scope="module")
def ended_home(tmp_path_factory: pytest.TempPathFactory) -> EndedHome:
    return make_ended_home(tmp_path_factory.mktemp("ended"))


@pytest.fixture
def core(ended_home: EndedHome, home: Path) -> Iterator[Core]:
    """A core on a copy of a home with one ended run."""
    opened = ended_home.copy(home)
    yield opened
    opened.close()


@pytest.fixture
def run(ended_home: EndedHome, core: Core) -> Run:
    return ended_home.run(core)


def test_an_untouched_run_is_shown_as_it_was(core: Core, run: Run) -> None:
    """Every registered file, the dataset version and the upload are hashed, and the report is handed over."""
    replay = replaying(core).replay(run.run_id[:20])
    registered = {f"runs/{run.run_id}/{artifact.path}" for artifact in core.runs.artifacts(run.run_id)}
    assert registered <= set(replay.checked)
    version = replay.versions[0]
    blob = f"blobs/{version.input_sha256[:2]}/{version.input_sha256}"
    assert {f"datasets/{version.dataset_version_id}/data.parquet", blob} <= set(replay.checked)
    assert replay.report["run_fingerprint"] == run.fingerprint


@pytest.mark.parametrize(
    "pattern",
    [
        "runs/*/report.json",
        "runs/*/report.md",
        "runs/*/report.html",
        "runs/*/run_manifest.json",
        "runs/*/plugins/analysis_count/output.json",
        "runs/*/plugins/analysis_count/stdout.log",
        "runs/*/plugins/analysis_count/artifacts/count.json",
        "datasets/*/data.parquet",
        "datasets/*/schema.json",
        "blobs/*/*",
    ],
)
def test_one_altered_byte_is_named(core: Core, run: Run, pattern: str) -> None:
    """Whatever kind of file it is in: the path, the hash that was recorded and the one that is there."""
    (path,) = core.settings.home.glob(pattern)
    before = sha256_hex(path.read_bytes())
    flip(path)
    expected, actual = named(core, run)[path.relative_to(core.settings.home).as_posix()]
    assert (expected, actual) == (before, sha256_hex(path.read_bytes()))


def test_a_missing_file_is_named(core: Core, run: Run) -> None:
    """Neither a report nor the data of a dataset version can vanish unnoticed."""
    home = core.settings.home
    (data,) = home.glob("datasets/*/data.parquet")
    data.unlink()
    (home / "runs" / run.run_id / "report.md").unlink()
    found = named(core, run)
    assert {data.relative_to(home).as_posix(), f"runs/{run.run_id}/report.md"} == found.keys()


def test_a_file_that_nobody_registered_is_named(core: Core, run: Run) -> None:
    """Nothing can be slipped into a run's folder, neither a file nor a link."""
    folder = core.store.run_folder(run.run_id)
    (folder / "plugins" / "analysis_count" / "artifacts" / "extra.json").write_text("{}")
    (folder / "link").symlink_to("/etc")
    assert {path.split("/", 2)[2] for path in named(core, run)} == {"plugins/analysis_count/artifacts/extra.json", "link"}


def test_a_link_to_the_same_bytes_is_no_file_of_the_run(core: Core, run: Run, tmp_path: Path) -> None:
    """What lies elsewhere may change after the look."""
    report = core.store.run_folder(run.run_id) / "report.md"
    report.replace(tmp_path / "elsewhere.md")
    report.symlink_to(tmp_path / "elsewhere.md")
    assert list(named(core, run)) == [f"runs/{run.run_id}/report.md"]


def test_what_a_killed_writer_left_is_no_tampering(core: Core, run: Run) -> None:
    """A process that died between writing and renaming leaves a file that nobody reads."""
    (core.store.run_folder(run.run_id) / ".report.json.ab12cd_9").write_text("half")
    assert not replaying(core).look(run.run_id).mismatches


def test_an_upload_that_is_no_longer_kept_is_said_not_refused(core: Core, run: Run) -> None:
    """Retention may drop the bytes of an upload; the run is still what it was."""
    (blob,) = core.settings.home.glob("blobs/*/*")
    blob.unlink()
    assert replaying(core).replay(run.run_id).not_kept == [blob.relative_to(core.settings.home).as_posix()]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE run SET fingerprint = 'sha256:' || printf('%064d', 0)",
        "UPDATE run SET config = json_set(config, '$.seed', 7)",
        "UPDATE run SET status = 'PARTIAL'",
        "UPDATE run SET finding_count = 99",
        "UPDATE run SET ended_at = ended_at + 60",
        "UPDATE execution SET status = 'NA' WHERE plugin_id = 'analysis_count'",
        "UPDATE execution SET output_sha256 = printf('%064d', 0) WHERE plugin_id = 'analysis_count'",
        "UPDATE execution SET fingerprint = 'sha256:x' WHERE plugin_id = 'analysis_count'",
        "UPDATE attempt SET peak_rss_bytes = 1 WHERE plugin_id = 'analysis_count'",
        "UPDATE dataset_version SET row_count = 4",
        "UPDATE artifact SET media_type = 'text/html' WHERE path = 'report.md'",
        "DELETE FROM artifact WHERE path = 'run_manifest.json'",
        "UPDATE run SET config = '{}'",
    ],
)
def test_an_altered_record_is_refused(core: Core, run: Run, statement: str) -> None:
    """The state database cannot say something else than what was written when the run was closed."""
    with sqlite3.connect(core.settings.home / "state.sqlite") as connection:
        assert connection.execute(statement).rowcount > 0
    assert named(core, run)


def test_a_report_rewritten_with_all_its_hashes_is_refused(core: Core, run: Run) -> None:
    """Who changes a statement and corrects every hash on the way still contradicts the plugin's own result."""
    folder = core.store.run_folder(run.run_id)
    report = json.loads((folder / "report.json").read_bytes())
    report["findings"][0]["statement"] = "All is well."
    old = sha256_hex((folder / "report.json").read_bytes())
    (folder / "report.json").write_bytes(canonical_bytes(report))
    new = sha256_hex((folder / "report.json").read_bytes())
    manifest = folder / "run_manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(old.encode(), new.encode()))
    with sqlite3.connect(core.settings.home / "state.sqlite") as connection:
        connection.execute("UPDATE artifact SET sha256 = ? WHERE path = 'report.json'", (new,))
        connection.execute("UPDATE artifact SET sha256 = ? WHERE path = 'run_manifest.json'", (sha256_hex(manifest.read_bytes()),))
    assert list(named(core, run)) == ["report.json"]


def test_a_run_under_way_is_not_replayed(core: Core, table: Path) -> None:
    """There is nothing to compare yet, and that is no tampering."""
    waiting = submit(core, table)
    with pytest.raises(Conflict) as refused:
        replaying(core).replay(waiting.run_id)
    assert refused.value.code == "run_under_way"


def test_runs_that_reused_or_failed_replay_too(core: Core, run: Run, table: Path) -> None:
    """A second run takes over the first one's results; both are what was recorded."""
    again = run_to_end(core, table)
    assert replaying(core).replay(again.run_id).report == replaying(core).replay(run.run_id).report


def test_a_run_with_failed_plugins_and_a_cancelled_one_replay(open_home: OpenCore, table: Path, tmp_path: Path) -> None:
    """How a run ended does not decide whether its bytes can be checked."""
    catalog = small_catalog(tmp_path / "plugins", analysis_broken="def run(ctx):\n    raise ValueError('no')\n")
    make_plugin(tmp_path / "plugins", "analysis_after", "analysis", "def run(ctx):\n    pass\n", depends_on=["analysis_broken"])
    core = open_home(catalog, queue_url="memory://")
    partial = run_to_end(core, table)
    assert partial.status == "PARTIAL"
    assert not replaying(core).look(partial.run_id).mismatches
    waiting = submit(core, table, seed=3)
    core.controlling.cancel(waiting.run_id)
    cancelled = ended(core, waiting)
    assert replaying(core).replay(cancelled.run_id).report == {}
