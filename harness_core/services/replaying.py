"""Replay: every byte and every record of a run compared with what was recorded, and then its report. Nothing executes."""

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness_core.domain.datasets import DatasetVersion
from harness_core.domain.errors import Conflict, NotFound, Tampered
from harness_core.domain.proofs import (
    MANIFEST,
    REPORT,
    Documents,
    Mismatch,
    Records,
    document_mismatches,
    record_mismatches,
)
from harness_core.domain.run_manifests import iso_time
from harness_core.domain.runs import RUN_ENDED, Artifact, DatasetVersionId, Run
from harness_core.ports.state import Library, Runs
from harness_core.ports.store import Store
from harness_core.sdk.canonical import NotCanonical, canonical_bytes, sha256_hex, strict_loads
from harness_core.services.run_datasets import dataset_versions_of

# What a process that was killed while writing leaves behind; nobody reads it, and it is no part of the run.
UNFINISHED = re.compile(r"\.(report\.(json|md|html)|run_manifest\.json)\.\w{8}")
SAME_WRITER = ("pyarrow", "duckdb")  # other versions of them give other bytes of Parquet for the same values
STAGED = ".staged/"
OUTPUT = re.compile(r"plugins/[^/]+/output\.json")
DISTRUST = "Do not rely on it. Restore a backup (`harness restore`), or submit the file again."
MALFORMED = (KeyError, TypeError, ValueError, AttributeError, IndexError)


@dataclass(frozen=True)
class Replay:
    """What was looked at. ``documents`` is None where the manifest itself cannot be read.

    ``written_anew`` are dataset versions whose data are those of the run, in the bytes of another version of the Parquet writer.
    """

    run: Run
    versions: Sequence[DatasetVersion]
    artifacts: Sequence[Artifact]
    documents: Documents | None
    checked: Sequence[str]
    not_kept: Sequence[str]
    mismatches: Sequence[Mismatch]
    written_anew: Sequence[str] = ()

    @property
    def report(self) -> Mapping[str, Any]:
        """Empty for a cancelled run, which has none."""
        return (self.documents.report if self.documents else None) or {}

    def as_dict(self) -> dict[str, Any]:
        return {
            "run_id": self.run.run_id, "status": str(self.run.status), "run_fingerprint": self.run.fingerprint,
            "verified": not self.mismatches, "files_checked": len(self.checked), "not_kept": list(self.not_kept),
            "written_anew": list(self.written_anew),
            "mismatches": [item.as_dict() for item in self.mismatches], "insights": list(self.report.get("insights", ())),
        }  # fmt: skip


class Replaying:
    """Looks at ended runs of this home."""

    def __init__(self, home: Path, runs: Runs, library: Library, store: Store) -> None:
        self._home, self._runs, self._library, self._store = home, runs, library, store

    def replay(self, run_id: str) -> Replay:
        """Raises Tampered, naming every file and record that is not as recorded, and Conflict for a run that has not ended."""
        looked = self.look(run_id)
        if looked.mismatches:
            raise tampered(f"Run {looked.run.run_id} is not what was recorded.", looked.mismatches)
        return looked

    def look(self, run_id: str) -> Replay:
        """The same without raising Tampered: what differs is in ``mismatches``."""
        try:
            records = self._records(run_id)
        except MALFORMED as reason:
            mismatch = Mismatch("state.sqlite", f"the record of run {run_id} cannot be read ({type(reason).__name__}: {reason})")
            raise tampered(f"Run {run_id} is not what was recorded.", [mismatch]) from reason
        checked, not_kept, found = self._files(records)
        documents, unreadable = self._documents(records, {item.path for item in found})
        found += unreadable
        if documents is not None:
            told = documents.manifest
            with suppress(*MALFORMED):  # a manifest of another shape is told of below
                records = replace(records, written_anew=self._written_anew(records, told))
            found += agreement(lambda: document_mismatches(documents), MANIFEST)
            found += agreement(lambda: record_mismatches(records, told), "state.sqlite")
        anew = list(records.written_anew)
        return Replay(records.run, records.versions, records.artifacts, documents, checked, not_kept, found, anew)

    def _records(self, run_id: str) -> Records:
        run = self._runs.get(run_id)
        if run.status not in RUN_ENDED:
            raise Conflict("run_under_way", f"Run {run.run_id} has not ended ({run.status}), so there is nothing to verify yet.",
                           next_step="Watch it with `harness runs watch`, or go on with `harness runs resume`.")  # fmt: skip
        refuse_purged(run)
        executions = self._runs.executions(run.run_id)
        for execution in executions:
            if execution.fence is not None:
                self._store.publish(run.run_id, execution.plugin_id, execution.fence)
        versions = dataset_versions_of(self._library, run.datasets)
        return Records(run, executions, self._runs.attempts(run.run_id), versions, self._runs.artifacts(run.run_id))

    def _written_anew(self, records: Records, manifest: Mapping[str, Any]) -> list[str]:
        """Dataset versions in other bytes than the manifest says, which have been read by other versions of the Parquet writers.

        Where no run had other writers there is no such excuse for other bytes.
        """
        then = {item["dataset_version_id"]: item["data_sha256"] for item in manifest["datasets"]}
        other = [version.dataset_version_id for version in records.versions
                 if version.data_sha256 != then.get(version.dataset_version_id)]  # fmt: skip
        return [name for name in other if any(writers != _writers(records.run) for writers in self._writers_of(name))]

    def _writers_of(self, name: DatasetVersionId) -> Iterator[tuple[str | None, ...]]:
        return (_writers(self._runs.get(run_id)) for run_id in self._library.runs_of_dataset(name))

    def _files(self, records: Records) -> tuple[list[str], list[str], list[Mismatch]]:
        """Paths below the home that were hashed, things that are no longer kept, and what differs."""
        not_kept: list[str] = []
        expected = list(self._expected(records, not_kept))
        found = [item for path, sha256 in expected for item in file_mismatches(self._home, path, sha256)]
        top = f"runs/{records.run.run_id}"
        registered = {artifact.path for artifact in records.artifacts}
        for relative in files_below(self._home / top):
            if relative not in registered and not UNFINISHED.fullmatch(relative) and not relative.startswith(STAGED):
                found.append(Mismatch(f"{top}/{relative}", "is not registered", "no such file", "a file"))
        return [path for path, _ in expected], not_kept, found

    def _expected(self, records: Records, not_kept: list[str]) -> Iterator[tuple[str, str]]:
        """Every file that must be there, as its path below the home and its SHA-256."""
        top = f"runs/{records.run.run_id}"
        registered = {artifact.path for artifact in records.artifacts}
        for artifact in records.artifacts:
            yield f"{top}/{artifact.path}", artifact.sha256
        for name in (MANIFEST, *(() if records.run.status == "CANCELLED" else (REPORT,))):
            if name not in registered:
                yield f"{top}/{name}", "a registered hash"
        for version in records.versions:
            yield from self._dataset(version, not_kept)
        for sha256 in sorted({item.sha256 for item in records.run.config.inputs}):
            path = f"blobs/{sha256[:2]}/{sha256}"
            if (self._home / path).exists():
                yield path, sha256
            else:
                not_kept.append(path)

    def _dataset(self, version: DatasetVersion, not_kept: list[str]) -> Iterator[tuple[str, str]]:
        """A dataset version is kept as a whole or not at all: a folder without its data is damaged."""
        folder = f"datasets/{version.dataset_version_id}"
        if not (self._home / folder).exists():
            not_kept.append(folder)
            return
        yield f"{folder}/data.parquet", version.data_sha256
        yield f"{folder}/schema.json", sha256_hex(canonical_bytes(version.facts()))

    def _documents(self, records: Records, damaged: set[str]) -> tuple[Documents | None, list[Mismatch]]:
        """The run's documents; those that cannot be read are mismatches, unless their bytes are known to differ already."""
        top = f"runs/{records.run.run_id}"
        outputs = [item.path for item in records.artifacts if OUTPUT.fullmatch(item.path)]
        read: dict[str, Any] = {}
        unreadable = []
        for path in (MANIFEST, REPORT, *outputs):
            place = self._home / top / path
            if not place.is_file():
                continue
            try:
                read[path] = strict_loads(place.read_bytes())
            except (NotCanonical, OSError) as reason:
                if f"{top}/{path}" not in damaged:
                    unreadable.append(Mismatch(f"{top}/{path}", f"cannot be read: {reason}"))
        if not isinstance(read.get(MANIFEST), Mapping):
            return None, unreadable
        facts = {str(version.dataset_version_id): version.facts() for version in records.versions}
        named = {path.split("/")[1]: read[path] for path in outputs if path in read}
        return Documents(read[MANIFEST], read.get(REPORT), named, facts), unreadable


def _writers(run: Run) -> tuple[str | None, ...]:
    """The versions of what wrote a run's Parquet."""
    return tuple(run.config.engine.get(name) for name in SAME_WRITER)


def refuse_purged(run: Run) -> None:
    """Raises NotFound for a run of which only the record is left."""
    if run.purged_at is not None:
        raise NotFound("run_not_kept", f"The files of run {run.run_id} are no longer kept; only its record is.",
                       why=f"It was deleted, and its grace ended on {iso_time(run.purged_at)}.",
                       next_step="Submit its file again; the same file and settings give the same report.")  # fmt: skip


def file_mismatches(root: Path, path: str, expected: str) -> list[Mismatch]:
    """What is wrong with one file below ``root``: missing, no regular file, or other bytes than the hash says."""
    place = root / path
    try:
        if place.is_symlink() or not place.is_file():
            there = place.is_symlink() or place.exists()
            return [
                Mismatch(path, "is no regular file" if there else "is missing", expected, "something else" if there else "nothing")
            ]
        with place.open("rb") as file:
            actual = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as reason:
        return [Mismatch(path, f"cannot be read: {reason.strerror}", expected, None)]
    return [] if actual == expected else [Mismatch(path, "has changed", expected, actual)]


def files_below(folder: Path) -> list[str]:
    """Every file below ``folder`` and every link, as sorted relative paths; nothing is followed."""
    found = []
    for root, folders, files in os.walk(folder):
        links = [name for name in folders if (Path(root) / name).is_symlink()]
        found += [(Path(root) / name).relative_to(folder).as_posix() for name in (*files, *links)]
    return sorted(found)


def agreement(compare: Callable[[], Sequence[Mismatch]], path: str) -> Sequence[Mismatch]:
    """What a comparison finds; documents of another shape than ours do not agree either."""
    try:
        return compare()
    except MALFORMED as reason:
        return [Mismatch(path, f"is not of the expected shape ({type(reason).__name__}: {reason})")]


def tampered(what: str, mismatches: Sequence[Mismatch], next_step: str = DISTRUST) -> Tampered:
    """One error that names every mismatch."""
    return Tampered(
        "tampered", what, why=f"{len(mismatches)} mismatch{'es' * (len(mismatches) > 1)}:",
        next_step=next_step,
        problems=[item.as_problem() for item in mismatches], mismatches=[item.as_dict() for item in mismatches],
    )  # fmt: skip
