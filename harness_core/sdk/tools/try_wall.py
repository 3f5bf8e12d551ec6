"""Tries the wall from inside: a few things that must work there, and many that must not. The kernel's own guest, for ``doctor``."""

import ctypes
import mmap
import os
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from harness_core.sdk.context import PluginContext
from harness_core.sdk.contract import PluginResult

MAP_ALL = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC


def run(ctx: PluginContext) -> PluginResult:
    """``metrics.done``: by its name, whether each thing could be done. ``settings`` say where the things to try are."""
    done: dict[str, bool] = {}
    for name, act in {**_allowed(ctx), **_forbidden(ctx.settings)}.items():
        try:
            done[name] = act() is not False
        except (OSError, RuntimeError, ValueError, MemoryError):
            done[name] = False
    return PluginResult.ok("tried", metrics={"done": done})


def _allowed(ctx: PluginContext) -> Mapping[str, Callable[[], Any]]:
    return {
        "read_given": lambda: Path(ctx.settings["given"], "file").read_bytes(),
        "write_scratch": lambda: (ctx.scratch / "note").write_text("x"),
        "start_thread": _thread,
    }


def _forbidden(around: Mapping[str, Any]) -> Mapping[str, Callable[[], Any]]:
    """What no plugin may do; harmless where it succeeds."""
    room, launcher = Path(around["room"]), int(around["launcher"])
    libc = ctypes.CDLL(None, use_errno=True)
    return {
        "read_elsewhere": lambda: (room / "secret").read_bytes(),
        "list_root": lambda: os.listdir("/"),  # noqa: PTH208 - what is tried
        "read_service": lambda: Path(f"/proc/{launcher}/status").read_bytes(),
        "write_elsewhere": lambda: (room / f"made-{os.getpid()}").write_text("x"),
        "write_given": lambda: Path(around["given"], "file").write_text("x"),
        "empty_given": lambda: os.close(os.open(Path(around["given"], "file"), os.O_RDONLY | os.O_TRUNC)),
        "remove_elsewhere": lambda: (room / "to-remove").unlink(),
        "change_mode": lambda: _shows(room / "secret"),
        "connect_tcp": lambda: socket.create_connection(("127.0.0.1", int(around["port"])), 2),
        "send_udp": lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", int(around["port"]))),
        "connect_socket": lambda: socket.socket(socket.AF_UNIX).connect(str(around["socket"])),
        "start_program": lambda: os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)[1] == 0,
        "fork": lambda: _forked(libc.fork()),
        "signal_service": lambda: os.kill(launcher, 0),
        "file_in_memory": lambda: os.memfd_create("canary"),
        "leave_session": lambda: libc.prctl(1, 0, 0, 0, 0) == 0,
        "write_code": lambda: mmap.mmap(-1, 4096, prot=MAP_ALL),
    }


def _thread() -> None:
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()


def _shows(path: Path) -> bool:
    before = path.stat().st_mode
    path.chmod(before ^ 0o100)
    return path.stat().st_mode != before


def _forked(pid: int) -> bool:
    if pid == 0:
        os._exit(0)
    return pid > 0 and os.waitpid(pid, 0)[1] == 0
