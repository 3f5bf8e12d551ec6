"""From rows to records and back; the only place where the two shapes meet."""

from dataclasses import asdict, fields
from typing import Any, TypeVar

from sqlmodel import Session

from harness_core.adapters.db.tables import EventRow, ExecutionRow, JobRow, RunRow
from harness_core.domain.plugins import PluginId
from harness_core.domain.runs import Execution, ExecutionStatus, Job, JobKind, Run, RunConfig, RunStatus

Record = TypeVar("Record")


def record(shape: type[Record], row: Any, /, **changed: Any) -> Record:
    """A frozen record from a row with fields of the same names."""
    values = {field.name: getattr(row, field.name) for field in fields(shape) if field.name not in changed}  # type: ignore[arg-type]
    return shape(**values, **changed)


def run_record(row: RunRow) -> Run:
    return record(Run, row, status=RunStatus(row.status), config=RunConfig.from_dict(row.config))


def execution_record(row: ExecutionRow) -> Execution:
    depends_on = tuple(PluginId(name) for name in row.depends_on)
    return record(Execution, row, status=ExecutionStatus(row.status), depends_on=depends_on)


def job_record(row: JobRow) -> Job:
    return record(Job, row, kind=JobKind(row.kind), owner=row.lease_owner)


def run_row(run: Run, idempotency_key: str | None, idempotency_digest: str) -> RunRow:
    values = {field.name: getattr(run, field.name) for field in fields(Run) if field.name not in ("config", "datasets")}
    return RunRow(
        **values,
        config=run.config.as_dict(),
        datasets=[dict(item) for item in run.datasets],
        filename=run.filename,
        idempotency_key=idempotency_key,
        idempotency_digest=idempotency_digest,
    )


def execution_row(execution: Execution) -> ExecutionRow:
    return ExecutionRow(**{**asdict(execution), "depends_on": list(execution.depends_on)})


def append_event(session: Session, run: RunRow, at: float, type_: str, plugin_id: str | None = None, **data: Any) -> None:
    """Give the run its next event; the sequence has no gap because it is counted in the run's own row."""
    run.event_seq += 1
    session.add(run)
    session.add(EventRow(run_id=run.run_id, seq=run.event_seq, at=at, type=type_, plugin_id=plugin_id, data=data))
