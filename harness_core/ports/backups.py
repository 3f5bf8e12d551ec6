"""Copies of what a state folder keeps, and putting them back."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class KeptFile:
    """A file below the home that belongs to a state: its hash where one is recorded, and where else it may stand for now.

    Where ``may_be_gone`` is not there, the file is one that is no longer kept, and nothing is wrong.
    """

    path: str
    sha256: str | None
    staged: str | None = None
    may_be_gone: str | None = None


class Backups(Protocol):
    """What a backup needs from the state folder."""

    @property
    def database(self) -> Path:
        """Raises UsageError for a state database that cannot be copied as a file."""

    def snapshot(self, target: Path) -> None:
        """Copy the state database as it is at one moment, while others go on using it. Raises Unhealthy."""

    def working_folder(self) -> AbstractContextManager[Path]: ...

    def kept_files(self, snapshot: Path) -> Sequence[KeptFile]:
        """Everything that the state in ``snapshot`` refers to, and the installed bundles."""

    def begin_restore(self) -> Path:
        """An empty folder to unpack into."""

    def abandon_restore(self) -> None:
        """Nothing was changed yet: remove what was unpacked."""

    def finish_restore(self, source: Path, aside: str, *, files: bool) -> Path | None:
        """Move what is there to ``backups/<aside>…`` and what was unpacked into its place; returns that folder unless it is empty.

        If this is interrupted, other commands are refused and told to restore ``source`` again. ``files`` False puts back the state
        database alone.
        """

    def free_bytes(self) -> int: ...
