"""Attempts on everything that is no file: network, programs, processes, signals, descriptors, memory, disk, and the way to Windows."""

import asyncio
import ctypes
import fcntl
import http.client
import mmap
import multiprocessing
import os
import pty
import resource
import signal
import socket
import struct
import subprocess
import threading
from typing import Any

from tests.wall.attempts import World, add, attempt
from tests.wall.attempts_files import called, libc

HERE = "127.0.0.1"
TRUE = "/bin/true"
SYS = {
    "io_uring_setup": 425, "pidfd_open": 434, "pidfd_send_signal": 424, "clone3": 435, "close_range": 436,
}  # fmt: skip
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_PTRACER, PR_SET_CHILD_SUBREAPER, PR_SET_TIMERSLACK = 1, 4, 0x59616D61, 36, 29
MEGABYTE = 1024 * 1024

# --- network ----------------------------------------------------------------------------------------------------------------------


@attempt("network")
def tcp(world: World) -> Any:
    return socket.create_connection((HERE, world.tcp_port), 5)


@attempt("network")
def tcp_without_waiting(world: World) -> Any:
    made = socket.socket()
    made.setblocking(False)
    return made.connect_ex((HERE, world.tcp_port)) in (0, 115)


@attempt("network")
def tcp_with_its_first_bytes(world: World) -> Any:
    return socket.socket().sendto(b"x", 0x20000000, (HERE, world.tcp_port))  # MSG_FASTOPEN


@attempt("network")
def multipath_tcp(world: World) -> Any:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
    made.connect((HERE, world.tcp_port))
    return True


@attempt("network")
def listening(world: World) -> Any:
    made = socket.socket()
    made.bind((HERE, 0))
    made.listen()
    return True


@attempt("network")
def listening_without_a_name(world: World) -> Any:
    made = socket.socket()
    made.listen()
    return made.getsockname()[1]


@attempt("network")
def udp(world: World) -> Any:
    return socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", (HERE, world.udp_port))


@attempt("network")
def udp_connected(world: World) -> Any:
    made = socket.socket(type=socket.SOCK_DGRAM)
    made.connect((HERE, world.udp_port))
    return made.send(b"x")


@attempt("network")
def udp_listening(world: World) -> Any:
    socket.socket(type=socket.SOCK_DGRAM).bind((HERE, 0))
    return True


@attempt("network")
def udp_by_message(world: World) -> Any:
    return socket.socket(type=socket.SOCK_DGRAM).sendmsg([b"x"], [], 0, (HERE, world.udp_port))


@attempt("network")
def a_local_service(world: World) -> Any:
    socket.socket(socket.AF_UNIX).connect(world.socket)
    return True


@attempt("network")
def a_local_service_by_datagram(world: World) -> Any:
    return socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"x", world.datagrams)


@attempt("network")
def a_service_without_a_file(world: World) -> Any:
    socket.socket(socket.AF_UNIX).connect(f"\0{world.abstract}")
    return True


@attempt("network")
def a_service_of_its_own(world: World) -> Any:
    socket.socket(socket.AF_UNIX).bind(f"{world.scratch}/service-{os.getpid()}")
    return True


@attempt("network")
def an_abstract_service_of_its_own(world: World) -> Any:
    socket.socket(socket.AF_UNIX).bind(f"\0wall-{os.getpid()}")
    return True


@attempt("network")
def a_pair_turned_elsewhere(world: World) -> Any:
    mine, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    return mine.sendto(b"x", world.datagrams)


@attempt("network")
def a_sequenced_pair(world: World) -> Any:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


@attempt("network")
def by_c_call(world: World) -> Any:
    return called(libc.socket(socket.AF_INET, socket.SOCK_STREAM, 0)) >= 0


@attempt("network")
def by_http(world: World) -> Any:
    connection = http.client.HTTPConnection(HERE, world.tcp_port, timeout=5)
    connection.connect()
    return True


@attempt("network")
def by_asyncio(world: World) -> Any:
    return asyncio.run(asyncio.wait_for(asyncio.open_connection(HERE, world.tcp_port), 5))


@attempt("network")
def by_uring(world: World) -> Any:
    return called(libc.syscall(SYS["io_uring_setup"], 8, ctypes.create_string_buffer(120))) >= 0


@attempt("network")
def kernel_messages(world: World) -> Any:
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)


@attempt("network")
def interfaces(world: World) -> Any:
    return socket.if_nameindex()


# --- programs ---------------------------------------------------------------------------------------------------------------------


@attempt("programs")
def by_subprocess(world: World) -> Any:
    return subprocess.run([TRUE], check=False).returncode == 0


@attempt("programs")
def by_shell(world: World) -> Any:
    return os.system(TRUE) == 0


@attempt("programs")
def by_popen(world: World) -> Any:
    return os.popen("echo through").read()


@attempt("programs")
def by_spawn(world: World) -> Any:
    return os.waitpid(os.posix_spawn(TRUE, [TRUE], {}), 0)[1] == 0


@attempt("programs")
def by_c_system(world: World) -> Any:
    return libc.system(TRUE.encode()) == 0


@attempt("programs", alone=True)
def becoming_one(world: World) -> Any:
    os.execv(TRUE, [TRUE])


@attempt("programs", alone=True)
def becoming_one_by_c_call(world: World) -> Any:
    arguments = (ctypes.c_char_p * 2)(TRUE.encode(), None)
    called(libc.execv(TRUE.encode(), arguments))


@attempt("programs", alone=True)
def becoming_one_by_descriptor(world: World) -> Any:
    os.execve(os.open(TRUE, os.O_RDONLY), [TRUE], {})


@attempt("programs", alone=True)
def becoming_one_it_brought(world: World) -> Any:
    with open(f"{world.given}/program", "rb") as source, open(path := f"{world.scratch}/brought-{os.getpid()}", "wb") as target:
        target.write(source.read())
        os.fchmod(target.fileno(), 0o700)
    os.execv(path, [path])


@attempt("programs", alone=True)
def becoming_one_in_memory(world: World) -> Any:
    memory = os.memfd_create("program", 0)
    with open(f"{world.given}/program", "rb") as source:
        os.write(memory, source.read())
    os.execve(memory, ["program"], {})


@attempt("programs", alone=True)
def becoming_one_by_the_loader(world: World) -> Any:
    loader = next(path for path in ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1") if os.path.exists(path))
    os.execv(loader, [loader, TRUE])


# --- processes --------------------------------------------------------------------------------------------------------------------


def _child(pid: int) -> bool:
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return True


add("forking", "processes", lambda world: _child(os.fork()))
add("forking_on_a_terminal", "processes", lambda world: _child(pty.fork()[0]))


@attempt("processes")
def forking_by_c_call(world: World) -> Any:
    return _child(called(libc.fork()))


@attempt("processes")
def forking_by_new_clone(world: World) -> Any:
    return _child(called(libc.syscall(SYS["clone3"], struct.pack("11Q", 0, 0, 0, 0, 17, *[0] * 6), 88)))


@attempt("processes")
def a_worker_process(world: World) -> Any:
    worker = multiprocessing.get_context("fork").Process(target=int)
    worker.start()
    worker.join()
    return worker.exitcode == 0


@attempt("processes")
def a_daemon(world: World) -> Any:
    return _child(os.fork()) and _child(os.fork())


@attempt("processes", alone=True)
def a_session(world: World) -> Any:
    os.setsid()


@attempt("processes", alone=True)
def a_group(world: World) -> Any:
    os.setpgid(0, 0)


@attempt("processes")
def outliving_the_launcher(world: World) -> Any:
    return called(libc.prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0)) == 0


@attempt("processes")
def being_traceable(world: World) -> Any:
    return called(libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)) == 0


@attempt("processes")
def adopting(world: World) -> Any:
    return called(libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)) == 0


@attempt("processes")
def slack(world: World) -> Any:
    return called(libc.prctl(PR_SET_TIMERSLACK, 100_000, 0, 0, 0)) == 0


@attempt("processes")
def priority_of_the_service(world: World) -> Any:
    os.setpriority(os.PRIO_PROCESS, world.service, 5)
    return True


@attempt("processes")
def own_priority(world: World) -> Any:
    return os.nice(1)


@attempt("processes")
def schedule_of_the_service(world: World) -> Any:
    os.sched_setscheduler(world.service, os.SCHED_BATCH, os.sched_param(0))
    return True


@attempt("processes")
def processors_of_the_service(world: World) -> Any:
    os.sched_setaffinity(world.service, os.sched_getaffinity(0))
    return True


@attempt("processes")
def limits_of_the_service(world: World) -> Any:
    resource.prlimit(world.service, resource.RLIMIT_CORE, (0, 0))
    return True


@attempt("processes")
def own_limits(world: World) -> Any:
    resource.setrlimit(resource.RLIMIT_CORE, resource.getrlimit(resource.RLIMIT_CORE))
    return True


@attempt("processes")
def personality(world: World) -> Any:
    return called(libc.personality(0xFFFFFFFF)) >= 0


# --- signals ----------------------------------------------------------------------------------------------------------------------


def _signals(name: str, go: Any) -> None:
    add(name, "signals", lambda world: go(world) in (None, 0))


_signals("to_the_service", lambda world: os.kill(world.service, signal.SIGCONT))
_signals("asking_for_the_service", lambda world: os.kill(world.service, 0))
_signals("to_the_own_group", lambda world: os.kill(0, 0))
_signals("to_a_group", lambda world: os.killpg(world.service, 0))
_signals("to_everybody", lambda world: os.kill(-1, 0))
_signals("to_a_thread", lambda world: called(libc.tgkill(world.service, world.service, signal.SIGCONT)))
_signals("with_a_value", lambda world: called(libc.sigqueue(world.service, signal.SIGCONT, ctypes.c_void_p(1))))


@attempt("signals")
def to_a_process_descriptor(world: World) -> Any:
    descriptor = called(libc.syscall(SYS["pidfd_open"], world.service, 0))
    return called(libc.syscall(SYS["pidfd_send_signal"], descriptor, 0, None, 0)) == 0


@attempt("signals")
def by_owned_descriptor(world: World) -> Any:
    read_fd, _ = os.pipe()
    return fcntl.fcntl(read_fd, fcntl.F_SETOWN, world.service) == 0


@attempt("signals")
def by_chosen_signal(world: World) -> Any:
    read_fd, _ = os.pipe()
    return fcntl.fcntl(read_fd, fcntl.F_SETSIG, signal.SIGKILL) == 0


# --- descriptors --------------------------------------------------------------------------------------------------------------------


@attempt("descriptors")
def of_the_service(world: World) -> Any:
    return os.open(f"/proc/{world.service}/fd/{world.held}", os.O_RDONLY)


@attempt("descriptors")
def a_process_descriptor(world: World) -> Any:
    return os.pidfd_open(world.service)


@attempt("descriptors")
def handing_over(world: World) -> Any:
    mine, theirs = socket.socketpair()
    socket.send_fds(mine, [b"x"], [0])
    return socket.recv_fds(theirs, 1, 1)[1]


@attempt("descriptors")
def what_was_given_opened_again_for_writing(world: World) -> Any:
    descriptor = os.open(f"{world.given}/data.parquet", os.O_RDONLY)
    return os.open(f"/proc/self/fd/{descriptor}", os.O_RDWR)


@attempt("descriptors")
def many(world: World) -> Any:
    made = []
    try:
        while len(made) < 400:
            made += os.pipe()
    finally:
        for descriptor in made:
            os.close(descriptor)
    return True


@attempt("descriptors")
def a_large_pipe(world: World) -> Any:
    return fcntl.fcntl(os.pipe()[0], 1031, MEGABYTE) == MEGABYTE  # F_SETPIPE_SZ


# --- memory -------------------------------------------------------------------------------------------------------------------------


@attempt("memory")
def of_the_service_by_file(world: World) -> Any:
    return os.open(f"/proc/{world.service}/mem", os.O_RDWR)


@attempt("memory")
def a_file_in_memory(world: World) -> Any:
    return os.memfd_create("hidden", 0)


@attempt("memory")
def a_shared_segment(world: World) -> Any:
    segment = called(libc.shmget(0, MEGABYTE, 0o1600))
    return called(libc.shmctl(segment, 0, None)) == 0


@attempt("memory")
def a_semaphore(world: World) -> Any:
    made = called(libc.semget(0, 1, 0o1600))
    return called(libc.semctl(made, 0, 0)) == 0


@attempt("memory")
def a_message_queue(world: World) -> Any:
    made = called(libc.msgget(0, 0o1600))
    return called(libc.msgctl(made, 0, None)) == 0


@attempt("memory")
def a_named_queue(world: World) -> Any:
    libc.mq_open.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.c_int, ctypes.c_void_p]
    called(libc.mq_open(f"/wall-{os.getpid()}".encode(), os.O_CREAT | os.O_RDWR, 0o600, None))
    return called(libc.mq_unlink(f"/wall-{os.getpid()}".encode())) == 0


@attempt("memory")
def locked_in_place(world: World) -> Any:
    return called(libc.mlock(ctypes.create_string_buffer(8192), 4096)) == 0


@attempt("memory")
def all_locked_in_place(world: World) -> Any:
    return called(libc.mlockall(2)) == 0 and libc.munlockall() == 0


@attempt("memory")
def much_at_once(world: World) -> Any:
    return mmap.mmap(-1, 12_000 * MEGABYTE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000)


@attempt("memory")
def much_shared_at_once(world: World) -> Any:
    return mmap.mmap(-1, 12_000 * MEGABYTE)


@attempt("memory")
def written_code(world: World) -> Any:
    return mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)


@attempt("memory")
def data_made_code(world: World) -> Any:
    page = mmap.mmap(-1, 4096)
    at = ctypes.addressof(ctypes.c_char.from_buffer(page))
    return called(libc.mprotect(ctypes.c_void_p(at), 4096, mmap.PROT_READ | mmap.PROT_EXEC)) == 0


@attempt("memory")
def very_many_threads(world: World) -> Any:
    let_go = threading.Event()
    threads = [threading.Thread(target=let_go.wait, daemon=True) for _ in range(1500)]
    started = 0
    try:
        for thread in threads:
            thread.start()
            started += 1
    finally:
        let_go.set()
        for thread in threads[:started]:
            thread.join()
    return True


# --- disk -----------------------------------------------------------------------------------------------------------------------------


@attempt("disk")
def a_large_file(world: World) -> Any:
    with open(f"{world.scratch}/sparse", "wb") as file:
        file.truncate(1 << 40)
    return True


@attempt("disk")
def a_file_written_far_out(world: World) -> Any:
    with open(f"{world.scratch}/far", "wb") as file:
        return os.pwrite(file.fileno(), b"x", 1 << 35)


@attempt("disk")
def room_taken_ahead(world: World) -> Any:
    with open(f"{world.scratch}/ahead", "wb") as file:
        called(libc.fallocate(file.fileno(), 1, ctypes.c_long(1 << 34), ctypes.c_long(4096)))
    return True


# --- the way to Windows -----------------------------------------------------------------------------------------------------------------


@attempt("windows", alone=True)
def a_windows_program(world: World) -> Any:
    path = f"{world.room}/cmd.exe"
    os.execv(path, [path, "/c", "dir"])


@attempt("windows")
def a_windows_program_by_shell(world: World) -> Any:
    return os.system(f"{world.room}/cmd.exe") == 0


@attempt("windows")
def the_interoperation_socket(world: World) -> Any:
    """The bridge is a UNIX socket that everybody may write to, below /run/WSL."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    made.connect(world.socket)
    return made.send(b"\0" * 8)


@attempt("windows")
def the_registered_formats(world: World) -> Any:
    return os.listdir("/proc/sys/fs")


@attempt("windows")
def a_windows_drive(world: World) -> Any:
    return os.listdir(os.path.dirname(world.room))


for _family in ("AF_INET6", "AF_PACKET", "AF_VSOCK"):
    if hasattr(socket, _family):
        add(
            f"a_socket_of {_family}",
            "windows" if _family == "AF_VSOCK" else "network",
            lambda world, family=getattr(socket, _family), kind=3 if _family == "AF_PACKET" else 1: socket.socket(family, kind),
        )
add("a_raw_socket", "network", lambda world: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
