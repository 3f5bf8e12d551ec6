"""What a process gives away before it lets a guest in: capabilities, further resources, and sight of the network."""

import os
import struct
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from resource import RLIM_INFINITY, getrlimit, setrlimit

from harness_core.sdk.wall.filters import machine
from harness_core.sdk.wall.system import PR_CAPBSET_DROP, prctl, system_call, unshare

NEW_NAMESPACES = {"user": 0x10000000, "network": 0x40000000, "ipc": 0x08000000, "hostname": 0x04000000}
CAPABILITY_VERSION = 0x20080522
LAST_CAPABILITY = 63


class NoIdentity(Exception):
    """The process is in a user namespace in which it is nobody; it has to be started again, without namespaces."""


def enter_namespaces(*, network: bool = False) -> list[str]:
    """A user, network, IPC and hostname namespace of its own, all or none; the names of those entered.

    With ``network`` that of the network is left as it is.

    One call for all: where an ordinary user may make a user namespace but gets no rights in it (Ubuntu since 24.04), the call fails
    as a whole, and the process keeps the identity with which it can write its files.
    Raises NoIdentity where it lost that all the same.
    """
    uid, gid = os.geteuid(), os.getegid()
    entered = {name: flag for name, flag in NEW_NAMESPACES.items() if not (network and name == "network")}
    try:
        unshare(sum(entered.values()))
    except OSError:
        return []
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    except OSError as reason:
        raise NoIdentity from reason
    return list(entered)


def drop_capabilities() -> None:
    """Give up every capability, also those that a later exec could bring back."""
    known = machine()
    with suppress(OSError):
        for capability in range(LAST_CAPABILITY + 1):
            prctl(PR_CAPBSET_DROP, capability)
    if known is not None:
        header, none_of_them = struct.pack("Ii", CAPABILITY_VERSION, 0), struct.pack("6I", *[0] * 6)
        with suppress(OSError):
            system_call(known.numbers["capset"], header, none_of_them)


def limit(resources: Mapping[str, int]) -> None:
    """Set limits by their numbers in ``resource``; a stricter one that is there already stays.

    The hard limit is one above the soft one: of processor time the soft one ends a process with a signal that says why.
    """
    for number, wanted in resources.items():
        _, hard = getrlimit(int(number))
        value = wanted if hard == RLIM_INFINITY else min(wanted, hard)
        with suppress(OSError, ValueError):
            setrlimit(int(number), (value, value + 1 if hard == RLIM_INFINITY else min(value + 1, hard)))
