"""Memory budgets held by the system's own control groups, where they were delegated to the user of this service (cgroup v2).

Below the group of this process one group is made per guest. That needs a group that this user may write, with the memory
controller, and nobody in it but this process and what it started: those move to a group of their own beside the guests', because a
group that hands a controller on holds no processes itself. Where any of that is missing, nothing is changed and memory is sampled.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from harness_core.adapters.wall.processes import descendants

ROOT, OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
SERVICE = "harness-service"
GUEST = "harness-guest-"
MEMORY = "memory"


@dataclass(frozen=True)
class MemoryGroup:
    """The group of one guest."""

    folder: Path

    def killed(self) -> bool:
        """Whether the system ended the guest because it was full."""
        with suppress(OSError, ValueError):
            events = dict(line.split() for line in (self.folder / "memory.events").read_text(encoding="ascii").splitlines())
            return int(events.get("oom_kill", 0)) > 0
        return False

    def close(self) -> None:
        """Remove it; the guest has ended."""
        with suppress(OSError):
            self.folder.rmdir()


class MemoryGroups:
    """Makes groups for guests below ``home``."""

    def __init__(self, home: Path) -> None:
        self._home = home

    @classmethod
    def delegated(cls, root: Path = ROOT, own: Path = OWN) -> "MemoryGroups | None":
        """Where this process may make such groups, ready for it; None where it may not, and then nothing was changed."""
        with suppress(OSError, ValueError):
            home = _own_group(root, own)
            if home is not None and _is_delegated(home) and (_hands_on(home) or _make_room(home)):
                return cls(home)
        return None

    def made_for(self, pid: int, memory_mb: int, name: str) -> MemoryGroup | None:
        """A group that holds ``pid``, which has not taken any memory yet, to its budget; None where that fails."""
        folder = self._home / f"{GUEST}{name}"
        try:
            folder.mkdir()
            _write(folder / "memory.max", str(memory_mb * 1024 * 1024))
            with suppress(OSError):  # there is none where nothing is swapped
                _write(folder / "memory.swap.max", "0")
            _write(folder / "memory.oom.group", "1")
            _write(folder / "cgroup.procs", str(pid))
        except OSError:
            MemoryGroup(folder).close()
            return None
        return MemoryGroup(folder)


def _own_group(root: Path, own: Path) -> Path | None:
    """The folder of this process's group; None where the groups are of the first version."""
    for line in own.read_text(encoding="utf-8").splitlines():
        if line.startswith("0::/"):
            found = root / line.removeprefix("0::/")
            return found.parent if found.name == SERVICE else found
    return None


def _is_delegated(home: Path) -> bool:
    allowed = all(os.access(home / name, os.W_OK) for name in ("", "cgroup.procs", "cgroup.subtree_control"))
    return allowed and MEMORY in (home / "cgroup.controllers").read_text(encoding="ascii").split()


def _hands_on(home: Path) -> bool:
    return MEMORY in (home / "cgroup.subtree_control").read_text(encoding="ascii").split()


def _make_room(home: Path) -> bool:
    """Move all that is in ``home`` to a group beside the guests', if all of it is ours, and hand the controller on."""
    there = {int(number) for number in (home / "cgroup.procs").read_text(encoding="ascii").split()}
    if not there or not there <= {os.getpid(), *descendants(os.getpid())}:
        return False
    service = home / SERVICE
    service.mkdir(exist_ok=True)
    for pid in sorted(there):
        with suppress(ProcessLookupError):
            _write(service / "cgroup.procs", str(pid))
    try:
        _write(home / "cgroup.subtree_control", f"+{MEMORY}")
    except OSError:
        for pid in sorted(there):
            with suppress(OSError):
                _write(home / "cgroup.procs", str(pid))
        service.rmdir()
        return False
    return True


def _write(path: Path, text: str) -> None:
    """One write, as the system wants it; a file that is not there is not made."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode("ascii"))
    finally:
        os.close(descriptor)
