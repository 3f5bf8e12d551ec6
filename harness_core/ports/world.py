"""Time, names, bytes and the bell: the small things the services need from outside."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, Protocol


class Clock(Protocol):
    """Wall-clock time for people, and a clock that neither jumps nor survives a reboot for leases."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def steady(self) -> float:
        """Seconds since boot, suspend included."""

    @property
    def boot_id(self) -> str: ...


class Names(Protocol):
    """Fresh identifiers."""

    def fresh(self, prefix: str) -> str:
        """``prefix_`` and 22 characters that sort by time of making."""


class Bell(Protocol):
    """Says "something to do" to whoever listens. A ring may be lost or heard twice; the state database is the truth."""

    def ring(self, job_id: int) -> None: ...

    def pending(self) -> int:
        """How many rings have not been heard."""


class Blobs(Protocol):
    """Uploads by their SHA-256: taken in quarantine, verified from disk, promoted; the same bytes are stored once."""

    def take_in(
        self,
        source: BinaryIO | Iterator[bytes],
        *,
        max_bytes: int,
        on_bytes: Callable[[int], None],
        record: Callable[[str, int], None],
    ) -> tuple[str, int]:
        """Store a stream; returns its SHA-256 and size. Raises InputRefused when too large; leaves nothing behind on failure.

        ``record`` is called once the bytes are in their place, while no collector can take them away.
        """

    def held(self, sha256: str) -> AbstractContextManager[None]:
        """While this is held no collector takes these bytes away, on this machine."""

    def path(self, sha256: str) -> Path:
        """Where the bytes are; raises NotFound."""

    def verify(self, sha256: str) -> bool:
        """Re-hash from disk."""

    def drop_abandoned(self) -> int:
        """Remove what a process that died had received in part; returns how many files."""
