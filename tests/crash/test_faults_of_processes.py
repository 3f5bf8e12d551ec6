"""What befalls whole processes: a clock that is set, a disk that is full, two services on one home, old and new programs on one home."""

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import cycle
from pathlib import Path

import pytest

from harness_core.adapters.catalog.folders import FolderCatalog
from harness_core.adapters.db.migrate import HEAD
from harness_core.bootstrap import Core, open_core, product_folder
from harness_core.domain.errors import Conflict
from harness_core.domain.runs import RUN_ENDED
from harness_core.settings import read_settings
from tests.api.serving import Served
from tests.crash.test_storm import ROOT, judge
from tests.fakes.ended_homes import EndedHome, make_ended_home
from tests.fakes.running import report_bytes, submit, until

HOURS = (86_400.0, -3_600.0, 0.0, -86_400.0, 7_200.0)
LIMITS = {"the state database": 50_000, "the upload": 1_500_000}


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> EndedHome:
    """An undisturbed run, for its bytes and its plugins."""
    return make_ended_home(tmp_path_factory.mktemp("calm"))


@contextmanager
def opened(home: Path, plugins: Path) -> Iterator[Core]:
    with closing(open_core(read_settings({}, home=home), catalog=FolderCatalog([(plugins, "path")]))) as core:
        yield core


@contextmanager
def working(*arguments: object) -> Iterator["subprocess.Popen[bytes]"]:
    """A worker in a process of its own."""
    command = [sys.executable, "-m", "tests.crash.part", "worker", *map(str, arguments)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_clock_that_is_set_all_the_time_changes_nothing(calm: EndedHome, tmp_path: Path) -> None:
    """A day ahead, an hour back, a day back, while a run goes on: it ends as ever, with the same bytes."""
    clock, beside, changes = tmp_path / "clock", tmp_path / "clock.new", cycle(HOURS)
    clock.write_text("0")

    def set_the_clock() -> None:
        beside.write_text(str(next(changes)))
        beside.replace(clock)

    with opened(tmp_path / "home", calm.plugins) as core, working(tmp_path / "home", calm.plugins, clock):
        run = submit(core, calm.table)
        until(lambda: set_the_clock() or core.runs.get(run.run_id).status in RUN_ENDED, "the end of the run")
        ended = core.runs.get(run.run_id)
        with closing(calm.open(calm.home)) as other:
            assert (ended.status, report_bytes(core, ended)) == ("COMPLETED", report_bytes(other, calm.run(other)))
    found = judge(tmp_path / "home")
    assert [name for name in ("lost", "doubled", "stale", "gaps", "ended twice", "wrong bytes") if found[name]] == []


def test_two_services_share_one_home(tmp_path: Path) -> None:
    """What one of them takes in, either works on, once; both tell the same of it."""
    home = tmp_path / "home"
    with Served(home) as one, Served(home) as other:
        both = (one, other)
        runs = [
            both[number % 2].start(both[number // 2 % 2].upload(), plugins=["analysis_count"], seed=number + 1)
            for number in range(4)
        ]
        for run_id in runs:
            for service in both:
                told = until(lambda: _ended(service, run_id), f"the end of {run_id}")  # noqa: B023 - waited for at once
                assert told["status"] == "COMPLETED"
        reports = [[service.client.get(f"/api/v1/runs/{run_id}/report").content for service in both] for run_id in runs]
    assert all(len(set(told)) == 1 for told in reports)
    found = judge(home)
    executions, _, integrity = found.pop("executions"), found.pop("taken back"), found.pop("integrity")
    assert (integrity, found) == ([("ok",)], {name: [] for name in found})
    assert executions == len(rows(home)["execution"]) == 4 * len(runs)


def _ended(service: Served, run_id: str) -> object:
    told = service.client.get(f"/api/v1/runs/{run_id}").json()
    return told if told["status"] in RUN_ENDED else None


def limited(home: Path, plugins: Path, limit_bytes: int, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """The command, where no file may grow beyond a limit: writes fail in the kernel, as they do on a full disk."""
    limit = f"import resource, sys\nresource.setrlimit(resource.RLIMIT_FSIZE, ({limit_bytes}, {resource.RLIM_INFINITY}))\n"
    return command(home, plugins, limit, arguments)


def command(home: Path, plugins: Path, first: str, arguments: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    environ = {**os.environ, "HARNESS_PLUGIN_PATH": str(plugins), "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    code = f"{first}import sys\nfrom harness_api.cli import main\nsys.exit(main())"
    arguments = [*arguments, "--home", str(home)]
    return subprocess.run([sys.executable, "-c", code, *arguments], env=environ, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("what", LIMITS)
def test_a_file_that_finds_no_room_is_said_and_nothing_of_it_stays(calm: EndedHome, tmp_path: Path, what: str) -> None:
    """One clear message with the next step; with room again, the same command works, and no leftover lies about."""
    table = tmp_path / "large.csv"
    table.write_text("a,b\n" + "".join(f"{number:0100},{number * 7 % 1000}\n" for number in range(20_000)))
    home, chosen = tmp_path / "home", ("--plugins", "analysis_count")
    refused = limited(home, calm.plugins, LIMITS[what], "run", str(table), *chosen)
    assert refused.returncode == 8, refused.stderr
    assert "free space" in refused.stderr
    done = command(home, calm.plugins, "", ["run", str(table), *chosen])
    assert done.returncode == 0, done.stderr
    assert [list((home / name).iterdir()) for name in ("quarantine", "scratch")] == [[], []]


def test_the_new_program_waits_for_the_old_and_the_old_refuses_what_the_new_has_made(
    calm: EndedHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This program plays the old one, in processes of its own; the new one has a migration more. Neither damages what the other has."""
    home = tmp_path / "home"
    shutil.copytree(calm.home, home)
    before = rows(home)
    the_next_version(tmp_path / "migrations", monkeypatch)
    with working(home, calm.plugins) as worker:
        until(lambda: workers(home) == [worker.pid], "the old worker")
        with pytest.raises(Conflict) as refused, opened(home, calm.plugins):
            pass
        assert refused.value.code == "older_workers_running"
        assert rows(home) == before
    with opened(home, calm.plugins) as core:
        assert core.migrations.version() == "9999"
    assert len(list((home / "backups").glob(f"state-before-migration-from-{HEAD}-*.sqlite"))) == 1
    after = rows(home)
    assert after == before
    for arguments in (["runs", "list"], ["worker", "--burst"], ["serve", "--port", "0"], ["backup"], ["migrate"]):
        old = command(home, calm.plugins, "", arguments)
        assert (old.returncode, "state database has version 9999" in old.stderr) == (8, True), (arguments, old.stderr)
    assert rows(home) == after
    assert [path.name for path in (home / "backups").iterdir() if HEAD not in path.name] == []


def the_next_version(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes this process a program with one migration more."""
    shutil.copytree(product_folder("migrations"), folder)
    (folder / "versions" / "9999_more.py").write_text(
        f'from alembic import op\n\nrevision = "9999"\ndown_revision = "{HEAD}"\nbranch_labels = depends_on = None\n\n\n'
        "def upgrade():\n    op.execute(\"ALTER TABLE run ADD COLUMN more TEXT NOT NULL DEFAULT ''\")\n\n\ndef downgrade():\n    pass\n"
    )
    monkeypatch.setattr("harness_core.adapters.db.migrate.HEAD", "9999")
    real = product_folder
    monkeypatch.setattr("harness_core.bootstrap.product_folder", lambda name: folder if name == "migrations" else real(name))


def rows(home: Path) -> dict[str, list[object]]:
    """What the tables say of runs."""
    columns = {
        "run": "run_id, status, fingerprint",
        "execution": "execution_id, status, output_sha256",
        "event": "run_id, seq, type",
    }
    with closing(sqlite3.connect(home / "state.sqlite")) as database:
        return {table: sorted(database.execute(f"SELECT {names} FROM {table}").fetchall()) for table, names in columns.items()}


def workers(home: Path) -> list[int]:
    with closing(sqlite3.connect(home / "state.sqlite", timeout=30)) as database:
        return [pid for (pid,) in database.execute("SELECT pid FROM worker")]
