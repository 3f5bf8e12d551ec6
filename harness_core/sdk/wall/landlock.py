"""What a process may still reach of the file system and of TCP, said to the kernel once and for good (Landlock).

Each version (ABI) of Landlock knows more kinds of access. All that the running kernel knows are refused but for what is granted;
what an older one does not know is closed by the filter of system calls (truncation, network, signals).
"""

import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from contextlib import suppress

from harness_core.sdk.wall.system import system_call

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same on every processor
VERSION_FLAG = 1
PATH_BENEATH = 1

WRITE_FILE, READ_FILE, READ_DIR = 1 << 1, 1 << 2, 1 << 3
REMOVE_DIR, REMOVE_FILE, MAKE_DIR, MAKE_REG = 1 << 4, 1 << 5, 1 << 7, 1 << 8
REFER, TRUNCATE = 1 << 13, 1 << 14

READING = READ_FILE | READ_DIR
WRITING = READING | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | REFER | TRUNCATE
ON_FILES = READ_FILE | WRITE_FILE | TRUNCATE

RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""How many kinds of access to files each version knows; the fifth and all later ones know sixteen."""
NETWORK_RIGHTS = 0b11  # to bind and to connect TCP
SCOPES = 0b11  # abstract UNIX sockets, signals


def version() -> int:
    """The version the kernel speaks; 0 where it has none, or was started without it."""
    try:
        return system_call(CREATE_RULESET, ctypes.c_void_p(None), 0, VERSION_FLAG)
    except OSError:
        return 0


def restrict(abi: int, readable: Iterable[str], writable: Iterable[str], *, network: bool = False) -> None:
    """Grant reading and writing below these paths, and refuse the rest from now on.

    Paths that are not there are passed over. Only files and folders can be written; links, pipes, sockets and devices are not made,
    nothing is executed; with ``network`` TCP is left as it is. Raises OSError; then nothing is restricted. The process must have
    one thread only, and no_new_privs.
    """
    handled = (1 << RIGHTS.get(abi, 16)) - 1
    ruleset = _create(abi, handled, 0 if network else NETWORK_RIGHTS)
    try:
        for rights, paths in ((READING, readable), (WRITING, writable)):
            for path in paths:
                _grant(ruleset, path, rights & handled)
        system_call(RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _create(abi: int, handled: int, network: int) -> int:
    words = [handled]
    if abi >= 4:
        words.append(network)
    if abi >= 6:
        words.append(SCOPES)
    described = struct.pack(f"{len(words)}Q", *words)
    return system_call(CREATE_RULESET, described, len(described), 0)


def _grant(ruleset: int, path: str, rights: int) -> None:
    with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
                rights &= ON_FILES
            system_call(ADD_RULE, ruleset, PATH_BENEATH, struct.pack("=Qi", rights, descriptor), 0)
        finally:
            os.close(descriptor)
