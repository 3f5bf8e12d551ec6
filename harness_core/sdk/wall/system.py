"""The system calls that Python has no function for, through the C library; every refusal is an OSError with its number."""

import ctypes
import os
from typing import Any

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_GET_CHILD_SUBREAPER = 37
PR_SET_NO_NEW_PRIVS = 38
PR_SET_MDWE = 65
PR_MDWE_REFUSE_EXEC_GAIN = 1


def system_call(number: int, *arguments: Any) -> int:
    """Call ``number``; integers are passed as machine words, bytes and ctypes objects as pointers. Raises OSError."""
    return _checked(_libc.syscall(number, *(ctypes.c_ulong(item) if isinstance(item, int) else item for item in arguments)))


def prctl(option: int, first: int = 0, second: int = 0) -> int:
    """Raises OSError, also where the system knows no such option."""
    words = (ctypes.c_ulong(item) for item in (first, second, 0, 0))
    return _checked(_libc.prctl(option, *words))


def is_subreaper() -> bool:
    """Whether this process adopts what its descendants orphan."""
    answer = ctypes.c_int()
    prctl(PR_GET_CHILD_SUBREAPER, ctypes.addressof(answer))
    return bool(answer.value)


def unshare(flags: int) -> None:
    """Raises OSError where any of the namespaces may not be made; then none was."""
    _checked(_libc.unshare(flags))


def _checked(answer: int) -> int:
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(answer)
