"""Archives with one form: a ZIP file whose bytes are decided by its entries alone, and a reader that trusts nobody's.

Entries are stored, not compressed (compressors differ between versions), in the order of their paths, with the first date that a
ZIP file can say. Sizes beyond 4 GiB and more than 65,535 entries are written as ZIP64, as others read it.
"""

import hashlib
import os
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Self

from harness_core.adapters.files import CHUNK_BYTES, chunks, replace, sync_folder
from harness_core.ports.archives import BadArchive, Entry, SourceChanged

FLAGS_UTF8 = 0x0800
FIRST_DATE = 0x0021  # 1980-01-01
UNIX_FILE = 0o100644 << 16
MADE_ON_UNIX = 3 << 8
PLAIN, ZIP64 = 20, 45
LIMIT_32, LIMIT_16 = 0xFFFF_FFFF, 0xFFFF
MAX_ENTRIES = 200_000


def measured(path: str, source: Path | bytes) -> Entry:
    """Read ``source`` once. Raises OSError where it cannot be read."""
    digest, crc, size = hashlib.sha256(), 0, 0
    for chunk in _chunks(source):
        digest.update(chunk)
        crc = zlib.crc32(chunk, crc)
        size += len(chunk)
    return Entry(path, source, digest.hexdigest(), crc, size)


def _chunks(source: Path | bytes) -> Iterable[bytes]:
    return (source,) if isinstance(source, bytes) else chunks(source)


class Archives:
    """Fulfils :class:`harness_core.ports.archives.Archives`."""

    def measured(self, path: str, source: Path | bytes) -> Entry:
        return measured(path, source)

    def write(self, target: Path, entries: Sequence[Entry], *, private: bool = False) -> tuple[str, int]:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".unfinished", dir=target.parent)
        digest, size = hashlib.sha256(), 0
        try:
            with os.fdopen(descriptor, "wb") as file:
                for chunk in archive_chunks(entries):
                    file.write(chunk)
                    digest.update(chunk)
                    size += len(chunk)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o600 if private else 0o644)
            replace(Path(name), target)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise
        sync_folder(target.parent)
        return digest.hexdigest(), size

    def open(self, path: Path) -> "Archive":
        return Archive(path)


def archive_chunks(entries: Sequence[Entry], *, limit: int = LIMIT_32) -> Iterator[bytes]:
    """The bytes of the archive. Sizes and places from ``limit`` on are written as ZIP64."""
    ordered = sorted(entries, key=lambda item: item.path)
    for entry in ordered:
        yield _local_header(entry, limit)
        yield from _unchanged(entry)
    yield _tail(ordered, limit)


def _unchanged(entry: Entry) -> Iterator[bytes]:
    digest = hashlib.sha256()
    for chunk in _chunks(entry.source):
        digest.update(chunk)
        yield chunk
    if digest.hexdigest() != entry.sha256:
        raise SourceChanged(entry.path)


def _local_header(entry: Entry, limit: int) -> bytes:
    name = entry.path.encode("utf-8")
    large = entry.size_bytes >= limit
    extra = struct.pack("<HHQQ", 1, 16, entry.size_bytes, entry.size_bytes) if large else b""
    size = LIMIT_32 if large else entry.size_bytes
    version = ZIP64 if large else PLAIN
    head = struct.pack("<4sHHHHHIIIHH", b"PK\x03\x04", version, FLAGS_UTF8, 0, 0, FIRST_DATE, entry.crc32, size, size,
                       len(name), len(extra))  # fmt: skip
    return head + name + extra


def _directory_entry(entry: Entry, offset: int, limit: int) -> bytes:
    name = entry.path.encode("utf-8")
    large, far = entry.size_bytes >= limit, offset >= limit
    wide = ([entry.size_bytes] * 2 if large else []) + ([offset] if far else [])
    extra = struct.pack(f"<HH{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
    size, place = LIMIT_32 if large else entry.size_bytes, LIMIT_32 if far else offset
    version = ZIP64 if wide else PLAIN
    head = struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\x01\x02", MADE_ON_UNIX | version, version, FLAGS_UTF8, 0, 0, FIRST_DATE,
                       entry.crc32, size, size, len(name), len(extra), 0, 0, 0, UNIX_FILE, place)  # fmt: skip
    return head + name + extra


def _end(count: int, size: int, offset: int, limit: int) -> bytes:
    wide = b""
    if count >= LIMIT_16 or size >= limit or offset >= limit:
        wide = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, MADE_ON_UNIX | ZIP64, ZIP64, 0, 0, count, count, size, offset)
        wide += struct.pack("<4sIQI", b"PK\x06\x07", 0, offset + size, 1)
        count, size, offset = LIMIT_16, LIMIT_32, LIMIT_32
    return wide + struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, count, count, size, offset, 0)


def _tail(ordered: Sequence[Entry], limit: int) -> bytes:
    """The directory and the end of an archive of these entries."""
    offset, directory = 0, []
    for entry in ordered:
        directory.append(_directory_entry(entry, offset, limit))
        offset += len(_local_header(entry, limit)) + entry.size_bytes
    return b"".join(directory) + _end(len(directory), sum(map(len, directory)), offset, limit)


class Archive:
    """An archive that somebody hands us: its names are plain, its entries bounded; a context manager."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error) as reason:
            raise BadArchive(f"it is no ZIP archive ({reason})") from reason
        try:
            self._entries = _checked(self._zip.infolist(), path.stat().st_size)
        except BadArchive:
            self._zip.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    @property
    def sizes(self) -> Mapping[str, int]:
        """The size in bytes of every entry by its path, in the order of paths."""
        return {name: info.file_size for name, info in sorted(self._entries.items())}

    def chunks(self, path: str) -> Iterator[bytes]:
        """Raises BadArchive where the bytes are not what the archive itself says."""
        try:
            with self._zip.open(self._entries[path]) as file:
                while chunk := file.read(CHUNK_BYTES):
                    yield chunk
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError, ValueError) as reason:
            raise BadArchive(f"{path} in it cannot be read ({reason})") from reason

    def read(self, path: str) -> bytes:
        return b"".join(self.chunks(path))

    def sha256(self, path: str) -> str:
        digest = hashlib.sha256()
        for chunk in self.chunks(path):
            digest.update(chunk)
        return digest.hexdigest()

    def extract(self, path: str, target: Path) -> str:
        target.parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        with target.open("wb") as file:
            for chunk in self.chunks(path):
                digest.update(chunk)
                file.write(chunk)
        return digest.hexdigest()

    def is_in_form(self) -> bool:
        """Whether the file is, byte for byte, what :meth:`Archives.write` makes of its entries."""
        ordered = [Entry(name, b"", "", info.CRC, info.file_size) for name, info in sorted(self._entries.items())]
        offset = 0
        with self._path.open("rb") as file:
            for entry in ordered:
                header = _local_header(entry, LIMIT_32)
                if file.read(len(header)) != header:
                    return False
                offset += len(header) + entry.size_bytes
                file.seek(offset)
            return file.read() == _tail(ordered, LIMIT_32)


def _checked(entries: Sequence[zipfile.ZipInfo], size_bytes: int) -> dict[str, zipfile.ZipInfo]:
    if len(entries) > MAX_ENTRIES:
        raise BadArchive(f"it has {len(entries):,} entries; at most {MAX_ENTRIES:,} are read")
    found: dict[str, zipfile.ZipInfo] = {}
    for info in entries:
        if not is_plain(info.filename) or info.is_dir() or info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
            raise BadArchive(f"{info.filename[:200]!r} in it is no plain, stored file")
        if info.filename in found:
            raise BadArchive(f"{info.filename!r} stands in it twice")
        found[info.filename] = info
    if sum(info.file_size for info in found.values()) > size_bytes:
        raise BadArchive("its entries claim to be larger than the whole")
    return found


def is_plain(path: str) -> bool:
    """A relative path that stays below where it is unpacked, and says the same on every system."""
    pure = PurePosixPath(path)
    return bool(path) and not pure.is_absolute() and ".." not in pure.parts and str(pure) == path and "\0" not in path
