"""What the tests of keeping start from: copies of a home with two ended runs of two tables, made once."""

import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness_core.bootstrap import Core, open_core
from harness_core.domain.runs import RunId
from harness_core.settings import read_settings
from tests.fakes.plugins import small_catalog
from tests.fakes.running import run_to_end

TABLES = {"old.csv": "a,b\n1,x\n2,y\n3,x\n", "new.csv": "a,b\n1,x\n2,y\n3,x\n4,z\n"}
DAY_S = 86_400.0


@dataclass(frozen=True)
class TwoRuns:
    """The home, the folder of its plugins, its tables, and its runs: ``old`` ended a hundred days before ``new``."""

    home: Path
    plugins: Path
    tables: Path
    old: RunId
    new: RunId

    def open(self, home: Path, **settings: str) -> Core:
        environ = {f"HARNESS_{name.upper()}": value for name, value in settings.items()}
        return open_core(read_settings(environ, home=home), queue_url="memory://", catalog=small_catalog(self.plugins))

    def copy(self, target: Path) -> Path:
        """The home once more; the queue is not worth it."""
        shutil.copytree(self.home, target, ignore=shutil.ignore_patterns("queue.*"))
        return target

    def table(self, name: str) -> Path:
        return self.tables / name


def rows(home: Path, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Ask the state database itself; what it is told to change is changed."""
    with closing(sqlite3.connect(home / "state.sqlite")) as connection, connection:
        return connection.execute(query, parameters).fetchall()


def age(home: Path, run_id: str, days: float) -> None:
    """Let a run and its uploads be that much older."""
    rows(home, "UPDATE run SET created_at = created_at - ?, ended_at = ended_at - ? WHERE run_id = ?", *[days * DAY_S] * 2, run_id)
    of_run = "(SELECT upload_id FROM run_input WHERE run_id = ?)"
    rows(home, f"UPDATE upload SET created_at = created_at - ? WHERE upload_id IN {of_run}", days * DAY_S, run_id)


@pytest.fixture(scope="session")
def two_runs(tmp_path_factory: pytest.TempPathFactory) -> TwoRuns:
    folder = tmp_path_factory.mktemp("two_runs")
    for name, text in TABLES.items():
        (folder / name).write_text(text, encoding="utf-8")
    home, plugins = folder / "home", folder / "plugins"
    core = open_core(read_settings({}, home=home), queue_url="memory://", catalog=small_catalog(plugins))
    try:
        core.clock.now = lambda: time.time() - 100 * DAY_S  # type: ignore[method-assign]
        old = run_to_end(core, folder / "old.csv").run_id
        core.clock.now = time.time  # type: ignore[method-assign]
        new = run_to_end(core, folder / "new.csv").run_id
    finally:
        core.close()
    return TwoRuns(home, plugins, folder, old, new)


@pytest.fixture
def core(two_runs: TwoRuns, home: Path) -> Iterator[Core]:
    """A core on a copy of that home; nothing is protected by being among the newest."""
    opened = two_runs.open(two_runs.copy(home), retention_newest="0")
    yield opened
    opened.close()


@pytest.fixture
def old(two_runs: TwoRuns) -> RunId:
    return two_runs.old


@pytest.fixture
def new(two_runs: TwoRuns) -> RunId:
    return two_runs.new


def stored(home: Path) -> dict[str, set[str]]:
    """The names of what lies on disk."""
    names = {name: {path.name for path in (home / name).iterdir()} for name in ("runs", "datasets", "scratch")}
    return names | {"blobs": {path.name for path in (home / "blobs").glob("??/*")}}
