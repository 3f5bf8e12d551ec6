"""One fast look at every byte of a delimited text: are all quotes where they belong, how many records does it hold.

The fast reader may be believed only where this found nothing unusual.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy
import numpy.typing
from csv_records import Dialect

CHUNK_BYTES = 1 << 18  # larger ones leave the processor's cache
LONGEST_LINE_BYTES = 8 << 20
NEWLINE, RETURN = 10, 13
Bytes = numpy.typing.NDArray[numpy.uint8]
Flags = numpy.typing.NDArray[numpy.bool_]
Positions = numpy.typing.NDArray[numpy.int64]
_Piece = tuple[bytes, int]  # bytes, and how many of them belong to the piece


@dataclass
class Census:
    """What the body of a file was seen to be. ``records`` (blank lines included) and ``delimiters`` are counted outside quotes.

    ``line_ends`` is lf, crlf, mixed (also where a carriage return stands alone), or empty where there is none. No line has more
    than ``longest_line_bytes``.
    """

    records: int = 0
    blank_lines: int = 0
    delimiters: int = 0
    has_regular_quotes: bool = True
    ends_inside: bool = False
    line_ends: str = ""
    longest_line_bytes: int = 0

    @property
    def is_regular(self) -> bool:
        return self.has_regular_quotes and self.line_ends != "mixed"

    def add(self, piece: "Census") -> None:
        """Take in the piece that follows."""
        self.records += piece.records
        self.blank_lines += piece.blank_lines
        self.delimiters += piece.delimiters
        self.has_regular_quotes = self.has_regular_quotes and piece.has_regular_quotes
        self.ends_inside = piece.ends_inside
        kinds = {self.line_ends, piece.line_ends} - {""}
        self.line_ends = "mixed" if len(kinds) > 1 else "".join(kinds)
        self.longest_line_bytes = max(self.longest_line_bytes, piece.longest_line_bytes)


@dataclass
class CensusTaker:
    """Reads the body of a file once, behind ``skip_lines`` lines; what is irregular ends it.

    To iterate gives places in the file, as soon as they are known: where the body begins, behind every ``cut_records`` records
    (blank lines included), and where it ends. It may be done again, and begun before an earlier turn has ended.
    """

    path: Path
    dialect: Dialect
    skip_lines: int
    cut_records: int
    census: Census = field(default_factory=Census)
    _start: int = 0
    _seen: int = 0
    _cuts: list[int] = field(default_factory=list)
    _looking: Iterator[None] | None = None

    def __iter__(self) -> Iterator[int]:
        given = 0
        while True:
            yield from self._cuts[given:]
            given = len(self._cuts)
            if not self._look_on():
                return

    def finish(self) -> Census:
        """The census of the whole body, or up to what is irregular."""
        while self._look_on():
            pass
        return self.census

    def expected_records(self) -> int:
        """How many records there are, as far as what was seen tells."""
        return round(self.census.records * (self.path.stat().st_size - self._start) / max(1, self._seen - self._start))

    def _look_on(self) -> bool:
        """Look at another piece; False where there is none, and nothing new is known."""
        known = len(self._cuts)
        self._looking = self._looking or self._look_at_all()
        return next(self._looking, self) is not self or len(self._cuts) > known

    def _look_at_all(self) -> Iterator[None]:
        census = self.census
        with self.path.open("rb") as file:
            for _ in range(self.skip_lines):
                file.readline()
            self._start = self._seen = file.tell()
            self._cuts.append(self._start)
            for chunk, size in _pieces(file.fileno(), self._start):
                records, inside = census.records, census.ends_inside
                census.add(_look(chunk, size, self.dialect, inside=inside))
                if not census.is_regular:
                    return
                wanted = numpy.arange(self.cut_records - records % self.cut_records, census.records - records + 1, self.cut_records)
                if len(wanted):
                    ends = _record_ends(chunk, size, self.dialect, inside=inside)
                    self._cuts += (self._seen + 1 + ends[wanted[wanted <= len(ends)] - 1]).tolist()
                self._seen += size
                yield
        census.has_regular_quotes = census.has_regular_quotes and not census.ends_inside
        if self._cuts[-1] < self._seen:
            self._cuts.append(self._seen)


def _pieces(descriptor: int, start: int) -> Iterator[_Piece]:
    """Whole lines from ``start`` on, never copied; a line that is too long for a piece ends one where it must."""
    wanted = CHUNK_BYTES
    while data := os.pread(descriptor, wanted, start):
        is_cut = len(data) < wanted or wanted > LONGEST_LINE_BYTES
        size = len(data) if is_cut else data.rfind(b"\n") + 1
        if size:
            yield data, size
        start, wanted = start + size, CHUNK_BYTES if size else 2 * wanted


def _record_ends(chunk: bytes, size: int, dialect: Dialect, *, inside: bool) -> Positions:
    """The line feeds outside quotes."""
    data = numpy.frombuffer(chunk, dtype=numpy.uint8, count=size)
    ends = numpy.flatnonzero(data == NEWLINE)
    return ends[outside(_quotes(chunk, data, dialect), ends, inside=inside)]


def _quotes(chunk: bytes, data: Bytes, dialect: Dialect) -> Positions:
    if not dialect.quote or chunk.find(dialect.quote.encode(), 0, len(data)) < 0:
        return numpy.zeros(0, dtype=numpy.int64)
    return numpy.flatnonzero(data == ord(dialect.quote))


def _look(chunk: bytes, size: int, dialect: Dialect, *, inside: bool) -> Census:
    """The first ``size`` bytes of ``chunk`` by themselves; ``inside`` says whether they begin within quotes."""
    data = numpy.frombuffer(chunk, dtype=numpy.uint8, count=size)
    is_end, quotes = data == NEWLINE, _quotes(chunk, data, dialect)
    line_feeds = int(numpy.count_nonzero(is_end))
    if size > LONGEST_LINE_BYTES and not line_feeds:
        return Census(line_ends="mixed")
    part = _lesser_part(data, quotes, inside=inside)
    if size <= CHUNK_BYTES and not _is_unusual(chunk, is_end):
        lines = _count_outside(line_feeds, NEWLINE, *part)
        census = Census(lines, longest_line_bytes=size, line_ends="lf" if lines else "")
    else:
        census = _look_closer(data, numpy.flatnonzero(is_end), quotes, inside=inside)
    census.ends_inside = bool((len(quotes) + inside) % 2)
    census.has_regular_quotes = not len(quotes) or quotes_belong(data, quotes, dialect, inside=inside)
    census.records += chunk[size - 1] != NEWLINE and not census.ends_inside
    if len(dialect.delimiter) == 1 and dialect.delimiter.isascii():
        mark = ord(dialect.delimiter)
        census.delimiters = _count_outside(int(numpy.count_nonzero(data == mark)), mark, *part)
    return census


def _lesser_part(data: Bytes, quotes: Positions, *, inside: bool) -> tuple[Bytes, bool]:
    """The bytes within quotes, one after another, or those outside, whichever are fewer; and whether they are those within."""
    bounds = numpy.concatenate(([0], quotes, [len(data)]))
    sizes = numpy.diff(bounds)
    is_within = 2 * int(sizes[1 - inside :: 2].sum()) < len(data)
    start = (1 - inside) if is_within else inside
    starts, sizes = bounds[start:-1:2], sizes[start::2]
    before = numpy.cumsum(sizes) - sizes
    return data[numpy.repeat(starts - before, sizes) + numpy.arange(int(sizes.sum()))], is_within


def _count_outside(count: int, mark: int, part: Bytes, is_within: bool) -> int:
    """How often a mark stands outside quotes, from how often it stands at all and from :func:`_lesser_part`."""
    found = int(numpy.count_nonzero(part == mark))
    return count - found if is_within else found


def _is_unusual(chunk: bytes, is_end: Flags) -> bool:
    """Whether a piece holds a carriage return, or a line feed right at its head or behind another."""
    return bool(chunk.find(b"\r", 0, len(is_end)) >= 0 or is_end[0] or (is_end[1:] & is_end[:-1]).any())


def _look_closer(data: Bytes, ends: Positions, quotes: Positions, *, inside: bool) -> Census:
    """Lines one by one: which are blank, how long the longest is, how they end."""
    returns = numpy.flatnonzero(data == RETURN)
    lengths = numpy.diff(ends, prepend=-1)
    is_real = outside(quotes, ends, inside=inside)
    real_ends = ends[is_real]
    return Census(
        records=len(real_ends),
        blank_lines=_blank_lines(data, real_ends, lengths[is_real]),
        longest_line_bytes=max(int(lengths.max(initial=0)), len(data) - 1 - int(ends[-1]) if len(ends) else len(data)),
        line_ends=_line_ends(data, real_ends, returns[outside(quotes, returns, inside=inside)]),
    )


def outside(quotes: Positions, places: Positions, *, inside: bool = False) -> Flags:
    """Which of the ``places`` stand outside quotes."""
    if not len(quotes):
        return numpy.full(len(places), not inside)
    flags: Flags = (numpy.searchsorted(quotes, places) + inside) % 2 == 0
    return flags


def _blank_lines(data: Bytes, ends: Positions, lengths: Positions) -> int:
    """How many lines (``lengths`` count their ends) hold nothing but their end."""
    bare_returns = data[ends[lengths == 2] - 1] == RETURN
    return int(numpy.count_nonzero(lengths == 1) + numpy.count_nonzero(bare_returns))


def quotes_belong(data: Bytes, quotes: Positions, dialect: Dialect, *, inside: bool) -> bool:
    """Every opening quote follows a delimiter or a line end, every closing one precedes one; doubled quotes stay together."""
    delimiter, quote = dialect.delimiter.encode(), ord(dialect.quote)
    if len(delimiter) != 1 or dialect.escape not in ("", dialect.quote):
        return False
    openings, closings = (quotes[1:], quotes[::2]) if inside else (quotes, quotes[1::2])
    openings = openings[::2]
    last = len(data) - 1
    before = numpy.where(openings > 0, data[numpy.maximum(openings - 1, 0)], NEWLINE)
    after = numpy.where(closings < last, data[numpy.minimum(closings + 1, last)], NEWLINE)
    edges = (ord(delimiter), NEWLINE, quote)
    return _all_of(before, edges) and _all_of(after, (*edges, RETURN))


def _all_of(values: Bytes, allowed: tuple[int, ...]) -> bool:
    """Whether every value is one of ``allowed``."""
    good = numpy.zeros(len(values), dtype=bool)
    for each in allowed:
        good |= values == each
    return bool(good.all())


def _line_ends(data: Bytes, real_ends: Positions, returns: Positions) -> str:
    """How the lines of a piece end; ``returns`` are the carriage returns outside quotes."""
    if not len(real_ends):
        return "mixed" if len(returns) else ""
    preceded = int(numpy.count_nonzero((data[numpy.maximum(real_ends - 1, 0)] == RETURN) & (real_ends > 0)))
    if len(returns) != preceded or preceded not in (0, len(real_ends)):
        return "mixed"
    return "crlf" if preceded else "lf"
