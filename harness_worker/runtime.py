"""A worker: claims jobs when rung for, keeps their leases, ticks the janitors, and stops without losing anything."""

import logging
import os
import random
import socket
import threading
from collections.abc import Callable
from typing import Literal

import psutil

from harness_core import __version__
from harness_core.bootstrap import Core
from harness_core.domain.errors import LeaseLost
from harness_core.domain.runs import Job, JobKind, RunId, WorkerId
from harness_core.ports.state import Worker
from harness_core.services.janitors.pruner import prune
from harness_core.services.janitors.rescuer import rescue
from harness_core.services.janitors.stager import stage
from harness_worker.consumer import RingConsumer
from harness_worker.held import HeldJobs

log = logging.getLogger("harness.worker")

TICK_S = 0.5
STOP_WAIT_S = 30.0

Kind = Literal["worker", "serve", "run"]


class WorkerRuntime:
    """The threads of one worker. ``only`` restricts it to one run (that of ``harness run``)."""

    def __init__(self, core: Core, *, kind: Kind, places: int) -> None:
        self._core, self._kind, self._places = core, kind, places
        self.worker_id = WorkerId(core.names.fresh("worker"))
        self.only: RunId | None = None
        self._held = HeldJobs()
        self._beat_again_at = 0.0
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._consumer = RingConsumer(core.bell, places)
        self._threads = [
            threading.Thread(target=self._loop, args=(self._beat, self._beat_interval_s), name="heartbeat", daemon=True),
            threading.Thread(target=self._loop, args=(self._tidy, TICK_S), name="janitors", daemon=True),
        ]

    @property
    def _beat_interval_s(self) -> float:
        return min(TICK_S, self._core.settings.lease_s / 3)

    def start(self) -> None:
        """Register, clean up after the dead, and begin to take jobs."""
        core = self._core
        process = psutil.Process()
        core.workers.register(
            Worker(
                worker_id=self.worker_id, kind=self._kind, host=socket.gethostname(), boot_id=core.clock.boot_id, pid=os.getpid(),
                process_started=process.create_time(), started_at=core.clock.now(), beat_at=core.clock.steady(),
                concurrency=self._places, version=__version__,
            )
        )  # fmt: skip
        core.launcher.warm_up()
        core.bell.listen(self.handle)
        rescue(core.jobs, core.workers, core.overview, core.bell)
        prune(core.store, core.blobs)
        for thread in self._threads:
            thread.start()
        self._consumer.start()

    def handle(self, job_id: int) -> None:
        """Answer a ring: take that job if it is still there, then whatever else is due, until nothing is."""
        job = self._claim(job_id)
        while job is not None:
            self._do(job)
            job = None if self._stopping.is_set() else self._claim(None)

    def _claim(self, job_id: int | None) -> Job | None:
        if self._stopping.is_set():
            return None
        mine_only = self._kind == "run" and self.only is None
        return self._core.jobs.claim(self.worker_id, job_id=job_id, run_id=self.only, reserved_only=mine_only)

    def _do(self, job: Job) -> None:
        self._held.add(job)
        try:
            for ring in self._rings(job):
                self._core.bell.ring(ring)
        except LeaseLost as reason:
            log.warning("%s", reason)
        except Exception as reason:
            log.exception("job %s failed in its handling", job.job_id)
            self._core.jobs.stumble(job, f"{type(reason).__name__}: {reason}")
        finally:
            self._held.remove(job)

    def _rings(self, job: Job) -> list[int]:
        if job.kind is JobKind.ADVANCE:
            return list(self._core.advancing.advance(job))
        return list(self._core.executing.execute(job, lambda: self._held.stop_of(job)))

    def _loop(self, step: Callable[[], None], interval_s: float) -> None:
        while not self._ended.wait(interval_s * random.uniform(0.8, 1.2)):  # noqa: S311 - spreads workers, guards nothing
            try:
                step()
            except Exception:
                log.exception("%s failed; it is tried again", step.__name__)

    def _beat(self) -> None:
        """Renew leases and hear of cancellations at each tick; say that the worker lives, where it is idle, more seldom."""
        held, draining, now = self._held.all(), self._stopping.is_set(), self._core.clock.steady()
        if held:
            self._held.hear(self._core.jobs.heartbeat(self.worker_id, held))
        if held or draining or now >= self._beat_again_at:
            self._core.workers.beat(self.worker_id, draining=draining)
            self._beat_again_at = now + self._core.settings.lease_s / 6

    def _tidy(self) -> None:
        core = self._core
        rescue(core.jobs, core.workers, core.overview, core.bell)
        if not self._stopping.is_set():
            if self._kind != "run" or self.only is not None:
                stage(core.jobs, core.bell, self.only)
            self._consumer.check_worker_health()

    @property
    def draining(self) -> bool:
        return self._stopping.is_set()

    @property
    def busy(self) -> bool:
        return bool(self._held.all())

    def stop(self, drain_s: float) -> None:
        """Take no more jobs; let the running ones end within ``drain_s``, then hand them back uncharged. Safe to call twice."""
        self._stopping.set()
        self._consumer.halt()
        if not self._consumer.join(drain_s):
            self._held.stop_all("drain")
            self._consumer.join(STOP_WAIT_S)
        self._ended.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(STOP_WAIT_S)
        self._core.workers.remove(self.worker_id)
