"""A real worker (claims, leases, heartbeats, janitors, commits, files) whose executions only wait a moment and start no process."""

import dataclasses
import random
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from harness_core.bootstrap import Core, open_core
from harness_core.domain.errors import LeaseLost
from harness_core.domain.runs import Attempt, ExecutionStatus, Job, PluginId, RunStatus
from harness_core.ports.state import Closing, Commit
from harness_core.settings import read_settings
from harness_worker.runtime import WorkerRuntime
from tests.fakes.plugins import small_catalog

REFUSED = "refused_commits"


class Instant:
    """Stands in for guests: writes what a guest would have left, and commits it."""

    def __init__(self, core: Core, work_s: float) -> None:
        self._core, self._work_s = core, work_s

    def execute(self, job: Job, stop: Callable[[], Any]) -> Sequence[int]:
        core, plugin = self._core, PluginId(str(job.execution_id).split(".", 1)[1])
        stage = core.store.stage(job.run_id, plugin, job.fence)
        threading.Event().wait(random.expovariate(1 / self._work_s))
        output = f'{{"execution": "{job.execution_id}", "fence": {job.fence}}}'.encode()
        artifacts = core.store.write_output(stage, output)
        now = core.clock.now()
        attempt = Attempt(
            job.run_id, job.execution_id, plugin, job.fence, job.owner, now, now, "OK", "", 0, None,  # type: ignore[arg-type]
            0.0, 0.0, 0.0, 0, 0, 0, 0, 0, "", "", False, "C",
        )  # fmt: skip
        try:
            rings = core.jobs.commit_execution(job, Commit(ExecutionStatus.OK, attempt, artifacts=artifacts))
        except LeaseLost:
            with (core.settings.home / REFUSED).open("ab") as file:
                file.write(b".")
            raise
        core.store.publish(job.run_id, plugin, job.fence)
        return rings

    def advance(self, job: Job) -> Sequence[int]:
        if any(item.open for item in self._core.runs.executions(job.run_id)):
            return self._core.jobs.settle(job)
        for item in self._core.runs.executions(job.run_id):
            self._core.store.publish(job.run_id, item.plugin_id, item.fence or 0)
        self._core.jobs.begin_closing(job)
        self._core.jobs.commit_closing(job, Closing(RunStatus.COMPLETED))
        return ()


def without_the_fence() -> None:
    """The control: whoever comes with a result is believed."""
    from harness_core.adapters.db import leases
    from tests.fakes.unfenced import UNFENCED_END

    leases.END = UNFENCED_END


def main(home: Path, catalog: Path, lease_s: str, work_s: float, fenced: bool) -> None:
    if not fenced:
        without_the_fence()
    core = open_core(read_settings({"HARNESS_LEASE_S": lease_s}, home=home), catalog=small_catalog(catalog))
    instant = Instant(core, work_s)
    core = dataclasses.replace(core, executing=instant, advancing=instant)  # type: ignore[arg-type]
    worker = WorkerRuntime(core, kind="worker", places=3)
    worker.start()
    signal.pause()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], float(sys.argv[4]), sys.argv[5] == "fenced")
