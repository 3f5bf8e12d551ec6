"""A text file as clean UTF-8: unpacked if it was gzipped, its encoding decided on evidence, rubbish and other formats refused.

Nothing is dropped in silence: bytes that fit no encoding are read as Windows-1252 one by one, and counted.
"""

import codecs
import gzip
import os
import re
import struct
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow
from repair_notes import Repairs, counted

from harness_core.sdk import InputRejected

PIECE_BYTES = 4 << 20
CHECKED_BYTES = 1 << 20
LONGEST_CHARACTER_BYTES = 4
THREADS = 2
EVIDENCE_BYTES = 128 << 10
MAX_RATIO = 200
FEW_CONTROLS = 8
RATIO_FLOOR_BYTES = 64 << 20
BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"), (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip
RARE = (
    "hp_roman8", "cp775", "iso8859_10", "iso8859_13", "iso8859_14", "iso8859_16", "iso8859_3", "iso8859_4", "mac_iceland",
    "mac_turkish", "mac_latin2", "kz1048", "ptcp154", "cp1125", "cp037", "cp500", "cp1026", "cp1140", "cp273", "cp424", "cp720",
    "cp737", "cp857", "cp858", "cp860", "cp861", "cp862", "cp863", "cp864", "cp865", "cp869", "cp1006", "koi8_t", "cp1258", "hz",
)  # fmt: skip
OLD_WESTERN = ("mac_roman", "cp437", "cp850", "cp852", "mac_greek", "mac_cyrillic", "cp855", "iso8859_15")
WESTERN_LETTERS = frozenset("äöüÄÖÜßéèàùâêîôûçëïÉÈÊÀÇñÑáíóúÁÍÓÚãõÃÕåÅøØæÆœŒ")
MARKUP = re.compile(rb"\s*(?:<!doctype html|<html|<head|<body|<table|<\?xml|<!--)", re.IGNORECASE)
CONTROL = frozenset(range(32)) - {9, 10, 12, 13, 28, 29, 30, 31, 1, 2, 7, 27, 26}


@dataclass
class TextSource:
    """UTF-8 text at ``path``, without a byte order mark; ``encoding`` is what the source was in."""

    path: Path
    encoding: str
    has_bom: bool
    compression: str | None = None


def gunzip(path: Path, target: Path, max_bytes: int, progress: Callable[[int], None]) -> Path:
    """Unpack ``path`` to ``target``; refused beyond ``max_bytes`` or where it grows more than 200-fold."""
    packed, done = path.stat().st_size, 0
    try:
        with gzip.open(path, "rb") as source, target.open("wb") as out:
            while piece := source.read(PIECE_BYTES):
                done += len(piece)
                if done > max_bytes or (done > RATIO_FLOOR_BYTES and done > MAX_RATIO * packed):
                    raise too_large(done, packed)
                out.write(piece)
                progress(0)
    except (OSError, EOFError, zlib.error) as reason:
        raise corrupt_archive() from reason
    return target


def corrupt_archive() -> InputRejected:
    return InputRejected(
        "The gzip file is damaged or cut off.", remedy="Pack the file again, or upload it unpacked.", code="corrupt_archive"
    )


def too_large(expanded: int, packed: int) -> InputRejected:
    return InputRejected(
        f"The file unpacks to more than {expanded >> 20:,} MB from {packed:,} bytes.",
        remedy="Upload the unpacked table, or raise max_expanded_bytes if the size is right.",
        code="too_large",
    )


def open_text(path: Path, wanted: str, work: Path, repairs: Repairs, *, compression: str | None = None) -> TextSource:
    """The file as UTF-8, or a refusal of what is no text."""
    with path.open("rb") as file:
        refuse_rubbish(file.read(EVIDENCE_BYTES))
    return as_utf8(path, wanted, work, repairs, compression=compression)


def as_utf8(path: Path, wanted: str, work: Path, repairs: Repairs, *, compression: str | None = None) -> TextSource:
    """The text in UTF-8; written anew to ``work`` only where it is not UTF-8 already."""
    with path.open("rb") as file:
        head = file.read(EVIDENCE_BYTES)
    is_valid = is_utf8(path)
    encoding, has_bom = _encoding(path, head, wanted, is_valid=is_valid)
    target = work / "text.csv"
    if encoding == "utf-8" and is_valid:
        if not has_bom:
            return TextSource(path, encoding, False, compression)
        return TextSource(_copy_behind(path, target, len(codecs.BOM_UTF8)), encoding, True, compression)
    _transcode(path, target, encoding, repairs)
    return TextSource(target, encoding, has_bom, compression)


def _copy_behind(path: Path, target: Path, start: int) -> Path:
    with path.open("rb") as source, target.open("wb") as out:
        source.seek(start)
        while piece := source.read(PIECE_BYTES):
            out.write(piece)
    return target


def refuse_rubbish(head: bytes) -> None:
    """Raise for what is no text at all, or a page instead of a table."""
    if any(head.startswith(bom) for bom, _ in BOMS) or looks_wide(head):
        return
    if MARKUP.match(head.lstrip(codecs.BOM_UTF8)):
        raise InputRejected(
            "The file is an HTML or XML page, not a table.",
            remedy="A download may have ended at a login or error page: open the file in a browser and export the table as CSV.",
            code="unsupported_format",
        )
    rubbish = sum(head.count(bytes((code,))) for code in CONTROL)
    if rubbish > max(FEW_CONTROLS, 0.02 * len(head)):
        raise InputRejected(
            "The file is binary, and in none of the formats that can be read (CSV, workbooks, Parquet, JSON).",
            remedy="Export the table as CSV, XLSX or Parquet and upload that.",
            code="not_a_table",
        )


def looks_wide(head: bytes) -> str | None:
    """UTF-16 or UTF-32 without a byte order mark: every other byte, or three of four, are zero."""
    size = len(head) // 4 * 4
    if size < 8 or head.count(0) < size // 8:
        return None
    zeros = [head[offset:size:4].count(0) / (size // 4) for offset in range(4)]
    for name, quiet in (("utf-32-le", (1, 2, 3)), ("utf-32-be", (0, 1, 2)), ("utf-16-le", (1, 3)), ("utf-16-be", (0, 2))):
        loud = [zeros[offset] for offset in range(4) if offset not in quiet]
        if min(zeros[offset] for offset in quiet) > 0.7 and max(loud) < 0.1:
            return name
    return None


def _encoding(path: Path, head: bytes, wanted: str, *, is_valid: bool) -> tuple[str, bool]:
    found = next((name for bom, name in BOMS if head.startswith(bom)), None)
    if wanted != "auto":
        return _known(wanted), found is not None
    if found is not None:
        return found, True
    wide = looks_wide(head)
    if wide is not None:
        return wide, False
    return ("utf-8" if is_valid else legacy_encoding(_unusual_text(path))), False


def _known(name: str) -> str:
    try:
        "".encode(name)
        found = codecs.lookup(name).name
    except LookupError as reason:
        raise InputRejected(
            f"There is no encoding called {name!r}.", remedy="Use a name such as utf-8, cp1252 or utf-16.", code="bad_encoding"
        ) from reason
    return {"utf-8-sig": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}.get(found, found)


def is_utf8(path: Path) -> bool:
    """Whether the whole file is valid UTF-8, by a look at every byte; pieces are looked at side by side."""
    size = path.stat().st_size
    with path.open("rb") as file, ThreadPoolExecutor(THREADS) as pool:
        starts = range(0, size, CHECKED_BYTES)
        return all(pool.map(partial(_is_piece_valid, file.fileno()), starts))


def _is_piece_valid(descriptor: int, start: int) -> bool:
    """The characters that begin in the piece at ``start``; one that its end cuts in two is this piece's, not the next one's."""
    data = os.pread(descriptor, CHECKED_BYTES + LONGEST_CHARACTER_BYTES - 1, start)
    return _is_valid(data, _first_character(data, 0) if start else 0, _first_character(data, CHECKED_BYTES))


def _first_character(data: bytes, place: int) -> int:
    """Where the first character at or behind ``place`` begins, as far as a valid one may reach over it."""
    for each in range(place, min(place + LONGEST_CHARACTER_BYTES, len(data))):
        if data[each] & 0xC0 != 0x80:
            return each
    return min(place + LONGEST_CHARACTER_BYTES - 1, len(data))


def _is_valid(piece: bytes, start: int, stop: int) -> bool:
    """Arrow checks many times faster than a decoder does."""
    offsets = pyarrow.py_buffer(struct.pack("=ii", start, stop))
    try:
        pyarrow.StringArray.from_buffers(1, offsets, pyarrow.py_buffer(piece)).validate(full=True)
    except pyarrow.ArrowInvalid:
        return False
    return True


def _unusual_text(path: Path) -> bytes:
    """Up to 128 KB of the lines that are not ASCII; of a small file, all of it."""
    unusual, collected = [], 0
    with path.open("rb") as file:
        if path.stat().st_size <= 2 * EVIDENCE_BYTES:
            return file.read()
        while collected < EVIDENCE_BYTES and (piece := file.read(PIECE_BYTES)):
            if not piece.isascii():
                lines = [line for line in piece.splitlines(keepends=True) if not line.isascii()]
                unusual.append(b"".join(lines)[:EVIDENCE_BYTES])
                collected += len(unusual[-1])
    return b"".join(unusual)[:EVIDENCE_BYTES]


def legacy_encoding(evidence: bytes) -> str:
    """The encoding of bytes that are not UTF-8: UTF-8 with a few broken bytes, or the legacy one they read best in."""
    broken = len(evidence.decode("utf-8", "ignore").encode()) - len(evidence)
    unusual = sum(byte > 127 for byte in evidence)
    if unusual and -broken < 0.05 * unusual:
        return "utf-8"
    import charset_normalizer

    match = charset_normalizer.from_bytes(evidence, steps=10, chunk_size=1024, cp_exclusion=list(RARE)).best()
    if match is None or match.encoding in ("ascii", "utf_8"):
        return "cp1252"
    if match.encoding in ("cp1250", "iso8859_2") and _is_western(evidence, match.encoding):
        return "cp1252"
    if match.encoding in OLD_WESTERN and _reads_well(evidence.decode("cp1252", "replace")):
        return "cp1252"
    found = codecs.lookup(match.encoding).name
    return "cp1252" if evidence.decode(found, "replace") == evidence.decode("cp1252", "replace") else found


def _reads_well(text: str) -> bool:
    """Nearly all unusual characters are letters of Western languages."""
    unusual = [sign for sign in text if ord(sign) > 127]
    return sum(sign in WESTERN_LETTERS for sign in unusual) >= 0.9 * len(unusual)


def _is_western(evidence: bytes, central: str) -> bool:
    """Short French or Portuguese texts also read as Central European ones, with letters that are rare there."""
    pairs = zip(evidence.decode("cp1252", "replace"), evidence.decode(central, "replace"), strict=False)
    letters = {found for western, found in pairs if western != found}
    return ("ŕ" in letters and not letters & set("őűąłřźżśť")) or letters == {"ă"}


def _transcode(path: Path, target: Path, encoding: str, repairs: Repairs) -> None:
    handler = _Mender()
    codecs.register_error("ingest_mend", handler)
    decoder = codecs.getincrementaldecoder(encoding)("ingest_mend")
    with path.open("rb") as source, target.open("w", encoding="utf-8", newline="", errors="replace") as out:
        first = True
        while piece := source.read(PIECE_BYTES):
            text = decoder.decode(piece)
            out.write(text.removeprefix("\ufeff") if first else text)
            first = False
        out.write(decoder.decode(b"", True))
    if handler.count:
        sentence = f"{counted(handler.count, 'byte that is', 'bytes that are')} not valid {encoding} read as Windows-1252."
        repairs.add("broken_encoding", handler.count, sentence)


class _Mender:
    """Decodes bytes that the encoding does not know as Windows-1252, and counts them."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, error: UnicodeError) -> tuple[str, int]:
        if not isinstance(error, UnicodeDecodeError):
            raise error
        bad = error.object[error.start : error.end]
        self.count += len(bad)
        return "".join(bytes((byte,)).decode("cp1252", "replace") for byte in bad), error.end
