"""Group commit: transactions that come while another is under way join it, and one COMMIT writes them all."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Engine, PoolProxiedConnection
from sqlalchemy.engine.interfaces import DBAPICursor

from harness_core.adapters.db.statements import Transaction

LOOK_AGAIN_S = 0.1


class _Group:
    """Those who share a transaction: each waits for its end, and all hear the same of it."""

    def __init__(self) -> None:
        self.ended = threading.Event()
        self.failure: Exception | None = None


class Writers:
    """The writers of this process take turns at SQLite's write lock; SQLite would let them sleep and look again, ever longer.

    Whoever has done its part while others wait leaves the transaction open to them: the next goes on in it, from a savepoint of
    its own, and the last one commits for all. So what small transactions cost in pages written is paid once per group. A part
    that fails is undone alone; a COMMIT that fails is the failure of everybody in the group.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._turn, self._count = threading.Lock(), threading.Lock()
        self._waiting = 0
        self._group: _Group | None = None
        self._connection: PoolProxiedConnection | None = None
        # One cursor for all: one that is freed by its thread after the turn would reset a statement that another has begun.
        self._cursor: DBAPICursor | None = None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """A turn for a transaction of its own, on another connection."""
        with self._turn:
            self._commit()
            yield

    @contextmanager
    def together(self) -> Iterator[Transaction]:
        """A part of a shared transaction, which is committed when this ends."""
        with self._my_turn():
            part = self._undone_alone if self._group else self._undone_wholly
            group, cursor = self._joined()
            try:
                with part(cursor):
                    yield Transaction(cursor, self._engine.dialect)
            finally:
                if not self._waiting or not self._under_way:
                    self._commit()
        while not group.ended.wait(LOOK_AGAIN_S):
            with self._turn:  # whoever was to commit was interrupted while it waited
                self._commit()
        if group.failure is not None:
            raise group.failure

    @property
    def _under_way(self) -> bool:
        """False where SQLite itself has undone the transaction, for a full disk or a failing one: nobody may go on in it."""
        driver = self._connection and self._connection.driver_connection
        return driver is not None and driver.in_transaction

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        with self._count:
            self._waiting += 1
        try:
            self._turn.acquire()
        finally:
            with self._count:
                self._waiting -= 1
        try:
            yield
        finally:
            self._turn.release()

    def _joined(self) -> tuple[_Group, DBAPICursor]:
        """The open transaction, begun where there is none."""
        if self._connection is None or self._cursor is None:
            self._connection = self._engine.raw_connection()
            self._cursor = self._connection.cursor()
        if self._group is None:
            self._cursor.execute("BEGIN IMMEDIATE")
            self._group = _Group()
        return self._group, self._cursor

    def _commit(self) -> None:
        group, self._group = self._group, None
        if group is None or self._connection is None or self._cursor is None:
            return
        try:
            self._cursor.execute("COMMIT")  # fails where SQLite itself has undone the transaction
        except sqlite3.Error as reason:
            self._connection.rollback()
            group.failure = reason
        group.ended.set()

    @contextmanager
    def _undone_wholly(self, _cursor: DBAPICursor) -> Iterator[None]:
        """The first part needs no savepoint: nobody has joined it."""
        try:
            yield
        except BaseException:
            self._group = None
            if self._connection is not None:
                self._connection.rollback()
            raise

    @contextmanager
    def _undone_alone(self, cursor: DBAPICursor) -> Iterator[None]:
        cursor.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            with suppress(sqlite3.Error):  # where SQLite has undone the whole transaction there is no savepoint left
                cursor.execute("ROLLBACK TO part")
                cursor.execute("RELEASE part")
            raise
        cursor.execute("RELEASE part")

    def close(self) -> None:
        with self._turn:
            self._commit()
            if self._connection is not None:
                self._connection.close()
                self._connection = self._cursor = None
