"""Shows what would be read, quickly: small dumps are read whole, of large ones the whole statements of the head."""

from pathlib import Path
from typing import Any

from dump_job import Dump, read_dump
from dump_report import columns_of, notes_of
from dump_settings import Settings
from dump_source import open_dump
from dump_tables import DumpTable, first_rows

from harness_core.sdk import InputFile

WHOLE_BYTES = 24 << 20
HEAD_BYTES = 2 << 20
SHOWN_ROWS = 50


def preview(source: InputFile, settings: Settings, work: Path) -> dict[str, Any]:
    """See ``inspect``; raises InputRejected for what would be refused, as far as the part that was read shows it."""
    text = open_dump(source.path, work / "text", settings.dialect, settings.encoding, settings.max_expanded_bytes, lambda: None)
    size = text.path.stat().st_size
    is_whole = size <= WHOLE_BYTES
    whole = InputFile(text.path, source.filename, source.sha256, size)
    dump = read_dump([whole], settings, work / "read", lambda *_: None) if is_whole else _head(whole, settings, work)
    first = max(dump.tables, key=lambda table: table.row_count)
    return {
        "format": "sql_dump",
        "encoding": text.encoding,
        "dialect": text.dialect.name,
        "delimiter": None,
        "quote": None,
        "header": True,
        "sheets": [table.title for table in dump.tables],
        "columns": [{"name": column.name, "type": column.type} for column in columns_of(first)],
        "rows": list(first_rows(dump.paths[id(first)], SHOWN_ROWS)),
        "row_estimate": first.row_count if is_whole else round(_rows(dump.tables) * size / HEAD_BYTES),
        "row_estimate_exact": is_whole,
        "repairs": notes_of(dump, first, with_whole=True),
        "size_bytes": source.size_bytes,
    }


def _rows(tables: list[DumpTable]) -> int:
    return sum(table.row_count for table in tables)


def _head(source: InputFile, settings: Settings, work: Path) -> Dump:
    """The head of a large dump, which ends inside a statement: what was read before that is shown."""
    with source.path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    target = work / "head.sql"
    target.write_bytes(head)
    return read_dump(
        [InputFile(target, source.filename, source.sha256, len(head))], settings, work / "read", lambda *_: None, is_head=True
    )
