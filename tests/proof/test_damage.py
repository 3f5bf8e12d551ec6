"""A byte that flips in what is kept is noticed before anything is made of it, and there is a way back."""

import shutil
from pathlib import Path

import pytest

from harness_core.bootstrap import Core
from harness_core.domain.errors import Tampered
from harness_core.domain.runs import Run, RunId
from harness_core.services.submitting import Submission
from harness_worker.runtime import WorkerRuntime
from tests.fakes.ended_homes import EndedHome
from tests.fakes.running import ended, report_bytes, run_to_end


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)


def run_the_upload(core: Core, run_id: RunId) -> Run:
    """Once more from what is stored, without sending the file again."""
    upload_ids = [item.upload_id for item in core.runs.get(run_id).config.inputs]
    worker = WorkerRuntime(core, kind="worker", places=2)
    worker.start()
    try:
        return ended(core, core.submitting.submit(Submission(upload_ids, reuse=False)))
    finally:
        worker.stop(drain_s=5.0)


def test_a_damaged_upload_is_not_read(core: Core, ended_home: EndedHome, run_id: RunId) -> None:
    """The run fails with the reason and the remedy, no dataset version is made of other bytes, and the remedy works."""
    before = report_bytes(core, core.runs.get(run_id))
    (blob,), (data,) = core.settings.home.glob("blobs/*/*"), core.settings.home.glob("datasets/*")
    shutil.rmtree(data)
    flip(blob)
    failed = run_the_upload(core, run_id)
    (ingest,) = [item for item in core.runs.executions(failed.run_id) if item.plugin_id == "ingest_small"]
    assert (failed.status, (ingest.error or {})["type"]) == ("FAILED", "upload_damaged")
    assert "Upload the file again" in (ingest.error or {})["remedy"]
    assert not data.exists()
    mended = run_to_end(core, ended_home.table)
    assert report_bytes(core, mended) == before
    assert core.checking.check(full=True).sound


@pytest.mark.parametrize("pattern", ["blobs/*/*", "datasets/*/data.parquet", "datasets/*/schema.json", "runs/*/report.html",
                                     "runs/*/plugins/analysis_count/artifacts/count.json"])  # fmt: skip
def test_one_altered_byte_is_refused_and_a_backup_brings_it_back(core: Core, run_id: RunId, tmp_path: Path, pattern: str) -> None:
    """By replay and by export; a restore makes the home what it was."""
    from harness_core.bootstrap import open_restore

    made = core.backing_up.back_up(tmp_path / "backup.zip")
    (path,) = core.settings.home.glob(pattern)
    flip(path)
    for attempt in (lambda: core.replaying.replay(run_id), lambda: core.exporting.export(run_id, tmp_path / "run.zip")):
        with pytest.raises(Tampered) as refused:
            attempt()
        assert path.relative_to(core.settings.home).as_posix() in str(refused.value.details["mismatches"])
        assert "harness restore" in refused.value.next_step
    open_restore(core.settings).restore(made.path)
    assert core.replaying.replay(run_id)
