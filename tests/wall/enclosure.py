"""Runs attempts behind walls of many kinds: a process that has the libraries loaded and forks a guest for each batch.

Started once per session as a program of its own, so that no thread of the tests is there when it forks. A line of JSON in asks for a
batch, a line of JSON out says of each attempt how it ended.
"""

import ctypes
import errno
import json
import mmap
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from resource import RLIMIT_AS, RLIMIT_DATA, RLIMIT_FSIZE, RLIMIT_MEMLOCK, RLIMIT_NOFILE, RLIMIT_SIGPENDING
from typing import Any

from harness_core.adapters.wall.orders import OWN_FACTS, SYSTEM_FILES, interpreter_paths
from harness_core.sdk.wall import filters
from harness_core.sdk.wall.policy import Policy
from harness_core.sdk.wall.raising import raise_wall
from harness_core.sdk.wall.system import PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS, prctl, system_call
from tests.wall.attempts import TABLE, World, fill

NOBODY = 65534
THROUGH = "through"
SHARED_FOLDERS = ("/tmp", "/dev/shm")  # noqa: S108
LIMITS = {
    RLIMIT_NOFILE: 256,
    RLIMIT_FSIZE: 1 << 34,
    RLIMIT_AS: 6 << 30,
    RLIMIT_DATA: 1 << 30,
    RLIMIT_MEMLOCK: 0,
    RLIMIT_SIGPENDING: 1024,
}


class Enclosure:
    """The client: a started program to which batches are given."""

    def __init__(self) -> None:
        root = Path(__file__).parents[2]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.wall.enclosure"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root, text=True
        )

    def run(self, wall: Mapping[str, Any] | None, *, user: int) -> dict[str, str]:
        """Every attempt of the table by its name: :data:`THROUGH`, or how it was held. Without ``wall`` it is the control."""
        return self._ask({"wall": dict(wall) if wall is not None else None, "user": user})

    def calls(self, asked: Mapping[str, list[int]], *, filtered: bool, user: int) -> dict[str, str]:
        """Each system call (its number and arguments) in a process of its own: its answer, its errno, or its end."""
        return self._ask({"calls": dict(asked), "filtered": filtered, "user": user})

    def _ask(self, question: Mapping[str, Any]) -> dict[str, str]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return dict(json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def in_a_child(user: int, act: Callable[[], Any], timeout_s: int = 60) -> tuple[Any, int]:
    """What ``act`` returned in a fork that belongs to ``user``, and its exit code (negative: a signal)."""
    read_fd, write_fd = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(read_fd)
            signal.alarm(timeout_s)
            become(user)
            os.write(write_fd, json.dumps(act()).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(write_fd)
    with os.fdopen(read_fd, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(pid, 0)
    return json.loads(said) if said else None, os.waitstatus_to_exitcode(status)


def become(user: int) -> None:
    """That user, as if it had always been."""
    if user != os.geteuid():
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        prctl(PR_SET_DUMPABLE, 1)


def order(world: World, wall: Mapping[str, Any]) -> dict[str, Any]:
    """The order that a launcher would give, with the layers of ``wall``."""
    return {
        "read": [*interpreter_paths(), *SYSTEM_FILES, *OWN_FACTS, world.given],
        "write": [world.scratch, "/dev/null"],
        "limits": {str(number): value for number, value in LIMITS.items()},
        "threads": 512,
        **wall,
    }


def go_behind(world: World, wall: Mapping[str, Any] | None) -> None:
    """In the guest: the wall, if any."""
    os.chdir(world.scratch)
    if wall is not None:
        raise_wall(order(world, wall))
        if wall.get("policy"):
            sys.addaudithook(Policy(order(world, wall), world.given, lambda frame: None))


def _try(go: Callable[[World], Any], world: World) -> str:
    try:
        return THROUGH if go(world) else "nothing came of it"
    except BaseException as reason:
        return f"{type(reason).__name__}: {reason}"[:200]


def alone(world: World, wall: Mapping[str, Any] | None, name: str, user: int) -> str:
    """One attempt that replaces its process, or changes it for good."""

    def act() -> str:
        go_behind(world, wall)
        try:
            TABLE[name].go(world)
        except BaseException as reason:
            return f"{type(reason).__name__}: {reason}"[:200]
        return THROUGH

    said, code = in_a_child(user, act)
    return str(said) if said is not None else THROUGH if code == 0 else f"it ended with {code}"


def together(world: World, wall: Mapping[str, Any] | None, names: list[str], user: int) -> dict[str, str]:
    """One attempt after the other in one process; one that ends it is found by its note, and the rest go on in another."""
    found: dict[str, str] = {}
    while left := [name for name in names if name not in found]:
        notes = Path(world.scratch, "notes")
        notes.unlink(missing_ok=True)

        def act(left: list[str] = left) -> None:
            noted = os.open(f"{world.scratch}/notes", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
            go_behind(world, wall)
            for name in left:
                os.write(noted, json.dumps([name, None]).encode() + b"\n")
                os.write(noted, json.dumps([name, _try(TABLE[name].go, world)]).encode() + b"\n")

        _, code = in_a_child(user, act)
        tried = [json.loads(line) for line in notes.read_text().splitlines()]
        assert tried, f"the wall itself could not be raised: {code}"
        found |= {name: how if how is not None else f"it ended with {code}" for name, how in tried}
    return found


def batch(wall: Mapping[str, Any] | None, user: int) -> dict[str, str]:
    """All attempts in a fresh world."""
    with Surroundings(user) as world:
        found = together(world, wall, [name for name, attempt in TABLE.items() if not attempt.alone], user)
        return found | {name: alone(world, wall, name, user) for name, attempt in TABLE.items() if attempt.alone}


def call_each(calls: Mapping[str, list[int]], user: int, *, filtered: bool) -> dict[str, str]:
    """What came of each call, made right after the filter was put up, or without it."""
    found = {}
    for name, (number, *arguments) in calls.items():

        def act(number: int = number, arguments: list[int] = arguments) -> str:
            code_page = foreign_code() if number == FOREIGN else None
            if filtered:
                prctl(PR_SET_NO_NEW_PRIVS, 1)
                target = filters.machine()
                assert target is not None
                filters.load(filters.build(target, os.getpid(), 0))
            if code_page is not None:
                return f"answered {code_page()}"
            try:
                return f"answered {system_call(number, *(OWN_PID_HERE[item]() if item < 0 else item for item in arguments))}"
            except OSError as reason:
                return errno.errorcode[reason.errno or 0]

        said, code = in_a_child(user, act)
        found[name] = said if said is not None else f"ended with {code}"
    return found


FOREIGN = -1
OWN_PID_HERE: Mapping[int, Callable[[], int]] = {-1: os.getpid, -2: os.getppid}
"""Arguments that only the process itself knows."""


def foreign_code() -> Callable[[], int]:
    """A function that asks for the process's number by the calling convention of 32-bit programs (x86)."""
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")  # mov eax, 20; int 0x80; ret
    made = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
    return lambda: made() if page else 0


class Surroundings:
    """A world on disk and in the kernel, which belongs to ``user``; gone with the block."""

    def __init__(self, user: int) -> None:
        self._user = user
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> World:
        self._root = Path(tempfile.mkdtemp(prefix="wall-", dir="/var/tmp"))
        self._root.chmod(0o755)
        world = self._world()
        for path in (self._root, *self._root.rglob("*")):
            os.chown(path, self._user, self._user, follow_symlinks=False)
        self._service, held = self._started_service(world["secret"])
        return World(**world, service=self._service, held=held)

    def __exit__(self, *failure: object) -> None:
        for listening in self._sockets:
            listening.close()
        ctypes.CDLL(None).mq_unlink(f"/{self._abstract}".encode())  # Landlock alone lets guests make one, and not remove it
        with suppress(ProcessLookupError):
            os.kill(self._service, signal.SIGKILL)
        os.waitpid(self._service, 0)
        shutil.rmtree(self._root)
        for shared in SHARED_FOLDERS:  # where the wall is down, the attempts to write there succeed
            Path(shared, self._abstract).unlink(missing_ok=True)

    def _world(self) -> dict[str, Any]:
        for name in ("scratch", "given", "room", "room/empty"):
            (self._root / name).mkdir()
        (self._root / "secret").write_text("a,secret\n1,2\n")
        (self._root / "victim").write_text("untouched")
        (self._root / "given" / "data.parquet").write_bytes(b"PAR1 as it was")
        shutil.copy("/bin/true", self._root / "given" / "program")
        shutil.copy("/bin/true", self._root / "room" / "cmd.exe")
        library = next(path for path in Path("/lib").glob("*/libm.so.6"))
        shutil.copy(library, self._root / "room" / "library.so")
        for name in ("to-remove", "to-take"):
            (self._root / "room" / name).write_text("x")
        (self._root / "room" / "module.py").write_text("VALUE = 1\n")
        kept = sqlite3.connect(self._root / "state.sqlite")
        with kept:
            kept.execute("CREATE TABLE kept (a)")
            kept.execute("INSERT INTO kept VALUES (1)")
        kept.close()
        self._abstract = abstract = f"wall-{os.getpid()}-{self._root.name}"
        stream, datagrams = f"{self._root}/s", f"{self._root}/d"
        tcp_port = self._listen(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0))[1]
        udp_port = self._listen(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0))[1]
        self._listen(socket.AF_UNIX, socket.SOCK_STREAM, stream)
        self._listen(socket.AF_UNIX, socket.SOCK_STREAM, f"\0{abstract}")
        self._listen(socket.AF_UNIX, socket.SOCK_DGRAM, datagrams)
        return {
            "scratch": str(self._root / "scratch"), "given": str(self._root / "given"), "secret": str(self._root / "secret"),
            "victim": str(self._root / "victim"), "database": str(self._root / "state.sqlite"), "room": str(self._root / "room"),
            "socket": stream, "datagrams": datagrams, "abstract": abstract, "tcp_port": tcp_port, "udp_port": udp_port,
        }  # fmt: skip

    def _listen(self, family: int, kind: int, address: Any) -> Any:
        made = socket.socket(family, kind)
        made.bind(address)
        if kind == socket.SOCK_STREAM:
            made.listen(64)
        self._sockets.append(made)
        return made.getsockname()

    def _started_service(self, secret: str) -> tuple[int, int]:
        """Another process of the user, in a group of its own, that has the secret open."""
        read_fd, write_fd = os.pipe()
        pid = os.fork()
        if pid == 0:
            become(self._user)
            os.setpgid(0, 0)
            os.write(write_fd, bytes([os.open(secret, os.O_RDONLY)]))
            while True:
                signal.pause()
        held = os.read(read_fd, 1)[0]
        os.close(read_fd)
        os.close(write_fd)
        return pid, held


def main() -> None:
    import encodings.idna
    import multiprocessing.popen_fork
    import pkgutil  # what is loaded late elsewhere is loaded here, for a user who cannot read this interpreter

    del encodings, multiprocessing, pkgutil
    fill()
    interpreter_paths()

    for line in sys.stdin:
        asked = json.loads(line)
        if "calls" in asked:
            found = call_each(asked["calls"], asked["user"], filtered=asked["filtered"])
        else:
            found = batch(asked["wall"], asked["user"])
        print(json.dumps(found), flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
