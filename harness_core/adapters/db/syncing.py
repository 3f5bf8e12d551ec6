"""Group commit: many transactions, one sync of the write-ahead log, and none acknowledged before it."""

import os
import threading
from pathlib import Path


class SyncFailed(Exception):
    """The disk refused to confirm; from then on nothing is acknowledged, because the next success would prove nothing."""


class SharedSync:
    """Waits until the write-ahead log at ``path`` is on the disk, as far as it was written when :meth:`sync` was called.

    Whoever comes while a sync is under way waits for the next one, which serves all of them. The alternative, SQLite's own
    ``synchronous = FULL``, pays one sync per transaction, and pays it inside the write lock.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = threading.Condition()
        self._asked = self._done = 0
        self._syncing = False
        self._failure: OSError | None = None
        self._descriptor: int | None = None

    def refuse_failed(self) -> None:
        """Raises SyncFailed where the disk did not confirm once."""
        if self._failure is not None:
            raise SyncFailed(str(self._failure)) from self._failure

    def sync(self) -> None:
        """Raises SyncFailed where the disk did not confirm, now or ever before."""
        with self._turn:
            self._asked += 1
            mine = self._asked
            while self._syncing and self._done < mine:
                self._turn.wait()
            self.refuse_failed()
            if self._done >= mine:
                return
            self._syncing, upto = True, self._asked
        self._lead(upto)

    def _lead(self, upto: int) -> None:
        failure: OSError | None = None
        try:
            self._sync_file()
        except OSError as reason:
            failure = reason
        with self._turn:
            self._syncing = False
            if failure is None:
                self._done = max(self._done, upto)
            else:
                self._failure = failure
            self._turn.notify_all()
        if failure is not None:
            raise SyncFailed(str(failure)) from failure

    def _sync_file(self) -> None:
        """SQLite holds no lock on the log: opening it takes none away. Where the log is gone, it was checkpointed and synced."""
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return
        if self._descriptor is not None:
            held = os.fstat(self._descriptor)
            if (held.st_dev, held.st_ino) != (there.st_dev, there.st_ino):
                os.close(self._descriptor)
                self._descriptor = None
        if self._descriptor is None:
            self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        with self._turn:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None
