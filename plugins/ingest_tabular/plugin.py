"""Reads uploaded tables into dataset versions, exactly and with every choice and repair written down; refuses what is no table.

``run`` writes the dataset versions, ``inspect`` shows what ``run`` would read, without recording anything.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import previews
import table_files
from csv_table import Table
from repair_notes import Repairs
from table_settings import Settings

from harness_core.sdk import InputFile, PluginContext, PluginResult

DEFAULT_MEMORY_MB = 2048
ENGINE_MEMORY_MB = 512


@dataclass(frozen=True)
class _Named:
    role: str
    source: InputFile
    table: Table


def run(ctx: PluginContext) -> PluginResult:
    """Write one dataset version per table; the first has the role ``data``."""
    settings = Settings.from_mapping(ctx.settings)
    named: list[_Named] = []
    total = sum(source.size_bytes for source in ctx.inputs) or 1
    done = 0
    try:
        for index, source in enumerate(ctx.inputs):
            work = ctx.scratch / "reading" / str(index)

            def report(share: float, what: str, rows: int = 0, start: int = done, size: int = source.size_bytes) -> None:
                if rows and len(ctx.inputs) == 1:
                    ctx.progress(min(share, 1.0) * rows, rows, what, "rows")
                else:
                    ctx.progress(min(start + share * size, total), total, what, "bytes")

            tables = table_files.read(source, settings, work, _memory_mb(ctx), report)
            named += _named(tables, source, named)
            done += source.size_bytes
        datasets = [_hand_over(ctx, entry) for entry in named]
    finally:
        shutil.rmtree(ctx.scratch / "reading", ignore_errors=True)
    rows = sum(entry.table.row_count for entry in named)
    ctx.progress(rows, rows, "read", "rows")
    return PluginResult.ok(" ".join(map(_sentence, named)), metrics={"datasets": datasets})


def inspect(ctx: PluginContext) -> dict[str, Any]:
    """What ``run`` would read of the first file, with its first rows; raises InputRejected where it would refuse any."""
    settings = Settings.from_mapping(ctx.settings)
    shown = None
    for index, source in enumerate(ctx.inputs):
        work = ctx.scratch / "preview" / str(index)
        preview = previews.preview(source, settings, work, _memory_mb(ctx))
        shown = shown or preview
        shutil.rmtree(work, ignore_errors=True)
    if shown is None:
        raise LookupError("there is no input to inspect")
    return shown


def _memory_mb(ctx: PluginContext) -> int:
    """The engine's share: the reader is no faster with more, and takes more if it may."""
    return min(ENGINE_MEMORY_MB, int(ctx.limits.get("memory_mb", DEFAULT_MEMORY_MB)) // 2)


def _named(tables: Sequence[Table], source: InputFile, before: Sequence[_Named]) -> list[_Named]:
    """Roles: ``data`` for the very first table, then the cleaned file stem, with the sheet's name where a file has several."""
    taken = {entry.role for entry in before}
    named = []
    for table in tables:
        stem = table_files.clean_name(Path(source.filename).name.split(".")[0])
        role = stem if table.title is None or len(tables) == 1 else f"{stem}_{table_files.clean_name(table.title)}"
        role = "data" if not taken else role
        unique, suffix = role, 2
        while unique in taken:
            unique, suffix = f"{role}_{suffix}", suffix + 1
        taken.add(unique)
        named.append(_Named(unique, source, table))
    return named


def _hand_over(ctx: PluginContext, entry: _Named) -> dict[str, Any]:
    table = entry.table
    repairs = table.repairs.as_list()
    target = ctx.write_dataset(
        entry.role, source=entry.source, columns=table.columns, row_count=table.row_count, reading=table.reading, repairs=repairs
    )
    table.path.replace(target)
    return {
        "role": entry.role, "filename": entry.source.filename, "row_count": table.row_count, "column_count": len(table.columns),
        "format": table.reading["format"], "reading": table.reading, "repairs": repairs,
    }  # fmt: skip


def _sentence(entry: _Named) -> str:
    table = entry.table
    rows = f"{table.row_count:,} {'row' if table.row_count == 1 else 'rows'}"
    columns = f"{len(table.columns):,} {'column' if len(table.columns) == 1 else 'columns'}"
    return f"Read {rows} and {columns} from {entry.source.filename} ({table_files.described(table)}){_mentioned(table.repairs)}."


def _mentioned(repairs: Repairs) -> str:
    sentences = [raw["sentence"].rstrip(".") for raw in repairs.as_list()]
    if not sentences:
        return ""
    left = len(sentences) - 2
    more = f"; {left} more {'note' if left == 1 else 'notes'}" if left > 0 else ""
    return "; " + "; ".join(sentences[:2]) + more
