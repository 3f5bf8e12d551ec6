"""Watches one guest from its start to the end of its last process: budgets, cancellation, output, and whatever it does instead."""

import os
import select
import time
from collections.abc import Callable
from dataclasses import dataclass

from harness_core.adapters.wall.answers import Answers
from harness_core.adapters.wall.guests import Guest
from harness_core.adapters.wall.logs import BoundedLog
from harness_core.adapters.wall.orders import MAX_THREADS
from harness_core.adapters.wall.processes import locks_of
from harness_core.adapters.wall.scratch import scratch_use
from harness_core.adapters.wall.tree import EMPTY_PASSES, MAX_PROCESSES, ProcessTree
from harness_core.ports.launcher import Ending, GuestRequest
from harness_core.sdk.frames import TooLarge

LOOK_INTERVAL_S = 0.02  # at the guest's memory, while there is room
SHORTEST_LOOK_S = 0.002  # close to its budget
FASTEST_BYTES_PER_S = 4e9  # what a guest can take meanwhile; two threads on warm memory are faster, but not for long
SCRATCH_INTERVAL_S = 0.25
SCRATCH_PATIENCE = 9  # measuring a full scratch folder takes at most a tenth of the time
TREE_INTERVAL_S = 0.1  # at everybody below it, at processor time
TREE_PATIENCE = 4  # looking at a crowded tree takes at most a fifth of the time
ASK_INTERVAL_S = 0.08  # whether it is cancelled: with the interval between looks, ten times a second
POLLING_INTERVAL_S = 0.005  # where the end of a process cannot be waited for
KILL_AGAIN_S = 0.05
CLEARING_S = 5.0
READ_BYTES = 65_536
MAX_LOCKS = 10_000
UNREADABLE = ("broken", "result")  # whatever it says after that is not understood


@dataclass(frozen=True)
class Verdict:
    """How a guest ended, and why."""

    ending: Ending
    reason: str


class Watcher:
    """Feeds the request to a guest, collects what it says and prints, and stops it at the first limit it passes.

    All of it in the calling thread: nothing is left running when :meth:`watch` returns or raises. ``verdict`` stays None for a
    guest that ended by itself or after its answer.
    """

    def __init__(
        self,
        guest: Guest,
        request: GuestRequest,
        message: bytes,
        answers: Answers,
        logs: tuple[BoundedLog, BoundedLog],
        cancelled: Callable[[], str | None],
    ) -> None:
        self.verdict: Verdict | None = None
        self.overstayed = False
        self.survivors: list[int] = []
        self.ended_at = guest.started_at
        self.tree = ProcessTree(guest.pid, guest.token)
        self._guest, self._request, self._answers, self._cancelled = guest, request, answers, cancelled
        self._unsent = memoryview(message)
        self._logs = dict(zip((guest.stdout_fd, guest.stderr_fd), logs, strict=True))
        self._ended = False
        self._kill_at = float("inf")
        self._next_look = guest.started_at + LOOK_INTERVAL_S
        self._next_tree_look = self._next_question = self._next_look
        self._next_scratch_look = guest.started_at + SCRATCH_INTERVAL_S
        self._poll = select.poll()
        for descriptor in guest.open_descriptors:
            self._poll.register(descriptor, select.POLLOUT if descriptor == guest.request_fd else select.POLLIN)

    def watch(self) -> None:
        """Returns when the guest has ended, by itself or not, and nothing of its tree runs any more."""
        try:
            while not self._ended:
                self._serve_pipes()
                self._keep_time(time.monotonic())
        finally:
            self.ended_at = time.monotonic()
            self.tree.kill()
            self.survivors = self.tree.clear(CLEARING_S, passes=1 if self._answers.result is not None else EMPTY_PASSES)
        if not self.survivors:
            self._drain()
        self._answers.pass_progress_on(at_once=True)

    def _serve_pipes(self) -> None:
        """Wait until a pipe can be served, the guest has ended, or something else is due."""
        pause_s = min(self._next_look, self._kill_at) - time.monotonic()
        if self._guest.exit_fd is None:
            pause_s = min(pause_s, POLLING_INTERVAL_S)
            self._ended = self._guest.has_ended()
        for descriptor, _ in self._poll.poll(max(0.0, pause_s * 1000)):
            if descriptor == self._guest.exit_fd:
                self._ended = True
            elif descriptor == self._guest.request_fd:
                self._send()
            else:
                self._receive(descriptor)

    def _keep_time(self, now: float) -> None:
        if self._ended:
            return
        if now >= self._kill_at:
            self.overstayed = True
            self._kill_at = now + KILL_AGAIN_S
            self.tree.kill()
        if now >= self._next_look:
            self._look(now)

    def _send(self) -> None:
        try:
            self._unsent = self._unsent[os.write(self._guest.request_fd, self._unsent) :]
        except BlockingIOError:
            return
        except BrokenPipeError:  # it closed its end; what becomes of it shows soon enough
            self._unsent = self._unsent[:0]
        if not self._unsent:
            self._poll.unregister(self._guest.request_fd)

    def _receive(self, descriptor: int) -> bool:
        """Take what a pipe holds; False when there is nothing in it, for now or for ever."""
        try:
            data = os.read(descriptor, READ_BYTES)
        except BlockingIOError:
            return False
        if not data:
            self._close(descriptor)
        elif descriptor == self._guest.answer_fd:
            self._hear(data)
        else:
            self._note(descriptor, data)
        return bool(data)

    def _hear(self, data: bytes) -> None:
        if self.verdict is not None and self.verdict.ending in UNREADABLE:
            return
        had_answered = self._answers.result is not None
        try:
            self._answers.feed(data)
        except TooLarge as reason:
            limit_mb = self._request.max_result_bytes // 2**20
            self._stop("result", f"It answered with {reason}; a result may have {limit_mb:,} MB.", at_once=True)
        except ValueError as reason:
            self._stop("broken", f"It sent what is no answer: {str(reason)[:300]}.")
        if self._answers.result is not None and not had_answered:
            self._let_go()

    def _let_go(self) -> None:
        """The guest has answered and waits for its request to be closed. Who is below it shows only as long as it lives."""
        self._kill_at = min(self._kill_at, time.monotonic() + self._request.kill_grace_s)
        self.tree.look()
        self.tree.kill_below()
        if self._unsent:
            self._unsent = self._unsent[:0]
            self._poll.unregister(self._guest.request_fd)
        self._guest.close(self._guest.request_fd)

    def _note(self, descriptor: int, data: bytes) -> None:
        self._logs[descriptor].feed(data)
        if sum(log.size_bytes for log in self._logs.values()) > self._request.max_output_bytes:
            self._stop("output", f"It printed more than {self._request.max_output_bytes:,} bytes.", at_once=True)

    def _look(self, now: float) -> None:
        self._answers.pass_progress_on()
        if now >= self._next_tree_look:
            self.tree.look()
            after = time.monotonic()
            self._next_tree_look = max(now + TREE_INTERVAL_S, after + TREE_PATIENCE * (after - now))
        if now >= self._next_scratch_look:
            self._look_at_scratch(now)
        self._hold_to_budget(now)
        if now >= self._next_question and self.verdict is None:
            self._next_question = now + ASK_INTERVAL_S
            if (sentence := self._cancelled()) is not None:
                self._stop("cancelled", sentence)

    def _look_at_scratch(self, now: float) -> None:
        limits = self._request
        use = scratch_use(limits.scratch, self._guest.pid, limits.max_scratch_bytes, limits.max_scratch_files)
        after = time.monotonic()
        self._next_scratch_look = max(now + SCRATCH_INTERVAL_S, after + SCRATCH_PATIENCE * (after - now))
        if use.size_bytes > limits.max_scratch_bytes:
            self._stop("disk", f"It wrote more than the {limits.max_scratch_bytes:,} bytes it may.", at_once=True)
        elif use.files > limits.max_scratch_files:
            self._stop("files", f"It made more than the {limits.max_scratch_files:,} files it may.", at_once=True)
        elif use.is_too_deep:
            self._stop("files", "It nested folders deeper than they can be read.", at_once=True)
        elif locks_of(self._guest.pid) > MAX_LOCKS:
            self._stop("memory", f"It held more than {MAX_LOCKS:,} locks at once.", at_once=True)

    def _hold_to_budget(self, now: float) -> None:
        limits = self._request
        room_bytes = limits.memory_mb * 1024 * 1024 - self.tree.rss_bytes()
        self._next_look = now + min(LOOK_INTERVAL_S, max(SHORTEST_LOOK_S, room_bytes / FASTEST_BYTES_PER_S))
        if room_bytes < 0:
            self._stop("memory", f"It took more than the {limits.memory_mb:,} MB of memory it may use.", at_once=True)
        elif self.tree.threads > MAX_THREADS:
            self._stop("memory", f"It had more than {MAX_THREADS} threads at once.", at_once=True)
        elif self.tree.is_crowded:
            self._stop("memory", f"It had more than {MAX_PROCESSES} processes at once.", at_once=True)
        elif limits.cpu_s is not None and self.tree.cpu_s > limits.cpu_s:
            self._stop("cpu", f"It used more than the {limits.cpu_s:g} seconds of processor time it may use.")
        elif now - self._guest.started_at > limits.timeout_s:
            self._stop("timeout", f"It ran longer than the {limits.timeout_s:g} seconds it may take.")

    def _stop(self, ending: Ending, reason: str, *, at_once: bool = False) -> None:
        """End the guest: politely, unless it would go on taking what it may not have. An answer that is here already stands."""
        now = time.monotonic()
        if at_once:
            self._kill_at = now
        if self.verdict is None and (self._answers.result is None or ending in UNREADABLE):
            self.verdict = Verdict(ending, reason)
            self._kill_at = min(self._kill_at, now + self._request.kill_grace_s)
            self.tree.terminate()

    def _drain(self) -> None:
        """Take the last of what the guest said and printed: nobody writes any more, so this comes to an end."""
        for descriptor in (self._guest.answer_fd, *self._logs):
            while descriptor in self._guest.open_descriptors and self._receive(descriptor):
                pass

    def _close(self, descriptor: int) -> None:
        self._poll.unregister(descriptor)
        self._guest.close(descriptor)
