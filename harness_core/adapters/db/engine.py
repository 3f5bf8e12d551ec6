"""Connections to the state database and the two kinds of transaction: reading, and writing that cannot be interleaved."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlmodel import Session

from harness_core.domain.errors import Unhealthy

BUSY_TIMEOUT_S = 30.0


def open_engine(url: str) -> Engine:
    """An engine for ``url``; SQLite gets write-ahead logging, foreign keys and a long busy timeout.

    pysqlite's own transaction handling is switched off: transactions begin where we say, so that a writer takes its lock first
    and never fails half-way for having read before.
    """
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode = WAL", "foreign_keys = ON", f"busy_timeout = {int(BUSY_TIMEOUT_S * 1000)}", "cache_size = -8000"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Any) -> None:
    options = connection.get_execution_options()
    if options.get("writes"):
        # A claim or a heartbeat that power loss undoes is harmless; a commit that was acknowledged must stay.
        connection.exec_driver_sql(f"PRAGMA synchronous = {'FULL' if options.get('durable', True) else 'NORMAL'}")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.exec_driver_sql("BEGIN")


class Database:
    """Opens transactions; every adapter of this package works through one."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @contextmanager
    def reading(self) -> Iterator[Session]:
        with _clear_errors(), Session(self.engine) as session:
            yield session

    @contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[Session]:
        """One transaction that holds the write lock from its first statement; committed at the end, undone by any exception."""
        connection = self.engine.connect().execution_options(writes=True, durable=durable)
        with _clear_errors(), connection, Session(connection, expire_on_commit=False) as session:
            with session.begin():
                yield session

    def close(self) -> None:
        self.engine.dispose()


@contextmanager
def _clear_errors() -> Iterator[None]:
    try:
        yield
    except OperationalError as reason:
        raise Unhealthy(
            "state_database_unavailable",
            "The state database could not be read or written.",
            why=str(reason.orig),
            next_step="Check the disk and its free space, then run `harness doctor`.",
        ) from reason
    except DatabaseError as reason:
        if "malformed" not in str(reason.orig) and "not a database" not in str(reason.orig):
            raise
        raise Unhealthy(
            "state_database_corrupt",
            "The state database is damaged.",
            why=str(reason.orig),
            next_step="Stop all workers, then run `harness restore` with the newest file of the backups folder.",
        ) from reason
