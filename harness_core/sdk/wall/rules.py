"""What a guest may ask the system for: the list of system calls, the arguments they may have, and how the rest is answered.

Anything not named here is refused with EPERM; numbers newer than the newest known one with ENOSYS, so that libraries fall back.
"""

import errno
from collections.abc import Collection, Mapping
from dataclasses import dataclass

O_TRUNC = 0x200
O_ACCMODE = 0x3
A_THREAD = 0x10F00  # CLONE_VM, FS, FILES, SIGHAND, THREAD: with files of its own, a thread could hold some that nobody counts
CLONE_NAMESPACES = 0x7E020000  # CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
MAP_TYPE, MAP_SHARED, MAP_PRIVATE, MAP_SHARED_VALIDATE, MAP_ANONYMOUS = 0xF, 0x1, 0x2, 0x3, 0x20
CLOSE_RANGE_CLOEXEC = 4
AF_UNIX, SOCK_STREAM, SOCK_TYPE_MASK = 1, 1, 0xF
FUTEX_COMMAND_MASK = 0x7F


@dataclass(frozen=True)
class Condition:
    """An argument, masked, is one of these values. The lower 32 bits are looked at, or with ``upper`` the upper ones."""

    argument: int
    values: tuple[int, ...]
    mask: int = 0xFFFFFFFF
    upper: bool = False


@dataclass(frozen=True)
class Rule:
    """Allowed when every condition holds, or answered with ``then``; else answered with ``otherwise`` (errnos; 0: not done)."""

    conditions: tuple[Condition, ...]
    otherwise: int = errno.EPERM
    then: int | None = None


def _is_null(argument: int) -> tuple[Condition, Condition]:
    return Condition(argument, (0,)), Condition(argument, (0,), upper=True)


def _flags(argument: int) -> Rule:
    """Truncation only by those who write: before its third version Landlock does not see it."""
    modes = (0, 1, 2, O_TRUNC | 1, O_TRUNC | 2)
    return Rule((Condition(argument, modes, mask=O_TRUNC | O_ACCMODE),))


def _times(argument: int) -> Rule:
    """Setting given times, as copying a file does, does nothing. Setting the present fails: ``touch`` would take it for a file."""
    return Rule(_is_null(argument), otherwise=0, then=errno.EPERM)


ALLOWED = frozenset([
    "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "preadv2", "pwritev2", "lseek", "close",
    "dup", "dup2", "dup3", "pipe", "pipe2", "stat", "lstat", "fstat", "newfstatat", "statx", "access",
    "faccessat", "faccessat2", "readlink", "readlinkat", "getdents64", "getcwd", "chdir", "fchdir", "umask", "statfs",
    "fstatfs", "mkdir", "mkdirat", "rmdir", "unlink", "unlinkat", "rename", "renameat", "ftruncate",
    "fsync", "fdatasync", "sync_file_range", "fadvise64", "readahead", "copy_file_range", "sendfile", "poll",
    "ppoll", "select", "pselect6", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait",
    "epoll_pwait2", "eventfd", "eventfd2", "timerfd_create", "timerfd_settime", "timerfd_gettime", "recvfrom", "shutdown",
    "getsockopt", "getsockname", "getpeername", "munmap", "mprotect", "mremap", "madvise", "msync", "mincore",
    "brk", "membarrier", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "rt_sigsuspend",
    "rt_sigtimedwait", "sigaltstack", "restart_syscall", "pause", "alarm", "setitimer", "getitimer", "timer_create",
    "timer_settime", "timer_gettime", "timer_getoverrun", "timer_delete", "nanosleep", "clock_nanosleep", "clock_gettime",
    "clock_getres", "gettimeofday", "time", "times", "sched_yield", "sched_getaffinity", "sched_getparam",
    "sched_getscheduler", "sched_get_priority_max", "sched_get_priority_min", "getcpu", "getpriority", "getpid", "getppid",
    "gettid", "getpgrp", "getpgid", "getsid", "getuid", "geteuid", "getgid", "getegid", "getresuid", "getresgid",
    "getgroups", "capget", "uname", "sysinfo", "getrusage", "getrlimit", "getrandom", "set_robust_list", "rseq",
    "set_tid_address", "exit", "exit_group", "wait4", "waitid",
])  # fmt: skip

FATAL = frozenset([
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp", "pidfd_getfd", "bpf", "perf_event_open",
    "userfaultfd", "mount", "umount2", "pivot_root", "chroot", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick",
    "open_tree", "mount_setattr", "setns", "unshare", "init_module", "finit_module", "delete_module", "kexec_load",
    "kexec_file_load", "reboot", "swapon", "swapoff", "acct", "quotactl", "quotactl_fd", "add_key", "request_key", "keyctl",
    "open_by_handle_at", "name_to_handle_at", "lookup_dcookie", "iopl", "ioperm", "modify_ldt", "settimeofday",
    "clock_settime", "adjtimex", "clock_adjtime", "sethostname", "setdomainname", "syslog", "nfsservctl",
])  # fmt: skip
"""No library asks for these; who does is ended on the spot, with a signal that cannot be forged or caught."""

ANSWERED: Mapping[int, Collection[str]] = {
    0: ["chmod", "fchmod", "fchmodat"],
    errno.ENOSYS: ["clone3", "openat2", "io_uring_setup", "io_uring_enter", "io_uring_register", "futex_waitv"],
    errno.ENOTSUP: [
        "setxattr", "lsetxattr", "fsetxattr", "getxattr", "lgetxattr", "fgetxattr", "listxattr", "llistxattr", "flistxattr",
        "removexattr", "lremovexattr", "fremovexattr",
    ],
}  # fmt: skip
"""Libraries copy files with modes, times and attributes, and try new calls before old ones: they go on, and nothing happens."""


def checked(own_pid: int, landlock_abi: int) -> dict[str, Rule]:
    """The calls that depend on their arguments."""
    own = Rule((Condition(0, (own_pid,)),))
    rules = {
        "open": _flags(1),
        "openat": _flags(2),
        "mmap": Rule((Condition(3, MAPPINGS, mask=MAP_TYPE | MAP_ANONYMOUS),)),
        "clone": Rule((Condition(0, (A_THREAD,), mask=A_THREAD | CLONE_NAMESPACES),)),
        "close_range": Rule((Condition(2, (0, CLOSE_RANGE_CLOEXEC)),), errno.EINVAL),
        "renameat2": Rule((Condition(4, RENAMES),), errno.EINVAL),
        "kill": own,
        "tgkill": own,
        "socketpair": Rule((Condition(0, (AF_UNIX,)), Condition(1, (SOCK_STREAM,), mask=SOCK_TYPE_MASK))),
        "sendto": Rule(_is_null(4)),
        "fallocate": Rule((Condition(1, FALLOCATE_MODES),), errno.EOPNOTSUPP),
        "utime": _times(1),
        "utimes": _times(1),
        "futimesat": _times(2),
        "utimensat": _times(2),
        "prlimit64": Rule((Condition(0, (0,)), *_is_null(2))),
        "sched_setaffinity": Rule((Condition(0, (0,)),)),
        "fcntl": Rule((Condition(1, FCNTL_COMMANDS),)),
        "ioctl": Rule((Condition(1, IOCTL_COMMANDS),), errno.ENOTTY),
        "prctl": Rule((Condition(0, PRCTL_OPTIONS),)),
        "futex": Rule((Condition(1, FUTEX_COMMANDS, mask=FUTEX_COMMAND_MASK),), errno.ENOSYS),
    }
    if landlock_abi >= 3:
        rules["truncate"] = Rule(())
    return rules


FOR_THE_NETWORK = frozenset(["connect", "sendmsg", "recvmsg", "sendmmsg", "recvmmsg", "setsockopt"])
"""What the operator's override lets through, beside :func:`connecting`. Nobody can be waited for: no bind, listen, accept."""
INTERNET, STREAM_OR_DATAGRAM = (2, 10), (1, 2)


def connecting() -> dict[str, Rule]:
    """The calls that depend on their arguments, as the override has them: sockets of the internet and of no other family."""
    return {
        "socket": Rule((Condition(0, INTERNET), Condition(1, STREAM_OR_DATAGRAM, mask=SOCK_TYPE_MASK)), errno.EAFNOSUPPORT),
        "sendto": Rule(()),
    }


MAPPINGS = (MAP_SHARED, MAP_PRIVATE, MAP_SHARED_VALIDATE, MAP_PRIVATE | MAP_ANONYMOUS)
"""Of files, and private memory. Shared memory without a file stays taken when it is no longer mapped, where nobody counts it."""
RENAMES = (0, 1, 2)
"""Plainly, onto nothing, in exchange. Not leaving a device in place of the old name."""
FALLOCATE_MODES = (3,)
"""Giving room back. Taking it ahead costs no time: a guest could fill the disk before anybody looks."""
FCNTL_COMMANDS = (0, 1, 2, 3, 4, 5, 6, 7, 1030, 1032)
"""Duplicates, flags, locks of files that name their process, the size of a pipe: nothing that sends signals, leases or watches."""
IOCTL_COMMANDS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451, 0x802C542A)
"""TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX, TCGETS2."""
PRCTL_OPTIONS = (3, 15, 16)
"""Whether it is dumpable; the name of a thread."""
FUTEX_COMMANDS = (0, 1, 3, 4, 5, 9, 10)
"""Waiting and waking; nothing that lends priorities."""
