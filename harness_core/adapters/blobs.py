"""Uploads on disk by their SHA-256: hashed while written, hashed again from disk, promoted by rename, stored once."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from harness_core.adapters.claims import claimed, locked
from harness_core.adapters.files import CHUNK_BYTES, make_folder, replace, sha256_of, sync_folder
from harness_core.domain.errors import InputRefused, NotFound, Unhealthy

RECEIVED = "upload."


class FolderBlobs:
    """Fulfils :class:`harness_core.ports.world.Blobs` below a home folder (``quarantine/`` and ``blobs/ab/ab34…``)."""

    def __init__(self, home: Path) -> None:
        self._quarantine, self._blobs = home / "quarantine", home / "blobs"

    def take_in(
        self,
        source: BinaryIO | Iterator[bytes],
        *,
        max_bytes: int,
        on_bytes: Callable[[int], None] = lambda done: None,
        record: Callable[[str, int], None] = lambda sha256, size: None,
    ) -> tuple[str, int]:
        try:
            held, claim = self._fresh()
        except OSError as reason:
            raise _disk_trouble(reason) from reason
        try:
            with held.open("wb") as file:
                sha256, size = _copy_hashing(source, file, max_bytes, on_bytes)
            with self.held(sha256):
                self.promote(held, sha256)
                record(sha256, size)
            return sha256, size
        except OSError as reason:
            raise _disk_trouble(reason) from reason
        finally:
            with suppress(OSError):
                held.unlink()
            os.close(claim)

    def _fresh(self) -> tuple[Path, int]:
        """A new file in quarantine and the claim to it; whoever clears away abandoned ones may take it before it is claimed."""
        while True:
            descriptor, name = tempfile.mkstemp(prefix=RECEIVED, dir=self._quarantine)
            os.close(descriptor)
            claim = claimed(Path(name))
            if claim is not None:
                return Path(name), claim

    def drop_abandoned(self) -> int:
        dropped = 0
        for path in self._quarantine.glob(f"{RECEIVED}*"):
            claim = claimed(path)
            if claim is not None:
                path.unlink(missing_ok=True)
                os.close(claim)
                dropped += 1
        return dropped

    def promote(self, held: Path, sha256: str) -> str:
        """Move a quarantined file to its place if its bytes on disk are what was received; the same bytes are kept once.

        Bytes of that place that were damaged since give way to the sound ones.
        """
        if sha256_of(held) != sha256:
            raise Unhealthy(
                "upload_corrupted", "The file on disk is not what was received.",
                why="Its hash changed between writing and reading back.",
                next_step="Check the disk, then upload the file again.",
            )  # fmt: skip
        target = self._place(sha256)
        if not target.exists() or sha256_of(target) != sha256:
            make_folder(target.parent)
            held.chmod(0o444)
            replace(held, target)
            sync_folder(target.parent)
        return sha256

    @contextmanager
    def held(self, sha256: str) -> Iterator[None]:
        folder = self._place(sha256).parent
        make_folder(folder)
        with locked(folder):
            yield

    def path(self, sha256: str) -> Path:
        target = self._place(sha256)
        if not target.exists():
            raise NotFound(
                "upload_gone", f"The bytes of upload {sha256[:12]} are no longer kept.", next_step="Upload the file again."
            )
        return target

    def verify(self, sha256: str) -> bool:
        return sha256_of(self.path(sha256)) == sha256

    def _place(self, sha256: str) -> Path:
        return self._blobs / sha256[:2] / sha256


def _copy_hashing(
    source: BinaryIO | Iterator[bytes], target: BinaryIO, max_bytes: int, on_bytes: Callable[[int], None]
) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    for chunk in iter(lambda: source.read(CHUNK_BYTES), b"") if hasattr(source, "read") else source:
        size += len(chunk)
        if size > max_bytes:
            raise InputRefused(
                "too_large", f"The file is larger than {max_bytes:,} bytes.",
                next_step="Raise HARNESS_MAX_UPLOAD_BYTES if this machine has room for it.",
            )  # fmt: skip
        digest.update(chunk)
        target.write(chunk)
        on_bytes(size)
    target.flush()
    os.fsync(target.fileno())
    return digest.hexdigest(), size


def _disk_trouble(reason: OSError) -> Unhealthy:
    return Unhealthy(
        "upload_not_stored", "The file could not be stored.", why=reason.strerror or str(reason),
        next_step="Check the free space and the permissions of the home folder (`harness doctor`).",
    )  # fmt: skip
