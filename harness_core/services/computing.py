"""What several runs need at once is computed by one of them; the others wait for it and take its result.

Nothing but time depends on this: whoever does not wait computes the same bytes. So a wait has an end, and a computation that is
held up keeps nobody for longer than it could take.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from harness_core.domain.runs import Execution, Job, Run
from harness_core.ports.state import Runs
from harness_core.ports.store import Store
from harness_core.ports.world import Clock
from harness_core.services.guests import Prepared


class Computing:
    """Lets one at a time compute what derived columns come from; on one machine, by the system's own locks."""

    def __init__(self, runs: Runs, store: Store, clock: Clock) -> None:
        self._runs, self._store, self._clock = runs, store, clock

    @contextmanager
    def once(self, run: Run, execution: Execution, prepared: Prepared, job: Job, stopped: Callable[[], bool]) -> Iterator[bool]:
        """Yields whether the result may be there by now, from whoever computed it before.

        A run that is to compute everything itself does not wait; nor does whoever comes after a lost worker, because that may only
        be held up, and still have its hand on it.
        """
        manifest = prepared.plugin.manifest
        if not manifest.derives or not run.config.reuse or prepared.network or job.crashes:
            yield False
            return
        name = f"once.{prepared.fingerprint.removeprefix('sha256:')[:32]}"
        until, waited = self._clock.steady() + manifest.limits.timeout_s, False

        def waits() -> bool:
            nonlocal waited
            if not waited:
                waited = True
                self._runs.note(run.run_id, "execution.waiting", execution.plugin_id)
            return not stopped() and self._clock.steady() < until

        held = self._store.hold(name, waits)
        try:
            yield True
        finally:
            if held:
                self._store.let_go(name)
