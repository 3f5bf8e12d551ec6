"""Rows as found become typed columns. What a column is read as holds for all its rows: where one value does not fit, the first
reading only notes it, and a second takes the column as something that every value fits."""

import codecs
from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow
import pyarrow.compute
import pyarrow.csv
from dump_casts import cast
from dump_dialects import Dialect
from dump_literals import Value
from dump_rows import FIELD, Rows
from dump_source import blob_bytes
from dump_types import BINARY, DATE, FLOAT, INTEGER, MAX_DIGITS, TEXT, Kind, decimal_of
from dump_values import copied, with_line_ends, written
from dump_words import shown

NULLS = [b"NULL", b"null", b"Null"]
NULL_TEXTS = [sign + text.decode() for sign in ("", " ") for text in NULLS]
DIRECT = frozenset({"integer", "bits", "decimal", "float", "boolean"})
COPY_DIRECT = DIRECT | {"date", "timestamp", "text"}
TRUE, FALSE = ["t", "true", "TRUE"], ["f", "false", "FALSE"]
DECIMAL_PATTERN = r"^\s*[+-]?\d*\.?\d*\s*$"
EXAMPLES = 3
BIGINT_DIGITS = 19


def _one_by_one(error: UnicodeError) -> tuple[str, int]:
    """Bytes that are no UTF-8, as Windows-1252."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "".join(bytes((byte,)).decode("cp1252", "replace") for byte in bad), error.end


codecs.register_error("dump_mend", _one_by_one)


@dataclass
class Seen:
    """What was seen of a column that does not fit, or has no declared type: enough to say what all its values fit."""

    forms: set[str] = field(default_factory=set)
    integer_digits: int = 0
    scale: int = 0
    examples: list[str] = field(default_factory=list)
    misfits: int = 0

    def measure(self, payload: pyarrow.Array) -> None:
        """Take in values: ``integer``, ``decimal``, ``float``, ``date`` or ``text``."""
        try:
            texts = payload.cast(pyarrow.string()).drop_null()
        except pyarrow.ArrowInvalid:
            self.forms.add("text")
            return
        if not len(texts):
            return
        compute = pyarrow.compute
        if not compute.all(compute.match_substring_regex(texts, DECIMAL_PATTERN)).as_py():
            payload = texts.cast(pyarrow.binary())
            fitting = (kind.name for kind in (FLOAT, DATE) if cast(payload, kind, "") is not None)
            self.forms.add(next(fitting, "text"))
            return
        bare = compute.utf8_trim(compute.utf8_trim_whitespace(texts), "+-")
        points, sizes = compute.find_substring(bare, "."), compute.utf8_length(bare)
        whole = compute.if_else(compute.less(points, 0), sizes, points)
        behind = compute.if_else(compute.less(points, 0), 0, compute.subtract(compute.subtract(sizes, points), 1))
        self.integer_digits = max(self.integer_digits, compute.max(whole).as_py())
        self.scale = max(self.scale, compute.max(behind).as_py())
        self.forms.add("integer" if compute.max(points).as_py() < 0 else "decimal")


@dataclass
class ColumnReading:
    """One column in one pass over the dump. ``final``: it is read as ``kind`` whatever comes, which all values are known to fit;
    ``is_quoted``: its numbers come as texts, which Arrow's CSV reader does not see through."""

    name: str
    kind: Kind
    default: bytes | None = None
    final: bool = False
    seen: Seen = field(default_factory=Seen)
    has_failed: bool = False
    has_fitted: bool = False
    expressions: int = 0
    mended: int = 0
    is_quoted: bool = False

    @property
    def is_open(self) -> bool:
        """It is only looked at in this pass."""
        return not self.final and (self.has_failed or self.kind.name == "unknown")

    def convert(self, payload: pyarrow.Array, dialect: str) -> pyarrow.Array | None:
        """The typed values; None where they are only looked at, or do not fit."""
        if self.kind.name == "decimal" and self.kind.scale is None:
            self._settle_scale(payload)
        if self.is_open:
            self.seen.measure(payload)
            return None
        found = cast(payload, self.kind, dialect)
        if found is None and self.kind.name in ("text", "unknown"):
            return self._mend(payload)
        if found is None:
            self._fail(payload, dialect)
        elif payload.null_count < len(payload):
            self.has_fitted = self.is_quoted = True
        return self.noted(found)

    def noted(self, array: pyarrow.Array | None) -> pyarrow.Array | None:
        """``array``; of decimals without declared digits, how many stand before the point is remembered."""
        if array is None or self.final or self.kind.name != "decimal" or self.kind.precision < MAX_DIGITS:
            return array
        ends = pyarrow.compute.min_max(array).as_py()
        digits = [len(str(abs(int(value)))) for value in ends.values() if value is not None]
        self.seen.integer_digits = max(self.seen.integer_digits, *digits, 0) if digits else self.seen.integer_digits
        return array

    def _settle_scale(self, payload: pyarrow.Array) -> None:
        """A decimal without declared digits begins with those of the first values that there are."""
        if payload.null_count == len(payload):
            self.kind = Kind("decimal", self.kind.precision, None)
            return
        first = Seen()
        first.measure(payload)
        found = decimal_of(first.integer_digits, first.scale) if first.forms <= {"integer", "decimal"} else None
        self.kind = found or Kind("decimal", self.kind.precision, 0)
        self.has_failed = found is None

    def _fail(self, payload: pyarrow.Array, dialect: str) -> None:
        self.has_failed = True
        for value in payload.drop_null().unique():
            if cast(pyarrow.array([value.as_py()], pyarrow.binary()), self.kind, dialect) is None:
                self.seen.examples.append(shown(value.as_py(), 40))
                if len(self.seen.examples) == EXAMPLES:
                    break
        self.seen.measure(payload)

    def _mend(self, payload: pyarrow.Array) -> pyarrow.Array:
        """Texts that are no UTF-8, read as Windows-1252 byte by byte where they are broken, and counted."""
        texts: list[str | None] = []
        for value in payload.to_pylist():
            try:
                texts.append(None if value is None else value.decode())
            except UnicodeDecodeError:
                self.mended += 1
                texts.append(value.decode("utf-8", "dump_mend"))
        return pyarrow.array(texts, pyarrow.string())

    def settled(self) -> Kind:
        """What all values fit, after a pass that looked at them."""
        if self.kind.name == "unknown":
            return self._told_by_values()
        if not self.has_failed:
            return self.kind
        if self.kind.name in ("integer", "bits", "decimal") and self.seen.forms <= {"integer", "decimal"}:
            declared = self.kind.precision - (self.kind.scale or 0) if self.kind.precision < MAX_DIGITS else 0
            whole = declared if self.kind.name == "decimal" else BIGINT_DIGITS
            found = decimal_of(max(whole, self.seen.integer_digits), max(self.kind.scale or 0, self.seen.scale))
            return found or TEXT
        return DATE if self.kind.name == "timestamp" and self.seen.forms == {"date"} and not self.has_fitted else TEXT

    def _told_by_values(self) -> Kind:
        forms = self.seen.forms
        if forms == {"integer"} and self.seen.integer_digits <= 18:
            return INTEGER
        if forms and forms <= {"integer", "decimal"}:
            return decimal_of(self.seen.integer_digits, self.seen.scale) or TEXT
        if forms and forms <= {"integer", "decimal", "float"}:
            return FLOAT
        return BINARY if forms == {"blob"} else TEXT


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
    batch.rows.finish()
    given = [readings[index] for index in batch.columns]
    arrays = _typed_at_once(batch, given) or _as_written(batch, len(given))
    found: dict[int, pyarrow.Array | None] = {}
    for index, array in zip(batch.columns, arrays, strict=True):
        found[index] = _column(array, readings[index], batch)
    complete = [found[index] if index in found else _left_out(reading, batch) for index, reading in enumerate(readings)]
    return None if any(array is None for array in complete) else [array for array in complete if array is not None]


def _typed_at_once(batch: Batch, given: Sequence[ColumnReading]) -> list[pyarrow.Array] | None:
    """Arrow's CSV reader makes numbers in passing; texts come as written. None where a number does not convert."""
    if batch.rows.body is None:
        return None
    direct = COPY_DIRECT if batch.is_copy else DIRECT
    types = [
        reading.kind.arrow
        if reading.kind.name in direct
        and not reading.is_open
        and not reading.is_quoted
        and (reading.kind.name != "decimal" or reading.kind.scale is not None)
        else pyarrow.binary()
        for reading in given
    ]
    has_slashes = batch.is_copy and bool((batch.rows.body == 0x5C).any())
    if has_slashes:
        types = [pyarrow.binary() if kind == pyarrow.string() else kind for kind in types]
    try:
        return _parse(batch, types)
    except pyarrow.ArrowInvalid:
        return None


def _as_written(batch: Batch, width: int) -> list[pyarrow.Array]:
    if batch.rows.body is not None:
        return _parse(batch, [pyarrow.binary()] * width)
    nulls = {batch.null.encode()} if batch.is_copy else set(NULLS)
    columns = zip(*batch.rows.fields, strict=True)
    return [pyarrow.array([None if value in nulls else value for value in column], pyarrow.binary()) for column in columns]


def _parse(batch: Batch, types: Sequence[pyarrow.DataType]) -> list[pyarrow.Array]:
    names = [str(place) for place in range(len(types))]
    body = pyarrow.py_buffer(batch.rows.body)
    table = pyarrow.csv.read_csv(
        pyarrow.BufferReader(body),
        read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=body.size + 16, column_names=names),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=batch.delimiter if batch.is_copy else chr(FIELD), quote_char=False, double_quote=False, escape_char=False,
            newlines_in_values=False, ignore_empty_lines=not batch.is_copy,
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict(zip(names, types, strict=True)), null_values=[batch.null] if batch.is_copy else NULL_TEXTS,
            strings_can_be_null=True, true_values=TRUE, false_values=FALSE,
        ),
    )  # fmt: skip
    if table.num_rows != batch.rows.count:
        raise AssertionError(f"{table.num_rows} rows were made of {batch.rows.count}")
    return [pyarrow.concat_arrays(column.chunks) if column.num_chunks != 1 else column.chunk(0) for column in table.columns]


def _column(array: pyarrow.Array, reading: ColumnReading, batch: Batch) -> pyarrow.Array | None:
    if array.type == reading.kind.arrow and array.type != pyarrow.binary():
        return reading.noted(array)
    if batch.rows.has_line_ends:
        array = with_line_ends(array)
    if batch.is_copy:
        return reading.convert(copied(array), batch.dialect.name)
    payload, quoted = written(array, batch.dialect, lambda raw, value: _odd(raw, value, reading, batch), batch.line)
    if reading.kind.name == "unknown" and not reading.final and quoted.any():
        reading.seen.forms.add("text")
    if reading.kind.name == "binary" and batch.dialect.blob_encoding:
        payload = _as_dumped(array, payload, batch.dialect.blob_encoding)
    return reading.convert(payload, batch.dialect.name)


def _as_dumped(array: pyarrow.Array, payload: pyarrow.Array, encoding: str) -> pyarrow.Array:
    """Blobs that were written as texts have the bytes that the file had before it was made UTF-8."""
    pairs = zip(array.to_pylist(), payload.to_pylist(), strict=True)
    values = [blob_bytes(value, encoding) if value and raw.lstrip()[:1] in b"'_\"" else value for raw, value in pairs]
    return pyarrow.array(values, pyarrow.binary())


def _odd(raw: bytes, value: Value, reading: ColumnReading, batch: Batch) -> bytes | None:
    """What a value that is neither a plain text nor a number is in a column of this kind."""
    kind, form = reading.kind.name, value.form
    if form == "null":
        return None
    if form == "expression":
        reading.expressions += 1
        reading.seen.forms.add("text")
        return raw
    if form == "boolean":
        return (b"true" if value.data == b"1" else b"false") if batch.dialect.name == "postgresql" else value.data
    if form == "bits" and kind != "binary":
        return value.data if batch.dialect.name == "postgresql" and kind == "text" else str(int(value.data or b"0", 2)).encode()
    if form == "bits":
        return int(value.data or b"0", 2).to_bytes((len(value.data) + 7) // 8, "big")
    if form == "text" and kind == "bits":
        return str(int.from_bytes(value.data, "big")).encode()
    if form != "blob":
        return value.data
    return _blob(raw, value.data, reading, batch)


def _blob(raw: bytes, data: bytes, reading: ColumnReading, batch: Batch) -> bytes:
    kind = reading.kind.name
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
    raw = pyarrow.array([None if reading.default in (None, *NULLS) else reading.default], pyarrow.binary())
    one = Batch(Rows(1, 0, 0), batch.columns, batch.line, batch.dialect)
    value = _column(raw, reading, one)
    return None if value is None else pyarrow.concat_arrays([value]).take(pyarrow.array([0] * batch.rows.count, pyarrow.int32()))
