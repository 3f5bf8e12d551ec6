"""Taking files in: quarantined, hashed while written, verified from disk, promoted, and recorded with their names."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath
from typing import BinaryIO

from harness_core.domain.datasets import Upload
from harness_core.domain.errors import InputRefused
from harness_core.domain.runs import Input, UploadId
from harness_core.ports.state import Library
from harness_core.ports.world import Blobs, Clock, Names

MAX_NAME = 255


class Uploading:
    """Stores files. A file that could not be stored whole leaves nothing behind."""

    def __init__(self, blobs: Blobs, library: Library, clock: Clock, names: Names, max_bytes: int) -> None:
        self._blobs, self._library, self._clock, self._names, self._max_bytes = blobs, library, clock, names, max_bytes

    def take_file(self, path: Path, on_bytes: Callable[[int], None] = lambda done: None) -> Upload:
        """Take a file of this machine. Raises InputRefused when it cannot be read."""
        try:
            if not path.is_file():
                raise InputRefused(
                    "no_such_file", f"{path} is not a file.",
                    why="Nothing is there." if not path.exists() else "It is a folder or a device.",
                    next_step="Give the path of a CSV, TSV, XLSX, Parquet or JSON Lines file.",
                )  # fmt: skip
            with path.open("rb") as source:
                return self.take(source, as_text(path.name), as_text(str(path.absolute())), on_bytes)
        except PermissionError as reason:
            raise InputRefused("file_unreadable", f"{path} cannot be read.", why="Permission denied.",
                               next_step="Give yourself the right to read it.") from reason  # fmt: skip

    def take(
        self,
        source: BinaryIO | Iterator[bytes],
        filename: str,
        original_path: str,
        on_bytes: Callable[[int], None] = lambda done: None,
    ) -> Upload:
        """Take a stream of bytes under the name a user knows it by."""
        recorded: list[Upload] = []
        self._blobs.take_in(
            source, max_bytes=self._max_bytes, on_bytes=on_bytes,
            record=lambda sha256, size: recorded.append(self.record(filename, original_path, sha256, size)),
        )  # fmt: skip
        return recorded[0]

    def record(self, filename: str, original_path: str, sha256: str, size_bytes: int) -> Upload:
        upload = Upload(
            UploadId(self._names.fresh("upload")), clean_filename(filename), original_path, sha256, size_bytes, self._clock.now()
        )
        self._library.add_upload(upload)
        return upload


def clean_filename(name: str) -> str:
    """The last part of a path in either notation, without control characters; never empty."""
    last = PurePath(name.replace("\\", "/")).name
    kept = "".join(character for character in last if character.isprintable())
    return kept[:MAX_NAME] or "unnamed"


def as_text(path: str) -> str:
    """A path as UTF-8 text, whatever the locale: reports must not depend on it, and names need not be text at all."""
    return os.fsencode(path).decode("utf-8", "replace")


def as_input(upload: Upload) -> Input:
    return Input(upload.upload_id, upload.filename, upload.sha256, upload.size_bytes)
