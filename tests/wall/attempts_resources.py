"""Attempts to take what there is only so much of, or what is somebody else's: descriptors, memory, disk."""

import ctypes
import fcntl
import mmap
import os
import socket
import threading
from typing import Any

from tests.wall.attempts import World, attempt, called, libc

MEGABYTE = 1024 * 1024


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
    return called(libc.mq_open(f"/{world.abstract}".encode(), os.O_CREAT | os.O_RDWR, 0o600, None)) >= 0


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
