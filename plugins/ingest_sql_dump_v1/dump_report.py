"""What a table's dataset version says of itself: its columns, how it was read, its keys, and what did not go smoothly."""

from collections.abc import Sequence
from typing import Any

from dump_columns import NUMBERS
from dump_job import Dump
from dump_tables import DumpTable
from dump_types import MAX_DIGITS

from harness_core.sdk import Column

KIND_WORDS = {"integer": "whole number", "bits": "whole number", "decimal": "number", "float": "number", "single": "number",
    "zoned": "timestamp", "boolean": "true or false"}  # fmt: skip
MAX_NAMED = 20


def columns_of(table: DumpTable) -> list[Column]:
    """The columns as stored, with a note where that is not what was declared."""
    described = []
    for place, reading in enumerate(table.readings):
        note = _note(table, place)
        kind = reading.kind
        described.append(Column(reading.name, kind.logical, table.null_counts[place] > 0, kind.storage, note))
    return described


def _note(table: DumpTable, place: int) -> str | None:
    column, reading = table.columns[place], table.readings[place]
    before = table.first_readings[place] if table.first_readings else None
    if before is not None and before.has_failed and reading.kind.name == "text" and before.kind.name != "text":
        examples = ", ".join(f"“{text}”" for text in before.seen.examples.values())
        such = f" such as {examples}" if examples else ""
        if before.seen.forms <= NUMBERS and before.kind.name in ("integer", "bits", "decimal"):
            return (
                f"Kept as text, as written: together the values{such} have more digits than a decimal holds, which is {MAX_DIGITS}."
            )
        kind = KIND_WORDS.get(before.kind.name, before.kind.name)
        return f"Kept as text, as written: values{such} are no {kind} ({column.declared or 'no declared type'})."
    if before is not None and before.has_failed and reading.kind.name == "date":
        return f"Dates without a time of day ({column.declared})."
    if (before or reading).is_wider or (before is not None and before.has_failed):
        return f"Wider than declared ({column.declared}): some values would not fit."
    if reading.kind.name == "zoned":
        return "Instants in UTC; the offsets that were written are not kept."
    if not column.declared:
        return "The dump declares no type: taken from the values."
    return None


def reading_of(dump: Dump, table: DumpTable, hashes: Sequence[str]) -> dict[str, Any]:
    """How the table was read, with its keys: what decides its rows and columns."""
    source = table.source if table.rows_source is None else table.rows_source
    text = dump.texts[source]
    reading: dict[str, Any] = {
        "format": "sql_dump", "dialect": text.dialect.name, "encoding": text.encoding, "table": table.title,
        "backslash_escapes": text.dialect.escapes if table.escapes is None else table.escapes,
        "columns": [
            {"name": column.name, "declared": column.declared, "read_as": reading.kind.storage}
            for column, reading in zip(table.columns, table.readings, strict=True)
        ],
        "primary_key": table.primary_key,
        "foreign_keys": [
            {"columns": list(key.columns), "table": key.table, "referenced": list(key.referenced)} for key in table.foreign_keys
        ],
    }  # fmt: skip
    if text.compression:
        reading["compression"] = text.compression
    if table.source != source:
        reading["described_in"] = hashes[table.source]
    return reading


def notes_of(dump: Dump, table: DumpTable, *, with_whole: bool) -> list[dict[str, Any]]:
    """The notes of the table; with those of the whole dump for the one that is shown first."""
    notes = [*(dump.catalog.notes.as_list() if with_whole else []), *table.notes.as_list()]
    for reading in table.readings:
        if reading.expressions:
            of = f"{reading.expressions:,} of the values of “{reading.name}” are expressions"
            sentence = f"{of}, which are never computed: kept as written."
            notes.append({"code": "expression_kept", "count": reading.expressions, "sentence": sentence, "column": reading.name})
        if reading.mended:
            sentence = (
                f"{reading.mended:,} of the values of “{reading.name}” are not valid UTF-8; broken bytes were read as Windows-1252."
            )
            notes.append({"code": "broken_encoding", "count": reading.mended, "sentence": sentence, "column": reading.name})
    if table.left_out:
        names = ", ".join(f"“{name}”" for name in sorted(table.left_out)[:MAX_NAMED])
        sentence = f"Rows that do not name {names} have no value there: what the database would have filled in is not in the dump."
        notes.append({"code": "columns_left_out", "count": len(table.left_out), "sentence": sentence})
    if not table.created:
        sentence = "No CREATE TABLE describes this table: its columns and types are taken from its rows."
        notes.append({"code": "not_described", "count": 1, "sentence": sentence, "lines": [table.line]})
    if not table.row_count:
        notes.append({"code": "no_rows", "count": 1, "sentence": "The table has no rows.", "lines": [table.line]})
    if not dump.texts[table.source].is_dialect_known:
        sentence = "Nothing tells which database made the dump: texts are read as standard SQL, a backslash stands for itself."
        notes.append({"code": "dialect_assumed", "count": 1, "sentence": sentence})
    return notes
