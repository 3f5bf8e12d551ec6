"""Steering a run that exists: cancel, pause, retry, resume. Each acts on the record; whoever works hears of it."""

from collections.abc import Callable, Sequence

from harness_core.domain.runs import Run
from harness_core.ports.state import Jobs, Runs
from harness_core.ports.world import Bell


class Controlling:
    """``close_now`` handles an advance job in this process, so that cancelling works while no worker is there."""

    def __init__(self, runs: Runs, jobs: Jobs, bell: Bell, close_now: Callable[[int], None]) -> None:
        self._runs, self._jobs, self._bell, self._close_now = runs, jobs, bell, close_now

    def cancel(self, run_id: str) -> Run:
        """What has not started is cancelled at once; what runs is told within a second. Raises NotFound, Conflict."""
        run, rings = self._runs.request_cancel(self._runs.get(run_id).run_id)
        for job_id in rings:
            self._close_now(job_id)
        return self._runs.get(run.run_id)

    def pause(self, run_id: str) -> Run:
        """Nothing new of it is started; what runs is finished and committed. Raises NotFound, Conflict."""
        return self._runs.pause(self._runs.get(run_id).run_id)

    def retry(self, run_id: str) -> Run:
        """Run again what did not end well, and the reports. Raises NotFound, Conflict."""
        return self._ring(*self._runs.retry(self._runs.get(run_id).run_id))

    def resume(self, run_id: str) -> Run:
        """Go on with a run that is paused or that nobody works on. Raises NotFound, Conflict."""
        return self._ring(*self._runs.resume(self._runs.get(run_id).run_id))

    def _ring(self, run: Run, rings: Sequence[int]) -> Run:
        for job_id in rings:
            self._bell.ring(job_id)
        return run
