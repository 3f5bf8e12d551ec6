"""Verify: a replay, and then every piece of evidence of the report checked again; the queries run in a guest, under lock."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness_core.domain.evidence import Cited, artifact_disagreement, cited, disagreement, rows_disagreement
from harness_core.domain.proofs import Documents, Mismatch
from harness_core.domain.redaction import REMOVED
from harness_core.domain.statements import Stated, stated
from harness_core.ports.launcher import GuestRequest, Launcher, Progress
from harness_core.ports.store import Store
from harness_core.ports.world import Names
from harness_core.sdk import tools
from harness_core.sdk.canonical import NotCanonical, compact_bytes, strict_loads
from harness_core.services.replaying import Replaying, tampered
from harness_core.services.rereading import Reread, Rereading

QUERY_S = 60.0
TOTAL_S = 1800.0
MEMORY_MB = 2048
SHOWN_ROWS = 20
LARGEST_ARTIFACT = 16 * 1024 * 1024
NO_DATA = "it needs the original file (--data FILE)"
NOT_READ_AGAIN = "the original file could not be read again in the same way here"
WRITTEN_ANEW = "The Parquet of {name} was written anew by another version of its writer; the queries decide."
HAS_GAPS = "what looks personal was taken out of it"


@dataclass(frozen=True)
class Difference:
    """Evidence that does not hold. ``actual`` has the first rows that the query returned, or None where it did not."""

    finding_id: str
    plugin_id: str
    type: str
    sql: str
    reason: str
    expected: Any = None
    actual: Any = None

    def as_dict(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass(frozen=True)
class Verification:
    """What came of it. ``not_checkable`` is evidence that could not be tried here, with the reason.

    ``stated`` are the numbers in the findings' sentences, each with what yields it: the evidence, the statistics alone, or nothing.
    A sentence that says more than its evidence does not make the run another one, so that alone fails no verification.
    """

    subject: str
    run_fingerprint: str
    files_checked: int
    checked: int = 0
    differences: Sequence[Difference] = ()
    not_checkable: Sequence[Difference] = ()
    notes: Sequence[str] = ()
    stated: Sequence[Stated] = ()

    @property
    def unbound(self) -> list[Stated]:
        """Numbers in sentences that no evidence yields."""
        return [item for item in self.stated if item.source != "evidence"]

    @property
    def verified(self) -> bool:
        return not self.differences

    def as_dict(self) -> dict[str, Any]:
        return {
            "subject": self.subject, "run_fingerprint": self.run_fingerprint, "verified": self.verified,
            "complete": not self.not_checkable, "files_checked": self.files_checked,
            "evidence": {
                "checked": self.checked, "equal": self.checked - len(self.differences), "different": len(self.differences),
                "not_checkable": len(self.not_checkable),
            },
            "numbers": {
                "stated": len(self.stated), "from_evidence": len(self.stated) - len(self.unbound),
                "from_statistics_alone": sum(item.source == "statistics" for item in self.unbound),
                "from_nothing": sum(item.source == "nothing" for item in self.unbound),
                "unbound": [item.as_dict() for item in self.unbound],
            },
            "differences": [item.as_dict() for item in self.differences],
            "not_checkable": [item.as_dict() for item in self.not_checkable], "notes": list(self.notes),
        }  # fmt: skip


@dataclass(frozen=True)
class Proved:
    """A run whose bytes are as recorded: its documents, and the folders of those dataset versions that are there, by role.

    ``cleaned`` says that texts were taken out of the documents, so that evidence with such a gap cannot be tried. ``artifacts`` are
    the JSON documents that findings cite, by plugin and path.
    """

    subject: str
    documents: Documents
    files_checked: int
    folders: Mapping[str, Path] = field(default_factory=dict)
    notes: Sequence[str] = ()
    cleaned: bool = False
    without_data: str = NO_DATA
    artifacts: Mapping[tuple[str, str], Any] = field(default_factory=dict)


class Verifying:
    """Checks the evidence of runs and packs."""

    def __init__(
        self,
        launcher: Launcher,
        store: Store,
        names: Names,
        rereading: Rereading,
        *,
        query_s: float = QUERY_S,
        total_s: float = TOTAL_S,
    ) -> None:
        self._launcher, self._store, self._names, self._rereading = launcher, store, names, rereading
        self._query_s, self._total_s = query_s, total_s

    def verify_run(
        self,
        replaying: Replaying,
        run_id: str,
        data: Sequence[Path] = (),
        on_progress: Callable[[Progress], None] = lambda progress: None,
    ) -> Verification:
        """Raises Tampered where bytes differ; evidence that differs is in the answer."""
        replay = replaying.replay(run_id)
        documents = replay.documents or Documents({}, None, {}, {})
        folders = {
            version.role: self._store.dataset_folder(version.dataset_version_id)
            for version in replay.versions
            if f"datasets/{version.dataset_version_id}" not in replay.not_kept
        }
        notes = [WRITTEN_ANEW.format(name=name) for name in replay.written_anew]
        folder = self._store.run_folder(replay.run.run_id)
        artifacts = cited_artifacts(documents, lambda path: (folder / path).read_bytes())
        proved = Proved(replay.run.run_id, documents, len(replay.checked), folders, notes, artifacts=artifacts)
        return self.verify(proved, data, on_progress)

    def verify(
        self, proved: Proved, data: Sequence[Path] = (), on_progress: Callable[[Progress], None] = lambda progress: None
    ) -> Verification:
        """The evidence of a run whose bytes were compared already. Raises Tampered where the original file gives other data."""
        with self._scratch() as scratch:
            if data:
                reread = self._rereading.read(proved.documents, data, scratch)
                proved = _with(proved, reread)
            return self._verify(proved, on_progress)

    def _verify(self, proved: Proved, on_progress: Callable[[Progress], None]) -> Verification:
        documents = proved.documents
        claims = list(cited(documents.report)) if documents.report is not None else []
        gaps = [claim for claim in claims if proved.cleaned and REMOVED in compact_bytes(dict(claim.item)).decode("utf-8")]
        claims = [claim for claim in claims if claim not in gaps]
        queries = [claim for claim in claims if claim.type == "query"]
        others = [claim for claim in claims if claim.type != "query"]
        different = [item for claim in others if (item := _checked_without_data(claim, documents)) is not None]
        missing = [entry["role"] for entry in documents.manifest["datasets"] if entry["role"] not in proved.folders]
        base = Verification(
            proved.subject,
            str(documents.manifest["run_fingerprint"]),
            proved.files_checked,
            len(others),
            different,
            [_difference(claim, HAS_GAPS) for claim in gaps],
            proved.notes,
            _stated(proved, {claim.finding_id for claim in gaps}),
        )
        if missing or not proved.folders:
            return replace(
                base, not_checkable=[*base.not_checkable, *(_difference(claim, proved.without_data) for claim in queries)]
            )
        different += self._different_queries(queries, proved.folders, on_progress)
        return replace(base, checked=len(claims), differences=different)

    def _different_queries(
        self, claims: Sequence[Cited], folders: Mapping[str, Path], on_progress: Callable[[Progress], None]
    ) -> list[Difference]:
        """Each statement runs once, however many findings cite it."""
        longest: dict[str, int] = {}
        for claim in claims:
            rows = claim.item.get("result")
            longest[claim.sql] = max(longest.get(claim.sql, 0), len(rows) if isinstance(rows, list) else 0)
        queries = [{"sql": sql, "max_rows": count + 1} for sql, count in longest.items()]
        answers = dict(zip(longest, self.ask(queries, folders, on_progress), strict=True))
        found = []
        for claim in claims:
            answer = answers[claim.sql]
            rows = answer.get("rows")
            reason = (
                disagreement(claim.item, rows) if isinstance(rows, list) else f"the query did not end well: {answer.get('error')}"
            )
            if reason is not None:
                found.append(replace(_difference(claim, reason), actual=rows[:SHOWN_ROWS] if isinstance(rows, list) else None))
        return found

    def ask(
        self,
        queries: Sequence[Mapping[str, Any]],
        folders: Mapping[str, Path],
        on_progress: Callable[[Progress], None] = lambda progress: None,
    ) -> list[Mapping[str, Any]]:
        """The answers in order: ``rows``, or the ``error`` a query ended with.

        A query that ends the whole guest is found by halving, and is the only one to suffer.
        """
        if not queries:
            return []
        answers, reason = self._run_guest(queries, folders, on_progress)
        if answers is not None:
            return answers
        if len(queries) == 1:
            return [{"error": reason}]
        half = len(queries) // 2
        return [*self.ask(queries[:half], folders, on_progress), *self.ask(queries[half:], folders, on_progress)]

    def _run_guest(
        self, queries: Sequence[Mapping[str, Any]], folders: Mapping[str, Path], on_progress: Callable[[Progress], None]
    ) -> tuple[list[Mapping[str, Any]] | None, str]:
        settings = {
            "queries": list(queries),
            "query_s": self._query_s,
            "total_s": self._total_s,
            "engine_memory_mb": MEMORY_MB // 2,
        }
        with self._scratch() as scratch:
            message = {
                "plugin_id": "check_evidence", "plugin_folder": str(Path(tools.__path__[0])), "module": "check_evidence.py",
                "function": "run", "call": "run", "settings": settings, "seed": 1, "scratch": str(scratch),
                "engine_memory_mb": MEMORY_MB // 2, "limits": {}, "upstream": {}, "inputs": [], "plan": [], "report": {},
                "datasets": {role: str(folder) for role, folder in folders.items()},
            }  # fmt: skip
            request = GuestRequest(
                message=message, scratch=scratch, stdout_path=scratch / "stdout.log", stderr_path=scratch / "stderr.log",
                timeout_s=min(self._total_s, self._query_s * len(queries)) + 30.0, memory_mb=MEMORY_MB,
            )  # fmt: skip
            outcome = self._launcher.run(request, on_progress=on_progress)
        answer = outcome.answer or {}
        answers = answer.get("metrics", {}).get("answers") if answer.get("status") == "ok" else None
        if outcome.ending == "answered" and isinstance(answers, list) and len(answers) == len(queries):
            return answers, ""
        return None, str(answer.get("summary") or outcome.reason)

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        name = self._names.fresh("inspect")
        try:
            yield self._store.scratch(name)
        finally:
            self._store.drop_scratch(name)


def cited_artifacts(documents: Documents, read: Callable[[str], bytes]) -> dict[tuple[str, str], Any]:
    """The JSON documents that findings cite, by plugin and path; only what is registered is read, and no more than is sensible."""
    registered = {entry["path"]: entry for entry in documents.manifest.get("artifacts", ())}
    hashes = {path: entry["sha256"] for path, entry in registered.items()}
    found: dict[tuple[str, str], Any] = {}
    for claim in cited(documents.report or {"findings": ()}):
        key = claim.plugin_id, str(claim.item.get("path"))
        path = "/".join(("plugins", *key))
        if claim.type != "artifact" or not path.endswith(".json") or artifact_disagreement(claim.plugin_id, claim.item, hashes):
            continue
        if key not in found and registered[path]["bytes"] <= LARGEST_ARTIFACT:
            with suppress(NotCanonical, OSError):
                found[key] = strict_loads(read(path))
    return found


def _stated(proved: Proved, with_gaps: Collection[str]) -> list[Stated]:
    """The numbers in the sentences of all findings but those from which something was taken out."""
    found: list[Stated] = []
    for finding in (proved.documents.report or {}).get("findings", ()):
        if finding["id"] not in with_gaps:
            own = {path: document for (plugin_id, path), document in proved.artifacts.items() if plugin_id == finding["plugin_id"]}
            found += stated(finding, own)
    return found


def _with(proved: Proved, reread: Reread) -> Proved:
    if reread.mismatches:
        raise tampered(f"The original file does not give the data of {proved.subject}.", list[Mismatch](reread.mismatches))
    folders = {**proved.folders, **reread.folders}
    return replace(proved, folders=folders, notes=[*proved.notes, *reread.notes], without_data=NOT_READ_AGAIN)


def _checked_without_data(claim: Cited, documents: Documents) -> Difference | None:
    """Rows must be within their dataset version, artifacts must be the registered ones."""
    if claim.type == "rows":
        counts = {entry["dataset_version_id"]: int(entry["row_count"]) for entry in documents.manifest["datasets"]}
        reason = rows_disagreement(claim.item, counts)
    elif claim.type == "artifact":
        registered = {entry["path"]: entry["sha256"] for entry in documents.manifest["artifacts"]}
        reason = artifact_disagreement(claim.plugin_id, claim.item, registered)
    else:
        reason = f"{claim.type} is no kind of evidence"
    return _difference(claim, reason) if reason else None


def _difference(claim: Cited, reason: str) -> Difference:
    return Difference(claim.finding_id, claim.plugin_id, claim.type, claim.sql, reason, claim.item.get("result"))
