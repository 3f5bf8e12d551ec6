"""A guest's whole process tree: what it takes, and its end, daemons that left the tree included.

While the guest lives it adopts what its descendants orphan (see ``harness_core.sdk.guest``), so all of them are below it. What
outlives it is known from an earlier look, or by the guest's token in its environment, which every fork inherits.
"""

import os
import signal
import time
from contextlib import suppress

import psutil

from harness_core.adapters.wall.processes import Usage, carriers, descendants, is_alive, kill, marks_of, usage_of

MAX_PROCESSES = 256
EMPTY_PASSES = 3  # a list of children read while they come and go can miss one
KILLING_S = 1.0
CLEARING_PAUSE_S = 0.001


class ProcessTree:
    """The processes of one guest. They are remembered with their start times: a pid used again is never taken for one of them."""

    def __init__(self, root_pid: int, token: str) -> None:
        self.usage = Usage()
        self.peak_rss_bytes = 0
        self.threads = 0
        self.is_crowded = False
        """More than :data:`MAX_PROCESSES` at once, those included that ended and were not waited for."""
        self._root_pid, self._token = root_pid, token.encode()
        self._root = psutil.Process(root_pid)
        self._known: dict[int, psutil.Process] = {}
        self._children_rss_bytes = self._swapped_bytes = 0

    @property
    def cpu_s(self) -> float:
        return self.usage.cpu_user_s + self.usage.cpu_system_s

    def rss_bytes(self) -> int:
        """Resident bytes: the guest's as of now; its swapped ones and its descendants' as of the last look.

        Pages shared by a fork count in each.
        """
        root_bytes = 0
        with suppress(psutil.Error):
            root_bytes = self._root.memory_info().rss
        total = root_bytes + self._swapped_bytes + self._children_rss_bytes
        self.peak_rss_bytes = max(self.peak_rss_bytes, total)
        return total

    def look(self) -> None:
        """Measure the whole tree, and remember everybody in it. The processor time of the tree never goes down."""
        pids = descendants(self._root_pid)
        self.is_crowded = len(pids) > MAX_PROCESSES
        if self.is_crowded:
            return  # to measure them all would take longer than to stop them
        for pid in pids:
            self._remember(pid)
        below = sum(map(usage_of, self._known.values()), Usage())
        now = usage_of(self._root) + below
        self._children_rss_bytes = below.rss_bytes
        self.usage = Usage(
            now.rss_bytes, max(now.cpu_user_s, self.usage.cpu_user_s), max(now.cpu_system_s, self.usage.cpu_system_s)
        )
        marks = marks_of(self._root_pid)
        self.threads, self._swapped_bytes = marks.threads, marks.swapped_bytes
        self.peak_rss_bytes = max(self.peak_rss_bytes, now.rss_bytes, marks.peak_rss_bytes)

    def terminate(self) -> None:
        """Ask the guest's process group to end. Only before the guest is reaped: until then its pid names the group."""
        _signal(-self._root_pid, signal.SIGTERM)

    def kill(self) -> None:
        """Kill everybody below the guest, then the guest and its group. Only before the guest is reaped.

        In this order, because the guest, though stopped, still adopts: who would slip away stays in sight, and nobody is added.
        """
        _signal(self._root_pid, signal.SIGSTOP)
        self.kill_below()
        _signal(-self._root_pid, signal.SIGKILL)

    def kill_below(self) -> None:
        """Kill all descendants of the guest, until none appear that had not been killed before."""
        killed: set[int] = set()
        deadline = time.monotonic() + KILLING_S
        empty_passes = 0
        while empty_passes < EMPTY_PASSES and time.monotonic() < deadline:
            fresh = descendants(self._root_pid, ended=killed)
            for pid in fresh:
                kill(pid)
            killed.update(fresh)
            empty_passes = 0 if fresh else empty_passes + 1

    def clear(self, within_s: float, *, passes: int = EMPTY_PASSES) -> list[int]:
        """Kill whatever is left of a guest that has ended, until ``passes`` times nothing is found; returns what would not go."""
        deadline = time.monotonic() + within_s
        empty_passes = 0
        while empty_passes < passes:
            remaining = self._kill_remaining()
            empty_passes = 0 if remaining else empty_passes + 1
            if remaining and time.monotonic() > deadline:
                return sorted(remaining)
            time.sleep(CLEARING_PAUSE_S if remaining else 0)
        return []

    def _kill_remaining(self) -> set[int]:
        """Kill the carriers of the token and who is known to be alive, with all below them; those were they."""
        found = set()
        for pid in carriers(self._token):
            if pid != self._root_pid:
                kill(pid)
                found.add(pid)
        for process in list(self._known.values()):
            if is_alive(process):
                for pid in (*descendants(process.pid), process.pid):
                    self._remember(pid)
                    kill(pid)
                    found.add(pid)
        return found

    def _remember(self, pid: int) -> None:
        known = self._known.get(pid)
        with suppress(psutil.Error):
            if pid != self._root_pid and (known is None or not known.is_running()):
                self._known[pid] = psutil.Process(pid)


def _signal(pid: int, number: signal.Signals) -> None:
    """Signal a process, or with a negative number a group; none may be there any more."""
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
