"""Who takes jobs, in SQL."""

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import bindparam, delete, update
from sqlmodel import col, select

from harness_core.adapters.db.engine import Database
from harness_core.adapters.db.records import record
from harness_core.adapters.db.statements import Statement, new
from harness_core.adapters.db.tables import WorkerRow
from harness_core.domain.runs import WorkerId
from harness_core.ports.state import Worker
from harness_core.ports.world import Clock

BEAT = Statement(
    update(WorkerRow).where(col(WorkerRow.worker_id) == bindparam("of_worker")).values(new("beat_at", "boot_id", "draining"))
)


class SqlWorkers:
    """Fulfils :class:`harness_core.ports.state.Workers`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db, self._clock = database, clock

    def register(self, worker: Worker) -> None:
        with self._db.writing() as session:
            session.merge(WorkerRow(**asdict(worker)))

    def beat(self, worker_id: WorkerId, *, draining: bool = False) -> None:
        beat = {"new_beat_at": self._clock.steady(), "new_boot_id": self._clock.boot_id, "new_draining": draining}
        with self._db.changing(durable=False) as transaction:
            transaction.run(BEAT, of_worker=worker_id, **beat)

    def remove(self, worker_id: WorkerId) -> None:
        with self._db.writing(durable=False) as session:
            session.exec(delete(WorkerRow).where(col(WorkerRow.worker_id) == worker_id))

    def all(self) -> Sequence[Worker]:
        with self._db.reading() as session:
            return [record(Worker, row) for row in session.exec(select(WorkerRow).order_by(col(WorkerRow.worker_id)))]
