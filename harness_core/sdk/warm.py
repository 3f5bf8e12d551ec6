"""A warm process: it has loaded what most guests load, and is copied for each of them. It runs nothing itself.

Started by the kernel's launcher as ``python -m harness_core.sdk.warm <control-fd>``, with the environment of a guest and nothing of
the service's. A message on the control socket (JSON, with a guest's four descriptors) asks for a guest; the answer is its pid, or
:data:`UNSAFE`, :data:`FAILED`. It is copied twice, and the copy in between ends: so the guest becomes a child of the service, which
adopts orphans at that moment, and has nothing to do with this process any more. Before it does anything else, it is made to look
like one that was started afresh; then it is a guest like any other (see ``harness_core.sdk.guest``).
"""

import ctypes
import fcntl
import gc
import json
import os
import resource
import select
import socket
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import NoReturn

from harness_core.sdk import guest
from harness_core.sdk.wall.raising import thread_count
from harness_core.sdk.wall.system import PR_SET_PDEATHSIG, prctl

LIBRARIES = (
    "numpy.random", "scipy.special", "pandas", "duckdb", "pyarrow.compute", "pyarrow.parquet", "harness_core.sdk.statistics.axes",
    "harness_core.sdk.statistics.effects", "harness_core.sdk.statistics.seasonality",
)  # fmt: skip
READY, UNSAFE, FAILED = b"ready", b"unsafe", b"failed"
MAX_MESSAGE_BYTES = 65_536
TOKEN = "GUEST_TOKEN"  # noqa: S105 - the name of a variable
REQUEST_FD, ANSWER_FD, FIRST_UNUSED_FD = 3, 4, 5
OUT_OF_THE_WAY_FD = 64


def main(arguments: list[str]) -> int:
    control, service = socket.socket(fileno=int(arguments[0])), os.getppid()
    prctl(PR_SET_PDEATHSIG, guest.SIGKILL)
    token_at = _in_environment(TOKEN)
    for name in LIBRARIES:
        import_module(name)
    gc.collect()
    gc.freeze()  # what is collected in a copy is not looked through, so its pages stay shared
    control.send(READY)
    while True:
        message, ends, _, _ = socket.recv_fds(control, MAX_MESSAGE_BYTES, 4)
        if not message:  # the service is gone, or has no need any more
            return 0
        control_answer = _copy(control, json.loads(message), ends, service, token_at)
        for end in ends:
            os.close(end)
        if control_answer is not None:
            control.send(control_answer)


def _copy(control: socket.socket, environment: Mapping[str, str], ends: Sequence[int], service: int, token_at: int) -> bytes | None:
    """What is left to be answered: nothing, when the process in between said the guest's pid."""
    if thread_count() != 1:
        return UNSAFE  # a copy has one thread only, and whatever the others held locked stays locked in it
    between = os.fork()
    if between == 0:
        code = 1
        try:
            pid = os.fork()
            if pid == 0:
                _become_guest(control, environment, ends, service, token_at)
            control.send(b"%d" % pid)
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(between, 0)
    return FAILED if status else None


def _become_guest(
    control: socket.socket, environment: Mapping[str, str], ends: Sequence[int], service: int, token_at: int
) -> NoReturn:
    code = 1
    try:
        control.close()
        os.setsid()
        _take(ends)
        ctypes.memmove(token_at, environment[TOKEN].encode(), len(environment[TOKEN]))
        os.environ.update(environment)
        os.chdir(environment["HOME"])
        sys.modules["numpy.random"].seed()
        sys.argv = [guest.__file__, str(REQUEST_FD), str(ANSWER_FD)]
        _wait_for_request()
        code = guest.main(sys.argv[1:], parent=service)
    except BaseException as reason:
        sys.__excepthook__(type(reason), reason, reason.__traceback__)
    finally:
        guest.leave(code)


def _take(ends: Sequence[int]) -> None:
    """An empty standard input, both outputs, the request's pipe and the answer's; nothing else stays open."""
    held = [fcntl.fcntl(end, fcntl.F_DUPFD, OUT_OF_THE_WAY_FD) for end in ends]
    empty = os.open(os.devnull, os.O_RDONLY)  # one of its own: flags set on a shared one would show in all copies
    request, answer, stdout, stderr = held
    for source, target in ((empty, 0), (stdout, 1), (stderr, 2), (request, REQUEST_FD), (answer, ANSWER_FD)):
        os.dup2(source, target, inheritable=False)
    os.closerange(FIRST_UNUSED_FD, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def _wait_for_request() -> None:
    """The service sends it, or closes the pipe, once this process is its child."""
    poll = select.poll()
    poll.register(REQUEST_FD, select.POLLIN)
    poll.poll()


def _in_environment(name: str) -> int:
    """Where the value of ``name`` stands in the memory that /proc shows as the environment of this process."""
    libc = ctypes.CDLL(None)
    libc.getenv.restype = ctypes.c_size_t
    return int(libc.getenv(name.encode()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
