"""Reads the sheets of a workbook (XLSX, XLSM, XLSB, XLS, ODS) into typed Parquet; encrypted and damaged ones are refused."""

import shutil
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import python_calamine as calamine
from cell_store import BATCH_ROWS, CellStore, cell_text
from column_types import Typing
from csv_layout import Layout, lay_out, say_layout, usable_names
from csv_records import Record
from csv_table import Table, too_many_columns, too_many_rows
from reading_progress import Progress
from repair_notes import Repairs, counted
from sheet_cells import UnusualSheet
from sheet_table import read_rows
from table_settings import Settings
from text_source import MAX_RATIO, RATIO_FLOOR_BYTES, too_large
from typed_table import connect, write_converted, write_typed

from harness_core.sdk import Column, InputRejected

HEAD_ROWS = 500
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def check_package(path: Path, max_bytes: int) -> None:
    """Raise for a damaged zip package, and for one whose parts would grow beyond all reason when unpacked."""
    try:
        with zipfile.ZipFile(path) as package:
            parts = package.infolist()
            manifest = package.read("META-INF/manifest.xml") if "META-INF/manifest.xml" in package.namelist() else b""
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, NotImplementedError, RuntimeError) as reason:
        raise corrupt() from reason
    expanded, packed = sum(part.file_size for part in parts), max(1, path.stat().st_size)
    if expanded > max_bytes or (expanded > RATIO_FLOOR_BYTES and expanded > MAX_RATIO * packed):
        raise too_large(expanded, packed)
    if any(part.flag_bits & 1 for part in parts) or b"encryption-data" in manifest:
        raise encrypted()


def encrypted() -> InputRejected:
    return InputRejected(
        "The workbook is protected by a password.",
        remedy="Save it without the password and upload it again.",
        code="encrypted_workbook",
    )


def corrupt() -> InputRejected:
    return InputRejected(
        "The workbook is damaged or cut off.", remedy="Open it in a spreadsheet program and save it again.", code="corrupt_workbook"
    )


def open_workbook(path: Path, max_bytes: int, work: Path) -> "calamine.CalamineWorkbook":
    """The opened workbook; the reader tells some formats by the name only, so that an unreadable one is tried as XLS, too."""
    with path.open("rb") as file:
        head = file.read(8)
    if head.startswith(b"PK"):
        check_package(path, max_bytes)
    try:
        with path.open("rb") as file:
            return calamine.CalamineWorkbook.from_filelike(file)
    except Exception as reason:  # the reader's own errors, and what its parsers raise for rubbish
        if isinstance(reason, calamine.PasswordError) or (head.startswith(OLE) and _is_encrypted(path, work)):
            raise encrypted() from reason
        raise corrupt() from reason


def _is_encrypted(path: Path, work: Path) -> bool:
    """Office wraps an encrypted workbook in an OLE file with a stream of this name; older ones say so when read as XLS."""
    if "EncryptedPackage".encode("utf-16-le") in path.read_bytes():
        return True
    named = work / "workbook.xls"
    shutil.copyfile(path, named)
    try:
        calamine.CalamineWorkbook.from_path(str(named))
    except calamine.PasswordError:
        return True
    except Exception:  # damaged in another way, which the caller says
        return False
    finally:
        named.unlink()
    return False


def sheet_names(workbook: "calamine.CalamineWorkbook") -> list[str]:
    """The sheets that hold cells (no charts, no macros), in the workbook's order."""
    kept = (calamine.SheetTypeEnum.WorkSheet, calamine.SheetTypeEnum.MacroSheet)
    return [sheet.name for sheet in workbook.sheets_metadata if sheet.typ in kept]


def _wanted(names: Sequence[str], wanted: str | int) -> list[str]:
    if wanted == "all":
        return list(names)
    if isinstance(wanted, int) or (wanted not in names and wanted.isdigit()):
        if 0 <= int(wanted) < len(names):
            return [names[int(wanted)]]
    elif wanted in names:
        return [wanted]
    raise InputRejected(
        f"The workbook has no sheet {wanted!r}; it has {', '.join(names)}.", remedy="Name one of these.", code="no_such_sheet"
    )


def read_workbook(path: Path, settings: Settings, work: Path, memory_mb: int, progress: Progress) -> tuple[list[Table], Repairs]:
    """One table per sheet that is not empty, and the notes about the workbook as a whole."""
    workbook, notes = open_workbook(path, settings.max_expanded_bytes, work), Repairs()
    tables, names, empty = [], _wanted(sheet_names(workbook), settings.sheet), []
    for index, name in enumerate(names):
        folder = work / f"sheet-{index}"
        folder.mkdir(parents=True, exist_ok=True)
        heard = _part_of(progress, index, len(names))
        table = None if settings.stop_after_rows else _read_large(path, name, settings, folder, memory_mb, heard)
        if table is None:
            table = _read_sheet(_sheet(workbook, name), settings, folder, memory_mb, heard)
        if table is None:
            empty.append(name)
        else:
            tables.append(table)
        if tables and settings.stop_after_rows:
            break
    if empty:
        listed = ", ".join(f"“{name}”" for name in empty)
        notes.add("empty_sheets", len(empty), f"{counted(len(empty), 'empty sheet was', 'empty sheets were')} left out: {listed}.")
    if not tables:
        raise InputRejected("The workbook holds no cells.", remedy="Check the export that made it.", code="empty_file")
    return tables, notes


def _part_of(progress: Progress, index: int, count: int) -> Progress:
    return lambda share, what, rows=0: progress((index + share) / count, what, rows if count == 1 else 0)


def _sheet(workbook: "calamine.CalamineWorkbook", name: str) -> "calamine.CalamineSheet":
    try:
        return workbook.get_sheet_by_name(name)
    except Exception as reason:  # any of the reader's errors means that this part of the package is damaged
        raise corrupt() from reason


def _read_large(path: Path, name: str, settings: Settings, work: Path, memory_mb: int, progress: Progress) -> Table | None:
    """The table of a large XLSX sheet, read many rows at once; None for any other, and where something in it is unusual."""
    if not zipfile.is_zipfile(path):
        return None
    try:
        rows = read_rows(
            path, name, settings, HEAD_ROWS, work, lambda share, height: progress(0.7 * share, "reading cells", height)
        )
        repairs = Repairs()
        if rows.row_count > settings.max_rows:
            raise too_many_rows(settings.max_rows + 1, settings.max_rows)
        names = usable_names(rows.layout.names, repairs, rows.layout.header_rows)
        store = CellStore(work / "parts", settings.type_rules, rows.kinds_of(names))
    except UnusualSheet:
        return None
    _say_blank(rows.blank, repairs)
    say_layout(rows.layout, repairs, "row")
    tokens = {column: sum(kinds.tokens.values()) for column, kinds in store.columns.items()}
    target = work / "table.parquet"
    with connect(work, memory_mb) as connection:
        typings = rows.proved(connection, names, store.typings())
        items = rows.items(names, typings)
        columns = write_converted(
            connection, rows.relation(), items, typings, target, tokens, repairs,
            lambda share: progress(0.7 + 0.3 * share, "writing", rows.row_count),
        )  # fmt: skip
    reading = _reading(name, rows.layout, rows.columns[0], columns)
    return Table(target, [column for column, _ in columns], rows.row_count, reading, repairs, name)


def _read_sheet(
    sheet: "calamine.CalamineSheet", settings: Settings, work: Path, memory_mb: int, progress: Progress
) -> Table | None:
    if sheet.start is None or sheet.end is None:
        return None
    width, height = sheet.end[1] - sheet.start[1] + 1, sheet.total_height
    if width > settings.max_columns:
        raise too_many_columns(width, settings.max_columns)
    repairs = Repairs()
    rows = _rows(sheet, settings.skip_rows)
    head = list(islice(rows, HEAD_ROWS))
    if not any(any(cell_text(value)[1] for value in values) for _, values in head):
        return None
    layout = lay_out(
        [Record([cell_text(value)[1] or "" for value in values], line) for line, values in head], width, settings.header
    )
    names = usable_names(layout.names, repairs, layout.header_rows)
    store = CellStore(work / "parts", settings.type_rules, {})
    for name in names:
        store.add_column(name)
    _fill(store, names, _body(head, rows, layout), settings, height, repairs, progress)
    say_layout(layout, repairs, "row")
    return _typed(store, sheet, layout, work, memory_mb, repairs)


def _rows(sheet: "calamine.CalamineSheet", skip: int) -> Iterator[tuple[int, list[Any]]]:
    """The rows with their numbers (from 1); they begin at the first used column."""
    for number, values in enumerate(sheet.iter_rows(), start=1):
        if number > skip:
            yield number, values


def _body(
    head: Sequence[tuple[int, list[Any]]], rest: Iterator[tuple[int, list[Any]]], layout: Layout
) -> Iterator[tuple[int, list[Any]]]:
    yield from head[layout.body :]
    yield from rest


def _fill(
    store: CellStore, names: Sequence[str], body: Iterator[tuple[int, list[Any]]], settings: Settings, height: int,
    repairs: Repairs, progress: Progress,
) -> None:  # fmt: skip
    blank: list[int] = []
    pending: list[int] = []
    rows: list[list[Any]] = []
    for number, values in body:
        if not any(values) and not any(value is not None and value != "" for value in values):
            pending.append(number)
            continue
        if pending:
            blank, pending = blank + pending, []
        rows.append(values)
        if settings.stop_after_rows and len(rows) >= settings.stop_after_rows:
            break
        if len(rows) == BATCH_ROWS:
            store.add_rows(names, rows)
            rows = []
            progress(0.7 * number / max(1, height), "reading cells", height)
        if store.row_count + len(rows) > settings.max_rows:
            raise too_many_rows(store.row_count + len(rows), settings.max_rows)
    store.add_rows(names, rows)
    _say_blank(blank, repairs)


def _say_blank(blank: list[int], repairs: Repairs) -> None:
    if blank:
        repairs.add("blank_rows", len(blank), f"{counted(len(blank), 'blank row was', 'blank rows were')} left out.", lines=blank)


def _typed(
    store: CellStore, sheet: "calamine.CalamineSheet", layout: Layout, work: Path, memory_mb: int, repairs: Repairs
) -> Table:
    path = work / "table.parquet"
    with connect(work, memory_mb) as connection:
        columns = write_typed(connection, store.relation(), {}, store.rules, path, repairs, fixed=store.typings())
    reading = _reading(sheet.name, layout, sheet.start[1] if sheet.start else 0, columns)
    return Table(path, [column for column, _ in columns], store.row_count, reading, repairs, sheet.name)


def _reading(title: str, layout: Layout, first_column: int, columns: Sequence[tuple[Column, Typing]]) -> dict[str, Any]:
    return {
        "format": "workbook", "sheet": title, "header": bool(layout.header_rows), "header_rows": layout.header_rows,
        "skip_rows": layout.body_line - 1,
        "columns": [{"name": column.name, **typing.as_reading()} for column, typing in columns],
        "first_column": first_column,
    }  # fmt: skip
