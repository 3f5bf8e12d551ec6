"""The rows of an INSERT, a block at a time: borders found with vectorised scans, so that Arrow's CSV reader can take them apart.

A block begins with the bracket of a row, outside any text. Parity of quotes says what is in a text, the depth of brackets what
separates values and rows. The separators become control signs that the block does not hold; values stay as they are written.
Where something stands outside the texts that could change this reading (comments, other quotes), the block goes the exact way.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy
import numpy.typing
from dump_dialects import Dialect
from dump_tokens import tokens
from dump_window import Incomplete
from dump_words import rejected

Bytes = numpy.typing.NDArray[numpy.uint8]
Places = numpy.typing.NDArray[numpy.int64]
FIELD, RECORD, LINE_FEED, RETURN, JOINT = 0x1F, 0x0A, 0x1E, 0x1C, b"\x1d"
CONTROLS = bytes((FIELD, LINE_FEED, RETURN, JOINT[0]))
QUOTE, OPEN, CLOSE, COMMA, BLANK = b"'(), "
OTHER_QUOTES = b'"`#$['
MAX_GAP = 64


@dataclass
class Rows:
    """Rows as found: either ``body`` for Arrow, or ``fields`` as Python lists; ``size`` bytes and ``lines`` of the block are
    used. While only the ``borders`` are known, the body waits for :meth:`finish`, which another thread may do."""

    count: int
    size: int
    lines: int
    body: Any = None
    has_line_ends: bool = False
    fields: list[list[bytes]] = field(default_factory=list)
    borders: "tuple[Bytes, Places, Places, Places] | None" = None

    @property
    def is_columnar(self) -> bool:
        """Whether Arrow can take the rows apart."""
        return self.body is not None or self.borders is not None

    def finish(self) -> None:
        """Make the body where only its borders are known."""
        if self.borders is not None:
            self.body, self.has_line_ends = _body(*self.borders)
            self.borders = None


def scan_rows(block: bytes, dialect: Dialect, width: int, joint: bytes | None, *, ended: bool) -> Rows:
    """All whole rows at the head of ``block``, up to whatever is no further row of the same INSERT.

    ``joint`` is what stands between the bracket that ends a row and the one that begins the next, where each row has an INSERT of
    its own. Raises Incomplete where not one row is whole, and InputRejected for a row that has not ``width`` values.
    """
    found = None if any(sign in block for sign in CONTROLS) else _fast(block, dialect, width, joint)
    if found is None and joint is not None:
        found = None if any(sign in block for sign in CONTROLS) else _fast(block, dialect, width, None)
    return found or exact_rows(block, dialect, width, ended=ended)


@dataclass
class _Structure:
    """Places outside texts: of brackets and commas, with their signs and the depth behind each."""

    text: bytes
    data: Bytes
    quotes: Places
    at: Places
    signs: Bytes
    depth: Any


def _fast(block: bytes, dialect: Dialect, width: int, joint: bytes | None) -> Rows | None:
    """None where the block must go the exact way."""
    text = block.replace(b")" + joint + b"(", b")" + JOINT + b"(") if joint else block
    found = _structure(text, dialect)
    closes = found.at[(found.signs == CLOSE) & (found.depth == 0)]
    opens = found.at[(found.signs == OPEN) & (found.depth == 1)]
    if not len(closes) or not len(opens) or opens[0] != 0:
        return None
    gaps = min(len(opens) - 1, len(closes))
    good = _gaps(text, found.data, closes[:gaps], opens[1 : gaps + 1])
    bad = numpy.flatnonzero(~good)
    count = int(bad[0]) + 1 if len(bad) else len(closes)
    opens, closes = opens[:count], closes[:count]
    end = int(closes[-1]) + 1
    if _has_other_signs(found, dialect, end):
        return None
    separators = found.at[(found.signs == COMMA) & (found.depth == 1)]
    separators = separators[: int(numpy.searchsorted(separators, end))]
    if not _is_even(separators, opens, closes, width):
        return None
    joints = int(numpy.count_nonzero(found.data[:end] == JOINT[0])) if joint else 0
    if joints and int((found.data[closes[:-1] + 1] == JOINT[0]).sum()) != joints:
        return None  # a text that holds what joins two statements
    borders = found.data[1:end], separators - 1, opens - 1, closes - 1
    lines = int(numpy.count_nonzero(found.data[:end] == RECORD)) + joints * (joint or b"").count(b"\n")
    return Rows(count, end + joints * (len(joint or b" ") - 1), lines, borders=borders)


def _structure(text: bytes, dialect: Dialect) -> _Structure:
    data = numpy.frombuffer(text, numpy.uint8)
    seen = _without_escaped(data) if dialect.escapes and b"\\" in text else data
    places = numpy.flatnonzero((seen - numpy.uint8(QUOTE)) < 6)  # ' ( ) * + ,
    signs = seen[places]
    quote = signs == QUOTE
    outside = ~(quote | numpy.bitwise_xor.accumulate(quote.view(numpy.uint8)).view(numpy.bool_))
    at, signs = places[outside], signs[outside]
    depth = numpy.cumsum((signs == OPEN).astype(numpy.int8) - (signs == CLOSE), dtype=numpy.int32)
    beyond = numpy.flatnonzero(depth < 0)
    if len(beyond):
        at, signs, depth = at[: beyond[0]], signs[: beyond[0]], depth[: beyond[0]]
    return _Structure(text, data, places[quote], at, signs, depth)


def escaped_places(data: Bytes) -> Places:
    """The places of the signs that a backslash before them escapes: every other one in a run of backslashes escapes."""
    slashes = numpy.flatnonzero(data == 0x5C)
    first = numpy.ones(len(slashes), numpy.bool_)
    first[1:] = numpy.diff(slashes) != 1
    starts = numpy.flatnonzero(first)
    place_in_run = numpy.arange(len(slashes)) - numpy.repeat(starts, numpy.diff(numpy.append(starts, len(slashes))))
    places: Places = slashes[place_in_run % 2 == 0] + 1
    return places[places < len(data)]


def _without_escaped(data: Bytes) -> Bytes:
    seen = data.copy()
    seen[escaped_places(data)] = 0
    return seen


def _gaps(text: bytes, data: Bytes, closes: Places, opens: Places) -> Any:
    """Which gaps are the comma (or joint) between two rows."""
    sizes = opens - closes - 1
    first = data[closes + 1]
    good = ((first == COMMA) & (sizes >= 1) & (sizes <= 3)) | ((first == JOINT[0]) & (sizes == 1))
    for size in (2, 3):
        some = numpy.flatnonzero(good & (sizes == size))
        for step in range(2, size + 1):
            good[some] &= numpy.isin(data[closes[some] + step], list(b" \t\r\n"))
    for place in numpy.flatnonzero(~good):
        between = text[closes[place] + 1 : opens[place]]
        if len(between) > MAX_GAP or between.strip() != b",":
            break  # the rows end here; what follows is looked at as SQL
        good[place] = True
    return good


def _has_other_signs(found: _Structure, dialect: Dialect, end: int) -> bool:
    """Whether something outside the texts could begin a comment, a quoted name, or a text of another kind."""
    text, data = found.text, found.data
    for sign in OTHER_QUOTES:
        if sign in text and _outside(numpy.flatnonzero(data[:end] == sign), found.quotes):
            return True
    for pair in (b"--", b"/*"):
        both = (data[: end - 1] == pair[0]) & (data[1:end] == pair[1])
        if both.any() and _outside(numpy.flatnonzero(both), found.quotes):
            return True
    if dialect.name != "postgresql" or b"\\" not in text:
        return False
    opening = found.quotes[::2]
    opening = opening[(opening > 0) & (opening < end)]
    return bool(numpy.isin(data[opening - 1], list(b"eE&")).any())


def _outside(places: Places, quotes: Places) -> bool:
    return bool(((numpy.searchsorted(quotes, places) & 1) == 0).any())


def _is_even(separators: Places, opens: Places, closes: Places, width: int) -> bool:
    """Whether each row has exactly ``width`` values."""
    if len(separators) != len(closes) * (width - 1):
        return False
    if width == 1:
        return True
    table = separators.reshape(len(closes), width - 1)
    return bool((table[:, 0] > opens).all() and (table[:, -1] < closes).all())


def _body(data: Bytes, separators: Places, opens: Places, closes: Places) -> tuple[Bytes, bool]:
    """The rows as delimited text; the gaps between them become empty lines, which Arrow passes over."""
    body = data.copy()
    has_line_ends = False
    for sign, stand_in in ((0x0A, LINE_FEED), (0x0D, RETURN)):
        places = numpy.flatnonzero(body == sign)
        has_line_ends |= len(places) > 0
        body[places] = stand_in
    body[separators] = FIELD
    body[closes] = RECORD
    sizes = opens[1:] - closes[:-1]
    for step in (1, 2, 3, 4):
        body[closes[:-1][sizes >= step] + step] = RECORD
    for place in numpy.flatnonzero(sizes > 4):
        body[closes[place] : opens[place + 1] + 1] = RECORD
    blanks = separators[body[separators + 1] == BLANK] + 1
    if len(blanks):
        keep = numpy.ones(len(body), numpy.bool_)
        keep[blanks] = False
        body = body[keep]
    return body, has_line_ends


def exact_rows(block: bytes, dialect: Dialect, width: int, *, ended: bool) -> Rows:
    """The same by one token after another: slow, and right for everything that the dialect allows between brackets."""
    rows: list[list[bytes]] = []
    current: list[bytes] = []
    depth, begin, used, expected = 0, 0, 0, "row"
    try:
        for token in tokens(block, 0, dialect, ended=ended):
            if depth == 0:
                if token.raw == (b"(" if expected == "row" else b","):
                    depth, begin = (1, token.end) if expected == "row" else (0, 0)
                    expected = "comma" if expected == "row" else "row"
                    continue
                break
            if token.is_sign(b"("):
                depth += 1
            elif token.is_sign(b")") or (token.is_sign(b",") and depth == 1):
                depth -= token.raw == b")"
                if depth == 0 or token.raw == b",":
                    current.append(bare(block[begin : token.start], dialect))
                    begin = token.end
                if depth == 0:
                    if len(current) != width:
                        raise uneven(len(current), width, block.count(b"\n", 0, token.start))
                    rows.append(current)
                    current, used = [], token.end
    except Incomplete:
        if not rows:
            raise
    if not rows:
        raise Incomplete
    return Rows(len(rows), used, block.count(b"\n", 0, used), fields=rows)


def bare(raw: bytes, dialect: Dialect) -> bytes:
    """A value as written, without the comments around and in it."""
    raw = raw.strip()
    if b"--" not in raw and b"/*" not in raw and b"#" not in raw:
        return raw
    kept = [found.group() for found in dialect.tokens.finditer(raw) if found.lastgroup not in ("comment", "version")]
    return b"".join(kept).strip()


def uneven(found: int, width: int, lines: int) -> Exception:
    """A row with too few or too many values; ``lines`` behind the block's first."""
    values = "1 value" if found == 1 else f"{found:,} values"
    columns = "1 column" if width == 1 else f"{width:,} columns"
    return rejected("wrong_column_count", f"A row has {values} for {columns}.", "The dump is damaged there: make it again.", lines)
