"""Pins, deletions and collection in SQL. Whoever removes something finds out in the same transaction that nobody needs it."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import delete, func, update
from sqlmodel import Session, col, select

from harness_core.adapters.db.engine import Database
from harness_core.adapters.db.events import append_event
from harness_core.adapters.db.library import find_dataset_version
from harness_core.adapters.db.records import record, run_record
from harness_core.adapters.db.runs import find_run
from harness_core.adapters.db.tables import (
    ArtifactRow,
    AttemptRow,
    DatasetVersionRow,
    EventRow,
    JanitorRow,
    RunDatasetRow,
    RunInputRow,
    RunRow,
    UploadRow,
)
from harness_core.domain.datasets import DatasetVersion
from harness_core.domain.errors import Conflict
from harness_core.domain.retention import KeptRun, References
from harness_core.domain.runs import RUN_ENDED, Run, RunId, RunStatus
from harness_core.ports.keeping import Facts
from harness_core.ports.world import Clock

BATCH = 500
UNDER_WAY = (RunStatus.QUEUED, RunStatus.RUNNING)
User = tuple[str, str, bool]  # a run: its id, its status, whether it is pinned


class SqlKeeping:
    """Fulfils :class:`harness_core.ports.keeping.Keeping`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db, self._clock = database, clock

    def pin(self, run_id: str, *, pinned: bool) -> Run:
        with self._db.writing() as session:
            run = find_run(session, run_id)
            if run.deleted_at is not None:
                raise Conflict("run_deleted", f"Run {run.run_id} is deleted, so it cannot be pinned or unpinned.",
                               next_step=f"Take that back first: harness runs undelete {run.run_id}")  # fmt: skip
            if run.pinned != pinned:
                run.pinned = pinned
                append_event(session, run, self._clock.now(), "run.pinned" if pinned else "run.unpinned")
            return run_record(run)

    def delete_runs(self, run_ids: Sequence[str]) -> Sequence[Run]:
        with self._db.writing() as session:
            runs = [find_run(session, run_id) for run_id in run_ids]
            for run in runs:
                _refuse_needed(run)
                if run.deleted_at is None:
                    self._delete(session, run, "asked for")
            return [run_record(run) for run in runs]

    def _delete(self, session: Session, run: RunRow, reason: str) -> None:
        run.deleted_at = self._clock.now()
        append_event(session, run, run.deleted_at, "run.deleted", reason=reason)

    def undelete_runs(self, run_ids: Sequence[str]) -> Sequence[Run]:
        with self._db.writing() as session:
            runs = [find_run(session, run_id) for run_id in run_ids]
            for run in runs:
                if run.purged_at is not None:
                    raise Conflict("run_not_kept", f"The files of run {run.run_id} are no longer kept, so it cannot come back.",
                                   why="Its grace is over, and only its record is left.",
                                   next_step="Submit its file again.")  # fmt: skip
                if run.deleted_at is not None:
                    run.deleted_at = None
                    append_event(session, run, self._clock.now(), "run.undeleted")
            return [run_record(run) for run in runs]

    def delete_datasets(self, names: Sequence[str]) -> Sequence[DatasetVersion]:
        with self._db.writing() as session:
            rows = [find_dataset_version(session, name) for name in names]
            for row in rows:
                needed = _dataset_facts(session, row.dataset_version_id)[row.dataset_version_id].references
                if needed.under_way or needed.pinned:
                    who, remedy = (
                        ("run under way", "Wait for its end, or cancel it") if needed.under_way else ("pinned run", "Unpin it")
                    )
                    raise Conflict("dataset_needed", f"A {who} needs dataset version {row.dataset_version_id}.",
                                   next_step=f"{remedy} (`harness datasets show` names the runs), then try again.")  # fmt: skip
                if row.deleted_at is None and row.purged_at is None:
                    row.deleted_at = self._clock.now()
                    session.add(row)
            return [record(DatasetVersion, row) for row in rows]

    def undelete_datasets(self, names: Sequence[str], is_there: Callable[[str], bool]) -> Sequence[DatasetVersion]:
        with self._db.writing() as session:
            rows = [find_dataset_version(session, name) for name in names]
            for row in rows:
                if row.purged_at is not None or not is_there(row.dataset_version_id):
                    raise Conflict(
                        "dataset_not_kept", f"The data of {row.dataset_version_id} are no longer kept, so they cannot come back.",
                        next_step="Upload the file again; the same bytes give the same dataset version.",
                    )  # fmt: skip
                row.deleted_at = None
                session.add(row)
            return [record(DatasetVersion, row) for row in rows]

    def kept_runs(self) -> Sequence[KeptRun]:
        with self._db.reading() as session:
            columns = (RunRow.run_id, RunRow.filename, RunRow.created_at, RunRow.ended_at, RunRow.status, RunRow.pinned)
            rows = session.exec(select(*columns, RunRow.deleted_at).where(col(RunRow.purged_at).is_(None))).all()  # type: ignore[call-overload]
            parts = _parts(session)
        return [
            KeptRun(RunId(run_id), filename, ended_at or created_at, status in RUN_ENDED, pinned, deleted_at, parts.get(run_id, {}))
            for run_id, filename, created_at, ended_at, status, pinned, deleted_at in rows
        ]

    def expire(self, run_id: RunId, reason: str) -> bool:
        with self._db.writing() as session:
            run = session.get_one(RunRow, run_id)
            if run.pinned or run.deleted_at is not None or run.status not in RUN_ENDED:
                return False
            self._delete(session, run, reason)
            return True

    def purge(self, run_id: RunId, may_go: Callable[[float | None], bool]) -> bool:
        with self._db.writing() as session:
            run = session.get_one(RunRow, run_id)
            if run.pinned or run.purged_at is not None or not may_go(run.deleted_at):
                return False
            run.purged_at = self._clock.now()
            session.exec(delete(ArtifactRow).where(col(ArtifactRow.run_id) == run_id))
            tails = update(AttemptRow).where(col(AttemptRow.run_id) == run_id)
            session.exec(tails.values(stdout_tail="", stderr_tail=""))  # parts of logs, which may hold cells of the data
            said = update(EventRow).where(col(EventRow.run_id) == run_id, col(EventRow.type) == "execution.log")
            session.exec(said.values(data={}))
            append_event(session, run, run.purged_at, "run.purged")
            return True

    def take_turn(self, janitor: str, every_s: float) -> bool:
        if not self._is_due(self.last_turn(janitor), every_s):
            return False  # the usual case, once a minute: no write lock for it
        with self._db.writing(durable=False) as session:
            row = session.get(JanitorRow, janitor)
            due = self._is_due(row.ran_at if row else None, every_s)
            if due:
                session.merge(JanitorRow(name=janitor, ran_at=self._clock.now()))
            return due

    def _is_due(self, last: float | None, every_s: float) -> bool:
        """A turn that lies ahead was taken before the clock was put back."""
        return last is None or not 0 <= self._clock.now() - last < every_s

    def last_turn(self, janitor: str) -> float | None:
        with self._db.reading() as session:
            row = session.get(JanitorRow, janitor)
            return row.ran_at if row else None

    def purged_among(self, run_ids: Collection[str]) -> Collection[str]:
        names, found = list(run_ids), list[str]()
        purged = select(RunRow.run_id).where(col(RunRow.purged_at).is_not(None))
        with self._db.reading() as session:
            for start in range(0, len(names), BATCH):
                found += session.exec(purged.where(col(RunRow.run_id).in_(names[start : start + BATCH])))
        return found

    def datasets(self, without: Collection[RunId] = ()) -> Mapping[str, Facts]:
        with self._db.reading() as session:
            return _dataset_facts(session, None, without)

    def unrecorded_data(self, input_sha256: str | None) -> Facts:
        with self._db.reading() as session:
            return _unrecorded(session, input_sha256)

    def uploads(self, waiting_since: float, without: Collection[RunId] = ()) -> Mapping[str, Facts]:
        with self._db.reading() as session:
            return _upload_facts(session, None, waiting_since, without)

    def collect_dataset(
        self, name: str, input_sha256: str | None, may_go: Callable[[Facts], bool], set_aside: Callable[[], None]
    ) -> bool:
        with self._db.writing() as session:
            facts = _dataset_facts(session, name).get(name) or _unrecorded(session, input_sha256)
            if not may_go(facts):
                return False
            now_gone = update(DatasetVersionRow).where(col(DatasetVersionRow.dataset_version_id) == name)
            session.exec(now_gone.where(col(DatasetVersionRow.purged_at).is_(None)).values(purged_at=self._clock.now()))
            set_aside()
            return True

    def collect_upload(
        self, sha256: str, waiting_since: float, may_go: Callable[[Facts], bool], set_aside: Callable[[], None]
    ) -> bool:
        with self._db.writing() as session:
            if not may_go(_upload_facts(session, sha256, waiting_since).get(sha256) or Facts()):
                return False
            now_gone = update(UploadRow).where(col(UploadRow.sha256) == sha256, col(UploadRow.purged_at).is_(None))
            session.exec(now_gone.values(purged_at=self._clock.now()))
            set_aside()
            return True


def _refuse_needed(run: RunRow) -> None:
    if RunStatus(run.status) not in RUN_ENDED:
        raise Conflict("run_under_way", f"Run {run.run_id} has not ended ({run.status}).",
                       next_step=f"Cancel it first: harness runs cancel {run.run_id}")  # fmt: skip
    if run.pinned:
        raise Conflict("run_pinned", f"Run {run.run_id} is pinned.", why="A pinned run is deleted by nothing and nobody.",
                       next_step=f"Unpin it first: harness runs pin {run.run_id} --off")  # fmt: skip


def _parts(session: Session) -> dict[str, dict[str, int]]:
    """By run: the bytes of its own files, of the dataset versions it read and of its uploads, by a name that tells shared ones."""
    parts: dict[str, dict[str, int]] = {}
    own = select(ArtifactRow.run_id, func.sum(ArtifactRow.size_bytes)).group_by(ArtifactRow.run_id)
    for run_id, size in session.exec(own):
        parts.setdefault(run_id, {})[run_id] = size
    read = select(RunDatasetRow.run_id, DatasetVersionRow.dataset_version_id, DatasetVersionRow.data_bytes).join(
        DatasetVersionRow, col(DatasetVersionRow.dataset_version_id) == col(RunDatasetRow.dataset_version_id)
    )
    given = select(RunInputRow.run_id, UploadRow.sha256, UploadRow.size_bytes).join(
        UploadRow, col(UploadRow.upload_id) == col(RunInputRow.upload_id)
    )
    for query in (read.where(col(DatasetVersionRow.purged_at).is_(None)), given.where(col(UploadRow.purged_at).is_(None))):
        for run_id, name, size in session.exec(query):
            parts.setdefault(run_id, {})[name] = size
    return parts


def _users(session: Session, table: Any, key: Any, only: str | None) -> dict[str, set[User]]:
    """The runs that are not purged, by what they need."""
    query = select(key, RunRow.run_id, RunRow.status, RunRow.pinned).join(RunRow, col(RunRow.run_id) == col(table.run_id))
    query = query.where(col(RunRow.purged_at).is_(None))
    found: dict[str, set[User]] = {}
    for name, run_id, status, pinned in session.exec(query if only is None else query.where(col(key) == only)):
        found.setdefault(name, set()).add((run_id, status, pinned))
    return found


def _references(users: Iterable[User], without: Collection[str] = (), waiting: int = 0) -> References:
    counts = References(waiting=waiting)
    for run_id, status, pinned in users:
        kind = "under_way" if status in UNDER_WAY else "pinned" if pinned else "kept"
        if run_id not in without:
            counts = replace(counts, **{kind: getattr(counts, kind) + 1})
    return counts


def _working_on(session: Session) -> dict[str, set[User]]:
    """Runs under way by the SHA-256 of their inputs: what each will have read is known only when its reader has ended."""
    query = select(RunInputRow.sha256, RunRow.run_id, RunRow.status, RunRow.pinned).join(
        RunRow, col(RunRow.run_id) == col(RunInputRow.run_id)
    )
    found: dict[str, set[User]] = {}
    for sha256, run_id, status, pinned in session.exec(query.where(col(RunRow.status).in_(UNDER_WAY))):
        found.setdefault(sha256, set()).add((run_id, status, pinned))
    return found


def _dataset_facts(session: Session, only: str | None, without: Collection[str] = ()) -> dict[str, Facts]:
    version = DatasetVersionRow
    gone = col(version.purged_at).is_not(None)
    query: Any = select(version.dataset_version_id, version.filename, version.input_sha256, version.deleted_at, gone)  # type: ignore[call-overload]
    rows = session.exec(query if only is None else query.where(col(version.dataset_version_id) == only)).all()
    users = _users(session, RunDatasetRow, RunDatasetRow.dataset_version_id, only)
    working = _working_on(session)
    return {
        name: Facts(filename, _references(users.get(name, set()) | working.get(sha256, set()), without), deleted_at, gone)
        for name, filename, sha256, deleted_at, gone in rows
    }


def _unrecorded(session: Session, input_sha256: str | None) -> Facts:
    """Data without a record: a reader that has not committed yet may have put them there."""
    working = _working_on(session)
    users = working.get(input_sha256, set()) if input_sha256 else {user for found in working.values() for user in found}
    return Facts(references=_references(users))


def _upload_facts(session: Session, only: str | None, waiting_since: float, without: Collection[str] = ()) -> dict[str, Facts]:
    used = select(RunInputRow.run_id).where(col(RunInputRow.upload_id) == col(UploadRow.upload_id)).exists()
    waits = (col(UploadRow.purged_at).is_(None)) & (col(UploadRow.created_at) > waiting_since) & ~used
    query = select(UploadRow.sha256, UploadRow.filename, waits, col(UploadRow.purged_at).is_(None))
    users = _users(session, RunInputRow, RunInputRow.sha256, only)
    waiting: dict[str, int] = {}
    names: dict[str, str] = {}
    there: dict[str, bool] = {}
    for sha256, filename, waiting_now, is_there in session.exec(
        query if only is None else query.where(col(UploadRow.sha256) == only)
    ):
        waiting[sha256] = waiting.get(sha256, 0) + bool(waiting_now)
        there[sha256] = there.get(sha256, False) or bool(is_there)
        names[sha256] = filename
    return {
        sha256: Facts(filename, _references(users.get(sha256, ()), without, waiting[sha256]), gone=not there[sha256])
        for sha256, filename in names.items()
    }
