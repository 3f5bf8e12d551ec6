"""One fast look at every byte of a delimited text: are all quotes where they belong, how many records does it hold.

The fast reader may be believed only where this found nothing unusual. Pieces are looked at side by side, each as if it began
outside quotes; one that did not is looked at again.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy
import numpy.typing
from csv_records import Dialect

CHUNK_BYTES = 1 << 19  # larger ones leave the processor's cache
LONGEST_LINE_BYTES = 8 << 20
THREADS = 2
WAITING = 6
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


def take_census(path: Path, dialect: Dialect, skip_lines: int, progress: Callable[[int], None] = lambda done: None) -> Census:
    """Read the file once, behind ``skip_lines`` lines, in pieces that end at line ends; what is irregular ends it."""
    census, done = Census(), 0
    waiting: deque[tuple[_Piece, Future[Census]]] = deque()
    with path.open("rb") as file, ThreadPoolExecutor(THREADS) as pool:
        for _ in range(skip_lines):
            file.readline()
        for piece in _pieces(file.fileno(), file.tell()):
            waiting.append((piece, pool.submit(_look, *piece, dialect, inside=False)))
            while len(waiting) > WAITING and census.is_regular:
                done += _take_in(census, *waiting.popleft(), dialect)
            progress(done)
            if not census.is_regular:
                return census
        while waiting and census.is_regular:
            _take_in(census, *waiting.popleft(), dialect)
    census.has_regular_quotes = census.has_regular_quotes and not census.ends_inside
    return census


def _pieces(descriptor: int, start: int) -> Iterator[_Piece]:
    """Whole lines from ``start`` on, never copied; a line that is too long for a piece ends one where it must."""
    wanted = CHUNK_BYTES
    while data := os.pread(descriptor, wanted, start):
        is_cut = len(data) < wanted or wanted > LONGEST_LINE_BYTES
        size = len(data) if is_cut else data.rfind(b"\n") + 1
        if size:
            yield data, size
        start, wanted = start + size, CHUNK_BYTES if size else 2 * wanted


def _take_in(census: Census, piece: _Piece, seen: "Future[Census]", dialect: Dialect) -> int:
    census.add(_look(*piece, dialect, inside=True) if census.ends_inside else seen.result())
    return piece[1]


def _look(chunk: bytes, size: int, dialect: Dialect, *, inside: bool) -> Census:
    """The first ``size`` bytes of ``chunk`` by themselves; ``inside`` says whether they begin within quotes."""
    data = numpy.frombuffer(chunk, dtype=numpy.uint8, count=size)
    ends = numpy.flatnonzero(data == NEWLINE)
    quotes = numpy.flatnonzero(data == ord(dialect.quote)) if dialect.quote else numpy.zeros(0, dtype=numpy.int64)
    if size > LONGEST_LINE_BYTES and not len(ends):
        return Census(line_ends="mixed")
    part = _lesser_part(data, quotes, inside=inside)
    if size <= CHUNK_BYTES and not _is_unusual(chunk, size, ends):
        lines = _count_outside(len(ends), NEWLINE, *part)
        census = Census(lines, longest_line_bytes=size, line_ends="lf" if lines else "")
    else:
        census = _look_closer(data, ends, quotes, inside=inside)
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


def _is_unusual(chunk: bytes, size: int, ends: Positions) -> bool:
    """Whether a piece holds a carriage return, or a line feed right at its head or behind another: ``ends`` are all line feeds."""
    return chunk.find(b"\r", 0, size) >= 0 or bool((numpy.diff(ends, prepend=-1) == 1).any())


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
