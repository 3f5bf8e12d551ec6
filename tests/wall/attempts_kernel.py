"""Attempts by calls that few programs make: on other processes, on memory nobody counts, and to change what oneself is."""

import ctypes
import fcntl
import mmap
import os
import signal
import socket
import struct
import threading
from typing import Any

from harness_core.sdk.wall import filters
from tests.wall.attempts import World, add, attempt, called, libc, reads

MAP_PRIVATE, MAP_SHARED, MAP_ANONYMOUS = 2, 1, 0x20
UNSHARED, RENAME_WHITEOUT, AT_FDCWD, AT_EMPTY_PATH = 2, 4, -100, 0x1000
NEW_USER, NEW_PID, NEW_MOUNTS = 0x10000000, 0x20000000, 0x00020000
WAITING_SIGNALS = 5000


def asked(name: str, *arguments: Any) -> int:
    """The system call of that name."""
    machine = filters.machine()
    assert machine is not None
    return called(
        libc.syscall(machine.numbers[name], *(ctypes.c_long(item) if isinstance(item, int) else item for item in arguments))
    )


def _alone(name: str, area: str, go: Any) -> None:
    add(name, area, go, alone=True)


for _name in ("io", "syscall", "auxv", "cgroup", "mountinfo", "comm", "stat", "oom_score_adj"):
    reads(f"{_name}_of_the_service", f"/proc/{{service}}/{_name}")
reads("a_thread_of_the_service", "/proc/{service}/task/{service}/stat")


def _leads(name: str, link: str) -> None:
    add(name, "reading", lambda world: os.readlink(link.format(service=world.service, held=world.held, parent=os.getppid())))


_leads("where_the_service_works", "/proc/{service}/cwd")
_leads("what_the_service_is", "/proc/{service}/exe")
_leads("what_the_service_holds", "/proc/{service}/fd/{held}")
_leads("the_network_of_the_service", "/proc/{service}/ns/net")
_leads("what_the_launcher_is", "/proc/{parent}/exe")
add("memory_of_the_launcher", "reading", lambda world: os.open(f"/proc/{os.getppid()}/mem", os.O_RDONLY))
add("environment_of_the_launcher", "reading", lambda world: os.open(f"/proc/{os.getppid()}/environ", os.O_RDONLY))


@attempt("processes", alone=True)
def tracing_the_service(world: World) -> Any:
    asked("ptrace", 16, world.service, 0, 0)  # PTRACE_ATTACH


@attempt("processes", alone=True)
def reading_the_services_memory(world: World) -> Any:
    """An address that any process of this program has in the same place: it was forked from one that had it."""
    taken = ctypes.create_string_buffer(8)
    into, out_of = (struct.pack("QQ", ctypes.addressof(place), 8) for place in (taken, ctypes.c_char.in_dll(libc, "environ")))
    assert asked("process_vm_readv", world.service, into, 1, out_of, 1, 0) == 8


@attempt("processes", alone=True)
def comparing_with_the_service(world: World) -> Any:
    asked("kcmp", os.getpid(), world.service, 2, 0, 0)


@attempt("processes", alone=True)
def taking_the_services_descriptor(world: World) -> Any:
    asked("pidfd_getfd", asked("pidfd_open", world.service, 0), world.held, 0)


@attempt("processes", alone=True)
def advising_the_services_memory(world: World) -> Any:
    own = struct.pack("QQ", ctypes.addressof(ctypes.c_char.in_dll(libc, "environ")) & ~4095, 4096)
    asked("process_madvise", asked("pidfd_open", world.service, 0), own, 1, 20, 0)  # MADV_COLD


@attempt("processes")
def disk_priority_of_the_service(world: World) -> Any:
    return asked("ioprio_set", 1, world.service, 2 << 13 | 7) == 0


@attempt("processes")
def own_disk_priority(world: World) -> Any:
    return asked("ioprio_set", 1, 0, 2 << 13 | 4) == 0


@attempt("processes")
def schedule_of_the_service_anew(world: World) -> Any:
    return asked("sched_setattr", world.service, struct.pack("IIQiIQQQ", 48, 0, 0, 19, 0, 0, 0, 0), 0) == 0


_alone("a_user_namespace", "processes", lambda world: called(libc.unshare(NEW_USER)))
_alone("a_process_namespace", "processes", lambda world: called(libc.unshare(NEW_USER | NEW_PID)))
_alone("a_mount_namespace", "processes", lambda world: called(libc.unshare(NEW_USER | NEW_MOUNTS)))
add("the_launcher_by_thread", "signals", lambda world: asked("tgkill", os.getppid(), os.getppid(), 0) == 0)
add("the_launcher", "signals", lambda world: os.kill(os.getppid(), 0) is None)
add("the_service_by_thread_alone", "signals", lambda world: asked("tkill", world.service, 0) == 0)


@attempt("signals")
def queued_with_a_value(world: World) -> Any:
    told = struct.pack("iiiiiiQ", signal.SIGCONT, 0, -1, 0, os.getpid(), os.getuid(), 1).ljust(128, b"\0")
    return asked("rt_tgsigqueueinfo", world.service, world.service, signal.SIGCONT, told) == 0


@attempt("signals")
def very_many_that_wait(world: World) -> Any:
    """The system has room for so many of all processes of a user together."""
    number = signal.SIGRTMIN + 3
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [number])
    try:
        for _ in range(WAITING_SIGNALS):
            signal.pthread_kill(threading.get_ident(), number)
    finally:
        while signal.sigtimedwait([number], 0) is not None:
            continue
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return True


def _in_a_thread(go: Any) -> bool:
    found: list[bool] = []
    refused: list[BaseException] = []

    def act() -> None:
        try:
            found.append(bool(go()))
        except OSError as reason:
            refused.append(reason)

    thread = threading.Thread(target=act)
    thread.start()
    thread.join()
    return found == [True]


@attempt("descriptors")
def a_table_of_its_own(world: World) -> Any:
    """A thread with descriptors of its own holds what nobody sees who looks at the process."""
    return _in_a_thread(lambda: asked("close_range", 1 << 20, 1 << 20, UNSHARED) == 0)


@attempt("memory")
def shared_that_stays(world: World) -> Any:
    """Unmapped but for a page, all of it stays taken, and none of it shows as the memory of the process."""
    return mmap.mmap(-1, 4096, flags=MAP_SHARED | MAP_ANONYMOUS)


@attempt("memory")
def shared_by_a_device(world: World) -> Any:
    return mmap.mmap(os.open("/dev/zero", os.O_RDONLY), 4096, flags=MAP_SHARED, prot=mmap.PROT_READ)


@attempt("memory", alone=True)
def faults_in_its_own_hands(world: World) -> Any:
    machine = filters.machine()
    assert machine is not None
    called(libc.syscall(machine.numbers["userfaultfd"], 1))  # for its own mode only: that needs no right


@attempt("memory", alone=True)
def a_key_in_the_kernel(world: World) -> Any:
    asked("add_key", b"user", b"wall", b"secret", 6, -3)  # the keyring of the session


@attempt("memory", alone=True)
def the_kernels_counters(world: World) -> Any:
    counted = struct.pack("IIQQQQQ", 1, 112, 1, 0, 0, 0, 0b1100001).ljust(112, b"\0")  # of its own time, in user mode
    asked("perf_event_open", counted, 0, -1, -1, 0)


@attempt("disk")
def room_taken_at_once(world: World) -> Any:
    """Gigabytes in a millisecond, where the next look is a quarter of a second away."""
    with open(f"{world.scratch}/at-once", "wb") as file:
        return asked("fallocate", file.fileno(), 0, 0, 1 << 20) == 0


@attempt("writing")
def a_device_in_place_of_a_file(world: World) -> Any:
    old, new = f"{world.scratch}/old-{os.getpid()}".encode(), f"{world.scratch}/new-{os.getpid()}".encode()
    os.close(os.open(old, os.O_CREAT | os.O_WRONLY))
    return asked("renameat2", AT_FDCWD, old, AT_FDCWD, new, RENAME_WHITEOUT) == 0


@attempt("writing")
def moving_its_own_folder(world: World) -> Any:
    os.rename(world.scratch, f"{world.scratch}-moved")
    os.rename(f"{world.scratch}-moved", world.scratch)
    return True


@attempt("metadata")
def flags_of_what_was_given(world: World) -> Any:
    with open(f"{world.given}/data.parquet", "rb") as file:
        return fcntl.ioctl(file, 0x80086601, bytes(8)) is not None  # FS_IOC_GETFLAGS


@attempt("programs", alone=True)
def becoming_one_by_empty_path(world: World) -> Any:
    arguments = (ctypes.c_char_p * 2)(b"/bin/true", None)
    asked("execveat", os.open("/bin/true", os.O_PATH), b"", arguments, None, AT_EMPTY_PATH)


@attempt("windows")
def registering_a_format(world: World) -> Any:
    """What the system runs for a kind of file: under WSL programs of Windows are started that way."""
    return os.stat("/proc/sys/fs/binfmt_misc") and os.listdir("/proc/sys/fs/binfmt_misc") is not None


add("ciphers_of_the_kernel", "network", lambda world: socket.socket(38, socket.SOCK_SEQPACKET))
add("routes", "network", lambda world: socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, 0))
