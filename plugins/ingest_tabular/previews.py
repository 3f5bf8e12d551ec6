"""Shows what would be read, quickly: small files are read whole, of large ones the head, the structure and an estimate."""

from pathlib import Path
from typing import Any

import table_files
import workbook
from csv_table import Table
from table_settings import Settings
from typed_table import connect

from harness_core.sdk import InputFile
from harness_core.sdk.dataset import quote_name, quote_text

WHOLE_BYTES = 32 << 20
HEAD_BYTES = 2 << 20
SHOWN_ROWS = 50


def preview(source: InputFile, settings: Settings, work: Path, memory_mb: int) -> dict[str, Any]:
    """See ``inspect``; raises InputRejected for what would be refused, as far as the part that was read shows it."""
    work.mkdir(parents=True, exist_ok=True)
    found = table_files.tell_format(source.path)
    is_whole = source.size_bytes <= WHOLE_BYTES or found in ("workbook", "gzip")
    part = source
    if not is_whole and found != "parquet":
        part = InputFile(_head_of(source.path, work / "head"), source.filename, source.sha256, HEAD_BYTES)
    tables = table_files.read(part, settings, work, memory_mb, lambda share, what: None)
    table = tables[0]
    rows = table.row_count if is_whole or found == "parquet" else _estimate(table, part.path, source.size_bytes)
    return {
        "format": table.reading["format"],
        "encoding": table.reading.get("encoding"),
        "delimiter": table.reading.get("delimiter"),
        "quote": table.reading.get("quote"),
        "header": table.reading.get("header", True),
        "sheets": _sheets(source, found),
        "columns": [{"name": column.name, "type": column.type} for column in table.columns],
        "rows": first_rows(table, work, memory_mb),
        "row_estimate": rows,
        "row_estimate_exact": is_whole or found == "parquet",
        "repairs": table.repairs.as_list(),
        "size_bytes": source.size_bytes,
    }


def _head_of(path: Path, target: Path) -> Path:
    """The first lines of the file, whole ones."""
    with path.open("rb") as file:
        data = file.read(HEAD_BYTES)
    end = data.rfind(b"\n")
    target.write_bytes(data[: end + 1] if end > 0 else data)
    return target


def _estimate(table: Table, head: Path, size_bytes: int) -> int:
    return round(table.row_count * size_bytes / max(1, head.stat().st_size))


def _sheets(source: InputFile, found: str) -> list[str]:
    if found != "workbook":
        return []
    return workbook.sheet_names(workbook.open_workbook(source.path, 1 << 62))


def first_rows(table: Table, work: Path, memory_mb: int) -> list[list[str]]:
    """The first rows as texts, as they were read; no value is an empty text."""
    names = ", ".join(f"coalesce({quote_name(column.name)}::VARCHAR, '')" for column in table.columns)
    with connect(work, memory_mb, threads=1) as connection:
        found = connection.sql(f"SELECT {names} FROM read_parquet({quote_text(str(table.path))}) LIMIT {SHOWN_ROWS}").fetchall()
    return [list(row) for row in found]
