"""Attempts on files: reading what is not given, writing what is not one's own, and changing what is known about them."""

import ctypes
import fcntl
import glob
import io
import linecache
import mmap
import os
import pathlib
import runpy
import shutil
import sqlite3
import stat
import struct
import tarfile
import tempfile
from typing import Any

import duckdb
import numpy
import pyarrow.csv
import pyarrow.fs
import pyarrow.parquet

from tests.wall.attempts import World, add, attempt, lists, read_file, reads

libc = ctypes.CDLL(None, use_errno=True)
AT_FDCWD = -100
SYS_OPENAT2, SYS_COPY_FILE_RANGE = 437, 326


def called(answer: int) -> int:
    """What a C function returned; a negative number is its errno as an exception."""
    if answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return answer


# --- reading ----------------------------------------------------------------------------------------------------------------------

reads("the_secret", "{secret}")
reads("through_the_root_link", "/proc/self/root{secret}")
reads("through_the_folder_link", "/proc/self/cwd/../../../../../../../../../..{secret}")
reads("up_and_over", "{scratch}/../../../../../../../../../..{secret}")
reads("from_the_given_folder_up", "{given}/../secret")
reads("passwords", "/etc/passwd")
reads("groups", "/etc/group")
reads("mounts", "/proc/self/mounts")
reads("network_table", "/proc/net/tcp")
reads("own_environment", "/proc/self/environ")
reads("environment_of_the_service", "/proc/{service}/environ")
reads("command_of_the_service", "/proc/{service}/cmdline")
reads("status_of_the_service", "/proc/{service}/status")
reads("map_of_the_service", "/proc/{service}/maps")
reads("descriptor_of_the_service", "/proc/{service}/fd/{held}")
reads("first_process", "/proc/1/cmdline")
reads("kernel_release", "/proc/sys/kernel/osrelease")
reads("the_database", "{database}")
for _place in ("/", "/proc", "/tmp", "/etc", "/dev", "/sys", "/run", "{room}", "/proc/{service}/fd"):  # noqa: S108
    lists(f"listing {_place}", _place)


@attempt("reading")
def by_descriptor(world: World) -> Any:
    return os.read(os.open(world.secret, os.O_RDONLY), 10)


@attempt("reading")
def by_raw_file(world: World) -> Any:
    return io.FileIO(world.secret).read()


@attempt("reading")
def by_path(world: World) -> Any:
    return pathlib.Path(world.secret).read_bytes()


@attempt("reading")
def by_mapping(world: World) -> Any:
    with open(world.secret, "rb") as file:
        return mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)[:4]


@attempt("reading")
def by_c_stream(world: World) -> Any:
    libc.fopen.restype = ctypes.c_void_p
    return libc.fopen(world.secret.encode(), b"r") is not None


@attempt("reading")
def by_new_open(world: World) -> Any:
    how = struct.pack("QQQ", os.O_RDONLY, 0, 0)
    return called(libc.syscall(SYS_OPENAT2, AT_FDCWD, world.secret.encode(), how, len(how)))


@attempt("reading")
def by_folder_descriptor(world: World) -> Any:
    folder = os.open(os.path.dirname(world.secret), os.O_PATH)
    return os.open(os.path.basename(world.secret), os.O_RDONLY, dir_fd=folder)


@attempt("reading")
def by_reopened_path_descriptor(world: World) -> Any:
    return read_file(f"/proc/self/fd/{os.open(world.secret, os.O_PATH)}")


@attempt("reading")
def by_walking(world: World) -> Any:
    return next(iter(os.walk(os.path.dirname(world.secret))))[2]


@attempt("reading")
def by_scanning(world: World) -> Any:
    return next(os.scandir(world.room))


@attempt("reading")
def by_pattern(world: World) -> Any:
    return glob.glob(f"{world.room}/*")


@attempt("reading")
def by_c_listing(world: World) -> Any:
    libc.opendir.restype = ctypes.c_void_p
    return libc.opendir(world.room.encode()) is not None


@attempt("reading")
def by_copying(world: World) -> Any:
    return shutil.copyfile(world.secret, f"{world.scratch}/copied")


@attempt("reading")
def by_copying_a_tree(world: World) -> Any:
    return os.listdir(shutil.copytree(world.room, f"{world.scratch}/tree-{os.getpid()}"))


@attempt("reading")
def by_sending_a_file(world: World) -> Any:
    with open(world.secret, "rb") as source, open(f"{world.scratch}/sent", "wb") as target:
        return os.sendfile(target.fileno(), source.fileno(), 0, 10)


@attempt("reading")
def by_archive(world: World) -> Any:
    with tarfile.open(f"{world.scratch}/x.tar", "w") as archive:
        archive.add(world.secret)
        return archive.getnames()


@attempt("reading")
def by_line_cache(world: World) -> Any:
    return linecache.getlines(world.secret)


@attempt("reading")
def by_running_it(world: World) -> Any:
    return runpy.run_path(f"{world.room}/module.py")["VALUE"]


@attempt("reading")
def by_loading_a_library(world: World) -> Any:
    return ctypes.CDLL(f"{world.room}/library.so")


@attempt("reading")
def by_sqlite(world: World) -> Any:
    return sqlite3.connect(f"file:{world.database}?mode=ro", uri=True).execute("SELECT * FROM kept").fetchall()


@attempt("reading")
def by_sqlite_attach(world: World) -> Any:
    here = sqlite3.connect(":memory:")
    here.execute("ATTACH ? AS other", [world.database])
    return here.execute("SELECT * FROM other.kept").fetchall()


@attempt("reading")
def by_duckdb_text(world: World) -> Any:
    return duckdb.connect().execute(f"SELECT content FROM read_text('{world.secret}')").fetchall()


@attempt("reading")
def by_duckdb_csv(world: World) -> Any:
    return duckdb.connect().execute(f"SELECT * FROM read_csv('{world.secret}', header=false)").fetchall()


@attempt("reading")
def by_duckdb_pattern(world: World) -> Any:
    return duckdb.connect().execute(f"SELECT * FROM glob('{world.room}/*')").fetchall()


@attempt("reading")
def by_arrow_csv(world: World) -> Any:
    return pyarrow.csv.read_csv(world.secret).column_names


@attempt("reading")
def by_arrow_file_system(world: World) -> Any:
    return pyarrow.fs.LocalFileSystem().open_input_file(world.secret).read()


@attempt("reading")
def by_arrow_mapping(world: World) -> Any:
    return pyarrow.memory_map(world.secret).read()


@attempt("reading")
def by_numpy(world: World) -> Any:
    return numpy.fromfile(world.secret, dtype="u1").size


@attempt("reading")
def by_numpy_mapping(world: World) -> Any:
    return numpy.memmap(world.secret, dtype="u1", mode="r").size


# --- writing ----------------------------------------------------------------------------------------------------------------------


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


# --- what is known about files ------------------------------------------------------------------------------------------------------


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
