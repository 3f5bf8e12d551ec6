"""The commands of proofs and backups, as a person or a script calls them: one document, exit codes, three lines for every failure."""

import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import TINY, Ended, Harness, forked, stop_all, write_plugin

HELD = "Verified:"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Harness, str]:
    """A home with one run of the real command, and the run's id."""
    folder = tmp_path_factory.mktemp("made")
    settings, code = TINY["analysis_tiny"]
    assert isinstance(settings, dict)
    write_plugin(folder / "plugins", "analysis_tiny", settings, str(code))
    harness = Harness(folder / "home", folder / "plugins", folder)
    done = harness("run", harness.file(), "--plugins", "analysis_tiny", "--json")
    assert done.code == 0, done.err
    return harness, str(done.document["run_id"])


@pytest.fixture
def harness(made: tuple[Harness, str], tmp_path: Path) -> Iterator[Harness]:
    """The command on a copy of that home."""
    source, _ = made
    shutil.copytree(source.home, tmp_path / "home", ignore=shutil.ignore_patterns("queue.*"))
    copy = Harness(tmp_path / "home", source.plugins, tmp_path)
    yield copy
    stop_all(copy)


@pytest.fixture
def run_id(made: tuple[Harness, str]) -> str:
    return made[1]


def refused(done: Ended, code: int) -> str:
    """The error of a refusal: three kinds of lines, one document, no traceback. Returns its code."""
    error = json.loads(done.out)["error"] if done.out.startswith("{") else {"code": ""}
    assert done.code == code, done.err
    assert "Traceback" not in done.err
    lines = done.err.splitlines()
    assert [line for line in lines if line.startswith("What: ")], done.err
    assert [line for line in lines if line.startswith("Why: ")], done.err
    assert [line for line in lines if line.startswith("Do: ")], done.err
    return str(error["code"])


def test_replay_shows_a_run_that_is_as_recorded(harness: Harness, run_id: str) -> None:
    """And executes nothing: no attempt, no event is added."""
    before = harness.rows("SELECT count(*) FROM event"), harness.rows("SELECT count(*) FROM attempt")
    done = harness("replay", run_id[:20], "--json")
    assert (done.code, done.document["verified"], done.document["mismatches"]) == (0, True, [])
    assert done.document["exit"] == {"code": 0, "name": "ok"}
    assert done.document["insights"]
    assert before == (harness.rows("SELECT count(*) FROM event"), harness.rows("SELECT count(*) FROM attempt"))
    shown = harness("replay", run_id)
    assert "There are 4 rows" in shown.out
    assert HELD in shown.out


def test_replay_again_makes_the_run_once_more(harness: Harness, run_id: str) -> None:
    """As a run of its own, in this process, and says that it is the same."""
    done = harness("replay", run_id, "--again", "--json")
    assert (done.code, done.document["again"]["identical"], done.document["again"]["differences"]) == (0, True, [])
    assert harness.rows("SELECT status FROM run WHERE run_id = ?", done.document["again"]["run_id"]) == [("COMPLETED",)]


def test_replay_refuses_one_altered_byte(harness: Harness, run_id: str) -> None:
    """With exit 5 and the file's name, in words and as JSON."""
    report = harness.home / "runs" / run_id / "report.json"
    report.write_bytes(report.read_bytes().replace(b"4 rows", b"5 rows", 1))
    done = harness("replay", run_id, "--json")
    assert refused(done, 5) == "tampered"
    assert done.document["exit"]["name"] == "verification_failed"
    assert f"runs/{run_id}/report.json" in {item["path"] for item in done.document["error"]["mismatches"]}
    assert "report.json" in harness("verify", run_id).err


def test_verify_tries_every_figure(harness: Harness, run_id: str) -> None:
    """Over the data that are kept, and again over the original file."""
    done = harness("verify", run_id, "--json")
    assert (done.code, done.document["verified"], done.document["complete"]) == (0, True, True)
    assert done.document["evidence"]["checked"] == done.document["evidence"]["equal"] > 0
    again = forked(harness, "verify", run_id, "--data", harness.file())
    assert (again.code, HELD in again.out) == (0, True)
    other = harness.file("day,shop\n1,2\n", "other.csv")
    assert refused(forked(harness, "verify", run_id, "--data", other, "--json"), 5) == "not_the_original"


def test_a_pack_travels_to_a_machine_that_knows_nothing(harness: Harness, run_id: str, tmp_path: Path) -> None:
    """There it verifies, and leaves no state folder behind; altered, it is refused."""
    exported = harness("export", run_id, "-o", "run.zip", "--json")
    assert exported.code == 0
    assert exported.document["pack"] == str(tmp_path / "run.zip")
    away = Harness(tmp_path / "nothing", harness.plugins, tmp_path)
    done = away("verify", "run.zip", "--json")
    assert (done.code, done.document["verified"], done.document["complete"]) == (0, True, False)
    assert {"SELECT count(*) FROM data"} <= {item["sql"] for item in done.document["not_checkable"]}
    with_file = away("verify", "run.zip", "--data", harness.file(), "--json")
    assert (with_file.code, with_file.document["complete"]) == (0, True)
    assert not (tmp_path / "nothing").exists()
    data = bytearray((tmp_path / "run.zip").read_bytes())
    data[len(data) // 3] ^= 1
    (tmp_path / "run.zip").write_bytes(data)
    assert refused(away("verify", "run.zip", "--json"), 5) == "tampered"


def test_raw_data_are_in_a_pack_only_when_asked_for(harness: Harness, run_id: str, tmp_path: Path) -> None:
    """What stays out is said."""
    plain, raw = (
        forked(harness, "export", run_id, "-o", "plain.zip"),
        forked(harness, "export", run_id, "-o", "raw.zip", "--include-raw"),
    )
    assert "Left out:" in plain.err
    assert (raw.code, raw.err) == (0, "")
    with zipfile.ZipFile(tmp_path / "plain.zip") as first, zipfile.ZipFile(tmp_path / "raw.zip") as second:
        added = set(second.namelist()) - set(first.namelist())
    assert {Path(name).name for name in added} >= {"data.parquet", "stdout.log", "stderr.log"}
    assert forked(harness, "verify", "raw.zip", "--json").document["complete"] is True


def test_diag_bundles_a_run(harness: Harness, run_id: str, tmp_path: Path) -> None:
    """One archive, listed in the document."""
    done = forked(harness, "diag", run_id, "-o", "diag.zip", "--json")
    assert done.code == 0
    with zipfile.ZipFile(tmp_path / "diag.zip") as archive:
        assert sorted(archive.namelist()) == done.document["files"]


def test_backup_delete_everything_restore(harness: Harness, run_id: str) -> None:
    """The run list, the reports and every hash are what they were."""
    before = harness("runs", "list", "--json").document
    report = (harness.home / "runs" / run_id / "report.json").read_bytes()
    made = harness("backup", "-o", "b.zip", "--json")
    assert (made.code, made.document["counts"]) == (0, {"runs": 1, "datasets": 1, "uploads": 1})
    shutil.rmtree(harness.home)
    restored = harness("restore", "b.zip", "--json")
    assert (restored.code, restored.document["replaced_state"]) == (0, None)
    assert harness("runs", "list", "--json").document == before
    assert (harness.home / "runs" / run_id / "report.json").read_bytes() == report
    checked = harness("check", "--full", "--json")
    assert (checked.code, checked.document["ok"], checked.document["runs"]) == (0, True, 1)


def test_backups_pile_up_only_so_far(harness: Harness) -> None:
    """The newest --keep stay in the backups folder."""
    for _ in range(3):
        assert forked(harness, "backup", "--keep", "2", "-q").code == 0
    assert len(list((harness.home / "backups").glob("backup-*.zip"))) == 2


def test_a_damaged_database_stops_every_command_and_offers_the_way_back(harness: Harness) -> None:
    """The command it names works."""
    made = forked(harness, "backup", "--json").document["backup"]
    (harness.home / "state.sqlite").write_bytes(b"this is no database" * 1000)
    for arguments in (["runs", "list"], ["run", harness.file()], ["check"], ["backup"], ["datasets", "list"], ["migrate"]):
        done = forked(harness, *arguments, "--json")
        assert refused(done, 8) == "state_database_corrupt"
        assert f"harness restore {made}" in done.document["error"]["next_step"]
    assert harness("restore", made).code == 0
    assert harness("runs", "list", "--json").document["runs"]


def test_check_names_what_is_wrong(harness: Harness, run_id: str) -> None:
    """Exit 8, the file, and what to do."""
    (harness.home / "runs" / run_id / "report.md").unlink()
    done = forked(harness, "check")
    assert (done.code, f"runs/{run_id}/report.md" in done.err, "harness restore" in done.err) == (8, True, True)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["replay", "run_that_is_not_there"], 2),
        (["replay"], 2),
        (["verify", "run_that_is_not_there"], 2),
        (["verify", "missing.zip"], 2),
        (["verify", "sales.csv"], 5),
        (["verify", "RUN", "--data", "missing.csv"], 6),
        (["export", "RUN"], 2),
        (["export", "RUN", "-o", "no/such/folder.zip"], 2),
        (["export", "RUN", "-o", "."], 2),
        (["export", "run_that_is_not_there", "-o", "x.zip"], 2),
        (["diag", "run_that_is_not_there", "-o", "x.zip"], 2),
        (["backup", "--keep", "0"], 2),
        (["backup", "-o", "no/such/folder.zip"], 2),
        (["restore", "missing.zip"], 6),
        (["restore", "."], 2),
        (["restore", "sales.csv"], 5),
        (["check", "--deep"], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_bad_input_is_refused_in_words(made: tuple[Harness, str], arguments: list[str], code: int) -> None:
    """One document, what, why, what to do; and nothing is left behind."""
    harness, run_id = made
    there = set(harness.folder.iterdir())
    done = forked(harness, *[run_id if word == "RUN" else word for word in arguments], "--json")
    assert refused(done, code)
    assert done.document["exit"]["code"] == code
    assert set(harness.folder.iterdir()) == there


def test_a_run_under_way_is_not_verified(harness: Harness) -> None:
    """There is nothing to compare with yet."""
    waiting = harness("submit", harness.file(), "--json").document["run_id"]
    for arguments in (["replay", waiting], ["verify", waiting], ["export", waiting, "-o", "x.zip"]):
        assert refused(forked(harness, *arguments, "--json"), 2) == "run_under_way"
    assert forked(harness, "diag", waiting, "-o", "d.zip").code == 0
