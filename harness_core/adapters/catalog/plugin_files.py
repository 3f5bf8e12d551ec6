"""The files of a plugin's folder: which they are, what they look like from outside, and the hash over all of them.

Left out everywhere: hidden files and folders, and ``__pycache__`` (a ``.pyc`` elsewhere can be imported, so it counts). Links may
only lead to files within the folder.
"""

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness_core.domain.errors import Problem

MAX_FOLDER_BYTES = 50 * 1024 * 1024
MAX_DOCUMENT_BYTES = 1024 * 1024
MAX_FILES = 5_000
MAX_DEPTH = 16
SETTLE_NS = 2_000_000_000
"""A file changed so recently may change again without its times showing it: file systems count time coarsely."""

Signature = tuple[tuple[str, int, int, int, int], ...]


@dataclass(frozen=True)
class FolderFiles:
    """A folder's files by relative name (with /, sorted), each with size, inode and times; and what stands against reading them."""

    signature: Signature
    problems: tuple[Problem, ...] = ()

    @property
    def names(self) -> list[str]:
        return [entry[0] for entry in self.signature]

    def size_of(self, name: str) -> int | None:
        return next((entry[1] for entry in self.signature if entry[0] == name), None)


@dataclass(frozen=True)
class Hashes:
    """SHA-256 of each file by relative name, and of the folder as a whole."""

    files: Mapping[str, str]
    folder: str


class _RefusedError(Exception):
    def __init__(self, name: str, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.name, self.reason, self.remedy = name, reason, remedy


def scan(folder: Path) -> FolderFiles:
    """Look at a folder without reading any file; what is found up to the first thing that is refused is still in the signature."""
    entries: list[tuple[str, int, int, int, int]] = []
    try:
        for name, facts in _walk(str(folder), "", 0):
            entries.append((name, facts.st_size, facts.st_ino, facts.st_mtime_ns, facts.st_ctime_ns))
            if len(entries) > MAX_FILES:
                raise _RefusedError(
                    "", f"holds more than {MAX_FILES:,} files", "keep data and environments out of a plugin's folder"
                )
        size = sum(entry[1] for entry in entries)
        if size > MAX_FOLDER_BYTES:
            raise _RefusedError(
                "", f"holds {size:,} bytes, where {MAX_FOLDER_BYTES:,} are read", "keep data out of a plugin's folder"
            )
    except _RefusedError as refused:
        place = str(folder / refused.name) if refused.name else str(folder)
        return FolderFiles(tuple(sorted(entries)), (Problem(place, "", refused.reason, refused.remedy),))
    except OSError as reason:
        return FolderFiles(tuple(sorted(entries)), (unreadable(Path(reason.filename or folder), reason),))
    return FolderFiles(tuple(sorted(entries)))


def unreadable(path: Path, reason: OSError) -> Problem:
    return Problem(str(path), "", f"cannot be read: {reason.strerror or reason}", "check that it is there, and your rights to it")


def is_settled(files: FolderFiles, now_ns: int) -> bool:
    """Whether every change from now on must show in the signature."""
    return all(abs(now_ns - stamp) > SETTLE_NS for entry in files.signature for stamp in entry[3:])


def sha256_of_files(folder: Path, files: FolderFiles) -> Hashes:
    """The hash of each file, and the folder's: over the sorted names and hashes, one ``hash  name`` per line. Raises OSError."""
    hashes: dict[str, str] = {}
    for name in files.names:
        with (folder / name).open("rb") as file:
            hashes[name] = hashlib.file_digest(file, "sha256").hexdigest()
    lines = "".join(f"{digest}  {name}\n" for name, digest in hashes.items())
    return Hashes(hashes, hashlib.sha256(lines.encode("utf-8")).hexdigest())


def code_hash_of(folder: Path) -> str:
    """The folder's code hash as it is now: to look again after locking, before a guest is started. Raises OSError."""
    return sha256_of_files(folder, scan(folder)).folder


def read_text(folder: Path, name: str, files: FolderFiles) -> tuple[str | None, list[Problem]]:
    """A small text document of the folder, or why it cannot be had."""
    where, size = str(folder / name), files.size_of(name)
    if size is None:
        return None, [Problem(where, "", "this file is missing", f"the folder holds {', '.join(files.names[:12]) or 'no file'}")]
    if size > MAX_DOCUMENT_BYTES:
        return None, [Problem(where, "", f"has {size:,} bytes, where {MAX_DOCUMENT_BYTES:,} are read", "make it smaller")]
    try:
        with (folder / name).open("rb") as file:
            return file.read(MAX_DOCUMENT_BYTES).decode("utf-8-sig"), []
    except UnicodeDecodeError as reason:
        return None, [Problem(where, "", f"is no UTF-8 text (byte {reason.start:,})", "save it as UTF-8")]
    except OSError as reason:
        return None, [unreadable(folder / name, reason)]


def _walk(folder: str, prefix: str, depth: int) -> Iterator[tuple[str, os.stat_result]]:
    if depth > MAX_DEPTH:
        raise _RefusedError(prefix, f"is nested deeper than {MAX_DEPTH} folders", "flatten it")
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or entry.name == "__pycache__":
                continue
            name = prefix + entry.name
            if not name.isprintable() or "\\" in name:
                raise _RefusedError(
                    "", f"holds a file with an unusual name: {name!a}", "use letters, digits, dots, dashes and underscores"
                )
            facts = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(facts.st_mode):
                yield from _walk(entry.path, f"{name}/", depth + 1)
            else:
                yield name, _regular(entry.path, name, facts)


def _regular(path: str, name: str, facts: os.stat_result) -> os.stat_result:
    """The facts of a regular file, through a link that stays within the folder."""
    if stat.S_ISLNK(facts.st_mode):
        folder = Path(path).parents[name.count("/")]
        target = Path(os.path.realpath(path))
        if not target.is_relative_to(os.path.realpath(folder)):
            raise _RefusedError(name, f"is a link that leaves the folder, to {target}", "copy what it leads to into the folder")
        facts = target.stat()
        if stat.S_ISDIR(facts.st_mode):
            raise _RefusedError(name, "is a link to a folder", "copy the folder")
    if not stat.S_ISREG(facts.st_mode):
        raise _RefusedError(name, "is no regular file", "take it out")
    return facts
