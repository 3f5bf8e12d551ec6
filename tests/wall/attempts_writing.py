"""Attempts to write what is not one's own, and to change what is known about files."""

import fcntl
import os
import pathlib
import sqlite3
import stat
import tempfile
from typing import Any

import duckdb
import numpy
import pyarrow.csv
import pyarrow.fs
import pyarrow.parquet

from tests.wall.attempts import World, add, attempt, called, libc

AT_FDCWD = -100


def _opens(name: str, mode: str, path: str) -> None:
    add(name, "writing", lambda world: bool(open(path.format(**vars(world)), mode)))


_opens("overwriting", "w", "{victim}")
_opens("appending", "a", "{victim}")
_opens("changing", "r+", "{victim}")
_opens("a_new_file", "w", "{room}/new")
_opens("a_new_file_beside_scratch", "w", "{scratch}-beside")
_opens("a_new_file_above", "w", "{scratch}/../above")
_opens("in_shared_memory", "w", "/dev/shm/{abstract}")  # noqa: S108
_opens("in_the_temporary_folder", "w", "/tmp/{abstract}")  # noqa: S108
_opens("through_the_root_link_w", "w", "/proc/self/root{room}/new")
_opens("into_what_was_given", "w", "{given}/data.parquet")
_opens("beside_what_was_given", "w", "{given}/more")
_opens("the_database_w", "r+b", "{database}")
_opens("own_score", "w", "/proc/self/oom_score_adj")
_opens("own_dump_filter", "w", "/proc/self/coredump_filter")


@attempt("writing")
def emptying_by_reading(world: World) -> Any:
    return os.open(world.victim, os.O_RDONLY | os.O_TRUNC)


@attempt("writing")
def emptying_what_was_given(world: World) -> Any:
    return os.open(f"{world.given}/data.parquet", os.O_RDONLY | os.O_TRUNC)


@attempt("writing")
def emptying(world: World) -> Any:
    os.truncate(world.victim, 0)
    return True


@attempt("writing")
def creating_by_the_old_call(world: World) -> Any:
    return called(libc.creat(f"{world.room}/created".encode(), 0o600))


@attempt("writing")
def nameless(world: World) -> Any:
    return os.open(world.room, os.O_TMPFILE | os.O_RDWR)


@attempt("writing")
def a_folder(world: World) -> Any:
    os.mkdir(f"{world.room}/folder-{os.getpid()}")
    return True


@attempt("writing")
def removing(world: World) -> Any:
    os.unlink(f"{world.room}/to-remove")
    return True


@attempt("writing")
def removing_a_folder(world: World) -> Any:
    os.rmdir(f"{world.room}/empty")
    return True


@attempt("writing")
def moving_out(world: World) -> Any:
    pathlib.Path(world.scratch, "mine").write_text("x")
    os.rename(f"{world.scratch}/mine", f"{world.room}/moved")
    return True


@attempt("writing")
def moving_in(world: World) -> Any:
    os.rename(f"{world.room}/to-take", f"{world.scratch}/taken")
    return True


@attempt("writing")
def exchanging(world: World) -> Any:
    pathlib.Path(world.scratch, "other").write_text("x")
    paths = f"{world.scratch}/other".encode(), world.victim.encode()
    return called(libc.renameat2(AT_FDCWD, paths[0], AT_FDCWD, paths[1], 2)) == 0


@attempt("writing")
def linking_in(world: World) -> Any:
    os.link(world.victim, f"{world.scratch}/linked-{os.getpid()}")
    return True


@attempt("writing")
def linking_out(world: World) -> Any:
    pathlib.Path(world.scratch, "source").write_text("x")
    os.link(f"{world.scratch}/source", f"{world.room}/linked")
    return True


@attempt("writing")
def a_link_to_elsewhere(world: World) -> Any:
    os.symlink(world.secret, f"{world.scratch}/pointer-{os.getpid()}")
    return True


@attempt("writing")
def a_link_elsewhere(world: World) -> Any:
    os.symlink("/", f"{world.room}/pointer-{os.getpid()}")
    return True


@attempt("writing")
def a_pipe(world: World) -> Any:
    os.mkfifo(f"{world.scratch}/pipe-{os.getpid()}")
    return True


@attempt("writing")
def a_socket_file(world: World) -> Any:
    os.mknod(f"{world.scratch}/node-{os.getpid()}", stat.S_IFSOCK | 0o600)
    return True


@attempt("writing")
def after_moving_there(world: World) -> Any:
    os.chdir(world.room)
    try:
        return open("relative", "w")
    finally:
        os.chdir(world.scratch)


@attempt("writing")
def by_temporary_file(world: World) -> Any:
    return tempfile.NamedTemporaryFile(dir=world.room)


@attempt("writing")
def copying_ranges(world: World) -> Any:
    with open(f"{world.given}/program", "rb") as source, open(world.victim, "r+b") as target:
        return os.copy_file_range(source.fileno(), target.fileno(), 4) == 4


@attempt("writing")
def a_sqlite_database(world: World) -> Any:
    sqlite3.connect(f"{world.room}/made.sqlite").execute("CREATE TABLE t (a)")
    return True


@attempt("writing")
def by_duckdb_copy(world: World) -> Any:
    duckdb.connect().execute(f"COPY (SELECT 1) TO '{world.room}/made.csv'")
    return True


@attempt("writing")
def a_duckdb_database(world: World) -> Any:
    return duckdb.connect(f"{world.room}/made.duckdb")


@attempt("writing")
def by_arrow(world: World) -> Any:
    pyarrow.parquet.write_table(pyarrow.table({"a": [1]}), f"{world.room}/made.parquet")
    return True


@attempt("writing")
def by_numpy_file(world: World) -> Any:
    numpy.arange(3).tofile(f"{world.room}/made.raw")
    return True


def _changed(world: World, change: Any) -> bool:
    """Whether a change of the victim's facts shows: the wall answers some calls as if they had been done."""
    before = os.stat(world.victim)
    change()
    after = os.stat(world.victim)
    return (before.st_mode, before.st_mtime_ns) != (after.st_mode, after.st_mtime_ns)


@attempt("metadata")
def changing_its_mode(world: World) -> Any:
    return _changed(world, lambda: os.chmod(world.victim, stat.S_IMODE(os.stat(world.victim).st_mode) ^ 0o100))


@attempt("metadata")
def changing_the_mode_of_what_was_given(world: World) -> Any:
    path = f"{world.given}/data.parquet"
    before = os.stat(path).st_mode
    with open(path, "rb") as file:
        os.fchmod(file.fileno(), stat.S_IMODE(before) ^ 0o100)
    return os.stat(path).st_mode != before


@attempt("metadata")
def changing_its_times(world: World) -> Any:
    return _changed(world, lambda: os.utime(world.victim, ns=(1, os.stat(world.victim).st_mtime_ns - 1_000_000_000)))


@attempt("metadata")
def touching_it(world: World) -> Any:
    return _changed(world, lambda: os.utime(world.victim))


@attempt("metadata")
def changing_its_owner(world: World) -> Any:
    os.chown(world.victim, os.getuid(), os.getgid())
    return True


@attempt("metadata")
def changing_a_links_owner(world: World) -> Any:
    os.lchown(world.victim, os.getuid(), os.getgid())
    return True


@attempt("metadata")
def setting_an_attribute(world: World) -> Any:
    os.setxattr(world.victim, "user.wall", b"x")
    return True


@attempt("metadata")
def listing_attributes(world: World) -> Any:
    return os.listxattr(world.victim) is not None


@attempt("metadata")
def locking_what_was_given(world: World) -> Any:
    with open(f"{world.given}/data.parquet", "rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    return True


@attempt("metadata")
def leasing_what_was_given(world: World) -> Any:
    with open(f"{world.given}/data.parquet", "rb") as file:
        return fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK) == 0


@attempt("metadata")
def watching_the_given_folder(world: World) -> Any:
    folder = os.open(world.given, os.O_RDONLY)
    return fcntl.fcntl(folder, fcntl.F_NOTIFY, fcntl.DN_ACCESS) == 0


@attempt("metadata")
def watching_with_inotify(world: World) -> Any:
    descriptor = called(libc.inotify_init1(0))
    return called(libc.inotify_add_watch(descriptor, world.room.encode(), 0x100))
