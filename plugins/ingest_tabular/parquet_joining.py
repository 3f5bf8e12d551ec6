"""Joins Parquet files of one schema, written by one program, into one file: their row groups one after another, unread.

Only the footer is made anew: every place in it that counts bytes from the start of a file is moved by what stands before. The
footer is a struct of Thrift's compact protocol, which is decoded here as far as needed: fields by number, in order.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from byte_ranges import copy_range

MAGIC = b"PAR1"
TAIL_BYTES = 8  # the footer's length, and the magic
TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, STRUCT = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12
FILE_ROWS, FILE_GROUPS = 3, 4
GROUP_COLUMNS, GROUP_PLACE, GROUP_ORDINAL = 1, 5, 7
CHUNK_FACTS = 3
CHUNK_PLACES = (2, 4, 6)  # the chunk's facts, its offset index, its column index
FACT_PLACES = (9, 10, 11, 14)  # data pages, index pages, dictionary, Bloom filter


@dataclass
class _Field:
    kind: int
    value: Any


Fields = dict[int, _Field]


class JoinedParquet:
    """A Parquet file at ``target`` that parts are added to; whole once it is closed without an exception."""

    def __init__(self, target: Path) -> None:
        self._out: BinaryIO = target.open("wb")
        self._out.write(MAGIC)
        self._facts: Fields = {}
        self._groups: list[Fields] = []
        self._rows = 0

    def __enter__(self) -> "JoinedParquet":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            self._write_footer()
        self._out.close()

    def add(self, part: Path) -> None:
        """Append the row groups of ``part``."""
        with part.open("rb") as file:
            end, facts = _footer(file)
            moved = self._out.tell() - len(MAGIC)
            copy_range(file, len(MAGIC), end, self._out)
        self._facts = self._facts or facts
        self._rows += facts[FILE_ROWS].value
        for group in facts[FILE_GROUPS].value[1]:
            _move(group, moved, len(self._groups))
            self._groups.append(group)

    def _write_footer(self) -> None:
        self._facts[FILE_ROWS].value = self._rows
        self._facts[FILE_GROUPS].value = (STRUCT, self._groups)
        footer = b"".join(_struct_bytes(self._facts))
        self._out.write(footer + struct.pack("<I", len(footer)) + MAGIC)


def _footer(file: BinaryIO) -> tuple[int, Fields]:
    """Where the footer begins, and what it says."""
    size = file.seek(-TAIL_BYTES, 2)
    length, magic = struct.unpack("<I4s", file.read(TAIL_BYTES))
    if magic != MAGIC:
        raise AssertionError("a part is no Parquet file")
    file.seek(size - length)
    return size - length, _Decoder(file.read(length)).struct()


def _move(group: Fields, moved: int, ordinal: int) -> None:
    """Tell a row group its new place."""
    _shift(group, (GROUP_PLACE,), moved)
    if GROUP_ORDINAL in group:
        group[GROUP_ORDINAL].value = ordinal
    for chunk in group[GROUP_COLUMNS].value[1]:
        _shift(chunk, CHUNK_PLACES, moved)
        _shift(chunk[CHUNK_FACTS].value, FACT_PLACES, moved)


def _shift(fields: Fields, numbers: tuple[int, ...], moved: int) -> None:
    """Zero is no place: the magic stands there."""
    for number in numbers:
        if number in fields and fields[number].value:
            fields[number].value += moved


@dataclass
class _Decoder:
    data: bytes
    at: int = field(default=0)

    def struct(self) -> Fields:
        fields: Fields = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._integer()
            kind = head & 15
            fields[number] = _Field(kind, None if kind in (TRUE, FALSE) else self._value(kind))
        return fields

    def _value(self, kind: int) -> Any:
        if kind in (I16, I32, I64):
            return self._integer()
        if kind == BINARY:
            return self._take(self._unsigned())
        if kind == STRUCT:
            return self.struct()
        if kind in (LIST, SET):
            return self._list()
        if kind == DOUBLE:
            return self._take(8)
        if kind in (BYTE, TRUE, FALSE):
            return self._take(1)
        raise AssertionError(f"a Parquet footer with a Thrift value of kind {kind}")

    def _list(self) -> tuple[int, list[Any]]:
        head = self._byte()
        count = head >> 4 if head >> 4 < 15 else self._unsigned()
        return head & 15, [self._value(head & 15) for _ in range(count)]

    def _byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def _take(self, size: int) -> bytes:
        self.at += size
        return self.data[self.at - size : self.at]

    def _unsigned(self) -> int:
        number = shift = 0
        while (byte := self._byte()) & 0x80:
            number |= (byte & 0x7F) << shift
            shift += 7
        return number | byte << shift

    def _integer(self) -> int:
        number = self._unsigned()
        return (number >> 1) ^ -(number & 1)


def _struct_bytes(fields: Fields) -> Iterator[bytes]:
    before = 0
    for number, item in fields.items():
        step = number - before
        yield bytes((step << 4 | item.kind,)) if 0 < step < 16 else bytes((item.kind,)) + _integer_bytes(number)
        yield from _value_bytes(item.kind, item.value)
        before = number
    yield b"\0"


def _value_bytes(kind: int, value: Any) -> Iterator[bytes]:
    if kind in (I16, I32, I64):
        yield _integer_bytes(value)
    elif kind == BINARY:
        yield _unsigned_bytes(len(value)) + value
    elif kind == STRUCT:
        yield from _struct_bytes(value)
    elif kind in (LIST, SET):
        of, items = value
        yield bytes((len(items) << 4 | of,)) if len(items) < 15 else bytes((0xF0 | of,)) + _unsigned_bytes(len(items))
        for item in items:
            yield from _value_bytes(of, item)
    elif value is not None:
        yield value


def _unsigned_bytes(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def _integer_bytes(number: int) -> bytes:
    return _unsigned_bytes(number << 1 if number >= 0 else -(number << 1) - 1)
