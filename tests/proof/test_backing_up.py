"""Backups: taken while work goes on, put back whole or not at all, and nothing is lost on the way."""

import os
import sqlite3
import threading
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from harness_core.adapters import backups as backups_adapter
from harness_core.adapters.backups import FolderBackups, schema_version
from harness_core.adapters.clock import SystemClock
from harness_core.adapters.db.migrate import HEAD
from harness_core.adapters.home import Home
from harness_core.bootstrap import Core, backing_up_of, open_core, open_restore, product_folder, upgrade_with_copy
from harness_core.domain.errors import Conflict, HarnessError, InputRefused, Tampered, Unhealthy, UsageError
from harness_core.domain.plugins import PluginId
from harness_core.domain.runs import Run, RunId
from harness_core.sdk.canonical import sha256_hex
from harness_core.settings import Settings, read_settings
from harness_worker.runtime import WorkerRuntime
from tests.conftest import OpenCore
from tests.fakes.ended_homes import EndedHome
from tests.fakes.plugins import small_catalog
from tests.fakes.running import ended, report_bytes, submit, until

DATA = Path(__file__).parents[1] / "data"


def hashes(home: Path) -> dict[str, str]:
    """Everything that is kept, by path."""
    kept = [path for name in ("runs", "datasets", "blobs", "plugins") for path in (home / name).rglob("*") if path.is_file()]
    kept += [home / "grants.json"] * (home / "grants.json").exists()
    return {path.relative_to(home).as_posix(): sha256_hex(path.read_bytes()) for path in kept}


def settings_of(home: Path) -> Settings:
    return read_settings({}, home=home)


@pytest.fixture
def backup(core: Core, tmp_path: Path) -> Path:
    (core.home.bundles / "analysis_extra@1.0.0").mkdir()
    (core.home.bundles / "analysis_extra@1.0.0" / "plugin.py").write_text("# a bundle\n")
    core.grants.write({PluginId("analysis_extra"): {"network": True}})
    return core.backing_up.back_up(tmp_path / "backup.zip").path


def test_everything_comes_back(core: Core, ended_home: EndedHome, backup: Path, tmp_path: Path) -> None:
    """Into an empty folder: the same runs, the same bytes, and every hash holds."""
    before, runs = hashes(core.settings.home), core.runs.page().runs
    target = tmp_path / "restored"
    restored = open_restore(settings_of(target)).restore(backup)
    assert (restored.before, restored.schema) == (None, HEAD)
    with closing(ended_home.open(target)) as again:
        assert again.runs.page().runs == runs
        assert hashes(target) == before
        assert again.grants.decisions() == core.grants.decisions() != {}
        assert again.checking.check(full=True).sound
        assert again.replaying.replay(ended_home.run_id).report == core.replaying.replay(ended_home.run_id).report


def test_nothing_of_a_home_is_forgotten(core: Core, backup: Path) -> None:
    """Whatever lies in a state folder is in a backup, or is known to be made again. A new kind of state fails here."""
    made_again = {"state.sqlite-wal", "state.sqlite-shm", "quarantine", "scratch", "backups", "logs"}
    made_again |= {f"queue.sqlite{suffix}" for suffix in ("", "-wal", "-shm")}
    with zipfile.ZipFile(backup) as archive:
        saved = {name.split("/")[0] for name in archive.namelist()}
    there = {path.name for path in core.settings.home.iterdir()}
    assert {"state.sqlite", "runs", "datasets", "blobs", "plugins", "grants.json"} <= there - made_again <= saved


def test_grants_made_later_are_not_left_in_force(core: Core, backup: Path) -> None:
    """A restore puts back who was granted what; without any grant in it, nothing is granted."""
    core.grants.write({PluginId("analysis_extra"): {"network": True}, PluginId("analysis_later"): {"network": True}})
    open_restore(core.settings).restore(backup)
    assert core.grants.decisions() == {"analysis_extra": {"network": True}}


def test_a_backup_while_a_run_goes_on_can_be_resumed(open_home: OpenCore, table: Path, tmp_path: Path) -> None:
    """What was committed at that moment is in it, and the rest is done again, to the same bytes."""
    waiting = f"""
import pathlib, time
from harness_core.sdk import PluginResult

def run(ctx):
    ctx.progress(1, 2, "waiting")
    while not pathlib.Path({str(table.parent / "go")!r}).exists():
        time.sleep(0.01)
    return PluginResult.ok("Waited.")
"""
    catalog = small_catalog(tmp_path / "plugins", analysis_waiting=waiting)
    core = open_home(catalog, queue_url="memory://", lease_s="2")
    worker = WorkerRuntime(core, kind="worker", places=2)
    worker.start()
    try:
        run = submit(core, table)
        until(lambda: waits(core, run), "the plugin that waits")
        made = core.backing_up.back_up(tmp_path / "backup.zip")
        assert made.damaged == []
        (table.parent / "go").touch()
        ended(core, run)
    finally:
        worker.stop(drain_s=5.0)
    target = tmp_path / "restored"
    open_restore(settings_of(target)).restore(made.path)
    with closing(open_core(settings_of(target), queue_url="memory://", catalog=catalog)) as again:
        assert again.overview.run(run.run_id).status == "ABORTED"
        assert finished(again, run).status == "COMPLETED"
        assert report_bytes(again, run) == report_bytes(core, run)


def waits(core: Core, run: Run) -> bool:
    return any(item.plugin_id == "analysis_waiting" and item.progress_done for item in core.runs.executions(run.run_id))


def finished(core: Core, run: Run) -> Run:
    worker = WorkerRuntime(core, kind="worker", places=2)
    worker.start()
    try:
        core.controlling.resume(run.run_id)
        return ended(core, run)
    finally:
        worker.stop(drain_s=5.0)


def test_what_was_there_before_is_kept_aside(core: Core, backup: Path) -> None:
    """A restore deletes nothing: what it replaces can be put back by hand."""
    home, before = core.settings.home, hashes(core.settings.home)
    core.close()
    (home / "runs" / "later").mkdir()
    (home / "runs" / "later" / "report.md").write_text("made after the backup")
    restored = open_restore(core.settings).restore(backup)
    assert hashes(home) == before
    assert restored.before is not None
    assert (restored.before / "runs" / "later" / "report.md").read_text() == "made after the backup"
    with closing(sqlite3.connect(restored.before / "state.sqlite")) as connection:
        assert connection.execute("SELECT count(*) FROM run").fetchone() == (1,)


def test_a_restore_that_dies_half_way_is_never_taken_for_whole(
    core: Core, ended_home: EndedHome, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At whichever move it dies: other commands are refused and told what to do, and restoring again makes it whole."""
    home, before = core.settings.home, hashes(core.settings.home)
    core.close()
    real = backups_adapter._move
    for survived in range(1, 12, 3):
        left = iter(range(survived))

        def move(source: Path, target: Path, left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise KeyboardInterrupt
            real(source, target)

        monkeypatch.setattr(backups_adapter, "_move", move)
        with pytest.raises(KeyboardInterrupt):
            open_restore(core.settings).restore(backup)
        monkeypatch.undo()
        with pytest.raises(Unhealthy) as refused:
            ended_home.open(home)
        assert refused.value.code == "restore_unfinished"
        assert str(backup) in refused.value.next_step
        open_restore(core.settings).restore(backup)
        assert hashes(home) == before
        ended_home.open(home).close()


@pytest.mark.parametrize("place", [0.2, 0.5, 0.97])
def test_a_damaged_backup_changes_nothing(core: Core, backup: Path, place: float) -> None:
    """Every hash is checked before the first file is touched."""
    data = bytearray(backup.read_bytes())
    data[int(len(data) * place)] ^= 1
    backup.write_bytes(data)
    before = hashes(core.settings.home)
    with pytest.raises(Tampered):
        open_restore(core.settings).restore(backup)
    assert hashes(core.settings.home) == before
    assert core.runs.page().runs
    assert not (core.settings.home / ".restoring").exists()


def test_files_that_are_no_backup_are_refused(core: Core, run_id: RunId, table: Path, tmp_path: Path) -> None:
    """A table, a pack, a database of somebody else, and nothing."""
    pack = core.exporting.export(run_id, tmp_path / "pack.zip").path
    with closing(sqlite3.connect(tmp_path / "other.sqlite")) as connection:
        connection.execute("CREATE TABLE t (a)")
    for path, error in (
        (table, Tampered),
        (pack, InputRefused),
        (tmp_path / "other.sqlite", InputRefused),
        (tmp_path / "no", InputRefused),
    ):
        with pytest.raises(error):
            open_restore(core.settings).restore(path)
    assert core.runs.page().runs


def test_damage_is_named_and_the_rest_is_saved(core: Core, run_id: RunId, tmp_path: Path) -> None:
    """A backup of a damaged home says what is not in it."""
    (core.store.run_folder(run_id) / "report.md").write_text("All is well.")
    made = core.backing_up.back_up(tmp_path / "backup.zip")
    assert [item.path for item in made.damaged] == [f"runs/{run_id}/report.md"]
    open_restore(settings_of(tmp_path / "restored")).restore(made.path)
    assert not (tmp_path / "restored" / "runs" / run_id / "report.md").exists()


def test_uploads_that_are_no_longer_kept_are_no_damage(core: Core, tmp_path: Path) -> None:
    """Retention may have dropped them."""
    (blob,) = core.settings.home.glob("blobs/*/*")
    blob.unlink()
    assert core.backing_up.back_up(tmp_path / "backup.zip").damaged == []


def test_a_report_that_is_rewritten_meanwhile_is_looked_at_again(
    core: Core, run_id: RunId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A retry changes registered files; the snapshot that fits them is the one in the backup."""
    real = FolderBackups.snapshot
    looks: list[Path] = []

    def snapshot(self: FolderBackups, target: Path) -> None:
        real(self, target)
        if not looks:
            report = core.store.run_folder(run_id) / "report.md"
            report.write_text("Written anew.")
            with closing(sqlite3.connect(self.database)) as connection, connection:
                connection.execute("UPDATE artifact SET sha256 = ? WHERE path = 'report.md'", (sha256_hex(report.read_bytes()),))
        looks.append(target)

    monkeypatch.setattr(FolderBackups, "snapshot", snapshot)
    assert core.backing_up.back_up().damaged == []
    assert len(looks) == 2


def test_only_the_newest_backups_stay(core: Core) -> None:
    """Of those this made itself; what somebody else put there is not touched."""
    (core.home.backups / "mine.zip").write_bytes(b"x")
    made = [core.backing_up.back_up(keep=2) for _ in range(4)]
    there = {path.name for path in core.home.backups.iterdir()}
    assert there == {"mine.zip", made[2].path.name, made[3].path.name}
    assert [path.name for path in made[3].removed] == [made[1].path.name]
    assert made[3].path.stat().st_mode & 0o077 == 0


def test_what_a_killed_backup_left_behind_is_removed(core: Core) -> None:
    """After a day; what is younger may belong to another process that is at it."""
    old, young = core.home.backups / ".unfinished-old", core.home.backups / ".unfinished-young"
    for folder in (old, young):
        folder.mkdir()
        (folder / "state.sqlite").write_bytes(b"half")
    os.utime(old, (1.0, 1.0))
    core.backing_up.back_up()
    assert (old.exists(), young.exists()) == (False, True)


def test_a_reader_and_a_writer_go_on_during_a_backup(core: Core, tmp_path: Path) -> None:
    """Neither waits for it, and it does not wait for them."""
    stop = threading.Event()
    notes: list[int] = []

    def write() -> None:
        while not stop.is_set():
            core.runs.note(core.runs.page().runs[0].run_id, "test.note", number=len(notes))
            notes.append(1)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        until(lambda: len(notes) > 3, "notes")
        made = core.backing_up.back_up(tmp_path / "backup.zip")
        after = len(notes)
        until(lambda: len(notes) > after, "more notes")
    finally:
        stop.set()
        writer.join()
    assert made.damaged == []
    open_restore(settings_of(tmp_path / "restored")).restore(made.path)


def test_nothing_is_put_back_under_a_running_worker(core: Core, backup: Path) -> None:
    """It would go on writing to what was replaced."""
    worker = WorkerRuntime(core, kind="worker", places=1)
    worker.start()
    try:
        with pytest.raises(Conflict) as refused:
            open_restore(core.settings)
    finally:
        worker.stop(drain_s=5.0)
    assert refused.value.code == "workers_running"
    open_restore(core.settings).restore(backup)


def test_a_damaged_database_stops_commands_with_the_way_back(core: Core, ended_home: EndedHome, run_id: RunId) -> None:
    """In its header or in a page: the newest backup is named, and restoring it helps."""
    made, home = core.backing_up.back_up(), core.settings.home
    core.close()
    for place in (0, 8192 + 2):
        with (home / "state.sqlite").open("r+b") as file:
            file.seek(place)
            file.write(b"\xff" * 64)
        with pytest.raises(Unhealthy) as refused:
            ended_home.open(home)
        assert refused.value.code == "state_database_corrupt"
        assert f"harness restore {made.path}" in refused.value.next_step
        open_restore(core.settings).restore(made.path)
        with closing(ended_home.open(home)) as again:
            assert again.replaying.replay(run_id)


class OldSchema:
    """Migrations of a database that is one version behind."""

    def __init__(self) -> None:
        self.upgraded = False

    def version(self) -> str:
        return "0000"

    def upgrade(self) -> None:
        self.upgraded = True


def test_a_copy_is_made_before_each_migration(core: Core, run_id: RunId) -> None:
    """It is the database as it was, a restore takes it, and only the newest three stay."""
    for number in range(5):
        clock = SystemClock()
        clock.now = lambda number=number: 1.8e9 + number  # type: ignore[method-assign,misc]
        old = OldSchema()
        upgrade_with_copy(core.settings, old, clock)  # type: ignore[arg-type]
        assert old.upgraded
    copies = sorted(core.home.backups.glob("state-before-migration-from-0000-*.sqlite"))
    assert len(copies) == 3
    core.close()
    with closing(sqlite3.connect(core.settings.home / "state.sqlite")) as connection, connection:
        connection.execute("DELETE FROM event")
    restored = open_restore(core.settings).restore(copies[-1])
    assert restored.database_only
    with closing(sqlite3.connect(core.settings.home / "state.sqlite")) as connection:
        assert connection.execute("SELECT count(*) > 0 FROM event").fetchone() == (1,)
    assert (core.settings.home / "runs" / run_id / "report.json").exists()


def test_no_migration_without_a_copy(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it cannot be made, nothing is changed."""

    def fail(self: FolderBackups, target: Path) -> None:
        raise Unhealthy("backup_failed", "No room.")

    monkeypatch.setattr(FolderBackups, "snapshot", fail)
    old = OldSchema()
    with pytest.raises(Unhealthy):
        upgrade_with_copy(core.settings, old, SystemClock())  # type: ignore[arg-type]
    assert not old.upgraded


def test_a_backup_of_a_newer_program_is_refused(core: Core, backup: Path) -> None:
    """Before anything is moved."""
    with pytest.raises(Unhealthy) as refused:
        backing_up_of(core.settings, SystemClock(), newest_schema="0000").restore(backup)
    assert refused.value.code == "backup_newer"
    assert core.runs.page().runs


def test_a_database_elsewhere_is_left_to_its_own_tools(core: Core) -> None:
    """PostgreSQL is not copied as a file."""
    adapter = FolderBackups(Home(core.settings.home), "postgresql://host/db", "memory://")
    with pytest.raises(UsageError) as refused:
        adapter.snapshot(core.home.backups / "x.sqlite")
    assert refused.value.code == "backup_elsewhere"


def test_a_full_disk_leaves_no_half_backup(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command says so, and the folder is as it was."""

    def full(self: object, target: Path, entries: object, *, private: bool) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("harness_core.adapters.packs.Archives.write", full)
    with pytest.raises(HarnessError) as refused:
        core.backing_up.back_up()
    assert (refused.value.exit_code, list(core.home.backups.iterdir())) == (8, [])


@pytest.mark.parametrize("dump", sorted((DATA / "databases").glob("*.sql")), ids=lambda path: path.stem)
def test_databases_of_every_version_are_read(dump: Path, tmp_path: Path) -> None:
    """A database as each version of the schema left it comes to the current one with its runs, and goes back and forth."""
    home = tmp_path / "home"
    home.mkdir()
    with closing(sqlite3.connect(home / "state.sqlite")) as connection:
        connection.executescript(dump.read_text(encoding="utf-8"))
    assert schema_version(home / "state.sqlite") == dump.stem
    with closing(open_core(settings_of(home))) as core:
        copies = list(core.home.backups.glob(f"state-before-migration-from-{dump.stem}-*.sqlite"))
        assert len(copies) == (dump.stem != HEAD)
        (run,) = core.runs.page().runs
        executions, events = core.runs.executions(run.run_id), core.runs.events(run.run_id)
        assert (run.status, len(executions), events[-1].type) == ("COMPLETED", 5, "run.ended")
        assert core.library.dataset_version(str(run.dataset_version_id)).row_count == 3
        assert core.checking.check().files > 0
        core.migrations.downgrade("base")
        core.migrations.upgrade()
        assert core.migrations.is_current()


def test_there_is_a_database_of_every_earlier_version() -> None:
    """Who adds a migration adds the database it starts from."""
    versions = {path.name.split("_")[0] for path in (product_folder("migrations") / "versions").glob("[0-9]*.py")}
    missing = sorted(versions - {HEAD} - {path.stem for path in (DATA / "databases").glob("*.sql")})
    assert not missing, f"on the commit before: .venv/bin/python -m tests.fakes.ended_homes tests/data/databases/{missing[0]}.sql"
