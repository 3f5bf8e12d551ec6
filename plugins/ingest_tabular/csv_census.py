"""One fast look at every byte of a delimited text: are all quotes where they belong, how many records does it hold.

The fast reader may be believed only where this found nothing unusual. Pieces are looked at side by side, each as if it began
outside quotes; one that did not is looked at again.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy
import numpy.typing
from csv_records import Dialect

CHUNK_BYTES = 1 << 20  # larger ones leave the processor's cache
LONGEST_LINE_BYTES = 8 << 20
THREADS = 2
WAITING = 6
NEWLINE, RETURN = 10, 13
Bytes = numpy.typing.NDArray[numpy.uint8]
Flags = numpy.typing.NDArray[numpy.bool_]
Positions = numpy.typing.NDArray[numpy.int64]


@dataclass
class Census:
    """What the body of a file was seen to be. ``records`` (blank lines included) and ``delimiters`` are counted outside quotes.

    ``line_ends`` is lf, crlf, mixed (also where a carriage return stands alone), or empty where there is none.
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
    waiting: deque[tuple[bytes, Future[Census]]] = deque()
    with path.open("rb") as file, ThreadPoolExecutor(THREADS) as pool:
        for _ in range(skip_lines):
            file.readline()
        for chunk in _pieces(file):
            waiting.append((chunk, pool.submit(_look, chunk, dialect, inside=False)))
            while len(waiting) > WAITING and census.is_regular:
                done += _take_in(census, *waiting.popleft(), dialect)
            progress(done)
            if not census.is_regular:
                return census
        while waiting and census.is_regular:
            _take_in(census, *waiting.popleft(), dialect)
    census.has_regular_quotes = census.has_regular_quotes and not census.ends_inside
    return census


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(CHUNK_BYTES):
        yield chunk + file.readline(LONGEST_LINE_BYTES)


def _take_in(census: Census, chunk: bytes, seen: "Future[Census]", dialect: Dialect) -> int:
    census.add(_look(chunk, dialect, inside=True) if census.ends_inside else seen.result())
    return len(chunk)


def _look(chunk: bytes, dialect: Dialect, *, inside: bool) -> Census:
    """One piece by itself; ``inside`` says whether it begins within quotes."""
    data = numpy.frombuffer(chunk, dtype=numpy.uint8)
    ends = numpy.flatnonzero(data == NEWLINE)
    lengths = numpy.diff(ends, prepend=-1)
    quotes = numpy.flatnonzero(data == ord(dialect.quote)) if dialect.quote else ends[:0]
    census = Census(ends_inside=bool((len(quotes) + inside) % 2))
    census.has_regular_quotes = not len(quotes) or quotes_belong(data, quotes, dialect, inside=inside)
    if not len(ends) and len(chunk) > LONGEST_LINE_BYTES:
        return Census(line_ends="mixed")
    is_real = outside(quotes, ends, inside=inside)
    real_ends = ends[is_real]
    census.delimiters = _delimiters(data, quotes, dialect, inside=inside)
    census.records = len(real_ends) + (chunk[-1] != NEWLINE and not census.ends_inside)
    census.longest_line_bytes = max(int(lengths.max(initial=0)), len(chunk) - 1 - int(ends[-1]) if len(ends) else len(chunk))
    census.blank_lines = _blank_lines(data, real_ends, lengths[is_real])
    returns = numpy.flatnonzero(data == RETURN) if b"\r" in chunk else ends[:0]
    census.line_ends = _line_ends(data, real_ends, returns[outside(quotes, returns, inside=inside)])
    return census


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


def _delimiters(data: Bytes, quotes: Positions, dialect: Dialect, *, inside: bool) -> int:
    """How many delimiters stand outside quotes: all but those within, or those without, whichever is less to look at."""
    if len(dialect.delimiter) != 1 or not dialect.delimiter.isascii():
        return 0
    mark = ord(dialect.delimiter)
    bounds = numpy.concatenate(([0], quotes, [len(data)]))
    within, without = ((bounds[start:-1:2], bounds[start + 1 :: 2]) for start in (1 - inside, inside))
    if 2 * int((within[1] - within[0]).sum()) < len(data):
        return int(numpy.count_nonzero(data == mark)) - _count(data, mark, *within)
    return _count(data, mark, *without)


def _count(data: Bytes, mark: int, starts: Positions, stops: Positions) -> int:
    """How often ``mark`` occurs in the stretches of ``data`` from ``starts`` to ``stops``."""
    sizes = stops - starts
    before = numpy.cumsum(sizes) - sizes
    places = numpy.repeat(starts - before, sizes) + numpy.arange(int(sizes.sum()))
    return int(numpy.count_nonzero(data[places] == mark))


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
