"""Guests as copies of a warm process, which has loaded their libraries already; as fresh interpreters where that cannot be.

The warm process belongs to this one (see ``harness_core.sdk.warm``): it is started in the background, ends with it, and when it is
killed, nothing is lost but its head start. Guests that were copied from it are children of this process, not of that one.
"""

import json
import os
import socket
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

from harness_core.adapters.wall.guests import FLAGS, Ends, Guest, environment, start_guest, start_process
from harness_core.ports.launcher import GuestRequest
from harness_core.sdk.wall.system import PR_SET_CHILD_SUBREAPER, is_subreaper, prctl
from harness_core.sdk.warm import READY, UNSAFE

MODULE = "harness_core.sdk.warm"
LEAST_MEMORY_MB = 256  # a smaller budget has no room for libraries that its plugin may not need
ANSWER_S = 2.0
LOADING_S = 60.0
ADOPTION_PAUSE_S = 0.0002
START_AGAIN_S = 10.0
HEAD_START_S = 1.5  # waiting so long for the libraries is sooner than loading them beside it once more
NO_TOKEN = "0" * 32
MAX_ANSWER_BYTES = 64

_asking = threading.Lock()  # one for all: while it is held, this process adopts orphans


class NotWarm(Exception):
    """No copy can be had now."""


class WarmStart:
    """A :data:`harness_core.adapters.wall.guests.Starter` for several threads. Until :meth:`warm_up`, all starts are cold."""

    def __init__(self, python: str) -> None:
        self._python, self._owner = python, os.getpid()
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self._settled = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._keeper: threading.Thread | None = None
        self._wanted = self._unsafe = False
        self._started_at = 0.0

    def __call__(self, request: GuestRequest) -> Guest:
        """A copy where one can be had, now or in a moment, else a fresh interpreter. Raises OSError where none can be started."""
        if self._wanted and request.memory_mb >= LEAST_MEMORY_MB and os.getpid() == self._owner:
            self._settled.wait(max(0.0, self._started_at + HEAD_START_S - time.monotonic()))
            with suppress(NotWarm):
                return start_guest(request, self._copied)
            if time.monotonic() - self._started_at > START_AGAIN_S:
                self.warm_up()
        return start_process(self._python, request)

    def warm_up(self) -> None:
        """Start the warm process, unless there is one. Does not wait for it: guests do, for a moment, and then start cold."""
        with self._lock:
            if self._unsafe or (self._keeper is not None and self._keeper.is_alive()):
                return
            self._settled.clear()
            self._wanted, self._started_at = True, time.monotonic()
            self._keeper = threading.Thread(target=self._keep, name="warm process", daemon=True)
            self._keeper.start()

    def wait_until_warm(self, timeout_s: float) -> bool:
        """Whether copies can be had; waits for it."""
        return self._ready.wait(timeout_s)

    def close(self) -> None:
        """End the warm process. Guests that were copied from it go on."""
        with self._lock:
            self._wanted = False
            self._end()
        if self._keeper is not None and os.getpid() == self._owner:
            self._keeper.join()

    def _keep(self) -> None:
        """The life of one warm process, in a thread that lasts as long: its parent-death signal is tied to this thread."""
        try:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with suppress(OSError), ours, theirs:  # where it cannot be started, guests start cold
                self._live(ours, theirs)
        finally:
            self._settled.set()

    def _live(self, ours: socket.socket, theirs: socket.socket) -> None:
        with self._lock:
            if not self._wanted:
                return
            self._process = process = self._new_process(theirs)
        theirs.close()
        if _is_ready(ours):
            self._control = ours
            self._ready.set()
        else:
            process.kill()
        self._settled.set()
        process.wait()
        with _asking:
            self._ready.clear()
            self._control = None

    def _new_process(self, theirs: socket.socket) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(  # noqa: S603 - a fixed command; what varies is a number
            [self._python, *FLAGS, "-m", MODULE, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
            cwd="/",
            env=environment(Path("/"), 0, NO_TOKEN),
            start_new_session=True,
        )

    def _copied(self, ends: Ends) -> int:
        """The pid of a copy that is a child of this process and waits for its request. Raises NotWarm."""
        message = json.dumps(ends.environment).encode()
        with _asking:
            control, adopts_anyway = self._control, is_subreaper()
            if control is None:
                raise NotWarm
            prctl(PR_SET_CHILD_SUBREAPER, 1)
            try:
                socket.send_fds(control, [message], [ends.request, ends.answer, ends.stdout, ends.stderr])
                return self._adopted(control.recv(MAX_ANSWER_BYTES))
            except OSError as reason:
                self._control = None
                self._end()
                raise NotWarm from reason
            finally:
                prctl(PR_SET_CHILD_SUBREAPER, int(adopts_anyway))

    def _adopted(self, answer: bytes) -> int:
        """Wait until the process in between has ended. Raises OSError where there is no such guest."""
        if not answer.isdigit():
            self._unsafe = answer == UNSAFE
            raise OSError(f"the warm process answered {answer!r}")
        pid, deadline = int(answer), time.monotonic() + ANSWER_S
        while True:
            try:
                os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(ADOPTION_PAUSE_S)
            else:
                return pid

    def _end(self) -> None:
        if self._process is not None and os.getpid() == self._owner:
            self._process.kill()


def _is_ready(control: socket.socket) -> bool:
    """Wait until the warm process has loaded its libraries; False where it could not."""
    control.settimeout(LOADING_S)
    try:
        ready = control.recv(MAX_ANSWER_BYTES) == READY
    except OSError:
        return False
    control.settimeout(ANSWER_S)
    return ready
