"""Facts about processes, as the system shows them: who descends from whom, what each takes, who carries a token."""

import os
import signal
from collections.abc import Container, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

ENVIRONMENT_BYTES = 65_536
SHOWS_CHILDREN = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").exists()


@dataclass(frozen=True)
class Usage:
    """What processes hold and have used; their waited-for children's CPU time is in it."""

    rss_bytes: int = 0
    cpu_user_s: float = 0.0
    cpu_system_s: float = 0.0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.rss_bytes + other.rss_bytes,
            self.cpu_user_s + other.cpu_user_s,
            self.cpu_system_s + other.cpu_system_s,
        )


def usage_of(process: psutil.Process) -> Usage:
    """What ``process`` takes now; nothing, if it is gone."""
    with suppress(psutil.Error), process.oneshot():
        cpu = process.cpu_times()
        return Usage(process.memory_info().rss, cpu.user + cpu.children_user, cpu.system + cpu.children_system)
    return Usage()


def is_alive(process: psutil.Process) -> bool:
    """Whether that very process still runs; one that only waits to be reaped does not."""
    try:
        return bool(process.is_running() and process.status() not in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD})
    except psutil.Error:
        return False


def kill(pid: int) -> None:
    """SIGKILL; reaped, where it has become a child of this process."""
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


@dataclass(frozen=True)
class Marks:
    """The most bytes that a process ever held since its exec, those of its memory that are swapped out now, and its threads now.

    ``ru_maxrss`` says the most that its parent held, where that is more. A process can have its memory swapped out on purpose.
    """

    peak_rss_bytes: int = 0
    swapped_bytes: int = 0
    threads: int = 0


def marks_of(pid: int) -> Marks:
    """Zeros, where the system does not say."""
    with suppress(OSError):
        return marks_in(Path(f"/proc/{pid}/status").read_bytes())
    return Marks()


def marks_in(status: bytes) -> Marks:
    """From what the system shows as the status of a process."""
    peak_kb, swapped_kb, threads = (_number_after(status, name) for name in (b"\nVmHWM:", b"\nVmSwap:", b"\nThreads:"))
    return Marks(peak_kb * 1024, swapped_kb * 1024, threads)


def _number_after(status: bytes, name: bytes) -> int:
    words = status.partition(name)[2].split(maxsplit=1)
    return int(words[0]) if words and words[0].isdigit() else 0


def locks_of(pid: int) -> int:
    """How many ranges of files ``pid`` holds locked; 0, where the system does not say. Each takes memory of the kernel."""
    with suppress(OSError):
        return Path("/proc/locks").read_bytes().count(b" %d " % pid)
    return 0


def descendants(pid: int, ended: Container[int] = ()) -> list[int]:
    """The pids of all descendants, parents before their children; those that are known to have ended are passed over."""
    if not SHOWS_CHILDREN:
        with suppress(psutil.Error):
            return [child.pid for child in psutil.Process(pid).children(recursive=True) if child.pid not in ended]
        return []
    found: list[int] = []
    waiting = [pid]
    while waiting:
        children = [child for child in _children(waiting.pop()) if child not in ended]
        found += children
        waiting += children
    return found


def _children(pid: int) -> Iterator[int]:
    """The children of each thread of ``pid``: microseconds, where walking over all of /proc takes milliseconds."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - the hot path; iterdir makes a Path of each
    except OSError:
        return
    for thread in threads:
        with suppress(OSError):
            yield from map(int, Path(f"/proc/{pid}/task/{thread}/children").read_bytes().split())


def carriers(token: bytes) -> Iterator[int]:
    """The pids of all living processes that were started with ``token`` in their environment, the newest first."""
    entries = os.listdir("/proc")  # noqa: PTH208 - as above
    for pid in sorted((int(entry) for entry in entries if entry.isdigit()), reverse=True):
        if token in _environment(pid):
            yield pid


def _environment(pid: int) -> bytes:
    with suppress(OSError):
        descriptor = os.open(f"/proc/{pid}/environ", os.O_RDONLY)
        try:
            return os.read(descriptor, ENVIRONMENT_BYTES)
        finally:
            os.close(descriptor)
    return b""
