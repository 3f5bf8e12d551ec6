"""Rows as found become typed columns: Arrow's CSV reader takes them apart, and converts them where it reads a column as the
database would; other columns are made from how their values are written."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy
import pyarrow
import pyarrow.csv
from dump_casts import DATE_LENGTH
from dump_columns import ColumnReading
from dump_dialects import Dialect
from dump_digits import is_within
from dump_literals import NUMBER, Value, value_of
from dump_plain import PlainRows
from dump_planes import Bytes, Mask
from dump_rows import Rows
from dump_source import blob_bytes
from dump_types import MAX_DIGITS
from dump_values import SLASH, bare_values, copied, empty_value, replaced, unescaped

NULLS = [b"NULL", b"null", b"Null"]
NULL_TEXTS = [sign + text.decode() for sign in ("", " ") for text in NULLS]
LONGEST_NULL = max(map(len, NULL_TEXTS))
NUMBERS = frozenset({"integer", "bits", "decimal", "float", "boolean"})
COPY_DIRECT = NUMBERS | {"date", "timestamp", "text"}
TRUE, FALSE = ["t", "true", "TRUE"], ["f", "false", "FALSE"]
ATTEMPTS = 4
INTRODUCED = re.compile(rb"_\w+\s*['\"]")
FAILED_COLUMN = re.compile(r"In CSV column #(\d+):")


@dataclass
class Batch:
    """Rows of one table on their way: as found, with the columns that they give and where they begin."""

    rows: Rows
    columns: Sequence[int]
    line: int
    dialect: Dialect
    is_copy: bool = False
    delimiter: str = "\t"
    null: str = "\\N"


def read_batch(batch: Batch, readings: Sequence[ColumnReading]) -> list[pyarrow.Array] | None:
    """The columns of the table in its order, as typed arrays; None where a column does not fit or is only looked at."""
    given = [readings[index] for index in batch.columns]
    if batch.rows.plain is not None:
        arrays = _of_plain(batch, batch.rows.plain, given)
    elif batch.rows.body is not None:
        arrays = _of_copy(batch, batch.rows.body, given)
    else:
        arrays = [
            _one_by_one(column, reading, batch) for column, reading in zip(zip(*batch.rows.fields, strict=True), given, strict=True)
        ]
    found = dict(zip(batch.columns, arrays, strict=True))
    complete = [found[index] if index in found else _left_out(reading, batch) for index, reading in enumerate(readings)]
    return None if any(array is None for array in complete) else [array for array in complete if array is not None]


# -- rows of INSERTs


@dataclass
class _Column:
    """A column of plain rows: its place in them, which values are in quotes, the odd ones by row (with their places in
    ``PlainRows.ends``), and whether any text has escapes."""

    place: int
    quoted: Mask
    odd: dict[int, int]
    has_escapes: bool


def _of_plain(batch: Batch, plain: PlainRows, given: Sequence[ColumnReading]) -> list[pyarrow.Array | None]:
    columns = _columns(plain, has_escapes=batch.dialect.name == "mysql" and len(plain.escapes) > 0)
    first, step = int(plain.has_lead), 2 if plain.is_spaced else 1
    fields = [first + step * place for place in range(len(given))]

    def types() -> list[pyarrow.DataType]:
        return [
            reading.kind.arrow if _is_direct(reading, column, plain, batch.dialect) else pyarrow.binary()
            for reading, column in zip(given, columns, strict=True)
        ]

    arrays = _parsed(batch, plain.body(), given, types, fields)
    return [_plain_column(batch, plain, *parts) for parts in zip(columns, given, arrays, strict=True)]


def _columns(plain: PlainRows, *, has_escapes: bool) -> list[_Column]:
    escaped = plain.escaped_columns if has_escapes else frozenset()
    odd: dict[int, dict[int, int]] = {}
    for place in plain.odd.tolist():
        row, column = divmod(place, plain.ends.shape[1])
        odd.setdefault(column, {})[row] = place
    return [_Column(place, mask, odd.get(place, {}), place in escaped) for place, mask in enumerate(plain.quoted)]


def _is_direct(reading: ColumnReading, column: _Column, plain: PlainRows, dialect: Dialect) -> bool:
    """Whether the CSV reader makes of each value what :func:`dump_casts.cast` would."""
    name, quoted = reading.kind.name, column.quoted
    if reading.is_open or reading.is_indirect or column.odd:
        return False
    if name in NUMBERS:
        return not quoted.any() and not (name == "decimal" and _may_wrap(reading))
    if name not in ("date", "timestamp"):
        return name == "text"
    sizes = plain.sizes(column.place)
    if name == "date":
        return bool(numpy.where(quoted, sizes == DATE_LENGTH + 2, sizes <= LONGEST_NULL).all())
    shortest = DATE_LENGTH + 3 if dialect.name == "sqlite" else 0
    return bool(numpy.where(quoted, sizes >= shortest, sizes <= LONGEST_NULL).all())


def _may_wrap(reading: ColumnReading) -> bool:
    """Whether the CSV reader might make another number of a decimal: it looks at the digits first, and then multiplies."""
    return reading.is_measured or reading.kind.precision + (reading.kind.scale or 0) > MAX_DIGITS


def _plain_column(
    batch: Batch, plain: PlainRows, column: _Column, reading: ColumnReading, array: pyarrow.Array
) -> pyarrow.Array | None:
    """The values of a column as the CSV reader found them, made what they are where that is still to be done."""
    kind, quoted, odd = reading.kind.name, column.quoted, column.odd
    if array.type not in (pyarrow.string(), pyarrow.binary()):
        reading.has_fitted |= kind not in NUMBERS and array.null_count < len(array)
        return reading.noted(array)
    if array.type == pyarrow.string() and not column.has_escapes and array.null_count + numpy.count_nonzero(quoted) == len(array):
        return array
    payload = array.cast(pyarrow.binary())
    if column.has_escapes:
        payload = unescaped(payload, quoted)
    payload = bare_values(
        payload, quoted, lambda row, raw: _value(plain.raw(odd[row]) if row in odd else raw, reading, batch), batch.line
    )
    if kind == "unknown" and quoted.any():
        reading.seen.forms.add("text")
    if kind in ("bits", "binary") and quoted.any():
        payload = _quoted_bytes(payload, quoted, reading, batch)
    return reading.convert(payload, batch.dialect.name)


def _quoted_bytes(payload: pyarrow.Array, quoted: Mask, reading: ColumnReading, batch: Batch) -> pyarrow.Array:
    if reading.kind.name == "binary" and batch.dialect.blob_encoding is None:
        return payload
    texts = payload.filter(pyarrow.array(quoted)).to_pylist()
    return replaced(payload, quoted, [_text(text, Value("text", text), reading, batch) for text in texts])


def _one_by_one(column: Iterable[bytes], reading: ColumnReading, batch: Batch) -> pyarrow.Array | None:
    if batch.is_copy:
        values = [None if value == batch.null.encode() else value for value in column]
        return reading.convert(copied(pyarrow.array(values, pyarrow.binary())), batch.dialect.name)
    payload = pyarrow.array([_value(raw, reading, batch) for raw in column], pyarrow.binary())
    return reading.convert(payload, batch.dialect.name)


def _value(raw: bytes, reading: ColumnReading, batch: Batch) -> bytes | None:
    """What a single value is in a column of this kind."""
    if NUMBER.match(raw):
        return raw
    raw = raw.strip()
    if not raw:
        raise empty_value(batch.line)
    return _typed(raw, value_of(raw, batch.dialect), reading, batch)


def _typed(raw: bytes, value: Value, reading: ColumnReading, batch: Batch) -> bytes | None:
    kind, form = reading.kind.name, value.form
    if form == "null":
        return None
    if form in ("expression", "text"):
        return _text(raw, value, reading, batch)
    if form == "boolean":
        return (b"true" if value.data == b"1" else b"false") if batch.dialect.name == "postgresql" else value.data
    if form == "bits" and kind != "binary":
        return value.data if batch.dialect.name == "postgresql" and kind == "text" else str(int(value.data or b"0", 2)).encode()
    if form == "bits":
        return int(value.data or b"0", 2).to_bytes((len(value.data) + 7) // 8, "big")
    return _blob(raw, value.data, reading, batch) if form == "blob" else value.data


def _text(raw: bytes, value: Value, reading: ColumnReading, batch: Batch) -> bytes:
    kind = reading.kind.name
    if value.form == "expression" or kind == "unknown":
        reading.seen.forms.add("text")
    if value.form == "expression":
        reading.expressions += 1
        return raw
    if kind not in ("bits", "binary"):
        return value.data
    data = _as_dumped(value.data, batch)
    return str(int.from_bytes(data, "big")).encode() if kind == "bits" else data


def _as_dumped(data: bytes, batch: Batch) -> bytes:
    """The bytes of a blob written as a text: those that the file had before it was made UTF-8."""
    return blob_bytes(data, batch.dialect.blob_encoding) if batch.dialect.blob_encoding else data


def _blob(raw: bytes, data: bytes, reading: ColumnReading, batch: Batch) -> bytes:
    kind = reading.kind.name
    if INTRODUCED.match(raw) and kind in ("binary", "integer", "bits"):
        data = _as_dumped(data, batch)
    if kind == "unknown":
        reading.seen.forms.add("blob")
    if kind == "binary":
        return b"\\x" + data.hex().encode() if batch.dialect.name == "postgresql" else data
    if batch.dialect.name == "mysql" and kind in ("integer", "bits"):
        return str(int.from_bytes(data, "big")).encode()
    if batch.dialect.name == "mysql" and kind in ("text", "date", "timestamp", "time", "decimal", "float"):
        return data
    return raw


def _left_out(reading: ColumnReading, batch: Batch) -> pyarrow.Array | None:
    """A column that the INSERT does not name holds its default in each row."""
    one = Batch(Rows(1, 0, 0), batch.columns, batch.line, batch.dialect)
    value = _one_by_one([reading.default or b"NULL"], reading, one)
    return None if value is None else pyarrow.concat_arrays([value]).take(pyarrow.array([0] * batch.rows.count, pyarrow.int32()))


# -- rows of a COPY


def _of_copy(batch: Batch, body: Bytes, given: Sequence[ColumnReading]) -> list[pyarrow.Array | None]:
    has_escapes = bool((body == SLASH).any())

    def types() -> list[pyarrow.DataType]:
        return [
            reading.kind.arrow
            if reading.kind.name in COPY_DIRECT
            and not reading.is_open
            and not reading.is_indirect
            and not (reading.kind.name == "decimal" and _may_wrap(reading))
            and not (reading.kind.name == "text" and has_escapes)
            else pyarrow.binary()
            for reading in given
        ]

    arrays = _parsed(batch, body, given, types, range(len(given)))
    return [
        reading.convert(copied(array), batch.dialect.name) if array.type == pyarrow.binary() else reading.noted(array)
        for array, reading in zip(arrays, given, strict=True)
    ]


# -- taking rows apart


def _parsed(
    batch: Batch, body: Bytes, given: Sequence[ColumnReading], types: Callable[[], list[pyarrow.DataType]], fields: Sequence[int]
) -> list[pyarrow.Array]:
    """The columns, which stand in these ``fields`` of each row; those that do not convert in passing are taken as written."""
    for _ in range(ATTEMPTS):
        try:
            arrays = _taken_apart(batch, body, types(), fields)
        except pyarrow.ArrowInvalid as reason:
            failed = FAILED_COLUMN.search(str(reason))
            for reading, field in zip(given, fields, strict=True):
                reading.is_indirect |= failed is None or field == int(failed[1])
            continue
        too_large = [pyarrow.types.is_decimal(array.type) and not is_within(array) for array in arrays]
        if not any(too_large):
            return arrays
        for reading, is_bad in zip(given, too_large, strict=True):
            reading.is_indirect |= is_bad
    for reading in given:
        reading.is_indirect = True
    return _taken_apart(batch, body, types(), fields)


def _taken_apart(batch: Batch, body: Bytes, types: Sequence[pyarrow.DataType], fields: Sequence[int]) -> list[pyarrow.Array]:
    names = [str(place) for place in range(fields[-1] + 1)]
    wanted = [names[field] for field in fields]
    table = pyarrow.csv.read_csv(
        pyarrow.BufferReader(pyarrow.py_buffer(body)),
        read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=body.size + 16, column_names=names),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=batch.delimiter if batch.is_copy else ",", quote_char=False if batch.is_copy else "'",
            double_quote=not batch.is_copy, escape_char=False, newlines_in_values=False, ignore_empty_lines=not batch.is_copy,
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict(zip(wanted, types, strict=True)), include_columns=wanted,
            null_values=[batch.null] if batch.is_copy else NULL_TEXTS, strings_can_be_null=True, quoted_strings_can_be_null=False,
            true_values=TRUE, false_values=FALSE,
        ),
    )  # fmt: skip
    if table.num_rows != batch.rows.count:
        raise AssertionError(f"{table.num_rows} rows were made of {batch.rows.count}")
    return [pyarrow.concat_arrays(column.chunks) if column.num_chunks != 1 else column.chunk(0) for column in table.columns]
