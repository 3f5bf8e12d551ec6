"""The commands of keeping, as a person or a script calls them: one document, exit codes, three lines for every failure."""

from pathlib import Path

import pytest

from tests.cli.conftest import Harness, forked
from tests.keeping.conftest import TwoRuns, stored
from tests.proof.test_commands import refused

GRACE_OVER = ("--grace-days", "0")


@pytest.fixture
def harness(two_runs: TwoRuns, tmp_path: Path) -> Harness:
    """The command on a copy of a home with an old run and a new one."""
    two_runs.copy(tmp_path / "home")
    return Harness(tmp_path / "home", two_runs.plugins, tmp_path)


def dataset_of(harness: Harness, run_id: str) -> str:
    return str(harness.rows("SELECT dataset_version_id FROM run WHERE run_id = ?", run_id)[0][0])


def test_delete_undelete_and_the_end(harness: Harness, two_runs: TwoRuns) -> None:
    """From hidden, and back, to only the record; each step can be repeated."""
    for _ in range(2):
        done = forked(harness, "runs", "delete", two_runs.old[:24], "--json")
        assert (done.code, done.document["runs"][0]["run_id"], done.document["grace_days"]) == (0, two_runs.old, 7.0)
    assert [run["run_id"] for run in forked(harness, "runs", "list", "--json").document["runs"]] == [two_runs.new]
    listed = forked(harness, "runs", "list", "--deleted")
    assert "old.csv (deleted)" in listed.out
    assert forked(harness, "runs", "undelete", two_runs.old).out == f"Run {two_runs.old} is there.\n"
    assert forked(harness, "runs", "undelete", two_runs.old).code == 0
    assert forked(harness, "runs", "delete", two_runs.old).code == 0
    assert forked(harness, "retention", "--apply", "--json").document["purged"] == []
    done = forked(harness, "retention", "--apply", *GRACE_OVER, "--json")
    assert (done.code, [run["run_id"] for run in done.document["purged"]], done.document["applied"]) == (0, [two_runs.old], True)
    assert len(done.document["collected"]) == 2
    assert done.document["freed_bytes"] > 0
    shown = forked(harness, "runs", "show", two_runs.old, "--json").document
    assert (shown["uploads"][0]["original_path"], len(shown["uploads"][0]["sha256"])) == (str(two_runs.table("old.csv")), 64)
    assert shown["uploads"][0]["uploaded_at"] < shown["purged_at"]
    assert refused(forked(harness, "runs", "undelete", two_runs.old, "--json"), 2) == "run_not_kept"
    assert refused(forked(harness, "evaluate", two_runs.old, "x.yaml", "--json"), 2)
    assert forked(harness, "check", "--full").code == 0


def test_a_pin_keeps(harness: Harness, two_runs: TwoRuns) -> None:
    """And --off ends that."""
    assert forked(harness, "runs", "pin", two_runs.old, "--json").document["pinned"] is True
    assert "old.csv (pinned)" in forked(harness, "runs", "list").out
    assert refused(forked(harness, "runs", "delete", two_runs.old, "--json"), 2) == "run_pinned"
    assert forked(harness, "retention", "--apply", "--newest", "0", "--json").document["deleted"] == []
    assert forked(harness, "runs", "pin", two_runs.old, "--off").out == f"Run {two_runs.old} is not pinned.\n"
    assert len(forked(harness, "retention", "--apply", "--newest", "0", "--json").document["deleted"]) == 1


def test_retention_says_first_and_does_when_told(harness: Harness, two_runs: TwoRuns) -> None:
    """Without --apply nothing changes; the bounds come from the environment, and options win over them."""
    before = stored(harness.home)
    said = forked(harness, "retention", "--newest", "1", *GRACE_OVER)
    assert said.code == 0
    assert f"delete  {two_runs.old}  old.csv: older than 60 days" in said.out
    assert "Nothing was changed. Do it with --apply." in said.err
    assert stored(harness.home) == before
    document = forked(harness, "retention", "--newest", "1", "--days", "101", "--json").document
    assert (document["deleted"], document["applied"], document["policy"]["days"]) == ([], False, 101.0)
    assert document["kept"] == {"under way": 0, "pinned": 0, "newest": 1, "within the policy": 1, "deleted": 0}
    done = harness("retention", "--apply", "--json", env={"HARNESS_RETENTION_NEWEST": "1", "HARNESS_RETENTION_GRACE_DAYS": "0"})
    assert [item["run_id"] for item in done.document["deleted"]] == [two_runs.old]
    assert [item["run_id"] for item in done.document["purged"]] == [two_runs.old]
    again = forked(harness, "retention", "--apply", "--newest", "1", *GRACE_OVER)
    assert (again.code, again.out.splitlines()[-1]) == (
        0, "Runs: 0 deleted, 0 purged; kept: 1 newest. 0 bytes freed.",
    )  # fmt: skip


def test_retention_exports_before_the_end(harness: Harness, two_runs: TwoRuns, tmp_path: Path) -> None:
    """A pack that verifies; a run that is not as recorded stays, and the exit is 5."""
    (tmp_path / "packs").mkdir()
    options = ("--apply", "--newest", "0", "--days", "0", *GRACE_OVER, "--export", "packs")
    report = harness.home / "runs" / two_runs.new / "report.json"
    report.write_bytes(report.read_bytes() + b" ")
    done = forked(harness, "retention", *options)
    assert done.code == 5
    assert f"run {two_runs.new} could not be exported" in done.err
    assert forked(harness, "verify", f"packs/{two_runs.old}.zip").code == 0
    assert stored(harness.home)["runs"] == {two_runs.new}


def test_dataset_versions_are_deleted_brought_back_and_collected(harness: Harness, two_runs: TwoRuns) -> None:
    """What is collected is said, first with --dry-run."""
    dataset = dataset_of(harness, two_runs.old)
    assert forked(harness, "datasets", "delete", dataset[:10], "--json").document["datasets"][0]["dataset_version_id"] == dataset
    assert dataset not in forked(harness, "datasets", "list").out
    assert "(deleted)" in forked(harness, "datasets", "list", "--deleted").out
    assert forked(harness, "datasets", "undelete", dataset).code == 0
    assert forked(harness, "datasets", "delete", dataset).code == 0
    kept = forked(harness, "datasets", "gc", "--json").document
    assert (kept["collected"], len(kept["kept"])) == ([], 4)
    said = forked(harness, "datasets", "gc", "--dry-run", *GRACE_OVER, "--json").document
    assert (said["applied"], [item["name"] for item in said["collected"]]) == (False, [dataset])
    assert dataset in stored(harness.home)["datasets"]
    done = forked(harness, "datasets", "gc", *GRACE_OVER)
    assert (done.code, "Collected: 1 file, " in done.out) == (0, True)
    assert dataset not in stored(harness.home)["datasets"]
    assert refused(forked(harness, "datasets", "undelete", dataset, "--json"), 2) == "dataset_not_kept"
    assert forked(harness, "datasets", "show", dataset, "--json").document["purged_at"]
    assert refused(forked(harness, "datasets", "preview", dataset, "--json"), 2) == "dataset_version_gone"
    assert forked(harness, "datasets", "gc").out.splitlines()[-1].startswith("Collected: 0 files, 0 bytes; 3 are needed")


@pytest.mark.parametrize(
    "arguments",
    [["retention"], ["retention", "--apply"], ["datasets", "gc"], ["datasets", "gc", "--dry-run"], ["runs", "list", "--deleted"]],
    ids=" ".join,
)
def test_an_empty_home_is_no_failure(tmp_path: Path, two_runs: TwoRuns, arguments: list[str]) -> None:
    """There is nothing to keep and nothing to end."""
    empty = Harness(tmp_path / "empty", two_runs.plugins, tmp_path)
    assert forked(empty, *arguments, "--json").code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["runs", "pin", "run_that_is_not_there"],
        ["runs", "delete"],
        ["runs", "delete", "run_that_is_not_there"],
        ["runs", "undelete", "run_that_is_not_there"],
        ["runs", "compare", "run_that_is_not_there", "run_that_is_not_there"],
        ["datasets", "delete", "dv_not_there"],
        ["datasets", "undelete", "dv_not_there"],
        ["datasets", "gc", "--days", "-1"],
        ["datasets", "gc", "--everything"],
        ["retention", "--days", "soon"],
        ["retention", "--newest", "-1"],
        ["retention", "--apply", "--export", "no/such/folder"],
        ["retention", "--include-raw"],
    ],
    ids=" ".join,
)
def test_bad_input_is_refused_in_words(two_runs: TwoRuns, tmp_path: Path, arguments: list[str]) -> None:
    """What, why, what to do; and nothing is touched."""
    home = two_runs.copy(tmp_path / "home")
    before = stored(home)
    done = forked(Harness(home, two_runs.plugins, tmp_path), *arguments, "--json")
    refused(done, 2)
    assert stored(home) == before
