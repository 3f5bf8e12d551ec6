"""The bell on Huey: a message says which job is due, as JSON; losing it costs a moment, never a job.

Huey deletes a message before running it, so nothing but a hint may travel by it. On Linux a named pipe beside the queue file wakes
waiting workers within a millisecond; elsewhere, and should the pipe fail, they poll.
"""

import errno
import json
import os
import select
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from huey import Huey
from huey.serializer import Serializer
from huey.storage import MemoryStorage, SqliteStorage

IDLE_WAIT_S = 1.0
POP = "DELETE FROM task WHERE id = (SELECT id FROM task WHERE queue = ? ORDER BY priority DESC, id LIMIT 1) RETURNING data"


class JsonSerializer(Serializer):  # type: ignore[misc]
    """Messages as JSON lists of plain values: reading one can never run code."""

    def _serialize(self, data: Any) -> bytes:
        return json.dumps(list(data), default=str).encode("utf-8")

    def _deserialize(self, data: bytes) -> Any:
        from huey.registry import Message

        return Message(*json.loads(bytes(data)))


class Doorbell:
    """A named pipe that wakes whoever waits. A byte nobody hears is lost; waiting ends by itself."""

    def __init__(self, path: Path) -> None:
        self._descriptor: int | None = None
        with suppress(OSError, AttributeError):
            if not path.exists():
                os.mkfifo(path, 0o600)
            self._descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    @property
    def works(self) -> bool:
        return self._descriptor is not None

    def ring(self) -> None:
        if self._descriptor is not None:
            with suppress(BlockingIOError):
                os.write(self._descriptor, b"!")

    def wait(self, timeout_s: float) -> None:
        if self._descriptor is None:
            return
        select.select([self._descriptor], [], [], timeout_s)
        try:
            os.read(self._descriptor, 1)
        except OSError as reason:
            if reason.errno not in (errno.EAGAIN, errno.EWOULDBLOCK):
                raise

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class BellStorage(SqliteStorage):  # type: ignore[misc]
    """Huey's SQLite storage that waits on a doorbell instead of polling, and syncs as much as a hint deserves."""

    def __init__(self, name: str = "huey", filename: str = "queue.sqlite", **options: Any) -> None:
        self._bell = Doorbell(Path(f"{filename}.bell"))
        self.blocking = self._bell.works
        super().__init__(name, filename, **options)

    def _create_connection(self) -> Any:
        connection = super()._create_connection()
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection

    def enqueue(self, data: bytes, priority: float | None = None) -> None:
        super().enqueue(data, priority)
        self._bell.ring()

    def dequeue(self) -> Any:
        found = self._pop()
        if found is None and self.blocking:
            self._bell.wait(IDLE_WAIT_S)
            found = self._pop()
        return found

    def _pop(self) -> Any:
        """The first message, taken by one statement where the storage's own code needs five."""
        with self.db() as cursor:
            found = cursor.execute(POP, (self.name,)).fetchall()
        return found[0][0] if found else None

    def wake(self) -> None:
        """Let a waiting worker look around, for instance at its stop flag."""
        self._bell.ring()


class LocalStorage(MemoryStorage):  # type: ignore[misc]
    """The bell of a run that lives in one process tree: nobody else hears it."""

    blocking = True

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._rung = threading.Condition()

    def enqueue(self, data: bytes, priority: float | None = None) -> None:
        super().enqueue(data, priority)
        self.wake()

    def dequeue(self) -> Any:
        found = super().dequeue()
        if found is None:
            with self._rung:
                self._rung.wait(IDLE_WAIT_S)
            found = super().dequeue()
        return found

    def wake(self) -> None:
        with self._rung:
            self._rung.notify_all()


class RingHuey(Huey):  # type: ignore[misc]
    """Messages are rung once and never revoked: a job that is cancelled says so itself, and nobody has to look it up."""

    def is_revoked(self, task: Any, timestamp: Any = None, peek: bool = True) -> bool:
        return False

    def delete(self, key: Any) -> None:
        """After each message Huey would clear the mark that it was revoked."""


class HueyBell:
    """Fulfils :class:`harness_core.ports.world.Bell`; ``huey`` is what a consumer listens to."""

    def __init__(self, huey: Huey) -> None:
        self.huey = huey
        self._on_job: Any = lambda job_id: None
        self._task = huey.task(name="job", retries=0)(self._handle)

    def _handle(self, job_id: int) -> None:
        self._on_job(job_id)

    def listen(self, on_job: Any) -> None:
        """What a consumer in this process does with a ring."""
        self._on_job = on_job

    def ring(self, job_id: int) -> None:
        self._task(job_id)

    def pending(self) -> int:
        return int(self.huey.pending_count())

    def wake(self) -> None:
        self.huey.storage.wake()


def open_bell(url: str) -> HueyBell:
    """A bell for a queue URL: ``sqlite:///path``, ``memory://``, ``redis://…`` or ``postgresql://…``."""
    options = {"name": "harness", "results": False, "store_none": False, "utc": True, "serializer": JsonSerializer()}
    if url.startswith("sqlite:///"):
        return HueyBell(RingHuey(storage_class=BellStorage, filename=url.removeprefix("sqlite:///"), **options))
    if url.startswith("memory:"):
        return HueyBell(RingHuey(storage_class=LocalStorage, **options))
    if url.startswith("redis"):
        from huey import PriorityRedisHuey

        return HueyBell(PriorityRedisHuey(url=url, **options))
    from huey import PostgresHuey

    return HueyBell(PostgresHuey(dsn=url, **options))
