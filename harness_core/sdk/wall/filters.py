"""The rules of :mod:`harness_core.sdk.wall.rules` as a program for the kernel's filter of system calls (classic BPF)."""

import ctypes
import errno
import platform
import struct
from collections.abc import Iterable

from harness_core.sdk.wall.numbers import MACHINES, NEWEST, Machine
from harness_core.sdk.wall.rules import ALLOWED, ANSWERED, FATAL, FOR_THE_NETWORK, Condition, Rule, checked, connecting
from harness_core.sdk.wall.system import system_call

SECCOMP_SET_MODE_FILTER = 1
SECCOMP_GET_ACTION_AVAIL = 2
SECCOMP_FILTER_FLAG_TSYNC = 1

LOAD, AND, RETURN = 0x20, 0x54, 0x06
JUMP_EQUAL, JUMP_GREATER, JUMP_NOT_LESS = 0x15, 0x25, 0x35
ALLOW, KILL_PROCESS, ANSWER = 0x7FFF0000, 0x80000000, 0x00050000
NUMBER_AT, ARCHITECTURE_AT, ARGUMENTS_AT = 0, 4, 16

_INSTRUCTION = struct.Struct("HBBI")


class _Program(ctypes.Structure):
    """``struct sock_fprog``."""

    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def machine() -> Machine | None:
    """The numbers of this processor's calls; None where there is no table for it."""
    return MACHINES.get(platform.machine())


def is_available() -> bool:
    """Whether this system has filters that can end a whole process, and this program knows the processor's numbers."""
    known = machine()
    if known is None:
        return False
    try:
        system_call(known.numbers["seccomp"], SECCOMP_GET_ACTION_AVAIL, 0, struct.pack("I", KILL_PROCESS))
    except OSError:
        return False
    return True


def load(program: bytes) -> None:
    """Put ``program`` in force for all threads of this process, for good. Raises OSError; needs no_new_privs."""
    known = machine()
    if known is None:
        raise OSError(errno.ENOSYS, "the numbers of this processor's system calls are not known")
    described = _Program(len(program) // _INSTRUCTION.size, program)
    refused = system_call(known.numbers["seccomp"], SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, ctypes.byref(described))
    if refused:  # the id of a thread that has a filter of its own
        raise OSError(errno.ESRCH, f"thread {refused} could not be put behind the filter")


def build(target: Machine, own_pid: int, landlock_abi: int, *, network: bool = False) -> bytes:
    """The whole filter for one process: unknown convention ends it, unknown calls are refused, new ones do not exist.

    With ``network`` connections to others are let through.
    """
    numbers = target.numbers
    code = [_op(LOAD, ARCHITECTURE_AT), _op(JUMP_EQUAL, target.audit_arch, 1, 0), _op(RETURN, KILL_PROCESS), _op(LOAD, NUMBER_AT)]
    if target.foreign is not None:
        code += [_op(JUMP_NOT_LESS, target.foreign, 0, 1), _op(RETURN, KILL_PROCESS)]
    for name, rule in {**checked(own_pid, landlock_abi), **(connecting() if network else {})}.items():
        if name in numbers:
            code += _guarded(numbers[name], _check(rule))
    allowed = ALLOWED | FOR_THE_NETWORK if network else ALLOWED
    code += _each((numbers[name] for name in allowed if name in numbers), ALLOW)
    code += _each((numbers[name] for name in FATAL if name in numbers), KILL_PROCESS)
    for answer, names in ANSWERED.items():
        code += _each((numbers[name] for name in names if name in numbers), ANSWER | answer)
    code += [_op(JUMP_GREATER, NEWEST, 0, 1), _op(RETURN, ANSWER | errno.ENOSYS), _op(RETURN, ANSWER | errno.EPERM)]
    return b"".join(code)


def _op(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return _INSTRUCTION.pack(code, if_true, if_false, value)


def _guarded(number: int, body: list[bytes]) -> list[bytes]:
    return [_op(JUMP_EQUAL, number, 0, len(body)), *body]


def _each(numbers: Iterable[int], answer: int) -> list[bytes]:
    return [code for number in sorted(numbers) for code in _guarded(number, [_op(RETURN, answer)])]


def _check(rule: Rule) -> list[bytes]:
    """Each condition in turn jumps past the refusal that follows it, or falls into it."""
    body = []
    for condition in rule.conditions:
        body += [*_compare(condition), _op(RETURN, ANSWER | rule.otherwise)]
    return [*body, _op(RETURN, ALLOW if rule.then is None else ANSWER | rule.then)]


def _compare(condition: Condition) -> list[bytes]:
    values = condition.values
    compared = [_op(JUMP_EQUAL, value, len(values) - place, 0) for place, value in enumerate(values)]
    load = _op(LOAD, ARGUMENTS_AT + 8 * condition.argument + 4 * condition.upper)
    return [load, *([_op(AND, condition.mask)] if condition.mask != 0xFFFFFFFF else []), *compared]
