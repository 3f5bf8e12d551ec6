"""`harness run` and how runs end: the contract's JSON, exit codes, options, interruption and resumption."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from harness_api.cli.exits import SEVERITIES, Exit, Severity, Verdict
from harness_core.domain.errors import UsageError
from harness_core.sdk.contract import SEVERITIES as SDK_SEVERITIES
from tests.cli.conftest import Harness, ended, forked

CONTRACT_KEYS = {"run_id", "status", "run_fingerprint", "dataset_version_id", "run_dir", "report", "insight_count", "exit"}


def test_run_prints_the_contracts_object_and_nothing_else(harness: Harness, tmp_path: Path) -> None:
    """One document on stdout although a plugin prints, whole copies in --out, and the same bytes in both."""
    out = tmp_path / "made" / "out"
    done = harness(
        "run", harness.file(), "--plugins", "analysis_tiny", "--set", "analysis_tiny.loud=true", "--out", str(out), "--json"
    )
    document = done.document
    assert done.code == 0, done.err
    assert set(document) == CONTRACT_KEYS
    assert document["exit"] == {"code": 0, "name": "ok"}
    assert document["status"] == "COMPLETED"
    assert document["insight_count"] == 1
    assert Path(document["report"]).read_bytes() == (out / "report.json").read_bytes()
    assert sorted(path.name for path in out.iterdir()) == ["report.html", "report.json", "report.md", "run_manifest.json"]
    assert json.loads((out / "run_manifest.json").read_bytes())["run_id"] == document["run_id"]


def test_run_tells_a_person_what_was_found_and_where_the_report_is(harness: Harness) -> None:
    """Insights with rank and severity on stdout, one line per ended plugin on stderr, and --quiet leaves nothing but errors."""
    done = harness("run", harness.file(), "--plugins", "analysis_tiny")
    assert " 1. NOTICE  There are 4 rows" in done.out
    assert "The table has 4 rows." in done.out
    report = next(line for line in done.out.splitlines() if line.startswith("Report: "))
    assert Path(report.removeprefix("Report: ")).name == "report.html"
    assert done.out.rstrip().splitlines()[-1].startswith("COMPLETED: 1 insight, 4 of 4 plugins ok")
    assert any(line.startswith("OK ") and "analysis_tiny" in line for line in done.err.splitlines())
    assert "\x1b" not in done.out + done.err
    quiet = harness("run", harness.file(), "--plugins", "analysis_tiny", "--quiet")
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")


def test_reuse_and_force(harness: Harness) -> None:
    """A second run takes over every result; --force computes them again, with the same report bytes."""
    reports, reused = [], []
    for option in ("--reuse", "--reuse", "--force"):
        run_id = harness("run", harness.file(), "--plugins", "analysis_tiny", option, "--json").document["run_id"]
        shown = forked(harness, "runs", "show", run_id, "--json").document
        reports.append(Path(shown["report"]).read_bytes())
        reused.append({item["plugin_id"] for item in shown["executions"] if item["reused"]})
    assert reports[0] == reports[1] == reports[2]
    assert reused[0] == reused[2] == set()
    assert {"ingest_tabular", "analysis_tiny"} <= reused[1]


@pytest.mark.parametrize(
    ("options", "code", "name"),
    [
        ([], 4, "partial"),
        (["--strict"], 3, "failed"),
        (["--allow-partial"], 0, "ok"),
        (["--fail-on", "notice"], 4, "partial"),
        (["--allow-partial", "--fail-on", "notice"], 10, "finding_at_or_above"),
        (["--allow-partial", "--fail-on", "warning"], 0, "ok"),
        (["--strict", "--allow-partial"], 2, "usage"),
    ],
)
def test_a_partial_run_ends_with_the_code_that_was_asked_for(shared: Harness, options: list[str], code: int, name: str) -> None:
    """The exit code of an ended partial run, by the options, from outside."""
    run_id = shared.rows("SELECT run_id FROM run")[0][0]
    done = forked(shared, "runs", "watch", run_id, *options, "--json")
    assert (done.code, done.document["exit"]) == (code, {"code": code, "name": name})


@pytest.mark.parametrize(
    ("status", "worst", "verdict", "code"),
    [
        ("COMPLETED", None, Verdict(fail_on=Severity.INFO), Exit.OK),
        ("COMPLETED", "critical", Verdict(), Exit.OK),
        ("COMPLETED", "warning", Verdict(fail_on=Severity.WARNING), Exit.FINDING_AT_OR_ABOVE),
        ("COMPLETED", "notice", Verdict(fail_on=Severity.WARNING), Exit.OK),
        ("PARTIAL", "critical", Verdict(strict=True, fail_on=Severity.INFO), Exit.FAILED),
        ("FAILED", "critical", Verdict(allow_partial=True, fail_on=Severity.INFO), Exit.FAILED),
        ("CANCELLED", "critical", Verdict(allow_partial=True, fail_on=Severity.INFO), Exit.CANCELLED),
    ],
)
def test_how_a_run_ended_counts_before_its_findings(status: str, worst: str | None, verdict: Verdict, code: Exit) -> None:
    """The table of endings: the worse code wins."""
    assert verdict.exit_of(status, worst) is code


def test_strict_and_allow_partial_contradict() -> None:
    """Nobody has to guess which of the two would win."""
    with pytest.raises(UsageError, match="contradict"):
        Verdict(strict=True, allow_partial=True)


def test_severities_are_those_of_the_sdk() -> None:
    """--fail-on knows exactly what findings can say."""
    assert SEVERITIES == SDK_SEVERITIES


def test_a_failed_required_step_exits_3_with_reports(harness: Harness) -> None:
    """An ingest plugin that fails after its look: FAILED, exit 3, reports written, three lines on stderr."""
    done = harness("run", harness.file("x", "table.tiny"), "--json")
    assert (done.code, done.document["status"]) == (3, "FAILED")
    assert json.loads(Path(done.document["report"]).read_bytes())["status"] == "FAILED"
    assert "What: ingest_refusing did not end well" in done.err
    assert "Traceback" not in done.err


def test_a_cancelled_run_exits_9(harness: Harness) -> None:
    """Cancelled from elsewhere, the run's own command ends within seconds and says so."""
    process = harness.start("run", harness.file(), "--plugins", "analysis_slow", "--json")
    run_id = harness.wait_until_running("analysis_slow")
    cancelled = harness("runs", "cancel", run_id, "--json")
    assert cancelled.code == 0
    assert cancelled.document["cancel_requested"] is True
    done = ended(process, 20)
    assert (done.code, done.document["status"], done.document["exit"]["name"]) == (9, "CANCELLED", "cancelled")


STOPPABLE = ("--plugins", "analysis_slow,analysis_tiny", "--set", "analysis_slow.seconds=1.5")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, tiny_plugins: Path) -> bytes:
    """The report of the run that nobody stops."""
    folder = tmp_path_factory.mktemp("undisturbed")
    harness = Harness(folder / "home", tiny_plugins, folder)
    done = harness("run", harness.file(), *STOPPABLE, "--json")
    return Path(done.document["report"]).read_bytes()


@pytest.mark.parametrize(
    ("number", "code", "name"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated"), (signal.SIGKILL, -9, "")]
)
def test_a_stopped_run_resumes_to_the_same_bytes(harness: Harness, undisturbed: bytes, number: int, code: int, name: str) -> None:
    """Ctrl-C, SIGTERM and kill -9 leave a run that resumes, runs nothing twice, and ends with the bytes of an undisturbed one."""
    process = harness.start("run", harness.file(), *STOPPABLE, "--json")
    run_id = harness.wait_until_running("analysis_slow")
    process.send_signal(number)
    stopped = ended(process, 20)
    assert stopped.code == code
    if name:  # who is killed says nothing
        assert stopped.document["run_id"] == run_id
        assert stopped.document["exit"] == {"code": code, "name": name}
        assert f"harness runs resume {run_id}" in stopped.err
    assert forked(harness, "runs", "show", run_id, "--json").document["status"] == "ABORTED"
    resumed = harness("runs", "resume", run_id, "--json")
    assert (resumed.code, resumed.document["status"]) == (0, "COMPLETED")
    assert harness.rows("SELECT count(*) FROM attempt WHERE plugin_id = 'ingest_tabular'") == [(1,)]
    assert Path(resumed.document["report"]).read_bytes() == undisturbed


def test_timeout_hands_back_and_exits_124(harness: Harness) -> None:
    """--timeout ends the waiting; the run can be resumed, and nothing of it is left running."""
    done = harness("run", harness.file(), "--plugins", "analysis_slow", "--timeout", "3", "--json")
    document = done.document
    assert (done.code, document["exit"]["name"]) == (124, "timeout")
    assert set(document) == CONTRACT_KEYS
    assert document["status"] in ("ABORTED", "QUEUED")  # not begun yet, where the machine is slow
    assert f"harness runs resume {document['run_id']}" in done.err
    assert harness.rows("SELECT count(*) FROM job WHERE state = 'LEASED'") == [(0,)]


def test_any_working_directory(harness: Harness, tmp_path: Path) -> None:
    """Relative paths mean what they mean to the shell, wherever that is."""
    here = tmp_path / "some where"
    here.mkdir()
    (here / "data.csv").write_text("a,b\n1,2\n3,4\n", encoding="utf-8")
    done = harness("run", "data.csv", "--plugins", "analysis_tiny", "--out", "out", cwd=here)
    assert done.code == 0, done.err
    assert (here / "out" / "report.html").is_file()


def test_progress_is_drawn_on_a_terminal_only_and_without_colour_where_asked(harness: Harness) -> None:
    """On a terminal the running plugin has a line with its share; NO_COLOR takes the colours and leaves the line."""
    read, write = os.openpty()
    for colour in ({}, {"NO_COLOR": "1"}):
        text = _on_terminal(harness, colour, read, write)
        assert "analysis_slow" in text
        assert "running" in text
        assert "%" in text
        assert ("\x1b[34m" in text) is not bool(colour)
    os.close(read)
    os.close(write)


def _on_terminal(harness: Harness, colour: dict[str, str], read: int, write: int) -> str:
    found: list[bytes] = []

    def drain() -> None:
        while data := os.read(read, 65536):
            found.append(data)
            if b"the end" in data:
                return

    reader = threading.Thread(target=drain, daemon=True)
    reader.start()
    arguments = ["run", harness.file(), "--plugins", "analysis_slow", "--set", "analysis_slow.seconds=1", "--force"]
    process = subprocess.Popen(
        [sys.executable, "-m", "harness_api.cli", *arguments], env={**harness.environment, **colour}, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=write, cwd=harness.folder,
    )  # fmt: skip
    assert process.wait(60) == 0
    os.write(write, b"the end")
    reader.join(10)
    return b"".join(found).decode("utf-8", "replace")
