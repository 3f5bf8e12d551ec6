"""Runs and dataset versions as they are pinned, deleted, brought back and ended: nothing half, nothing twice, nothing by surprise."""

import zipfile
from pathlib import Path

import pytest

from harness_core.bootstrap import Core
from harness_core.domain.errors import Conflict, NotFound, UsageError
from harness_core.domain.retention import Policy
from harness_core.domain.runs import RunId
from harness_core.services.retaining import ExportFirst
from tests.fakes.running import report_bytes, run_to_end, submit
from tests.keeping.conftest import DAY_S, TwoRuns, age, rows, stored

AT_ONCE = Policy(newest=0, grace_days=0)


def listed(core: Core, *, deleted: bool = False) -> set[str]:
    return {run.run_id for run in core.runs.page(deleted=deleted).runs}


def test_a_deleted_run_is_hidden_whole_and_comes_back(core: Core, old: RunId, new: RunId) -> None:
    """Its files and data stay to the last byte; doing either twice changes nothing."""
    before, events = report_bytes(core, core.runs.get(old)), len(core.runs.events(old))
    for _ in range(2):
        core.retaining.delete_runs([old])
    assert (listed(core), listed(core, deleted=True)) == ({new}, {old, new})
    assert core.runs.counts() == {"COMPLETED": 1}
    core.collecting.collect(AT_ONCE)
    assert core.replaying.replay(old).not_kept == []
    for _ in range(2):
        core.retaining.undelete_runs([old])
    assert listed(core) == {old, new}
    assert report_bytes(core, core.runs.get(old)) == before
    assert [event.type for event in core.runs.events(old)][events:] == ["run.deleted", "run.undeleted"]


def test_after_the_end_only_the_record_stays(core: Core, old: RunId, new: RunId, two_runs: TwoRuns) -> None:
    """Original path, time and SHA-256 of the upload; and everything that is kept is still sound."""
    upload = core.library.upload(core.runs.get(old).config.inputs[0].upload_id)
    done = core.retaining.apply(AT_ONCE)
    assert ([item.run.run_id for item in done.deleted], [run.run_id for run in done.purged]) == ([old], [old])
    assert [item.kind for item in done.swept.collected] == ["dataset", "upload"]
    assert stored(core.settings.home)["runs"] == {new}
    run = core.runs.get(old)
    assert (run.purged_at is not None, run.fingerprint, core.runs.artifacts(old)) == (True, run.fingerprint, [])
    record = core.library.upload(upload.upload_id)
    assert (record.original_path, record.created_at, record.sha256) == (
        str(two_runs.table("old.csv")), upload.created_at, upload.sha256,
    )  # fmt: skip
    assert record.purged_at is not None
    assert {item.stdout_tail + item.stderr_tail for item in core.runs.attempts(old)} == {""}
    assert core.checking.check(full=True).sound
    assert core.checking.check(full=True).leftovers == []
    assert core.backing_up.back_up().damaged == []
    assert core.replaying.replay(new).not_kept == []


def test_nothing_goes_on_from_a_run_that_ended_for_good(core: Core, old: RunId) -> None:
    """Every way in says so, and what to do."""
    core.retaining.apply(AT_ONCE)
    for refused, code in (
        (lambda: core.replaying.replay(old), "run_not_kept"),
        (lambda: core.retaining.undelete_runs([old]), "run_not_kept"),
        (lambda: core.controlling.retry(old), "run_not_kept"),
        (lambda: core.retaining.pin(old), "run_deleted"),
        (lambda: core.comparing.compare(old, old), "run_not_kept"),
        (lambda: core.retaining.undelete_datasets([str(core.runs.get(old).dataset_version_id)]), "dataset_not_kept"),
    ):
        with pytest.raises((Conflict, NotFound)) as error:
            refused()
        assert error.value.code == code
        assert error.value.next_step


def test_the_same_file_again_after_the_end(core: Core, old: RunId, two_runs: TwoRuns) -> None:
    """Nothing of it can be reused, everything is computed again, and gives the same bytes; its data count as kept again."""
    before = report_bytes(core, core.runs.get(old))
    core.retaining.apply(AT_ONCE)
    again = run_to_end(core, two_runs.table("old.csv"))
    assert {item.status for item in core.runs.executions(again.run_id)} == {"OK"}
    assert report_bytes(core, again) == before
    version = core.library.dataset_version(str(again.dataset_version_id))
    assert (version.deleted_at, version.purged_at) == (None, None)
    assert core.replaying.replay(again.run_id).not_kept == []


def test_an_upload_that_is_gone_starts_no_run(core: Core, old: RunId) -> None:
    """The request is refused before anything is recorded."""
    upload_id = core.runs.get(old).config.inputs[0].upload_id
    core.retaining.apply(AT_ONCE)
    count = rows(core.settings.home, "SELECT count(*) FROM run")
    from harness_core.services.submitting import Submission

    with pytest.raises(NotFound) as refused:
        core.submitting.submit(Submission([upload_id]))
    assert refused.value.code == "upload_gone"
    assert rows(core.settings.home, "SELECT count(*) FROM run") == count


def test_a_run_recorded_between_the_look_and_the_end_is_refused(core: Core, old: RunId, monkeypatch: pytest.MonkeyPatch) -> None:
    """The look at the file takes seconds; where its bytes go meanwhile, no run is recorded that could only fail."""
    from harness_core.services.submitting import Submission, Submitting

    upload_id = core.runs.get(old).config.inputs[0].upload_id
    real = Submitting.prospect

    def prospect(self: Submitting, asked: Submission) -> object:
        seen = real(self, asked)
        core.retaining.apply(AT_ONCE)
        return seen

    monkeypatch.setattr(Submitting, "prospect", prospect)
    with pytest.raises(NotFound) as refused:
        core.submitting.submit(Submission([upload_id]))
    assert refused.value.code == "upload_gone"
    assert len(listed(core, deleted=True)) == 2


def test_a_pinned_run_outlives_everything(core: Core, old: RunId) -> None:
    """The policy, a person, and the collection of its data; until it is unpinned."""
    core.retaining.pin(old)
    dataset = str(core.runs.get(old).dataset_version_id)
    for refused, code in (
        (lambda: core.retaining.delete_runs([old]), "run_pinned"),
        (lambda: core.retaining.delete_datasets([dataset]), "dataset_needed"),
    ):
        with pytest.raises(Conflict) as error:
            refused()
        assert error.value.code == code
    done = core.retaining.apply(AT_ONCE)
    assert (done.deleted, done.purged, done.swept.collected, done.kept["pinned"]) == ([], [], [], 1)
    assert core.replaying.replay(old).not_kept == []
    core.retaining.pin(old, pinned=False)
    assert core.retaining.apply(AT_ONCE).purged


def test_the_newest_stay_whatever_their_age(core: Core, new: RunId, old: RunId) -> None:
    """A home that nobody used for a year is not emptied."""
    age(core.settings.home, new, 400)
    age(core.settings.home, old, 400)
    assert core.retaining.apply(Policy(newest=2, grace_days=0)).deleted == []
    assert [item.run.run_id for item in core.retaining.apply(Policy(newest=1, grace_days=0)).deleted] == [old]


def test_the_policy_deletes_first_and_ends_after_the_grace(core: Core, old: RunId) -> None:
    """Between the two it can be taken back, and is deleted again by the next look."""
    policy = Policy(newest=0)
    first = core.retaining.apply(policy)
    assert ([item.run.run_id for item in first.deleted], first.purged, first.swept.collected) == ([old], [], [])
    again = core.retaining.apply(policy)
    assert (again.deleted, again.purged) == ([], [])
    core.retaining.undelete_runs([old])
    assert len(core.retaining.apply(policy).deleted) == 1
    rows(core.settings.home, "UPDATE run SET deleted_at = deleted_at - ? WHERE run_id = ?", 7 * DAY_S, old)
    assert [run.run_id for run in core.retaining.apply(policy).purged] == [old]


def test_a_look_says_what_would_be_done_and_does_nothing(core: Core, old: RunId) -> None:
    """And the deed is what was said."""
    before = stored(core.settings.home), rows(core.settings.home, "SELECT * FROM run")
    said = core.retaining.look(AT_ONCE)
    assert (stored(core.settings.home), rows(core.settings.home, "SELECT * FROM run")) == before
    done = core.retaining.apply(AT_ONCE)
    different = {"applied", "kept"}
    assert {key: value for key, value in said.as_dict().items() if key not in different} == {
        key: value for key, value in done.as_dict().items() if key not in different
    }


def test_several_are_deleted_together_or_not_at_all(core: Core, old: RunId, new: RunId) -> None:
    """One that cannot be deleted keeps the others."""
    core.retaining.pin(new)
    for names in ([old, new], [old, "run_that_is_not_there"]):
        with pytest.raises(UsageError):
            core.retaining.delete_runs(names)
        assert listed(core) == {old, new}


def test_a_run_under_way_is_not_deleted(core: Core, two_runs: TwoRuns) -> None:
    """Neither it nor what it reads."""
    run = submit(core, two_runs.table("old.csv"))
    with pytest.raises(Conflict) as refused:
        core.retaining.delete_runs([run.run_id])
    assert refused.value.code == "run_under_way"
    with pytest.raises(Conflict) as refused:
        core.retaining.delete_datasets([str(core.runs.get(two_runs.old).dataset_version_id)])
    assert refused.value.code == "dataset_needed"


def test_a_deleted_run_is_not_taken_up_again(core: Core, old: RunId) -> None:
    """It would work on what may go at any moment."""
    core.retaining.delete_runs([old])
    with pytest.raises(Conflict) as refused:
        core.controlling.retry(old)
    assert refused.value.code == "run_deleted"
    assert f"harness runs undelete {old}" in refused.value.next_step


def test_runs_are_exported_before_their_end(core: Core, old: RunId, tmp_path: Path) -> None:
    """A pack each, and then the files go."""
    done = core.retaining.apply(AT_ONCE, ExportFirst(tmp_path, include_raw=True))
    assert done.exported == [tmp_path / f"{old}.zip"]
    with zipfile.ZipFile(done.exported[0]) as pack:
        assert any(name.endswith("data.parquet") for name in pack.namelist())
        assert "run/report.json" in pack.namelist()
    assert [run.run_id for run in done.purged] == [old]


def test_a_run_that_cannot_be_exported_stays(core: Core, old: RunId, tmp_path: Path) -> None:
    """With its files, its data and the reason."""
    report = core.store.run_folder(old) / "report.json"
    report.write_bytes(report.read_bytes() + b" ")
    done = core.retaining.apply(AT_ONCE, ExportFirst(tmp_path))
    assert ([failure.run_id for failure in done.failures], done.purged, done.swept.collected) == ([old], [], [])
    assert done.failures[0].error.code == "tampered"
    assert report.exists()


def test_a_folder_for_exports_must_be_there(core: Core, tmp_path: Path) -> None:
    """Nothing is deleted before that is known."""
    with pytest.raises(UsageError):
        core.retaining.apply(AT_ONCE, ExportFirst(tmp_path / "missing"))
    assert len(listed(core)) == 2


def test_reuse_goes_to_a_run_whose_files_are_kept(core: Core, new: RunId, two_runs: TwoRuns) -> None:
    """Of two runs that could serve, the newer one that is gone is passed over; where none is left, nothing is reused."""
    second = run_to_end(core, two_runs.table("new.csv"), reuse=False)
    core.retaining.delete_runs([second.run_id])
    core.retaining.apply(Policy(days=1e4, newest=0, grace_days=0))
    third = run_to_end(core, two_runs.table("new.csv"))
    assert {item.reused_from for item in core.runs.executions(third.run_id)} == {new}
