"""Reads a large sheet of an XLSX package into a typed Parquet, stretch by stretch, with the same result as the general reader.

Two threads look at stretches while the next ones are unpacked; typed parts on disk keep the memory small, however long the sheet.
"""

import shutil
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import duckdb
import numpy
import pyarrow
import pyarrow.compute
import pyarrow.parquet
from cell_store import SAMPLE_TEXTS, Kinds, cell_text
from column_sql import texts_of, value_sql
from column_types import Typing
from csv_layout import Layout, lay_out
from csv_records import Record
from sheet_cells import UnusualSheet
from sheet_columns import Lookup, Stretch, read_stretch
from sheet_end import HELD_ROWS, End, find_end, summed_columns
from sheet_package import SheetPart, find_part, look_up, stretches
from table_settings import Settings
from typed_table import survivors

from harness_core.sdk.dataset import quote_name, quote_text

THREADS, WAITING = 2, 3
HELD_STRETCHES = 2  # until it is known what stands behind the table
PART_ROWS = 60_000
SMALLEST_BYTES = 4 << 20
MAX_HEAD_STRETCHES = 16
Told = Callable[[float, int], None]


@dataclass
class SheetRows:
    """A sheet's rows in typed parts on disk; ``columns`` (the first and the last), as all others, count from sheet column 0."""

    layout: Layout
    columns: tuple[int, int]
    kinds: dict[int, Kinds]
    folder: Path
    last_number: int
    row_count: int = 0
    blank: list[int] = field(default_factory=list)
    end: End = field(default_factory=End)
    summed: list[int] = field(default_factory=list)
    sums: dict[int, float] = field(default_factory=dict)
    _waiting: list[pyarrow.Table] = field(default_factory=list)
    _parts: int = 0

    def add(self, stretch: Stretch) -> None:
        """Take in the rows that follow; blank ones between them are noted by their numbers."""
        for column, kinds in stretch.kinds.items():
            self.kinds.setdefault(column, Kinds()).add(kinds)
        for column, texts in stretch.texts.items():
            held = self.kinds[column].texts
            for array in texts:
                held += array[: max(0, SAMPLE_TEXTS - len(held))].to_pylist()
        if not len(stretch.numbers):
            return
        gaps = numpy.flatnonzero(numpy.diff(stretch.numbers, prepend=self.last_number) > 1)
        for place in gaps.tolist():
            before = int(stretch.numbers[place - 1]) if place else self.last_number
            self.blank += range(before + 1, int(stretch.numbers[place]))
        self.last_number = int(stretch.numbers[-1])
        for name in stretch.table.column_names:
            if name[0] == "n":
                total = pyarrow.compute.sum(stretch.table[name]).as_py() or 0.0
                self.sums[int(name[1:])] = self.sums.get(int(name[1:]), 0.0) + total
        self._waiting.append(stretch.table)
        self.row_count += stretch.table.num_rows
        if sum(table.num_rows for table in self._waiting) >= PART_ROWS:
            self.flush()

    def flush(self) -> None:
        if self._waiting:
            self._write(pyarrow.concat_tables(self._waiting, promote_options="default"), self._part(self._parts))
            self._waiting, self._parts = [], self._parts + 1

    def _part(self, index: int) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f"part-{index:06}.parquet"

    def _write(self, table: pyarrow.Table, path: Path) -> None:
        pyarrow.parquet.write_table(table, path, compression="lz4", use_dictionary=False, write_statistics=False)

    def relation(self) -> str:
        """SQL for all rows in order, every sheet column as it stands in the parts."""
        parts = ", ".join(quote_text(str(self._part(index))) for index in range(self._parts))
        return f"SELECT * FROM read_parquet([{parts}], union_by_name=true)"

    def items(self, names: Sequence[str], typings: dict[str, Typing]) -> dict[str, str]:
        """Per column that has a typing, its value as SQL over :meth:`relation`; texts of mixed columns are written first."""
        self.flush()
        sheet_columns = {name: column for column, name in enumerate(names, start=self.columns[0]) if name in typings}
        mixed = [
            column
            for name, column in sheet_columns.items()
            if typings[name].type == "text" and set(self._kinds(column).kinds) - {"text"}
        ]
        if mixed:
            self._write_mixed(mixed)
        held = set(chain.from_iterable(pyarrow.parquet.read_schema(self._part(index)).names for index in range(self._parts)))
        return {name: _item(column, typings[name], held, column in mixed) for name, column in sheet_columns.items()}

    def _kinds(self, column: int) -> Kinds:
        return self.kinds.get(column, Kinds())

    def sums_of_numbers(self) -> dict[int, float]:
        """The sums of the columns that hold numbers only."""
        return {column: total for column, total in self.sums.items() if self._kinds(column).are_numbers}

    def proved(self, connection: duckdb.DuckDBPyConnection, names: Sequence[str], typings: dict[str, Typing]) -> dict[str, Typing]:
        """The typings, text instead where some text is not the date that it is to be."""
        formats = {name: typing.format for name, typing in typings.items()}
        texts = {f"t{column}": name for column, name in enumerate(names, start=self.columns[0]) if formats.get(name)}
        found = survivors(connection, self.relation(), {column: typings[name] for column, name in texts.items()}) if texts else {}
        return typings | {texts[column]: typing for column, typing in found.items()}

    def kinds_of(self, names: Sequence[str]) -> dict[str, Kinds]:
        return {name: self._kinds(column) for name, column in zip(names, range(self.columns[0], self.columns[1] + 1), strict=True)}

    def _write_mixed(self, columns: Sequence[int]) -> None:
        """Add to each part the texts of columns whose cells are of several kinds, or that are to be text."""
        for index in range(self._parts):
            table = pyarrow.parquet.read_table(self._part(index))
            for column in columns:
                texts = [cell_text(value)[1] for value in _values(table, column)]
                table = table.append_column(f"x{column}", pyarrow.array(texts, pyarrow.string()))
            self._write(table, self._part(index))


def _item(column: int, typing: Typing, held: set[str], is_mixed: bool) -> str:
    if is_mixed:
        return quote_name(f"x{column}")
    letter = {"integer": "n", "float": "n", "boolean": "b", "text": "t"}.get(typing.type, "d")
    name = f"t{column}" if typing.format else f"{letter}{column}"
    if name not in held:
        return f"NULL::{typing.storage}"
    return (
        value_sql(f"({texts_of(quote_name(name), typing)})", typing)
        if typing.format
        else f"CAST({quote_name(name)} AS {typing.storage})"
    )


def _values(table: pyarrow.Table, column: int) -> list[Any]:
    """The cells of a sheet column as Python values, as the general reader gives them."""
    found: list[Any] = [None] * table.num_rows
    for letter in "ntbd":
        name = f"{letter}{column}"
        if name in table.column_names:
            for row, value in enumerate(table[name].to_pylist()):
                if value is not None:
                    is_day = letter == "d" and (value.hour, value.minute, value.second, value.microsecond) == (0, 0, 0, 0)
                    found[row] = value.date() if is_day else value
    return found


def read_rows(path: Path, sheet: str, settings: Settings, head_rows: int, work: Path, told: Told) -> SheetRows:
    """The rows of the sheet behind its header; more than ``max_rows`` are not counted to the end. Raises UnusualSheet.

    ``told`` hears the share that is done and how many rows there are, as far as is known.
    """
    folder = work / "stretches"
    try:
        with zipfile.ZipFile(path) as package:
            part = find_part(package, sheet)
            if part.size_bytes < SMALLEST_BYTES:
                raise UnusualSheet("a sheet that is read as quickly cell by cell")
            lookup = look_up(package, part, work, settings.type_rules.null_tokens)
            merged: list[int] = []
            rows = _read(stretches(package, part, merged), part, lookup, settings, head_rows, folder, told)
            if settings.header is not False and any(number >= rows.layout.body_line for number in merged):
                raise UnusualSheet("cells that are merged downwards within the table")
            return rows
    except (UnusualSheet, zipfile.BadZipFile, OSError, ValueError, KeyError, RuntimeError, EOFError, zlib.error) as reason:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(reason, UnusualSheet):
            raise
        raise UnusualSheet("a package that cannot be read") from reason


def _read(
    pieces: Iterator[tuple[bytes, int]],
    part: SheetPart,
    lookup: Lookup,
    settings: Settings,
    head_rows: int,
    folder: Path,
    told: Told,
) -> SheetRows:
    first: list[tuple[bytes, int]] = []
    looked_at: list[Stretch] = []
    while not looked_at or looked_at[-1].last_number < settings.skip_rows + head_rows:
        piece = next(pieces, None)
        if piece is None:
            break
        first.append(piece)
        looked_at.append(read_stretch(piece[0], lookup, 1))
        if len(first) > MAX_HEAD_STRETCHES:
            raise UnusualSheet("a sheet whose first rows are very long")
    columns = _span([stretch.columns for stretch in looked_at])
    cells = _head_cells(looked_at, settings.skip_rows, settings.skip_rows + head_rows)
    layout = _layout(cells, columns, settings)
    first_number = settings.skip_rows + 1 + layout.body
    rows = SheetRows(layout, columns, {}, folder, first_number - 1)
    spans = _fill(rows, chain(first, pieces), part, lookup, first_number, settings, told)
    rows.columns = _span([columns, *spans])
    if rows.columns != columns:
        rows.layout = _layout(cells, rows.columns, settings)
        if (rows.layout.body, rows.layout.body_line) != (layout.body, layout.body_line):
            raise UnusualSheet("a table whose columns show only further down")
    if not rows.row_count:
        raise UnusualSheet("a header without a table")
    rows.flush()
    return rows


def _span(spans: Sequence[tuple[int, int] | None]) -> tuple[int, int]:
    held = [span for span in spans if span is not None]
    if not held:
        raise UnusualSheet("a sheet without values at its head")
    return min(low for low, _ in held), max(high for _, high in held)


def _head_cells(looked_at: Sequence[Stretch], skip: int, stop: int) -> list[dict[int, Any]]:
    """The cells of the first rows, blank ones among them, by their columns."""
    last = max(stretch.last_number for stretch in looked_at)
    found: list[dict[int, Any]] = [{} for _ in range(skip, min(stop, last))]
    for stretch in looked_at:
        count = int(numpy.searchsorted(stretch.numbers, stop, "right"))
        table, places = stretch.table.slice(0, count), (stretch.numbers[:count] - skip - 1).tolist()
        for column in {int(name[1:]) for name in table.column_names}:
            for place, value in zip(places, _values(table, column), strict=True):
                if place >= 0 and value is not None:
                    found[place][column] = value
    return found


def _layout(cells: Sequence[dict[int, Any]], columns: tuple[int, int], settings: Settings) -> Layout:
    width = columns[1] - columns[0] + 1
    if width > settings.max_columns or not any(cells):
        raise UnusualSheet("a sheet that is refused, or empty at its head")
    span = range(columns[0], columns[1] + 1)
    records = [
        Record([cell_text(row.get(column))[1] or "" for column in span], number)
        for number, row in enumerate(cells, start=settings.skip_rows + 1)
    ]
    return lay_out(records, width, settings.header)


def _fill(
    rows: SheetRows, pieces: Iterator[tuple[bytes, int]], part: SheetPart, lookup: Lookup, first_number: int, settings: Settings,
    told: Told,
) -> list[tuple[int, int] | None]:  # fmt: skip
    """Take in all stretches in their order; returns which columns each has cells in."""
    spans: list[tuple[int, int] | None] = []
    waiting: deque[tuple[Future[Stretch], bytes, int]] = deque()
    last: deque[tuple[Stretch, bytes]] = deque()

    def take() -> None:
        seen, data, done = waiting.popleft()
        stretch = seen.result()
        last.append((stretch, data))
        if len(last) > HELD_STRETCHES:
            rows.add(last.popleft()[0])
        spans.append(stretch.columns)
        told(done / part.size_bytes, part.last_row or round(stretch.last_number * part.size_bytes / done))

    with ThreadPoolExecutor(THREADS) as pool:
        for data, done in pieces:
            waiting.append((pool.submit(read_stretch, data, lookup, first_number), data, done))
            if len(waiting) > WAITING:
                take()
            if rows.row_count > settings.max_rows:
                return spans
        while waiting:
            take()
    _close(rows, last, lookup, first_number, is_bounded=settings.header is not False)
    return spans


def _close(rows: SheetRows, last: deque[tuple[Stretch, bytes]], lookup: Lookup, first_number: int, *, is_bounded: bool) -> None:
    """Take in the last stretches, without the rows behind the table where those may be told."""
    end = _end_of(rows, [stretch for stretch, _ in last]) if is_bounded else End()
    for stretch, data in last:
        is_cut = end.begins is not None and stretch.last_number >= end.begins
        rows.add(read_stretch(data, lookup, first_number, end.begins or 0) if is_cut else stretch)
    rows.end = end
    if end.total is None:
        return
    number, cells = end.total
    rows.summed = summed_columns(cells, rows.sums_of_numbers())
    if not rows.summed:
        rows.end = replace(end, total=None)
        for stretch, data in last:
            if number in stretch.numbers:
                rows.add(read_stretch(data, lookup, number, number + 1))


def _end_of(rows: SheetRows, stretches: Sequence[Stretch]) -> End:
    found: list[tuple[int, dict[int, Any]]] = []
    for stretch in stretches:
        held = stretch.table.slice(max(0, stretch.table.num_rows - HELD_ROWS))
        cells: list[dict[int, Any]] = [{} for _ in range(held.num_rows)]
        for column in sorted({int(name[1:]) for name in held.column_names}):
            for row, value in zip(cells, _values(held, column), strict=True):
                if value is not None:
                    row[column] = value
        found += zip(stretch.numbers[len(stretch.numbers) - held.num_rows :].tolist(), cells, strict=True)
    height = rows.row_count + sum(len(stretch.numbers) for stretch in stretches)
    return find_end(found[-HELD_ROWS:], height - len(found[-HELD_ROWS:]))
