"""What the end of an execution writes: its row, the audit row of the attempt, its files, what it read, and the event."""

from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlmodel import col

from harness_core.adapters.db.events import append_events, happening
from harness_core.adapters.db.statements import Statement, Transaction, new
from harness_core.adapters.db.tables import ArtifactRow, AttemptRow, DatasetVersionRow, ExecutionRow, RunDatasetRow, RunRow
from harness_core.domain.datasets import DatasetVersion
from harness_core.domain.runs import Job
from harness_core.ports.state import Commit

CONCLUSION = ("summary", "error", "fingerprint", "output_sha256", "reused_from", "finding_count")

CONCLUDE = Statement(
    update(ExecutionRow)
    .where(col(ExecutionRow.execution_id) == bindparam("of_execution"))
    .values(new("status", "ended_at", "fence", *CONCLUSION))
)
ADD_ATTEMPT = Statement(insert(AttemptRow))
DROP_ARTIFACTS = Statement(
    delete(ArtifactRow).where(col(ArtifactRow.run_id) == bindparam("of_run"), col(ArtifactRow.plugin_id) == bindparam("of_plugin"))
)
ADD_ARTIFACT = Statement(insert(ArtifactRow))
OF_RUN = col(RunRow.run_id) == bindparam("of_run")
COUNT = Statement(
    update(RunRow)
    .where(OF_RUN)
    .values(
        finding_count=col(RunRow.finding_count) + bindparam("findings"),
        warning_count=col(RunRow.warning_count) + bindparam("warnings"),
        first_result_at=func.coalesce(col(RunRow.first_result_at), bindparam("first_at")),
    )
)
NAME_DATASETS = Statement(update(RunRow).where(OF_RUN).values(new("dataset_version_id", "datasets")))
KEEP_DATASET = Statement(
    update(DatasetVersionRow)
    .where(col(DatasetVersionRow.dataset_version_id) == bindparam("of_dataset"))
    .values(deleted_at=None, purged_at=None, **new("data_sha256", "data_bytes"))
)
ADD_DATASET = Statement(insert(DatasetVersionRow))
NEEDED = Statement(
    select(col(RunDatasetRow.run_id)).where(
        col(RunDatasetRow.run_id) == bindparam("of_run"), col(RunDatasetRow.dataset_version_id) == bindparam("of_dataset")
    )
)
NEED_DATASET = Statement(insert(RunDatasetRow))


def conclude(transaction: Transaction, job: Job, commit: Commit) -> None:
    """Within the transaction that ended the job under its fence."""
    attempt = commit.attempt
    values: dict[str, Any] = {f"new_{name}": getattr(commit, name) for name in CONCLUSION}
    transaction.run(
        CONCLUDE,
        of_execution=job.execution_id,
        new_status=commit.status,
        new_ended_at=attempt.ended_at,
        new_fence=job.fence,
        **values,
    )
    transaction.run(ADD_ATTEMPT, **vars(attempt))
    transaction.run(DROP_ARTIFACTS, of_run=job.run_id, of_plugin=attempt.plugin_id)
    transaction.run_each(ADD_ARTIFACT, map(vars, commit.artifacts))
    if commit.datasets:
        _need_datasets(transaction, job, commit)
    if commit.finding_count or attempt.warnings:
        first_at = attempt.ended_at if commit.finding_count else None
        transaction.run(COUNT, of_run=job.run_id, findings=commit.finding_count, warnings=attempt.warnings, first_at=first_at)
    ended = happening(
        "execution.ended", attempt.plugin_id, status=commit.status, summary=commit.summary,
        findings=commit.finding_count, error=dict(commit.error) if commit.error else None,
    )  # fmt: skip
    append_events(transaction, job.run_id, attempt.ended_at, [ended])


def _need_datasets(transaction: Transaction, job: Job, commit: Commit) -> None:
    """Record what the run has read; its data are there now, in these bytes, whatever was deleted or collected before."""
    named = [{"role": item.role, "dataset_version_id": item.dataset_version_id} for item in commit.datasets]
    transaction.run(
        NAME_DATASETS, of_run=job.run_id, new_dataset_version_id=commit.datasets[0].dataset_version_id, new_datasets=named
    )
    for name, dataset in {item.dataset_version_id: item for item in commit.datasets}.items():
        standing = {"new_data_sha256": dataset.data_sha256, "new_data_bytes": dataset.data_bytes}
        if not transaction.run(KEEP_DATASET, of_dataset=name, **standing):
            transaction.run(ADD_DATASET, **_dataset_values(dataset))
        if not transaction.row(NEEDED, of_run=job.run_id, of_dataset=name):
            transaction.run(NEED_DATASET, run_id=job.run_id, dataset_version_id=name)


def _dataset_values(dataset: DatasetVersion) -> dict[str, Any]:
    values = {**vars(dataset), "reading": dict(dataset.reading), "deleted_at": None, "purged_at": None}
    for name in ("columns", "repairs"):
        values[name] = [dict(item) for item in values[name]]
    return values
