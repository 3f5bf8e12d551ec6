"""Files that are whole or not there: write beside, sync, rename, with the patience that Windows mounts need."""

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

RENAME_ATTEMPTS = 8
CHUNK_BYTES = 1 << 20


def write_atomically(path: Path, data: bytes) -> None:
    """``path`` holds its old bytes or ``data``, never a part; what was written is on disk when this returns."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        replace(Path(name), path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
    sync_folder(path.parent)


def replace(source: Path, target: Path) -> None:
    """Rename over ``target``; tried again for a short while where another program (a scanner on Windows) holds the file."""
    for attempt in range(RENAME_ATTEMPTS):
        try:
            source.replace(target)
            return
        except PermissionError:
            if attempt == RENAME_ATTEMPTS - 1:
                raise
            time.sleep(0.01 * 2**attempt)


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable, where the platform can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def make_folder(path: Path) -> None:
    """Make ``path`` and what is missing above it, so that each name is on disk when this returns."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        sync_folder(folder.parent)


def sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def remove_tree(path: Path) -> None:
    """Remove a file or folder, however deep a guest nested it; what is not there is fine."""
    if path.is_dir() and not path.is_symlink():
        with suppress(RecursionError):
            shutil.rmtree(path, ignore_errors=True)
        if path.exists():
            _remove_deep(path)
    else:
        with suppress(OSError):
            path.unlink()


def _remove_deep(root: Path) -> None:
    """Without recursion and without long paths: folders two levels down are moved up to one, until there is one level only."""
    names = count()
    waiting = True
    while waiting:
        waiting = False
        _clear(root, None, names)
        for entry in _entries(root):
            waiting |= _clear(Path(entry.path), root, names)
            with suppress(OSError):
                os.rmdir(entry.path)  # noqa: PTH106 - these may be many
    with suppress(OSError):
        root.rmdir()


def _clear(folder: Path, root: Path | None, names: Iterator[int]) -> bool:
    """Unlink the files in ``folder`` and move its folders up to ``root``, where it is given; whether one was moved."""
    moved = False
    with suppress(OSError):
        folder.chmod(0o700)
    for entry in _entries(folder):
        with suppress(OSError):
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.path)  # noqa: PTH108 - as above
            elif root is not None:
                os.chmod(entry.path, 0o700)  # noqa: PTH101 - as above; who may not write in a folder may not move it
                os.rename(entry.path, root / f".removed-{next(names)}")  # noqa: PTH104 - as above
                moved = True
    return moved


def _entries(folder: Path) -> list["os.DirEntry[str]"]:
    with suppress(OSError), os.scandir(folder) as entries:
        return list(entries)
    return []
