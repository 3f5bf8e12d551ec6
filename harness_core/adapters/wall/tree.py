"""A guest's whole process tree: what it takes, and its end, daemons that left the tree included.

While the guest lives it adopts what its descendants orphan (see ``harness_core.sdk.guest``), so all of them are below it. What
outlives it is known from an earlier look, or by the guest's token in its environment, which every fork inherits.
"""

import os
import signal
import time
from contextlib import suppress

import psutil

from harness_core.adapters.wall.processes import Usage, carriers, descendants, high_water_mark_bytes, is_alive, kill, usage_of

CLEARING_PAUSE_S = 0.001


class ProcessTree:
    """The processes of one guest. They are remembered with their start times: a pid used again is never taken for one of them."""

    def __init__(self, root_pid: int, token: str) -> None:
        self.usage = Usage()
        self.peak_rss_bytes = 0
        self.killed: set[int] = set()
        self._root_pid, self._token = root_pid, token.encode()
        self._root = psutil.Process(root_pid)
        self._known: dict[int, psutil.Process] = {}
        self._children_rss_bytes = 0

    @property
    def cpu_s(self) -> float:
        return self.usage.cpu_user_s + self.usage.cpu_system_s

    def rss_bytes(self) -> int:
        """Resident bytes: the guest's as of now, its descendants' as of the last look. Pages shared by a fork count in each."""
        root_bytes = 0
        with suppress(psutil.Error):
            root_bytes = self._root.memory_info().rss
        total = root_bytes + self._children_rss_bytes
        self.peak_rss_bytes = max(self.peak_rss_bytes, total)
        return total

    def look(self) -> None:
        """Measure the whole tree, and remember everybody in it. The CPU time of the tree never goes down."""
        for pid in descendants(self._root_pid):
            self._remember(pid)
        below = sum(map(usage_of, self._known.values()), Usage())
        now = usage_of(self._root) + below
        self._children_rss_bytes = below.rss_bytes
        self.usage = Usage(
            now.rss_bytes, max(now.cpu_user_s, self.usage.cpu_user_s), max(now.cpu_system_s, self.usage.cpu_system_s)
        )
        self.peak_rss_bytes = max(self.peak_rss_bytes, now.rss_bytes, high_water_mark_bytes(self._root_pid))

    def terminate(self) -> None:
        """Ask the guest's process group to end. Only before the guest is reaped: until then its pid names the group."""
        self._signal_group(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the guest, its group and everybody below it. Only before the guest is reaped."""
        for pid in descendants(self._root_pid):
            self._remember(pid)
        alive = [process for process in self._known.values() if is_alive(process)]
        self._signal_group(signal.SIGKILL)
        self._kill(alive)

    def clear(self, within_s: float) -> list[int]:
        """Kill whatever is left of a guest that has ended, until nothing is; returns the pids that would not go in time."""
        deadline = time.monotonic() + within_s
        while remaining := self._remaining():
            self._kill(remaining)
            if time.monotonic() > deadline:
                return sorted(process.pid for process in remaining)
            time.sleep(CLEARING_PAUSE_S)
        return []

    def _remaining(self) -> list[psutil.Process]:
        for pid in carriers(self._token):
            self._remember(pid)
        alive = [process for process in self._known.values() if is_alive(process)]
        for process in alive:
            for pid in descendants(process.pid):
                self._remember(pid)
        return [process for process in self._known.values() if is_alive(process)]

    def _kill(self, processes: list[psutil.Process]) -> None:
        for process in processes:
            self.killed.add(process.pid)
            kill(process)

    def _remember(self, pid: int) -> None:
        known = self._known.get(pid)
        with suppress(psutil.Error):
            if pid != self._root_pid and (known is None or not known.is_running()):
                self._known[pid] = psutil.Process(pid)

    def _signal_group(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._root_pid, number)
