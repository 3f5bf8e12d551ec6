"""Large JSON Lines a block at a time: Arrow's reader, told the keys and kinds that samples show, takes the objects apart.

It refuses whatever is not of that form: other keys, other kinds, broken values. Then, and where a value would not be what reading
object by object makes of it, nothing is kept and the file goes that way.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import pyarrow
import pyarrow.compute
import pyarrow.json
import pyarrow.parquet
from cell_store import SAMPLE_TEXTS, CellStore, Kinds, NumberText, cell_text
from column_types import TypeRules, Typing
from typed_table import connect, survivors

from harness_core.sdk.dataset import quote_name, quote_text

LEAST_BYTES = 4 << 20
BLOCK_BYTES = 4 << 20
PROOF_MB = 256
SAMPLE_LINES = 1_000
LARGE = 2.0**63
NEWLINE, RETURN, OPEN, CLOSE = b"\n\r{}"
TYPES = {
    frozenset[str](): pyarrow.null(), frozenset({"integer"}): pyarrow.int64(), frozenset({"float"}): pyarrow.float64(),
    frozenset({"integer", "float"}): pyarrow.float64(), frozenset({"boolean"}): pyarrow.bool_(),
    frozenset({"text"}): pyarrow.string(),
}  # fmt: skip
KIND_OF = {pyarrow.int64(): "integer", pyarrow.float64(): "float", pyarrow.bool_(): "boolean", pyarrow.string(): "text"}
DECODER = json.JSONDecoder(parse_float=NumberText)
Report = Callable[[int, int], None]


@dataclass(frozen=True)
class Lines:
    """The objects as rows of a Parquet part: texts, numbers and truth values; what they become, by key, in the keys' order."""

    part: Path
    typings: dict[str, Typing]
    row_count: int

    def relation(self, names: Sequence[str]) -> str:
        """SQL for all rows in order, the columns called by these names."""
        items = ", ".join(f"{quote_name(f'c{place}')} AS {quote_name(name)}" for place, name in enumerate(names))
        return f"SELECT {items} FROM read_parquet({quote_text(str(self.part))})"


class _Otherwise(Exception):
    """The file, or a value in it, needs to be read object by object."""


def read_lines(path: Path, rules: TypeRules, folder: Path, report: Report) -> Lines | None:
    """The objects of ``path``, one in each line; None where they must be read one by one.

    The part is kept below ``folder``. ``report`` is told the rows so far, and all of them.
    """
    if path.stat().st_size < LEAST_BYTES or rules.forced:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / "lines.parquet"
    try:
        types = _types(path)
        lines = _count_lines(path)
        columns = _write(path, types, part, rules, lambda rows: report(rows, lines))
        typings = CellStore(folder, rules, columns).typings()
        if pyarrow.parquet.read_metadata(part).num_rows != lines:
            return None
        found = Lines(part, typings, lines)
        return found if _are_dates_told(found, folder) else None
    except (_Otherwise, pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError, ValueError, RecursionError):
        return None


def _types(path: Path) -> dict[str, pyarrow.DataType]:
    """The keys of the first objects, in order, with what their values are there, halfway, and at the end."""
    kinds: dict[str, set[str]] = {}
    for place, record in _samples(path):
        if not isinstance(record, dict) or (place and not record.keys() <= kinds.keys()):
            raise _Otherwise
        for key, value in record.items():
            kinds.setdefault(key, set()).update(() if value is None else ("text",) if value == "" else (cell_text(value)[0],))
    if not kinds or any(frozenset(found) not in TYPES for found in kinds.values()):
        raise _Otherwise
    return {key: TYPES[frozenset(found)] for key, found in kinds.items()}


def _samples(path: Path) -> Iterator[tuple[int, Any]]:
    """Values of whole lines, each with the place in the file that its sample begins at."""
    size = path.stat().st_size
    with path.open("rb") as file:
        for place in (0, size // 2, size - size // 50):
            file.seek(place)
            if place:
                file.readline()
            for _, line in zip(range(SAMPLE_LINES), file, strict=False):
                yield place, DECODER.decode(line.decode())


def _count_lines(path: Path) -> int:
    """How many lines there are, each from one bracket to another; Arrow itself would take several objects in a line."""
    lines = 0
    with path.open("rb") as file:
        while piece := file.read(BLOCK_BYTES):
            piece += file.readline() if not piece.endswith(b"\n") else b""
            data = numpy.frombuffer(piece if piece.endswith(b"\n") else piece + b"\n", numpy.uint8)
            ends = numpy.flatnonzero(data == NEWLINE)
            begins = numpy.append(0, ends[:-1] + 1)
            last = numpy.where(data[ends - 1] == RETURN, data[ends - 2], data[ends - 1])
            if not (data[begins] == OPEN).all() or not (last == CLOSE).all():
                raise _Otherwise
            lines += len(ends)
    return lines


def _write(
    path: Path, types: Mapping[str, pyarrow.DataType], part: Path, rules: TypeRules, report: Callable[[int], None]
) -> dict[str, Kinds]:
    """Write the part, its columns called c0, c1 and so on; what each key held."""
    columns, rows = {key: Kinds() for key in types}, 0
    kept = [pyarrow.string() if kind == pyarrow.null() else kind for kind in types.values()]
    schema = pyarrow.schema([(f"c{place}", kind) for place, kind in enumerate(kept)])
    reader = pyarrow.json.open_json(
        path,
        read_options=pyarrow.json.ReadOptions(block_size=BLOCK_BYTES),
        parse_options=pyarrow.json.ParseOptions(
            explicit_schema=pyarrow.schema(list(types.items())), newlines_in_values=False, unexpected_field_behavior="error"
        ),
    )
    with pyarrow.parquet.ParquetWriter(part, schema, compression="lz4", write_statistics=False, use_dictionary=False) as writer:
        for batch in reader:
            arrays = [_kept(array, kinds, rules) for array, kinds in zip(batch.columns, columns.values(), strict=True)]
            writer.write_batch(pyarrow.RecordBatch.from_arrays(arrays, schema=schema))
            rows += batch.num_rows
            report(rows)
    return columns


def _kept(array: pyarrow.Array, kinds: Kinds, rules: TypeRules) -> pyarrow.Array:
    """The values of a block as they are kept: an empty text is none. What they are is noted."""
    if array.type == pyarrow.null():
        return array.cast(pyarrow.string())
    if array.type == pyarrow.float64():
        _refuse_bent(array)
    if array.type == pyarrow.string():
        array = pyarrow.compute.if_else(pyarrow.compute.equal(array, ""), pyarrow.scalar(None, pyarrow.string()), array)
        if len(kinds.texts) < SAMPLE_TEXTS:
            _note_texts(array.drop_null().to_pylist(), kinds, rules)
            return array
    kinds.note(KIND_OF[array.type], len(array) - array.null_count)
    return array


def _note_texts(texts: Sequence[str], kinds: Kinds, rules: TypeRules) -> None:
    """The first texts decide whether a column may hold dates; tokens for no value are none of them."""
    real = [text for text in texts if text.strip().lower() not in rules.null_tokens]
    kinds.texts += real[: SAMPLE_TEXTS - len(kinds.texts)]
    kinds.note("text", len(real))


def _refuse_bent(array: pyarrow.Array) -> None:
    """Whole numbers beyond 64 bit are no doubles, the whole number -0 has no sign, and a double does not say how it was written."""
    values = array.drop_null().to_numpy()
    if (numpy.abs(values) >= LARGE).any() or (numpy.signbit(values) & (values == 0)).any():
        raise _Otherwise


def _are_dates_told(lines: Lines, folder: Path) -> bool:
    """Whether the columns whose first texts are dates hold nothing else, tokens for no value included."""
    dates = {f"c{place}": typing for place, typing in enumerate(lines.typings.values()) if typing.format}
    if not dates:
        return True
    with connect(folder, PROOF_MB) as connection:
        return survivors(connection, f"SELECT * FROM read_parquet({quote_text(str(lines.part))})", dates) == dates
