"""Turns the cells of a stretch of a sheet into Arrow columns, one per column and sort of value, the values as they are stored.

A cell's value stands in exactly one of the columns ``n3`` (numbers), ``t3`` (texts), ``b3`` (truth values) and ``d3`` (dates and
timestamps) of sheet column 3; the others are null there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy
import pyarrow
import pyarrow.compute
from cell_store import SAMPLE_TEXTS, Kinds
from sheet_cells import Cells, Flags, Form, Places, UnusualSheet, find_cells, whole_numbers
from sheet_texts import plain_texts, strings_between, token_flags

FIRST_SERIAL, LAST_SERIAL = 61.0, 2_958_465.0  # from 1 March 1900, which all agree upon, to 9999
LAST_ROW = 1 << 40
DAY_MS = 86_400_000
EPOCH_MS = 25_569 * DAY_MS  # 1 January 1970, in milliseconds since serial 0
SORTS = {"b": "truth", "s": "shared", "str": "text", "inlineStr": "inline", "e": "text"}  # errors are texts as #DIV/0!
TYPES = {"n": pyarrow.float64(), "t": pyarrow.string(), "b": pyarrow.bool_(), "d": pyarrow.timestamp("us")}


@dataclass(frozen=True)
class Lookup:
    """What cells refer to: the shared texts, which of them are empty or mean no value, and which styles show dates."""

    texts: pyarrow.StringArray
    is_empty: Flags
    is_token: Flags
    style_sorts: dict[int | None, str]
    null_tokens: frozenset[str]

    def sort_of(self, form: Form) -> str:
        """``number``, ``date``, ``truth``, ``shared``, ``text`` or ``inline``."""
        found = self.style_sorts.get(form.style) if form.type == "n" else SORTS.get(form.type)
        if found is None or found == "other":
            raise UnusualSheet("a value of an unusual type")
        return found


@dataclass
class Stretch:
    """Rows that hold something, their numbers in the sheet, what their columns hold, and the columns that have cells at all."""

    table: pyarrow.Table
    numbers: Places
    kinds: dict[int, Kinds]
    columns: tuple[int, int] | None
    last_number: int


@dataclass
class _Gathered:
    """The columns of a stretch under way: which rows are no blank ones, and the arrays, as long as the stretch has rows."""

    cells: Cells
    lookup: Lookup
    is_real: Flags
    kinds: dict[int, Kinds] = field(default_factory=dict)
    arrays: dict[str, pyarrow.Array] = field(default_factory=dict)

    def put(self, column: int, sort: str, chosen: Places) -> None:
        """Take in the cells ``chosen`` of one column, whose values are of one sort."""
        kinds = self.kinds.setdefault(column, Kinds())
        rows = self.cells.row[chosen]
        if sort in ("shared", "text", "inline"):
            self._texts(column, sort, chosen, rows, kinds)
            return
        self.is_real[rows] = True
        start, stop = self.cells.start[chosen], self.cells.stop[chosen]
        if sort == "truth":
            values = whole_numbers(self.cells.data, start, stop)
            if values is None or values.max() > 1:
                raise UnusualSheet("a truth value of an unusual make")
            kinds.note("boolean", len(values))
            self._set(f"b{column}", self._spread(values > 0, rows))
            return
        numbers = _numbers(self.cells.data, start, stop)
        is_whole = (numbers == numpy.floor(numbers)) & (numpy.abs(numbers) < 2**53)
        whole = int(numpy.count_nonzero(is_whole))
        if sort == "number":
            kinds.note("integer", whole)
            kinds.note("float", len(numbers) - whole)
            self._set(f"n{column}", self._spread(numbers + 0.0, rows))
            return
        kinds.note("date", whole)
        kinds.note("timestamp", len(numbers) - whole)
        self._set(f"d{column}", self._spread(_instants(numbers, is_whole), rows))

    def _texts(self, column: int, sort: str, chosen: Places, rows: Places, kinds: Kinds) -> None:
        if sort == "shared":
            places = whole_numbers(self.cells.data, self.cells.start[chosen], self.cells.stop[chosen])
            if places is None or places.max() >= len(self.lookup.texts):
                raise UnusualSheet("a shared text that is not there")
            is_empty, is_token = self.lookup.is_empty[places], self.lookup.is_token[places]
            found = self.lookup.texts.take(pyarrow.array(places))
        else:
            is_spaced = self.cells.is_spaced[chosen] if sort == "inline" and self.cells.is_spaced is not None else None
            found = plain_texts(self.cells.data, self.cells.start[chosen], self.cells.stop[chosen], is_spaced)
            is_empty = pyarrow.compute.equal(found, "").to_numpy(zero_copy_only=False)
            is_token = token_flags(found, self.lookup.null_tokens) & ~is_empty
        if is_empty.any():
            rows, is_token, found = rows[~is_empty], is_token[~is_empty], found.filter(pyarrow.array(~is_empty))
        self.is_real[rows] = True
        real = found
        if is_token.any():
            for token in found.filter(pyarrow.array(is_token)).to_pylist():
                kinds.tokens[token] = kinds.tokens.get(token, 0) + 1
            real = found.filter(pyarrow.array(~is_token))
        kinds.note("text", len(real))
        kinds.texts += real[:SAMPLE_TEXTS].to_pylist()
        if len(rows) < len(self.is_real):
            places = numpy.full(len(self.is_real), -1)
            places[rows] = numpy.arange(len(rows))
            found = found.take(pyarrow.array(places, mask=places < 0))
        self._set(f"t{column}", found)

    def _spread(self, values: numpy.typing.NDArray[numpy.generic], rows: Places) -> pyarrow.Array:
        """The values at their rows, null in the others."""
        count = len(self.is_real)
        if len(rows) == count:
            return pyarrow.array(values)
        full, is_missing = numpy.zeros(count, values.dtype), numpy.ones(count, numpy.bool_)
        full[rows], is_missing[rows] = values, False
        return pyarrow.array(full, mask=is_missing)

    def _set(self, name: str, found: pyarrow.Array) -> None:
        found = found.cast(TYPES[name[0]])
        before = self.arrays.get(name)
        self.arrays[name] = found if before is None else pyarrow.compute.coalesce(before, found)


def read_stretch(data: bytes, lookup: Lookup, first_number: int, end: int = LAST_ROW) -> Stretch:
    """The rows of ``data`` from the row ``first_number`` to before ``end``; see :func:`find_cells`. Raises UnusualSheet."""
    cells = find_cells(data)
    sorts = [lookup.sort_of(form) for form in cells.forms]
    is_text = numpy.array([sort in ("text", "inline") for sort in sorts], numpy.bool_)
    is_shown = (cells.stop > cells.start) | is_text[cells.form] if len(sorts) else numpy.zeros(0, numpy.bool_)
    _check_inline(cells, sorts)
    span = cells.column[is_shown]
    columns = (int(span.min()), int(span.max())) if len(span) else None
    last = int(cells.row_numbers[cells.row[is_shown][-1]]) if len(span) else 0
    numbers = cells.row_numbers[cells.row]
    is_wanted = is_shown & (numbers >= first_number) & (numbers < end)
    gathered = _Gathered(cells, lookup, numpy.zeros(len(cells.row_numbers), numpy.bool_))
    wanted = numpy.flatnonzero(is_wanted)
    order = wanted[numpy.argsort(cells.column[wanted].astype(numpy.uint16), kind="stable")]
    sorted_columns = cells.column[order]
    bounds = numpy.flatnonzero(numpy.diff(sorted_columns)) + 1
    for chosen in numpy.split(order, bounds):
        if len(chosen):
            _put_column(gathered, int(cells.column[chosen[0]]), chosen, sorts)
    table = (
        pyarrow.table(gathered.arrays)
        if gathered.arrays
        else pyarrow.table({"n0": pyarrow.nulls(len(gathered.is_real), TYPES["n"])})
    )
    if not gathered.is_real.all():
        table = table.filter(pyarrow.array(gathered.is_real))
    return Stretch(table, cells.row_numbers[gathered.is_real], gathered.kinds, columns, last)


def _check_inline(cells: Cells, sorts: Sequence[str]) -> None:
    """Texts stand in the cell itself exactly where its type says so."""
    told = numpy.array([sort == "inline" for sort in sorts], numpy.bool_)[cells.form] if len(sorts) else cells.form.astype(bool)
    found = numpy.zeros(len(cells.row), numpy.bool_) if cells.is_inline is None else cells.is_inline
    if (told != found).any():
        raise UnusualSheet("a text in another place than its type says")


def _put_column(gathered: _Gathered, column: int, chosen: Places, sorts: Sequence[str]) -> None:
    forms = gathered.cells.form[chosen]
    present = numpy.flatnonzero(numpy.bincount(forms, minlength=len(sorts))).tolist()
    for sort in dict.fromkeys(sorts[form] for form in present):
        of_sort = [form for form in present if sorts[form] == sort]
        gathered.put(column, sort, chosen if len(of_sort) == len(present) else chosen[numpy.isin(forms, of_sort)])


def _numbers(data: bytes, start: Places, stop: Places) -> numpy.typing.NDArray[numpy.float64]:
    whole = whole_numbers(data, start, stop)
    if whole is not None:
        return whole.astype(numpy.float64)
    try:
        found: numpy.typing.NDArray[numpy.float64] = strings_between(data, start, stop).cast(pyarrow.float64()).to_numpy()
    except pyarrow.ArrowInvalid as reason:
        raise UnusualSheet("a number of an unusual make") from reason
    if not numpy.isfinite(found).all():
        raise UnusualSheet("a number that is none")
    return found


def _instants(numbers: numpy.typing.NDArray[numpy.float64], is_whole: Flags) -> numpy.typing.NDArray[numpy.datetime64]:
    """Serial days as timestamps, to the millisecond."""
    if numbers.min() < FIRST_SERIAL or numbers.max() > LAST_SERIAL:
        raise UnusualSheet("a date beyond the calendar")
    ms = numpy.floor(numbers * DAY_MS + 0.5).astype(numpy.int64)
    if ((ms % DAY_MS == 0) & ~is_whole).any():
        raise UnusualSheet("a time that is next to midnight")
    return ((ms - EPOCH_MS) * 1000).view("datetime64[us]")
