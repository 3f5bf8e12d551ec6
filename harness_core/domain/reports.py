"""``report.json`` as a pure function of what was committed: no time, no id of a run, no path, no host."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness_core.domain.datasets import DatasetVersion
from harness_core.domain.plugins import PluginId
from harness_core.domain.runs import Artifact, Execution, ExecutionStatus, Run
from harness_core.domain.settling import final_status
from harness_core.sdk.derived import DERIVED

SCHEMA_VERSION = "report.v1"
RESULT_STATUS = {"ok": "OK", "na": "NA"}
VOLATILE = ("stdout.log", "stderr.log")


@dataclass(frozen=True)
class Ended:
    """An execution of a run with its committed output (None when it was skipped or blocked) and its artifacts."""

    execution: Execution
    output: Mapping[str, Any] | None
    artifacts: Sequence[Artifact]

    @property
    def status(self) -> str:
        """As the report says it: a reused result counts as what it is, so that reuse changes no byte."""
        if self.execution.status is ExecutionStatus.REUSED and self.output is not None:
            return RESULT_STATUS.get(str(self.output.get("status")), "OK")
        return str(self.execution.status)


def assemble(run: Run, ended: Sequence[Ended], datasets: Sequence[DatasetVersion], missing: Sequence[str] = ()) -> dict[str, Any]:
    """The report document. ``missing`` names required steps for which there is no plugin: the report then says FAILED."""
    ended = sorted(ended, key=lambda item: item.execution.plugin_id)
    judged = _judgement(ended)
    findings = [_with_q_value(finding, judged) for item in ended for finding in _findings(item)]
    status = final_status([item.execution for item in ended], cancelled=False, missing_required=bool(missing))
    return {
        "schema_version": SCHEMA_VERSION,
        "run_fingerprint": run.fingerprint,
        "status": str(status),
        "input": _input(run, datasets),
        "inputs": [{"filename": item.filename, "sha256": item.sha256, "bytes": item.size_bytes} for item in run.config.inputs],
        "dataset": _dataset(datasets[0]) if datasets else None,
        "datasets": [{"role": version.role, **_dataset(version)} for version in datasets],
        "coverage": _coverage(datasets),
        "insights": _insights(findings, judged),
        "findings": findings,
        "plugins": {item.execution.plugin_id: _plugin(item) for item in ended},
        "plan": _plan(run, ended),
        **({"open_network": list(run.config.open_network)} if run.config.open_network else {}),
        "lineage": _lineage(run, ended, datasets),
        "errors": [*_missing_steps(missing), *_errors(ended)],
    }


def _input(run: Run, datasets: Sequence[DatasetVersion]) -> dict[str, Any]:
    first = run.config.inputs[0]
    reading = datasets[0].reading if datasets else {}
    return {"filename": first.filename, "sha256": first.sha256, "bytes": first.size_bytes, "format": reading.get("format")}


def _dataset(version: DatasetVersion) -> dict[str, Any]:
    return {
        "dataset_version_id": version.dataset_version_id,
        "row_count": version.row_count,
        "column_count": version.column_count,
        "columns": [dict(column) for column in version.columns],
        "reading": dict(version.reading),
        "repairs": [dict(repair) for repair in version.repairs],
    }


def _coverage(datasets: Sequence[DatasetVersion]) -> dict[str, Any]:
    rows, sample = (datasets[0].row_count, datasets[0].sample) if datasets else (0, None)
    if sample is None:
        return {"sampled": False, "rows_analyzed": rows, "rows_total": rows, "fraction": 1.0, "method": "all rows", "seed": None}
    return {"sampled": True, "rows_analyzed": rows, **sample}


def _findings(item: Ended) -> Iterable[Mapping[str, Any]]:
    return item.output["findings"] if item.output is not None and item.execution.ok else ()


def _judgement(ended: Sequence[Ended]) -> Mapping[str, Any]:
    """What the insights plugin said about the findings of the others; empty when there was none."""
    for item in ended:
        if item.execution.plugin_type == "report" and item.output is not None and "insights" in item.output["metrics"]:
            return dict(item.output["metrics"])
    return {}


def _with_q_value(finding: Mapping[str, Any], judged: Mapping[str, Any]) -> dict[str, Any]:
    q_value = judged.get("q_values", {}).get(finding["id"])
    statistics = dict(finding["statistics"])
    if q_value is not None:
        statistics["q_value"] = q_value
    return {**finding, "statistics": statistics}


def _insights(findings: Sequence[Mapping[str, Any]], judged: Mapping[str, Any]) -> list[dict[str, Any]]:
    by_id = {finding["id"]: finding for finding in findings}
    ranked = sorted(judged.get("insights", ()), key=lambda entry: entry["rank"])
    extras = ("rank", "score", "why", "alike", "symptoms")
    return [
        {**by_id[entry["finding_id"]], **{name: entry[name] for name in extras if name in entry}}
        for entry in ranked
        if entry["finding_id"] in by_id
    ]


def _plugin(item: Ended) -> dict[str, Any]:
    execution, output = item.execution, item.output or {}
    entry = {
        "name": execution.plugin_id,
        "type": execution.plugin_type,
        "version": execution.version,
        "status": item.status,
        "summary": output.get("summary") or execution.summary,
        "metrics": output.get("metrics", {}),
        "error": dict(execution.error) if execution.error else None,
        "execution_fingerprint": execution.fingerprint,
        "artifacts": [artifact.as_dict() for artifact in item.artifacts if not artifact.path.endswith(VOLATILE)],
    }
    if "reason_code" in output:
        entry["reason_code"] = output["reason_code"]
    return entry


def _plan(run: Run, ended: Sequence[Ended]) -> dict[str, Any]:
    if run.config.selection is not None:
        return {"mode": "manual", "asked_for": list(run.config.selection), "selection": []}
    planners = [item for item in ended if item.execution.plugin_type == "planner" and item.output is not None]
    selection = planners[0].output["metrics"].get("selection", []) if planners and planners[0].output else []
    return {"mode": "auto", "asked_for": [], "selection": selection}


def _errors(ended: Sequence[Ended]) -> list[dict[str, Any]]:
    """One entry per cause: what was skipped because of it stands beneath it, not beside it."""
    by_plugin = {item.execution.plugin_id: item.execution for item in ended}
    skipped: dict[PluginId, list[str]] = {}
    for item in ended:
        if item.execution.status is ExecutionStatus.SKIPPED:
            skipped.setdefault(_root_cause(item.execution, by_plugin), []).append(item.execution.plugin_id)
    causes = [item for item in ended if not item.execution.ok and item.execution.status is not ExecutionStatus.SKIPPED]
    return [_error(item, skipped.get(item.execution.plugin_id, [])) for item in causes]


def _root_cause(execution: Execution, by_plugin: Mapping[PluginId, Execution]) -> PluginId:
    while execution.status is ExecutionStatus.SKIPPED and execution.error and execution.error.get("because") in by_plugin:
        execution = by_plugin[execution.error["because"]]
    return execution.plugin_id


def _error(item: Ended, skipped: Sequence[str]) -> dict[str, Any]:
    error = item.execution.error or {}
    return {
        "plugin_id": item.execution.plugin_id,
        "status": item.status,
        "type": error.get("type", item.status),
        "message": error.get("message", item.execution.summary),
        "remedy": error.get("remedy", ""),
        "skipped": sorted(skipped),
    }


def _missing_steps(missing: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {
            "plugin_id": None, "status": "MISSING", "type": "RequiredStepMissing", "skipped": [],
            "message": f"There is no plugin for the required step “{step}”.",
            "remedy": f"Install or enable a plugin of type {step}; see `harness plugins list`.",
        }
        for step in missing
    ]  # fmt: skip


def _lineage(run: Run, ended: Sequence[Ended], datasets: Sequence[DatasetVersion]) -> dict[str, Any]:
    nodes = [{"id": f"input:{item.sha256}", "type": "input", "label": item.filename} for item in _unique_inputs(run)]
    edges: list[dict[str, str]] = []
    makers = [item.execution.plugin_id for item in ended if item.execution.plugin_type == "ingest"]
    for version in datasets:
        nodes.append({"id": f"dataset:{version.dataset_version_id}", "type": "dataset_version", "label": version.role})
        for maker in makers:
            edges.append(_edge(f"input:{version.input_sha256}", f"execution:{maker}"))
            edges.append(_edge(f"execution:{maker}", f"dataset:{version.dataset_version_id}"))
    for item in ended:
        nodes += _execution_nodes(item)
        edges += _execution_edges(item, datasets)
    return {"nodes": nodes, "edges": _unique([*edges, *_derived_edges(ended)])}


def _unique_inputs(run: Run) -> list[Any]:
    return list({item.sha256: item for item in run.config.inputs}.values())


def _execution_nodes(item: Ended) -> list[dict[str, str]]:
    plugin_id = item.execution.plugin_id
    nodes = [{"id": f"execution:{plugin_id}", "type": "execution", "label": plugin_id}]
    nodes += [{"id": f"finding:{finding['id']}", "type": "finding", "label": finding["title"]} for finding in _findings(item)]
    nodes += [{"id": f"artifact:{artifact.path}", "type": "artifact", "label": artifact.path} for artifact in _lasting(item)]
    return nodes


def _execution_edges(item: Ended, datasets: Sequence[DatasetVersion]) -> list[dict[str, str]]:
    me = f"execution:{item.execution.plugin_id}"
    edges = [_edge(f"execution:{name}", me) for name in item.execution.depends_on]
    if item.execution.plugin_type not in ("ingest", "report"):
        edges += [_edge(f"dataset:{version.dataset_version_id}", me) for version in datasets]
    edges += [_edge(me, f"finding:{finding['id']}") for finding in _findings(item)]
    edges += [_edge(me, f"artifact:{artifact.path}") for artifact in _lasting(item)]
    return edges


def _derived_edges(ended: Sequence[Ended]) -> Iterator[dict[str, str]]:
    """From derived columns to the executions that they were handed to."""
    for maker in ended:
        place = f"plugins/{maker.execution.plugin_id}/artifacts/{DERIVED}/"
        kept = [artifact.path for artifact in maker.artifacts if artifact.path.startswith(place)]
        users = [item.execution.plugin_id for item in ended if maker.execution.plugin_id in item.execution.depends_on]
        yield from (_edge(f"artifact:{path}", f"execution:{name}") for path in kept for name in users)


def _lasting(item: Ended) -> list[Artifact]:
    return [artifact for artifact in item.artifacts if not artifact.path.endswith(VOLATILE)]


def _edge(source: str, target: str) -> dict[str, str]:
    return {"from": source, "to": target}


def _unique(edges: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    return [_edge(source, target) for source, target in sorted({(edge["from"], edge["to"]) for edge in edges})]


def plain_report(report: Mapping[str, Any]) -> str:
    """A short Markdown rendering for the case that no report plugin could make one: what failed, and what to do."""
    lines = [f"# {report['input']['filename']}", "", f"Status: {report['status']}", ""]
    for error in report["errors"]:
        lines.append(f"- {error['plugin_id'] or error['type']}: {error['message']} {error['remedy']}".rstrip())
    lines += ["", f"{len(report['insights'])} insights and {len(report['findings'])} findings are in report.json.", ""]
    for insight in report["insights"]:
        lines.append(f"- {insight['statement']}")
    return "\n".join(lines).rstrip() + "\n"
