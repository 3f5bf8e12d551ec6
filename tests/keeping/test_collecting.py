"""What nobody needs is collected, and nothing that somebody needs or begins to need at that moment."""

import shutil
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from harness_core.adapters.blobs import FolderBlobs
from harness_core.adapters.db.jobs import SqlJobs
from harness_core.adapters.db.keeping import SqlKeeping
from harness_core.adapters.discarding import FolderDiscards
from harness_core.bootstrap import Core
from harness_core.domain.retention import Policy
from harness_core.domain.runs import Job, Run, RunId
from harness_core.ports.state import Commit
from harness_core.services.submitting import Submission
from harness_worker.runtime import WorkerRuntime
from tests.fakes.running import ended, run_to_end, submit, until
from tests.keeping.conftest import DAY_S, TwoRuns, rows, stored

AT_ONCE = Policy(newest=0, grace_days=0)
DATA = Path(__file__).parents[1] / "data"


def purge(core: Core, run_id: RunId) -> None:
    """End a run for good without collecting what it leaves."""
    core.retaining.delete_runs([run_id])
    assert SqlKeeping(core.database, core.clock).purge(run_id, lambda deleted_at: deleted_at is not None)
    core.collecting.remove_runs([run_id])


def names(core: Core, run_id: RunId) -> tuple[str, str]:
    run = core.runs.get(run_id)
    return str(run.dataset_version_id), run.config.inputs[0].sha256


def test_what_a_run_needs_stays_and_the_rest_goes(core: Core, old: RunId, new: RunId) -> None:
    """Counted by who needs it; a second look finds nothing more."""
    kept, gone = names(core, new), names(core, old)
    purge(core, old)
    sweep = core.collecting.collect()
    assert [(item.kind, item.name) for item in sweep.collected] == [("dataset", gone[0]), ("upload", gone[1])]
    assert {(item.name, item.references.kept, item.needed_by) for item in sweep.kept} == {(name, 1, "a run") for name in kept}
    assert sweep.freed_bytes > 0
    assert stored(core.settings.home) == {"runs": {new}, "datasets": {kept[0]}, "blobs": {kept[1]}, "scratch": set()}
    assert core.collecting.collect().collected == []
    assert core.checking.check(full=True).sound


def test_what_two_runs_share_stays_until_both_are_gone(core: Core, old: RunId, two_runs: TwoRuns) -> None:
    """References are counted, not guessed."""
    again = run_to_end(core, two_runs.table("old.csv"))
    dataset, sha256 = names(core, old)
    purge(core, old)
    assert core.collecting.collect().collected == []
    assert core.replaying.replay(again.run_id).not_kept == []
    purge(core, again.run_id)
    assert [item.name for item in core.collecting.collect().collected] == [dataset, sha256]


def test_nothing_goes_from_under_a_run_under_way(core: Core, old: RunId, two_runs: TwoRuns) -> None:
    """Queued only, it has read nothing yet: its bytes and the data that it will find stay all the same."""
    dataset, _ = names(core, old)
    run = submit(core, two_runs.table("old.csv"))
    purge(core, old)
    assert core.collecting.collect(AT_ONCE).collected == []
    rows(core.settings.home, "UPDATE dataset_version SET deleted_at = 1 WHERE dataset_version_id = ?", dataset)
    assert core.collecting.collect(AT_ONCE).collected == []
    worker = WorkerRuntime(core, kind="worker", places=2)
    worker.start()
    try:
        assert ended(core, run).status == "COMPLETED"
    finally:
        worker.stop(drain_s=5.0)
    assert core.library.dataset_version(dataset).deleted_at is None
    assert core.collecting.collect(AT_ONCE).collected == []
    assert core.replaying.replay(run.run_id).not_kept == []


def test_an_upload_waits_for_its_first_run(core: Core, tmp_path: Path) -> None:
    """For as long as the policy says, then its bytes go and its record stays."""
    table = tmp_path / "waiting.csv"
    table.write_text("a\n1\n")
    upload = core.uploading.take_file(table)
    assert core.collecting.collect(Policy(days=0)).collected == []
    rows(core.settings.home, "UPDATE upload SET created_at = created_at - ? WHERE upload_id = ?", 60 * DAY_S, upload.upload_id)
    assert [item.name for item in core.collecting.collect().collected] == [upload.sha256]
    assert core.library.upload(upload.upload_id).purged_at is not None


def test_a_deleted_dataset_version_goes_after_its_grace(core: Core, old: RunId) -> None:
    """Although an ended run has read it; that run says then that its data are no longer kept."""
    dataset, _ = names(core, old)
    core.retaining.delete_datasets([dataset])
    assert dataset not in {item.dataset_version_id for item in core.library.dataset_versions()[0]}
    assert core.collecting.collect().collected == []
    core.retaining.undelete_datasets([dataset])
    core.retaining.delete_datasets([dataset[:10]])
    assert [item.name for item in core.collecting.collect(Policy(grace_days=0)).collected] == [dataset]
    assert core.replaying.replay(old).not_kept == [f"datasets/{dataset}"]
    assert core.checking.check(full=True).sound
    core.retaining.delete_datasets([dataset])
    assert core.library.dataset_version(dataset).purged_at is not None


def test_data_that_a_dead_reader_left_are_collected(core: Core, two_runs: TwoRuns, old: RunId) -> None:
    """A folder without a record is nobody's, unless a run under way reads the very bytes it was made from."""
    dataset, _ = names(core, old)
    left = core.settings.home / "datasets" / "dv_00000000deadbeef"
    shutil.copytree(core.settings.home / "datasets" / dataset, left)
    (core.settings.home / "blobs" / "00").mkdir()
    (core.settings.home / "blobs" / "00" / ("0" * 64)).write_bytes(b"half")
    run = submit(core, two_runs.table("old.csv"))
    assert [item.name for item in core.collecting.collect().collected] == ["0" * 64]
    (left / "schema.json").unlink()
    assert core.collecting.collect().collected == []
    core.controlling.cancel(run.run_id)
    assert [item.name for item in core.collecting.collect().collected] == [left.name]


def at_the_removal_of(monkeypatch: pytest.MonkeyPatch, kind: str, act: Callable[[], None]) -> None:
    """Do something in the very moment in which a collector, sure that nobody needs it, is about to remove it."""
    real = FolderDiscards.set_aside

    def set_aside(self: FolderDiscards, of: str, name: str) -> None:
        if of == kind:
            act()
        real(self, of, name)  # type: ignore[arg-type]

    monkeypatch.setattr(FolderDiscards, "set_aside", set_aside)


def test_the_same_bytes_uploaded_meanwhile_are_there_afterwards(
    core: Core, old: RunId, two_runs: TwoRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The upload that begins before the removal and ends after it does not trust the bytes that were there."""
    _, sha256 = names(core, old)
    purge(core, old)
    promoted = threading.Event()
    real = FolderBlobs.promote

    def promote(self: FolderBlobs, held: Path, sha256: str) -> str:
        done = real(self, held, sha256)
        promoted.set()
        return done

    monkeypatch.setattr(FolderBlobs, "promote", promote)
    uploader = threading.Thread(target=lambda: core.uploading.take_file(two_runs.table("old.csv")))

    def upload() -> None:
        uploader.start()
        promoted.wait(0.5)  # it must not get there; where it could, it would have

    at_the_removal_of(monkeypatch, "upload", upload)
    assert sha256 in [item.name for item in core.collecting.collect().collected]
    uploader.join()
    assert core.blobs.verify(sha256)
    assert rows(core.settings.home, "SELECT count(*) FROM upload WHERE sha256 = ? AND purged_at IS NULL", sha256) == [(1,)]
    assert core.collecting.collect().collected == []


def test_a_run_recorded_meanwhile_has_what_it_needs(
    core: Core, old: RunId, two_runs: TwoRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is recorded after the removal, reads its file anew, and no removal that began earlier takes the new data away."""
    dataset, _ = names(core, old)
    asked = Submission([core.uploading.take_file(two_runs.table("old.csv")).upload_id])
    core.submitting.prospect(asked)  # the look at the file is remembered, so that recording the run is quick
    purge(core, old)
    found: list[Run] = []
    submitter = threading.Thread(target=lambda: found.append(core.submitting.submit(asked)))
    read = threading.Event()
    real = SqlJobs.commit_execution

    def commit_execution(self: SqlJobs, job: Job, commit: Commit) -> Sequence[int]:
        rings = real(self, job, commit)
        if commit.datasets:
            read.set()
        return rings

    def submit_and_read() -> None:
        submitter.start()
        read.wait(2.0)  # it must not get there; where it could, it would have

    monkeypatch.setattr(SqlJobs, "commit_execution", commit_execution)
    at_the_removal_of(monkeypatch, "dataset", submit_and_read)
    worker = WorkerRuntime(core, kind="worker", places=2)
    worker.start()
    try:
        assert [item.name for item in core.collecting.collect().collected] == [dataset]
        submitter.join()
        assert ended(core, found[0]).status == "COMPLETED"
    finally:
        worker.stop(drain_s=5.0)
    assert core.replaying.replay(found[0].run_id).not_kept == []


def test_collecting_while_others_upload_and_run(core: Core, two_runs: TwoRuns, tmp_path: Path) -> None:
    """A collector that never stops, with no grace at all, beside uploads, runs and deletions: every kept run stays whole."""
    stop, failures = threading.Event(), list[BaseException]()

    def collect() -> None:
        while not stop.is_set():
            try:
                core.retaining.apply(Policy(days=1e4, newest=0, grace_days=0))
            except BaseException as failure:
                failures.append(failure)
                return

    collector = threading.Thread(target=collect)
    worker = WorkerRuntime(core, kind="worker", places=2)
    worker.start()
    collector.start()
    try:
        for number in range(3):
            runs = [submit(core, two_runs.table(name), reuse=bool(number % 2)) for name in ("old.csv", "new.csv")]
            for run in runs:
                assert ended(core, run).status == "COMPLETED"
            core.retaining.delete_runs([runs[0].run_id])
        until(lambda: not core.runs.page(deleted=True, limit=100).runs or _all_ended_for_good(core), "the end of what was deleted")
    finally:
        stop.set()
        collector.join()
        worker.stop(drain_s=5.0)
    assert failures == []
    assert core.checking.check(full=True).sound
    for run in core.runs.page(limit=100).runs:
        assert core.replaying.replay(run.run_id).not_kept == []


def _all_ended_for_good(core: Core) -> bool:
    return all(run.purged_at is not None for run in core.runs.page(deleted=True, limit=100).runs if run.deleted_at is not None)


@pytest.mark.parametrize("dump", ["0001.sql", "0002.sql"])
def test_references_of_older_databases_are_counted_too(dump: str, two_runs: TwoRuns, tmp_path: Path) -> None:
    """The migration fills in what runs of earlier versions need; nothing of theirs is collected."""
    home = tmp_path / "home"
    home.mkdir()
    with closing(sqlite3.connect(home / "state.sqlite")) as connection:
        connection.executescript((DATA / "databases" / dump).read_text(encoding="utf-8"))
    with closing(two_runs.open(home)) as core:
        (run,) = core.runs.page().runs
        dataset, sha256 = names(core, run.run_id)
        (home / "datasets" / dataset).mkdir()
        (home / "blobs" / sha256[:2]).mkdir()
        (home / "blobs" / sha256[:2] / sha256).write_bytes(b"x")
        sweep = core.collecting.collect(AT_ONCE)
        assert ([item.name for item in sweep.kept], sweep.collected) == ([dataset, sha256], [])
