"""How strong the wall around a guest is, and what it does not hold back, by name; for ``doctor``, the audit and the manifest."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Literal

from harness_core.sdk.wall import filters, landlock

Level = Literal["A+", "A", "B", "C"]
ALL_VERSIONS = 99


@dataclass(frozen=True)
class Layers:
    """Layers of the wall: the version of Landlock (0: none), the filter of calls, namespaces, and no new executable memory.

    ``network`` is a hole in it: whether connections to others are let through.
    """

    landlock_abi: int = 0
    seccomp: bool = False
    namespaces: bool = False
    no_new_code: bool = False
    network: bool = False

    @property
    def level(self) -> Level:
        """A: files and system calls are both enforced; A+: in namespaces, too; B: one of the two, or open network; C: neither."""
        if self.landlock_abi and self.seccomp and not self.network:
            return "A+" if self.namespaces else "A"
        return "B" if self.landlock_abi or self.seccomp else "C"

    @classmethod
    def said(cls, frame: Mapping[str, Any]) -> "Layers":
        """From what a guest's process said of itself before it loaded any code that is not ours."""
        return cls(
            int(frame["landlock_abi"]), frame["seccomp"] is True, bool(frame["namespaces"]), frame["no_new_code"] is True,
            frame["network"] is True,
        )  # fmt: skip

    def at_most(self, other: "Layers") -> "Layers":
        return Layers(
            min(self.landlock_abi, other.landlock_abi),
            self.seccomp and other.seccomp,
            self.namespaces and other.namespaces,
            self.no_new_code and other.no_new_code,
            self.network or other.network,
        )


EVERYTHING = Layers(ALL_VERSIONS, seccomp=True, namespaces=True, no_new_code=True)
NOTHING = Layers()


@cache
def offered() -> Layers:
    """What this system offers as far as it can be asked without a trial; namespaces are only known once somebody entered them."""
    seccomp = filters.is_available()
    return Layers(landlock.version(), seccomp, namespaces=True, no_new_code=seccomp)


@dataclass(frozen=True)
class Residual:
    """One thing that a guest can do in spite of the wall."""

    name: str
    sentence: str


@dataclass(frozen=True)
class WallLevel:
    """A level with what is in force and what remains; ``layers`` as the system's own names have them."""

    level: Level
    summary: str
    controls: tuple[str, ...]
    residuals: tuple[Residual, ...]
    layers: Layers = NOTHING

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


SUMMARIES: Mapping[Level, str] = {
    "A+": "The system itself keeps a guest to its own files, system calls and namespaces, without network and programs.",
    "A": "The system itself keeps a guest to its own files and system calls, without network and programs.",
    "B": "The system enforces a part of the wall only; what is missing is listed.",
    "C": "A guest is a process of its own with budgets and a scrubbed environment; the system itself enforces nothing more.",
}
ALWAYS = (
    "own process and session",
    "scrubbed environment, no inherited descriptors, empty standard input",
    "no capabilities, no new privileges",
    "budgets of time, processor time, memory, output and scratch for the whole process tree",
    "no process of the tree outlives the guest",
    "ends with the process that started it",
    "answers read strictly, logs escaped and bounded",
)
MEMORY_HELD = "memory: held to its budget by the system (control group), page cache and kernel memory included"
REMAINS_ALWAYS = (
    Residual(
        "metadata",
        "A guest can learn that a file exists, its size and its times, for any path it can guess, and that a process is there.",
    ),
    Residual("side_channels", "A guest shares processor, caches and disk with everything else and can tell how busy they are."),
    Residual("kernel", "A fault in the system's own kernel, behind one of the calls that a guest may make, is not held back."),
    Residual("native_code", "A guest can load machine code from a file it wrote; that code is behind the same wall."),
    Residual("kernel_memory", "A guest can make the system hold some tens of megabytes for it, in pipes, sockets and locks."),
    Residual("asked_for", "A plugin has what it asked for and was given, such as a secret that a setting refers to."),
    Residual("sampled_memory", "Memory is sampled: a guest can take more than its budget for some milliseconds."),
    Residual("sampled_disk", "Scratch is measured four times a second: a guest can write more than its budget for that long."),
    Residual("words", "A guest can be wrong about the data, or lie; its evidence can be checked by `harness verify`."),
)
WITHOUT_LANDLOCK = (
    Residual("files", "A guest can read and write every file that the user of this service can."),
    Residual("other_processes", "A guest can look into other processes of the same user, but not into this service."),
)
WITHOUT_SECCOMP = (
    Residual("network", "A guest can use the network, but for what Landlock refuses (TCP from its fourth version on)."),
    Residual("processes", "A guest can start processes, and before Landlock's sixth version signal others of the same user."),
    Residual("sockets", "A guest can talk to services of this machine through their sockets, under WSL to Windows."),
    Residual("attributes", "A guest can change modes, times and extended attributes of files that the user owns."),
    Residual("truncation", "Before Landlock's third version a guest can empty files that the user can write."),
    Residual("hidden_process", "A process that outlives its guest is found by its environment: not, if it shed that."),
    Residual("killed_service", "When this service is killed, guests die with it, but not what they had started."),
)


NETWORK_IS_OPEN = (
    Residual(
        "open_network",
        "The operator opened the network to it: a guest can connect to anybody, by TCP and UDP, to services of this machine, this "
        "product's own pages included, and send away what it was given.",
    ),
)


def described(layers: Layers, *, memory_held: bool = False) -> WallLevel:
    """What these layers amount to, in words. ``memory_held``: by the system's control groups, not by sampling alone."""
    controls = [*ALWAYS, *([MEMORY_HELD] if memory_held else [])]
    if layers.landlock_abi:
        controls.append(f"files: only what it is given can be read, only its scratch written (Landlock {layers.landlock_abi})")
    if layers.seccomp:
        network = "no sockets but to connect by TCP and UDP" if layers.network else "no network"
        controls.append(f"system calls: a list of allowed ones; {network}, programs, processes, signals to others (seccomp)")
    if layers.namespaces:
        controls.append(f"namespaces of its own for users, {'' if layers.network else 'network, '}IPC and host name")
    if layers.no_new_code:
        controls.append("no memory that was written becomes executable (MDWE)")
    residuals = [item for item in REMAINS_ALWAYS if not (memory_held and item.name == "sampled_memory")]
    if not layers.landlock_abi:
        residuals += WITHOUT_LANDLOCK
    if not layers.seccomp:
        residuals += WITHOUT_SECCOMP
    if layers.network:
        residuals += NETWORK_IS_OPEN
    return WallLevel(layers.level, SUMMARIES[layers.level], tuple(controls), tuple(residuals), layers)
