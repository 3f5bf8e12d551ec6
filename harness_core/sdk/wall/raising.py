"""Raising the wall: what the process of a guest does to itself before any plugin code is loaded. There is no way back.

The order matters: namespaces and capabilities while it still may, then no_new_privs, which the rest needs; files before calls,
because the filter refuses the calls that set up the others. Every layer is tried; which of them stand is what this says.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from resource import RLIMIT_NPROC
from typing import Any

from harness_core.sdk.wall import filters, landlock, privileges
from harness_core.sdk.wall.system import PR_MDWE_REFUSE_EXEC_GAIN, PR_SET_MDWE, PR_SET_NO_NEW_PRIVS, prctl


class WallRefused(Exception):
    """The process is not in a state in which a wall around it would be whole."""


def raise_wall(order: Mapping[str, Any]) -> dict[str, Any]:
    """Raise what ``order`` asks for and the system has; returns which layers stand. Raises WallRefused for a threaded process.

    ``order`` has ``read`` and ``write`` (absolute paths), ``limits`` (by number of ``resource``, as text), ``threads`` (their most,
    where the system counts them for this process alone), ``landlock`` (the highest version to use, 0 for none), ``seccomp`` and
    ``namespaces`` (whether to use them), and ``network`` (whether connections are let through, by the operator's override).
    """
    if thread_count() != 1:
        raise WallRefused("a thread that is there already would stay outside the wall")
    network = bool(order.get("network"))
    namespaces = privileges.enter_namespaces(network=network) if order["namespaces"] else []
    privileges.drop_capabilities()
    privileges.limit(order["limits"])
    if namespaces:
        privileges.limit({str(RLIMIT_NPROC): order["threads"]})
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    abi = _restrict_files(order)
    return {
        "landlock_abi": abi,
        "no_new_code": order["seccomp"] and _refuse_new_code(),
        "seccomp": order["seccomp"] and _filter_calls(abi, network=network),
        "namespaces": namespaces,
        "network": network,
    }


def thread_count() -> int:
    """The threads of this process."""
    return len(os.listdir("/proc/self/task"))  # noqa: PTH208 - it is run before each guest


def _restrict_files(order: Mapping[str, Any]) -> int:
    abi = min(landlock.version(), int(order["landlock"]))
    if abi > 0:
        try:
            landlock.restrict(abi, order["read"], order["write"], network=bool(order.get("network")))
        except OSError:
            return 0
    return abi


def _refuse_new_code() -> bool:
    """Memory that was once writable does not become executable (Linux 6.3); libraries are loaded from files all the same."""
    try:
        prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN)
    except OSError:
        return False
    return True


def _filter_calls(abi: int, *, network: bool) -> bool:
    target = filters.machine()
    if target is None:
        return False
    with suppress(OSError):
        filters.load(filters.build(target, os.getpid(), abi, network=network))
        return True
    return False
