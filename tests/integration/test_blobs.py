"""Uploads: stored once under their hash, verified from disk, and nothing is left behind when they fail."""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness_core.adapters.blobs import FolderBlobs
from harness_core.adapters.home import Home
from harness_core.domain.errors import InputRefused, NotFound, Unhealthy

LIMIT = 10_000_000


@pytest.fixture
def blobs(tmp_path: Path) -> FolderBlobs:
    Home(tmp_path).make()
    return FolderBlobs(tmp_path)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_the_same_bytes_are_stored_once(blobs: FolderBlobs, tmp_path: Path) -> None:
    """Content addressing: the second upload of a file costs no disk."""
    data = b"a,b\n1,2\n"
    sha256, size = blobs.take_in(io.BytesIO(data), max_bytes=LIMIT)
    assert (sha256, size) == (hashlib.sha256(data).hexdigest(), len(data))
    assert blobs.take_in(iter([data[:3], data[3:]]), max_bytes=LIMIT) == (sha256, size)
    assert files(tmp_path / "blobs") == [f"{sha256[:2]}/{sha256}"]
    assert files(tmp_path / "quarantine") == []
    assert blobs.verify(sha256)


def test_too_large_leaves_nothing(blobs: FolderBlobs, tmp_path: Path) -> None:
    """A refused upload leaves no byte behind."""
    with pytest.raises(InputRefused):
        blobs.take_in(io.BytesIO(b"x" * 100), max_bytes=99)
    assert files(tmp_path / "quarantine") == files(tmp_path / "blobs") == []


def test_a_stream_that_breaks_leaves_nothing(blobs: FolderBlobs, tmp_path: Path) -> None:
    """A client that goes away in the middle leaves no byte behind."""

    def broken() -> Iterator[bytes]:
        yield b"half"
        raise ConnectionError("gone")

    with pytest.raises((ConnectionError, Unhealthy)):
        blobs.take_in(broken(), max_bytes=LIMIT)
    assert files(tmp_path / "quarantine") == files(tmp_path / "blobs") == []


def test_a_byte_that_flips_on_disk_is_seen(blobs: FolderBlobs, tmp_path: Path) -> None:
    """What was received is re-hashed from disk before it is believed, and can be verified later."""
    held = tmp_path / "quarantine" / "held"
    held.write_bytes(b"other")
    with pytest.raises(Unhealthy):
        blobs.promote(held, hashlib.sha256(b"received").hexdigest())
    sha256, _ = blobs.take_in(io.BytesIO(b"data"), max_bytes=LIMIT)
    path = blobs.path(sha256)
    path.chmod(0o644)
    path.write_bytes(b"dat!")
    assert not blobs.verify(sha256)


def test_the_same_file_again_mends_damaged_bytes(blobs: FolderBlobs) -> None:
    """Whoever uploads it next brings the sound ones."""
    sha256, _ = blobs.take_in(io.BytesIO(b"data"), max_bytes=LIMIT)
    path = blobs.path(sha256)
    path.chmod(0o644)
    path.write_bytes(b"dat!")
    blobs.take_in(io.BytesIO(b"data"), max_bytes=LIMIT)
    assert (blobs.verify(sha256), path.read_bytes()) == (True, b"data")


def test_an_unknown_blob_is_not_found(blobs: FolderBlobs) -> None:
    """Bytes that retention took are a clear answer, not a crash."""
    with pytest.raises(NotFound):
        blobs.path("0" * 64)
