"""Archives with one form: the same entries give the same bytes, and what is read is trusted with nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self


class BadArchive(Exception):
    """The file is no archive of ours, or not any more; the message says what is wrong with it."""


class SourceChanged(Exception):
    """A file changed while it was being put into an archive; the message is its path in there."""


@dataclass(frozen=True)
class Entry:
    """A file for an archive, measured: its path there, where its bytes are, and what they were."""

    path: str
    source: Path | bytes
    sha256: str
    crc32: int
    size_bytes: int


class OpenArchive(Protocol):
    """An archive that somebody hands us; a context manager. Every method that reads raises BadArchive."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...

    @property
    def sizes(self) -> Mapping[str, int]:
        """The size in bytes of every entry by its path, in the order of paths."""

    def chunks(self, path: str) -> Iterator[bytes]: ...

    def read(self, path: str) -> bytes: ...

    def sha256(self, path: str) -> str: ...

    def extract(self, path: str, target: Path) -> str:
        """Write an entry to ``target``; returns the SHA-256 of what was written."""

    def is_in_form(self) -> bool:
        """Whether the file is, byte for byte, what :meth:`Archives.write` makes of its entries."""


class Archives(Protocol):
    """Writes and opens archives."""

    def measured(self, path: str, source: Path | bytes) -> Entry:
        """Read ``source`` once. Raises OSError where it cannot be read."""

    def write(self, target: Path, entries: Sequence[Entry], *, private: bool = False) -> tuple[str, int]:
        """Write beside, sync, rename; returns SHA-256 and size. Raises SourceChanged, and OSError for the disk's troubles.

        ``private`` keeps other users of the machine from reading it.
        """

    def open(self, path: Path) -> OpenArchive:
        """Raises BadArchive."""
