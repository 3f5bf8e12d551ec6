"""Writes an irregular delimited file again as a regular one: good stretches are copied, the rest is mended record by record.

Whatever is done to a row is counted with its place; lines at the very end that are no rows are set aside, and said.
"""

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy
from csv_alignment import Profiles, aligned
from csv_census import NEWLINE, RETURN, Flags, Positions, outside, quotes_belong
from csv_records import Customs, Dialect, LineSource, Record, records
from repair_notes import MAX_PLACES, Repairs, counted

from harness_core.sdk import InputRejected

PIECE_BYTES = 256 << 10
SMALLEST_PIECE_BYTES = 4 << 10
TAIL_BYTES = 32 << 10
MAX_EXTRA_COLUMNS = 100
MAX_HELD = 50_000
MAX_TRAILER_LINES = 10
MAX_ROW_BYTES = 64 << 20

SENTENCES = {
    "short_rows": ("row has", "rows have", "fewer fields than the table has columns; the missing ones at the end are null"),
    "long_rows": (
        "row has",
        "rows have",
        "more fields than the table has columns; the surplus is in the columns extra_1 and so on",
    ),
    "trimmed_rows": (
        "row has",
        "rows have",
        "more fields than the table has columns; the surplus ones are empty and were left out",
    ),
    "realigned_rows": ("row has", "rows have", "a field too few or too many and was moved to where its values fit the columns"),
    "mended_rows": (
        "row breaks",
        "rows break",
        "the rules of quoting and was read in the way that fits the table, without losing text",
    ),
    "stray_quotes": ("row holds", "rows hold", "a quote within a field that is not quoted; it is kept as it stands"),
    "other_delimiter": ("row uses", "rows use", "another delimiter than the rest and was split by it"),
}


@dataclass
class Places:
    """How often something happened, and the first hundred rows and lines where."""

    count: int = 0
    rows: list[int] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)

    def note(self, row: int, line: int) -> None:
        self.count += 1
        if len(self.rows) < MAX_PLACES:
            self.rows.append(row)
            self.lines.append(line)


@dataclass
class Tally:
    """Counts of everything unusual that was met."""

    widest: int
    rows: int = 0
    longest_row: int = 0  # bytes; that of a stretch copied at once is an upper bound
    blank_lines: int = 0
    empty_rows: int = 0
    places: dict[str, Places] = field(default_factory=dict)
    trailer_lines: list[int] = field(default_factory=list)

    def note(self, code: str, row: int, line: int) -> None:
        self.places.setdefault(code, Places()).note(row, line)

    def say(self, repairs: Repairs) -> None:
        for code in sorted(self.places):
            found, (one, many, rest) = self.places[code], SENTENCES[code]
            repairs.add(code, found.count, f"{counted(found.count, one, many)} {rest}.", rows=found.rows, lines=found.lines)
        if self.empty_rows:
            words = counted(self.empty_rows, "row without any value at the end was", "rows without any value at the end were")
            repairs.add("empty_rows", self.empty_rows, f"{words} left out.")
        if self.trailer_lines:
            words = counted(len(self.trailer_lines), "line after the table was", "lines after the table were")
            repairs.add("trailer_lines", len(self.trailer_lines), f"{words} set aside as no row of it.", lines=self.trailer_lines)


class Report(Protocol):
    """Called with the bytes done and the rows written; may raise to stop."""

    def __call__(self, done_bytes: int, rows: int) -> None: ...


@dataclass(frozen=True)
class Source:
    """An irregular file: its dialect, its usual rows, and where its body begins."""

    path: Path
    dialect: Dialect
    width: int
    body_line: int
    customs: Customs
    profiles: Profiles
    line_end: str


def regular_dialect(dialect: Dialect) -> Dialect:
    """What the copy is written in: the source's own marks where good stretches can be copied, else comma and double quote."""
    return Dialect(dialect.delimiter, dialect.quote or '"', dialect.quote or '"') if can_copy(dialect) else Dialect(",", '"', '"')


def can_copy(dialect: Dialect) -> bool:
    """Whether stretches of the file mean the same to the fast reader as to the exact one."""
    return (
        len(dialect.delimiter) == 1
        and dialect.delimiter.isascii()
        and len(dialect.quote) == 1
        and dialect.escape == dialect.quote
        and not dialect.spaced
    )


def write_regular(source: Source, copy: Path, report: Report) -> Tally:
    """Write the body of ``source`` to ``copy``, lines ending in line feeds; rows have ``source.width`` fields, or real surplus."""
    tally = Tally(source.width)
    size = source.path.stat().st_size
    with source.path.open("rb") as file, copy.open("wb") as out:
        writer = _Writer(source, out, tally)
        stream = _Stream(file, source.body_line, source.line_end)
        if can_copy(source.dialect) and source.line_end != "\r":
            while size - file.tell() > TAIL_BYTES and (piece := stream.piece()):
                _copy_piece(piece, stream, source, writer)
                report(file.tell(), tally.rows)
        for record in _records(stream, source, None):
            writer.write(record)
            if tally.rows % 5_000 == 0:
                report(file.tell(), tally.rows)
        writer.close()
    report(size, tally.rows)
    return tally


class _Stream:
    """Lines of the body, taken in pieces of whole lines or one at a time."""

    def __init__(self, file: BinaryIO, body_line: int, line_end: str) -> None:
        self._file, self._returns = file, line_end == "\r"
        self._ahead: deque[bytes] = deque()
        self.number = 0
        self.piece_bytes = PIECE_BYTES
        while self.number < body_line - 1 and self.line() is not None:
            pass

    def line(self) -> bytes | None:
        if self._ahead:
            found = self._ahead.popleft()
        elif self._returns:
            found = self._returned_line()
        else:
            found = self._file.readline()
        self.number += bool(found)
        return found or None

    def _returned_line(self) -> bytes:
        lines = self._file.read().split(b"\r")
        self._ahead.extend([line + b"\r" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else []))
        return self._ahead.popleft() if self._ahead else b""

    def piece(self) -> bytes:
        """The next whole lines, about as many bytes as wanted."""
        if not self._ahead:
            data = self._file.read(self.piece_bytes)
            return data + (self._file.readline() if data and not data.endswith(b"\n") else b"")
        taken, size = [], 0
        while self._ahead and size < self.piece_bytes:
            taken.append(self._ahead.popleft())
            size += len(taken[-1])
        return b"".join(taken)

    def give_back(self, lines: Sequence[str]) -> None:
        self._ahead.extendleft(line.encode() for line in reversed(lines))
        self.number -= len(lines)

    def put(self, data: bytes) -> None:
        """Make ``data`` the next lines."""
        lines = [line + b"\n" for line in data.split(b"\n")]
        lines[-1] = lines[-1][:-1]
        self._ahead.extendleft(line for line in reversed(lines) if line)


def _copy_piece(piece: bytes, stream: _Stream, source: Source, writer: "_Writer") -> None:
    """Copy the piece's good records as they stand and mend the others; where its quotes are out of order, look closer."""
    ends = record_ends(piece, source.dialect, source.line_end)
    if ends is None:
        stream.put(piece)
        wanted = min(stream.piece_bytes, len(piece))
        if wanted > SMALLEST_PIECE_BYTES:  # by what was wanted: a long line may make the same piece again
            stream.piece_bytes = wanted // 4
            return
        for record in _records(stream, source, stream.number + piece.count(b"\n")):
            writer.write(record)
        return
    stream.piece_bytes = min(PIECE_BYTES, 2 * stream.piece_bytes)
    good = _good_records(piece, ends, source.dialect, source.width, source.line_end)
    start = 0
    for first, last, is_good in _runs(good):
        stop = int(ends[last - 1]) + 1
        if is_good:
            writer.copy(_with_line_feeds(piece, ends[first:last], start, source.line_end), last - first)
            stream.number += piece.count(b"\n", start, stop)
        else:
            stream.put(piece[start:stop])
            for record in _records(stream, source, stream.number + piece.count(b"\n", start, stop)):
                writer.write(record)
        start = stop


def _with_line_feeds(piece: bytes, ends: Positions, start: int, line_end: str) -> bytes:
    """The records from ``start`` to the last of ``ends``, each ending in a line feed alone; line ends within quotes stay."""
    stretch = piece[start : int(ends[-1]) + 1]
    if line_end != "\r\n":
        return stretch
    return numpy.delete(numpy.frombuffer(stretch, dtype=numpy.uint8), ends - 1 - start).tobytes()


def _records(stream: _Stream, source: Source, until_line: int | None) -> Iterator[Record]:
    """Mended records from here on, up to the record that holds line ``until_line``; what was looked at ahead is given back."""

    def texts() -> Iterator[str]:
        while (line := stream.line()) is not None:
            yield line.decode("utf-8", "replace")

    lines = LineSource(texts(), stream.number + 1)
    for record in records(lines, source.dialect, source.customs):
        yield record
        if until_line is not None and lines.number >= until_line:
            break
    stream.give_back(lines.ahead)


def record_ends(piece: bytes, dialect: Dialect, line_end: str) -> Positions | None:
    """The positions of the line feeds that end records; None where quotes or line ends are out of order."""
    data = numpy.frombuffer(piece, dtype=numpy.uint8)
    ends = numpy.flatnonzero(data == NEWLINE)
    returns = numpy.flatnonzero(data == RETURN) if b"\r" in piece else ends[:0]
    if dialect.quote.encode() in piece:
        quotes = numpy.flatnonzero(data == ord(dialect.quote))
        if len(quotes) % 2 or not quotes_belong(data, quotes, dialect, inside=False):
            return None
        ends, returns = ends[outside(quotes, ends)], returns[outside(quotes, returns)]
    expected = ends - 1 if line_end == "\r\n" else ends[:0]
    if not piece.endswith(b"\n") or not numpy.array_equal(returns, expected):
        return None
    return ends


def _good_records(piece: bytes, ends: Positions, dialect: Dialect, width: int, line_end: str) -> Flags:
    """Per record, whether it has the usual number of fields and is no blank line."""
    data = numpy.frombuffer(piece, dtype=numpy.uint8)
    marks = numpy.flatnonzero(data == ord(dialect.delimiter))
    if dialect.quote.encode() in piece:
        quotes = numpy.flatnonzero(data == ord(dialect.quote))
        marks = marks[outside(quotes, marks)]
    counts = numpy.diff(numpy.searchsorted(marks, ends), prepend=0)
    lengths = numpy.diff(ends, prepend=-1)
    good: Flags = (counts == width - 1) & (lengths > len(line_end))
    return good


def _runs(good: Flags) -> Iterator[tuple[int, int, bool]]:
    """Stretches of records that are all good or all not: first, behind the last, which."""
    changes = [0, *(numpy.flatnonzero(numpy.diff(good)) + 1).tolist(), len(good)]
    for first, last in pairwise(changes):
        if last > first:
            yield first, last, bool(good[first])


def too_long(line: int) -> InputRejected:
    return InputRejected(
        f"The row on line {line:,} is longer than {MAX_ROW_BYTES >> 20} MB.",
        line=line,
        remedy="Check that line for a quote that is not closed, or a missing line end.",
        code="too_large",
    )


class _Writer:
    """Writes records at the table's width, and holds back what may turn out to stand behind the table."""

    def __init__(self, source: Source, out: BinaryIO, tally: Tally) -> None:
        self._source, self._out, self._tally = source, out, tally
        self._dialect = regular_dialect(source.dialect)
        self._special = re.compile(f"[{re.escape(self._dialect.delimiter + self._dialect.quote)}\r\n]").search
        self._held: list[Record] = []

    def copy(self, stretch: bytes, rows: int) -> None:
        self._release()
        self._put(stretch)
        self._tally.rows += rows

    def _put(self, data: bytes) -> None:
        self._tally.longest_row = max(self._tally.longest_row, len(data))
        self._out.write(data)

    def write(self, record: Record) -> None:
        width = self._source.width
        if record.fields == [""] and width > 1:
            self._tally.blank_lines += 1
            return
        if self._may_stand_behind(record, width):
            self._held.append(record)
            return
        self._release()
        self._row(record)

    def _may_stand_behind(self, record: Record, width: int) -> bool:
        filled = sum(bool(value.strip()) for value in record.fields)
        if len(self._held) >= MAX_HELD:
            return False
        return (filled == 0 and width > 1) or (width >= 3 and filled <= 1 and len(record.fields) < width)

    def _release(self) -> None:
        for record in self._held:
            self._row(record)
        self._held = []

    def _row(self, record: Record) -> None:
        fields = self._fitted(record)
        limit = self._source.width + MAX_EXTRA_COLUMNS
        if len(fields) > limit:
            fields = [*fields[: limit - 1], self._source.dialect.delimiter.join(fields[limit - 1 :])]
        self._tally.widest = max(self._tally.widest, len(fields))
        data = (self._dialect.delimiter.join(map(self._marked, fields or [""])) + "\n").encode()
        if len(data) > MAX_ROW_BYTES:
            raise too_long(record.line)
        self._put(data)
        self._tally.rows += 1

    def _marked(self, value: str) -> str:
        """The value in quotes where it holds a mark or a line end; the csv module would leave a carriage return bare."""
        quote = self._dialect.quote
        is_only = not value and self._tally.widest == 1
        return quote + value.replace(quote, quote * 2) + quote if is_only or self._special(value) else value

    def _fitted(self, record: Record) -> list[str]:
        """The row at the table's width: padded, moved, trimmed of empty surplus, or left longer; what was done is noted."""
        fields, width, tally = record.fields, self._source.width, self._tally
        if record.trouble:
            tally.note(record.trouble, tally.rows, record.line)
        if len(fields) == width:
            return fields
        moved = aligned(fields, width, self._source.profiles)
        if moved is not None:
            tally.note("realigned_rows", tally.rows, record.line)
            return moved
        if len(fields) < width:
            tally.note("short_rows", tally.rows, record.line)
            return fields + [""] * (width - len(fields))
        surplus = any(fields[width:])
        tally.note("long_rows" if surplus else "trimmed_rows", tally.rows, record.line)
        return fields if surplus else fields[:width]

    def close(self) -> None:
        """Set aside what stands behind the table; short lines that are too many, or look like rows, are rows."""
        remarks = [record for record in self._held if any(value.strip() for value in record.fields)]
        if len(remarks) > MAX_TRAILER_LINES or any(self._looks_like_row(record) for record in remarks):
            self._release()
            return
        self._tally.trailer_lines = [record.line for record in remarks]
        self._tally.empty_rows = len(self._held) - len(remarks)

    def _looks_like_row(self, record: Record) -> bool:
        """A last line that was cut off has a first cell like the cells above it."""
        profiles = self._source.profiles
        usual = profiles.shares[0] if profiles.shares else {}
        first = record.fields[0] if record.fields else ""
        from_above = {each for each, share in usual.items() if share > 0.05 and each not in ("", "a", "text")}
        return bool(first.strip()) and profiles.fit(first, 0) > -3.0 and bool(from_above)
