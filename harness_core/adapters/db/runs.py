"""Runs with their executions, events and artifacts in SQL."""

import base64
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import and_, bindparam, func, or_, tuple_, union_all, update
from sqlmodel import Session, col, select

from harness_core.adapters.db.engine import Database
from harness_core.adapters.db.events import append_event, append_events, happening
from harness_core.adapters.db.opening import OPEN_STATES, add_execution, open_what_is_ready
from harness_core.adapters.db.records import LISTED, execution_record, listed_run, record, run_record, run_row
from harness_core.adapters.db.remembering import note_scopes
from harness_core.adapters.db.statements import Statement, columns, new
from harness_core.adapters.db.tables import (
    ArtifactRow,
    AttemptRow,
    EventRow,
    ExecutionRow,
    JobRow,
    RunInputRow,
    RunRow,
    UploadRow,
)
from harness_core.domain.errors import Conflict, NotFound, UsageError
from harness_core.domain.pace import pace_of
from harness_core.domain.plugins import CONCLUDING_TYPES
from harness_core.domain.runs import (
    NOT_RETRIED,
    RUN_ENDED,
    Artifact,
    Attempt,
    Event,
    Execution,
    ExecutionId,
    ExecutionStatus,
    JobState,
    Run,
    RunId,
    RunStatus,
)
from harness_core.ports.launcher import Progress
from harness_core.ports.state import RunPage
from harness_core.ports.world import Clock

SHORTEST_PREFIX = 6
NOTE_PROGRESS = Statement(
    update(ExecutionRow)
    .where(col(ExecutionRow.execution_id) == bindparam("of_execution"), col(ExecutionRow.status) == ExecutionStatus.RUNNING)
    .values(new("progress_done", "progress_total", "progress_what", "progress_unit"))
    .returning(*columns(ExecutionRow, "run_id", "plugin_id", "started_at"))
)
MOST_TWINS = 20


class SqlRuns:
    """Fulfils :class:`harness_core.ports.state.Runs`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db, self._clock = database, clock

    def create(
        self, run: Run, executions: Sequence[Execution], *, idempotency_key: str | None = None, idempotency_digest: str = ""
    ) -> tuple[Run, Sequence[int]]:
        with self._db.writing() as session:
            if idempotency_key is not None:
                earlier = session.exec(select(RunRow).where(col(RunRow.idempotency_key) == idempotency_key)).first()
                if earlier is not None:
                    return _same_request(earlier, idempotency_digest), ()
            row = run_row(run, idempotency_key, idempotency_digest)
            session.add(row)
            session.flush()
            _need_inputs(session, run)
            note_scopes(session, run)
            names = [item.plugin_id for item in executions]
            append_event(session, row, run.created_at, "run.queued", fingerprint=run.fingerprint, plugins=names)
            for execution in executions:
                add_execution(session, row, execution)
            rings = open_what_is_ready(session, row, run.created_at)
            return run_record(row), rings

    def get(self, run_id: str) -> Run:
        with self._db.reading() as session:
            return run_record(find_run(session, run_id))

    def page(
        self,
        *,
        after: str | None = None,
        limit: int = 50,
        statuses: Collection[RunStatus] = (),
        text: str = "",
        deleted: bool = False,
    ) -> RunPage:
        query = select(RunRow).order_by(col(RunRow.created_at).desc(), col(RunRow.run_id).desc()).limit(limit + 1)
        if not deleted:
            query = query.where(col(RunRow.deleted_at).is_(None))
        if statuses:
            query = query.where(col(RunRow.status).in_(statuses))
        if text:
            query = query.where(or_(col(RunRow.filename).contains(text, autoescape=True), col(RunRow.run_id).startswith(text)))
        if after is not None:
            query = query.where(tuple_(col(RunRow.created_at), col(RunRow.run_id)) < tuple_(*decode_cursor(after)))
        with self._db.reading() as session:  # columns rather than objects: a page of 500 takes half the time
            rows = [listed_run(row) for row in session.execute(query.with_only_columns(*LISTED))]
        more = len(rows) > limit
        rows = rows[:limit]
        return RunPage(rows, encode_cursor(rows[-1].created_at, rows[-1].run_id) if more else None)

    def counts(self) -> Mapping[str, int]:
        with self._db.reading() as session:
            there = select(RunRow.status, func.count()).where(col(RunRow.deleted_at).is_(None))
            return dict(session.exec(there.group_by(RunRow.status)).all())

    def alike(self, fingerprint: str, limit: int = 20) -> Sequence[Run]:
        query = select(RunRow).where(col(RunRow.fingerprint) == fingerprint).order_by(col(RunRow.created_at).desc()).limit(limit)
        with self._db.reading() as session:
            return [run_record(row) for row in session.exec(query)]

    def report_hashes(self, fingerprints: Collection[str]) -> Mapping[str, Mapping[tuple[str, str], int]]:
        there = col(RunRow.deleted_at).is_(None)
        some = [
            select(RunRow.run_id, RunRow.fingerprint, RunRow.status).where(col(RunRow.fingerprint) == item, there).limit(MOST_TWINS)
            for item in sorted(set(fingerprints))
        ]
        found: dict[str, dict[tuple[str, str], int]] = {}
        if not some:
            return found
        twins = union_all(*(select(part.subquery()) for part in some)).subquery()
        query = (
            select(twins.c.fingerprint, twins.c.status, ArtifactRow.sha256)
            .join(ArtifactRow, col(ArtifactRow.run_id) == twins.c.run_id)
            .where(col(ArtifactRow.path) == "report.json")
        )
        with self._db.reading() as session:
            for fingerprint, status, sha256 in session.exec(query):
                counts = found.setdefault(fingerprint, {})
                counts[status, sha256] = counts.get((status, sha256), 0) + 1
        return found

    def executions(self, run_id: RunId) -> Sequence[Execution]:
        with self._db.reading() as session:
            found = session.exec(
                select(ExecutionRow)
                .where(col(ExecutionRow.run_id) == run_id)
                .order_by(col(ExecutionRow.layer), col(ExecutionRow.plugin_id))
            )
            return [execution_record(row) for row in found]

    def execution(self, execution_id: ExecutionId) -> Execution:
        with self._db.reading() as session:
            return execution_record(session.get_one(ExecutionRow, execution_id))

    def artifacts(self, run_id: RunId) -> Sequence[Artifact]:
        with self._db.reading() as session:
            found = session.exec(select(ArtifactRow).where(col(ArtifactRow.run_id) == run_id).order_by(col(ArtifactRow.path)))
            return [record(Artifact, row) for row in found]

    def attempts(self, run_id: RunId) -> Sequence[Attempt]:
        with self._db.reading() as session:
            found = session.exec(
                select(AttemptRow)
                .where(col(AttemptRow.run_id) == run_id)
                .order_by(col(AttemptRow.started_at), col(AttemptRow.execution_id))
            )
            return [record(Attempt, row) for row in found]

    def events(self, run_id: RunId, *, after: int = 0, limit: int = 500, type: str | None = None) -> Sequence[Event]:  # noqa: A002
        query = select(EventRow).where(col(EventRow.run_id) == run_id, col(EventRow.seq) > after)
        if type is not None:
            query = query.where(col(EventRow.type) == type)
        with self._db.reading() as session:
            return [record(Event, row) for row in session.exec(query.order_by(col(EventRow.seq)).limit(limit))]

    def reusable(self, fingerprint: str) -> Execution | None:
        ended_well = col(ExecutionRow.status).in_(("OK", "NA"))
        kept = select(RunRow.run_id).where(col(RunRow.run_id) == col(ExecutionRow.run_id), col(RunRow.purged_at).is_(None)).exists()
        query = select(ExecutionRow).where(col(ExecutionRow.fingerprint) == fingerprint, ended_well, kept)
        with self._db.reading() as session:
            row = session.exec(query.order_by(col(ExecutionRow.ended_at).desc()).limit(1)).first()
            return execution_record(row) if row is not None else None

    def note_progress(self, execution_id: ExecutionId, progress: Progress) -> None:
        told, now = asdict(progress), self._clock.now()
        with self._db.changing(durable=False) as transaction:
            values = {f"new_progress_{name}": value for name, value in told.items()}
            found = transaction.row(NOTE_PROGRESS, of_execution=execution_id, **values)
            if found is not None:
                run_id, plugin_id, started_at = found
                pace = pace_of(progress.done, progress.total, None if started_at is None else now - started_at)
                append_events(transaction, run_id, now, [happening("execution.progress", plugin_id, **told, **asdict(pace))])

    def note(self, run_id: RunId, type: str, plugin_id: str | None = None, **data: Any) -> None:  # noqa: A002
        with self._db.changing(durable=False) as transaction:
            append_events(transaction, run_id, self._clock.now(), [happening(type, plugin_id, **data)])

    def request_cancel(self, run_id: RunId) -> tuple[Run, Sequence[int]]:
        now = self._clock.now()
        with self._db.writing() as session:
            run = find_run(session, run_id)
            _refuse_ended(run, "cancel")
            if not run.cancel_requested:
                run.cancel_requested, run.paused_at = True, None
                append_event(session, run, now, "run.cancel_requested")
            ready = and_(col(JobRow.run_id) == run.run_id, col(JobRow.state) == JobState.READY)
            session.exec(update(JobRow).where(ready).values(state=JobState.CANCELLED))
            pending = select(ExecutionRow).where(col(ExecutionRow.run_id) == run.run_id, col(ExecutionRow.status) == "PENDING")
            for row in session.exec(pending).all():
                row.status, row.ended_at, row.summary = ExecutionStatus.CANCELLED, now, "Cancelled before it started."
                session.add(row)
                append_event(session, run, now, "execution.ended", row.plugin_id, status=ExecutionStatus.CANCELLED)
            rings = open_what_is_ready(session, run, now)
            return run_record(run), rings

    def pause(self, run_id: RunId) -> Run:
        with self._db.writing() as session:
            run = find_run(session, run_id)
            _refuse_ended(run, "pause")
            if run.cancel_requested:
                raise Conflict("run_stopping", f"Run {run.run_id} is being cancelled, so it cannot be paused.",
                               next_step="Watch it end with `harness runs watch`.")  # fmt: skip
            if run.paused_at is None:
                run.paused_at = self._clock.now()
                append_event(session, run, run.paused_at, "run.paused")
            return run_record(run)

    def retry(self, run_id: RunId) -> tuple[Run, Sequence[int]]:
        now = self._clock.now()
        with self._db.writing() as session:
            run = find_run(session, run_id)
            if RunStatus(run.status) not in RUN_ENDED:
                raise Conflict("run_under_way", f"Run {run.run_id} has not ended, so there is nothing to retry yet.",
                               next_step="Watch it with `harness runs watch`, or cancel it first.")  # fmt: skip
            _refuse_deleted(run)
            rows = session.exec(select(ExecutionRow).where(col(ExecutionRow.run_id) == run.run_id)).all()
            failed = [row for row in rows if ExecutionStatus(row.status) not in NOT_RETRIED]
            if not failed and run.error is None:
                raise _nothing_to_retry(run, [row.plugin_id for row in rows if row.status == ExecutionStatus.BLOCKED])
            reopened = [row for row in rows if row in failed or row.plugin_type in CONCLUDING_TYPES]
            for row in reopened:
                _reopen(session, row)
            run.status, run.cancel_requested, run.ended_at, run.error = RunStatus.QUEUED, False, None, None
            append_event(
                session, run, now, "run.retried", plugins=sorted(row.plugin_id for row in failed),
                reopened=sorted(row.plugin_id for row in reopened),
            )  # fmt: skip
            rings = open_what_is_ready(session, run, now)
            return run_record(run), rings

    def resume(self, run_id: RunId) -> tuple[Run, Sequence[int]]:
        now = self._clock.now()
        with self._db.writing() as session:
            run = find_run(session, run_id)
            _refuse_ended(run, "resume")
            run.reserved_for = run.paused_at = None
            of_run = col(JobRow.run_id) == run.run_id
            session.exec(update(JobRow).where(of_run).values(reserved_for=None))
            append_event(session, run, now, "run.resumed")
            rings = open_what_is_ready(session, run, now)
            ready = session.exec(select(JobRow.job_id).where(of_run, col(JobRow.state).in_(OPEN_STATES))).all()
            return run_record(run), sorted({*rings, *(job_id for job_id in ready if job_id is not None)})


def _same_request(earlier: RunRow, digest: str) -> Run:
    if earlier.idempotency_digest != digest:
        raise Conflict(
            "idempotency_key_reused",
            "This Idempotency-Key was used before with another request.",
            why=f"It belongs to run {earlier.run_id}.",
            next_step="Use a new key for a new request.",
        )
    return run_record(earlier)


def _nothing_to_retry(run: RunRow, blocked: Sequence[str]) -> Conflict:
    if blocked:
        return Conflict("nothing_to_retry", f"What did not run in {run.run_id} was not allowed to: {', '.join(blocked)}.",
                        why="A retry keeps the configuration that the run was submitted with.",
                        next_step="Allow it with `harness plugins grant` or `enable`, then submit the file again.")  # fmt: skip
    return Conflict("nothing_to_retry", f"Every plugin of run {run.run_id} ended well.",
                    next_step="Submit the file again with --force to compute everything anew.")  # fmt: skip


def _reopen(session: Session, row: ExecutionRow) -> None:
    row.status, row.ended_at, row.error, row.summary = ExecutionStatus.PENDING, None, None, ""
    row.fingerprint = row.output_sha256 = row.reused_from = None
    session.add(row)


def _refuse_ended(run: RunRow, verb: str) -> None:
    if RunStatus(run.status) in RUN_ENDED:
        raise Conflict(
            "run_ended",
            f"Run {run.run_id} has ended ({run.status}), so there is nothing to {verb}.",
            next_step="See it with `harness runs show`, or start again with `harness runs retry`.",
        )


def _need_inputs(session: Session, run: Run) -> None:
    """Record that the run needs these bytes; raises NotFound where they were collected since somebody looked at them."""
    for item in {item.upload_id: item for item in run.config.inputs}.values():
        upload = session.get(UploadRow, item.upload_id)
        if upload is not None and upload.purged_at is not None:
            again = select(UploadRow.upload_id).where(col(UploadRow.sha256) == item.sha256, col(UploadRow.purged_at).is_(None))
            if session.exec(again.limit(1)).first() is None:
                raise NotFound(
                    "upload_gone", f"The bytes of upload {item.upload_id} are no longer kept.", next_step="Upload the file again."
                )
        session.add(RunInputRow(run_id=run.run_id, upload_id=item.upload_id, sha256=item.sha256))


def _refuse_deleted(run: RunRow) -> None:
    if run.purged_at is not None:
        raise Conflict("run_not_kept", f"The files of run {run.run_id} are no longer kept, so it cannot go on from them.",
                       next_step="Submit its file again.")  # fmt: skip
    if run.deleted_at is not None:
        raise Conflict("run_deleted", f"Run {run.run_id} is deleted.",
                       next_step=f"Take that back first: harness runs undelete {run.run_id}")  # fmt: skip


def find_run(session: Session, run_id: str) -> RunRow:
    """The run of that id, or the only one whose id begins so. Raises NotFound."""
    row = session.get(RunRow, run_id)
    if row is None and len(run_id) >= SHORTEST_PREFIX:
        found = session.exec(select(RunRow).where(col(RunRow.run_id).startswith(run_id, autoescape=True)).limit(2)).all()
        row = found[0] if len(found) == 1 else None
    if row is None:
        raise NotFound("no_such_run", f"There is no run {run_id!r}.", next_step="List the runs with `harness runs list`.")
    return row


def encode_cursor(at: float, name: str) -> str:
    return base64.urlsafe_b64encode(f"{at!r}|{name}".encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> tuple[float, str]:
    """The place a cursor stands for; raises UsageError for a text that is no cursor."""
    try:
        at, name = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split("|", 1)
        return float(at), name
    except ValueError as reason:
        raise UsageError(
            "bad_cursor", "This page cursor is not one of ours.", next_step="Start again without a cursor."
        ) from reason
