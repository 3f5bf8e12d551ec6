"""``run_manifest.json``: everything volatile and everything needed to prove how a report came about."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from harness_core.domain.datasets import DatasetVersion
from harness_core.domain.fingerprints import plugin_seed
from harness_core.domain.plugins import Plugin, PluginId
from harness_core.domain.runs import Artifact, Attempt, Execution, ExecutionStatus, Run, RunStatus
from harness_core.sdk.canonical import digest_of

SCHEMA_VERSION = "run_manifest.v1"


def run_manifest(
    run: Run,
    status: RunStatus,
    executions: Sequence[Execution],
    attempts: Sequence[Attempt],
    datasets: Sequence[DatasetVersion],
    artifacts: Sequence[Artifact],
    plugins: Mapping[PluginId, Plugin],
    environment: Mapping[str, Any],
    result: Mapping[str, Any],
) -> dict[str, Any]:
    """The manifest of an ended run. ``result`` is a small summary (counts, worst severity)."""
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": run.run_id,
        "run_fingerprint": run.fingerprint,
        "status": str(status),
        "times": _times(run),
        "inputs": [item.as_dict() for item in run.config.inputs],
        "datasets": [_dataset(version) for version in datasets],
        "config": run.config.as_dict(),
        "config_hash": f"sha256:{digest_of(run.config.as_dict())}",
        "seeds": {"asked_for": run.config.seed, "run_seed": run.resolved_seed},
        "plugins": [_execution(run, item, plugins.get(item.plugin_id), attempts) for item in executions],
        "feature_flags": {"reuse": run.config.reuse, "strict": run.config.strict, "sample": run.config.sample},
        "environment": dict(environment),
        "artifacts": [artifact.as_dict() | {"plugin_id": artifact.plugin_id or None} for artifact in artifacts],
        "result": dict(result),
    }


def _times(run: Run) -> dict[str, str | None]:
    named = {"queued": run.created_at, "started": run.started_at, "first_result": run.first_result_at, "ended": run.ended_at}
    return {name: iso_time(at) for name, at in named.items()}


def iso_time(at: float | None) -> str | None:
    """UTC with milliseconds, or None."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _dataset(version: DatasetVersion) -> dict[str, Any]:
    return {
        "dataset_version_id": version.dataset_version_id,
        "role": version.role,
        "input_sha256": version.input_sha256,
        "row_count": version.row_count,
        "column_count": version.column_count,
        "data_sha256": version.data_sha256,
        "bytes": version.data_bytes,
    }


def _execution(run: Run, execution: Execution, plugin: Plugin | None, attempts: Sequence[Attempt]) -> dict[str, Any]:
    return {
        "plugin_id": execution.plugin_id,
        "version": execution.version,
        "code_hash": run.config.code.get(execution.plugin_id),
        "manifest_hash": plugin.manifest_hash if plugin else None,
        "config_schema_hash": plugin.config_schema_hash if plugin else None,
        "output_schema_hash": plugin.output_schema_hash if plugin else None,
        "capabilities": list(plugin.manifest.capabilities) if plugin else [],
        "limits": dict(vars(plugin.manifest.limits)) if plugin else {},
        "status": str(execution.status),
        "reused": execution.status is ExecutionStatus.REUSED,
        "reused_from": execution.reused_from,
        "execution_fingerprint": execution.fingerprint,
        "output_sha256": execution.output_sha256,
        "seed": plugin_seed(run.resolved_seed, plugin) if plugin else None,
        "error": dict(execution.error) if execution.error else None,
        "attempts": [_attempt(item) for item in attempts if item.execution_id == execution.execution_id],
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "fence": attempt.fence,
        "status": attempt.status,
        "reason": attempt.reason,
        "started": iso_time(attempt.started_at),
        "ended": iso_time(attempt.ended_at),
        "wall_s": attempt.wall_s,
        "cpu_user_s": attempt.cpu_user_s,
        "cpu_system_s": attempt.cpu_system_s,
        "peak_rss_bytes": attempt.peak_rss_bytes,
        "rows_read": attempt.rows_read,
        "exit_code": attempt.exit_code,
        "signal": attempt.signal,
        "wall_level": attempt.wall_level,
    }
