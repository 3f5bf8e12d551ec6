"""What a transaction does after it changed executions: open or skip what waited for them, or ring for the run itself."""

from typing import Any, NamedTuple

from sqlalchemy import BindParameter, bindparam, func, insert, select, update
from sqlalchemy.orm.attributes import set_committed_value
from sqlmodel import Session, col

from harness_core.adapters.db.events import Happening, append_event, append_events, happening
from harness_core.adapters.db.records import execution_row
from harness_core.adapters.db.statements import LEASED, READY, Statement, Transaction, columns, new
from harness_core.adapters.db.tables import AttemptRow, ExecutionRow, JobRow, RunRow
from harness_core.domain.plugins import PluginId, PluginType
from harness_core.domain.runs import Execution, ExecutionId, ExecutionStatus, JobKind, JobState
from harness_core.domain.settling import longest_first, settle

OPEN_STATES = (JobState.READY, JobState.LEASED)
EARLIER_RUNS = 3

OF_RUN: BindParameter[str] = bindparam("of_run")
STEPS = Statement(
    select(*columns(ExecutionRow, "execution_id", "plugin_id", "plugin_type", "layer", "depends_on", "memory_mb", "status")).where(
        col(ExecutionRow.run_id) == OF_RUN
    )
)
OPEN_JOBS = Statement(
    select(*columns(JobRow, "kind", "execution_id")).where(col(JobRow.run_id) == OF_RUN, col(JobRow.state).in_((READY, LEASED)))
)
# The fence goes on from where the execution's earlier jobs stopped, so that no number is used twice.
ADD_JOB = Statement(
    insert(JobRow)
    .values(
        **new("kind", "run_id", "execution_id", "created_at", "not_before", "memory_mb"),
        state=JobState.READY, priority=0, attempt=0, crashes=0,
        fence=select(func.coalesce(func.max(col(JobRow.fence)), 0))
        .where(col(JobRow.execution_id) == bindparam("new_execution_id"))
        .scalar_subquery(),
        reserved_for=select(col(RunRow.reserved_for)).where(col(RunRow.run_id) == bindparam("new_run_id")).scalar_subquery(),
    )
    .returning(col(JobRow.job_id))
)  # fmt: skip
# The index of the newest runs leads to the last few that ended, whatever else there is.
TOOK = Statement(
    select(*columns(AttemptRow, "plugin_id"), func.max(col(AttemptRow.wall_s)))
    .where(
        col(AttemptRow.run_id).in_(
            select(col(RunRow.run_id))
            .where(col(RunRow.ended_at).is_not(None))
            .order_by(col(RunRow.created_at).desc())
            .limit(EARLIER_RUNS)
        )
    )
    .group_by(col(AttemptRow.plugin_id))
)
OF_EXECUTION = col(ExecutionRow.execution_id) == bindparam("of_execution")
QUEUE = Statement(update(ExecutionRow).where(OF_EXECUTION).values(new("queued_at")))
SKIP = Statement(
    update(ExecutionRow).where(OF_EXECUTION).values(status=ExecutionStatus.SKIPPED, **new("ended_at", "summary", "error"))
)


class Waiting(NamedTuple):
    """An execution, as far as its opening is concerned."""

    execution_id: ExecutionId
    plugin_id: PluginId
    plugin_type: PluginType
    layer: int
    depends_on: list[PluginId]
    memory_mb: int
    status: ExecutionStatus


def settle_run(transaction: Transaction, run_id: str, now: float) -> list[int]:
    """Apply :func:`settle` to the run within this transaction; returns the jobs to ring for."""
    steps = {row[0]: Waiting._make([*row[:-1], ExecutionStatus(row[-1])]) for row in transaction.rows(STEPS, of_run=run_id)}
    open_jobs = transaction.rows(OPEN_JOBS, of_run=run_id)
    settlement = settle(list(steps.values()), [ExecutionId(name) for _, name in open_jobs if name is not None])
    told = [_skip(transaction, steps[name], because, now) for name, because in settlement.skipped.items()]
    starting = _in_order(transaction, [steps[name] for name in settlement.opened])
    told += [happening("execution.queued", step.plugin_id) for step in starting]
    if told:
        append_events(transaction, run_id, now, told)
    opened = [_open(transaction, run_id, step, now) for step in starting]
    if settlement.idle and all(kind != JobKind.ADVANCE for kind, _ in open_jobs):
        opened.append(_add_job(transaction, run_id, JobKind.ADVANCE, now))
    return opened


def _in_order(transaction: Transaction, steps: list[Waiting]) -> list[Waiting]:
    if len(steps) < 2:
        return steps
    return longest_first(steps, {PluginId(name): float(took_s) for name, took_s in transaction.rows(TOOK)})


def _add_job(
    transaction: Transaction, run_id: str, kind: JobKind, now: float, execution_id: str | None = None, memory_mb: int = 0
) -> int:
    values: dict[str, Any] = {"new_kind": kind, "new_run_id": run_id, "new_execution_id": execution_id, "new_memory_mb": memory_mb}
    ((job_id,),) = transaction.rows(ADD_JOB, new_created_at=now, new_not_before=now, **values)
    return int(job_id)


def _open(transaction: Transaction, run_id: str, step: Waiting, now: float) -> int:
    transaction.run(QUEUE, of_execution=step.execution_id, new_queued_at=now)
    return _add_job(transaction, run_id, JobKind.EXECUTE, now, step.execution_id, step.memory_mb)


def _skip(transaction: Transaction, step: Waiting, because: str, now: float) -> Happening:
    summary = f"Not run, because {because}, which it depends on, did not end well."
    error = {"type": "DependencyFailed", "message": summary, "because": because}
    transaction.run(SKIP, of_execution=step.execution_id, new_ended_at=now, new_summary=summary, new_error=error)
    return happening("execution.ended", step.plugin_id, status=ExecutionStatus.SKIPPED, because=because)


def open_what_is_ready(session: Session, run: RunRow, now: float) -> list[int]:
    """The same within a session."""
    transaction = Transaction.of(session)
    opened = settle_run(transaction, run.run_id, now)
    set_committed_value(run, "event_seq", session.scalar(select(col(RunRow.event_seq)).where(col(RunRow.run_id) == run.run_id)))
    return opened


def add_execution(session: Session, run: RunRow, execution: Execution) -> None:
    """Record an execution; one that ended before it could begin (BLOCKED) says so like every other that ends."""
    session.add(execution_row(execution))
    if execution.ended_at is not None:
        append_event(
            session, run, execution.ended_at, "execution.ended", execution.plugin_id, status=execution.status,
            summary=execution.summary, error=dict(execution.error) if execution.error else None,
        )  # fmt: skip
