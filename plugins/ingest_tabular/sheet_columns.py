"""Turns the cells of a stretch of a sheet into Arrow columns, one per column and sort of value, the values as they are stored.

A cell's value stands in exactly one of the columns ``n3`` (numbers), ``t3`` (texts), ``b3`` (truth values) and ``d3`` (dates and
timestamps) of sheet column 3; the others are null there.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy
import pyarrow
import pyarrow.compute
from arrow_arrays import arrow_flags, arrow_texts, arrow_values
from cell_store import Kinds
from compact_cells import compact_cells
from sheet_cells import Cells, Flags, Form, Places, UnusualSheet, find_cells, whole_numbers
from sheet_texts import Texts, floats_between, plain_texts, token_flags

FIRST_SERIAL, LAST_SERIAL = 61.0, 2_958_465.0  # from 1 March 1900, which all agree upon, to 9999
LAST_ROW = 1 << 40
DAY_MS = 86_400_000
EPOCH_MS = 25_569 * DAY_MS  # 1 January 1970, in milliseconds since serial 0
SORTS = {"b": "truth", "s": "shared", "str": "text", "inlineStr": "inline", "e": "text"}  # errors are texts as #DIV/0!
TYPES = {"n": pyarrow.float64(), "t": pyarrow.string(), "b": pyarrow.bool_(), "d": pyarrow.timestamp("us")}


@dataclass(frozen=True)
class Shared:
    """The texts that cells share, and which of them are empty or mean no value."""

    texts: pyarrow.StringArray
    is_empty: Flags
    is_token: Flags

    @classmethod
    def of(cls, pieces: Iterable[Texts], null_tokens: frozenset[str]) -> "Shared":
        """The texts that come in pieces, which are looked at one by one: there may be millions of texts."""
        arrays, is_empty, is_token = [pyarrow.nulls(0, TYPES["t"])], [numpy.zeros(0, numpy.bool_)], [numpy.zeros(0, numpy.bool_)]
        for piece in pieces:
            arrays.append(piece.array())
            is_empty.append(piece.sizes == 0)
            is_token.append(token_flags(piece, null_tokens))
        return cls(pyarrow.concat_arrays(arrays), numpy.concatenate(is_empty), numpy.concatenate(is_token))

    @cached_property
    def are_plain(self) -> bool:
        """Whether none is empty or means no value."""
        return not (self.is_empty.any() or self.is_token.any())


@dataclass(frozen=True)
class Lookup:
    """What cells refer to: the shared texts, and which styles show dates; and the texts that mean no value."""

    shared: Shared
    style_sorts: dict[int | None, str]
    null_tokens: frozenset[str]

    def sort_of(self, form: Form) -> str:
        """``number``, ``date``, ``truth``, ``shared``, ``text`` or ``inline``."""
        found = self.style_sorts.get(form.style) if form.type == "n" else SORTS.get(form.type)
        if found is None or found == "other":
            raise UnusualSheet("a value of an unusual type")
        if (found == "inline") != form.is_inline:
            raise UnusualSheet("a text in another place than its type says")
        return found


@dataclass
class Stretch:
    """Rows that hold something, their numbers in the sheet, what their columns hold, and the columns that have cells at all.

    ``texts`` are those of each column, but for tokens and missing ones.
    """

    table: pyarrow.Table
    numbers: Places
    kinds: dict[int, Kinds]
    texts: dict[int, list[pyarrow.StringArray]]
    columns: tuple[int, int] | None
    last_number: int


@dataclass
class _Gathered:
    """The columns of a stretch under way: which rows are no blank ones, and the arrays, as long as the stretch has rows."""

    lookup: Lookup
    is_real: Flags
    kinds: dict[int, Kinds] = field(default_factory=dict)
    texts: dict[int, list[pyarrow.StringArray]] = field(default_factory=dict)
    arrays: dict[str, pyarrow.Array] = field(default_factory=dict)

    def put(self, column: int, sort: str, cells: Cells) -> None:
        """Take in cells of one column, whose values are of one sort."""
        kinds = self.kinds.setdefault(column, Kinds())
        if sort == "shared":
            self._shared(column, cells, kinds)
            return
        if sort in ("text", "inline"):
            self._texts(column, sort, cells, kinds)
            return
        self.is_real[cells.row] = True
        if sort == "truth":
            values = whole_numbers(cells.data, cells.start, cells.stop)
            if values is None or values.max() > 1:
                raise UnusualSheet("a truth value of an unusual make")
            kinds.note("boolean", len(values))
            self._set(f"b{column}", self._spread(values > 0, cells.row))
            return
        numbers = _numbers(cells.data, cells.start, cells.stop)
        is_whole = (numbers == numpy.floor(numbers)) & (numpy.abs(numbers) < 2**53)
        whole = int(numpy.count_nonzero(is_whole))
        if sort == "number":
            kinds.note("integer", whole)
            kinds.note("float", len(numbers) - whole)
            self._set(f"n{column}", self._spread(numbers + 0.0, cells.row))
            return
        kinds.note("date", whole)
        kinds.note("timestamp", len(numbers) - whole)
        self._set(f"d{column}", self._spread(_instants(numbers, is_whole), cells.row))

    def _shared(self, column: int, cells: Cells, kinds: Kinds) -> None:
        shared, rows = self.lookup.shared, cells.row
        places, is_token = whole_numbers(cells.data, cells.start, cells.stop), None
        if places is None or places.max() >= len(shared.texts):
            raise UnusualSheet("a shared text that is not there")
        if not shared.are_plain:
            is_filled = ~shared.is_empty[places]
            places, rows = places[is_filled], rows[is_filled]
            is_token = shared.is_token[places]
        self._note_texts(column, shared.texts.take(arrow_values(places)), is_token, rows, kinds)

    def _texts(self, column: int, sort: str, cells: Cells, kinds: Kinds) -> None:
        is_bare = numpy.array([not form.is_spaced for form in cells.forms], numpy.bool_)[cells.form] if sort == "inline" else None
        found, rows = plain_texts(cells.data, cells.start, cells.stop, is_bare), cells.row
        if not found.sizes.all():
            rows, found = rows[found.sizes > 0], Texts(found.sizes[found.sizes > 0], found.data)
        is_token = token_flags(found, self.lookup.null_tokens)
        self._note_texts(column, found.array(), is_token if is_token.any() else None, rows, kinds)

    def _note_texts(self, column: int, found: pyarrow.StringArray, is_token: Flags | None, rows: Places, kinds: Kinds) -> None:
        self.is_real[rows] = True
        real = found
        if is_token is not None:
            for token in found.filter(arrow_flags(is_token)).to_pylist():
                kinds.tokens[token] = kinds.tokens.get(token, 0) + 1
            real = found.filter(arrow_flags(~is_token))
        kinds.note("text", len(real))
        self.texts.setdefault(column, []).append(real)
        self._set(f"t{column}", self._spread_texts(found, rows))

    def _spread_texts(self, found: pyarrow.StringArray, rows: Places) -> pyarrow.StringArray:
        count = len(self.is_real)
        if len(rows) == count:
            return found
        is_held, sizes = numpy.zeros(count, numpy.bool_), numpy.zeros(count, numpy.int64)
        is_held[rows] = True
        parts = Texts.of(found)
        sizes[rows] = parts.sizes
        return arrow_texts(sizes, parts.data, is_held)

    def _spread(self, values: numpy.typing.NDArray[numpy.generic], rows: Places) -> pyarrow.Array:
        """The values at their rows, null in the others."""
        count = len(self.is_real)
        if len(rows) == count:
            return arrow_values(values)
        full, is_held = numpy.zeros(count, values.dtype), numpy.zeros(count, numpy.bool_)
        full[rows], is_held[rows] = values, True
        return arrow_values(full, is_held)

    def _set(self, name: str, found: pyarrow.Array) -> None:
        before = self.arrays.get(name)
        self.arrays[name] = found if before is None else pyarrow.compute.coalesce(before, found)

    def table(self) -> pyarrow.Table:
        """The rows that are no blank ones."""
        arrays = self.arrays or {"n0": pyarrow.nulls(len(self.is_real), TYPES["n"])}
        table = pyarrow.Table.from_arrays(list(arrays.values()), list(arrays))
        return table if self.is_real.all() else table.filter(arrow_flags(self.is_real))


def read_stretch(data: bytes, lookup: Lookup, first_number: int, end: int = LAST_ROW) -> Stretch:
    """The rows of ``data`` from the row ``first_number`` to before ``end``; see :func:`find_cells`. Raises UnusualSheet."""
    cells = _cells(data)
    present = numpy.flatnonzero(numpy.bincount(cells.form, minlength=len(cells.forms))).tolist()
    sorts = {form: lookup.sort_of(cells.forms[form]) for form in present}
    if (cells.stop == cells.start).any():  # an empty value is none, but for a text, which keeps the column
        is_text = numpy.array([sorts.get(form) in ("text", "inline") for form in range(len(cells.forms))], numpy.bool_)
        cells = cells.only((cells.stop > cells.start) | is_text[cells.form])
    columns = (int(cells.column.min()), int(cells.column.max())) if len(cells.row) else None
    last = int(cells.row_numbers[cells.row[-1]]) if len(cells.row) else 0
    if len(cells.row) and (cells.row_numbers[0] < first_number or cells.row_numbers[-1] >= end):
        numbers = cells.row_numbers[cells.row]
        cells = cells.only((numbers >= first_number) & (numbers < end))
    gathered = _Gathered(lookup, numpy.zeros(len(cells.row_numbers), numpy.bool_))
    cells = cells.only(numpy.argsort(cells.column.astype(numpy.uint16), kind="stable"))
    bounds = [0, *(numpy.flatnonzero(numpy.diff(cells.column)) + 1).tolist(), len(cells.row)]
    for low, high in pairwise(bounds):
        if low < high:
            _put_column(gathered, cells.only(slice(low, high)), sorts)
    return Stretch(gathered.table(), cells.row_numbers[gathered.is_real], gathered.kinds, gathered.texts, columns, last)


def _cells(data: bytes) -> Cells:
    try:
        return compact_cells(data)
    except UnusualSheet:
        return find_cells(data)


def _put_column(gathered: _Gathered, cells: Cells, sorts: dict[int, str]) -> None:
    column = int(cells.column[0])
    present = [int(cells.form[0])]
    if (cells.form != present[0]).any():
        present = numpy.flatnonzero(numpy.bincount(cells.form)).tolist()
    for sort in dict.fromkeys(sorts[form] for form in present):
        of_sort = [form for form in present if sorts[form] == sort]
        gathered.put(column, sort, cells if len(of_sort) == len(present) else cells.only(numpy.isin(cells.form, of_sort)))


def _numbers(data: bytes, start: Places, stop: Places) -> numpy.typing.NDArray[numpy.float64]:
    whole = whole_numbers(data, start, stop)
    return floats_between(data, start, stop) if whole is None else whole.astype(numpy.float64)


def _instants(numbers: numpy.typing.NDArray[numpy.float64], is_whole: Flags) -> numpy.typing.NDArray[numpy.datetime64]:
    """Serial days as timestamps, to the millisecond."""
    if numbers.min() < FIRST_SERIAL or numbers.max() > LAST_SERIAL:
        raise UnusualSheet("a date beyond the calendar")
    ms = numpy.floor(numbers * DAY_MS + 0.5).astype(numpy.int64)
    if ((ms % DAY_MS == 0) & ~is_whole).any():
        raise UnusualSheet("a time that is next to midnight")
    return ((ms - EPOCH_MS) * 1000).view("datetime64[us]")
