"""Following a run until it ends, the time is over, or nobody is there to do it; and doing it in this very process."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness_api.cli.console import Console
from harness_api.cli.progress import ProgressView
from harness_core.domain.errors import Unhealthy
from harness_core.domain.runs import RUN_ENDED, Run, RunId

if TYPE_CHECKING:
    from harness_core.bootstrap import Core
    from harness_core.domain.datasets import Upload
    from harness_worker.runtime import WorkerRuntime

POLL_S = 0.05
LOOK_FOR_WORKERS_S = 1.0
PATIENCE_S = 10.0
NO_RUN = RunId("no run yet")


@dataclass(frozen=True)
class Followed:
    """The run as it was last seen, and whether the waiting ended before the run did."""

    run: Run
    timed_out: bool


class Deadline:
    """The end of somebody's patience; never, when ``seconds`` is None."""

    def __init__(self, seconds: float | None) -> None:
        self._end = None if seconds is None else time.monotonic() + seconds

    @property
    def over(self) -> bool:
        return self._end is not None and time.monotonic() >= self._end


def follow(
    core: "Core",
    run_id: RunId,
    view: ProgressView,
    deadline: Deadline,
    *,
    seen: int = 0,
    waiting: Callable[[Run], None] = lambda run: None,
) -> Followed:
    """Show the events beyond ``seen`` until the run has ended or the deadline is over.

    ``waiting`` is called between looks and may raise.
    """
    try:
        while True:
            run = core.runs.get(run_id)
            for event in core.runs.events(run_id, after=seen):
                view.take(event.type, event.plugin_id, event.at, event.data)
                seen = event.seq
            if run.status in RUN_ENDED and seen >= run.event_seq:
                return Followed(run, timed_out=False)
            if deadline.over:
                return Followed(core.overview.as_seen(run), timed_out=True)
            waiting(run)
            view.tick()
            time.sleep(POLL_S)
    finally:
        view.close()


class WorkerWatch:
    """Between looks at a run: whether anybody is there to work on it. Says so at once, and gives up after ten seconds.

    ``anybody`` asks; ``remedy`` is what to do when nobody is there.
    """

    def __init__(self, anybody: Callable[[], bool], console: Console, remedy: str) -> None:
        self._anybody, self._console, self._remedy = anybody, console, remedy
        self._next_look = 0.0
        self._alone_since: float | None = None

    def look(self, run_id: str, status: str) -> None:
        """Raises Unhealthy when nobody has been there for too long; the run stays as it is."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + LOOK_FOR_WORKERS_S
        if self._anybody():
            self._alone_since = None
        elif self._alone_since is None:
            self._alone_since = now
            self._console.note(f"Run {run_id} waits: no worker is running. {self._remedy}")
        elif now - self._alone_since >= PATIENCE_S:
            raise Unhealthy(
                "no_worker", f"Nobody works on run {run_id}.",
                why=f"No worker has been running for {PATIENCE_S:.0f} seconds; the run stays as it is.", next_step=self._remedy,
                run_id=run_id, status=status,
            )  # fmt: skip


@contextmanager
def embedded_worker(core: "Core") -> Iterator["WorkerRuntime"]:
    """A worker in this process that takes nothing until it is told its run; at the end it hands back what it holds."""
    from harness_worker.runtime import WorkerRuntime

    runtime = WorkerRuntime(core, kind="run", places=core.settings.workers)
    runtime.only = NO_RUN
    runtime.start()
    try:
        yield runtime
    finally:
        runtime.stop(0)


def tell_of_open_network(console: Console, run: Run) -> None:
    """Before anything runs: to which plugins the operator's override opens the network."""
    if run.config.open_network:
        names = ", ".join(run.config.open_network)
        console.complain(f"The network is open to {names}: HARNESS_ALLOW_NETWORK is set. Its results may not come about again.")


def tell_of_slow_mounts(console: Console, files: tuple[Path, ...]) -> None:
    """Before anything is read: which files lie where reading takes many times longer."""
    from harness_core.adapters.home import UNFIT_FILESYSTEMS, filesystem_of

    for file in files:
        place = UNFIT_FILESYSTEMS.get(filesystem_of(file))
        if place is not None:
            console.note(f"{file.name} lies on {place}, where reading is slow. Next time, copy it to a Linux folder first.")


def give(core: "Core", runtime: "WorkerRuntime", run: Run) -> None:
    """Tell an embedded worker its run, and ring again: the first ring may have come while it took nothing."""
    runtime.only = run.run_id
    for job_id in core.jobs.due():
        core.bell.ring(job_id)


def take_files(core: "Core", files: tuple[Path, ...], view: ProgressView) -> list["Upload"]:
    """Store the files, with progress. Raises InputRefused."""
    uploads = []
    try:
        for file in files:
            size = file.stat().st_size

            def on_bytes(done: int, name: str = file.name, size: int = size) -> None:
                view.reading(name, done, size)

            uploads.append(core.uploading.take_file(file, on_bytes))
            view.read(file.name)
    finally:
        view.close()
    return uploads
