"""Backup and restore: a state folder as one archive, taken while work goes on, and put back whole or not at all."""

import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness_core.domain.errors import Conflict, InputRefused, Unhealthy, UsageError
from harness_core.domain.packs import PackFile, checksums, read_checksums
from harness_core.domain.proofs import Mismatch
from harness_core.ports.archives import Archives, BadArchive, Entry, OpenArchive
from harness_core.ports.backups import Backups, KeptFile
from harness_core.ports.world import Clock
from harness_core.sdk.canonical import NotCanonical, canonical_bytes, strict_loads
from harness_core.services.exporting import check_target, write_archive
from harness_core.services.replaying import tampered

SCHEMA_VERSION = "backup.v1"
ABOUT, SUMS, DATABASE = "backup.json", "SHA256SUMS", "state.sqlite"
NAME = re.compile(r"backup-\d{8}T\d{6}Z(-\d+)?\.zip")
MIGRATION_NAME = re.compile(r"state-before-migration-.+\.sqlite")
KEEP = 7
OLDER = "Nothing was changed. Use another file of the backups folder, or another copy of this one."
LOOKS = 3  # files may change while they are copied: a run that is retried writes its report anew


@dataclass(frozen=True)
class BackupMade:
    """What was written, what was found damaged on the way, and which old backups were removed."""

    path: Path
    sha256: str
    size_bytes: int
    file_count: int
    counts: Mapping[str, int]
    damaged: Sequence[Mismatch] = ()
    removed: Sequence[Path] = ()

    def as_dict(self) -> dict[str, Any]:
        return {
            "backup": str(self.path), "sha256": self.sha256, "bytes": self.size_bytes, "files": self.file_count,
            "counts": dict(self.counts), "damaged": [item.as_dict() for item in self.damaged],
            "removed": [str(path) for path in self.removed],
        }  # fmt: skip


@dataclass(frozen=True)
class Restored:
    """What was put back, and where that which was there before is now."""

    source: Path
    file_count: int
    schema: str | None
    before: Path | None
    database_only: bool = False

    def as_dict(self) -> dict[str, Any]:
        return {
            "restored_from": str(self.source), "files": self.file_count, "schema": self.schema,
            "replaced_state": str(self.before) if self.before else None, "database_only": self.database_only,
        }  # fmt: skip


@dataclass(frozen=True)
class DatabaseLook:
    """What can be said of a database file without opening it as ours."""

    findings: Callable[[Path], Sequence[str]]
    is_database: Callable[[Path], bool]
    schema: Callable[[Path], str | None]
    newest_schema: str


@dataclass
class _Looked:
    """One look at everything that belongs into a backup."""

    entries: list[Entry] = field(default_factory=list)
    damaged: list[Mismatch] = field(default_factory=list)


class BackingUp:
    """Makes backups of one home, and puts them back."""

    def __init__(self, home: Path, backups: Backups, archives: Archives, look: DatabaseLook, clock: Clock, version: str) -> None:
        self._home, self._backups, self._archives, self._look = home, backups, archives, look
        self._clock, self._version = clock, version

    def back_up(self, target: Path | None = None, *, keep: int = KEEP) -> BackupMade:
        """Write ``target``, or a file of the backups folder, of which the newest ``keep`` then stay.

        Raises Unhealthy where the database cannot be copied, UsageError for a place that will not do.
        """
        path = target or self._fresh_name()
        check_target(path)
        with self._backups.working_folder() as folder:
            looked = self._looked(folder)
            entries = [*looked.entries, self._archives.measured(ABOUT, self._about(folder / DATABASE, looked))]
            files = [PackFile(item.path, item.sha256, item.size_bytes, "") for item in entries]
            entries.append(self._archives.measured(SUMS, checksums(files)))
            sha256, size = write_archive(self._archives, path, entries, private=True)
        removed = prune(self._home / "backups", NAME, keep) if target is None else []
        return BackupMade(path, sha256, size, len(entries), _counts(looked.entries), looked.damaged, removed)

    def _fresh_name(self) -> Path:
        base = f"backup-{self._stamp()}"
        names = (self._home / "backups" / f"{base}{f'-{number}' if number else ''}.zip" for number in range(1000))
        return next(path for path in names if not path.exists())

    def _stamp(self) -> str:
        return f"{datetime.fromtimestamp(self._clock.now(), UTC):%Y%m%dT%H%M%SZ}"

    def _about(self, snapshot: Path, looked: _Looked) -> bytes:
        return canonical_bytes(
            {
                "schema_version": SCHEMA_VERSION, "made_by": self._version, "made": self._stamp(),
                "database_schema": self._look.schema(snapshot), "counts": _counts(looked.entries),
                "damaged": [item.as_dict() for item in looked.damaged],
            }
        )  # fmt: skip

    def _looked(self, folder: Path) -> _Looked:
        """A snapshot and the files it speaks of. What does not fit is looked at anew, and is damaged if that does not help."""
        for _ in range(LOOKS):
            snapshot = folder / DATABASE
            self._backups.snapshot(snapshot)
            looked = _Looked([self._archives.measured(DATABASE, snapshot)])
            for kept in self._backups.kept_files(snapshot):
                self._add(looked, kept)
            if not looked.damaged:
                break
        return looked

    def _add(self, looked: _Looked, kept: KeptFile) -> None:
        last: str | None = None
        for place in (kept.path, kept.staged, kept.path):
            try:
                entry = self._archives.measured(kept.path, self._home / place) if place else None
            except OSError as reason:
                last = reason.strerror
                continue
            if entry is not None and kept.sha256 in (None, entry.sha256):
                looked.entries.append(entry)
                return
            last = entry.sha256 if entry else last
        if kept.may_be_gone is None or (self._home / kept.may_be_gone).exists():
            looked.damaged.append(Mismatch(kept.path, "is not what was recorded", kept.sha256, last))

    def restore(self, path: Path) -> Restored:
        """Put back a backup, or a copy of the state database alone. What was there is kept aside.

        Raises Tampered for an archive that is not whole, InputRefused for a file that is no backup, Unhealthy for a newer one.
        """
        if not path.is_file():
            raise InputRefused("no_such_file", f"There is no file {path}.", next_step="Name a file of the backups folder.")
        source = path.absolute()
        self._backups.database  # noqa: B018 - refuses what cannot be put back, before anything is touched
        self._check_room(source)
        incoming = self._backups.begin_restore()
        try:
            alone = self._look.is_database(source)
            count = self._unpack_database(source, incoming) if alone else self._unpack(source, incoming)
            schema = self._checked_schema(incoming / DATABASE)
        except BaseException:
            self._backups.abandon_restore()
            raise
        before = self._backups.finish_restore(source, f"before-restore-{self._stamp()}", files=not alone)
        return Restored(source, count, schema, before, alone)

    def _check_room(self, source: Path) -> None:
        free, needed = self._backups.free_bytes(), source.stat().st_size
        if free < needed:
            raise Unhealthy("no_room", f"{needed:,} bytes are needed to unpack this backup, and {free:,} are free.",
                            why="What is there now is kept until everything is unpacked.",
                            next_step="Make room on the disk of the state folder, then try again.")  # fmt: skip

    def _unpack_database(self, path: Path, incoming: Path) -> int:
        shutil.copyfile(path, incoming / DATABASE)
        return 1

    def _unpack(self, path: Path, incoming: Path) -> int:
        try:
            with self._archives.open(path) as archive:
                listed = _listed(path, archive)
                for name in archive.sizes:
                    if name in (ABOUT, SUMS):
                        continue
                    actual = archive.extract(name, incoming / name)
                    if actual != listed[name]:
                        raise tampered(
                            f"{path.name} is not what was written.", [Mismatch(name, "has changed", listed[name], actual)]
                        )
                return len(listed)
        except BadArchive as reason:
            raise tampered(f"{path.name} is not a whole backup.", [Mismatch(path.name, str(reason))], OLDER) from reason

    def _checked_schema(self, database: Path) -> str | None:
        found, schema = self._look.findings(database), self._look.schema(database)
        if found:
            raise Unhealthy("backup_damaged", "The state database in this backup is damaged, so nothing was changed.",
                            why="; ".join(found[:3]), next_step="Use an older file of the backups folder.")  # fmt: skip
        if schema is None:
            raise InputRefused("no_state_database", "This is no state database of Statistic Harness, so nothing was changed.",
                               next_step="Name a file of the backups folder.")  # fmt: skip
        if schema > self._look.newest_schema:
            raise Unhealthy("backup_newer", f"This backup has schema {schema}, this program knows {self._look.newest_schema}.",
                            next_step="Upgrade this installation, then restore again.")  # fmt: skip
        return schema


def _listed(path: Path, archive: OpenArchive) -> dict[str, str]:
    """The hashes that a backup lists for exactly the files it has."""
    if SUMS not in archive.sizes or ABOUT not in archive.sizes:
        raise InputRefused("no_backup", f"{path.name} is no backup of Statistic Harness.", why="It has no list of what is in it.",
                           next_step="Name a file of the backups folder.")  # fmt: skip
    try:
        listed, about = read_checksums(archive.read(SUMS)), strict_loads(archive.read(ABOUT))
    except (ValueError, NotCanonical) as reason:
        raise tampered(f"{path.name} is not a whole backup.", [Mismatch(SUMS, f"cannot be read: {reason}")], OLDER) from reason
    if not isinstance(about, Mapping) or about.get("schema_version") != SCHEMA_VERSION:
        raise UsageError("unknown_backup", f"{path.name} was made by another version of this program.",
                         next_step="Restore it with a later version.")  # fmt: skip
    differ = sorted(listed.keys() ^ (archive.sizes.keys() - {SUMS}))
    if differ or DATABASE not in listed:
        found = [Mismatch(name, "is missing or not listed") for name in differ or [DATABASE]]
        raise tampered(f"{path.name} is not a whole backup.", found, OLDER)
    return listed


def _counts(entries: Sequence[Entry]) -> dict[str, int]:
    """How many runs, dataset versions and uploads are in it."""
    parts = [entry.path.split("/") for entry in entries]
    return {
        "runs": len({part[1] for part in parts if part[0] == "runs"}),
        "datasets": len({part[1] for part in parts if part[0] == "datasets"}),
        "uploads": len({part[2] for part in parts if part[0] == "blobs"}),
    }


def prune(folder: Path, name: re.Pattern[str], keep: int) -> list[Path]:
    """Remove all but the newest ``keep`` files of that form of name; returns what was removed. Nothing else is touched."""
    named = (path for path in folder.iterdir() if name.fullmatch(path.name))
    found = sorted(named, key=lambda path: (path.stat().st_mtime_ns, path.name))
    removed = found[:-keep] if keep else found
    for path in removed:
        path.unlink(missing_ok=True)
    return removed


def refuse_while_working(alive: int) -> None:
    """Raises Conflict while processes would go on writing to what is being replaced."""
    if alive:
        raise Conflict("workers_running", "Nothing can be put back while workers or a service are running.",
                       why="They would go on writing to what is being replaced.", next_step="Stop them first.")  # fmt: skip
