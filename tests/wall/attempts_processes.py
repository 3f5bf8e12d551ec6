"""Attempts to start programs and processes, to change oneself or others, and to send signals."""

import ctypes
import fcntl
import multiprocessing
import os
import pty
import resource
import signal
import struct
import subprocess
from typing import Any

from tests.wall.attempts import World, add, attempt, called, libc

TRUE = "/bin/true"
SYS_PIDFD_SEND_SIGNAL, SYS_PIDFD_OPEN, SYS_CLONE3 = 424, 434, 435
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER, PR_SET_TIMERSLACK = 1, 4, 36, 29


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
    return _child(called(libc.syscall(SYS_CLONE3, struct.pack("11Q", 0, 0, 0, 0, 17, *[0] * 6), 88)))


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
    os.setpriority(os.PRIO_PROCESS, world.service, 19)
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
    descriptor = called(libc.syscall(SYS_PIDFD_OPEN, world.service, 0))
    return called(libc.syscall(SYS_PIDFD_SEND_SIGNAL, descriptor, 0, None, 0)) == 0


@attempt("signals")
def by_owned_descriptor(world: World) -> Any:
    read_fd, _ = os.pipe()
    return fcntl.fcntl(read_fd, fcntl.F_SETOWN, world.service) == 0


@attempt("signals")
def by_chosen_signal(world: World) -> Any:
    read_fd, _ = os.pipe()
    return fcntl.fcntl(read_fd, fcntl.F_SETSIG, signal.SIGKILL) == 0
