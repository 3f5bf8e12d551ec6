"""Finds the errors of cells (``#DIV/0!``) in an XLS workbook of BIFF5 or BIFF8, which the general reader shows as empty cells.

The container is Microsoft's compound file (MS-CFB), the records are those of MS-XLS.
"""

import struct
from collections.abc import Iterator
from pathlib import Path

from package_mending import ERRORS, UNKNOWN_ERROR

FREE = 0xFFFFFFFA  # this and greater numbers are no sectors
MAX_BYTES = 512 << 20
ENTRY_BYTES = 128
BOF, EOF, SHEET, FORMULA, ERROR = 0x0809, 0x000A, 0x0085, 0x0006, 0x0205
NO_NUMBER, IS_ERROR = b"\xff\xff", 2  # marks in the eight bytes of a formula's result
Found = dict[int, dict[int, str]]


def errors_of(path: Path) -> list[Found]:
    """Per sheet, in the workbook's order, the errors by row and column (from 0); [] for what cannot be followed."""
    if path.stat().st_size > MAX_BYTES:
        return []
    try:
        stream = _workbook_stream(path.read_bytes())
        places = [struct.unpack_from("<I", body)[0] for kind, body in _records(stream, 0) if kind == SHEET]
        return [_errors(stream, place) for place in places]
    except (struct.error, IndexError, UnicodeDecodeError):
        return []


def _workbook_stream(data: bytes) -> bytes:
    """The stream ``Workbook`` (or ``Book``) of a compound file; empty where there is none."""
    size, small_size = (1 << shift for shift in struct.unpack_from("<HH", data, 30))
    first, _, smallest, small_table, _, more, more_count = struct.unpack_from("<7I", data, 48)

    def sector(number: int) -> bytes:
        return data[(number + 1) * size : (number + 2) * size]

    def numbers(number: int) -> tuple[int, ...]:
        return struct.unpack(f"<{size // 4}I", sector(number))

    tables = list(struct.unpack_from("<109I", data, 76))
    for _ in range(more_count):
        *listed, more = numbers(more)
        tables += listed
    table = [number for part in tables if part < FREE for number in numbers(part)]

    def joined(start: int) -> bytes:
        return b"".join(map(sector, _chain(start, table)))

    entries = joined(first)
    streams = {}
    for place in range(0, len(entries), ENTRY_BYTES):
        name = entries[place : place + struct.unpack_from("<H", entries, place + 64)[0]].decode("utf-16-le").rstrip("\0")
        streams[name] = struct.unpack_from("<II", entries, place + 116)
    start, length = streams.get("Workbook") or streams.get("Book") or (FREE, 0)
    if length >= smallest:
        return joined(start)[:length]
    held = joined(streams["Root Entry"][0]) if "Root Entry" in streams else b""
    small = [number for part in _chain(small_table, table) for number in numbers(part)]
    return b"".join(held[number * small_size : (number + 1) * small_size] for number in _chain(start, small))[:length]


def _chain(start: int, table: list[int]) -> list[int]:
    """The sectors of a stream in order; a circle raises IndexError."""
    found = []
    while start < FREE:
        found.append(start)
        start = table[start]
        if len(found) > len(table):
            raise IndexError("a stream that runs in a circle")
    return found


def _records(stream: bytes, place: int) -> Iterator[tuple[int, bytes]]:
    """The records from the one at ``place`` to the end of its sheet, those of charts within it left out."""
    depth = 0
    while place + 4 <= len(stream):
        kind, size = struct.unpack_from("<HH", stream, place)
        body = stream[place + 4 : place + 4 + size]
        place += 4 + size
        depth += (kind == BOF) - (kind == EOF)
        if depth == 0:
            return
        if depth == 1:
            yield kind, body


def _errors(stream: bytes, place: int) -> Found:
    found: Found = {}
    for kind, body in _records(stream, place):
        if kind == ERROR and body[7]:
            row, column, code = struct.unpack_from("<HH2xB", body)
        elif kind == FORMULA and body[6] == IS_ERROR and body[12:14] == NO_NUMBER:
            row, column, code = struct.unpack_from("<HH4xB", body)
        else:
            continue
        found.setdefault(row, {})[column] = ERRORS.get(code, UNKNOWN_ERROR)
    return found
