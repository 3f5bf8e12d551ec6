"""Huey's consumer inside a process that has its own signals: a thread that waits for rings, started and stopped by the worker."""

from typing import Any

from huey.consumer import Consumer

from harness_core.adapters.queue import HueyBell

SCHEDULER_INTERVAL_S = 60
POLL_S = 0.05


class RingConsumer(Consumer):  # type: ignore[misc]
    """Waits on the bell. Nothing is scheduled, retried or stored by Huey: the state database does that.

    One thread is enough to hear, and two would wake for every ring to find that one of them came too late.
    """

    def __init__(self, bell: HueyBell) -> None:
        super().__init__(
            bell.huey,
            workers=1,
            periodic=False,
            initial_delay=POLL_S,
            backoff=1.0,
            max_delay=POLL_S,
            scheduler_interval=SCHEDULER_INTERVAL_S,
        )
        self._bell = bell

    def _set_signal_handlers(self) -> None:
        """The process that embeds this has handlers of its own."""

    def halt(self) -> None:
        """Take no more rings; what is being handled goes on."""
        self.stop_flag.set()
        self._bell.wake()

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread; True when it has ended."""
        for _, thread in self.worker_threads:
            thread.join(timeout_s)
        return not any(_alive(thread) for _, thread in self.worker_threads)


def _alive(thread: Any) -> bool:
    return bool(thread.is_alive())
