"""Copies of the state database, taken while it is in use, and putting a whole state folder back.

A restore moves everything that was there aside before it moves anything in. A marker says that this has begun; while it stands no
command works with the folder, so that half a restore is never taken for a whole one.
"""

import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from harness_core.adapters.files import remove_tree, replace, sync_file, sync_folder, write_atomically
from harness_core.adapters.home import STAGED, Home
from harness_core.domain.errors import Unhealthy, UsageError
from harness_core.ports.backups import KeptFile

SQLITE = "sqlite:///"
MARKER, INCOMING = "restore-unfinished", ".restoring"
REPLACED = ("runs", "datasets", "blobs", "plugins", "grants.json")
DATABASE_SUFFIXES = ("", "-wal", "-shm")
UNFINISHED = ".unfinished-"
FIRST_BYTES = b"SQLite format 3\x00"
MAX_FINDINGS = 20
KEPT_BEFORE_MIGRATIONS = 3
LEFT_BEHIND_S = 24 * 3600.0  # no copy takes longer, and another process may be making one


class FolderBackups:
    """Fulfils :class:`harness_core.ports.backups.Backups` for a home folder with a SQLite state database."""

    def __init__(self, home: Home, database_url: str, queue_url: str) -> None:
        self._home, self._url, self._queue_url = home, database_url, queue_url

    @property
    def database(self) -> Path:
        """Raises UsageError for a state database that is no SQLite file."""
        if not self._url.startswith(SQLITE):
            raise UsageError("backup_elsewhere", "Only a SQLite state database is backed up and put back here.",
                             why=f"This one is {self._url.split(':', 1)[0]}.",
                             next_step="Use that database's own tools, and copy the state folder beside it.")  # fmt: skip
        return Path(self._url.removeprefix(SQLITE))

    def snapshot(self, target: Path) -> None:
        unfinished = target.with_name(f"{UNFINISHED}{target.name}")
        try:
            with closing(sqlite3.connect(self.database)) as source, closing(sqlite3.connect(unfinished)) as copy:
                source.backup(copy)  # in one step: writers go on beside it, and none of them makes it begin again
                copy.execute("PRAGMA journal_mode = DELETE")
            unfinished.chmod(0o600)
            sync_file(unfinished)
            replace(unfinished, target)
        except (OSError, sqlite3.Error) as reason:
            unfinished.unlink(missing_ok=True)
            raise Unhealthy("backup_failed", "The state database could not be copied.", why=f"{reason}.",
                            next_step="Check the disk and the room on it, then try again.") from reason  # fmt: skip
        sync_folder(target.parent)

    def copy_before_migration(self, version: str | None, now: float) -> Path | None:
        """The database of that schema as a file of the backups folder, of which the newest stay; None where there is none yet.

        Raises as :meth:`snapshot` does: then nothing may be changed.
        """
        if version is None:
            return None
        from harness_core.services.backing_up import MIGRATION_NAME, prune  # hardly any start needs it

        stamp = f"{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%S}"
        copy = self._home.backups / f"state-before-migration-from-{version}-{stamp}.sqlite"
        self.snapshot(copy)
        prune(self._home.backups, MIGRATION_NAME, KEPT_BEFORE_MIGRATIONS)
        return copy

    @contextmanager
    def working_folder(self) -> Iterator[Path]:
        """A folder below ``backups`` that is gone afterwards; what was left by those that died goes too."""
        self._home.backups.mkdir(parents=True, exist_ok=True)
        for left in [*self._home.backups.glob(f"{UNFINISHED}*"), *self._home.backups.glob(".*.unfinished")]:
            with suppress(FileNotFoundError):  # another process is tidying up too
                if time.time() - left.stat().st_mtime > LEFT_BEHIND_S:
                    remove_tree(left)
        folder = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=self._home.backups))
        try:
            yield folder
        finally:
            remove_tree(folder)

    def kept_files(self, snapshot: Path) -> Sequence[KeptFile]:
        with closing(sqlite3.connect(f"{_read_only(snapshot)}&immutable=1", uri=True)) as connection:
            fences = dict(connection.execute("SELECT run_id || '/' || plugin_id, fence FROM execution WHERE fence IS NOT NULL"))
            found = [
                KeptFile(f"runs/{run_id}/{path}", sha256, self._staged(run_id, plugin_id, path, fences))
                for run_id, plugin_id, path, sha256 in connection.execute(
                    "SELECT run_id, plugin_id, path, sha256 FROM artifact ORDER BY run_id, path"
                )
            ]
            for name, sha256 in connection.execute("SELECT dataset_version_id, data_sha256 FROM dataset_version ORDER BY 1"):
                found.append(KeptFile(f"datasets/{name}/data.parquet", sha256, may_be_gone=f"datasets/{name}"))
                found.append(KeptFile(f"datasets/{name}/schema.json", None, may_be_gone=f"datasets/{name}"))
            for (sha256,) in connection.execute("SELECT DISTINCT sha256 FROM upload ORDER BY 1"):
                blob = f"blobs/{sha256[:2]}/{sha256}"
                found.append(KeptFile(blob, sha256, may_be_gone=blob))
        return [*found, *self._unrecorded()]

    @staticmethod
    def _staged(run_id: str, plugin_id: str, path: str, fences: dict[str, int]) -> str | None:
        """Where a committed file stands until it is published."""
        fence, parts = fences.get(f"{run_id}/{plugin_id}"), path.split("/", 2)
        return f"runs/{run_id}/{STAGED}/{plugin_id}.{fence}/{parts[2]}" if fence is not None and len(parts) == 3 else None

    def _unrecorded(self) -> list[KeptFile]:
        """The installed bundles and the grants: state of which the database says nothing."""
        whole = (entry for entry in sorted(self._home.bundles.glob("*")) if not entry.name.startswith(STAGED))
        places = [place for entry in whole for place in (entry, *sorted(entry.rglob("*")))] + [self._home.grants]
        there = (path for path in places if path.is_file() and not path.is_symlink())
        return [KeptFile(path.relative_to(self._home.root).as_posix(), None) for path in there]

    def free_bytes(self) -> int:
        return self._home.free_bytes()

    def begin_restore(self) -> Path:
        remove_tree(self._home.root / INCOMING)
        (self._home.root / INCOMING).mkdir(mode=0o700)
        return self._home.root / INCOMING

    def abandon_restore(self) -> None:
        remove_tree(self._home.root / INCOMING)

    def finish_restore(self, source: Path, aside: str, *, files: bool) -> Path | None:
        root, incoming = self._home.root, self._home.root / INCOMING
        _forget_workers(incoming / "state.sqlite")
        os.sync()  # once for everything that was unpacked, however many files
        write_atomically(root / MARKER, str(source).encode("utf-8"))
        old = _fresh_folder(self._home.backups, aside)
        for suffix in DATABASE_SUFFIXES:
            _move(self.database.with_name(self.database.name + suffix), old / f"state.sqlite{suffix}")
        for name in REPLACED if files else ():
            _move(root / name, old / name)
            _move(incoming / name, root / name)
        self.database.parent.mkdir(parents=True, exist_ok=True)
        _move(incoming / "state.sqlite", self.database)
        self._forget_rings()
        self._home.make()
        for folder in (root, self.database.parent, old):
            sync_folder(folder)
        with suppress(OSError):
            old.rmdir()  # only where nothing was moved there
        remove_tree(incoming)
        (root / MARKER).unlink()
        return old if old.exists() else None

    def _forget_rings(self) -> None:
        """Deliveries for a state that is no more; the state database rings anew."""
        if self._queue_url.startswith(SQLITE):
            queue = Path(self._queue_url.removeprefix(SQLITE))
            for suffix in DATABASE_SUFFIXES:
                queue.with_name(queue.name + suffix).unlink(missing_ok=True)


def _forget_workers(database: Path) -> None:
    """Whoever worked when the copy was made does not work on this one, even if that process still lives."""
    with closing(sqlite3.connect(database)) as connection, connection, suppress(sqlite3.OperationalError):
        connection.execute("DELETE FROM worker")


def _fresh_folder(parent: Path, name: str) -> Path:
    for number in range(1000):
        folder = parent / (f"{name}-{number}" if number else name)
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            return folder
    raise FileExistsError(name)


def _move(source: Path, target: Path) -> None:
    """Rename what is there, over file systems too; an empty folder is not worth keeping."""
    if source.is_dir():
        with suppress(OSError):
            source.rmdir()
    if source.exists():
        shutil.move(source, target)


def refuse_unfinished_restore(home: Home) -> None:
    """Raises Unhealthy while a restore of this folder has begun and not ended."""
    try:
        name = (home.root / MARKER).read_text(encoding="utf-8")
    except FileNotFoundError:
        return
    raise Unhealthy("restore_unfinished", "A restore of this state folder was interrupted, so it is not whole.",
                    why="What was there before is in the backups folder.",
                    next_step=f"Run it again: harness restore {name}")  # fmt: skip


def refuse_damaged_database(home: Home, database_url: str) -> None:
    """Raises Unhealthy where SQLite's quick check finds something; a database that is not there yet is fine."""
    path = Path(database_url.removeprefix(SQLITE))
    if not database_url.startswith(SQLITE) or not path.exists() or path.stat().st_size == 0:
        return
    found = database_findings(path)
    if found:
        copies = sorted(home.backups.glob("[!.]*.*"), key=lambda copy: (copy.suffix == ".zip", copy.stat().st_mtime_ns))
        remedy = (
            f"run `harness restore {copies[-1]}`"
            if copies
            else "run `harness restore FILE` with a backup from elsewhere; there is none in the backups folder"
        )
        raise Unhealthy("state_database_corrupt", "The state database is damaged.", why=f"SQLite says: {found[0]}",
                        next_step=f"Stop all workers, then {remedy}.", findings=found)  # fmt: skip


def is_database(path: Path) -> bool:
    """Whether a file begins as SQLite's do."""
    with path.open("rb") as file:
        return file.read(len(FIRST_BYTES)) == FIRST_BYTES


def database_findings(path: Path, *, full: bool = False) -> list[str]:
    """What SQLite finds wrong with a database file: nothing when it is sound. ``full`` compares every index with its table too.

    Raises Unhealthy where it cannot be looked at, which says nothing about what is in it.
    """
    try:
        with closing(sqlite3.connect(_read_only(path), uri=True, timeout=30.0)) as connection:
            pragma = "integrity_check" if full else "quick_check"
            found = [str(row[0]) for row in connection.execute(f"PRAGMA {pragma}({MAX_FINDINGS})")]
            broken = connection.execute("PRAGMA foreign_key_check").fetchmany(MAX_FINDINGS) if full else []
    except sqlite3.OperationalError as reason:
        raise Unhealthy("state_database_unavailable", "The state database could not be read.", why=f"{reason}.",
                        next_step="Check the disk and its permissions, then run `harness doctor`.") from reason  # fmt: skip
    except sqlite3.DatabaseError as reason:
        return [str(reason)]
    return [line for line in found if line != "ok"] + [f"a row of {row[0]} refers to {row[2]} that is not there" for row in broken]


def schema_version(path: Path) -> str | None:
    """The version of the schema in a database file; None where there is none."""
    try:
        with closing(sqlite3.connect(f"{_read_only(path)}&immutable=1", uri=True)) as connection:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.DatabaseError:
        return None
    return str(row[0]) if row else None


def _read_only(path: Path) -> str:
    return f"file:{quote(str(path))}?mode=ro"
