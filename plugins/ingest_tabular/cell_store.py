"""Keeps rows of typed cells (of workbooks and JSON) as texts in Parquet parts, and remembers which kinds each column held.

Memory holds one batch of rows, however long the table is.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy
import pyarrow
import pyarrow.compute
import pyarrow.parquet
from column_types import TEXT, TypeRules, Typing, candidates

from harness_core.sdk.dataset import quote_name, quote_text

BATCH_ROWS = 20_000
SAMPLE_TEXTS = 5_000
NESTED_NOTE = "Lists and objects are kept as JSON text."
NO_DAY = time().isoformat()  # what a cell shows of the number 0, which spreadsheets call 0 January 1900
ELAPSED_NOTE = "Elapsed times, in hours."
MIXED_NOTE = "Kept as text: the cells hold values of several kinds ({kinds})."
WORDS = {"integer": "whole number", "float": "number", "boolean": "true or false"}


class NumberText(str):
    """A number as it was written."""

    __slots__ = ()


@dataclass
class Kinds:
    """What a column held: the kinds of its values, the tokens that mean none, and some of its texts."""

    kinds: dict[str, int] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)

    def note(self, kind: str, count: int) -> None:
        """``count`` more values of a kind."""
        if count:
            self.kinds[kind] = self.kinds.get(kind, 0) + count

    @property
    def are_numbers(self) -> bool:
        """Whether all values are; tokens are none."""
        return set(self.kinds) <= {"integer", "float"}

    def add(self, later: "Kinds") -> None:
        """Take in what the column held further down."""
        for kind, count in later.kinds.items():
            self.note(kind, count)
        for token, count in later.tokens.items():
            self.tokens[token] = self.tokens.get(token, 0) + count
        self.texts += later.texts[: max(0, SAMPLE_TEXTS - len(self.texts))]


@dataclass
class CellStore:
    """Rows go in, a relation of text columns and their typings come out."""

    folder: Path
    rules: TypeRules
    columns: dict[str, Kinds] = field(default_factory=dict)
    row_count: int = 0
    _rows: list[dict[str, str | None]] = field(default_factory=list)
    _parts: int = 0

    def add_column(self, name: str) -> None:
        """Declare a column that there may be no row for."""
        self.columns.setdefault(name, Kinds())

    def add(self, names: Sequence[str], values: Iterable[Any]) -> None:
        """Add a row; names that are new become columns, null in the rows before."""
        row: dict[str, str | None] = {}
        for name, value in zip(names, values, strict=True):
            kinds = self.columns.get(name)
            if kinds is None:
                kinds = self.columns[name] = Kinds()
            row[name] = self._kept(value, kinds)
        self._rows.append(row)
        self.row_count += 1
        if len(self._rows) >= BATCH_ROWS:
            self.flush()

    def add_rows(self, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Add rows of ``len(names)`` cells each, a column at a time: the same as :meth:`add` row by row, many times faster."""
        if not rows:
            return
        self.flush()
        cells = zip(names, zip(*rows, strict=True), strict=True)
        self._write({name: self._column(values, self.columns[name]) for name, values in cells})
        self.row_count += len(rows)

    def _column(self, values: Sequence[Any], kinds: Kinds) -> pyarrow.Array:
        """The texts of one column's cells; what its cells are is noted in ``kinds``."""
        counts = Counter(map(type, values))
        held = set(counts) - {type(None)}
        if held == {str}:
            return self._texts(values, kinds)
        kind = (held - {str}).pop() if len(held - {str}) == 1 and counts[str] == values.count("") else None
        if kind in WRITTEN:
            return _written_texts(values, kinds, *WRITTEN[kind])
        found = _number_texts(values, kinds) if kind is float else None
        if found is not None:
            return found
        return pyarrow.array([self._kept(value, kinds) for value in values], pyarrow.string())

    def _texts(self, values: Sequence[str | None], kinds: Kinds) -> pyarrow.Array:
        filled = [value for value in values if value]
        tokens = {value for value in set(filled) if value.strip().lower() in self.rules.null_tokens}
        for token in tokens:
            kinds.tokens[token] = kinds.tokens.get(token, 0) + filled.count(token)
        real = [value for value in filled if value not in tokens] if tokens else filled
        kinds.texts += real[: SAMPLE_TEXTS - len(kinds.texts)]
        if real:
            kinds.kinds["text"] = kinds.kinds.get("text", 0) + len(real)
        return pyarrow.array([value or None for value in values], pyarrow.string())

    def _kept(self, value: Any, kinds: Kinds) -> str | None:
        kind, text = cell_text(value)
        if text is None:
            return None
        if kind == "text":
            if text.strip().lower() in self.rules.null_tokens:
                kinds.tokens[text] = kinds.tokens.get(text, 0) + 1
                return text
            if len(kinds.texts) < SAMPLE_TEXTS:
                kinds.texts.append(text)
        kinds.kinds[kind] = kinds.kinds.get(kind, 0) + 1
        return text

    def flush(self) -> None:
        if not self._rows:
            return
        self._write({name: pyarrow.array([row.get(name) for row in self._rows], pyarrow.string()) for name in self.columns})
        self._rows = []

    def _write(self, arrays: dict[str, pyarrow.Array]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        pyarrow.parquet.write_table(
            pyarrow.table(arrays), self.folder / f"part-{self._parts:06}.parquet", compression="lz4", write_statistics=False
        )
        self._parts += 1

    def relation(self) -> str:
        """SQL for all rows in order, every column a text."""
        self.flush()
        names = ", ".join(_hours(name) if self._is_elapsed(name) else quote_name(name) for name in self.columns)
        if not self._parts:
            return "SELECT " + ", ".join(f"NULL::VARCHAR AS {quote_name(name)}" for name in self.columns) + " WHERE false"
        parts = ", ".join(quote_text(str(path)) for path in sorted(self.folder.glob("part-*.parquet")))
        return f"SELECT {names} FROM read_parquet([{parts}], union_by_name=true)"

    def typings(self) -> dict[str, Typing]:
        """What each column is, by the kinds of all its values."""
        return {name: self._typing(name, kinds) for name, kinds in self.columns.items()}

    def _typing(self, name: str, column: Kinds) -> Typing:
        kinds, forced = set(column.kinds), self.rules.forced_type(name)
        tokens = tuple(sorted(column.tokens))
        if forced == "text" or not kinds:
            return TEXT
        if kinds == {"text"}:
            return self._temporal(column, tokens)
        if self._is_elapsed(name):
            return Typing("float", "DOUBLE", tokens=tokens, note=ELAPSED_NOTE)
        if "midnight" in kinds and kinds <= {"midnight", "date", "timestamp"} and len(kinds) > 1:
            kinds, tokens = kinds - {"midnight"}, (*tokens, NO_DAY)
        for typing, allowed in KINDS:
            if kinds <= allowed:
                wider = Typing("float", "DOUBLE") if forced == "float" and typing.type == "integer" else typing
                return Typing(wider.type, wider.storage, tokens=tokens)
        if kinds <= {"nested", "text"} and "nested" in kinds:
            return Typing("text", "VARCHAR", note=NESTED_NOTE)
        spoken = ", ".join(_counted(kind, count) for kind, count in sorted(_named(column.kinds).items()))
        return Typing("text", "VARCHAR", note=MIXED_NOTE.format(kinds=spoken))

    def _is_elapsed(self, name: str) -> bool:
        """Whether the column's values are elapsed times; some of less than a day may be shown as times of the day."""
        kinds = self.columns[name].kinds
        return "duration" in kinds and set(kinds) <= {"duration", "time", "midnight"} and self.rules.forced_type(name) != "text"

    def _temporal(self, column: Kinds, tokens: tuple[str, ...]) -> Typing:
        """Texts that seem all dates in one format, for the writer to prove; other texts stay what the source says they are."""
        found = [typing for typing in candidates(column.texts, self.rules) if typing.type in ("date", "timestamp")]
        return replace(found[0], tokens=tokens) if len(found) == 1 and found[0].format.startswith("iso") else TEXT


KINDS: tuple[tuple[Typing, frozenset[str]], ...] = (
    (Typing("integer", "BIGINT"), frozenset({"integer"})),
    (Typing("float", "DOUBLE"), frozenset({"integer", "float"})),
    (Typing("boolean", "BOOLEAN"), frozenset({"boolean"})),
    (Typing("date", "DATE"), frozenset({"date"})),
    (Typing("timestamp", "TIMESTAMP"), frozenset({"date", "timestamp"})),
    (Typing("time", "TIME"), frozenset({"time", "midnight"})),
)


def _named(kinds: dict[str, int]) -> dict[str, int]:
    """The kinds that a person tells apart, with their counts."""
    times = kinds.get("time", 0) + kinds.get("midnight", 0)
    return {kind: count for kind, count in kinds.items() if kind != "midnight"} | ({"time": times} if times else {})


def _counted(kind: str, count: int) -> str:
    word = WORDS.get(kind, kind)
    return f"{count:,} {word if count == 1 or kind == 'boolean' else word + 's'}"


def _hours(name: str) -> str:
    """The texts of elapsed times (``-36:30:00.5``) as texts of hours, others as they are."""
    source = quote_name(name)
    hours, minutes, seconds = (f"TRY_CAST(split_part(ltrim({source}, '-'), ':', {part}) AS DOUBLE)" for part in (1, 2, 3))
    sign = f"CASE WHEN starts_with({source}, '-') THEN -3600 ELSE 3600 END"
    return f"coalesce((({hours} * 3600 + {minutes} * 60 + {seconds}) / ({sign}))::VARCHAR, {source}) AS {source}"


def _written_texts(values: Sequence[Any], kinds: Kinds, kind: str, write: Callable[[Any], str]) -> pyarrow.Array:
    """The texts of values of one kind and of empty cells."""
    texts = [None if value is None or value == "" else write(value) for value in values]
    kinds.kinds[kind] = kinds.kinds.get(kind, 0) + len(texts) - texts.count(None)
    return pyarrow.array(texts, pyarrow.string())


def _number_texts(values: Sequence[Any], kinds: Kinds) -> pyarrow.Array | None:
    """The texts of floats and empty cells, as :func:`cell_text` writes them; None where Arrow writes some in another way."""
    if "" in values or None in values:
        is_empty = numpy.fromiter((value is None or value == "" for value in values), numpy.bool_, len(values))
        numbers = numpy.array([value or 0.0 for value in values])
    else:
        is_empty, numbers = numpy.zeros(len(values), numpy.bool_), numpy.array(values)
    sizes = numpy.abs(numbers)
    is_whole = (numbers == numpy.floor(numbers)) & (sizes < 2**53)
    if not (is_whole | ((sizes >= 1e-4) & (sizes < 1e15))).all():
        return None
    whole = int(numpy.count_nonzero(is_whole & ~is_empty))
    for kind, count in (("integer", whole), ("float", len(values) - whole - int(numpy.count_nonzero(is_empty)))):
        if count:
            kinds.kinds[kind] = kinds.kinds.get(kind, 0) + count
    whole_texts = pyarrow.array(numpy.where(is_whole, numbers, 0).astype(numpy.int64), mask=is_empty).cast(pyarrow.string())
    if is_whole.all():
        return whole_texts
    return pyarrow.compute.if_else(is_whole, whole_texts, pyarrow.array(numbers).cast(pyarrow.string()))


def _truth_text(value: bool) -> str:
    return "true" if value else "false"


def _instant_text(value: datetime) -> str:
    return value.isoformat(" ")


WRITTEN: dict[type | None, tuple[str, Callable[[Any], str]]] = {
    bool: ("boolean", _truth_text),
    datetime: ("timestamp", _instant_text),
    date: ("date", date.isoformat),
}


def cell_text(value: Any) -> tuple[str, str | None]:
    """The kind of a cell's value and its text; the text is None for an empty cell."""
    if value is None or value == "":
        return "empty", None
    if isinstance(value, bool):
        return "boolean", "true" if value else "false"
    if isinstance(value, NumberText):
        return "float", str(value)
    if isinstance(value, int):
        return ("integer" if -(2**63) <= value < 2**63 else "large number"), str(value)
    if isinstance(value, float):
        return ("integer", str(int(value))) if value.is_integer() and abs(value) < 2**53 else ("float", repr(value))
    if isinstance(value, str):
        return "text", value
    return _moment_text(value)


def _moment_text(value: Any) -> tuple[str, str | None]:
    if isinstance(value, datetime):
        return "timestamp", value.isoformat(" ")
    if isinstance(value, date):
        return "date", value.isoformat()
    if isinstance(value, time):
        return ("midnight" if value == time() else "time"), value.isoformat()
    if isinstance(value, timedelta):
        return "duration", _elapsed_text(value)
    return "nested", json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _elapsed_text(value: timedelta) -> str:
    """Hours, however many, minutes and seconds, as spreadsheets show them: ``36:30:00``."""
    seconds, microseconds = divmod(abs(value) // timedelta(microseconds=1), 1_000_000)
    fraction = f".{microseconds:06}".rstrip("0") if microseconds else ""
    sign = "-" if value < timedelta() else ""
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}{fraction}"
