"""The same bytes in, the same bytes out: whatever the machine's habits, the order of completion, or the chunks in which rows came."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from tests.fakes.running import until

ROOT = Path(__file__).parents[2]
ROWS = 3_000
KILLED_AFTER = (1, 6, 14)
VOLATILE = ("stdout.log", "stderr.log")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first rows of the example: enough of it that every bundled plugin has something to say."""
    lines = (ROOT / "examples" / "sales_orders.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    path = tmp_path_factory.mktemp("table") / "sales_orders.csv"
    path.write_text("".join(lines[: ROWS + 1]), encoding="utf-8")
    return path


def produced(table: Path, home: Path, working_folder: Path, environment: Mapping[str, str]) -> dict[str, bytes]:
    """Run the real command; returns every file of the run that the fingerprint promises."""
    working_folder.mkdir(parents=True, exist_ok=True)
    with started(home, working_folder, environment, "run", str(table)) as command:
        _, errors = command.communicate(timeout=300)
    assert command.returncode == 0, errors
    return promised(home)


def started(home: Path, working_folder: Path, environment: Mapping[str, str], *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "harness_api.cli", *arguments, "--home", str(home), "--quiet"],
        cwd=working_folder, env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def promised(home: Path) -> dict[str, bytes]:
    """Every file of the one run of a home, and of its data, that must be the same for the same fingerprint."""
    (run,) = (home / "runs").iterdir()
    files = [path for path in run.rglob("*") if path.is_file() and path.name not in VOLATILE and path.name != "run_manifest.json"]
    parquet = [path for path in (home / "datasets").rglob("*") if path.is_file()]
    return {str(path.relative_to(home / "runs" / run.name)): path.read_bytes() for path in files} | {
        str(path.relative_to(home)): path.read_bytes() for path in parquet
    }


HABITS = {
    "four at a time, in another language": {"HARNESS_WORKERS": "4", "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR", "PYTHONHASHSEED": "2"},
    "one at a time, in another time zone": {"HARNESS_WORKERS": "1", "TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "1"},
    "each guest a fresh interpreter": {"HARNESS_WARM_START": "0", "OMP_NUM_THREADS": "1", "TZ": "America/St_Johns"},
}  # fmt: skip
FIRST, *OTHERS = HABITS


@pytest.fixture(scope="module")
def first(table: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What the first machine makes; all others are held against it."""
    folder = tmp_path_factory.mktemp("first")
    return produced(table, folder / "home", folder, HABITS[FIRST])


@pytest.mark.parametrize("habit", OTHERS)
def test_another_machine_gives_the_same_bytes(table: Path, first: dict[str, bytes], tmp_path: Path, habit: str) -> None:
    """Reports, outputs, artifacts and data do not depend on where and how they were made."""
    other = produced(table, tmp_path / "home", tmp_path / "some where" / "else", HABITS[habit])
    assert set(other) == set(first)
    assert [name for name in first if other[name] != first[name]] == []
    assert {"report.json", "report.md", "report.html"} <= set(first)


def committed(home: Path) -> int:
    """How many executions have ended so far."""
    if not (home / "state.sqlite").exists():
        return 0
    with closing(sqlite3.connect(home / "state.sqlite", timeout=30)) as database:
        return len(database.execute("SELECT 1 FROM execution WHERE ended_at IS NOT NULL").fetchall())


def test_killed_again_and_again_it_ends_with_the_same_bytes(table: Path, first: dict[str, bytes], tmp_path: Path) -> None:
    """The worker is killed early, in the middle and late; others go on from what was committed, and no byte tells of it."""
    home, few = tmp_path / "home", {"HARNESS_WORKERS": "2"}
    with started(home, tmp_path, few, "submit", str(table)) as command:
        _, errors = command.communicate(timeout=120)
    assert command.returncode == 0, errors
    for reached in KILLED_AFTER:
        with started(home, tmp_path, few, "worker") as worker:
            until(lambda: committed(home) >= reached, f"{reached} executions", 200.0)  # noqa: B023 - waited for at once
            worker.kill()
    with started(home, tmp_path, few, "worker", "--burst") as last:
        _, errors = last.communicate(timeout=200)
    assert last.returncode == 0, errors
    found = promised(home)
    assert set(found) == set(first)
    assert [name for name in first if found[name] != first[name]] == []
