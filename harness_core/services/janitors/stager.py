"""The stager: every job that is due will be rung for, whatever happened to the first ring."""

from harness_core.domain.runs import RunId
from harness_core.ports.state import Jobs
from harness_core.ports.world import Bell

AT_ONCE = 100


def stage(jobs: Jobs, bell: Bell, run_id: RunId | None = None) -> int:
    """Ring again for jobs (of one run) that are due while the queue is empty; returns how many.

    A lost queue file costs one tick.
    """
    if bell.pending():
        return 0
    due = jobs.due(AT_ONCE, run_id=run_id)
    for job_id in due:
        bell.ring(job_id)
    return len(due)
