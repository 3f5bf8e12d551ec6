"""What a guest has put into its scratch folder, measured from outside while it lives: bytes on the disk, files, and their depth."""

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MAX_PATH_CHARACTERS = 2_000
BLOCK_BYTES = 512


@dataclass(frozen=True)
class ScratchUse:
    """``size_bytes`` is allocated on the disk, by unlinked files that are still open, too; ``files`` counts folders as well."""

    size_bytes: int = 0
    files: int = 0
    is_too_deep: bool = False


def scratch_use(folder: Path, pid: int, enough_files: int) -> ScratchUse:
    """Measure, but stop above ``enough_files``: to count them all would take longer than to stop them."""
    size_bytes, files, is_too_deep = _unlinked_bytes(pid), 0, False
    waiting = [str(folder)]
    while waiting and files <= enough_files:
        path = waiting.pop()
        if len(path) - len(str(folder)) > MAX_PATH_CHARACTERS:
            is_too_deep = True
            continue
        with suppress(OSError), os.scandir(path) as entries:
            for entry in entries:
                files += 1
                with suppress(OSError):
                    size_bytes += entry.stat(follow_symlinks=False).st_blocks * BLOCK_BYTES
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
    return ScratchUse(size_bytes, files, is_too_deep)


def _unlinked_bytes(pid: int) -> int:
    """What a guest holds open that has no name any more; nothing, where the system does not show it."""
    total = 0
    with suppress(OSError):
        for number in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208 - four times a second
            with suppress(OSError):
                facts = os.stat(f"/proc/{pid}/fd/{number}")  # noqa: PTH116 - as above
                if facts.st_nlink == 0 and stat.S_ISREG(facts.st_mode):
                    total += facts.st_blocks * BLOCK_BYTES
    return total
