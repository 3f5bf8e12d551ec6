"""Tells a file's format by its content, and hands it to its reader.

A reader is loaded when a file needs it: to load all of them takes a third of a second in a fresh process.
"""

import re
import zipfile
from pathlib import Path

from csv_table import Table, read_table
from reading_progress import Progress
from repair_notes import Repairs
from table_settings import Settings
from text_source import TextSource, gunzip, open_text

from harness_core.sdk import InputFile, InputRejected

DELIMITER_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar", " ": "space", ":": "colon"}
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # of workbooks older than 2007, and of those with a password
UNSUPPORTED = (
    (b"%PDF", "a PDF document"), (b"\x89PNG", "a picture"), (b"\xff\xd8\xff", "a picture"), (b"GIF8", "a picture"),
    (b"SQLite format 3\0", "an SQLite database"), (b"7z\xbc\xaf\x27\x1c", "a 7z archive"), (b"Rar!", "a RAR archive"),
    (b"BZh", "a bzip2 archive"), (b"\xfd7zXZ", "an xz archive"), (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"ARROW1", "an Arrow file"), (b"ORC", "an ORC file"), (b"Obj\x01", "an Avro file"), (b"{\\rtf", "an RTF document"),
    (b"\x7fELF", "a program"), (b"MZ\x90", "a program"), (b"PGDMP", "a PostgreSQL archive"),
    (b"\x09\x00\x04\x00", "a worksheet of Excel 2"), (b"\x09\x02\x06\x00", "a worksheet of Excel 3"),
    (b"\x09\x04\x06\x00", "a worksheet of Excel 4"),
)  # fmt: skip


def tell_format(path: Path) -> str:
    """``parquet``, ``workbook``, ``gzip``, ``json`` or ``text``; raises InputRejected for an empty file or a known other format."""
    with path.open("rb") as file:
        head = file.read(4096)
    if not head:
        raise InputRejected("The file is empty.", remedy="Check the export that made it, and upload it again.", code="empty_file")
    if head.startswith((b"PAR1", b"PARE")):
        return "parquet"
    if head.startswith(OLE):
        return "workbook"
    if head.startswith(b"PK\x03\x04"):
        return _package_format(path)
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    for magic, name in UNSUPPORTED:
        if head.startswith(magic):
            raise unsupported(name)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return "json" if re.match(rb'\{\s*("|\}|\Z)|\[\s*(\{|\Z)', text) else "text"


def unsupported(name: str) -> InputRejected:
    return InputRejected(
        f"The file is {name}, not a table that can be read.",
        remedy="Export the table as CSV, XLSX, Parquet or JSON Lines and upload that.",
        code="unsupported_format",
    )


def _package_format(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as package:
            names = set(package.namelist())
            kind = package.read("mimetype")[:80] if "mimetype" in names else b""
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError):
        return "workbook"  # its reader says what is wrong with it
    if any(name.startswith("xl/") for name in names) or b"spreadsheet" in kind:
        return "workbook"
    if any(name.lower().endswith("workbook.xml") for name in names):
        return "workbook"
    raise unsupported("a zip archive" if "[Content_Types].xml" not in names and not kind else "a document")


def read(source: InputFile, settings: Settings, work: Path, memory_mb: int, progress: Progress) -> list[Table]:
    """The tables of one file; work files stay below ``work``."""
    work.mkdir(parents=True, exist_ok=True)
    found = tell_format(source.path)
    if found == "workbook":
        import workbook

        tables, notes = workbook.read_workbook(source.path, settings, work, memory_mb, progress)
        tables[0].repairs.notes += notes.notes
        return tables
    if found == "parquet":
        import parquet_table

        return [parquet_table.read_parquet(source.path, settings, work, memory_mb, Repairs(), progress)]
    path, compression = source.path, None
    if found == "gzip":
        path, compression = _unpacked(source, settings, work, progress), "gzip"
        found = tell_format(path)
        if found not in ("text", "json"):
            raise unsupported("a gzip archive of something that is no text")
    return [_read_text(path, compression, found, settings, work, memory_mb, progress)]


def _unpacked(source: InputFile, settings: Settings, work: Path, progress: Progress) -> Path:
    return gunzip(source.path, work / "unpacked", settings.max_expanded_bytes, lambda done: progress(0.0, "unpacking"))


def _read_text(
    path: Path, compression: str | None, found: str, settings: Settings, work: Path, memory_mb: int, progress: Progress
) -> Table:
    repairs = Repairs()
    text = open_text(path, settings.encoding, work, repairs, compression=compression)
    table = _as_json(text, settings, work, memory_mb, repairs, progress) if found == "json" or _is_json(text) else None
    if table is None:
        table = read_table(text.path, settings, work, memory_mb, repairs, progress)
    table.reading["encoding"] = text.encoding
    if compression:
        table.reading["compression"] = compression
    return table


def _is_json(text: TextSource) -> bool:
    if text.encoding == "utf-8":
        return False
    with text.path.open("rb") as file:
        return bool(re.match(rb'\s*(\{\s*"|\[\s*\{)', file.read(256)))


def _as_json(
    text: TextSource, settings: Settings, work: Path, memory_mb: int, repairs: Repairs, progress: Progress
) -> Table | None:
    import json_table

    return json_table.read_json(text.path, settings, work, memory_mb, repairs, progress)


def clean_name(text: str) -> str:
    """Lower-case letters, digits and underscores; ``table`` where nothing is left."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:60] or "table"


def described(table: Table) -> str:
    """The format in words, for the summary: ``CSV, comma, UTF-8``."""
    reading = table.reading
    if reading["format"] == "csv":
        delimiter = DELIMITER_NAMES.get(reading["delimiter"], repr(reading["delimiter"]))
        return f"CSV, {delimiter}, {reading['encoding'].upper()}"
    names = {"workbook": "workbook", "parquet": "Parquet", "jsonl": "JSON Lines", "json_array": "JSON", "json_object": "JSON"}
    return names[reading["format"]] + (f", sheet “{table.title}”" if table.title else "")
