"""Reads SQL dumps into one dataset version per table, exactly, without ever executing anything; refuses what would act.

``run`` writes the dataset versions, ``inspect`` shows what ``run`` would read, without recording anything.
"""

import re
import shutil
from typing import Any

from dump_job import Dump, read_dump
from dump_previews import preview
from dump_report import columns_of, notes_of, reading_of
from dump_settings import Settings
from dump_tables import DumpTable

from harness_core.sdk import InputFile, PluginContext, PluginResult


def run(ctx: PluginContext) -> PluginResult:
    """Write one dataset version per table; the new file's with the most rows comes first and has the role ``data``."""
    settings = Settings.from_mapping(ctx.settings)
    work = ctx.scratch / "reading"
    try:
        total = sum(source.size_bytes for source in ctx.inputs)
        dump = read_dump(ctx.inputs, settings, work, lambda share, what: ctx.progress(share * total, total, what, "bytes"))
        first = max(dump.tables, key=lambda table: (_file_of(ctx, table).sha256 not in settings.earlier, table.row_count))
        ordered = [first, *(table for table in dump.tables if table is not first)]
        taken: set[str] = set()
        datasets = [_hand_over(ctx, dump, table, taken) for table in ordered]
    finally:
        shutil.rmtree(work, ignore_errors=True)
    rows = sum(table.row_count for table in dump.tables)
    ctx.progress(rows, rows, "read", "rows")
    return PluginResult.ok(_summary(dump, first, settings), metrics={"datasets": datasets})


def inspect(ctx: PluginContext) -> dict[str, Any]:
    """What ``run`` would read of the first file, with the first rows of its largest table; raises InputRejected."""
    settings = Settings.from_mapping(ctx.settings)
    work = ctx.scratch / "preview"
    try:
        return preview(ctx.inputs[0], settings, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _hand_over(ctx: PluginContext, dump: Dump, table: DumpTable, taken: set[str]) -> dict[str, Any]:
    role = _role(table, taken)
    reading = reading_of(dump, table, [source.sha256 for source in ctx.inputs])
    repairs = notes_of(dump, table, with_whole=role == "data")
    source = _file_of(ctx, table)
    columns = columns_of(table)
    target = ctx.write_dataset(role, source=source, columns=columns, row_count=table.row_count, reading=reading, repairs=repairs)
    dump.paths[id(table)].replace(target)
    return {
        "role": role, "table": table.title, "row_count": table.row_count, "column_count": len(columns), "format": "sql_dump",
        "reading": reading, "repairs": repairs,
    }  # fmt: skip


def _file_of(ctx: PluginContext, table: DumpTable) -> InputFile:
    """The one that holds its rows."""
    return ctx.inputs[table.source if table.rows_source is None else table.rows_source]


def _role(table: DumpTable, taken: set[str]) -> str:
    """``data`` for the first, then the table's name in lower-case letters, digits and underscores."""
    role = "data" if not taken else re.sub(r"[^a-z0-9]+", "_", table.title.lower()).strip("_")[:60] or "table"
    unique, suffix = role, 2
    while unique in taken:
        unique, suffix = f"{role}_{suffix}", suffix + 1
    taken.add(unique)
    return unique


def _summary(dump: Dump, first: DumpTable, settings: Settings) -> str:
    tables, rows = dump.tables, sum(table.row_count for table in dump.tables)
    empty = sum(not table.row_count for table in tables)
    word = "table" if len(tables) == 1 else "tables"
    sentence = f"Read {rows:,} rows of {len(tables):,} {word} from a {dump.texts[0].dialect.title} dump"
    if len(tables) > 1:
        of = " of the new file" if settings.earlier else ""
        sentence += f"; the largest{of}, “{first.title}” ({first.row_count:,} rows), is the one analysed as data"
    if empty:
        sentence += f"; {empty:,} {'has' if empty == 1 else 'have'} no rows"
    refused = sum(note["count"] for note in dump.catalog.notes.as_list() if note["code"] == "refused_statement")
    if refused:
        sentence += f"; {refused:,} other {'statement was' if refused == 1 else 'statements were'} refused and not run"
    return sentence + "."
