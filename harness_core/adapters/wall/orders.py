"""What a guest's process is told about its wall: the paths it may read, the one it may write, and its limits."""

import os
import site
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from resource import (
    RLIMIT_AS,
    RLIMIT_CORE,
    RLIMIT_CPU,
    RLIMIT_DATA,
    RLIMIT_FSIZE,
    RLIMIT_MEMLOCK,
    RLIMIT_MSGQUEUE,
    RLIMIT_NOFILE,
    RLIMIT_SIGPENDING,
)
from typing import Any

import harness_core
from harness_core.adapters.wall.level import Layers
from harness_core.ports.launcher import GuestRequest

MEGABYTE = 1024 * 1024
MAX_DESCRIPTORS = 256
MAX_THREADS = 512
MAX_SIGNALS = 1024  # that wait to be taken: the system has a number of them for all processes of a user together
ADDRESSES_MB = 4096  # beyond the budget: libraries reserve addresses they never use
DATA_SHARE, DATA_MB = 1.25, 256  # what is allocated but not touched
PACKAGE_FOLDERS = ("site-packages", "dist-packages")  # others' too, where a .pth file adds them
SHARED_PREFIXES = ("/", "/usr", "/usr/local")

SYSTEM_FILES = (
    "/usr/lib", "/usr/lib64", "/usr/lib32", "/usr/local/lib", "/lib", "/lib64", "/usr/share/zoneinfo", "/usr/share/locale",
    "/etc/ld.so.cache", "/etc/localtime", "/etc/timezone", "/etc/mime.types", "/dev/urandom", "/dev/null",
    "/proc/meminfo", "/proc/stat", "/proc/cpuinfo", "/proc/sys/vm/overcommit_memory", "/sys/devices/system/cpu",
    "/sys/kernel/mm/transparent_hugepage", "/sys/fs/cgroup",
)  # fmt: skip
"""Libraries and facts about the machine. DuckDB ends the process where it cannot read about processors and control groups."""
NETWORK_FILES = (
    "/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf", "/etc/services", "/etc/protocols",
    "/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/usr/share/ca-certificates", "/run/systemd/resolve", "/mnt/wsl/resolv.conf",
)  # fmt: skip
"""How names become addresses, and whose certificates are believed: read only by those to whom the network is open."""
OWN_FACTS = ("/proc/self/cgroup", "/proc/self/status", "/proc/self/statm", "/proc/self/stat", "/proc/self/maps")
"""About the guest's own process. The launcher keeps these names in the kernel's memory as long as the guest lives."""


def wall_order(request: GuestRequest, layers: Layers, *, needed: bool, policy: bool) -> dict[str, Any]:
    """The order for one guest (see ``harness_core.sdk.wall.raising``).

    ``needed``: it must not run at level C. ``policy``: what it may not do is also refused, in words, by a hook in Python.
    """
    return {
        "read": [
            *interpreter_paths(),
            *SYSTEM_FILES,
            *OWN_FACTS,
            *(NETWORK_FILES if request.network else ()),
            *_given(request.message),
        ],
        "write": [str(request.scratch), "/dev/null"],
        "landlock": layers.landlock_abi,
        "seccomp": layers.seccomp,
        "namespaces": layers.namespaces,
        "network": request.network,
        "limits": _limits(request),
        "threads": MAX_THREADS,
        "needed": needed,
        "policy": policy,
    }


def _given(message: Mapping[str, Any]) -> Iterator[str]:
    """What this execution may read: its own code, its dataset versions, what it builds on, the files it was handed."""
    yield str(message["plugin_folder"])
    yield from map(str, message["datasets"].values())
    yield from (str(entry["folder"]) for entry in message["upstream"].values())
    yield from (str(entry["path"]) for entry in message["inputs"])


def _limits(request: GuestRequest) -> dict[str, int]:
    """By the numbers of ``resource``: behind what is sampled from outside, in case the one who samples is held up."""
    limits = {
        RLIMIT_CORE: 0,
        RLIMIT_MEMLOCK: 0,
        RLIMIT_MSGQUEUE: 0,
        RLIMIT_SIGPENDING: MAX_SIGNALS,
        RLIMIT_NOFILE: MAX_DESCRIPTORS,
        RLIMIT_FSIZE: request.max_scratch_bytes,
        RLIMIT_DATA: (int(request.memory_mb * DATA_SHARE) + DATA_MB) * MEGABYTE,
        RLIMIT_AS: (request.memory_mb + ADDRESSES_MB) * MEGABYTE,
    }
    if request.cpu_s is not None:
        limits[RLIMIT_CPU] = int(request.cpu_s) + 2
    return {str(number): value for number, value in limits.items()}


@cache
def interpreter_paths() -> tuple[str, ...]:
    """Where Python, its packages and the SDK are; of a prefix that other programs share only what is Python's."""
    found = [str(Path(harness_core.__file__).parent / "__init__.py"), str(Path(harness_core.__file__).parent / "sdk")]
    found += [path for prefix in {sys.prefix, sys.base_prefix, sys.exec_prefix} for path in _of_prefix(prefix)]
    found += [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    found += [*site.getsitepackages(), sys.executable, os.path.realpath(sys.executable)]
    found += [path for path in sys.path if Path(path).name in PACKAGE_FOLDERS]
    return tuple(dict.fromkeys(found))


def _of_prefix(prefix: str) -> list[str]:
    return [prefix] if prefix not in SHARED_PREFIXES else [str(Path(prefix) / name) for name in ("lib", "lib64")]
