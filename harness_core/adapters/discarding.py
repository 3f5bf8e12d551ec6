"""Files that nobody needs any more: renamed into the scratch folder, which is gone for everybody at once, then removed."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from harness_core.adapters.claims import locked
from harness_core.adapters.files import remove_tree, sync_folder
from harness_core.adapters.home import Home
from harness_core.ports.keeping import Kind

SET_ASIDE = "removed-"
FOLDER_OF: Mapping[Kind, str] = {"run": "runs", "dataset": "datasets", "upload": "blobs"}


class FolderDiscards:
    """Fulfils :class:`harness_core.ports.keeping.Discards` below a home folder.

    What is set aside lies among the scratch folders of the dead: a worker that starts removes it too, if this process cannot.
    """

    def __init__(self, home: Home) -> None:
        self._home = home

    def stored(self, kind: Kind) -> Mapping[str, int]:
        folder = self._home.root / FOLDER_OF[kind]
        paths = folder.glob("??/*") if kind == "upload" else folder.iterdir()
        return {path.name: _size_of(path) if kind != "run" else 0 for path in sorted(paths)}

    def input_of_dataset(self, name: str) -> str | None:
        try:
            found = json.loads((self._home.dataset(name) / "schema.json").read_bytes())["input_sha256"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return found if isinstance(found, str) else None

    def set_aside(self, kind: Kind, name: str) -> None:
        source = self._place(kind, name)
        target = self._home.scratch(f"{SET_ASIDE}{kind}-{name}")
        remove_tree(target)  # of one who died at this
        with suppress(FileNotFoundError):
            source.rename(target)
            sync_folder(source.parent)

    def clear(self) -> None:
        for path in (self._home.root / "scratch").glob(f"{SET_ASIDE}*"):
            remove_tree(path)

    @contextmanager
    def holding_uploads(self, sha256: str) -> Iterator[None]:
        with locked(self._place("upload", sha256).parent):
            yield

    def _place(self, kind: Kind, name: str) -> Path:
        folder = self._home.root / FOLDER_OF[kind]
        return folder / name[:2] / name if kind == "upload" else folder / name


def _size_of(path: Path) -> int:
    """Bytes of a file, or of the files in a folder."""
    try:
        return path.stat().st_size if path.is_file() else sum(item.stat().st_size for item in path.iterdir() if item.is_file())
    except OSError:  # removed meanwhile, or no folder of ours
        return 0
