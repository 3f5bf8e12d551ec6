"""What a transaction does after it changed executions: open or skip what waited for them, or ring for the run itself."""

from sqlmodel import Session, select

from harness_core.adapters.db.records import append_event, execution_record
from harness_core.adapters.db.tables import ExecutionRow, JobRow, RunRow
from harness_core.domain.runs import ExecutionId, JobKind, JobState, settle

OPEN_STATES = (JobState.READY, JobState.LEASED)


def open_what_is_ready(session: Session, run: RunRow, now: float) -> list[int]:
    """Apply :func:`settle` to the run within this transaction; returns the jobs to ring for."""
    session.flush()
    rows = list(session.exec(select(ExecutionRow).where(ExecutionRow.run_id == run.run_id)))
    settlement = settle([execution_record(row) for row in rows], _with_open_jobs(session, run.run_id))
    by_id = {row.execution_id: row for row in rows}
    for execution_id, because in settlement.skipped.items():
        _skip(session, run, by_id[execution_id], because, now)
    opened = [_open(session, run, by_id[execution_id], now) for execution_id in settlement.opened]
    if settlement.idle and not _advancing(session, run.run_id):
        opened.append(new_job(session, run, JobKind.ADVANCE, None, now))
    session.flush()
    return [job.job_id for job in opened if job.job_id is not None]


def new_job(session: Session, run: RunRow, kind: JobKind, execution_id: str | None, now: float, memory_mb: int = 0) -> JobRow:
    """A READY job. Its fence goes on from where the execution's earlier jobs stopped, so that no number is used twice."""
    fence = 0
    if execution_id is not None:
        earlier = session.exec(select(JobRow.fence).where(JobRow.execution_id == execution_id)).all()
        fence = max(earlier, default=0)
    job = JobRow(
        kind=kind, run_id=run.run_id, execution_id=execution_id, state=JobState.READY, created_at=now, not_before=now, fence=fence,
        reserved_for=run.reserved_for, memory_mb=memory_mb,
    )  # fmt: skip
    session.add(job)
    return job


def _open(session: Session, run: RunRow, row: ExecutionRow, now: float) -> JobRow:
    row.queued_at = now
    session.add(row)
    append_event(session, run, now, "execution.queued", row.plugin_id)
    return new_job(session, run, JobKind.EXECUTE, row.execution_id, now, row.memory_mb)


def _skip(session: Session, run: RunRow, row: ExecutionRow, because: str, now: float) -> None:
    row.status, row.ended_at = "SKIPPED", now
    row.summary = f"Not run, because {because}, which it depends on, did not end well."
    row.error = {"type": "DependencyFailed", "message": row.summary, "because": because}
    session.add(row)
    append_event(session, run, now, "execution.ended", row.plugin_id, status="SKIPPED", because=because)


def _with_open_jobs(session: Session, run_id: str) -> list[ExecutionId]:
    found = session.exec(select(JobRow.execution_id).where(JobRow.run_id == run_id, JobRow.state.in_(OPEN_STATES)))  # type: ignore[attr-defined]
    return [ExecutionId(execution_id) for execution_id in found if execution_id is not None]


def _advancing(session: Session, run_id: str) -> bool:
    query = select(JobRow.job_id).where(JobRow.run_id == run_id, JobRow.state.in_(OPEN_STATES), JobRow.kind == JobKind.ADVANCE)  # type: ignore[attr-defined]
    return session.exec(query).first() is not None
