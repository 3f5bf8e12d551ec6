"""How a guest process is started: its command, its environment and its pipes. How it is watched and ended stands in ``watcher``."""

import compileall
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from resource import RUSAGE_SELF, getrusage, struct_rusage

import harness_core
from harness_core.adapters.wall.orders import OWN_FACTS
from harness_core.ports.launcher import GuestRequest

PACKAGE_PARENT = Path(harness_core.__file__).resolve().parent.parent
MODULE = "harness_core.sdk.guest"
FLAGS = ("-s", "-P", "-B")  # no packages of the user's home, nothing from the current folder, no bytecode written
DUCKDB_SHARE_OF_MEMORY = 0.75  # of which DuckDB takes 80 % by itself
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "SLURM_CPUS_ON_NODE")


@dataclass
class Guest:
    """A started guest: this side's ends of its pipes, none of which blocks, and the right to reap it.

    ``process`` is None for a copy of a warm process. ``exit_fd`` becomes readable the moment the process has ended; None where the
    system knows no such descriptor. ``token`` stands in the environment of the guest and of all that it starts. ``pinned`` keeps
    names below /proc in the kernel's memory: were they dropped and made anew, the guest's right to read them would be gone, and
    DuckDB ends a process over that.
    """

    pid: int
    token: str
    request_fd: int
    answer_fd: int
    stdout_fd: int
    stderr_fd: int
    exit_fd: int | None
    pinned: list[int]
    process: "subprocess.Popen[bytes] | None"
    open_descriptors: set[int]
    parent_peak_kb: int
    started_at: float

    def has_ended(self) -> bool:
        """Whether it has ended. It stays where it is until it is reaped, and its pid stays its own."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def reap(self) -> tuple[int, struct_rusage]:
        """Its exit code (negative: the signal) and what it and its waited-for children used. Waits for its end."""
        _, status, usage = os.wait4(self.pid, 0)
        exit_code = os.waitstatus_to_exitcode(status)
        if self.process is not None:
            self.process.returncode = exit_code
        return exit_code, usage

    def own_peak_rss_bytes(self, usage: struct_rusage) -> int:
        """``ru_maxrss``, where it is the guest's own: an exec starts out with the peak of the process it was started by."""
        return usage.ru_maxrss * 1024 if usage.ru_maxrss > self.parent_peak_kb else 0

    def close(self, descriptor: int) -> None:
        if descriptor in self.open_descriptors:
            self.open_descriptors.discard(descriptor)
            os.close(descriptor)

    def close_all(self) -> None:
        for descriptor in list(self.open_descriptors):
            self.close(descriptor)
        while self.pinned:
            os.close(self.pinned.pop())


@dataclass(frozen=True)
class Ends:
    """A guest's ends of its pipes, and what is to stand in its environment."""

    request: int
    answer: int
    stdout: int
    stderr: int
    environment: Mapping[str, str]


Starter = Callable[[GuestRequest], Guest]
Spawn = Callable[[Ends], "subprocess.Popen[bytes] | int"]
"""Makes the process of a guest, a child of this one, in a session of its own; a pid, where it is no Popen."""


def start_process(python: str, request: GuestRequest) -> Guest:
    """Start a new interpreter for ``request``. Its parent-death signal is tied to the calling thread."""
    return start_guest(request, partial(_new_interpreter, python))


def start_guest(request: GuestRequest, spawn: Spawn) -> Guest:
    """Make the pipes and the process of a guest. Raises what ``spawn`` raises; nothing is left open then."""
    token, started_at = os.urandom(16).hex(), time.monotonic()
    with ExitStack() as on_failure, ExitStack() as theirs:
        request_read, request_write = _pipe(theirs, on_failure)
        answer_write, answer_read = reversed(_pipe(on_failure, theirs))
        stdout_write, stdout_read = reversed(_pipe(on_failure, theirs))
        stderr_write, stderr_read = reversed(_pipe(on_failure, theirs))
        variables = environment(request.scratch, request.memory_mb, token)
        spawned = spawn(Ends(request_read, answer_write, stdout_write, stderr_write, variables))
        on_failure.pop_all()
    process = None if isinstance(spawned, int) else spawned
    pid = spawned if isinstance(spawned, int) else spawned.pid
    ours = {request_write, answer_read, stdout_read, stderr_read}
    exit_fd = _exit_descriptor(pid)
    for descriptor in ours:
        os.set_blocking(descriptor, False)
    return Guest(
        pid=pid,
        token=token,
        request_fd=request_write,
        answer_fd=answer_read,
        stdout_fd=stdout_read,
        stderr_fd=stderr_read,
        exit_fd=exit_fd,
        pinned=list(_pinned(pid)),
        process=process,
        open_descriptors=ours | ({exit_fd} if exit_fd is not None else set()),
        parent_peak_kb=getrusage(RUSAGE_SELF).ru_maxrss if process is not None else 0,
        started_at=started_at,
    )


def _new_interpreter(python: str, ends: Ends) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # noqa: S603 - a fixed command; what varies are two numbers
        [python, *FLAGS, "-m", MODULE, str(ends.request), str(ends.answer)],
        stdin=subprocess.DEVNULL,
        stdout=ends.stdout,
        stderr=ends.stderr,
        pass_fds=(ends.request, ends.answer),
        cwd=ends.environment["HOME"],
        env=ends.environment,
        start_new_session=True,
    )


@cache
def compile_guest() -> None:
    """Leave the SDK's bytecode beside it, where that is allowed: guests write none, and would compile it each time they start."""
    compileall.compile_dir(str(PACKAGE_PARENT / "harness_core" / "sdk"), quiet=2)
    compileall.compile_file(str(PACKAGE_PARENT / "harness_core" / "__init__.py"), quiet=2)


def environment(scratch: Path, memory_mb: int, token: str) -> dict[str, str]:
    """All that stands in a guest's environment; nothing of this process's own does.

    DuckDB reads the SLURM variables, so that a plugin's own ``duckdb.connect()`` takes sane limits by itself.
    """
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "PYTHONPATH": str(PACKAGE_PARENT),
        "PYTHONHASHSEED": "0",
        "PYTHONUNBUFFERED": "1",  # what was printed is in the log, however the guest ends
        "PYTHONFAULTHANDLER": "1",  # a crash inside a library leaves its Python traceback there
        **dict.fromkeys(ONE_THREAD, "1"),
        "SLURM_MEM_PER_NODE": f"{int(memory_mb * DUCKDB_SHARE_OF_MEMORY)}M",
        "MALLOC_ARENA_MAX": "2",
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        "JE_ARROW_MALLOC_CONF": "background_thread:false",  # a thread that is there before the wall would stay outside
        "GUEST_TOKEN": token,
    }


def _pipe(reader: ExitStack, writer: ExitStack) -> tuple[int, int]:
    """A pipe whose ends are closed with these stacks; other processes started meanwhile do not inherit them (O_CLOEXEC)."""
    read_fd, write_fd = os.pipe()
    reader.callback(os.close, read_fd)
    writer.callback(os.close, write_fd)
    return read_fd, write_fd


def _pinned(pid: int) -> Iterator[int]:
    for path in OWN_FACTS:
        with suppress(OSError):
            yield os.open(path.replace("self", str(pid)), os.O_PATH | os.O_CLOEXEC)


def _exit_descriptor(pid: int) -> int | None:
    with suppress(OSError, AttributeError):
        return os.pidfd_open(pid)
    return None
