"""What goes wrong is said in three lines or one document, with the exit code of the contract, and never as a traceback."""

import socket
from pathlib import Path

import pytest

from harness_api.cli.exits import MEANINGS, Exit
from tests.cli.conftest import Ended, Harness, forked

CONFIGS = {
    "duplicate key": ("seed: 1\nseed: 2\n", "stands twice"),
    "seed of the wrong kind": ("seed: many\n", "not a whole number"),
    "plugins of the wrong kind": ("plugins: analysis_tiny\n", "not a list"),
    "unknown plugin": ("analysis_tinny: {loud: true}\n", "did you mean analysis_tiny"),
    "unknown setting": ("analysis_tiny: {lood: true}\n", "lood"),
    "no mapping": ("- a\n", "not a mapping"),
}


def assert_three_lines(done: Ended, code: int) -> None:
    """What, why, what to do; nothing on stdout."""
    assert done.code == code, done.err
    assert done.out == ""
    starts = [line[:5] for line in done.err.splitlines() if not line.startswith(" ")]
    assert starts == ["What:", "Why: ", "Do:  "], done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["rnu"],
        ["run"],
        ["run", "--bogus", "x.csv"],
        ["run", "sales.csv", "--fail-on", "awful"],
        ["run", "sales.csv", "--timeout", "soon"],
        ["runs"],
        ["runs", "list", "--limit", "0"],
        ["runs", "list", "--after", "nonsense"],
        ["runs", "show", "run_none"],
        ["run", "sales.csv", "--plugins", "analysis_tinny"],
        ["run", "sales.csv", "--plugins", ","],
        ["run", "sales.csv", "--set", "analysis_tiny.loud"],
        ["run", "sales.csv", "--set", "analysis_tiny.lood=true"],
        ["run", "sales.csv", "--seed", "-1"],
        ["run", "sales.csv", "--config", "none.yaml"],
        ["run", "sales.csv", "--out", "sales.csv/out"],
        ["submit", "sales.csv", "--url", "ftp://here"],
        ["datasets", "show", "dv_none"],
        ["plugins", "show", "analysis_tinny"],
        ["plugins", "new", "Not-An-Id"],
    ],
    ids=" ".join,
)
def test_usage_errors_exit_2_in_both_forms(shared: Harness, arguments: list[str]) -> None:
    """An unknown word, option, name or value, from the parser or from the services: exit 2, and nothing recorded as a run."""
    before = shared.rows("SELECT count(*) FROM run")
    assert_three_lines(forked(shared, *arguments), 2)
    if arguments[0] in ("rnu", "runs"):
        done = shared(*arguments, "--json")
        assert (done.code, done.document["exit"]) == (2, {"code": 2, "name": "usage"})
        assert set(done.document["error"]) >= {"code", "what", "why", "next_step", "problems"}
    assert shared.rows("SELECT count(*) FROM run") == before


@pytest.mark.parametrize(("text", "said"), CONFIGS.values(), ids=CONFIGS.keys())
def test_mistakes_in_the_configuration_are_named(shared: Harness, text: str, said: str) -> None:
    """Each mistake is a problem with its place; nothing runs."""
    config = shared.file(text, "config.yaml")
    done = forked(shared, "run", shared.file(), "--config", config, "--json")
    assert (done.code, done.document["exit"]["name"]) == (2, "usage")
    assert said in str(done.document["error"]["problems"])


def test_options_win_over_the_configuration(shared: Harness) -> None:
    """--seed and --set are stronger than the file, which is stronger than the defaults."""
    config = shared.file("plugins: [analysis_tiny]\nseed: 5\nanalysis_tiny: {severity: warning, loud: true}\n", "good.yaml")
    done = shared("run", shared.file(), "--config", config, "--seed", "7", "--set", "analysis_tiny.severity=info", "--json")
    manifest = (Path(done.document["run_dir"]) / "run_manifest.json").read_text(encoding="utf-8")
    assert done.code == 0
    assert '"run_seed": 7' in manifest
    assert '"severity": "info"' in manifest
    assert '"loud": true' in manifest


@pytest.mark.parametrize("name", ["missing.csv", "empty.csv", "program.bin", "."])
def test_refused_files_exit_6_and_record_no_run(shared: Harness, name: str) -> None:
    """A file that is not there, empty, no table or a folder."""
    (shared.folder / "empty.csv").write_bytes(b"")
    (shared.folder / "program.bin").write_bytes(b"\x7fELF\x02\x01\x01" + bytes(200))
    before = shared.rows("SELECT count(*) FROM run")
    assert_three_lines(shared("run", name), 6)
    assert shared("submit", name, "--json").document["exit"] == {"code": 6, "name": "input_rejected"}
    assert shared.rows("SELECT count(*) FROM run") == before


def test_an_address_that_others_can_reach_exits_7(shared: Harness) -> None:
    """Without --allow-network the service does not start on it."""
    done = shared("serve", "--host", "0.0.0.0", "--json")  # noqa: S104 - the point of the test
    assert (done.code, done.document["exit"]["name"]) == (7, "refused_by_policy")


def test_no_service_exits_8(shared: Harness) -> None:
    """--url where nobody listens, and where somebody else does."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = taken.getsockname()[1]
    assert_three_lines(shared("submit", shared.file(), "--url", f"http://127.0.0.1:{free}"), 8)


def test_no_worker_exits_8_and_the_run_stays(harness: Harness) -> None:
    """--wait says at once why it waits, gives up after its patience, and leaves the run in the queue."""
    patience = "import harness_api.cli.following as following; following.PATIENCE_S = 0.5"
    done = harness("submit", harness.file(), "--plugins", "analysis_tiny", "--wait", "--json", code=patience)
    assert (done.code, done.document["error"]["code"]) == (8, "no_worker")
    assert "no worker is running" in done.err
    run_id = done.document["error"]["run_id"]
    assert harness.rows("SELECT status FROM run WHERE run_id = ?", run_id) == [("QUEUED",)]


def test_a_surprise_exits_1_with_a_log_that_has_the_details(harness: Harness) -> None:
    """No traceback unless --verbose; the log under the home has it, and its path is printed."""
    breakage = (
        "import harness_core.bootstrap as bootstrap\ndef broken(*a, **k): raise RuntimeError('boom')\nbootstrap.open_core = broken"
    )
    done = harness("runs", "list", "--home", str(harness.home), "--json", code=breakage)
    assert (done.code, done.document["exit"]["name"]) == (1, "internal_error")
    assert "Traceback" not in done.err
    log = Path(done.document["error"]["log"])
    assert log.parent == harness.home / "logs"
    assert "RuntimeError: boom" in log.read_text(encoding="utf-8")
    loud = harness("runs", "list", "--home", str(harness.home), "--verbose", code=breakage)
    assert "Traceback" in loud.err


def test_an_unusable_home_is_told_of(harness: Harness) -> None:
    """A home that is a file: exit 2 with the remedy; a doctor that says the same instead of failing."""
    assert_three_lines(harness("runs", "list", "--home", harness.file()), 2)
    done = harness("doctor", "--home", harness.file(), "--json")
    assert (done.code, done.document["exit"]["name"]) == (8, "not_healthy")


def test_every_code_has_a_meaning() -> None:
    """The reference is made from it."""
    assert set(MEANINGS) == set(Exit)
