"""Export: a run whose every hash was checked, as one archive that anybody can check without this program's database."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness_core.domain.datasets import DatasetVersion
from harness_core.domain.errors import Conflict, Unhealthy, UsageError
from harness_core.domain.pack_documents import documents
from harness_core.domain.packs import (
    GONE,
    INDEX,
    MANIFEST,
    RAW,
    README,
    RUN,
    SUMS,
    WRITTEN_ANEW,
    LeftOut,
    PackFile,
    PackIndex,
    Redacted,
    checksums,
    readme,
    reason_to_leave_out,
)
from harness_core.domain.proofs import Documents
from harness_core.domain.redaction import Redaction
from harness_core.domain.runs import Artifact
from harness_core.ports.archives import Archives, Entry, SourceChanged
from harness_core.sdk.canonical import canonical_bytes, sha256_hex
from harness_core.services.personal_values import PersonalValues
from harness_core.services.replaying import Replay, Replaying

PARQUET = "application/vnd.apache.parquet"


@dataclass(frozen=True)
class Export:
    """What was written."""

    path: Path
    sha256: str
    size_bytes: int
    index: PackIndex
    file_count: int

    def as_dict(self) -> dict[str, Any]:
        return {
            "pack": str(self.path), "sha256": self.sha256, "bytes": self.size_bytes, "files": self.file_count,
            "run_id": self.index.run_id, "run_fingerprint": self.index.run_fingerprint, "include_raw": self.index.include_raw,
            "left_out": [item.as_dict() for item in self.index.left_out],
            "redacted": [item.as_dict() for item in self.index.redacted],
        }  # fmt: skip


@dataclass
class _Contents:
    """What has been put together so far; ``cleaner`` takes out what must not leave the house, ``secrets`` alone goes always."""

    include_raw: bool
    cleaner: Redaction
    secrets: Redaction = field(default_factory=lambda: Redaction(credentials=True))
    entries: list[Entry] = field(default_factory=list)
    files: list[PackFile] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    redacted: list[Redacted] = field(default_factory=list)

    def cleaned(self, told: Documents) -> tuple[Any, Any, Any]:
        """Manifest, report and schemas as the pack has them."""
        if self.include_raw:
            return self.secrets.value(told.manifest)[0], told.report, told.schemas
        manifest, report, schemas = self.cleaner.value([told.manifest, told.report, told.schemas])[0]
        return manifest, report, schemas


class Exporting:
    """Makes packs of ended runs of this home."""

    def __init__(self, home: Path, replaying: Replaying, archives: Archives, version: str, personal: PersonalValues) -> None:
        self._home, self._replaying, self._archives, self._version = home, replaying, archives, version
        self._personal = personal

    def export(self, run_id: str, target: Path, *, include_raw: bool = False) -> Export:
        """Raises Tampered for a run that is not as recorded, Conflict for one under way, UsageError for a bad target."""
        check_target(target)
        replay = self._replaying.replay(run_id)
        if replay.documents is None:
            raise Conflict("no_manifest", f"Run {replay.run.run_id} has no manifest.", next_step="Run `harness replay` on it.")
        names = set() if include_raw else self._personal.told_by(replay)
        contents = _Contents(include_raw, Redaction(credentials=True, personal=True, names=names))
        for artifact in replay.artifacts:
            self._add_artifact(contents, artifact)
        self._add_datasets(contents, replay)
        index = PackIndex(
            replay.run.run_id, replay.run.fingerprint, self._version, include_raw, contents.left_out, contents.redacted,
            {item.path: item.media_type for item in contents.files},
        )  # fmt: skip
        manifest, report, schemas = contents.cleaned(replay.documents)
        made = documents(manifest, report, schemas, contents.files) | {
            INDEX: canonical_bytes(index.as_dict()),
            README: readme(index),
        }
        for name, data in made.items():
            self._add(contents, name, data, "")
        entries = [*contents.entries, self._archives.measured(SUMS, checksums(contents.files))]
        sha256, size = write_archive(self._archives, target, entries)
        return Export(target, sha256, size, index, len(entries))

    def _add(self, contents: _Contents, path: str, source: Path | bytes, media_type: str) -> None:
        entry = self._archives.measured(path, source)
        contents.entries.append(entry)
        contents.files.append(PackFile(path, entry.sha256, entry.size_bytes, media_type))

    def _add_artifact(self, contents: _Contents, artifact: Artifact) -> None:
        path, source = f"{RUN}{artifact.path}", self._home / "runs" / artifact.run_id / artifact.path
        reason = None if contents.include_raw else reason_to_leave_out(artifact)
        if reason is not None:
            contents.left_out.append(LeftOut(path, artifact.sha256, reason))
        elif path == MANIFEST and contents.include_raw:
            self._add_cleaned(contents, contents.secrets, path, source.read_bytes(), artifact.media_type)
        elif contents.include_raw:
            self._add(contents, path, source, artifact.media_type)
        else:
            self._add_cleaned(contents, contents.cleaner, path, source.read_bytes(), artifact.media_type)

    def _add_cleaned(self, contents: _Contents, cleaner: Redaction, path: str, data: bytes, media_type: str) -> None:
        clean, removed = cleaner.data(data, path)
        if removed:
            contents.redacted.append(Redacted(path, sha256_hex(data), removed))
        self._add(contents, path, clean, media_type)

    def _add_datasets(self, contents: _Contents, replay: Replay) -> None:
        include_raw = contents.include_raw
        for version in replay.versions:
            folder = f"datasets/{version.dataset_version_id}"
            facts, data = canonical_bytes(version.facts()), self._home / folder / "data.parquet"
            if include_raw:
                self._add(contents, f"{folder}/schema.json", facts, "application/json")
            else:
                self._add_cleaned(contents, contents.cleaner, f"{folder}/schema.json", facts, "application/json")
            reason = self._why_not_the_data(replay, version, data) if include_raw else RAW
            if reason is None:
                self._add(contents, f"{folder}/data.parquet", data, PARQUET)
            else:
                contents.left_out.append(LeftOut(f"{folder}/data.parquet", _data_sha256(replay, version), reason))
        for sha256 in sorted({item.sha256 for item in replay.run.config.inputs}):
            blob = self._home / "blobs" / sha256[:2] / sha256
            if include_raw and blob.exists():
                self._add(contents, f"inputs/{sha256}", blob, "application/octet-stream")
            else:
                contents.left_out.append(LeftOut(f"inputs/{sha256}", sha256, GONE if include_raw else RAW))

    @staticmethod
    def _why_not_the_data(replay: Replay, version: DatasetVersion, data: Path) -> str | None:
        if version.dataset_version_id in replay.written_anew:
            return WRITTEN_ANEW
        return None if data.exists() else GONE


def _data_sha256(replay: Replay, version: DatasetVersion) -> str:
    """As the run's manifest has it, even where the data were written anew since."""
    datasets = replay.documents.manifest["datasets"] if replay.documents else ()
    told = {item["dataset_version_id"]: str(item["data_sha256"]) for item in datasets}
    return told.get(version.dataset_version_id, version.data_sha256)


def check_target(target: Path) -> None:
    """Raises UsageError for a place where no archive can be written."""
    if target.is_dir() or not target.name:
        raise UsageError("target_is_a_folder", f"{target} is a folder.", next_step="Name a file to write, such as run.zip.")
    if not target.parent.is_dir():
        raise UsageError("no_such_folder", f"There is no folder {target.parent}.", next_step="Make it, or name another place.")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise UsageError("folder_not_writable", f"{target.parent} cannot be written to.", next_step="Name another place.")


def write_archive(archives: Archives, target: Path, entries: Sequence[Entry], *, private: bool = False) -> tuple[str, int]:
    """Write ``target``; the troubles of disks and changing files in words."""
    try:
        return archives.write(target, entries, private=private)
    except SourceChanged as reason:
        raise Conflict("changed_meanwhile", f"{reason} changed while it was being copied.",
                       next_step="Wait until nothing writes to it, then try again.") from reason  # fmt: skip
    except OSError as reason:
        raise Unhealthy("not_written", f"{target} could not be written.", why=f"{reason.strerror or reason}.",
                        next_step="Make room on that disk, or name a place on another.") from reason  # fmt: skip
