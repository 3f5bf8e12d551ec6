"""The values of a column from how they are written: escapes taken out for all rows at once, odd values one by one."""

from collections.abc import Callable
from typing import Any

import numpy
import pyarrow
import pyarrow.compute
from dump_literals import copy_text
from dump_plain import STAND_IN
from dump_planes import Mask
from dump_rows import escaped_places
from dump_words import syntax

SLASH = 0x5C
NUMBER_PATTERN = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"
Single = Callable[[int, bytes], bytes | None]


def _table(letters: dict[str, int]) -> Any:
    table = numpy.arange(256, dtype=numpy.uint8)
    for letter, code in letters.items():
        table[ord(letter)] = code
    return table


MYSQL_LETTERS = _table({"0": 0, "b": 8, "n": 10, "r": 13, "t": 9, "Z": 26, STAND_IN.decode(): ord("'")})
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
    return replaced(raw.array, mask, [copy_text(value.as_py()) for value in odd])


def replaced(array: pyarrow.Array, mask: Mask, values: list[bytes | None]) -> pyarrow.Array:
    return pyarrow.compute.replace_with_mask(array, pyarrow.array(mask), pyarrow.array(values, pyarrow.binary()))


def unescaped(array: pyarrow.Array, quoted: Mask) -> pyarrow.Array:
    """The values of a MySQL column, backslashes taken out of those that are ``quoted``."""
    raw = Raw(array)
    if not (raw.data == SLASH).any():
        return array
    places = escaped_places(raw.data)
    places = places[quoted[numpy.searchsorted(raw.offsets, places, side="right") - 1]]
    letters = raw.data[places]
    data, keep = raw.data.copy(), numpy.ones(len(raw.data), numpy.bool_)
    data[places] = MYSQL_LETTERS[letters]
    keep[places[(letters != ord("%")) & (letters != ord("_"))] - 1] = False
    return raw.without(data, keep)


def bare_values(array: pyarrow.Array, quoted: Mask, single: Single, line: int) -> pyarrow.Array:
    """The values that are not ``quoted`` in place of how they are written: numbers stay, ``single`` reads each of the others by its
    row (and says null with None). ``line`` is where the block begins."""
    raw = Raw(array)
    rest = raw.valid & ~quoted
    if not rest.any():
        return array
    if (rest & (raw.offsets[:-1] == raw.offsets[1:])).any():
        raise empty_value(line)
    if _are_numbers(array.filter(pyarrow.array(rest))):
        return array
    return replaced(array, rest, [single(row, array[row].as_py()) for row in numpy.flatnonzero(rest).tolist()])


def empty_value(line: int) -> Exception:
    return syntax(line, "A row has a value that is empty, without quotes, at or below this line.")


def _are_numbers(array: pyarrow.Array) -> bool:
    try:
        texts = array.cast(pyarrow.string())
    except pyarrow.ArrowInvalid:
        return False
    return bool(pyarrow.compute.all(pyarrow.compute.match_substring_regex(texts, NUMBER_PATTERN)).as_py())
