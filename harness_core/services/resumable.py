"""Uploads in pieces that survive a lost connection and a killed server: what was acknowledged is on disk, and only that counts.

Each lives in ``quarantine/tus/<id>/`` as ``data`` and ``info.json``; the offset in ``info.json`` is the truth, bytes beyond it
are dropped. The last piece makes the file a verified blob and an upload like any other.
"""

import hashlib
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from harness_core.domain.datasets import Upload
from harness_core.domain.errors import Conflict, InputRefused, NotFound, Unhealthy
from harness_core.ports.world import Clock, Names
from harness_core.services.uploads import Uploading, clean_filename

KEPT_S = 7 * 24 * 3600.0
READ_BYTES = 1 << 20


class Promotes(Protocol):
    """Blobs, as far as a whole file on disk is handed over."""

    def promote(self, held: Path, sha256: str) -> str: ...

    def held(self, sha256: str) -> AbstractContextManager[None]: ...

    def path(self, sha256: str) -> Path: ...


class OffsetMismatch(Conflict):
    """The piece does not begin where the upload stands."""


class ChecksumMismatch(InputRefused):
    """The piece is not what its sender hashed; it was dropped. The tus protocol's own status."""

    http_status = 460


class NoRoom(Unhealthy):
    """The disk cannot hold the file."""

    http_status = 507


class PieceUnderWay(Conflict):
    """Another request is writing to the same upload."""

    http_status = 423


@dataclass(frozen=True)
class Partial:
    """An upload in pieces. ``upload_id`` and ``sha256`` are set when it is whole."""

    id: str
    filename: str
    length: int
    created_at: float
    touched_at: float
    offset: int = 0
    upload_id: str | None = None
    sha256: str | None = None

    @property
    def expires_at(self) -> float:
        return self.touched_at + KEPT_S


@dataclass
class _Running:
    """The hash so far, kept between pieces so that nothing is read twice; lost with the process and made again from disk."""

    digest: Any = field(default_factory=hashlib.sha256)
    offset: int = 0


@dataclass
class _Piece:
    """One piece on its way to disk; ``own`` hashes it alone, ``digest`` the file with it."""

    digest: Any
    offset: int
    length: int
    own: Any = field(default_factory=hashlib.sha256)
    whole: bool = False

    def write(self, pieces: Iterable[bytes], file: BinaryIO) -> None:
        for piece in pieces:
            if self.offset + len(piece) > self.length:
                raise InputRefused("longer_than_promised", f"More than the promised {self.length:,} bytes came.",
                                   next_step="Begin again with the right length.")  # fmt: skip
            file.write(piece)
            self.digest.update(piece)
            self.own.update(piece)
            self.offset += len(piece)
        self.whole = True

    def is_whole_and(self, sha256: bytes) -> bool:
        return self.whole and bool(self.own.digest() == sha256)


class ResumableUploads:
    """Fulfils the server's side of tus 1.0: creation, pieces with optional SHA-256, termination, expiry after a week."""

    def __init__(
        self,
        folder: Path,
        blobs: Promotes,
        uploading: Uploading,
        clock: Clock,
        names: Names,
        free_bytes: Callable[[], int],
        *,
        max_bytes: int,
        min_free_bytes: int,
    ) -> None:
        self._folder, self._blobs, self._uploading, self._clock, self._names = folder, blobs, uploading, clock, names
        self._free_bytes, self.max_bytes, self._min_free_bytes = free_bytes, max_bytes, min_free_bytes
        self._running: dict[str, _Running] = {}
        self._busy: set[str] = set()
        self._lock = threading.Lock()

    def begin(self, filename: str, length: int) -> Partial:
        """Make room for a file of ``length`` bytes. Raises InputRefused (too large) or NoRoom, before a byte is sent."""
        self.drop_expired()
        self.check_room(length)
        now = self._clock.now()
        partial = Partial(self._names.fresh("tus"), clean_filename(filename), length, now, now)
        self._place(partial.id).mkdir(parents=True)
        (self._place(partial.id) / "data").touch()
        self._note(partial)
        return self._finish(partial) if length == 0 else partial

    def check_room(self, length: int) -> None:
        """Raises InputRefused (too large) or NoRoom for a file of that many bytes."""
        if length > self.max_bytes:
            raise InputRefused("too_large", f"The file has {length:,} bytes; at most {self.max_bytes:,} are taken.",
                               next_step="Raise HARNESS_MAX_UPLOAD_BYTES if this machine has room for it.")  # fmt: skip
        if self._free_bytes() - length < self._min_free_bytes:
            raise NoRoom("no_room", f"The disk has no room for {length:,} bytes.",
                         next_step="Free some space, then upload the file again.")  # fmt: skip

    def state(self, partial_id: str) -> Partial:
        """Raises NotFound for one that never was, was ended, or has expired."""
        path = self._place(partial_id) / "info.json"
        try:
            if not partial_id.startswith("tus_") or not partial_id.isascii() or not partial_id.replace("_", "").isalnum():
                raise FileNotFoundError
            return Partial(**json.loads(path.read_bytes()))
        except (OSError, ValueError, TypeError) as reason:
            raise NotFound("no_such_partial_upload", f"There is no upload in progress with the id {partial_id[:80]!r}.",
                           next_step="Begin the upload again.") from reason  # fmt: skip

    def append(self, partial_id: str, offset: int, pieces: Iterable[bytes], sha256: bytes | None = None) -> Partial:
        """Write what comes at ``offset``; what arrived before a broken connection is kept, unless a checksum was promised.

        Raises OffsetMismatch, ChecksumMismatch, PieceUnderWay, InputRefused (more than the promised length).
        """
        with self._alone(partial_id):
            partial = self.state(partial_id)
            if offset != partial.offset:
                raise OffsetMismatch(
                    "offset_mismatch", f"The upload stands at {partial.offset:,} bytes, not at {offset:,}.",
                    next_step="Ask for the offset with HEAD and send from there.", offset=partial.offset,
                )  # fmt: skip
            if partial.upload_id is not None:
                return partial
            if partial.offset < partial.length:
                partial = self._take(partial, pieces, sha256)
            return self._finish(partial) if partial.offset == partial.length else partial

    def end(self, partial_id: str) -> None:
        """Drop an upload in progress with its bytes."""
        with self._alone(partial_id):
            self.state(partial_id)
            self._forget(partial_id)

    def drop_expired(self) -> int:
        """Drop what nobody has touched for a week, whichever process takes pieces; returns how many."""
        entries = sorted(self._folder.iterdir()) if self._folder.is_dir() else []
        expired = [entry.name for entry in entries if self._touched_at(entry) + KEPT_S < self._clock.now()]
        for name in expired:
            self._forget(name)
        return len(expired)

    def _touched_at(self, place: Path) -> float:
        """When its last piece came; a piece that is on its way, perhaps to another process, shows in the file that it grows."""
        try:
            told, shown = self.state(place.name).touched_at, place / "data"
        except NotFound:
            told, shown = 0.0, place
        with suppress(FileNotFoundError):
            return max(told, shown.stat().st_mtime)
        return told

    def _take(self, partial: Partial, pieces: Iterable[bytes], sha256: bytes | None) -> Partial:
        running = self._digest_at(partial)
        piece = _Piece(running.digest.copy(), partial.offset, partial.length)
        with (self._place(partial.id) / "data").open("r+b") as file:
            file.seek(partial.offset)
            file.truncate()
            try:
                piece.write(pieces, file)
            finally:
                if sha256 is None or piece.is_whole_and(sha256):
                    file.flush()
                    os.fsync(file.fileno())
                    self._running[partial.id] = _Running(piece.digest, piece.offset)
                    partial = replace(partial, offset=piece.offset, touched_at=self._clock.now())
                    self._note(partial)
        if partial.offset != piece.offset:
            raise ChecksumMismatch("checksum_mismatch", "The piece is not what its sender hashed, so it was dropped.",
                                   next_step="Send the same piece again.")  # fmt: skip
        return partial

    def _digest_at(self, partial: Partial) -> _Running:
        """The hash up to the offset, read again from disk only when this process did not write those bytes."""
        running = self._running.get(partial.id)
        if running is not None and running.offset == partial.offset:
            return running
        digest, left = hashlib.sha256(), partial.offset
        with (self._place(partial.id) / "data").open("rb") as file:
            while left and (piece := file.read(min(READ_BYTES, left))):
                digest.update(piece)
                left -= len(piece)
        return _Running(digest, partial.offset)

    def _finish(self, partial: Partial) -> Partial:
        """Make it an upload. Its hash is noted before its bytes move, so that dying in between can be mended by asking again."""
        if partial.sha256 is None:
            partial = replace(partial, sha256=self._digest_at(partial).digest.hexdigest())
            self._note(partial)
        sha256, data = str(partial.sha256), self._place(partial.id) / "data"
        with self._blobs.held(sha256):
            if data.exists():
                self._blobs.promote(data, sha256)
            self._blobs.path(sha256)  # raises NotFound where we died before recording it, and it was collected since
            upload: Upload = self._uploading.record(partial.filename, "", sha256, partial.length)
        partial = replace(partial, upload_id=upload.upload_id)
        self._note(partial)
        data.unlink(missing_ok=True)
        self._running.pop(partial.id, None)
        return partial

    @contextmanager
    def _alone(self, partial_id: str) -> Iterator[None]:
        with self._lock:
            if partial_id in self._busy:
                raise PieceUnderWay("piece_under_way", "Another request is sending a piece of this upload.",
                                    next_step="Wait until it has ended, then ask for the offset.")  # fmt: skip
            self._busy.add(partial_id)
        try:
            yield
        finally:
            with self._lock:
                self._busy.discard(partial_id)

    def _note(self, partial: Partial) -> None:
        path = self._place(partial.id) / "info.json"
        beside = path.with_suffix(".new")
        with beside.open("w", encoding="utf-8") as file:
            json.dump(asdict(partial), file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)

    def _forget(self, partial_id: str) -> None:
        self._running.pop(partial_id, None)
        with suppress(OSError):
            shutil.rmtree(self._place(partial_id))

    def _place(self, partial_id: str) -> Path:
        return self._folder / partial_id
