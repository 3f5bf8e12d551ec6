"""Diagnostics: what is needed to understand a run from afar, in one archive, without secrets and without the data."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness_core.domain.errors import HarnessError
from harness_core.domain.packs import TEXTS, PackFile, checksums
from harness_core.domain.redaction import Redaction
from harness_core.domain.runs import RUN_ENDED, Artifact, Execution, ExecutionStatus, Run, RunId
from harness_core.domain.settings_resolution import secret_names
from harness_core.ports.archives import Archives
from harness_core.ports.catalog import Catalog
from harness_core.ports.state import Runs
from harness_core.sdk.canonical import canonical_bytes, jsonable
from harness_core.services.exporting import check_target, write_archive
from harness_core.services.personal_values import PersonalValues
from harness_core.services.replaying import Replay, Replaying, file_mismatches

LARGEST_FILE = 16 * 1024 * 1024
LARGEST_BUNDLE = 128 * 1024 * 1024  # of the run's files; the records beside them are small
README = "README.txt"
MAX_EVENTS = 20_000
PAGE = 500
TAKEN = (*TEXTS, ".log")
FIRST = ("run_manifest.json", "stderr.log", "stdout.log", "output.json", "report.json")
NOT_WELL = frozenset(ExecutionStatus) - {ExecutionStatus.OK, ExecutionStatus.NA, ExecutionStatus.REUSED}
MAX_SAID = 500


@dataclass(frozen=True)
class Diagnostics:
    """What was written, and how many texts were taken out of it."""

    path: Path
    sha256: str
    size_bytes: int
    names: Sequence[str]
    removed: int

    def as_dict(self) -> dict[str, Any]:
        return {
            "diagnostics": str(self.path), "sha256": self.sha256, "bytes": self.size_bytes, "files": list(self.names),
            "removed": self.removed,
        }  # fmt: skip


class Diagnosing:
    """Bundles what is known of a run, however it went and whatever is missing."""

    def __init__(
        self,
        home: Path,
        runs: Runs,
        catalog: Catalog,
        replaying: Replaying,
        archives: Archives,
        surroundings: Callable[[], Mapping[str, Any]],
        environ: Mapping[str, str],
        personal: PersonalValues,
    ) -> None:
        self._home, self._runs, self._catalog, self._replaying = home, runs, catalog, replaying
        self._archives, self._surroundings, self._environ, self._personal = archives, surroundings, environ, personal

    def write(self, run_id: str, target: Path) -> Diagnostics:
        """Raises NotFound for no such run, UsageError for a bad target. A damaged run is no obstacle: the damage is told."""
        check_target(target)
        run = self._runs.get(run_id)
        looked, verdict = self._looked(run)
        names = self._personal.told_by(looked) if looked else set()
        redaction = Redaction(self._secrets(run), credentials=True, personal=True, names=names)
        entries, files, total, left_out = [], [], 0, list[str]()
        for name, data in self._files(run, verdict, left_out):
            clean, removed = redaction.data(data, name)
            total += removed
            entries.append(self._archives.measured(name, clean))
            files.append(PackFile(name, entries[-1].sha256, entries[-1].size_bytes, ""))
        entries.append(self._archives.measured("SHA256SUMS", checksums(files)))
        sha256, size = write_archive(self._archives, target, entries, private=True)
        return Diagnostics(target, sha256, size, sorted(item.path for item in entries), total)

    def _secrets(self, run: Run) -> list[str]:
        """The values behind the references in the run's settings, as they are now; and where its user is at home, by name."""
        names = [*secret_names({name: dict(values) for name, values in run.config.settings.items()}), "HOME"]
        return [self._environ[name] for name in names if self._environ.get(name)]

    def _files(self, run: Run, verdict: Mapping[str, Any], left_out: list[str]) -> Iterator[tuple[str, bytes]]:
        """Names and bytes; the files of the run that do not fit go to ``left_out``, of which the last file speaks."""
        artifacts = self._runs.artifacts(run.run_id)
        yield "run.json", _json(asdict(run) | {"status": str(run.status), "config": run.config.as_dict()})
        yield "executions.json", _json([asdict(item) for item in self._runs.executions(run.run_id)])
        yield "attempts.json", _json([asdict(item) for item in self._runs.attempts(run.run_id)])
        yield "events.json", _json(self._events(run.run_id))
        yield "artifacts.json", _json([self._state_of(item) for item in artifacts])
        yield "replay.json", _json(verdict)
        yield "environment.json", _json(self._surroundings())
        yield from self._schemas(run)
        room = LARGEST_BUNDLE
        for item in sorted(artifacts, key=_by_use):
            place = self._home / "runs" / run.run_id / item.path
            size = place.stat().st_size if place.is_file() else None
            if size is None or not item.path.endswith(TAKEN) or size > min(LARGEST_FILE, room):
                left_out.append(f"{item.path}: {'it is not there' if size is None else f'{size:,} bytes'}")
                continue
            room -= size
            yield f"run/{item.path}", place.read_bytes()
        yield README, self._readme(run, verdict, left_out)

    def _readme(self, run: Run, verdict: Mapping[str, Any], left_out: Sequence[str]) -> bytes:
        """What happened, and where to look."""
        executions = self._runs.executions(run.run_id)
        bad = [item for item in executions if item.status in NOT_WELL]
        files = {True: "as recorded", False: "NOT as recorded, see replay.json"}.get(verdict["verified"], "not compared yet")
        lines = [
            f"Diagnostics of run {run.run_id}", f"Status: {run.status}", f"Run fingerprint: {run.fingerprint}",
            f"Files and records: {files}", f"Steps that did not end well: {len(bad)} of {len(executions)}", *map(_told, bad), "",
            "run.json, executions.json, attempts.json",
            "                   what was asked for, each step, times and memory of each attempt",
            "events.json        the timeline", "artifacts.json     every file of the run, and whether it is as recorded",
            "environment.json   versions, settings and where they came from, how plugins are contained",
            "replay.json        what differs from the record", "plugins/           the schemas of the plugins as they are now",
            "run/               reports, results and logs of the run", "",
            "Secrets, addresses, account numbers and the values of columns found personal were removed, the data are not in it.",
            f"Files of the run that are not in here: {len(left_out)}", *left_out,
        ]  # fmt: skip
        return ("\n".join(lines) + "\n").encode("utf-8")

    def _events(self, run_id: RunId) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while len(found) < MAX_EVENTS:
            page = self._runs.events(run_id, after=found[-1]["seq"] if found else 0, limit=PAGE)
            found += [event.as_dict() for event in page]
            if len(page) < PAGE:
                break
        return found

    def _state_of(self, artifact: Artifact) -> dict[str, Any]:
        """A row of the registry, and whether the file is what it says."""
        found = file_mismatches(self._home, f"runs/{artifact.run_id}/{artifact.path}", artifact.sha256)
        return artifact.as_dict() | {"plugin_id": artifact.plugin_id or None, "state": found[0].reason if found else "as recorded"}

    def _looked(self, run: Run) -> tuple[Replay | None, dict[str, Any]]:
        """The run as a replay sees it, and that in a document."""
        if run.status not in RUN_ENDED:
            return None, {"verified": None, "reason": f"The run has not ended ({run.status})."}
        try:
            looked = self._replaying.look(run.run_id)
        except HarnessError as reason:
            return None, {"verified": False, **reason.as_dict()}
        return looked, {key: value for key, value in looked.as_dict().items() if key != "insights"}

    def _schemas(self, run: Run) -> Iterator[tuple[str, bytes]]:
        """Of the plugins as they are now, with the hash that says whether they are those of the run."""
        plugins = self._catalog.plugins()
        for name in sorted(run.config.code.keys() & plugins.keys()):
            plugin = plugins[name]
            facts = {
                "version": plugin.manifest.version, "source": plugin.source, "code_hash": plugin.code_hash,
                "code_hash_of_the_run": run.config.code[name], "config_schema": plugin.config_schema,
                "config_schema_hash": plugin.config_schema_hash, "output_schema": plugin.output_schema,
                "output_schema_hash": plugin.output_schema_hash,
            }  # fmt: skip
            yield f"plugins/{name}.json", _json(facts)


def _by_use(artifact: Artifact) -> tuple[int, str]:
    """Manifest, logs and results first, so that they are in even where not everything is."""
    name = artifact.path.rsplit("/", 1)[-1]
    return FIRST.index(name) if name in FIRST else len(FIRST), artifact.path


def _told(execution: Execution) -> str:
    error = execution.error or {}
    said = " ".join(str(error.get("message") or execution.summary or "").split())
    return f"  {execution.plugin_id} {execution.status} after {execution.attempts} attempts: {said[:MAX_SAID]}"


def _json(value: Any) -> bytes:
    return canonical_bytes(jsonable(value))
