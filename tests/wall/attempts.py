"""The table of attempts to get out, and the world they are made in. Each must succeed without the wall and fail behind it."""

import ctypes
import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class World:
    """What stands around a guest: all of it belongs to its user, and none of it is its own, but ``scratch`` and ``given``.

    ``service`` is another process of the same user, ``leader`` the one that started the guest. ``secret``, ``victim`` and the files in
    ``room`` can be read and written by the user; ``room`` is a folder for the taking. ``given`` is a folder that may be read.
    """

    scratch: str
    given: str
    secret: str
    victim: str
    database: str
    room: str
    socket: str
    datagrams: str
    abstract: str
    tcp_port: int
    udp_port: int
    service: int
    held: int
    """A descriptor of ``secret`` in ``service``."""


@dataclass(frozen=True)
class Attempt:
    """``go`` returns something true when it got through. ``alone``: it must have a process to itself, and 0 is its exit code then."""

    name: str
    area: str
    go: Callable[[World], Any]
    alone: bool = False


TABLE: dict[str, Attempt] = {}


def fill() -> dict[str, Attempt]:
    """The whole table: every module of attempts enters its own."""
    for name in ("reading", "writing", "network", "processes", "resources", "kernel"):
        import_module(f"tests.wall.attempts_{name}")
    return TABLE


def attempt(area: str, *, alone: bool = False) -> Callable[[Callable[[World], Any]], Callable[[World], Any]]:
    """Enter a function into the table under its own name."""

    def enter(go: Callable[[World], Any]) -> Callable[[World], Any]:
        add(go.__name__, area, go, alone=alone)
        return go

    return enter


def add(name: str, area: str, go: Callable[[World], Any], *, alone: bool = False) -> None:
    assert name not in TABLE, name
    TABLE[name] = Attempt(name, area, go, alone)


def reads(name: str, path: str) -> None:
    """The file of that path, which may name fields of the world in braces."""
    add(name, "reading", lambda world: bool(read_file(path.format(**vars(world)))))


def lists(name: str, path: str) -> None:
    """The folder of that path."""
    add(name, "reading", lambda world: bool(os.listdir(path.format(**vars(world)))))


def read_file(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(4096)


libc = ctypes.CDLL(None, use_errno=True)


def called(answer: int) -> int:
    """What a C function returned; a negative number is its errno as an exception."""
    if answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return answer
