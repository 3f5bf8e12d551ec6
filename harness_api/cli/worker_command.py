"""`harness worker`: a process that takes jobs until it is told to stop, or, with `--burst`, until nothing is left to do."""

import signal
import threading
import time
from typing import TYPE_CHECKING, Annotated

import typer

from harness_api.cli.exits import Exit
from harness_api.cli.session import Session
from harness_api.cli.stopping import EXIT_OF, on_signals

if TYPE_CHECKING:
    from harness_core.bootstrap import Core
    from harness_worker.runtime import WorkerRuntime

LOOK_S = 0.2
SETTLED_S = 0.3
"""So long nothing may be ready or held before a burst ends: longer than a claim takes to be seen here."""
NOT_OURS_S = 3.0
"""Jobs that are due and still not taken after several rings are reserved for somebody else."""
MANY = 10_000
IMPATIENT = 2

ConcurrencyOption = Annotated[
    int | None,
    typer.Option("--concurrency", metavar="N", min=1, max=256, help="Executions side by side; HARNESS_WORKERS unless given."),
]
BurstOption = Annotated[bool, typer.Option("--burst", help="Do what is queued, then exit.", show_default=False)]


def worker(session: Session, concurrency: ConcurrencyOption = None, burst: BurstOption = False) -> Exit:
    """Take jobs from the queue and do them.

    SIGTERM or Ctrl-C lets running plugins end within HARNESS_DRAIN_S seconds, then hands back the rest; a second one does so at
    once.
    """
    from harness_worker.runtime import WorkerRuntime

    console = session.console
    with session.core() as core:
        places = concurrency or core.settings.workers
        runtime = WorkerRuntime(core, kind="worker", places=places)
        told = _Told(runtime)
        with on_signals(told.hear):
            runtime.start()
            console.note(f"Worker {runtime.worker_id} takes jobs, {places} at a time, from {core.settings.home}.")
            _work(core, runtime, told, burst=burst)
            told.stop(core.settings.drain_s)
        console.note(f"Worker {runtime.worker_id} has stopped.")
        console.document = {"worker_id": runtime.worker_id}
        return told.exit


class _Told:
    """What the signals said. The handler only takes note, so that no lock is ever waited for inside it."""

    def __init__(self, runtime: "WorkerRuntime") -> None:
        self._runtime = runtime
        self._signals = 0
        self.exit = Exit.OK

    def hear(self, number: int) -> None:
        self._signals += 1
        self.exit = EXIT_OF[signal.Signals(number)]

    @property
    def to_stop(self) -> bool:
        return self._signals > 0

    def stop(self, drain_s: float) -> None:
        """Let the running jobs end within ``drain_s``; a signal beyond the first ends the patience."""
        stopping = threading.Thread(target=self._runtime.stop, args=(drain_s,), name="drain")
        stopping.start()
        while stopping.is_alive() and self._signals < IMPATIENT:
            stopping.join(LOOK_S)
        if stopping.is_alive():
            self._runtime.stop(0)
            stopping.join()


def _work(core: "Core", runtime: "WorkerRuntime", told: _Told, *, burst: bool) -> None:
    """Until a signal comes or, in a burst, nothing is left that this worker could do. Raises Unhealthy for a disk that fails."""
    pause = threading.Event()
    idle_since = time.monotonic()
    while not told.to_stop:
        pause.wait(LOOK_S)
        core.database.refuse_unsynced()
        if not burst:
            continue
        ready = core.jobs.backlog()["ready"]  # first: what is taken from now on shows as busy
        if runtime.busy or _something_comes(core):
            idle_since = time.monotonic()
        elif time.monotonic() - idle_since >= (NOT_OURS_S if ready else SETTLED_S):
            return


def _something_comes(core: "Core") -> bool:
    """Whether a job waits for its time (a retry), which is then ready but not yet due."""
    ready = int(core.jobs.backlog()["ready"])
    return 0 < ready < MANY and len(core.jobs.due(MANY)) < ready
