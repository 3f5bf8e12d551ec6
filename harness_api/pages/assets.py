"""Static files, held in memory with their hashes: addressed by content, so that browsers keep them for good."""

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
}
VERSION_CHARACTERS = 12


@dataclass(frozen=True)
class Asset:
    """One file: its bytes, plain and compressed, and what they hash to."""

    data: bytes
    packed: bytes
    sha256: str
    media_type: str

    @property
    def version(self) -> str:
        return self.sha256[:VERSION_CHARACTERS]


class Assets:
    """Every file below a folder that has a type we serve, by its relative name."""

    def __init__(self, folder: Path) -> None:
        paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix in TYPES)
        self._assets = {path.relative_to(folder).as_posix(): _asset(path) for path in paths}

    def get(self, name: str) -> Asset | None:
        return self._assets.get(name)

    def url(self, name: str) -> str:
        """The address of a file that is there, with its version. Raises KeyError."""
        return f"/static/{name}?v={self._assets[name].version}"


def _asset(path: Path) -> Asset:
    data = path.read_bytes()
    return Asset(data, gzip.compress(data, 9, mtime=0), hashlib.sha256(data).hexdigest(), TYPES[path.suffix])
