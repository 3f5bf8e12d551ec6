"""Attempts to read what was not given: by every way that Python and its libraries have to open a file."""

import ctypes
import glob
import io
import linecache
import mmap
import os
import pathlib
import runpy
import shutil
import sqlite3
import struct
import tarfile
from typing import Any

import duckdb
import numpy
import pyarrow.csv
import pyarrow.fs
import pyarrow.parquet

from tests.wall.attempts import World, attempt, called, libc, lists, read_file, reads

AT_FDCWD = -100
SYS_OPENAT2 = 437

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
