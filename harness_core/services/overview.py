"""Questions about runs and workers that every way in asks: what is where, who is alive, why something waits."""

import os
import socket
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import psutil

from harness_core.domain.runs import RUN_ENDED, Run, RunStatus, WorkerId
from harness_core.ports.state import Jobs, RunPage, Runs, Worker, Workers
from harness_core.ports.world import Clock


@dataclass(frozen=True)
class Liveness:
    """The workers, told apart."""

    alive: Sequence[Worker]
    dead: Sequence[Worker]

    @property
    def dead_ids(self) -> Collection[WorkerId]:
        return [worker.worker_id for worker in self.dead]


class Overview:
    """Reads; changes nothing."""

    def __init__(self, runs: Runs, jobs: Jobs, workers: Workers, clock: Clock, lease_s: float) -> None:
        self._runs, self._jobs, self._workers, self._clock, self._lease_s = runs, jobs, workers, clock, lease_s

    def liveness(self) -> Liveness:
        """A worker of this machine is alive while its process is; one of another while its last beat is younger than a lease."""
        workers = self._workers.all()
        alive = [worker for worker in workers if self._is_alive(worker)]
        return Liveness(alive, [worker for worker in workers if worker not in alive])

    def _is_alive(self, worker: Worker) -> bool:
        if worker.host == socket.gethostname():
            return worker.boot_id == self._clock.boot_id and process_is(worker.pid, worker.process_started)
        return worker.boot_id == self._clock.boot_id and worker.beat_at > self._clock.steady() - self._lease_s

    def takers(self, run: Run) -> Sequence[Worker]:
        """The living workers that take this run's jobs: those for anybody's, and the ``harness run`` that is at this one."""
        alive = self.liveness().alive
        own = {run.reserved_for, *(attempt.worker_id for attempt in self._runs.attempts(run.run_id))}
        return [worker for worker in alive if worker.kind != "run" or worker.worker_id in own]

    def run(self, run_id: str) -> Run:
        return self.as_seen(self._runs.get(run_id))

    def page(
        self,
        *,
        after: str | None = None,
        limit: int = 50,
        statuses: Collection[RunStatus] = (),
        text: str = "",
        deleted: bool = False,
    ) -> RunPage:
        page = self._runs.page(after=after, limit=limit, statuses=statuses, text=text, deleted=deleted)
        running = any(_needs_somebody(run) for run in page.runs)
        anybody = bool(self.liveness().alive) if running else True
        return page if anybody else replace(page, runs=[_aborted(run) for run in page.runs])

    def as_seen(self, run: Run) -> Run:
        """A run that is under way while no worker lives is ABORTED; one that is paused waits for nobody's work."""
        return _aborted(run) if _needs_somebody(run) and not self.liveness().alive else run

    def waiting_because(self, run: Run) -> str | None:
        """Why a run that has not ended does not move, in one sentence; None when it moves or has ended."""
        if run.status in RUN_ENDED:
            return None
        if run.paused_at is not None:
            return paused_words(run)
        alive = self.liveness().alive
        if not alive:
            return "No worker is running: start `harness worker` or `harness serve`, or use `harness runs resume`."
        if run.status is RunStatus.QUEUED:
            ready = int(self._jobs.backlog()["ready"])
            return f"Waiting for a free worker. Jobs ready: {ready:,}; places: {sum(worker.concurrency for worker in alive)}."
        short = self._jobs.short_of_memory(run.run_id)
        if short is None:
            return None
        promised = f"{short.promised_mb:,} of {short.budget_mb:,} MB are promised to what runs now"
        return f"{short.plugin_id} waits until it can have {short.needed_mb:,} MB of memory: {promised}."


def paused_words(run: Run) -> str:
    """What it means that a run is paused, and how it goes on."""
    return f"Paused: nothing new is started, what runs is finished. Go on with `harness runs resume {run.run_id}`."


def _needs_somebody(run: Run) -> bool:
    return run.status is RunStatus.RUNNING and run.paused_at is None


def _aborted(run: Run) -> Run:
    return replace(run, status=RunStatus.ABORTED) if _needs_somebody(run) else run


def process_is(pid: int, started: float) -> bool:
    """Whether the process ``pid`` lives and is the one that started then (numbers are used again)."""
    if pid == os.getpid():
        return True
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - started) < 1.0 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
