"""A worker: claims jobs when rung for, keeps their leases, ticks the janitors, and stops without losing anything."""

import logging
import os
import random
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Literal

import psutil

from harness_core import __version__
from harness_core.bootstrap import Core
from harness_core.domain.errors import LeaseLost, NotSynced
from harness_core.domain.runs import Job, JobKind, RunId, WorkerId
from harness_core.ports.state import Worker
from harness_core.services.janitors.collector import collect
from harness_core.services.janitors.pruner import prune
from harness_core.services.janitors.rescuer import rescue
from harness_core.services.janitors.stager import stage
from harness_worker.consumer import RingConsumer
from harness_worker.held import HeldJobs
from harness_worker.places import Places

log = logging.getLogger("harness.worker")

BEAT_S = 0.5
TIDY_S = 0.35  # with its spread of a fifth, what a lease held is in other hands half a second after its end
STOP_WAIT_S = 30.0
LOOK_FOR_TURN_S = 60.0

Kind = Literal["worker", "serve", "run"]


class WorkerRuntime:
    """The threads of one worker. ``only`` restricts it to one run (that of ``harness run``)."""

    def __init__(self, core: Core, *, kind: Kind, places: int) -> None:
        self._core, self._kind, self._concurrency = core, kind, places
        self.worker_id = WorkerId(core.names.fresh("worker"))
        self.only: RunId | None = None
        self._held = HeldJobs()
        self._beat_again_at = 0.0
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._places = Places(places, self._do, self._take_over)
        self._filling = threading.Lock()
        self._consumer = RingConsumer(core.bell)
        self._threads = [
            threading.Thread(target=self._loop, args=(self._beat, self._beat_interval_s), name="heartbeat", daemon=True),
            threading.Thread(target=self._loop, args=(self._tidy, TIDY_S), name="janitors", daemon=True),
        ]
        if kind != "run" and (every_s := core.settings.collect_s):
            look_s = min(LOOK_FOR_TURN_S, every_s)
            self._threads.append(threading.Thread(target=self._loop, args=(self._collect, look_s), name="collector", daemon=True))

    @property
    def _beat_interval_s(self) -> float:
        return min(BEAT_S, self._core.settings.lease_s / 3)

    def start(self) -> None:
        """Register, clean up after the dead, and begin to take jobs."""
        core = self._core
        process = psutil.Process()
        core.workers.register(
            Worker(
                worker_id=self.worker_id, kind=self._kind, host=socket.gethostname(), boot_id=core.clock.boot_id, pid=os.getpid(),
                process_started=process.create_time(), started_at=core.clock.now(), beat_at=core.clock.steady(),
                concurrency=self._concurrency, version=__version__,
            )
        )  # fmt: skip
        core.launcher.warm_up()
        core.bell.listen(self.handle)
        rescue(core.jobs, core.workers, core.overview, core.bell)
        prune(core.store, core.blobs)
        for thread in self._threads:
            thread.start()
        self._places.start()
        self._consumer.start()

    def handle(self, job_id: int) -> None:
        """Answer a ring: something is due. Another is heard when there is a place for it; until then it is left to others."""
        self._fill()
        self._places.wait_for_one()

    def _fill(self) -> set[int]:
        """Give the free places what is due, that very job or one that comes before it; returns what was taken."""
        taken: set[int] = set()
        with self._filling:
            while not self._stopping.is_set() and (free := self._places.free):
                jobs = self._claim(free)
                for job in jobs:
                    self._held.add(job)
                    self._places.give(job)
                taken.update(job.job_id for job in jobs)
                if len(jobs) < free:
                    break
        return taken

    def _claim(self, count: int) -> Sequence[Job]:
        mine_only = self._kind == "run" and self.only is None
        return self._core.jobs.claim_several(self.worker_id, count, run_id=self.only, reserved_only=mine_only)

    def _take_over(self, opened: Sequence[int]) -> None:
        """A place is free: go on with what its job opened or what else is due, and ring for what is left to others."""
        taken = self._fill()
        for job_id in opened:
            if job_id not in taken:
                self._core.bell.ring(job_id)

    def _do(self, job: Job) -> Sequence[int]:
        try:
            return self._rings(job)
        except LeaseLost as reason:
            log.warning("%s", reason)
        except Exception as reason:
            log.exception("job %s failed in its handling", job.job_id)
            self._core.jobs.stumble(job, f"{type(reason).__name__}: {reason}")
        finally:
            self._held.remove(job)
        return ()

    def _rings(self, job: Job) -> list[int]:
        if job.kind is JobKind.ADVANCE:
            return list(self._core.advancing.advance(job))
        return list(self._core.executing.execute(job, lambda: self._held.stop_of(job)))

    def _loop(self, step: Callable[[], None], interval_s: float) -> None:
        while not self._ended.wait(interval_s * random.uniform(0.8, 1.2)):  # noqa: S311 - spreads workers, guards nothing
            try:
                step()
            except NotSynced as reason:
                log.critical("%s ends until this process is started again: %s", step.__name__, reason)
                return
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

    def _collect(self) -> None:
        """In a thread of its own: removing much takes long, and leases and janitors must not wait for it."""
        core = self._core
        if not self._stopping.is_set() and (
            done := collect(core.collecting, core.store, core.blobs, core.resumable, core.settings.collect_s)
        ):
            log.info("collected %s items, %s bytes", len(done.collected), f"{done.freed_bytes:,}")

    @property
    def draining(self) -> bool:
        return self._stopping.is_set()

    @property
    def busy(self) -> bool:
        """Whether it does something, or may be about to: without a moment between a job and the one that follows from it."""
        return self._filling.locked() or self._places.busy

    def stop(self, drain_s: float) -> None:
        """Take no more jobs; let the running ones end within ``drain_s``, then hand them back uncharged. Safe to call twice."""
        self._stopping.set()
        self._consumer.halt()
        with self._filling:  # whoever is claiming gives what it has before the places close
            self._places.close()
        if not self._places.join(drain_s):
            self._held.stop_all("drain")
            self._places.join(STOP_WAIT_S)
        self._consumer.join(STOP_WAIT_S)
        self._ended.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(STOP_WAIT_S)
        self._core.workers.remove(self.worker_id)
