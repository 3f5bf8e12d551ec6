"""Attempts to reach somebody: the network, services of the machine, and the bridge to Windows."""

import asyncio
import ctypes
import http.client
import os
import socket
from typing import Any

from tests.wall.attempts import World, add, attempt, called, libc

HERE = "127.0.0.1"
SYS_IO_URING_SETUP = 425


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
    return called(libc.syscall(SYS_IO_URING_SETUP, 8, ctypes.create_string_buffer(120))) >= 0


@attempt("network")
def kernel_messages(world: World) -> Any:
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)


@attempt("network")
def interfaces(world: World) -> Any:
    return socket.if_nameindex()


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


add("a_newer_internet_socket", "network", lambda world: socket.socket(socket.AF_INET6))
add("a_raw_socket", "network", lambda world: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
add("a_socket_below_the_internet", "network", lambda world: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
add("a_socket_to_the_host", "windows", lambda world: socket.socket(socket.AF_VSOCK))
