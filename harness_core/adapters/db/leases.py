"""The statements of claims, leases and fences, and the conditions under which a job may be taken."""

from functools import cache
from typing import Any

from sqlalchemy import BindParameter, bindparam, func, select, true, update
from sqlalchemy.orm import aliased
from sqlmodel import col

from harness_core.adapters.db.statements import LEASED, READY, Statement, Transaction, columns, new
from harness_core.adapters.db.tables import ExecutionRow, JobRow, RunRow
from harness_core.domain.errors import LeaseLost
from harness_core.domain.runs import LAST_TRY, ExecutionStatus, Job, JobKind, JobState, RunStatus, WorkerId

JOB_COLUMNS = ("job_id", "kind", "run_id", "execution_id", "fence", "lease_owner", "attempt", "crashes")


def going_on() -> Any:
    """The job's run is not paused. The list of those that are is looked up once, from an index that holds nothing else."""
    return col(JobRow.run_id).not_in(select(RunRow.run_id).where(col(RunRow.paused_at).is_not(None)))  # type: ignore[call-overload]


def may_stand_beside(worker_id: Any) -> Any:
    """Whoever holds nothing may take anything; beside another job, neither is one that is on its last try."""
    other = aliased(JobRow)
    held = select(func.max(other.crashes)).where(col(other.state) == LEASED, col(other.lease_owner) == worker_id)
    worst = held.scalar_subquery()
    return worst.is_(None) | ((worst < LAST_TRY) & (col(JobRow.crashes) < LAST_TRY))


def promised() -> Any:
    """Megabytes that running executions may use together."""
    other = aliased(JobRow)
    return select(func.coalesce(func.sum(other.memory_mb), 0)).where(col(other.state) == LEASED)


def fits(memory_mb: int | None) -> Any:
    """There is memory for the job beside what is promised already; one that needs more than there is at all runs alone."""
    if memory_mb is None:
        return true()
    others, needed = promised().scalar_subquery(), col(JobRow.memory_mb)
    return (needed == 0) | (others == 0) | (others + needed <= memory_mb)


@cache
def claim_statement(memory_mb: int | None, *, by_job: bool = False, by_run: bool = False, reserved_only: bool = False) -> Statement:
    """Takes the first job that ``worker`` may have (the one given as ``of_job``, one of ``of_run``) and returns its columns."""
    worker: BindParameter[str] = bindparam("worker")
    free, mine = col(JobRow.reserved_for).is_(None), col(JobRow.reserved_for) == worker
    due = (col(JobRow.state) == READY, col(JobRow.not_before) <= bindparam("now"), mine if reserved_only else free | mine)
    first = select(col(JobRow.job_id)).where(*due, going_on(), may_stand_beside(worker), fits(memory_mb))
    if by_job:
        first = first.where(col(JobRow.job_id) == bindparam("of_job"))
    if by_run:
        first = first.where(col(JobRow.run_id) == bindparam("of_run"))
    first = first.order_by(col(JobRow.priority).desc(), col(JobRow.job_id)).limit(1).with_for_update(skip_locked=True)
    return Statement(
        update(JobRow)
        .where(col(JobRow.job_id) == first.correlate(None).scalar_subquery())
        .values(
            state=LEASED, lease_owner=worker, fence=col(JobRow.fence) + 1, attempt=col(JobRow.attempt) + 1,
            **new("lease_until", "lease_boot_id"),
        )
        .returning(*columns(JobRow, *JOB_COLUMNS))
    )  # fmt: skip


def job_of(row: Any) -> Job:
    """The claimed job that a row of ``JOB_COLUMNS`` says."""
    job_id, kind, run_id, execution_id, fence, owner, attempt, crashes = row
    return Job(job_id, JobKind(kind), run_id, execution_id, fence, WorkerId(owner), attempt, crashes)


def holds(job_id: Any, fence: Any, owner: Any) -> tuple[Any, ...]:
    """The fence: true only while this very attempt has the job."""
    return col(JobRow.job_id) == job_id, col(JobRow.fence) == fence, col(JobRow.lease_owner) == owner, col(JobRow.state) == LEASED


def shown(job: Job) -> dict[str, Any]:
    """What a worker shows to prove that it holds the job: values for the statements below."""
    return {"of_job": job.job_id, "of_fence": job.fence, "of_owner": job.owner}


_HOLDS = holds(bindparam("of_job"), bindparam("of_fence"), bindparam("of_owner"))

RENEW = Statement(update(JobRow).where(*_HOLDS).values(new("lease_until", "lease_boot_id")))
END = Statement(update(JobRow).where(*_HOLDS).values(**new("state"), lease_owner=None, lease_until=None))


def end_job(transaction: Transaction, job: Job, state: JobState = JobState.DONE) -> None:
    """Raises LeaseLost where the job is no longer held under this fence; then nothing of the transaction may stay."""
    if not transaction.run(END, **shown(job), new_state=state):
        raise LeaseLost(f"job {job.job_id} is no longer held with fence {job.fence}")


CANCELLING = Statement(
    select(col(RunRow.run_id)).where(col(RunRow.run_id) == bindparam("of_run"), col(RunRow.cancel_requested).is_(True))
)
START_RUN = Statement(
    update(RunRow)
    .where(col(RunRow.run_id) == bindparam("of_run"), col(RunRow.status) == RunStatus.QUEUED)
    .values(status=RunStatus.RUNNING, started_at=func.coalesce(col(RunRow.started_at), bindparam("now")))
)
START_EXECUTION = Statement(
    update(ExecutionRow)
    .where(col(ExecutionRow.execution_id) == bindparam("of_execution"))
    .values(
        status=ExecutionStatus.RUNNING, started_at=bindparam("now"), attempts=col(ExecutionRow.attempts) + 1,
        progress_done=None, progress_total=None, progress_what="", progress_unit="",
    )
    .returning(col(ExecutionRow.plugin_id))
)  # fmt: skip
