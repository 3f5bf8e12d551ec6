"""Shows what would be read, quickly: small files are read whole, of large ones the head, the structure and an estimate."""

import gzip
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import table_files
from column_sql import violation_sql
from column_types import TypeRules, candidates, nearly
from csv_table import Table
from table_settings import Settings
from text_source import corrupt_archive
from typed_table import NEARLY_TEXTS, connect

from harness_core.sdk import InputFile
from harness_core.sdk.dataset import quote_name, quote_text

WHOLE_BYTES = 32 << 20
HEAD_BYTES = 2 << 20
SHOWN_ROWS = 50
PREVIEW_ROWS = 5_000
GUESSED_PACKING = 5
EXPLAINED_COLUMNS = 50
EXAMPLES, EXAMPLE_CHARS = 5, 200


def preview(source: InputFile, settings: Settings, work: Path, memory_mb: int) -> dict[str, Any]:
    """See ``inspect``; raises InputRejected for what would be refused, as far as the part that was read shows it."""
    work.mkdir(parents=True, exist_ok=True)
    found = table_files.tell_format(source.path)
    is_whole = source.size_bytes <= WHOLE_BYTES or found == "parquet"
    part = source
    if not is_whole and found == "workbook":
        settings = replace(settings, stop_after_rows=PREVIEW_ROWS)
    elif not is_whole:
        part = InputFile(_head_of(source.path, work / "head", found), source.filename, source.sha256, HEAD_BYTES)
    table = table_files.read(part, settings, work, memory_mb, lambda share, what, rows=0: None)[0]
    rows = table.row_count if is_whole else _estimate(table, part, source, found, work)
    return {
        "format": table.reading["format"],
        "encoding": table.reading.get("encoding"),
        "delimiter": table.reading.get("delimiter"),
        "quote": table.reading.get("quote"),
        "header": table.reading.get("header", True),
        "sheets": _sheets(source, found, work),
        "columns": _described(table, settings, work, memory_mb),
        "rows": first_rows(table, work, memory_mb),
        "row_estimate": rows,
        "row_estimate_exact": is_whole,
        "repairs": table.repairs.as_list(),
        "size_bytes": source.size_bytes,
    }


def _head_of(path: Path, target: Path, found: str) -> Path:
    """The first lines of the file, whole ones; unpacked, where it is packed."""
    try:
        with gzip.open(path, "rb") if found == "gzip" else path.open("rb") as file:
            data = file.read(HEAD_BYTES)
    except (OSError, EOFError, zlib.error) as reason:
        raise corrupt_archive() from reason
    end = data.rfind(b"\n")
    target.write_bytes(data[: end + 1] if end > 0 else data)
    return target


def _estimate(table: Table, part: InputFile, source: InputFile, found: str, work: Path) -> int:
    """The number of rows by the share of the file that was read; of a workbook, by the height of the sheet."""
    if found == "workbook":
        import workbook_file

        book = workbook_file.open_workbook(source.path, 1 << 62, work)
        return max(table.row_count, book.get_sheet_by_name(table.title or "").total_height - 1)
    ratio = source.size_bytes / max(1, part.path.stat().st_size)
    return round(table.row_count * ratio * (GUESSED_PACKING if found == "gzip" else 1))


def _sheets(source: InputFile, found: str, work: Path) -> list[str]:
    if found != "workbook":
        return []
    import workbook_file

    return workbook_file.sheet_names(workbook_file.open_workbook(source.path, 1 << 62, work))


def _described(table: Table, settings: Settings, work: Path, memory_mb: int) -> list[dict[str, Any]]:
    """The columns; where a few values keep one from the type of the others, with the first of them and their rows."""
    kept = [column.name for column in table.columns if column.type == "text" and column.note][:EXPLAINED_COLUMNS]
    with connect(work, memory_mb, threads=1) as connection:
        odd = {name: counter_examples(connection, table.path, name, settings.type_rules) for name in kept}
    return [
        {"name": column.name, "type": column.type}
        | ({"note": column.note} if column.note else {})
        | ({"counter_examples": odd[column.name]} if odd.get(column.name) else {})
        for column in table.columns
    ]


def counter_examples(
    connection: "duckdb.DuckDBPyConnection", path: Path, name: str, rules: TypeRules
) -> list[dict[str, Any]]:  # fmt: skip
    """The first values of a column that do not fit the type of nearly all others, with their zero-based rows; [] where none is."""
    source, column = f"read_parquet({quote_text(str(path))})", quote_name(name)
    found = connection.sql(f"SELECT {column} FROM {source} WHERE {column} IS NOT NULL LIMIT {NEARLY_TEXTS}").fetchall()
    texts = [str(text) for (text,) in found]
    fitting = candidates(texts, rules)
    typing = nearly(texts, rules) if not fitting else fitting[0] if len(fitting) == 1 else None
    if typing is None:
        return []
    query = f"SELECT file_row_number, {column} FROM {source} WHERE {violation_sql(name, typing)} ORDER BY 1 LIMIT {EXAMPLES}"
    return [{"row": row, "value": value[:EXAMPLE_CHARS]} for row, value in connection.sql(query).fetchall()]


def first_rows(table: Table, work: Path, memory_mb: int) -> list[list[str | None]]:
    """The first rows as texts, as they were read; no value is null."""
    names = ", ".join(f"{quote_name(column.name)}::VARCHAR" for column in table.columns)
    with connect(work, memory_mb, threads=1) as connection:
        found = connection.sql(f"SELECT {names} FROM read_parquet({quote_text(str(table.path))}) LIMIT {SHOWN_ROWS}").fetchall()
    return [list(row) for row in found]
