"""The tables of a dump: found, filled, and written as Parquet in row groups of fixed size, whatever the blocks they came in."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow
import pyarrow.parquet
from dump_batches import Batch, read_batch
from dump_columns import ColumnReading
from dump_parquet import TableWriter
from dump_schema import Definition, DumpColumn, ForeignKey
from dump_types import Kind
from dump_words import Notes, rejected

from harness_core.sdk import InputRejected

WAITING = 3
HELD_BYTES = 96 << 20


@dataclass
class DumpTable:
    """One table: what is known of it, and its rows so far. ``created`` False: only rows tell of it."""

    key: tuple[str, str]
    line: int
    source: int
    created: bool
    columns: list[DumpColumn]
    primary_key: list[str] = field(default_factory=list)
    foreign_keys: list[ForeignKey] = field(default_factory=list)
    readings: list[ColumnReading] = field(default_factory=list)
    row_count: int = 0
    null_counts: list[int] = field(default_factory=list)
    is_spoilt: bool = False
    is_active: bool = True
    dropped: bool = False
    rows_source: int | None = None
    joint: bytes | None = None
    escapes: bool | None = None
    left_out: set[str] = field(default_factory=set)
    first_readings: list[ColumnReading] = field(default_factory=list)
    notes: Notes = field(default_factory=Notes)
    title: str = ""

    def __post_init__(self) -> None:
        self.title = self.key[1]

    def is_called(self, names: frozenset[str]) -> bool:
        """Whether one of the lower-case names means this table, with or without its schema."""
        return bool({self.key[1].lower(), ".".join(self.key).lower()} & names)

    @property
    def place_of(self) -> dict[str, int]:
        return {column.name: place for place, column in enumerate(self.columns)}

    @classmethod
    def created_by(cls, definition: Definition, key: tuple[str, str], line: int, source: int) -> "DumpTable":
        columns = [column for column in definition.columns if not column.generated] or definition.columns
        return cls(key, line, source, True, columns, definition.primary_key, definition.foreign_keys)

    def begin_pass(self, kinds: list[Kind] | None) -> None:
        """Make ready for rows; ``kinds`` are final where they are given."""
        kinds_now = kinds or [column.kind for column in self.columns]
        self.readings = [
            ColumnReading(column.name, kind, column.default, final=kinds is not None)
            for column, kind in zip(self.columns, kinds_now, strict=True)
        ]
        self.null_counts, self.is_spoilt, self.is_active = [0] * len(self.columns), False, True

    def schema(self) -> pyarrow.Schema:
        return pyarrow.schema([(reading.name, reading.kind.arrow) for reading in self.readings])


class TableStore:
    """Takes batches in order; types and writes them beside the reading, one thread for each, in the order in which they came."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._casting, self._writing = ThreadPoolExecutor(1), ThreadPoolExecutor(1)
        self._under_way: deque[Future[Future[None] | None]] = deque()
        self._writers: dict[int, tuple[DumpTable, TableWriter]] = {}

    def __enter__(self) -> "TableStore":
        return self

    def __exit__(self, *_: object) -> None:
        self._casting.shutdown(cancel_futures=True)
        self._writing.shutdown(cancel_futures=True)

    def path(self, table: DumpTable) -> Path:
        return self._folder / f"{id(table)}.parquet"

    def take(self, table: DumpTable, batch: Batch) -> None:
        """Rows of ``table``; raises what went wrong with earlier ones."""
        while len(self._under_way) >= WAITING:
            self._settle_oldest()
        self._under_way.append(self._casting.submit(self._cast, table, batch))

    def settle(self) -> None:
        """Wait for all rows so far; raises what went wrong with the first that did."""
        while self._under_way:
            self._settle_oldest()

    def finish(self) -> None:
        """Wait for all rows, and close the files."""
        self.settle()
        for table, writer in self._writers.values():
            if table.is_spoilt:
                writer.discard()
            else:
                writer.close(table.schema())
        self._writers.clear()

    def check(self, table: DumpTable) -> None:
        """Raises AssertionError where not every row was written, which would be a fault of this program."""
        rows = pyarrow.parquet.read_metadata(self.path(table)).num_rows
        if rows != table.row_count:
            raise AssertionError(f"{rows} of {table.row_count} rows were written")

    def write_empty(self, table: DumpTable) -> None:
        TableWriter(self.path(table)).close(table.schema())

    def _settle_oldest(self) -> None:
        try:
            writing = self._under_way.popleft().result()
            if writing is not None:
                writing.result()
        except BaseException:
            self._under_way.clear()
            raise

    def _cast(self, table: DumpTable, batch: Batch) -> "Future[None] | None":
        try:
            arrays = read_batch(batch, table.readings)
        except InputRejected as reason:
            reason.line = reason.line or batch.line
            raise
        except pyarrow.ArrowCapacityError as reason:
            raise rejected("row_too_long", "A block of rows is too large.", "Lower max_row_bytes.", batch.line) from reason
        table.is_spoilt |= arrays is None
        if arrays is None or table.is_spoilt:
            return None
        for place, array in enumerate(arrays):
            table.null_counts[place] += array.null_count
        return self._writing.submit(self._write, table, pyarrow.RecordBatch.from_arrays(arrays, schema=table.schema()))

    def _write(self, table: DumpTable, batch: pyarrow.RecordBatch) -> None:
        if id(table) not in self._writers:
            self._writers[id(table)] = (table, TableWriter(self.path(table)))
        self._writers[id(table)][1].add(batch)
        if sum(writer.held_bytes for _, writer in self._writers.values()) > HELD_BYTES:
            for other, writer in self._writers.values():
                if other is not table:
                    writer.rest()


def first_rows(path: Path, count: int) -> Iterator[list[str]]:
    """The first rows of a Parquet file as texts; no value is an empty text."""
    with pyarrow.parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(count):
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                yield ["" if value is None else str(value) for value in row]
            return
