"""The filter of system calls, rule by rule: as a program for both kinds of processor, and in force in the kernel of this machine."""

import errno
import os
import struct

import pytest

from harness_core.sdk.wall import filters
from harness_core.sdk.wall.numbers import MACHINES, NEWEST, Machine
from harness_core.sdk.wall.rules import ALLOWED, ANSWERED, FATAL, checked
from tests.wall.enclosure import FOREIGN, Enclosure

PID, OTHER = 4321, 1234
ALLOW, KILL = "allowed", "killed"
OTHER_ARCHITECTURE = 0x40000003
KILLED_BY_FILTER = "ended with -31"

# Of each rule that looks at arguments: some that are allowed, some that are not, and the answer to those. Arguments are 64 bits wide.
O_WRONLY, O_RDWR, O_TRUNC = 1, 2, 0x200
THREAD, FORK, NEW_NETWORK, OWN_FILES = 0x3D0F00, 0x11, 0x40000000, 0x400
ARGUMENTS: dict[str, tuple[list[list[int]], list[list[int]], str]] = {
    "open": ([[0, 0], [0, O_WRONLY | O_TRUNC]], [[0, O_TRUNC], [0, 3]], "EPERM"),
    "openat": ([[0, 0, O_RDWR | O_TRUNC], [0, 0, 0o2000000]], [[0, 0, O_TRUNC], [0, 0, 3]], "EPERM"),
    "mmap": (
        [[0, 8, 3, 2], [0, 8, 3, 1], [0, 8, 3, 0x22], [0, 8, 3, 0x4022], [0, 8, 3, 3]], [[0, 8, 3, 0x21], [0, 8, 3, 0x23], [0, 8, 3, 0x28]], "EPERM",
    ),
    "clone": ([[THREAD]], [[FORK], [THREAD | NEW_NETWORK], [THREAD & ~OWN_FILES]], "EPERM"),
    "close_range": ([[3, 9, 0], [3, 9, 4]], [[3, 9, 2], [3, 9, 6]], "EINVAL"),
    "renameat2": ([[0, 0, 0, 0, 0], [0, 0, 0, 0, 1], [0, 0, 0, 0, 2]], [[0, 0, 0, 0, 4], [0, 0, 0, 0, 5]], "EINVAL"),
    "kill": ([[PID, 0]], [[OTHER, 0], [0, 0], [2**32 - 1, 0], [2**32 - PID, 0]], "EPERM"),
    "tgkill": ([[PID, PID, 0]], [[OTHER, OTHER, 0]], "EPERM"),
    "socketpair": ([[1, 1], [1, 1 | 0o2000000]], [[1, 2], [1, 5], [2, 1]], "EPERM"),
    "sendto": ([[3, 0, 0, 0, 0, 0]], [[3, 0, 0, 0, 8, 16], [3, 0, 0, 0, 1 << 32, 16]], "EPERM"),
    "fallocate": ([[3, 3]], [[3, 0], [3, 1], [3, 8]], "ENOTSUP"),
    "utime": ([], [[8, 0]], "EPERM"),
    "utimes": ([], [[8, 0]], "EPERM"),
    "futimesat": ([], [[0, 8, 0]], "EPERM"),
    "utimensat": ([], [[0, 8, 0]], "EPERM"),
    "prlimit64": ([[0, 7, 0, 8]], [[OTHER, 7, 0, 8], [0, 7, 8, 8], [0, 7, 1 << 40, 8]], "EPERM"),
    "sched_setaffinity": ([[0, 8, 8]], [[OTHER, 8, 8]], "EPERM"),
    "fcntl": ([[0, 3], [0, 7], [0, 1030]], [[0, 8], [0, 36], [0, 37], [0, 38], [0, 10], [0, 1024], [0, 1026], [0, 1031]], "EPERM"),
    "ioctl": ([[0, 0x5401], [0, 0x541B]], [[0, 0x5412], [0, 0x5423]], "ENOTTY"),
    "prctl": ([[15, 0], [16, 0]], [[1, 0], [4, 1], [36, 1], [22, 1]], "EPERM"),
    "futex": ([[0, 0], [0, 128 | 1], [0, 128 | 256 | 9]], [[0, 6], [0, 128 | 13]], "ENOSYS"),
    "truncate": ([[0, 0]], [], "EPERM"),
}  # fmt: skip


def outcome(program: bytes, number: int, arguments: list[int], architecture: int) -> str:
    """What the kernel would do: the few instructions of classic BPF that the filter is made of, run here."""
    data = struct.pack("=IIQ6Q", number & 0xFFFFFFFF, architecture, 0, *[*arguments, *[0] * 6][:6])
    code = list(struct.iter_unpack("HBBI", program))
    place = accumulator = 0
    while True:
        operation, if_true, if_false, value = code[place]
        place += 1
        if operation == filters.LOAD:
            (accumulator,) = struct.unpack_from("=I", data, value)
        elif operation == filters.AND:
            accumulator &= value
        elif operation == filters.RETURN:
            return _named(value)
        else:
            holds = {
                filters.JUMP_EQUAL: accumulator == value,
                filters.JUMP_GREATER: accumulator > value,
                filters.JUMP_NOT_LESS: accumulator >= value,
            }[operation]
            place += if_true if holds else if_false


def _named(value: int) -> str:
    if value in (filters.ALLOW, filters.KILL_PROCESS):
        return ALLOW if value == filters.ALLOW else KILL
    assert value & 0xFFFF0000 == filters.ANSWER
    return errno.errorcode[value & 0xFFFF] if value & 0xFFFF else "nothing"


@pytest.fixture(params=MACHINES.values(), ids=MACHINES)
def machine(request: pytest.FixtureRequest) -> Machine:
    return request.param  # type: ignore[no-any-return]


def decide(machine: Machine, name: str, arguments: list[int], abi: int = 7) -> str:
    return outcome(filters.build(machine, PID, abi), machine.numbers[name], arguments, machine.audit_arch)


def test_every_call_is_in_one_list_only() -> None:
    """Nothing is allowed in one place and refused in another, and every name has a number somewhere."""
    answered = [name for names in ANSWERED.values() for name in names]
    lists = [*ALLOWED, *FATAL, *answered, *checked(PID, 7)]
    assert len(lists) == len(set(lists))
    assert set(lists) <= set().union(*(machine.numbers for machine in MACHINES.values()))


def test_the_lists_mean_what_they_say(machine: Machine) -> None:
    """Allowed, fatal and answered calls, and everything else that has a name: refused."""
    program = filters.build(machine, PID, 7)
    expected = {**dict.fromkeys(ALLOWED, ALLOW), **dict.fromkeys(FATAL, KILL)}
    expected |= {name: errno.errorcode.get(code, "nothing") for code, names in ANSWERED.items() for name in names}
    for name, number in machine.numbers.items():
        if name not in checked(PID, 7):
            assert outcome(program, number, [0] * 6, machine.audit_arch) == expected.get(name, "EPERM"), name


def test_what_is_newer_does_not_exist(machine: Machine) -> None:
    """A call that was invented later is answered as one that this system does not have."""
    program = filters.build(machine, PID, 7)
    assert {outcome(program, number, [], machine.audit_arch) for number in range(NEWEST + 1, NEWEST + 60)} == {"ENOSYS"}


def test_other_conventions_are_fatal(machine: Machine) -> None:
    """Numbers mean something else to 32-bit programs: who asks that way is ended, whatever it asks."""
    program = filters.build(machine, PID, 7)
    assert outcome(program, machine.numbers["read"], [], OTHER_ARCHITECTURE) == KILL
    if machine.foreign is not None:
        assert {outcome(program, machine.foreign + number, [], machine.audit_arch) for number in (0, 1, 59, 520)} == {KILL}
    assert outcome(program, -1, [], machine.audit_arch) in (KILL, "ENOSYS")


@pytest.mark.parametrize("name", checked(PID, 7))
def test_arguments_decide(machine: Machine, name: str) -> None:
    """Each rule that looks at arguments lets the one kind through and refuses the other, whatever stands in the upper half."""
    if name not in machine.numbers:
        assert machine.name == "aarch64", "a rule for a call that no processor has"
        return
    good, bad, refusal = ARGUMENTS[name]
    assert {decide(machine, name, arguments) for arguments in good} <= {ALLOW}
    assert {decide(machine, name, arguments) for arguments in bad} <= {refusal}


def test_before_its_third_version_landlock_does_not_see_truncation(machine: Machine) -> None:
    """Then the filter refuses the call altogether."""
    assert [decide(machine, "truncate", [], abi) for abi in (0, 1, 2, 3)] == ["EPERM", "EPERM", "EPERM", ALLOW]


def test_given_times_are_taken_and_dropped(machine: Machine) -> None:
    """Copying a file sets its times: that is answered as done."""
    assert decide(machine, "utimensat", [0, 8, 8]) == "nothing"
    assert decide(machine, "utimensat", [0, 8, 1 << 40]) == "nothing"


def here() -> Machine:
    found = filters.machine()
    assert found is not None
    return found


def test_each_fatal_call_is_fatal_in_the_kernel(enclosure: Enclosure, user: int) -> None:
    """One death per rule, by a signal that the process cannot catch; without the filter the same call ends nobody."""
    calls = {name: [here().numbers[name], *[0] * 5] for name in FATAL if name in here().numbers}
    harmless = max(user, 1) if os.geteuid() else 65534  # the control must not be able to do what it asks for
    control = enclosure.calls(calls, filtered=False, user=harmless)
    assert {name: how for name, how in control.items() if how.startswith("ended")} == {}
    found = enclosure.calls(calls, filtered=True, user=user)
    assert found == dict.fromkeys(calls, KILLED_BY_FILTER)


def test_each_other_call_is_answered_in_the_kernel(enclosure: Enclosure, user: int) -> None:
    """What has a name and no place in the lists is refused; the rest is answered as the lists say."""
    answered = {name: errno.errorcode.get(code, "answered 0") for code, names in ANSWERED.items() for name in names}
    refused = set(here().numbers) - ALLOWED - FATAL - set(checked(PID, 0)) - set(answered)
    expected = dict.fromkeys(refused, "EPERM") | {name: how for name, how in answered.items() if name in here().numbers}
    calls = {name: [here().numbers[name], *[0] * 5] for name in expected}
    assert enclosure.calls(calls, filtered=True, user=user) == {name: _same(how) for name, how in expected.items()}


def _same(name: str) -> str:
    return errno.errorcode[getattr(errno, name)] if hasattr(errno, name) else name


def test_arguments_decide_in_the_kernel(enclosure: Enclosure, user: int) -> None:
    """The rules that need no set-up, asked for real: the process itself may be signalled, its parent may not."""
    numbers = here().numbers
    calls = {
        "itself": [numbers["kill"], -1, 0], "its parent": [numbers["kill"], -2, 0], "everybody": [numbers["kill"], 2**32 - 1, 0],
        "a pair": [numbers["socketpair"], 1, 1, 0, 0], "a datagram pair": [numbers["socketpair"], 1, 2, 0, 0],
        "its limits": [numbers["prlimit64"], 0, 7, 0, 0], "its parent's limits": [numbers["prlimit64"], -2, 7, 0, 0],
        "new": [NEWEST + 7, 0],
    }  # fmt: skip
    assert enclosure.calls(calls, filtered=True, user=user) == {
        "itself": "answered 0", "its parent": "EPERM", "everybody": "EPERM", "a pair": "EFAULT", "a datagram pair": "EPERM",
        "its limits": "answered 0", "its parent's limits": "EPERM", "new": "ENOSYS",
    }  # fmt: skip


def test_other_conventions_are_fatal_in_the_kernel(enclosure: Enclosure, user: int) -> None:
    """The 32-bit way in and the numbers of x32, where this processor has them."""
    calls = {"x32": [here().foreign + here().numbers["getpid"]], "32 bits": [FOREIGN]} if here().foreign is not None else {}
    assert enclosure.calls(calls, filtered=True, user=user) == dict.fromkeys(calls, KILLED_BY_FILTER)
    control = enclosure.calls(calls, filtered=False, user=user)
    assert control.get("x32", "ENOSYS") == "ENOSYS"
    assert control.get("32 bits", "answered").startswith(("answered", "ended with -11"))
