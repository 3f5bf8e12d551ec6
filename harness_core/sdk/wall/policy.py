"""Says in plain words what a plugin tried that it may not do. It is no boundary: the system is, whatever happens in here.

A hook on Python's audit events sees what Python code does, not what libraries do in C, and code that wants to can get around it.
It is there so that an honest mistake ends with a sentence instead of an errno, and so that the audit row can name it.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

MAX_NOTES = 20
MAX_WORDS = 200
O_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
AF_UNIX = 1
INTERNET = (2, 10)
WRITABLE_DEVICE = "/dev/null"

PROGRAMS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "pty.spawn")
NETWORK = ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.sendto")
CHANGES = {"os.remove": 1, "os.rmdir": 1, "os.mkdir": 1, "os.truncate": 1, "os.rename": 2, "os.link": 2, "os.symlink": 2}
"""Events about paths that are changed, with how many of their first arguments are such paths."""


class SandboxViolation(PermissionError):
    """The plugin tried what no plugin may do; the message says what, and what it may do instead."""


class Policy:
    """Refuses with a sentence what the wall refuses with an errno, and reports each kind of it once."""

    def __init__(self, order: Mapping[str, Any], plugin_folder: str, emit: Callable[[dict[str, Any]], None]) -> None:
        self._read = tuple(_spellings([*order["read"], *order["write"]]))
        self._write = tuple(_spellings(order["write"]))
        self._code, self._is_open = f"{plugin_folder}/", bool(order.get("network"))
        self._emit = emit
        self._noted: set[tuple[str, str]] = set()
        self._checks: dict[str, Callable[[Sequence[Any]], None]] = {
            "open": self._opened,
            "socket.__new__": self._socket,
            "os.kill": self._signalled,
            "os.killpg": self._signalled,
            "exec": lambda _: self._questionable("exec or eval", "code made from text cannot be reviewed"),
            "pickle.find_class": lambda _: self._questionable("pickle", "a pickle can run anything when it is read"),
        }
        self._checks |= dict.fromkeys(PROGRAMS, self._program)
        self._checks |= dict.fromkeys(() if self._is_open else NETWORK, self._network)
        self._checks |= {event: self._changing(count) for event, count in CHANGES.items()}

    def __call__(self, event: str, arguments: Sequence[Any]) -> None:
        check = self._checks.get(event)
        if check is not None:
            check(arguments)

    def _opened(self, arguments: Sequence[Any]) -> None:
        path, mode, flags = arguments
        if isinstance(path, int):
            return
        if (isinstance(flags, int) and flags & O_WRITING) or (isinstance(mode, str) and set(mode) & set("wax+")):
            self._change(path)
        elif not _is_below(where := _absolute(path), self._read) and where not in sys.path and os.path.lexists(where):
            self._refuse("read", where, "it reads its own folder, its dataset versions and what it builds on, through ctx")

    def _changing(self, count: int) -> Callable[[Sequence[Any]], None]:
        def check(arguments: Sequence[Any]) -> None:
            for path in arguments[:count]:
                if not isinstance(path, int) and all(item in (-1, None) or not isinstance(item, int) for item in arguments[2:]):
                    self._change(path)

        return check

    def _change(self, path: Any) -> None:
        where = _absolute(path)
        if where != WRITABLE_DEVICE and not _is_below(where, self._write):
            self._refuse("write", where, "it writes into ctx.scratch only, and what is to be kept with ctx.write_artifact")

    def _socket(self, arguments: Sequence[Any]) -> None:
        family = arguments[1]
        if family not in (AF_UNIX, -1) and not (self._is_open and family in INTERNET):
            self._network(arguments)

    def _network(self, arguments: Sequence[Any]) -> None:
        del arguments
        self._refuse("network", "the network", "a plugin computes from the data it is given")

    def _program(self, arguments: Sequence[Any]) -> None:
        what = arguments[0] if arguments and isinstance(arguments[0], str | bytes) else "another process"
        self._refuse("program", _text(what), "a plugin is one process; use threads, or a library")

    def _signalled(self, arguments: Sequence[Any]) -> None:
        if arguments[0] != os.getpid():
            self._refuse("signal", f"process {arguments[0]}", "a plugin has no business with other processes")

    def _questionable(self, what: str, why: str) -> None:
        """Noted, not refused, and only where the plugin's own code does it: libraries have their reasons."""
        caller = sys._getframe(2)
        while caller is not None and caller.f_code.co_filename == __file__:
            caller = caller.f_back  # type: ignore[assignment]
        if caller is not None and caller.f_code.co_filename.startswith(self._code):
            self._note(what, f"{caller.f_code.co_filename.removeprefix(self._code)}:{caller.f_lineno}", why, refused=False)

    def _refuse(self, kind: str, what: str, instead: str) -> None:
        self._note(kind, what, instead, refused=True)
        raise SandboxViolation(f"It tried {VERBS[kind]} {what[:MAX_WORDS]}: {instead}.")

    def _note(self, kind: str, what: str, why: str, *, refused: bool) -> None:
        if (kind, what) not in self._noted and len(self._noted) < MAX_NOTES:
            self._noted.add((kind, what))
            self._emit({"type": "policy", "kind": kind, "what": what[:MAX_WORDS], "why": why, "refused": refused})


VERBS = {"read": "to read", "write": "to write", "network": "to use", "program": "to start", "signal": "to signal"}


def _spellings(paths: Sequence[str]) -> set[str]:
    return {spelling for path in paths for spelling in (path.rstrip("/"), os.path.realpath(path))}


def _is_below(path: str, roots: tuple[str, ...]) -> bool:
    return any(path == root or path.startswith(f"{root}/") for root in roots)


def _absolute(path: Any) -> str:
    return os.path.abspath(_text(path))  # noqa: PTH100 - without following links; the system follows them


def _text(value: Any) -> str:
    return os.fsdecode(value) if isinstance(value, bytes | os.PathLike) else str(value)
