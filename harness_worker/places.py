"""The places of a worker: threads that each do one job at a time, and the count of those that are free."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from queue import SimpleQueue

from harness_core.domain.runs import Job

log = logging.getLogger("harness.worker")

Work = Callable[[Job], Sequence[int]]
Freed = Callable[[Sequence[int]], None]


class Places:
    """``work`` does one job and returns the jobs that it opened; ``freed`` hears of them once the place is free again."""

    def __init__(self, count: int, work: Work, freed: Freed) -> None:
        self._work, self._freed = work, freed
        self._given: SimpleQueue[Job | None] = SimpleQueue()
        self._changed = threading.Condition()
        self._free, self._closed = count, False
        self._under_way = 0
        self._threads = [threading.Thread(target=self._loop, name=f"place-{number}", daemon=True) for number in range(count)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    @property
    def free(self) -> int:
        return self._free

    @property
    def busy(self) -> bool:
        """Whether a job is being done, or what it opened is still being looked at."""
        return self._under_way > 0

    def give(self, job: Job) -> None:
        """Have a free place do it."""
        with self._changed:
            self._free -= 1
            self._under_way += 1
        self._given.put(job)

    def wait_for_one(self) -> None:
        """Until a place is free, or no job is taken any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._free > 0 or self._closed)

    def close(self) -> None:
        """Take no more jobs; those that were given are done first."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for _ in self._threads:
            self._given.put(None)

    def join(self, timeout_s: float) -> bool:
        """Wait for the threads, after :meth:`close`; True when all have ended."""
        ends = time.monotonic() + timeout_s
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, ends - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _loop(self) -> None:
        while (job := self._given.get()) is not None:
            opened = self._done(job)
            with self._changed:
                self._free += 1
                self._changed.notify_all()
            try:
                self._freed(opened)
            except Exception:
                log.exception("no job could be claimed; the next ring tries again")
            with self._changed:
                self._under_way -= 1

    def _done(self, job: Job) -> Sequence[int]:
        try:
            return self._work(job)
        except Exception:
            log.exception("job %s could not be given back; its lease will run out", job.job_id)
            return ()
