"""Claims, leases and fenced commits in SQL: the database decides who may work and whose result counts."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import delete, func, update
from sqlmodel import Session, col, select

from harness_core.adapters.db.concluding import conclude
from harness_core.adapters.db.engine import Database
from harness_core.adapters.db.events import append_event, append_events, happening
from harness_core.adapters.db.leases import (
    CANCELLING,
    RENEW,
    START_EXECUTION,
    START_RUN,
    claim_statement,
    end_job,
    fits,
    going_on,
    holds,
    job_of,
    promised,
    shown,
)
from harness_core.adapters.db.opening import OPEN_STATES, add_execution, open_what_is_ready, settle_run
from harness_core.adapters.db.records import run_record
from harness_core.adapters.db.remembering import keep_insights
from harness_core.adapters.db.statements import LEASED, READY, Transaction
from harness_core.adapters.db.tables import ArtifactRow, AttemptRow, ExecutionRow, JobRow, RunRow
from harness_core.domain.errors import LeaseLost
from harness_core.domain.runs import (
    MAX_CRASHES,
    Attempt,
    Execution,
    ExecutionStatus,
    Job,
    JobState,
    Run,
    RunId,
    RunStatus,
    WorkerId,
)
from harness_core.ports.state import Closing, Commit, Held, MemoryShortage
from harness_core.ports.world import Clock

NO_DELAY_IS_SO_LONG_S = 60.0


class SqlJobs:
    """Fulfils :class:`harness_core.ports.state.Jobs`."""

    def __init__(self, database: Database, clock: Clock, lease_s: float, memory_mb: int | None = None) -> None:
        """``memory_mb`` is what may be promised to running executions of this machine together; None for no bound."""
        self._db, self._clock, self._lease_s, self._memory_mb = database, clock, lease_s, memory_mb

    def claim(
        self, worker_id: WorkerId, *, job_id: int | None = None, run_id: RunId | None = None, reserved_only: bool = False
    ) -> Job | None:
        taken = self._take(worker_id, 1, job_id=job_id, run_id=run_id, reserved_only=reserved_only)
        return taken[0] if taken else None

    def claim_several(
        self, worker_id: WorkerId, count: int, *, run_id: RunId | None = None, reserved_only: bool = False
    ) -> Sequence[Job]:
        return self._take(worker_id, count, run_id=run_id, reserved_only=reserved_only)

    def _take(
        self,
        worker_id: WorkerId,
        count: int,
        *,
        job_id: int | None = None,
        run_id: RunId | None = None,
        reserved_only: bool = False,
    ) -> list[Job]:
        """One after another within one transaction: each sees what the one before it was promised."""
        now = self._clock.now()
        statement = claim_statement(
            self._memory_mb, by_job=job_id is not None, by_run=run_id is not None, reserved_only=reserved_only
        )
        values = {
            "worker": worker_id, "now": now, "of_job": job_id, "of_run": run_id,
            "new_lease_until": self._clock.steady() + self._lease_s, "new_lease_boot_id": self._clock.boot_id,
        }  # fmt: skip
        taken: list[Job] = []
        with self._db.changing(durable=False) as transaction:
            while len(taken) < count and (row := transaction.row(statement, **values)) is not None:
                taken.append(job_of(row))
                self._mark_running(transaction, taken[-1], now)
        return taken

    @staticmethod
    def _mark_running(transaction: Transaction, job: Job, now: float) -> None:
        told = [happening("run.started")] if transaction.run(START_RUN, of_run=job.run_id, now=now) else []
        if job.execution_id is not None:
            ((plugin_id,),) = transaction.rows(START_EXECUTION, of_execution=job.execution_id, now=now)
            told.append(happening("execution.started", plugin_id, attempt=job.attempt, worker=job.owner))
        if told:
            append_events(transaction, job.run_id, now, told)

    def heartbeat(self, worker_id: WorkerId, held: Sequence[Job]) -> Mapping[int, Held]:
        until = {"new_lease_until": self._clock.steady() + self._lease_s, "new_lease_boot_id": self._clock.boot_id}
        heard: dict[int, Held] = {}
        with self._db.changing(durable=False) as transaction:
            stopping = {run_id for run_id in {job.run_id for job in held} if transaction.row(CANCELLING, of_run=run_id)}
            for job in held:
                renewed = transaction.run(RENEW, **shown(job), **until)
                heard[job.job_id] = "lost" if not renewed else "cancel" if job.run_id in stopping else "held"
        return heard

    def _end(self, session: Session, job: Job, state: JobState = JobState.DONE) -> RunRow:
        end_job(Transaction.of(session), job, state)
        return session.get_one(RunRow, job.run_id)

    def release(self, job: Job) -> None:
        now = self._clock.now()
        with self._db.writing() as session:
            row = session.exec(select(JobRow).where(*holds(job.job_id, job.fence, job.owner))).first()
            if row is None:
                return
            row.state, row.lease_owner, row.lease_until = JobState.READY, None, None
            row.attempt -= 1
            session.add(row)
            self._back_to_pending(session, row, now, "execution.handed_back", uncharged=True)

    def _back_to_pending(self, session: Session, job: JobRow, now: float, event: str, *, uncharged: bool, **data: Any) -> None:
        if job.execution_id is None:
            return
        execution = session.get_one(ExecutionRow, job.execution_id)
        execution.status = ExecutionStatus.PENDING
        execution.attempts -= 1 if uncharged else 0
        session.add(execution)
        append_event(session, session.get_one(RunRow, job.run_id), now, event, execution.plugin_id, **data)

    def commit_execution(self, job: Job, commit: Commit) -> Sequence[int]:
        with self._db.changing() as transaction:
            end_job(transaction, job, JobState.CANCELLED if commit.status is ExecutionStatus.CANCELLED else JobState.DONE)
            conclude(transaction, job, commit)
            return settle_run(transaction, job.run_id, commit.attempt.ended_at)

    def retry_execution(self, job: Job, attempt: Attempt, delay_s: float) -> None:
        now = self._clock.now()
        with self._db.writing() as session:
            self._end(session, job, JobState.READY)
            row = session.get_one(JobRow, job.job_id)
            session.refresh(row)
            row.not_before = now + delay_s
            session.add(row)
            session.add(AttemptRow(**asdict(attempt)))
            self._back_to_pending(session, row, now, "execution.retry", uncharged=False, delay_s=delay_s, reason=attempt.reason)

    def commit_expansion(self, job: Job, executions: Sequence[Execution], run_changes: Mapping[str, Any]) -> Sequence[int]:
        now = self._clock.now()
        with self._db.writing() as session:
            run = self._end(session, job)
            for name, value in run_changes.items():
                setattr(run, name, value)
            append_event(session, run, now, "run.planned", plugins=[item.plugin_id for item in executions])
            for execution in executions:
                add_execution(session, run, execution)
            return open_what_is_ready(session, run, now)

    def settle(self, job: Job) -> Sequence[int]:
        with self._db.writing() as session:
            return open_what_is_ready(session, self._end(session, job), self._clock.now())

    def begin_closing(self, job: Job) -> Run:
        with self._db.writing() as session:
            if session.exec(select(JobRow).where(*holds(job.job_id, job.fence, job.owner))).first() is None:
                raise LeaseLost(f"job {job.job_id} is no longer held with fence {job.fence}")
            run = session.get_one(RunRow, job.run_id)
            if run.ended_at is None:
                run.ended_at = self._clock.now()
                session.add(run)
            return run_record(run)

    def commit_closing(self, job: Job, closing: Closing) -> None:
        with self._db.writing() as session:
            run = self._end(session, job)
            run.status, run.insight_count, run.finding_count = closing.status, closing.insight_count, closing.finding_count
            run.worst_severity, run.error = closing.worst_severity, dict(closing.error) if closing.error else None
            run.reserved_for = run.paused_at = None
            session.exec(
                delete(ArtifactRow).where(col(ArtifactRow.run_id) == run.run_id, ~col(ArtifactRow.path).startswith("plugins/"))
            )
            for artifact in closing.artifacts:
                session.add(ArtifactRow(**asdict(artifact)))
            keep_insights(session, run.run_id, closing.insights)
            at = run.ended_at or self._clock.now()
            append_event(session, run, at, "run.ended", status=closing.status, insights=closing.insight_count)

    def reap(self, dead_workers: Collection[WorkerId]) -> Sequence[int]:
        """See the port. A lease of an earlier boot has run out by definition: this clock starts again with each boot."""
        now = self._clock.now()
        rings: list[int] = []
        expired = (
            (col(JobRow.lease_until) < self._clock.steady())
            | (col(JobRow.lease_boot_id) != self._clock.boot_id)
            | col(JobRow.lease_owner).in_(dead_workers)
        )
        leased = select(JobRow).where(col(JobRow.state) == LEASED, expired)
        stranded = select(JobRow).where(col(JobRow.state) == READY, col(JobRow.not_before) > now + NO_DELAY_IS_SO_LONG_S)
        if not dead_workers and not self._any(leased) and not self._any(stranded):
            return rings  # the usual case, twice a second: no write lock for it
        with self._db.writing() as session:
            self._unreserve(session, dead_workers)
            for row in session.exec(leased).all():
                rings += self._take_back(session, row, now)
            for row in session.exec(stranded).all():
                rings += self._due_at_once(session, row, now)
            session.flush()
        return rings

    @staticmethod
    def _due_at_once(session: Session, row: JobRow, now: float) -> list[int]:
        """A job made before the clock on the wall was set back would else wait until that hour comes again."""
        row.not_before = now
        session.add(row)
        return [row.job_id] if row.job_id is not None else []

    def _any(self, rows: Any) -> bool:
        with self._db.reading() as session:
            return session.exec(rows.limit(1)).first() is not None

    def _unreserve(self, session: Session, dead_workers: Collection[WorkerId]) -> None:
        for table in (JobRow, RunRow):
            session.exec(update(table).where(col(table.reserved_for).in_(dead_workers)).values(reserved_for=None))

    def stumble(self, job: Job, reason: str) -> Sequence[int]:
        now = self._clock.now()
        with self._db.writing() as session:
            row = session.exec(select(JobRow).where(*holds(job.job_id, job.fence, job.owner))).first()
            if row is None:
                return ()
            row.not_before = now + 0.5 * 2**row.crashes
            append_event(session, session.get_one(RunRow, row.run_id), now, "job.stumbled", kind=row.kind, reason=reason[:1000])
            self._take_back(session, row, now, reason)
            return ()

    def _take_back(self, session: Session, row: JobRow, now: float, stumbled_over: str | None = None) -> list[int]:
        row.crashes += 1
        worker, row.lease_owner, row.lease_until = row.lease_owner, None, None
        session.add(row)
        if row.crashes < MAX_CRASHES:
            row.state = JobState.READY
            row.attempt -= 1
            self._back_to_pending(session, row, now, "execution.lost", uncharged=True, worker=worker, crashes=row.crashes)
            return [row.job_id] if row.job_id is not None else []
        row.state = JobState.DEAD
        return self._bury(session, row, now, _given_up(row, stumbled_over))

    def _bury(self, session: Session, row: JobRow, now: float, error: dict[str, Any]) -> list[int]:
        """The end of a dead letter: its execution ends as an error, or, for an advance job, the run does."""
        run, message = session.get_one(RunRow, row.run_id), error["message"]
        if row.execution_id is None:
            run.status, run.ended_at, run.error, run.paused_at = RunStatus.FAILED, now, error, None
            append_event(session, run, now, "run.ended", status=RunStatus.FAILED, error=error)
            return []
        execution = session.get_one(ExecutionRow, row.execution_id)
        execution.status, execution.ended_at, execution.error, execution.summary = ExecutionStatus.ERROR, now, error, message
        session.add(execution)
        append_event(
            session, run, now, "execution.ended", execution.plugin_id, status=ExecutionStatus.ERROR, summary=message, error=error
        )
        return open_what_is_ready(session, run, now)

    def due(self, limit: int = 100, *, run_id: RunId | None = None) -> Sequence[int]:
        with self._db.reading() as session:
            ready = (col(JobRow.state) == READY, col(JobRow.not_before) <= self._clock.now())
            query = select(JobRow.job_id).where(*ready, going_on())
            if run_id is not None:
                query = query.where(col(JobRow.run_id) == run_id)
            found = session.exec(query.order_by(col(JobRow.priority).desc(), col(JobRow.job_id)).limit(limit))
            return [job_id for job_id in found if job_id is not None]

    def short_of_memory(self, run_id: RunId) -> MemoryShortage | None:
        with self._db.reading() as session:
            waiting = (
                select(ExecutionRow.plugin_id, JobRow.memory_mb)
                .join(JobRow, col(JobRow.execution_id) == col(ExecutionRow.execution_id))
                .where(col(JobRow.run_id) == run_id, col(JobRow.state) == READY, going_on(), ~fits(self._memory_mb))
            )
            found = session.exec(waiting.order_by(col(JobRow.job_id)).limit(1)).first()
            if found is None:
                return None
            return MemoryShortage(found[0], found[1], session.scalar(promised()) or 0, self._memory_mb or 0)

    def dead(self, limit: int = 100) -> Sequence[Mapping[str, Any]]:
        with self._db.reading() as session:
            found = session.exec(select(JobRow).where(col(JobRow.state) == JobState.DEAD).order_by(col(JobRow.job_id)).limit(limit))
            return [row.model_dump(include={"job_id", "kind", "run_id", "execution_id", "attempt", "crashes"}) for row in found]

    def backlog(self) -> Mapping[str, float]:
        with self._db.reading() as session:
            counted = dict(
                session.exec(
                    select(JobRow.state, func.count())
                    .where(col(JobRow.state).in_((*OPEN_STATES, JobState.DEAD)), (col(JobRow.state) != READY) | going_on())
                    .group_by(JobRow.state)
                ).all()
            )
            ready = select(func.min(JobRow.not_before)).where(col(JobRow.state) == READY, going_on())
            oldest = session.exec(ready).one()
        waited = max(0.0, self._clock.now() - oldest) if oldest is not None else 0.0
        names = {"ready": JobState.READY, "leased": JobState.LEASED, "dead": JobState.DEAD}
        return {name: counted.get(state, 0) for name, state in names.items()} | {"oldest_ready_s": waited}

    def has_open(self, run_id: RunId) -> bool:
        with self._db.reading() as session:
            query = select(JobRow.job_id).where(col(JobRow.run_id) == run_id, col(JobRow.state).in_(OPEN_STATES))
            return session.exec(query).first() is not None


def _given_up(row: JobRow, stumbled_over: str | None) -> dict[str, Any]:
    """Why a job became a dead letter."""
    if stumbled_over is not None:
        message = f"It could not be handled {row.crashes} times and is not tried again: {stumbled_over[:500]}"
        return {"type": "HandlingFailed", "message": message, "remedy": "See the worker's log, then `harness runs retry`."}
    message = f"Its worker was lost {row.crashes} times while handling this; it is not tried again."
    remedy = "See what ended the worker (the system's log names what it killed for want of memory), then `harness runs retry`."
    return {"type": "WorkerLost", "message": message, "remedy": remedy}
