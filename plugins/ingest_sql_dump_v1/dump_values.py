"""The values of a column from how they are written: quotes and escapes taken off for all rows at once, odd ones one by one."""

from collections.abc import Callable
from typing import Any

import numpy
import pyarrow
import pyarrow.compute
from dump_dialects import Dialect
from dump_literals import NUMBER, Value, copy_text, value_of
from dump_rows import LINE_FEED, QUOTE, RETURN, escaped_places
from dump_words import syntax

SLASH = 0x5C
NUMBER_PATTERN = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"
Odd = Callable[[bytes, Value], bytes | None]


def _table(letters: dict[str, int]) -> Any:
    table = numpy.arange(256, dtype=numpy.uint8)
    for letter, code in letters.items():
        table[ord(letter)] = code
    return table


MYSQL_LETTERS = _table({"0": 0, "b": 8, "n": 10, "r": 13, "t": 9, "Z": 26})
COPY_LETTERS = _table({"b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11})
COPY_CODES = numpy.isin(numpy.arange(256), list(b"01234567x"))


class Raw:
    """A binary Arrow array as NumPy sees it: offsets, bytes, and which rows are not null."""

    def __init__(self, array: pyarrow.Array) -> None:
        if array.offset:
            array = pyarrow.concat_arrays([array])
        self.array, self.count = array, len(array)
        validity, offsets, data = array.buffers()
        self.validity = validity
        self.offsets = numpy.frombuffer(offsets, numpy.int32)[: self.count + 1]
        size = int(self.offsets[-1]) if self.count else 0
        self.data = numpy.frombuffer(data, numpy.uint8)[:size] if data is not None else numpy.empty(0, numpy.uint8)
        bits = numpy.frombuffer(validity, numpy.uint8) if validity is not None and array.null_count else None
        self.valid = numpy.ones(self.count, numpy.bool_) if bits is None else _unpacked(bits, self.count)

    def rebuilt(self, data: Any, offsets: Any) -> pyarrow.Array:
        """An array of the same rows and nulls over other bytes."""
        buffers = [self.validity, pyarrow.py_buffer(offsets.astype(numpy.int32)), pyarrow.py_buffer(data)]
        return pyarrow.Array.from_buffers(pyarrow.binary(), self.count, buffers, self.array.null_count)

    def without(self, data: Any, keep: Any) -> pyarrow.Array:
        """The array of ``data`` where ``keep``; offsets move with what is left out before them."""
        dropped = numpy.flatnonzero(~keep)
        return self.rebuilt(data[keep], self.offsets - numpy.searchsorted(dropped, self.offsets))


def _unpacked(bits: Any, count: int) -> Any:
    return numpy.unpackbits(bits, bitorder="little")[:count].astype(numpy.bool_)


def with_line_ends(array: pyarrow.Array) -> pyarrow.Array:
    """Line ends back where their stand-ins are."""
    raw = Raw(array)
    data = raw.data
    for stand_in, sign in ((LINE_FEED, 0x0A), (RETURN, 0x0D)):
        mask = data == stand_in
        if mask.any():
            data = numpy.where(mask, numpy.uint8(sign), data)
    return array if data is raw.data else raw.rebuilt(data, raw.offsets)


def copied(array: pyarrow.Array) -> pyarrow.Array:
    """The values of a COPY column, backslashes taken out."""
    raw = Raw(array)
    if not (raw.data == SLASH).any():
        return array
    places = escaped_places(raw.data)
    if COPY_CODES[raw.data[places]].any():
        return _by_codes(raw, places)
    data, keep = raw.data.copy(), numpy.ones(len(raw.data), numpy.bool_)
    data[places] = COPY_LETTERS[data[places]]
    keep[places - 1] = False
    return raw.without(data, keep)


def _by_codes(raw: Raw, places: Any) -> pyarrow.Array:
    """Some backslashes stand before octal or hexadecimal codes: their rows one by one."""
    mask = numpy.zeros(raw.count, numpy.bool_)
    mask[numpy.searchsorted(raw.offsets, places, side="right") - 1] = True
    odd = raw.array.filter(pyarrow.array(mask))
    return _replaced(raw.array, mask, [copy_text(value.as_py()) for value in odd])


def _replaced(array: pyarrow.Array, mask: Any, values: list[bytes | None]) -> pyarrow.Array:
    return pyarrow.compute.replace_with_mask(array, pyarrow.array(mask), pyarrow.array(values, pyarrow.binary()))


def written(array: pyarrow.Array, dialect: Dialect, odd: Odd, line: int) -> tuple[pyarrow.Array, Any]:
    """The values of an INSERT column, and which rows hold a quoted text.

    ``odd`` says what a value that is neither a plain text nor a number becomes (null for None). ``line`` is where the block begins.
    """
    raw = Raw(array)
    starts, ends = raw.offsets[:-1], raw.offsets[1:]
    if ((starts == ends) & raw.valid).any():
        raise syntax(line, "A row has a value that is empty, without quotes, at or below this line.")
    plain = _quoted(raw, starts, ends)
    if _has_only_outer_quotes(raw, plain, dialect):
        return pyarrow.compute.binary_slice(raw.array, 1, -1), plain
    stripped, plain = _stripped(raw, plain, dialect)
    rest = raw.valid & ~plain
    if not rest.any():
        return stripped, plain
    base = stripped if plain.any() else array
    others = array.filter(pyarrow.array(rest))
    if not plain.any() and _are_numbers(others):
        return array, plain
    return _replaced(base, rest, [_odd(value.as_py(), dialect, odd) for value in others]), plain


def _odd(raw: bytes, dialect: Dialect, odd: Odd) -> bytes | None:
    return raw if NUMBER.match(raw) else odd(raw.strip(), value_of(raw, dialect))


def _are_numbers(array: pyarrow.Array) -> bool:
    try:
        texts = array.cast(pyarrow.string())
    except pyarrow.ArrowInvalid:
        return False
    return bool(pyarrow.compute.all(pyarrow.compute.match_substring_regex(texts, NUMBER_PATTERN)).as_py())


def _quoted(raw: Raw, starts: Any, ends: Any) -> Any:
    """Which rows begin and end with a quote, and are two signs long at least."""
    plain = raw.valid & (ends - starts >= 2)
    some = numpy.flatnonzero(plain)
    plain[some] = (raw.data[starts[some]] == QUOTE) & (raw.data[ends[some] - 1] == QUOTE)
    return plain


def _has_only_outer_quotes(raw: Raw, plain: Any, dialect: Dialect) -> bool:
    """Whether every value is a text without a quote or an escape in it."""
    if not numpy.array_equal(plain, raw.valid) or (dialect.escapes and (raw.data == SLASH).any()):
        return False
    return int(numpy.count_nonzero(raw.data == QUOTE)) == 2 * int(numpy.count_nonzero(plain))


def _stripped(raw: Raw, plain: Any, dialect: Dialect) -> tuple[pyarrow.Array, Any]:
    """The rows that are ``plain`` without quotes and escapes, the others as they are; rows that turn out odd leave ``plain``."""
    data, offsets = raw.data, raw.offsets
    keep = numpy.ones(len(data), numpy.bool_)
    keep[offsets[:-1][plain]] = False
    keep[offsets[1:][plain] - 1] = False
    seen = data
    if dialect.escapes and (data == SLASH).any():
        places = escaped_places(data)
        owners = numpy.searchsorted(offsets, places, side="right") - 1
        if dialect.name == "postgresql":
            plain = _less(plain, owners)
        else:
            data, seen = data.copy(), data.copy()
            letters = data[places]
            seen[places] = 0
            data[places] = numpy.where(plain[owners], MYSQL_LETTERS[letters], letters)
            pattern_signs = (letters == ord("%")) | (letters == ord("_"))
            keep[places[plain[owners] & ~pattern_signs] - 1] = False
    inner = numpy.flatnonzero((seen == QUOTE) & keep)
    if len(inner):
        second, lone = _pairs(inner)
        plain = _less(plain, numpy.searchsorted(offsets, lone, side="right") - 1)
        second = second[plain[numpy.searchsorted(offsets, second, side="right") - 1]]
        keep[second] = False
    if not plain.all() or not raw.valid.all():
        keep |= numpy.repeat(raw.valid & ~plain, numpy.diff(offsets))
    return raw.without(data, keep), plain


def _less(plain: Any, owners: Any) -> Any:
    plain = plain.copy()
    plain[owners] = False
    return plain


def _pairs(places: Any) -> tuple[Any, Any]:
    """Of quotes side by side, the second of each pair; and those in runs of odd length, which belong to no plain text."""
    first = numpy.ones(len(places), numpy.bool_)
    first[1:] = numpy.diff(places) != 1
    starts = numpy.flatnonzero(first)
    sizes = numpy.diff(numpy.append(starts, len(places)))
    within = numpy.arange(len(places)) - numpy.repeat(starts, sizes)
    is_odd = numpy.repeat(sizes % 2 == 1, sizes)
    return places[~is_odd & (within % 2 == 1)], places[is_odd]
