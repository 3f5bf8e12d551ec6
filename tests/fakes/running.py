"""Running a file to its end inside the test's process, with the real worker and the real launcher."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness_core.bootstrap import Core
from harness_core.domain.runs import RUN_ENDED, Run
from harness_core.services.submitting import Submission
from harness_worker.runtime import WorkerRuntime

DEADLINE_S = 60.0
LOOK_S = (0.005, 0.05)
"""The first pause between two looks, and the longest: looking costs the processor that what is waited for needs."""


def until(condition: Callable[[], Any], what: str, deadline_s: float = DEADLINE_S) -> Any:
    """Wait for a state to be reached; fails with its name."""
    ends, (pause_s, longest_s) = time.monotonic() + deadline_s, LOOK_S
    while time.monotonic() < ends:
        found = condition()
        if found:
            return found
        time.sleep(pause_s)
        pause_s = min(1.3 * pause_s, longest_s)
    raise AssertionError(f"waited {deadline_s} s for: {what}")


def submit(core: Core, table: Path, **asked: Any) -> Run:
    upload = core.uploading.take_file(table)
    return core.submitting.submit(Submission([upload.upload_id], **asked))


def ended(core: Core, run: Run) -> Run:
    return until(lambda: (now := core.runs.get(run.run_id)).status in RUN_ENDED and now, f"the end of {run.run_id}")


def run_to_end(core: Core, table: Path, places: int = 2, **asked: Any) -> Run:
    """Submit and work until the run has ended."""
    worker = WorkerRuntime(core, kind="worker", places=places)
    worker.start()
    try:
        return ended(core, submit(core, table, **asked))
    finally:
        worker.stop(drain_s=5.0)


def report_bytes(core: Core, run: Run) -> dict[str, bytes]:
    """Every file of a run that must be the same for the same fingerprint."""
    folder = core.store.run_folder(run.run_id)
    names = ["report.json", "report.md", *sorted(str(path.relative_to(folder)) for path in folder.glob("plugins/*/output.json"))]
    return {name: (folder / name).read_bytes() for name in names}
