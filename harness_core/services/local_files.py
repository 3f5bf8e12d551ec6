"""Files of this machine that the pages may read in: only regular ones, only within the folders that the settings name."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness_core.domain.errors import NotFound, PolicyRefused

MOST_ENTRIES = 1_000


@dataclass(frozen=True)
class Entry:
    """A folder or a file within an allowed folder; ``path`` is relative to that."""

    name: str
    path: str
    is_folder: bool
    size_bytes: int
    changed_at: float


class LocalFiles:
    """Looks into the allowed folders. A link that leads out of one is refused, whatever it is called."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = tuple(folders)

    def entries(self, folder: int, path: str = "") -> list[Entry]:
        """Folders first, then files, by name; hidden ones are left out, at most 1,000 are listed."""
        place = self.place(folder, path)
        if not place.is_dir():
            raise _nothing(path)
        found = []
        with os.scandir(place) as scanned:
            for item in scanned:
                if item.name.startswith(".") or not (item.is_file() or item.is_dir()):
                    continue
                if not Path(item.path).resolve().is_relative_to(self.folders[folder].resolve()):
                    continue
                state = item.stat()
                relative = str(Path(path) / item.name)
                found.append(Entry(item.name, relative, item.is_dir(), state.st_size, state.st_mtime))
        return sorted(found, key=lambda entry: (not entry.is_folder, entry.name.lower()))[:MOST_ENTRIES]

    def file(self, folder: int, path: str) -> Path:
        """The file itself. Raises NotFound or PolicyRefused."""
        place = self.place(folder, path)
        if not place.is_file():
            raise _nothing(path)
        return place

    def place(self, folder: int, path: str) -> Path:
        """Raises NotFound for a folder that is not allowed, PolicyRefused for a path that leaves it."""
        if not 0 <= folder < len(self.folders):
            raise NotFound("no_such_folder", "That folder is not among those whose files may be read in.",
                           next_step="Name it in HARNESS_IMPORT_PATH and start the service again.")  # fmt: skip
        root = self.folders[folder].resolve()
        try:
            place = (root / path).resolve()
        except (OSError, ValueError) as reason:
            raise _nothing(path) from reason
        if not place.is_relative_to(root):
            raise PolicyRefused("outside_of_folder", f"{path[:200]} leads out of {root}.",
                                why="Only files within the folders of HARNESS_IMPORT_PATH may be read in.",
                                next_step="Copy the file there, or upload it.")  # fmt: skip
        return place


def _nothing(path: str) -> NotFound:
    return NotFound("no_such_file", f"There is nothing to read at {path[:200] or 'that place'}.",
                    next_step="Go back and choose another file.")  # fmt: skip
