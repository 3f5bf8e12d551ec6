"""What must agree about a run: its documents with one another, and its manifest with the state database.

Pure: documents and records go in, every mismatch comes out, with what was expected and what is there.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness_core.domain.datasets import DatasetVersion
from harness_core.domain.errors import Problem
from harness_core.domain.fingerprints import dataset_version_id, resolved_seed, run_fingerprint
from harness_core.domain.redaction import REMOVED
from harness_core.domain.run_manifests import run_manifest
from harness_core.domain.runs import Artifact, Attempt, Execution, ExecutionStatus, Run, RunConfig
from harness_core.sdk.canonical import compact_bytes, digest_of

MANIFEST = "run_manifest.json"
REPORT = "report.json"
OF_THE_WRITER = ("data_sha256", "bytes")
FROM_THE_CATALOG = ("manifest_hash", "config_schema_hash", "output_schema_hash", "capabilities", "limits", "seed")
MAX_SHOWN = 200


@dataclass(frozen=True)
class Mismatch:
    """Something that is not what the record says. ``path`` is below the state folder (or within the pack)."""

    path: str
    reason: str
    expected: str | None = None
    actual: str | None = None

    def as_dict(self) -> dict[str, str | None]:
        return {"path": self.path, "reason": self.reason, "expected": self.expected, "actual": self.actual}

    def as_problem(self) -> Problem:
        shown = f"expected {self.expected}, found {self.actual}" if self.expected or self.actual else ""
        return Problem(self.path, "", self.reason, shown)


@dataclass(frozen=True)
class Documents:
    """The documents of a run as read: ``outputs`` by plugin, ``schemas`` (``schema.json``) by dataset version id."""

    manifest: Mapping[str, Any]
    report: Mapping[str, Any] | None
    outputs: Mapping[str, Mapping[str, Any]]
    schemas: Mapping[str, Mapping[str, Any]]


def document_mismatches(documents: Documents, *, cleaned: bool = False) -> list[Mismatch]:
    """Where manifest, report, results and dataset versions contradict one another, or hashes that can be computed anew.

    ``cleaned`` says that texts were taken out of all of them alike: what is hashed over a gap cannot be computed anew.
    """
    found = [*_manifest(documents.manifest, cleaned=cleaned), *_datasets(documents, cleaned=cleaned)]
    if documents.report is not None:
        found += [*_report(documents.manifest, documents.report), *_findings(documents.report, documents.outputs)]
    return found


def _manifest(manifest: Mapping[str, Any], *, cleaned: bool) -> Iterator[Mismatch]:
    config = RunConfig.from_dict(manifest["config"])
    fingerprint = str(manifest["run_fingerprint"])
    if not (cleaned and _has_gap(manifest["config"])):
        hashed = f"sha256:{digest_of(manifest['config'])}"
        yield from _compare(MANIFEST, "the configuration's hash", manifest["config_hash"], hashed)
        yield from _compare(MANIFEST, "the run fingerprint, computed anew", fingerprint, run_fingerprint(config))
    yield from _compare(MANIFEST, "the run's seed", manifest["seeds"]["run_seed"], resolved_seed(config, fingerprint))
    yield from _compare(MANIFEST, "the inputs", manifest["config"]["inputs"], manifest["inputs"])


def _has_gap(value: Any) -> bool:
    return REMOVED in compact_bytes(value).decode("utf-8")


def _datasets(documents: Documents, *, cleaned: bool) -> Iterator[Mismatch]:
    inputs = {item["sha256"] for item in documents.manifest["inputs"]}
    for entry in documents.manifest["datasets"]:
        name = entry["dataset_version_id"]
        facts = documents.schemas.get(name)
        if entry["input_sha256"] not in inputs:
            yield Mismatch(MANIFEST, f"{name} was made from a file that is no input of the run")
        if facts is None:
            continue
        path = f"datasets/{name}/schema.json"
        if not (cleaned and _has_gap(facts["reading"])):
            computed = dataset_version_id(facts["input_sha256"], facts["reading"], facts["reader"])
            yield from _compare(path, "the dataset version's id, computed anew", name, computed)
        told = {"input_sha256": facts["input_sha256"], "row_count": facts["row_count"], "column_count": len(facts["columns"])}
        for key, value in told.items():
            yield from _compare(path, key, entry[key], value)


def _report(manifest: Mapping[str, Any], report: Mapping[str, Any]) -> Iterator[Mismatch]:
    inputs = [{"filename": item["filename"], "sha256": item["sha256"], "bytes": item["size_bytes"]} for item in manifest["inputs"]]
    yield from _compare(REPORT, "the run fingerprint", manifest["run_fingerprint"], report["run_fingerprint"])
    yield from _compare(REPORT, "the status", manifest["status"], report["status"])
    yield from _compare(REPORT, "the inputs", inputs, report["inputs"])
    named = [(item["dataset_version_id"], item["role"], item["row_count"]) for item in manifest["datasets"]]
    told = [(item["dataset_version_id"], item["role"], item["row_count"]) for item in report["datasets"]]
    yield from _compare(REPORT, "the dataset versions", named, told)
    counts = {"findings": len(report["findings"]), "insights": len(report["insights"])}
    for key, count in counts.items():
        yield from _compare(REPORT, f"the number of {key}", manifest["result"][key], count)
    ended = {item["plugin_id"]: item for item in manifest["plugins"]}
    yield from _compare(REPORT, "the plugins", sorted(ended), sorted(report["plugins"]))
    for name in sorted(ended.keys() & report["plugins"].keys()):
        for key in ("version", "execution_fingerprint"):
            yield from _compare(REPORT, f"{key} of {name}", ended[name][key], report["plugins"][name][key])
        if not ended[name]["reused"]:
            yield from _compare(REPORT, f"status of {name}", ended[name]["status"], report["plugins"][name]["status"])
    registered = {item["path"]: item["sha256"] for item in manifest["artifacts"]}
    for item in (artifact for plugin in report["plugins"].values() for artifact in plugin["artifacts"]):
        yield from _compare(REPORT, f"the hash of {item['path']}", registered.get(item["path"]), item["sha256"])


def _findings(report: Mapping[str, Any], outputs: Mapping[str, Mapping[str, Any]]) -> Iterator[Mismatch]:
    """The report's findings are those of the results, with q-values added; its insights are findings."""
    claimed = {(finding["plugin_id"], finding["id"]): finding for finding in report["findings"]}
    made = {
        (name, finding["id"]): finding
        for name, output in outputs.items()
        if output["status"] in ("ok", "na")
        for finding in output["findings"]
    }
    for key in sorted(claimed.keys() | made.keys()):
        told, original = claimed.get(key), made.get(key)
        if told is None or original is None:
            yield Mismatch(REPORT, f"finding {key[1]} is in {'the report' if told else 'the result'} of {key[0]} only")
        elif _without_q_value(told) != _without_q_value(original):
            yield Mismatch(REPORT, f"finding {key[1]} is not what {key[0]} found")
    by_id = {finding["id"]: finding for finding in report["findings"]}
    for insight in report["insights"]:
        finding = by_id.get(insight["id"], {})
        if any(insight.get(key) != value for key, value in finding.items()) or not finding:
            yield Mismatch(REPORT, f"insight {insight['id']} is no finding of this report")


def _without_q_value(finding: Mapping[str, Any]) -> dict[str, Any]:
    return {**finding, "statistics": {key: value for key, value in finding["statistics"].items() if key != "q_value"}}


@dataclass(frozen=True)
class Records:
    """A run as the state database has it.

    ``written_anew`` are the ids of those dataset versions that other versions of the Parquet writers have written since the run
    ended: their data were gone or damaged, and the same values have other bytes now.
    """

    run: Run
    executions: Sequence[Execution]
    attempts: Sequence[Attempt]
    versions: Sequence[DatasetVersion]
    artifacts: Sequence[Artifact]
    written_anew: Collection[str] = ()


def record_mismatches(records: Records, manifest: Mapping[str, Any]) -> list[Mismatch]:
    """Where the state database says something else than the manifest that was written when the run was closed.

    The manifest is made again from the records; what came from the plugins' folders and the machine of then is left out.
    """
    run = records.run
    counts = {"findings": run.finding_count, "insights": run.insight_count, "worst_severity": run.worst_severity}
    artifacts = sorted((item for item in records.artifacts if item.path != MANIFEST), key=lambda item: item.path)
    again = run_manifest(
        run, run.status, records.executions, records.attempts, records.versions, artifacts, {}, manifest["environment"], counts
    )
    found: list[Mismatch] = []
    for key in again:
        expected, actual = manifest.get(key), again[key]
        if key == "plugins":
            expected, actual = _recorded(manifest[key]), _recorded(again[key])
        elif key == "datasets":
            expected, actual = _values(manifest[key], records.written_anew), _values(again[key], records.written_anew)
        found += _compare("state.sqlite", f"the record of run {run.run_id}, {key}", expected, actual)
    again_computed = run_fingerprint(run.config)
    found += _compare("state.sqlite", f"the fingerprint of run {run.run_id}, computed anew", run.fingerprint, again_computed)
    return found + [item for execution in records.executions for item in _output(execution, records.artifacts)]


def _values(datasets: Sequence[Mapping[str, Any]], written_anew: Collection[str]) -> list[dict[str, Any]]:
    """The dataset versions without what depends on the writer of those that were written anew."""
    hidden = [OF_THE_WRITER if item["dataset_version_id"] in written_anew else () for item in datasets]
    return [{key: value for key, value in item.items() if key not in left} for item, left in zip(datasets, hidden, strict=True)]


def _recorded(plugins: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in item.items() if key not in FROM_THE_CATALOG} for item in plugins]


def _output(execution: Execution, artifacts: Sequence[Artifact]) -> list[Mismatch]:
    path = f"plugins/{execution.plugin_id}/output.json"
    registered = next((item.sha256 for item in artifacts if item.path == path), None)
    if execution.status is ExecutionStatus.CANCELLED:
        return []
    return list(_compare("state.sqlite", f"the hash of {path}", execution.output_sha256, registered))


def _compare(path: str, what: str, expected: Any, actual: Any) -> Iterator[Mismatch]:
    """Nothing when equal as JSON; otherwise one mismatch that shows the first difference."""
    if compact_bytes(expected) == compact_bytes(actual):
        return
    where, left, right = difference_of(expected, actual)
    yield Mismatch(path, f"{what}{where} differs", left, right)


def difference_of(expected: Any, actual: Any) -> tuple[str, str, str]:
    """The first place in which two JSON values differ, and what stands there in each, shortened."""
    where, left, right = _first_difference(expected, actual)
    return where, _shown(left), _shown(right)


def _first_difference(expected: Any, actual: Any, where: str = "") -> tuple[str, Any, Any]:
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        for key in sorted(expected.keys() | actual.keys()):
            if expected.get(key) != actual.get(key):
                return _first_difference(expected.get(key), actual.get(key), f"{where}.{key}")
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        for place, (left, right) in enumerate(zip(expected, actual, strict=True)):
            if left != right:
                return _first_difference(left, right, f"{where}[{place}]")
    return where, expected, actual


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else compact_bytes(value).decode("utf-8")
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"
