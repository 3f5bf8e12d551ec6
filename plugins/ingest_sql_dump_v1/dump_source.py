"""The dump as UTF-8 on disk: unpacked within bounds, other files told from it, other encodings as declared turned into UTF-8."""

import codecs
import gzip
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dump_dialects import DIALECTS, HEAD_BYTES, SQLITE, Dialect, tell_dialect
from dump_words import rejected

PIECE_BYTES = 4 << 20
MAX_RATIO = 200
RATIO_FLOOR_BYTES = 64 << 20
OTHERS = (
    (b"PGDMP", "a PostgreSQL archive (pg_dump -Fc)", "Turn it into SQL with: pg_restore -f dump.sql FILE"),
    (b"SQLite format 3\0", "an SQLite database", "Turn it into SQL with: sqlite3 FILE .dump > dump.sql"),
    (b"PK\x03\x04", "a zip archive", "Unpack it and upload the .sql file, or a .sql.gz."),
    (b"BZh", "a bzip2 archive", "Unpack it and upload the .sql file, or a .sql.gz."),
    (b"\xfd7zXZ", "an xz archive", "Unpack it and upload the .sql file, or a .sql.gz."),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive", "Unpack it and upload the .sql file, or a .sql.gz."),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "Unpack it and upload the .sql file, or a .sql.gz."),
    (b"TAPE", "a SQL Server backup", "Script the data as SQL, or export the tables as CSV."),
)  # fmt: skip
BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"), (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip
DECLARED = {
    "mysql": re.compile(rb"^/\*M?!\d+\s+SET NAMES\s+'?(\w+)|^[ \t]*+SET NAMES\s+'?(\w+)", re.MULTILINE | re.IGNORECASE),
    "postgresql": re.compile(
        rb"^[ \t]*+SET\s+client_encoding\s*(?:=|TO)\s*'?([\w-]+)|^\\encoding\s+([\w-]+)", re.MULTILINE | re.IGNORECASE
    ),
    "sqlite": re.compile(rb"(?!)()()"),
}
NAMES = {
    "utf8": "utf-8", "utf8mb4": "utf-8", "utf8mb3": "utf-8", "unicode": "utf-8", "binary": "utf-8", "sql_ascii": "utf-8",
    "ascii": "utf-8",
    "latin1": "latin-1", "ujis": "euc-jp", "eucjpms": "euc-jp", "cp932": "cp932", "sjis": "shift_jis", "greek": "iso8859-7",
    "hebrew": "iso8859-8", "latin2": "iso8859-2", "latin5": "iso8859-9", "latin7": "iso8859-13", "koi8r": "koi8-r",
    "koi8u": "koi8-u",
    "euc_jp": "euc-jp", "euc_kr": "euc-kr", "euckr": "euc-kr", "euc_cn": "gb2312", "latin9": "iso8859-15", "latin10": "iso8859-16",
    "swe7": "ascii", "macroman": "mac-roman", "tis620": "tis-620", "gb2312": "gbk", "uhc": "cp949",
}  # fmt: skip
ROWS = re.compile(rb"^[ \t]*+(?:INSERT|REPLACE|COPY)\s", re.MULTILINE | re.IGNORECASE)


def _control(error: UnicodeError) -> tuple[str | bytes, int]:
    """The five bytes that Windows-1252 leaves open stand for the control characters of their numbers, as in MySQL's latin1."""
    if isinstance(error, UnicodeDecodeError):
        return error.object[error.start : error.end].decode("latin-1"), error.end
    if isinstance(error, UnicodeEncodeError):
        return error.object[error.start : error.end].encode("latin-1"), error.end
    raise error


codecs.register_error("dump_control", _control)


def blob_bytes(data: bytes, encoding: str) -> bytes:
    """The bytes of a blob as they were before the file was made UTF-8."""
    try:
        return data.decode("utf-8").encode(encoding, "dump_control")
    except UnicodeError:  # made of escapes, which were never bytes of the file
        return data


@dataclass(frozen=True)
class DumpText:
    """UTF-8 at ``path`` without a byte order mark; ``dialect`` None where nothing tells it and no backslash matters."""

    path: Path
    encoding: str
    dialect: Dialect
    is_dialect_known: bool
    compression: str | None


def open_dump(path: Path, work: Path, dialect: str, encoding: str, max_bytes: int, progress: Callable[[], None]) -> DumpText:
    """Raises InputRejected for what is no SQL text."""
    work.mkdir(parents=True, exist_ok=True)
    with path.open("rb") as file:
        head = file.read(8)
    compression = "gzip" if head.startswith(b"\x1f\x8b") else None
    if compression:
        path = _unpacked(path, work / "unpacked.sql", max_bytes, progress)
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    _refuse_others(head)
    marked = next((name for bom, name in BOMS if head.startswith(bom)), None)
    if marked is None and head[:200].count(0) > 20:
        marked = "utf-16-le" if head[1:2] == b"\0" else "utf-16-be"
    wide = marked if marked and marked != "utf-8" else None
    signs = head.decode(wide, "replace").encode() if wide else head
    found = DIALECTS[dialect] if dialect != "auto" else tell_dialect(signs)
    spoken = found or SQLITE
    name = _encoding(encoding, wide, spoken, ROWS.split(signs, maxsplit=1)[0])
    if name != "utf-8" or marked:
        path = _as_utf8(path, work / "utf8.sql", name, progress)
    return DumpText(path, name, spoken, found is not None, compression)


def _refuse_others(head: bytes) -> None:
    if not head.strip():
        raise rejected("empty_file", "The file is empty.", "Check the command that made the dump, and make it again.")
    for magic, name, remedy in OTHERS:
        if head.startswith(magic):
            raise rejected("unsupported_format", f"The file is {name}, not SQL text.", remedy)
    if head.lstrip()[:15].lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise rejected("not_a_dump", "The file is an HTML or XML page, not SQL text.", "Download the dump again, logged in.")


def _encoding(wanted: str, wide: str | None, dialect: Dialect, head: bytes) -> str:
    if wide:
        return wide
    declared = DECLARED[dialect.name].search(head)
    name = wanted if wanted != "auto" else (declared[1] or declared[2]).decode() if declared else "utf-8"
    folded = NAMES.get(name.lower().replace("-", "") if name.lower().replace("-", "") in NAMES else name.lower(), name)
    if name.lower() == "latin1" and dialect.name == "mysql":
        return "cp1252"
    folded = f"cp{name[3:]}" if re.fullmatch(r"(?i)win\d{3,4}", name) else folded
    try:
        return {"utf-8-sig": "utf-8"}.get(folded, codecs.lookup(folded).name)
    except LookupError as reason:
        remedy = "Set encoding to a name such as utf-8, latin1 or cp1252."
        raise rejected("bad_encoding", f"There is no encoding called {name!r}.", remedy) from reason


def _unpacked(path: Path, target: Path, max_bytes: int, progress: Callable[[], None]) -> Path:
    packed, done = path.stat().st_size, 0
    try:
        with gzip.open(path, "rb") as source, target.open("wb") as out:
            while piece := source.read(PIECE_BYTES):
                done += len(piece)
                if done > max_bytes or (done > RATIO_FLOOR_BYTES and done > MAX_RATIO * packed):
                    raise rejected(
                        "too_large", f"The file unpacks to more than {done >> 20:,} MB from {packed:,} bytes.",
                        "Upload the unpacked dump, or raise max_expanded_bytes if the size is right.",
                    )  # fmt: skip
                out.write(piece)
                progress()
    except (OSError, EOFError, zlib.error) as reason:
        raise rejected(
            "corrupt_archive", "The gzip file is damaged or cut off.", "Pack it again, or upload it unpacked."
        ) from reason
    return target


def _as_utf8(path: Path, target: Path, encoding: str, progress: Callable[[], None]) -> Path:
    """Written anew in UTF-8; a byte that the encoding does not know stops it, because it may be part of a blob."""
    decoder = codecs.getincrementaldecoder(encoding)("dump_control" if encoding == "cp1252" else "strict")
    lines = 1
    with path.open("rb") as source, target.open("w", encoding="utf-8", newline="") as out:
        first, piece = True, b"-"
        while piece:
            piece = source.read(PIECE_BYTES)
            try:
                text = decoder.decode(piece, not piece)
                out.write(text.removeprefix("\ufeff") if first else text)
            except UnicodeError as reason:
                start = getattr(reason, "start", 0)
                raise rejected(
                    "bad_encoding", f"The file is not valid {encoding}, which it says it is.",
                    "Set encoding to the one it is in, or dump with UTF-8 and blobs in hexadecimal (mysqldump --hex-blob).",
                    lines + piece[:start].count(b"\n"),
                ) from reason  # fmt: skip
            first, lines = False, lines + piece.count(b"\n")
            progress()
    return target
