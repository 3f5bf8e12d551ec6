"""Claims, leases and fenced commits in SQL: the database decides who may work and whose result counts."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import delete, func, true, update
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from harness_core.adapters.db.engine import Database
from harness_core.adapters.db.opening import OPEN_STATES, open_what_is_ready
from harness_core.adapters.db.records import append_event, execution_row, job_record, run_record
from harness_core.adapters.db.remembering import keep_insights
from harness_core.adapters.db.tables import (
    ArtifactRow,
    AttemptRow,
    DatasetVersionRow,
    ExecutionRow,
    JobRow,
    RunDatasetRow,
    RunRow,
)
from harness_core.domain.datasets import DatasetVersion
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


class SqlJobs:
    """Fulfils :class:`harness_core.ports.state.Jobs`."""

    def __init__(self, database: Database, clock: Clock, lease_s: float, memory_mb: int | None = None) -> None:
        """``memory_mb`` is what may be promised to running executions of this machine together; None for no bound."""
        self._db, self._clock, self._lease_s, self._memory_mb = database, clock, lease_s, memory_mb

    def claim(
        self, worker_id: WorkerId, *, job_id: int | None = None, run_id: RunId | None = None, reserved_only: bool = False
    ) -> Job | None:
        now = self._clock.now()
        with self._db.writing(durable=False) as session:
            found = self._claimable(worker_id, now).order_by(col(JobRow.priority).desc(), col(JobRow.job_id)).limit(1)
            if job_id is not None:
                found = found.where(col(JobRow.job_id) == job_id)
            if run_id is not None:
                found = found.where(col(JobRow.run_id) == run_id)
            if reserved_only:
                found = found.where(col(JobRow.reserved_for) == worker_id)
            row = session.exec(found).first()
            if row is None:
                return None
            self._lease(row, worker_id)
            session.add(row)
            self._mark_running(session, row, now)
            session.flush()
            return job_record(row)

    def _claimable(self, worker_id: WorkerId, now: float) -> Any:
        mine = col(JobRow.reserved_for).is_(None) | (col(JobRow.reserved_for) == worker_id)
        return select(JobRow).where(col(JobRow.state) == JobState.READY, col(JobRow.not_before) <= now, mine, self._fits())

    def _fits(self) -> Any:
        """There is memory for the job beside what is promised already; one that needs more than there is at all runs alone."""
        if self._memory_mb is None:
            return true()
        promised = _promised().scalar_subquery()
        needed = col(JobRow.memory_mb)
        return (needed == 0) | (promised == 0) | (promised + needed <= self._memory_mb)

    def _lease(self, row: JobRow, worker_id: WorkerId) -> None:
        row.state, row.lease_owner, row.lease_boot_id = JobState.LEASED, worker_id, self._clock.boot_id
        row.lease_until = self._clock.steady() + self._lease_s
        row.fence += 1
        row.attempt += 1

    def _mark_running(self, session: Session, job: JobRow, now: float) -> None:
        run = session.get_one(RunRow, job.run_id)
        if run.status == RunStatus.QUEUED:
            run.status = RunStatus.RUNNING
            if run.started_at is None:
                run.started_at = now
            append_event(session, run, now, "run.started")
        if job.execution_id is None:
            return
        execution = session.get_one(ExecutionRow, job.execution_id)
        execution.status, execution.started_at = ExecutionStatus.RUNNING, now
        execution.attempts += 1
        execution.progress_done = execution.progress_total = None
        session.add(execution)
        append_event(session, run, now, "execution.started", execution.plugin_id, attempt=job.attempt, worker=job.lease_owner)

    def heartbeat(self, worker_id: WorkerId, held: Sequence[Job]) -> Mapping[int, Held]:
        until = self._clock.steady() + self._lease_s
        heard: dict[int, Held] = {}
        with self._db.writing(durable=False) as session:
            for job in held:
                renewed = session.exec(
                    update(JobRow).where(*self._holds(job)).values(lease_until=until, lease_boot_id=self._clock.boot_id)
                )
                heard[job.job_id] = "held" if renewed.rowcount else "lost"
            runs = {job.run_id for job in held}
            stopping = set(session.exec(select(RunRow.run_id).where(col(RunRow.run_id).in_(runs), col(RunRow.cancel_requested))))
        for job in held:
            if heard[job.job_id] == "held" and job.run_id in stopping:
                heard[job.job_id] = "cancel"
        return heard

    @staticmethod
    def _holds(job: Job) -> tuple[Any, ...]:
        """The fence: true only while this very attempt has the job."""
        return (
            col(JobRow.job_id) == job.job_id,
            col(JobRow.fence) == job.fence,
            col(JobRow.lease_owner) == job.owner,
            col(JobRow.state) == JobState.LEASED,
        )

    def _end(self, session: Session, job: Job, state: JobState = JobState.DONE) -> RunRow:
        ended = session.exec(update(JobRow).where(*self._holds(job)).values(state=state, lease_owner=None, lease_until=None))
        if not ended.rowcount:
            raise LeaseLost(f"job {job.job_id} is no longer held with fence {job.fence}")
        return session.get_one(RunRow, job.run_id)

    def release(self, job: Job) -> None:
        now = self._clock.now()
        with self._db.writing() as session:
            row = session.exec(select(JobRow).where(*self._holds(job))).first()
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
        now = commit.attempt.ended_at
        with self._db.writing() as session:
            run = self._end(session, job, JobState.CANCELLED if commit.status is ExecutionStatus.CANCELLED else JobState.DONE)
            execution = session.get_one(ExecutionRow, job.execution_id)
            execution.status, execution.ended_at, execution.fence = commit.status, now, job.fence
            for name in ("summary", "error", "fingerprint", "output_sha256", "reused_from", "finding_count"):
                setattr(execution, name, getattr(commit, name))
            session.add(execution)
            session.add(AttemptRow(**asdict(commit.attempt)))
            self._register(session, run, execution, commit)
            append_event(
                session, run, now, "execution.ended", execution.plugin_id, status=commit.status, summary=commit.summary,
                findings=commit.finding_count, error=dict(commit.error) if commit.error else None,
            )  # fmt: skip
            return open_what_is_ready(session, run, now)

    def _register(self, session: Session, run: RunRow, execution: ExecutionRow, commit: Commit) -> None:
        old = delete(ArtifactRow).where(col(ArtifactRow.run_id) == run.run_id, col(ArtifactRow.plugin_id) == execution.plugin_id)
        session.exec(old)
        for artifact in commit.artifacts:
            session.add(ArtifactRow(**asdict(artifact)))
        if commit.datasets:
            _need_datasets(session, run, commit.datasets)
            run.dataset_version_id = commit.datasets[0].dataset_version_id
            run.datasets = [{"role": item.role, "dataset_version_id": item.dataset_version_id} for item in commit.datasets]
        if run.first_result_at is None and commit.finding_count:
            run.first_result_at = commit.attempt.ended_at
        run.finding_count += commit.finding_count
        run.warning_count += commit.attempt.warnings
        session.add(run)

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
            for execution in executions:
                session.add(execution_row(execution))
            for name, value in run_changes.items():
                setattr(run, name, value)
            append_event(session, run, now, "run.planned", plugins=[item.plugin_id for item in executions])
            return open_what_is_ready(session, run, now)

    def settle(self, job: Job) -> Sequence[int]:
        with self._db.writing() as session:
            return open_what_is_ready(session, self._end(session, job), self._clock.now())

    def begin_closing(self, job: Job) -> Run:
        with self._db.writing() as session:
            if session.exec(select(JobRow).where(*self._holds(job))).first() is None:
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
            run.reserved_for = None
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
        leased = select(JobRow).where(col(JobRow.state) == JobState.LEASED, expired)
        if not dead_workers and not self._any(leased):
            return rings  # the usual case, twice a second: no write lock for it
        with self._db.writing() as session:
            self._unreserve(session, dead_workers)
            for row in session.exec(leased).all():
                rings += self._take_back(session, row, now)
            session.flush()
        return rings

    def _any(self, rows: Any) -> bool:
        with self._db.reading() as session:
            return session.exec(rows.limit(1)).first() is not None

    def _unreserve(self, session: Session, dead_workers: Collection[WorkerId]) -> None:
        for table in (JobRow, RunRow):
            session.exec(update(table).where(col(table.reserved_for).in_(dead_workers)).values(reserved_for=None))

    def stumble(self, job: Job, reason: str) -> Sequence[int]:
        now = self._clock.now()
        with self._db.writing() as session:
            row = session.exec(select(JobRow).where(*self._holds(job))).first()
            if row is None:
                return ()
            row.not_before = now + 0.5 * 2**row.crashes
            append_event(session, session.get_one(RunRow, row.run_id), now, "job.stumbled", kind=row.kind, reason=reason[:1000])
            self._take_back(session, row, now)
            return ()

    def _take_back(self, session: Session, row: JobRow, now: float) -> list[int]:
        row.crashes += 1
        worker, row.lease_owner, row.lease_until = row.lease_owner, None, None
        session.add(row)
        if row.crashes < MAX_CRASHES:
            row.state = JobState.READY
            row.attempt -= 1
            self._back_to_pending(session, row, now, "execution.lost", uncharged=True, worker=worker, crashes=row.crashes)
            return [row.job_id] if row.job_id is not None else []
        row.state = JobState.DEAD
        return self._bury(session, row, now)

    def _bury(self, session: Session, row: JobRow, now: float) -> list[int]:
        """A job that took its worker with it three times: the execution ends as an error, or, for an advance job, the run does."""
        run = session.get_one(RunRow, row.run_id)
        message = f"Its worker was lost {row.crashes} times while handling this; it is not tried again."
        error = {"type": "WorkerLost", "message": message, "remedy": "See the logs of the attempts, then `harness runs retry`."}
        if row.execution_id is None:
            run.status, run.ended_at, run.error = RunStatus.FAILED, now, error
            append_event(session, run, now, "run.ended", status=RunStatus.FAILED, error=error)
            return []
        execution = session.get_one(ExecutionRow, row.execution_id)
        execution.status, execution.ended_at, execution.error, execution.summary = ExecutionStatus.ERROR, now, error, message
        session.add(execution)
        append_event(session, run, now, "execution.ended", execution.plugin_id, status=ExecutionStatus.ERROR, error=error)
        return open_what_is_ready(session, run, now)

    def due(self, limit: int = 100, *, run_id: RunId | None = None) -> Sequence[int]:
        with self._db.reading() as session:
            query = select(JobRow.job_id).where(col(JobRow.state) == JobState.READY, col(JobRow.not_before) <= self._clock.now())
            if run_id is not None:
                query = query.where(col(JobRow.run_id) == run_id)
            found = session.exec(query.order_by(col(JobRow.priority).desc(), col(JobRow.job_id)).limit(limit))
            return [job_id for job_id in found if job_id is not None]

    def short_of_memory(self, run_id: RunId) -> MemoryShortage | None:
        with self._db.reading() as session:
            waiting = (
                select(ExecutionRow.plugin_id, JobRow.memory_mb)
                .join(JobRow, col(JobRow.execution_id) == col(ExecutionRow.execution_id))
                .where(col(JobRow.run_id) == run_id, col(JobRow.state) == JobState.READY, ~self._fits())
            )
            found = session.exec(waiting.order_by(col(JobRow.job_id)).limit(1)).first()
            if found is None:
                return None
            return MemoryShortage(found[0], found[1], session.exec(_promised()).one(), self._memory_mb or 0)

    def dead(self, limit: int = 100) -> Sequence[Mapping[str, Any]]:
        with self._db.reading() as session:
            found = session.exec(select(JobRow).where(col(JobRow.state) == JobState.DEAD).order_by(col(JobRow.job_id)).limit(limit))
            return [row.model_dump(include={"job_id", "kind", "run_id", "execution_id", "attempt", "crashes"}) for row in found]

    def backlog(self) -> Mapping[str, float]:
        with self._db.reading() as session:
            counted = dict(
                session.exec(
                    select(JobRow.state, func.count())
                    .where(col(JobRow.state).in_((*OPEN_STATES, JobState.DEAD)))
                    .group_by(JobRow.state)
                ).all()
            )
            oldest = session.exec(select(func.min(JobRow.not_before)).where(col(JobRow.state) == JobState.READY)).one()
        waited = max(0.0, self._clock.now() - oldest) if oldest is not None else 0.0
        names = {"ready": JobState.READY, "leased": JobState.LEASED, "dead": JobState.DEAD}
        return {name: counted.get(state, 0) for name, state in names.items()} | {"oldest_ready_s": waited}

    def has_open(self, run_id: RunId) -> bool:
        with self._db.reading() as session:
            query = select(JobRow.job_id).where(col(JobRow.run_id) == run_id, col(JobRow.state).in_(OPEN_STATES))
            return session.exec(query).first() is not None


def _promised() -> Any:
    """Megabytes that running executions may use together."""
    other = aliased(JobRow)
    return select(func.coalesce(func.sum(other.memory_mb), 0)).where(col(other.state) == JobState.LEASED)


def _need_datasets(session: Session, run: RunRow, datasets: Sequence[DatasetVersion]) -> None:
    """Record what the run has read; its data are there now, whatever was deleted or collected before."""
    for dataset in {item.dataset_version_id: item for item in datasets}.values():
        row = session.get(DatasetVersionRow, dataset.dataset_version_id)
        if row is None:
            row = _dataset_row(dataset)
        row.deleted_at = row.purged_at = None
        session.add(row)
        session.merge(RunDatasetRow(run_id=run.run_id, dataset_version_id=dataset.dataset_version_id))


def _dataset_row(dataset: DatasetVersion) -> DatasetVersionRow:
    values = asdict(dataset)
    for name in ("columns", "repairs"):
        values[name] = [dict(item) for item in values[name]]
    return DatasetVersionRow(**values)
