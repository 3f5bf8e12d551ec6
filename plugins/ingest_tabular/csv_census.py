"""One fast look at every byte of a delimited text: is it UTF-8, are all quotes where they belong, how many records does it hold.

The fast reader may be believed only where this found nothing unusual.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy
import numpy.typing
from csv_records import Dialect

CHUNK_BYTES = 8 << 20
NEWLINE, RETURN = 10, 13
Bytes = numpy.typing.NDArray[numpy.uint8]
Flags = numpy.typing.NDArray[numpy.bool_]
Positions = numpy.typing.NDArray[numpy.int64]


@dataclass
class Census:
    """What the body of a file was seen to be. ``records`` (blank lines included) and ``delimiters`` are counted outside quotes."""

    records: int = 0
    blank_lines: int = 0
    delimiters: int = 0
    is_utf8: bool = True
    has_regular_quotes: bool = True
    has_quotes: bool = False
    has_nul: bool = False
    line_ends: str = "lf"  # lf, crlf or mixed
    longest_line_bytes: int = 0

    @property
    def is_regular(self) -> bool:
        return self.is_utf8 and self.has_regular_quotes and self.line_ends != "mixed"


def take_census(path: Path, dialect: Dialect, skip_lines: int, progress: Callable[[int], None] = lambda done: None) -> Census:
    """Read the file once, behind ``skip_lines`` lines, in pieces that end at line ends; what is irregular ends it."""
    census = Census()
    inside, crlf, done = 0, None, 0
    with path.open("rb") as file:
        for _ in range(skip_lines):
            file.readline()
        while chunk := file.read(CHUNK_BYTES):
            chunk += file.readline()
            done += len(chunk)
            if not chunk.isascii():
                census.is_utf8 = census.is_utf8 and _decodes(chunk)
            census.has_nul = census.has_nul or b"\0" in chunk
            inside, crlf = _look(chunk, dialect, census, inside, crlf)
            progress(done)
            if not census.is_regular:
                return census
    census.has_regular_quotes = census.has_regular_quotes and not inside
    census.line_ends = "crlf" if crlf else census.line_ends
    return census


def _decodes(chunk: bytes) -> bool:
    try:
        chunk.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _look(chunk: bytes, dialect: Dialect, census: Census, inside: int, crlf: bool | None) -> tuple[int, bool | None]:
    """Look at one piece; returns whether it ends inside a quote (0 or 1), and the kind of line end."""
    data = numpy.frombuffer(chunk, dtype=numpy.uint8)
    ends = numpy.flatnonzero(data == NEWLINE)
    quotes, start = None, inside
    if dialect.quote and dialect.quote.encode() in chunk:
        census.has_quotes = True
        quotes = numpy.flatnonzero(data == ord(dialect.quote))
        census.has_regular_quotes = census.has_regular_quotes and quotes_belong(data, quotes, dialect, inside)
        outside = (numpy.searchsorted(quotes, ends) + inside) % 2 == 0
        real_ends = ends[outside]
        inside = (inside + len(quotes)) % 2
    else:
        real_ends = ends if not inside else ends[:0]
    census.delimiters += _delimiters(data, quotes, start, dialect)
    census.records += len(real_ends)
    census.blank_lines += _blank_lines(data, real_ends, ends)
    if len(ends):
        census.longest_line_bytes = max(census.longest_line_bytes, int(numpy.diff(ends, prepend=-1).max()))
    if len(data) and data[-1] != NEWLINE and not inside:
        census.records += 1
    returns = numpy.flatnonzero(data == RETURN) if b"\r" in chunk else ends[:0]
    if quotes is not None:
        returns = returns[(numpy.searchsorted(quotes, returns) + start) % 2 == 0]
    elif start:
        returns = returns[:0]
    return inside, _line_end_kind(data, real_ends, returns, crlf, census)


def _delimiters(data: Bytes, quotes: Positions | None, inside: int, dialect: Dialect) -> int:
    """How many delimiters stand outside quotes."""
    if len(dialect.delimiter) != 1 or not dialect.delimiter.isascii():
        return 0
    is_mark = data == ord(dialect.delimiter)
    if quotes is None:
        return 0 if inside else int(numpy.count_nonzero(is_mark))
    ranks = numpy.searchsorted(numpy.flatnonzero(is_mark), quotes)
    between = numpy.diff(ranks, prepend=0, append=int(numpy.count_nonzero(is_mark)))
    return int(between[inside::2].sum())


def quotes_belong(data: Bytes, quotes: Positions, dialect: Dialect, inside: int) -> bool:
    """Every opening quote follows a delimiter or a line end, every closing one precedes one; doubled quotes stay together."""
    delimiter, quote = dialect.delimiter.encode(), ord(dialect.quote)
    if len(delimiter) != 1 or dialect.escape not in ("", dialect.quote):
        return False
    is_opening = (numpy.arange(len(quotes)) + inside) % 2 == 0
    before = numpy.where(quotes > 0, data[numpy.maximum(quotes - 1, 0)], NEWLINE)[is_opening]
    last = len(data) - 1
    after = numpy.where(quotes < last, data[numpy.minimum(quotes + 1, last)], NEWLINE)[~is_opening]
    edges = (ord(delimiter), NEWLINE, quote)
    return _all_of(before, edges) and _all_of(after, (*edges, RETURN))


def _all_of(values: Bytes, allowed: tuple[int, ...]) -> bool:
    """Whether every value is one of ``allowed``."""
    good = numpy.zeros(len(values), dtype=bool)
    for each in allowed:
        good |= values == each
    return bool(good.all())


def _blank_lines(data: Bytes, real_ends: Positions, ends: Positions) -> int:
    before_one = numpy.where(real_ends > 0, data[numpy.maximum(real_ends - 1, 0)], NEWLINE)
    before_two = numpy.where(real_ends > 1, data[numpy.maximum(real_ends - 2, 0)], NEWLINE)
    return int(((before_one == NEWLINE) | ((before_one == RETURN) & (before_two == NEWLINE))).sum())


def _line_end_kind(data: Bytes, real_ends: Positions, returns: Positions, crlf: bool | None, census: Census) -> bool | None:
    """Whether lines end in CR LF; ``mixed`` is noted where they do not agree or a CR stands alone outside quotes."""
    preceded = numpy.where(real_ends > 0, data[numpy.maximum(real_ends - 1, 0)] == RETURN, False)
    if not len(preceded):
        census.line_ends = "mixed" if len(returns) else census.line_ends
        return crlf
    kind = bool(preceded.all())
    if bool(preceded.any()) != kind or (crlf is not None and kind != crlf) or len(returns) != int(preceded.sum()):
        census.line_ends = "mixed"
    return kind
