"""Connections to the state database and the two kinds of transaction: reading, and writing that cannot be interleaved."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, StaticPool, create_engine, event
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlmodel import Session

from harness_core.adapters.db.grouping import Writers
from harness_core.adapters.db.statements import Transaction
from harness_core.adapters.db.syncing import SharedSync, SyncFailed
from harness_core.domain.errors import NotSynced, Unhealthy

BUSY_TIMEOUT_S = 30.0


def open_engine(url: str) -> Engine:
    """An engine for ``url``; SQLite gets write-ahead logging, foreign keys and a long busy timeout.

    pysqlite's own transaction handling is switched off: transactions begin where we say, so that a writer takes its lock first
    and never fails half-way for having read before.
    """
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True)
    shared = {"poolclass": StaticPool} if _in_memory(url) else {}
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False}, **shared)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _in_memory(url: str) -> bool:
    """There, all share one connection: another would see another database."""
    return url in ("sqlite://", "sqlite:///:memory:")


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    # NORMAL: checkpoints are synced, commits are not; those that must stay are synced together, after the fact (SharedSync).
    for pragma in (
        "journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON", f"busy_timeout = {int(BUSY_TIMEOUT_S * 1000)}",
        "cache_size = -8000",
    ):  # fmt: skip
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")


class Database:
    """Opens transactions; every adapter of this package works through one.

    Once the disk has not confirmed what was written, nothing more is written by this process, not even a claim or a heartbeat:
    its leases run out, and others go on.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        sqlite, memory = engine.dialect.name == "sqlite", _in_memory(str(engine.url))
        self._log = SharedSync(Path(f"{engine.url.database}-wal")) if sqlite and not memory else None
        self._writers = Writers(engine) if sqlite and not memory else None
        self._only_connection: AbstractContextManager[Any] = threading.Lock() if memory else nullcontext()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        with clear_errors(), self._only_connection, Session(self.engine) as session:
            yield session

    @contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[Session]:
        """One transaction that holds the write lock from its first statement; committed at the end, undone by any exception.

        A ``durable`` one has survived any loss of power when this returns. One that need not be (a claim, a heartbeat) is
        harmless to lose: everything that could have seen it is lost with it, and all begins again from what is there.
        """
        self.refuse_unsynced()
        with clear_errors():
            with self._writers.alone() if self._writers else self._only_connection:
                connection = self.engine.connect().execution_options(writes=True)
                with connection, Session(connection, expire_on_commit=False) as session, session.begin():
                    yield session
            self._sync(durable)

    @contextmanager
    def changing(self, *, durable: bool = True) -> Iterator[Transaction]:
        """The same for prepared statements, without a session; several threads' may be written by one commit."""
        self.refuse_unsynced()
        with clear_errors():
            with self._writers.together() if self._writers else self._by_itself() as transaction:
                yield transaction
            self._sync(durable)

    @contextmanager
    def _by_itself(self) -> Iterator[Transaction]:
        with self._only_connection, self.engine.connect().execution_options(writes=True) as connection, connection.begin():
            yield Transaction(connection.connection.cursor(), connection.dialect)

    def refuse_unsynced(self) -> None:
        """Raises Unhealthy where the disk did not confirm once; this process must be started again."""
        if self._log is not None:
            with clear_errors():
                self._log.refuse_failed()

    def _sync(self, durable: bool) -> None:
        if durable and self._log is not None:
            self._log.sync()

    def close(self) -> None:
        if self._writers is not None:
            self._writers.close()
        self.engine.dispose()
        if self._log is not None:
            self._log.close()


@contextmanager
def clear_errors() -> Iterator[None]:
    """What the database or its disk refuses becomes Unhealthy, with the next step."""
    try:
        yield
    except SyncFailed as reason:
        raise NotSynced(
            "state_database_not_synced",
            "The disk did not confirm what was written to the state database.",
            why=str(reason),
            next_step="Check the disk and its free space, then start this process again: what was not confirmed is repeated.",
        ) from reason
    except (OperationalError, sqlite3.OperationalError) as reason:
        raise Unhealthy(
            "state_database_unavailable",
            "The state database could not be read or written.",
            why=_told_by_driver(reason),
            next_step="Check the disk and its free space, then run `harness doctor`.",
        ) from reason
    except (DatabaseError, sqlite3.DatabaseError) as reason:
        why = _told_by_driver(reason)
        if "malformed" not in why and "not a database" not in why:
            raise
        raise Unhealthy(
            "state_database_corrupt",
            "The state database is damaged.",
            why=why,
            next_step="Stop all workers, then run `harness restore` with the newest file of the backups folder.",
        ) from reason


def _told_by_driver(reason: Exception) -> str:
    return str(getattr(reason, "orig", reason))
