"""Reads the sheets of a workbook (XLSX, XLSM, XLSB, XLS, ODS) into typed Parquet; encrypted and damaged ones are refused."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from itertools import chain, islice
from pathlib import Path
from typing import Any

import python_calamine as calamine
from cell_store import BATCH_ROWS, CellStore, cell_text
from column_types import Typing
from csv_layout import Layout, lay_out, say_layout, usable_names
from csv_records import Record
from csv_table import Table, too_many_columns, too_many_rows
from package_mending import ERRORS
from reading_progress import Progress
from repair_notes import Repairs, counted
from sheet_cells import UnusualSheet
from sheet_end import HELD_ROWS, End, find_end, say_end, summed_columns
from sheet_table import read_rows
from table_settings import Settings
from typed_table import connect, one_row, write_converted, write_fixed
from workbook_file import Book, is_package
from xls_records import Found

from harness_core.sdk import Column, InputRejected
from harness_core.sdk.dataset import quote_name

HEAD_ROWS = 500
COVER_SHARE = 1 / 20  # a first sheet with so small a share of the largest one's cells is a cover or a legend


def _wanted(tabs: Sequence[str], names: Sequence[str], wanted: str | int) -> list[str]:
    """The names of the sheets that are asked for; an index counts all tabs, charts too, as a person sees them."""
    if wanted == "all":
        return list(names)
    if isinstance(wanted, int) or (wanted not in names and wanted.isdigit()):
        if 0 <= int(wanted) < len(tabs) and tabs[int(wanted)] in names:
            return [tabs[int(wanted)]]
    elif wanted in names:
        return [wanted]
    raise InputRejected(
        f"The workbook has no sheet {wanted!r} with cells; it has {', '.join(names)}.",
        remedy="Name one of these.",
        code="no_such_sheet",
    )


def read_workbook(path: Path, settings: Settings, work: Path, memory_mb: int, progress: Progress) -> tuple[list[Table], Repairs]:
    """One table per sheet that is not empty, the main one first, and the notes about the workbook as a whole."""
    book, notes = Book.found(path, settings.max_expanded_bytes, work), Repairs()
    names, settings = _wanted(book.tabs, book.names, settings.sheet), _with_error_tokens(settings)
    tables, empty = list[Table](), list[str]()
    for index, name in enumerate(names):
        folder = work / f"sheet-{index}"
        folder.mkdir(parents=True, exist_ok=True)
        heard = _part_of(progress, index, len(names))
        is_glimpse = settings.stop_after_rows is not None
        table = None if is_glimpse else _read_large(book.path, name, settings, folder, memory_mb, heard)
        if table is None:
            sheet, errors = book.sheet(name, work, is_glimpse=is_glimpse)
            table = _read_sheet(sheet, errors, settings, folder, memory_mb, heard)
        if table is None:
            empty.append(name)
        else:
            tables.append(table)
        if tables and settings.stop_after_rows:
            break
    if not tables:
        raise InputRejected("The workbook holds no cells.", remedy="Check the export that made it.", code="empty_file")
    tables = _main_first(tables, book.hidden)
    _say_sheets(tables, book.hidden, empty, notes)
    return tables, notes


def _main_first(tables: list[Table], hidden: set[str]) -> list[Table]:
    """Visible sheets before hidden ones, in the order of their tabs, but for covers and legends before the first real table."""
    ordered = sorted(tables, key=lambda table: table.title in hidden)
    visible = [table for table in ordered if table.title not in hidden] or ordered
    sizes = [table.row_count * len(table.columns) for table in visible]
    main = next(table for table, size in zip(visible, sizes, strict=True) if size >= COVER_SHARE * max(sizes))
    return [main, *(table for table in ordered if table is not main)]


def _say_sheets(tables: Sequence[Table], hidden: set[str], empty: Sequence[str], notes: Repairs) -> None:
    if len(tables) > 1:
        words = counted(len(tables) - 1, "more sheet is a dataset of its own", "more sheets are datasets of their own")
        listed = ", ".join(f"“{table.title}”{' (hidden)' if table.title in hidden else ''}" for table in tables[1:])
        notes.add("more_sheets", len(tables) - 1, f"“{tables[0].title}” is the main table; {words}: {listed}.")
    if empty:
        listed = ", ".join(f"“{name}”" for name in empty)
        notes.add("empty_sheets", len(empty), f"{counted(len(empty), 'empty sheet was', 'empty sheets were')} left out: {listed}.")


def _with_error_tokens(settings: Settings) -> Settings:
    """The errors of cells mean no value."""
    rules = settings.type_rules
    return replace(settings, type_rules=replace(rules, null_tokens=rules.null_tokens | {text.lower() for text in ERRORS.values()}))


def _part_of(progress: Progress, index: int, count: int) -> Progress:
    return lambda share, what, rows=0: progress((index + share) / count, what, rows if count == 1 else 0)


def _read_large(path: Path, name: str, settings: Settings, work: Path, memory_mb: int, progress: Progress) -> Table | None:
    """The table of a large XLSX sheet, read many rows at once; None for any other, and where something in it is unusual."""
    if not is_package(path):
        return None
    try:
        rows = read_rows(
            path, name, settings, HEAD_ROWS, work, lambda share, height: progress(0.7 * share, "reading cells", height)
        )
        repairs = Repairs()
        if rows.row_count > settings.max_rows:
            raise too_many_rows(settings.max_rows + 1, settings.max_rows)
        names = usable_names(rows.layout.names, Repairs(), rows.layout.header_rows)
        store = CellStore(work / "parts", settings.type_rules, rows.kinds_of(names))
    except UnusualSheet:
        return None
    _leave_empty_out(store, names, rows.layout, rows.row_count, repairs)
    _say_blank(rows.blank, repairs)
    say_layout(rows.layout, repairs, "row")
    say_end(rows.end, [names[column - rows.columns[0]] for column in rows.summed], repairs)
    tokens = {column: sum(kinds.tokens.values()) for column, kinds in store.columns.items()}
    target = work / "table.parquet"
    with connect(work, memory_mb) as connection:
        typings = rows.proved(connection, names, store.typings())
        items = rows.items(names, typings)
        columns = write_converted(
            connection, rows.relation(), items, typings, target, tokens, repairs,
            lambda share: progress(0.7 + 0.3 * share, "writing", rows.row_count),
        )  # fmt: skip
    reading = _reading(name, rows.layout, rows.end, rows.columns[0], columns)
    return Table(target, [column for column, _ in columns], rows.row_count, reading, repairs, name)


def _read_sheet(
    sheet: "calamine.CalamineSheet", errors: Found, settings: Settings, work: Path, memory_mb: int, progress: Progress
) -> Table | None:
    if sheet.start is None or sheet.end is None:
        return None
    width, height = sheet.end[1] - sheet.start[1] + 1, sheet.total_height
    if width > settings.max_columns:
        raise too_many_columns(width, settings.max_columns)
    repairs = Repairs()
    rows = _rows(sheet, errors, settings.skip_rows)
    head = list(islice(rows, HEAD_ROWS))
    if not any(any(cell_text(value)[1] for value in values) for _, values in head):
        return None
    layout = lay_out(
        [Record([cell_text(value)[1] or "" for value in values], line) for line, values in head], width, settings.header
    )
    names = usable_names(layout.names, Repairs(), layout.header_rows)
    store = CellStore(work / "parts", settings.type_rules, {})
    for name in names:
        store.add_column(name)
    body: Iterable[tuple[int, list[Any]]] = chain(head[layout.body :], rows)
    if settings.header is not False:
        body = _repeated(body, sheet, layout.body_line, repairs)
    end = _fill(store, names, body, settings, height, repairs, progress)
    end, summed = _proved(end, store, names, work, memory_mb)
    noted = Repairs()
    _leave_empty_out(store, names, layout, store.row_count, noted)
    repairs.notes[:0] = noted.notes
    say_layout(layout, repairs, "row")
    say_end(end, summed, repairs)
    return _typed(store, sheet, layout, end, work, memory_mb, repairs)


def _leave_empty_out(store: CellStore, names: Sequence[str], layout: Layout, row_count: int, repairs: Repairs) -> None:
    """Forget the columns beside a table with a header that have neither a name nor a value, and note how the others are called."""
    empty = [
        place
        for place, name in enumerate(names)
        if layout.header_rows and row_count and not layout.names[place].strip()
        and not store.columns[name].kinds and not store.columns[name].tokens
    ]  # fmt: skip
    usable_names(layout.names, repairs, layout.header_rows, empty)
    for place in empty:
        del store.columns[names[place]]
    if empty:
        words = counted(len(empty), "column without a name or a value was", "columns without a name or a value were")
        repairs.add("empty_columns", len(empty), f"{words} left out.")


def _proved(end: End, store: CellStore, names: Sequence[str], work: Path, memory_mb: int) -> tuple[End, list[str]]:
    """The end, and the columns whose sums its row of totals holds; one without sums is a row as any other, and stored."""
    if end.total is None:
        return end, []
    cells = end.total[1]
    asked = [column for column in cells if store.columns[names[column]].are_numbers]
    items = ", ".join(f"coalesce(sum(TRY_CAST({quote_name(names[column])} AS DOUBLE)), 0)" for column in asked)
    with connect(work, memory_mb) as connection:
        sums = one_row(connection, f"SELECT {items} FROM ({store.relation()})") if asked else ()
    proved = summed_columns(cells, dict(zip(asked, sums, strict=True)))
    if not proved:
        store.add_rows(names, [[cells.get(column) for column in range(len(names))]])
        end = replace(end, total=None)
    return end, [names[column] for column in proved]


def _rows(sheet: "calamine.CalamineSheet", errors: Found, skip: int) -> Iterator[tuple[int, list[Any]]]:
    """The rows with their numbers (from 1); they begin at the first used column."""
    first = sheet.start[1] if sheet.start else 0
    for number, values in enumerate(sheet.iter_rows(), start=1):
        for column, text in errors.get(number - 1, {}).items():
            values[column - first] = text
        if number > skip:
            yield number, values


def _repeated(
    body: Iterable[tuple[int, list[Any]]], sheet: "calamine.CalamineSheet", first_number: int, repairs: Repairs
) -> Iterator[tuple[int, list[Any]]]:
    """The rows of the table, with the label of a cell that is merged downwards in each row beside it.

    A label is a text or a date: an amount that stands for several rows must not be added up more than once.
    """
    spans = {
        (column - (sheet.start or (0, 0))[1], top + 1): bottom + 1
        for (top, column), (bottom, _) in sheet.merged_cell_ranges or ()
        if bottom > top and top + 1 >= first_number
    }
    filled: list[int] = []
    held: dict[int, tuple[int, Any]] = {}
    for number, values in body:
        held = {column: label for column, label in held.items() if number <= label[0]}
        missing = [column for column in held if not _is_filled(values[column])]
        if missing and any(map(_is_filled, values)):
            filled.append(number)
            for column in missing:
                values[column] = held[column][1]
        if spans:
            begun = [column for column, value in enumerate(values) if (column, number) in spans and isinstance(value, str | date)]
            held |= {column: (spans[column, number], values[column]) for column in begun if values[column]}
        yield number, values
    if filled:
        words = counted(len(filled), "row lies", "rows lie")
        sentence = f"{words} beside labels that are merged downwards; these were repeated there."
        repairs.add("merged_cells", len(filled), sentence, lines=filled)


def _fill(
    store: CellStore, names: Sequence[str], body: Iterable[tuple[int, list[Any]]], settings: Settings, height: int,
    repairs: Repairs, progress: Progress,
) -> End:  # fmt: skip
    """Store the rows of the table but for those behind it, which are returned; a row of totals is still to be proved."""
    blank: list[int] = []
    pending: list[int] = []
    held: list[tuple[int, list[Any]]] = []
    for number, values in body:
        if not any(values) and not any(map(_is_filled, values)):
            pending.append(number)
            continue
        if pending:
            blank, pending = blank + pending, []
        held.append((number, values))
        if settings.stop_after_rows and len(held) >= settings.stop_after_rows:
            break
        if len(held) == BATCH_ROWS + HELD_ROWS:
            store.add_rows(names, [values for _, values in held[:BATCH_ROWS]])
            held = held[BATCH_ROWS:]
            progress(0.7 * number / max(1, height), "reading cells", height)
        if store.row_count + len(held) > settings.max_rows:
            raise too_many_rows(store.row_count + len(held), settings.max_rows)
    end = _end_of(held, store.row_count, settings)
    kept = [(number, values) for number, values in held if end.begins is None or number < end.begins]
    store.add_rows(names, [values for _, values in kept])
    _say_blank([number for number in blank if end.begins is None or number < kept[-1][0]], repairs)
    return end


def _is_filled(value: Any) -> bool:
    return value is not None and value != ""


def _end_of(held: Sequence[tuple[int, list[Any]]], row_count: int, settings: Settings) -> End:
    """What stands behind the table; nothing where rows are to be taken as they come, or the rest is not read."""
    if settings.header is False or settings.stop_after_rows:
        return End()
    last = [
        (number, {column: value for column, value in enumerate(values) if _is_filled(value)})
        for number, values in held[-HELD_ROWS:]
    ]
    return find_end(last, row_count + len(held) - len(last))


def _say_blank(blank: list[int], repairs: Repairs) -> None:
    if blank:
        repairs.add("blank_rows", len(blank), f"{counted(len(blank), 'blank row was', 'blank rows were')} left out.", lines=blank)


def _typed(
    store: CellStore, sheet: "calamine.CalamineSheet", layout: Layout, end: End, work: Path, memory_mb: int, repairs: Repairs
) -> Table:
    path = work / "table.parquet"
    with connect(work, memory_mb) as connection:
        columns = write_fixed(connection, store.relation(), store.typings(), path, repairs)
    reading = _reading(sheet.name, layout, end, sheet.start[1] if sheet.start else 0, columns)
    if any(note.code == "merged_cells" for note in repairs.notes):
        reading["labels_repeated"] = True
    return Table(path, [column for column, _ in columns], store.row_count, reading, repairs, sheet.name)


def _reading(title: str, layout: Layout, end: End, first_column: int, columns: Sequence[tuple[Column, Typing]]) -> dict[str, Any]:
    return {
        "format": "workbook", "sheet": title, "header": bool(layout.header_rows), "header_rows": layout.header_rows,
        "skip_rows": layout.body_line - 1,
        "columns": [{"name": column.name, **typing.as_reading()} for column, typing in columns],
        "first_column": first_column,
        **({"end_row": end.begins} if end.begins else {}),
    }  # fmt: skip
