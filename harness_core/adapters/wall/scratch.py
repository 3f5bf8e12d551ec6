"""What a guest has put into its scratch folder, measured from outside while it lives: bytes on the disk, files, and their depth."""

import os
import stat
from collections.abc import Iterable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path

MAX_PATH_CHARACTERS = 2_000
BLOCK_BYTES = 512
DELETED = b" (deleted)\n"
MAPS_BYTES = 16 * 1024 * 1024
WRITTEN = ("wchar", "write_bytes")


@dataclass(frozen=True)
class ScratchUse:
    """``size_bytes`` is allocated on the disk, by unlinked files that are still held, too; ``files`` counts folders as well."""

    size_bytes: int = 0
    files: int = 0
    is_too_deep: bool = False


def scratch_use(folder: Path, pid: int, enough_bytes: int, enough_files: int) -> ScratchUse:
    """Measure, but stop above ``enough_files``: to count them all would take longer than to stop them.

    Who wrote no more than ``enough_bytes`` in all cannot hold more; only of others is it asked what they hold by mappings alone.
    """
    size_bytes, files, is_too_deep = 0, 0, False
    inodes: set[int] = set()
    waiting = [str(folder)]
    while waiting and files <= enough_files:
        path = waiting.pop()
        if len(path) - len(str(folder)) > MAX_PATH_CHARACTERS:
            is_too_deep = True
            continue
        with suppress(OSError), _listed(path) as entries:
            for entry in entries:
                files += 1
                inodes.add(entry.inode())
                with suppress(OSError):
                    size_bytes += entry.stat(follow_symlinks=False).st_blocks * BLOCK_BYTES
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
    unlinked_bytes, opened = _unlinked(pid)
    size_bytes += unlinked_bytes
    written_bytes = _written_bytes(pid)
    if written_bytes > enough_bytes and _only_mapped(folder, pid) - inodes - opened:
        size_bytes = max(size_bytes, written_bytes)
    return ScratchUse(size_bytes, files, is_too_deep)


def _listed(path: str) -> "AbstractContextManager[Iterable[os.DirEntry[str]]]":
    """What is in a folder, also in one that its guest has made so that it cannot be listed."""
    try:
        return os.scandir(path)
    except PermissionError:
        descriptor = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.chmod(f"/proc/self/fd/{descriptor}", stat.S_IRWXU)  # noqa: PTH101 - that very folder, whatever has its name by now
        finally:
            os.close(descriptor)
        return os.scandir(path)


def _unlinked(pid: int) -> tuple[int, set[int]]:
    """The bytes and inodes of what a guest holds open that has no name any more; nothing, where the system does not show it."""
    total, inodes = 0, set()
    with suppress(OSError):
        for number in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208 - four times a second
            with suppress(OSError):
                facts = os.stat(f"/proc/{pid}/fd/{number}")  # noqa: PTH116 - as above
                if facts.st_nlink == 0 and stat.S_ISREG(facts.st_mode):
                    inodes.add(facts.st_ino)
                    total += facts.st_blocks * BLOCK_BYTES
    return total, inodes


def _only_mapped(folder: Path, pid: int) -> set[int]:
    """The inodes of nameless files of ``folder`` that a guest has in its memory: that holds their room without a descriptor."""
    found, below = set(), b" " + os.fsencode(folder) + b"/"
    with suppress(OSError), Path(f"/proc/{pid}/maps").open("rb", buffering=0) as file:
        for line in _whole(file.fileno()).splitlines(keepends=True):
            if line.endswith(DELETED) and below in line:
                found.add(int(line.split(maxsplit=5)[4]))
    return found


def _whole(descriptor: int) -> bytes:
    """All of a file of /proc, which is read a page at a time, within a bound."""
    found = bytearray()
    while len(found) < MAPS_BYTES and (part := os.read(descriptor, MAPS_BYTES)):
        found += part
    return bytes(found)


def _written_bytes(pid: int) -> int:
    """All that a guest ever wrote: the most that can lie where it cannot be measured."""
    with suppress(OSError, ValueError):
        lines = Path(f"/proc/{pid}/io").read_text(encoding="ascii").splitlines()
        counts = {name: int(value) for name, _, value in (line.partition(": ") for line in lines)}
        return max(counts.get(name, 0) for name in WRITTEN)
    return 0
