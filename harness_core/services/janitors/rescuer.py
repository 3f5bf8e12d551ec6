"""The rescuer: no job stays with a worker that is gone."""

from harness_core.ports.state import Jobs, Workers
from harness_core.ports.world import Bell
from harness_core.services.overview import Overview


def rescue(jobs: Jobs, workers: Workers, overview: Overview, bell: Bell) -> int:
    """Give back expired leases and those of dead workers, at once where the death is certain; returns how many."""
    dead = overview.liveness().dead_ids
    rings = jobs.reap(dead)
    for worker_id in dead:
        workers.remove(worker_id)
    for job_id in rings:
        bell.ring(job_id)
    return len(rings)
