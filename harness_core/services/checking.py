"""The check of everything that is kept: the state database, and every file that it speaks of, by presence and size or by hash."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness_core.domain.datasets import DatasetVersion
from harness_core.domain.errors import Tampered
from harness_core.domain.proofs import Mismatch
from harness_core.domain.runs import RUN_ENDED, Run
from harness_core.ports.state import Library, Runs
from harness_core.services.replaying import Replaying, file_mismatches

PAGE = 200


@dataclass
class Findings:
    """What came of a check. ``leftovers`` are folders that no record speaks of: nothing reads them, they only take room."""

    full: bool
    runs: int = 0
    datasets: int = 0
    uploads: int = 0
    files: int = 0
    mismatches: list[Mismatch] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        return not self.mismatches

    def as_dict(self) -> dict[str, Any]:
        return {
            "ok": self.sound, "full": self.full, "runs": self.runs, "datasets": self.datasets, "uploads": self.uploads,
            "files": self.files, "mismatches": [item.as_dict() for item in self.mismatches], "leftovers": list(self.leftovers),
        }  # fmt: skip


class Checking:
    """Looks at everything one home keeps; changes nothing."""

    def __init__(
        self,
        home: Path,
        runs: Runs,
        library: Library,
        replaying: Replaying,
        database_findings: Callable[[bool], Sequence[str]],
    ) -> None:
        self._home, self._runs, self._library, self._replaying = home, runs, library, replaying
        self._database_findings = database_findings

    def check(self, *, full: bool = False, on_run: Callable[[Run], None] = lambda run: None) -> Findings:
        """``full`` hashes every file and compares every record; otherwise files must be there and have their size."""
        found = Findings(full, mismatches=[Mismatch("state.sqlite", line) for line in self._database_findings(full)])
        if found.mismatches:
            return found
        named = {"runs": set[str](), "datasets": set[str]()}
        for run in self._all_runs():
            on_run(run)
            named["runs"].add(run.run_id)
            found.runs += 1
            self._check_run(run, found)
        for version in self._all_versions():
            named["datasets"].add(version.dataset_version_id)
            found.datasets += 1
            self._check_dataset(version, found)
        self._check_blobs(found)
        for folder, names in named.items():
            there = sorted(path.name for path in (self._home / folder).iterdir())
            found.leftovers += [f"{folder}/{name}" for name in there if name not in names]
        return found

    def _all_runs(self) -> Iterator[Run]:
        after: str | None = None
        while True:
            page = self._runs.page(after=after, limit=PAGE, deleted=True)
            yield from page.runs
            after = page.next
            if after is None:
                return

    def _all_versions(self) -> Iterator[DatasetVersion]:
        after: str | None = None
        while True:
            versions, after = self._library.dataset_versions(after=after, limit=PAGE, deleted=True)
            yield from versions
            if after is None:
                return

    def _check_run(self, run: Run, found: Findings) -> None:
        if run.status not in RUN_ENDED or run.purged_at is not None:
            return
        if not found.full:
            for artifact in self._runs.artifacts(run.run_id):
                found.files += 1
                found.mismatches += _size_mismatches(self._home, f"runs/{run.run_id}/{artifact.path}", artifact.size_bytes)
            return
        try:
            replay = self._replaying.look(run.run_id)
        except Tampered as reason:
            found.mismatches += [Mismatch(item.where, item.reason) for item in reason.problems]
            return
        found.files += len(replay.checked)
        elsewhere = ("datasets/", "blobs/")  # looked at once, however many runs share them
        found.mismatches += [_placed(run, item) for item in replay.mismatches if not item.path.startswith(elsewhere)]

    def _check_dataset(self, version: DatasetVersion, found: Findings) -> None:
        folder = f"datasets/{version.dataset_version_id}"
        if not (self._home / folder).exists():
            return  # no longer kept
        found.files += 1
        path = f"{folder}/data.parquet"
        if found.full:
            found.mismatches += file_mismatches(self._home, path, version.data_sha256)
        else:
            found.mismatches += _size_mismatches(self._home, path, version.data_bytes)

    def _check_blobs(self, found: Findings) -> None:
        """An upload is named by its hash, so that no record is needed."""
        for path in sorted((self._home / "blobs").glob("??/*")):
            found.uploads += 1
            found.files += 1
            if found.full:
                found.mismatches += file_mismatches(self._home, path.relative_to(self._home).as_posix(), path.name)


def _placed(run: Run, item: Mismatch) -> Mismatch:
    """A replay names the documents of its run by their plain names."""
    return item if item.path.startswith(("runs/", "state.sqlite")) else replace(item, path=f"runs/{run.run_id}/{item.path}")


def _size_mismatches(root: Path, path: str, size_bytes: int) -> list[Mismatch]:
    place = root / path
    if not place.is_file():
        return [Mismatch(path, "is missing", f"{size_bytes} bytes", "nothing")]
    actual = place.stat().st_size
    return [] if actual == size_bytes else [Mismatch(path, "has another size", f"{size_bytes} bytes", f"{actual} bytes")]
