"""Records as the JSON of the API: times as UTC text, ids and hashes as they are, nothing that a client has no use for."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from harness_core.domain.datasets import DatasetVersion, Upload
from harness_core.domain.pace import pace_of
from harness_core.domain.run_manifests import iso_time
from harness_core.domain.runs import EXECUTION_OPEN, RUN_ENDED, Artifact, Execution, ExecutionStatus, Run
from harness_core.services.resumable import Partial
from harness_core.services.submitting import Prospect


def run_summary(run: Run) -> dict[str, Any]:
    """A run as it stands in a list."""
    return {
        "run_id": run.run_id,
        "status": str(run.status),
        "ended": run.status in RUN_ENDED,
        "filename": run.filename,
        "run_fingerprint": run.fingerprint,
        "dataset_version_id": run.dataset_version_id,
        "input_sha256": run.config.inputs[0].sha256 if run.config.inputs else None,
        "times": run_times(run),
        "duration_s": seconds_between(run.started_at, run.ended_at),
        "ttfr_s": seconds_between(run.created_at, run.first_result_at),
        "insight_count": run.insight_count,
        "finding_count": run.finding_count,
        "warning_count": run.warning_count,
        "worst_severity": run.worst_severity,
        "cancel_requested": run.cancel_requested,
        "paused_at": iso_time(run.paused_at),
        "event_seq": run.event_seq,
        "pinned": run.pinned,
        "deleted_at": iso_time(run.deleted_at),
        "purged_at": iso_time(run.purged_at),
    }


def run_document(run: Run, executions: Sequence[Execution], waiting_because: str | None, now: float) -> dict[str, Any]:
    """A run with everything one page about it needs; ``now`` for how fast what runs is."""
    return {
        **run_summary(run),
        "inputs": [item.as_dict() for item in run.config.inputs],
        "seed": run.config.seed,
        "resolved_seed": run.resolved_seed,
        "reuse": run.config.reuse,
        "strict": run.config.strict,
        "plugins": None if run.config.selection is None else list(run.config.selection),
        "sample": run.config.sample,
        "erp": run.config.erp,
        "presets": list(run.config.presets),
        "raw_format": run.config.raw_format or None,
        "settings_layers": [dict(item) for item in run.config.layers],
        "setting_origins": {name: dict(places) for name, places in run.config.origins.items()},
        "datasets": [dict(item) for item in run.datasets],
        "progress": progress_of(executions),
        "executions": [execution_document(item, now) for item in executions],
        "waiting_because": waiting_because,
        "error": dict(run.error) if run.error else None,
    }


def run_times(run: Run) -> dict[str, str | None]:
    named = {"queued": run.created_at, "started": run.started_at, "first_result": run.first_result_at, "ended": run.ended_at}
    return {name: iso_time(at) for name, at in named.items()}


def seconds_between(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else round(max(0.0, end - start), 3)


def progress_of(executions: Sequence[Execution]) -> dict[str, Any]:
    """How far a run is: ended executions, and the running ones by their own account; ``fraction`` is between 0 and 1."""
    ended = sum(1 for item in executions if item.status not in EXECUTION_OPEN)
    running = [item for item in executions if item.status is ExecutionStatus.RUNNING]
    partly = sum(_fraction(item) for item in running)
    total = len(executions)
    fraction = min(1.0, (ended + partly) / total) if total else 0.0
    return {"ended": ended, "total": total, "fraction": round(fraction, 4), "running": [item.plugin_id for item in running]}


def _fraction(execution: Execution) -> float:
    done, total = execution.progress_done, execution.progress_total
    return max(0.0, min(1.0, done / total)) if done is not None and total else 0.0


def execution_document(execution: Execution, now: float) -> dict[str, Any]:
    named = {"queued": execution.queued_at, "started": execution.started_at, "ended": execution.ended_at}
    return {
        "plugin_id": execution.plugin_id,
        "type": execution.plugin_type,
        "version": execution.version,
        "layer": execution.layer,
        "depends_on": list(execution.depends_on),
        "required": execution.required,
        "status": str(execution.status),
        "reused": execution.status is ExecutionStatus.REUSED,
        "reused_from": execution.reused_from,
        "attempts": execution.attempts,
        "execution_fingerprint": execution.fingerprint,
        "summary": execution.summary,
        "error": dict(execution.error) if execution.error else None,
        "finding_count": execution.finding_count,
        "times": {name: iso_time(at) for name, at in named.items()},
        "progress": execution_progress(execution, now),
    }


def execution_progress(execution: Execution, now: float) -> dict[str, Any]:
    """How far it is by its own account, in its own unit; while it runs, units per second and the seconds that are left."""
    done, total, began = execution.progress_done, execution.progress_total, execution.started_at
    runs = execution.status is ExecutionStatus.RUNNING and began is not None
    pace = pace_of(done, total, now - (began or 0.0) if runs else None)
    told = {"done": done, "total": total, "what": execution.progress_what, "unit": execution.progress_unit}
    return {**told, "rate": pace.rate, "remaining_s": pace.remaining_s}


def artifact_document(artifact: Artifact) -> dict[str, Any]:
    return {
        **artifact.as_dict(),
        "plugin_id": artifact.plugin_id or None,
        "url": f"/api/v1/runs/{artifact.run_id}/artifacts/{artifact.path}",
    }


def upload_document(upload: Upload) -> dict[str, Any]:
    return {
        "upload_id": upload.upload_id,
        "filename": upload.filename,
        "sha256": upload.sha256,
        "bytes": upload.size_bytes,
        "created": iso_time(upload.created_at),
    }


def partial_document(partial: Partial) -> dict[str, Any]:
    return {
        "id": partial.id,
        "filename": partial.filename,
        "offset": partial.offset,
        "length": partial.length,
        "upload_id": partial.upload_id,
        "sha256": partial.sha256 if partial.upload_id else None,
        "expires": iso_time(partial.expires_at),
    }


def dataset_summary(version: DatasetVersion) -> dict[str, Any]:
    return {
        "dataset_version_id": version.dataset_version_id,
        "filename": version.filename,
        "input_sha256": version.input_sha256,
        "row_count": version.row_count,
        "column_count": version.column_count,
        "sample": version.sample,
        "data_sha256": version.data_sha256,
        "bytes": version.data_bytes,
        "created": iso_time(version.created_at),
        "deleted_at": iso_time(version.deleted_at),
        "purged_at": iso_time(version.purged_at),
    }


def dataset_document(version: DatasetVersion, run_ids: Sequence[str]) -> dict[str, Any]:
    return {
        **dataset_summary(version),
        "role": version.role,
        "reader": version.reader,
        "reading": dict(version.reading),
        "columns": [dict(column) for column in version.columns],
        "repairs": [dict(repair) for repair in version.repairs],
        "runs": list(run_ids),
    }


def prospect_document(prospect: Prospect) -> dict[str, Any]:
    """What a run would be, before it is started."""
    return {
        "run_fingerprint": prospect.fingerprint,
        "resolved_seed": prospect.resolved_seed,
        "plan": [asdict(step) for step in prospect.plan.steps],
        "previews": [_preview(item) for item in prospect.previews],
        "config": prospect.config.as_dict(),
    }


def _preview(preview: Mapping[str, Any]) -> dict[str, Any]:
    return dict(preview)
