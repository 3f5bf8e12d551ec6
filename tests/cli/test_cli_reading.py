"""The commands that only look: lists, details, previews, the doctor, migrations; and how they write."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from harness_api.cli.console import paint, safe
from tests.cli.conftest import Harness, forked


def test_runs_are_listed_and_shown(shared: Harness) -> None:
    """Newest first with a cursor; details with executions and times."""
    listed = forked(shared, "runs", "list", "--json").document
    assert set(listed) == {"runs", "next", "exit"}
    (run,) = listed["runs"]
    shown = forked(shared, "runs", "show", run["run_id"], "--json").document
    statuses = {item["plugin_id"]: item["status"] for item in shown["executions"]}
    assert statuses["analysis_tiny"] == "OK"
    assert statuses["analysis_broken"] == "ERROR"
    broken = next(item for item in shown["executions"] if item["plugin_id"] == "analysis_broken")
    assert broken["error"]["message"] == "this plugin is broken on purpose"
    assert set(broken) >= {"plugin_id", "status", "attempts", "reused", "error"}
    assert shown["times"]["ended"].endswith("Z")
    text = forked(shared, "runs", "show", run["run_id"][:12])
    assert "analysis_broken" in text.out
    assert forked(shared, "runs", "list", "--status", "completed").out == "No runs.\n"
    assert forked(shared, "--home", str(shared.home), "runs", "list").out == forked(shared, "runs", "list").out


def test_datasets_are_listed_shown_and_previewed(shared: Harness) -> None:
    """What was read, how, and its rows in an aligned table."""
    (dataset,) = forked(shared, "datasets", "list", "--json").document["datasets"]
    assert (dataset["row_count"], dataset["column_count"]) == (4, 3)
    dataset_id = dataset["dataset_version_id"]
    shown = forked(shared, "datasets", "show", dataset_id, "--json").document
    assert [column["name"] for column in shown["columns"]] == ["day", "shop", "amount"]
    table = forked(shared, "datasets", "preview", dataset_id, "--rows", "2", "--offset", "1").out.splitlines()
    assert [line.split() for line in table] == [
        ["#", "day", "shop", "amount"], ["1", "2024-01-02", "south", "12.25"], ["2", "2024-01-03", "north", "9.0"],
    ]  # fmt: skip
    assert table[1].endswith(" 12.25")
    assert forked(shared, "datasets", "preview", dataset_id, "--json").document["row_count"] == 4


def test_plugins_are_listed_shown_and_validated(shared: Harness, tmp_path: Path) -> None:
    """Valid and invalid ones, and a new one that passes."""
    listed = {item["plugin_id"]: item for item in forked(shared, "plugins", "list", "--json").document["plugins"]}
    assert listed["analysis_tiny"]["valid"] is True
    shown = forked(shared, "plugins", "show", "analysis_tiny", "--json").document
    assert set(shown["config_schema"]["properties"]) == {"loud", "severity"}
    made = forked(shared, "plugins", "new", "analysis_fresh", "--folder", str(tmp_path), "--json")
    assert made.code == 0, made.err
    assert (tmp_path / "analysis_fresh" / "plugin.yaml").is_file()
    again = forked(shared, "plugins", "new", "analysis_fresh", "--folder", str(tmp_path))
    assert again.code == 2
    valid = forked(shared, "plugins", "validate", str(tmp_path / "analysis_fresh"), "--json")
    assert (valid.code, valid.document["ok"]) == (0, True), valid.out
    assert forked(shared, "plugins", "validate", "analysis_broken").code == 8
    (tmp_path / "analysis_fresh" / "plugin.yaml").write_text("id: analysis_fresh\n", encoding="utf-8")
    invalid = forked(shared, "plugins", "validate", str(tmp_path / "analysis_fresh"), "--json")
    assert (invalid.code, invalid.document["ok"]) == (2, False)


def test_the_doctor_looks_at_everything(shared: Harness) -> None:
    """Every part has its check; settings have their source; a mistyped variable gets a suggestion."""
    done = shared("doctor", "--json", env={"HARNESS_WORKRES": "3"})
    checks = {item["name"]: item for item in done.document["checks"]}
    assert set(checks) >= {
        "version", "python", "engine", "home", "disk", "encryption", "data_folder", "database", "schema", "queue", "dead_letters", "workers",
        "plugins", "containment", "settings", "unknown_variable",
    }  # fmt: skip
    assert done.code == 0, done.out
    assert checks["settings"]["details"]["workers"] == {"value": 2, "source": "HARNESS_WORKERS"}
    assert checks["settings"]["details"]["home"]["value"] == str(shared.home)
    assert "HARNESS_WORKERS" in checks["unknown_variable"]["next_step"]
    assert checks["containment"]["details"]["level"] in ("A+", "A", "B", "C")


def test_the_doctor_keeps_passwords_and_goes_on_where_something_is_broken(harness: Harness) -> None:
    """A database that cannot be opened is a failure among the checks, and what its address holds is not shown."""
    done = harness("doctor", "--json", env={"HARNESS_DATABASE_URL": "nonsense://me:hidden@127.0.0.1/x"})
    assert done.code == 8
    assert "hidden" not in done.out + done.err
    assert [item["name"] for item in done.document["checks"] if item["state"] == "failure"] == ["state"]


def test_a_damaged_database_is_a_failure_of_the_doctor(harness: Harness) -> None:
    """Exit 8, with what to do."""
    assert harness("runs", "list").code == 0
    (harness.home / "state.sqlite").write_bytes(b"this is no database" * 1000)
    for suffix in ("-wal", "-shm"):
        (harness.home / f"state.sqlite{suffix}").unlink(missing_ok=True)
    done = harness("doctor", "--json")
    assert (done.code, done.document["ok"], done.document["exit"]["name"]) == (8, False, "not_healthy")
    assert any(item["state"] == "failure" and item["next_step"] for item in done.document["checks"])


def test_migrations_go_forward_and_back_with_a_copy(harness: Harness) -> None:
    """--check says what is; going down and up keeps a copy of what was before each."""
    fresh = forked(harness, "migrate", "--check", "--json")
    assert (fresh.code, fresh.document["current"]) == (8, False)
    assert forked(harness, "migrate", "--json").document["backup"] is None
    assert forked(harness, "migrate", "--check").code == 0
    assert forked(harness, "runs", "list").code == 0
    down = forked(harness, "migrate", "--to", "base", "--json")
    assert (down.code, down.document["to"]) == (0, None), down.err
    with closing(sqlite3.connect(down.document["backup"])) as copy:
        assert copy.execute("SELECT count(*) FROM run").fetchone() == (0,)
    assert forked(harness, "migrate", "--to", "9999").code == 2
    up = forked(harness, "migrate", "--json")
    assert (up.code, up.document["changed"]) == (0, True)


def test_a_reader_that_leaves_early_is_no_error(shared: Harness) -> None:
    """`harness plugins list | head -1` and `>&-`: no traceback, no complaint."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "harness_api.cli", "plugins", "list"], env=shared.environment, text=True, check=False,
        stdout=writing, stderr=subprocess.PIPE,
    )  # fmt: skip
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")
    for arguments in ("plugins list", "--help", "runs list --json"):
        closed = subprocess.run(
            ["/bin/sh", "-c", f"{sys.executable} -m harness_api.cli {arguments} >&- 2>&-"], env=shared.environment, check=False
        )
        assert closed.returncode == 0


def test_what_a_plugin_or_a_file_says_cannot_steer_the_terminal() -> None:
    """Escape sequences and marks that turn the writing are replaced; our own colours show only where they are wanted."""
    hostile = "a\x1b[2J\x07b\u202ec\x9b0m"
    assert safe(hostile, coloured=True) == "a\ufffd[2J\ufffdb\ufffdc\ufffd0m"
    assert safe(paint("fine", "red"), coloured=True) == "\x1b[31mfine\x1b[0m"
    assert safe(paint("fine", "red"), coloured=False) == "fine"


@pytest.mark.parametrize("wanted", [["runs", "list"], ["datasets", "list"], ["plugins", "list"]])
def test_lists_have_the_plural_and_the_cursor(shared: Harness, wanted: list[str]) -> None:
    """Every list has the same shape."""
    document = forked(shared, *wanted, "--json").document
    assert set(document) == {wanted[0], "next", "exit"}
    assert json.dumps(document["next"]) == "null"
