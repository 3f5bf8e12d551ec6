"""Rows of one table into Parquet: the bytes of the file depend on the rows and their types alone, not on their batches."""

from pathlib import Path

import numpy
import pyarrow
import pyarrow.compute
import pyarrow.ipc
import pyarrow.parquet

GROUP_ROWS = 122_880
GROUP_BYTES = 48 << 20


class TableWriter:
    """Collects batches and writes row groups of ``GROUP_ROWS``, or fewer where their values are longer than ``GROUP_BYTES``.

    Batches may come with wider (or narrower) decimals than those before: what is written by then is set aside, and written again
    with the types of the last in the end. What waits for its group to be full may ``rest`` on the disk.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._parts = path, list[Path]()
        self._writer: pyarrow.parquet.ParquetWriter | None = None
        self._schema: pyarrow.Schema | None = None
        self._waiting: list[pyarrow.RecordBatch] = []
        self._resting: list[Path] = []
        self._rows = self._bytes = self.held_bytes = 0

    def add(self, batch: pyarrow.RecordBatch) -> None:
        if self._schema is None:
            self._schema = batch.schema
        elif self._schema != batch.schema:
            self._change(batch.schema)
        while batch.num_rows:
            count, size = self._room_for(batch)
            if not count:
                self._flush()
                continue
            self._waiting.append(batch.slice(0, count))
            self._rows, self._bytes, self.held_bytes = self._rows + count, self._bytes + size, self.held_bytes + size
            batch = batch.slice(count)
        if self._rows == GROUP_ROWS:
            self._flush()

    def close(self, schema: pyarrow.Schema) -> None:
        """Write what waits; ``schema`` is that of the table, also where it has no rows."""
        if self._schema is not None and self._schema != schema:
            self._change(schema)
        self._schema = schema
        if self._rows or self._writer is None:
            self._flush()
        self._close()
        if self._parts:
            self._write_again(schema)

    def rest(self) -> None:
        """Put what waits on the disk, until its group is full: nothing of it is in memory then."""
        if not self._waiting:
            return
        self._resting.append(self._path.with_suffix(f".rest{len(self._resting)}"))
        with pyarrow.ipc.new_file(self._resting[-1], self._schema) as file:
            for batch in self._waiting:
                file.write_batch(batch)
        self._waiting, self.held_bytes = [], 0

    def discard(self) -> None:
        """Leave the file as it is: it will be written anew."""
        self._close()
        for path in (*self._parts, *self._resting):
            path.unlink()

    def _room_for(self, batch: pyarrow.RecordBatch) -> tuple[int, int]:
        """How many rows of the batch the group at hand still takes, and how many bytes their values have."""
        batch = batch.slice(0, GROUP_ROWS - self._rows)
        size = _size(batch)
        if self._bytes + size <= GROUP_BYTES:
            return batch.num_rows, size
        ends = numpy.cumsum(_sizes(batch))
        count = int(numpy.searchsorted(ends, GROUP_BYTES - self._bytes, side="right"))
        if not count and not self._rows:
            count = 1
        return count, int(ends[count - 1]) if count else 0

    def _flush(self) -> None:
        assert self._schema is not None
        batches = [*self._awoken(), *self._waiting]
        self._waiting, self._rows, self._bytes, self.held_bytes = [], 0, 0, 0
        self._write(pyarrow.Table.from_batches(batches, schema=self._schema).combine_chunks())

    def _awoken(self) -> list[pyarrow.RecordBatch]:
        """What rested, with the types of now."""
        found = []
        for path in self._resting:
            with pyarrow.ipc.open_file(path) as file:
                found += [file.get_batch(place).cast(self._schema) for place in range(file.num_record_batches)]
            path.unlink()
        self._resting = []
        return found

    def _write(self, table: pyarrow.Table) -> None:
        if self._writer is None:
            dictionaries = [field.name for field in table.schema if field.type == pyarrow.string()]
            self._writer = pyarrow.parquet.ParquetWriter(
                self._path, table.schema, compression="snappy", use_dictionary=dictionaries
            )
        self._writer.write_table(table, row_group_size=max(1, table.num_rows))

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer = None

    def _change(self, schema: pyarrow.Schema) -> None:
        """Go on with other types."""
        self._schema, self._waiting = schema, [batch.cast(schema) for batch in self._waiting]
        if self._writer is not None:
            self._set_aside()

    def _set_aside(self) -> None:
        self._close()
        self._parts.append(self._path.with_suffix(f".part{len(self._parts)}"))
        self._path.replace(self._parts[-1])

    def _write_again(self, schema: pyarrow.Schema) -> None:
        """The parts as one file, group by group, with the types of the table."""
        self._set_aside()
        for part in self._parts:
            with pyarrow.parquet.ParquetFile(part) as file:
                for group in range(file.num_row_groups):
                    self._write(file.read_row_group(group).cast(schema).combine_chunks())
            part.unlink()
        self._close()


def _size(batch: pyarrow.RecordBatch) -> int:
    """The bytes of the values, whatever their buffers hold besides."""
    fixed, texts = _columns(batch)
    lengths = (pyarrow.compute.sum(pyarrow.compute.binary_length(text)).as_py() for text in texts)
    return fixed * int(batch.num_rows) + sum(int(length or 0) for length in lengths)


def _sizes(batch: pyarrow.RecordBatch) -> numpy.ndarray[tuple[int], numpy.dtype[numpy.int64]]:
    """The same row by row."""
    fixed, texts = _columns(batch)
    sizes = numpy.full(batch.num_rows, fixed, numpy.int64)
    for text in texts:
        sizes += pyarrow.compute.binary_length(text).fill_null(0).to_numpy(zero_copy_only=False)
    return sizes


def _columns(batch: pyarrow.RecordBatch) -> tuple[int, list[pyarrow.Array]]:
    """The bytes of a row's values of fixed length, and the other columns."""
    texts = [column for column in batch.columns if column.type in (pyarrow.string(), pyarrow.binary())]
    fixed = sum(
        (column.type.bit_width + 7) // 8 for column in batch.columns if column.type not in (pyarrow.string(), pyarrow.binary())
    )
    return fixed, texts
