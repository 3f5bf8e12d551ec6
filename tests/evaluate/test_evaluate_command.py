"""`harness evaluate` as a person or a script calls it: exit codes, one document, a difference that can be read, refusals in words."""

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Harness, forked
from tests.fakes.ended_homes import EndedHome, make_ended_home
from tests.proof.test_commands import refused

MET = "expect:\n  - {plugin: analysis_count, kind: constant, min_count: 1, max_count: 1}\nforbid:\n  - {kind: outlier}\n"
NOT_MET = "expect:\n  - {plugin: analysis_count, kind: constant, min_count: 2, note: both tables}\nforbid:\n  - {kind: constant}\n"


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> EndedHome:
    return make_ended_home(tmp_path_factory.mktemp("ended"))


@pytest.fixture
def harness(ended: EndedHome, tmp_path: Path) -> Harness:
    """The command on a copy of a home with one ended run."""
    shutil.copytree(ended.home, tmp_path / "home")
    return Harness(tmp_path / "home", ended.plugins, tmp_path)


def test_met_is_0_and_not_met_is_5(harness: Harness, ended: EndedHome) -> None:
    """The verdict is the exit code; a second look gives the same bytes."""
    met, missed = harness.file(MET, "met.yaml"), harness.file(NOT_MET, "missed.yaml")
    done = forked(harness, "evaluate", ended.run_id[:20], met)
    assert (done.code, done.out, done.err) == (0, "Met: 1 of 1 expectations met, 1 of 1 forbidden findings absent.\n", "")
    done = forked(harness, "evaluate", ended.run_id, missed)
    assert (done.code, done.out) == (5, "Not met: 0 of 1 expectations met, 0 of 1 forbidden findings absent.\n")
    assert "missed.yaml:2: constant of analysis_count: found 1, at least 2 expected" in done.err
    assert "both tables" in done.err
    assert "found 2, none is allowed" in done.err
    assert "There are 3 rows." in done.err
    assert forked(harness, "evaluate", ended.run_id, missed) == done


def test_json_is_one_document(harness: Harness, ended: EndedHome) -> None:
    """With every line, what it matched, and the exit."""
    done = forked(harness, "evaluate", ended.run_id, harness.file(NOT_MET, "missed.yaml"), "--json")
    document = done.document
    assert (done.code, document["met"], document["exit"]) == (5, False, {"code": 5, "name": "verification_failed"})
    assert document["counts"] == {"expect": {"met": 0, "of": 1}, "forbid": {"met": 0, "of": 1}, "report": {"met": 0, "of": 0}}
    assert (document["run_id"], len(document["expect"][0]["matched"])) == (ended.run_id, 1)


def test_a_report_elsewhere_is_evaluated_without_a_state_folder(harness: Harness, ended: EndedHome, tmp_path: Path) -> None:
    """A file, or the folder of --out; nothing is made or opened."""
    out = tmp_path / "out"
    out.mkdir()
    shutil.copy(harness.home / "runs" / ended.run_id / "report.json", out / "report.json")
    away = Harness(tmp_path / "nothing", ended.plugins, tmp_path)
    for subject in ("out", "out/report.json", str(out)):
        assert forked(away, "evaluate", subject, harness.file(MET, "met.yaml")).code == 0
    assert not away.home.exists()


def test_a_template_is_printed_and_holds(harness: Harness, ended: EndedHome) -> None:
    """As text to be redirected, and in JSON mode inside the document."""
    done = forked(harness, "evaluate", "--template", ended.run_id)
    assert done.code == 0
    assert forked(harness, "evaluate", ended.run_id, harness.file(done.out, "made.yaml")).code == 0
    assert forked(harness, "evaluate", ended.run_id, "--template", "--json").document["template"] == done.out


def test_an_altered_report_is_not_evaluated(harness: Harness, ended: EndedHome) -> None:
    """A verdict on something else than what the run said would be worth nothing."""
    report = harness.home / "runs" / ended.run_id / "report.json"
    report.write_bytes(report.read_bytes().replace(b"3 rows", b"4 rows"))
    assert refused(forked(harness, "evaluate", ended.run_id, harness.file(MET, "met.yaml"), "--json"), 5) == "tampered"


def test_mistakes_in_the_ground_truth_are_named_at_once(harness: Harness, ended: EndedHome) -> None:
    """Exit 2, each with its line."""
    path = harness.file("expct: []\nexpect:\n  - {kind: outlier, colums: [a]}\n", "wrong.yaml")
    done = forked(harness, "evaluate", ended.run_id, path, "--json")
    assert refused(done, 2) == "invalid_ground_truth"
    assert [problem["where"] for problem in done.document["error"]["problems"]] == [f"{path}:1", f"{path}:3"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["RUN"], 2),
        (["run_that_is_not_there", "met.yaml"], 2),
        (["RUN", "missing.yaml"], 2),
        (["RUN", "."], 2),
        (["RUN", "empty.yaml"], 2),
        (["RUN", "broken.yaml"], 2),
        (["RUN", "binary.yaml"], 2),
        (["RUN", "met.yaml", "--template"], 2),
        (["missing/report.json", "met.yaml"], 2),
        (["empty.yaml", "met.yaml"], 6),
        (["other.json", "met.yaml"], 6),
        (["half.json", "met.yaml"], 6),
        (["half.json", "--template"], 6),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_bad_input_is_refused_in_words(harness: Harness, ended: EndedHome, arguments: list[str], code: int) -> None:
    """What, why, what to do; never a traceback."""
    files = {"met.yaml": MET, "empty.yaml": "", "broken.yaml": "expect: [", "other.json": "{}",
             "half.json": json.dumps({"schema_version": "report.v1", "findings": [{}], "insights": [{}]})}  # fmt: skip
    for name, text in files.items():
        harness.file(text, name)
    (harness.folder / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    done = forked(harness, "evaluate", *(ended.run_id if word == "RUN" else word for word in arguments), "--json")
    refused(done, code)
