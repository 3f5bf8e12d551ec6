"""Where and how the command is called: early signals, folders, file systems, locales, widths, and a plugin of one's own."""

import os
import signal
import socket
from pathlib import Path

import pytest

from harness_api.cli.console import safe, table
from tests.cli.conftest import Ended, Harness, ended, eventually
from tests.cli.test_cli_errors import assert_three_lines

SIGNAL_AT_IMPORT = """
import os, signal, sys
class Trip:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Trip())
"""
SIGNAL_AT_THE_END = """
import os, signal
from harness_api.cli.console import Console
plain = Console.finish
def finish(self, exit_):
    os.kill(os.getpid(), signal.SIGINT)
    plain(self, exit_)
    os.kill(os.getpid(), signal.SIGINT)
Console.finish = finish
"""
ON_A_WINDOWS_DRIVE = "import harness_core.adapters.home as home\nhome.filesystem_of = lambda path, mounts=None: '9p'"
A_FILE_ON_A_WINDOWS_DRIVE = """
import harness_core.adapters.home as home
plain = home.filesystem_of
home.filesystem_of = lambda path, *more: "9p" if path.suffix == ".csv" else plain(path, *more)
"""
IN_A_FOLDER_THAT_IS_GONE = "import os, tempfile\nfolder = tempfile.mkdtemp()\nos.chdir(folder)\nos.rmdir(folder)"


@pytest.mark.parametrize("module", ["harness_api.cli.exits", "typer", "harness_api.cli.application", "harness_core.bootstrap"])
def test_ctrl_c_while_the_program_is_still_being_read(harness: Harness, module: str) -> None:
    """However early it comes: 130 and no traceback."""
    done = harness("runs", "list", code=SIGNAL_AT_IMPORT.format(module=module))
    assert (done.code, done.out) == (130, "")
    assert "Traceback" not in done.err


def test_ctrl_c_when_all_is_said_changes_nothing(harness: Harness) -> None:
    """A signal while the last words are written neither cuts them off nor changes the exit code."""
    done = harness("plugins", "list", "--json", code=SIGNAL_AT_THE_END)
    assert (done.code, done.document["exit"]["name"]) == (0, "ok")


def test_further_signals_do_not_cut_a_stopped_run_short(harness: Harness) -> None:
    """The second and third Ctrl-C find the command on its way out: what ran is handed back, one document is written."""
    process = harness.start("run", harness.file(), "--plugins", "analysis_slow", "--json")
    run_id = harness.wait_until_running("analysis_slow")
    for _ in range(3):
        process.send_signal(signal.SIGINT)
    done = ended(process, 20)
    assert (done.code, done.document["run_id"], done.document["exit"]["name"]) == (130, run_id, "interrupted")
    assert harness.rows("SELECT count(*) FROM job WHERE state = 'LEASED'") == [(0,)]


def test_a_current_folder_that_is_gone_is_told_of(harness: Harness) -> None:
    """Three lines instead of a surprise."""
    done = harness("run", "sales.csv", code=IN_A_FOLDER_THAT_IS_GONE)
    assert_three_lines(done, 2)
    assert "cd" in done.err


def test_a_home_on_a_windows_drive_is_refused_with_the_remedy(harness: Harness) -> None:
    """Exit 8 before anything is written there; the doctor says the same and looks at the rest."""
    refused = harness("runs", "list", code=ON_A_WINDOWS_DRIVE)
    assert_three_lines(refused, 8)
    assert "HARNESS_HOME" in refused.err
    assert not (harness.home / "state.sqlite").exists()
    examined = harness("doctor", "--json", code=ON_A_WINDOWS_DRIVE)
    checks = {item["name"]: item for item in examined.document["checks"]}
    assert (examined.code, checks["home"]["state"]) == (8, "failure")
    assert "HARNESS_HOME" in checks["home"]["next_step"]
    assert {"plugins", "containment"} <= set(checks)


@pytest.mark.parametrize("command", ["run", "submit"])
def test_a_file_on_a_windows_drive_is_read_with_a_word_about_it(harness: Harness, command: str) -> None:
    """The run is made all the same; who asked for quiet is left alone."""
    tiny = ("--plugins", "analysis_tiny")
    told = harness(command, harness.file(), *tiny, code=A_FILE_ON_A_WINDOWS_DRIVE)
    assert (told.code, "Windows drive" in told.err, "copy it to a Linux folder" in told.err) == (0, True, True)
    assert "Windows" not in harness(command, harness.file(), *tiny, "--quiet", code=A_FILE_ON_A_WINDOWS_DRIVE).err
    assert "Windows" not in harness(command, harness.file(), *tiny).err


def test_a_home_that_cannot_be_written_is_refused(harness: Harness) -> None:
    """A folder in which the system lets nobody make anything."""
    done = harness("runs", "list", "--home", "/proc/self")
    assert_three_lines(done, 2)
    assert "HARNESS_HOME" in done.err


def test_a_folder_with_other_things_in_it_keeps_its_mode(harness: Harness) -> None:
    """--home in a folder that others use does not lock them out; a new one is its owner's alone."""
    shared, new = harness.folder / "everybody", harness.folder / "mine"
    shared.mkdir()
    shared.chmod(0o755)
    (shared / "something").touch()
    for home in (shared, new):
        assert harness("runs", "list", "--home", str(home)).code == 0
    assert (shared.stat().st_mode & 0o777, new.stat().st_mode & 0o777) == (0o755, 0o700)


def test_an_old_locale_gets_plain_letters(shared: Harness) -> None:
    """Where the terminal has no × and no …, near letters stand for them; JSON is UTF-8 whatever the locale."""
    old = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    say = "from harness_api.cli.console import Console\nConsole(json_wanted=False).result('2 \\xd7 3 \\u2026 \\xfc')"
    assert shared("--version", code=say, env=old).out.splitlines()[0] == "2 x 3 ... \\xfc"
    path = shared.folder / "Größe.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    assert shared("run", "Größe.csv", "--plugins", "analysis_tiny", "--json", env=old).document["status"] == "COMPLETED"
    assert "Größe.csv" in shared("runs", "list", "--json", env=old).out


def test_the_last_column_folds_on_a_narrow_terminal() -> None:
    """No line is wider than the terminal, the other columns stay aligned, and no word is lost."""
    rows = [("one", "1", "a summary of many words that does not fit"), ("two", "22", "short")]
    folded = safe(table(("NAME", "N", "SUMMARY"), rows, right=frozenset({1}), width=32), coloured=False).splitlines()
    assert max(len(line) for line in folded) <= 32
    assert folded[0] == "NAME   N  SUMMARY"
    assert " ".join(" ".join(folded[1:4]).split()) == "one 1 a summary of many words that does not fit"
    assert len(table(("NAME", "N", "SUMMARY"), rows).splitlines()) == 3


def test_a_run_that_computed_nothing_says_so(harness: Harness) -> None:
    """The second run of the same file says in words that everything was there already, and how to have it done again."""
    first = harness("run", harness.file(), "--plugins", "analysis_tiny")
    second = harness("run", harness.file(), "--plugins", "analysis_tiny")
    assert "Nothing was computed" not in first.out
    assert "Nothing was computed" in second.out.splitlines()[-1]
    assert "--force" in second.out.splitlines()[-1]


def test_a_misspelt_file_gets_a_suggestion(shared: Harness) -> None:
    """The nearest name in that folder, as something to type."""
    shared.file()
    assert "Did you mean sales.csv?" in shared("run", "slaes.csv").err


@pytest.mark.parametrize("url", ["http://127.0.0.1:99999", "http://127.0.0.1:port", "http://", "127.0.0.1:8765"])
def test_an_address_that_is_none_is_a_mistake_of_usage(shared: Harness, url: str) -> None:
    """Three lines and exit 2, before anything is sent."""
    assert_three_lines(shared("submit", shared.file(), "--url", url), 2)


def test_a_service_without_a_worker_exits_8(harness: Harness) -> None:
    """--url --wait gives up after its patience as the local queue does, and the run waits in the service."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    service = harness.start("serve", "--port", str(port), "--no-worker")
    eventually(lambda: _listens(port))
    patience = "import harness_api.cli.following as following; following.PATIENCE_S = 0.5"
    url = f"http://127.0.0.1:{port}"
    done = harness("submit", harness.file(), "--url", url, "--plugins", "analysis_tiny", "--wait", "--json", code=patience)
    assert (done.code, done.document["error"]["code"]) == (8, "no_worker")
    assert harness.rows("SELECT status FROM run") == [("QUEUED",)]
    service.terminate()
    assert ended(service, 30).code == 143


def _listens(port: int) -> list[bool]:
    with socket.socket() as probe:
        return [True] if probe.connect_ex(("127.0.0.1", port)) == 0 else []


def test_a_new_plugin_validates_and_runs(harness: Harness) -> None:
    """From `plugins new` to a finding in a report, by the words that the command itself prints."""
    folder = harness.folder / "own"
    made = harness("plugins", "new", "analysis_own", "--folder", str(folder))
    assert str(folder / "analysis_own" / "plugin.yaml") in made.out.splitlines()
    for named in (str(folder / "analysis_own"), "."):
        valid = harness("plugins", "validate", named, cwd=folder / "analysis_own")
        assert (valid.code, valid.out.splitlines()[0]) == (0, "analysis_own 1.0.0: valid")
    constant = harness.file("kind,n\n" + "same,1\n" * 40, "constant.csv")
    done = harness("run", constant, "--plugins", "analysis_own", "--json", env={"HARNESS_PLUGIN_PATH": str(folder)})
    assert (done.code, done.document["status"]) == (0, "COMPLETED"), done.err
    assert b'"plugin_id": "analysis_own"' in Path(done.document["report"]).read_bytes()


def refused(harness: Harness, *arguments: str) -> Ended:
    done = harness(*arguments)
    assert_three_lines(done, 2)
    return done


def test_folders_that_hold_no_plugin_are_told_of(shared: Harness) -> None:
    """A folder that is not there, one without a manifest, and a file where a folder is needed."""
    assert "no such folder" in refused(shared, "plugins", "validate", "./nowhere").err
    (shared.folder / "empty").mkdir(exist_ok=True)
    assert "plugin.yaml" in refused(shared, "plugins", "validate", f".{os.sep}empty").err
    assert "--folder" in refused(shared, "plugins", "new", "analysis_own", "--folder", shared.file()).err
