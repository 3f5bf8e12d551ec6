"""The rows of an INSERT, a block at a time: borders found by bit planes, so that Arrow's CSV reader can take the rows apart.

A block begins with the bracket of a row, outside any text. The parity of quotes says what is in a text, the depth of brackets what
separates values and rows. Values with quotes elsewhere than around them, with calls, or over several lines are marked as odd, to be
read one by one. Where something stands outside the texts that could change this reading (comments, other quotes), the block goes
the exact way instead.
"""

from dataclasses import dataclass

import numpy
from dump_dialects import Dialect
from dump_plain import BLANK, CLOSE, COMMA, OPEN, QUOTE, SEMICOLON, STAND_IN, PlainRows
from dump_planes import Bytes, Mask, Places, Plane, at, before, behind, clear_from, places, planes, within
from dump_rows import Rows, escaped_places, exact_rows

OTHER_QUOTES = b'"`#$['
PREFIXES = numpy.isin(numpy.arange(256), list(b"eE&"))
LINE_FEED, RETURN, MINUS, SLASH, STAR = b"\n\r-/*"
MAX_GAP = 64
NONE = numpy.empty(0, numpy.int64)


def scan_rows(block: bytes, dialect: Dialect, width: int, joint: bytes | None, *, ended: bool) -> Rows:
    """All whole rows at the head of ``block``, up to whatever is no further row of the same table.

    ``joint`` is what stands between the bracket that ends a row and the one that begins the next, where each row has an INSERT of
    its own. Raises Incomplete where not one row is whole, and InputRejected for a row that has not ``width`` values.
    """
    found = None if STAND_IN in block else _at_once(block, dialect, width, joint)
    return found or exact_rows(block, dialect, width, ended=ended)


@dataclass
class _Block:
    """``signs``: the planes of signs that decide. ``inside`` a text: from its first quote up to before its last; ``outside``:
    neither in a text nor one of its quotes, and in no joint. ``stop``: a semicolon outside texts and joints, behind which nothing
    is looked at."""

    text: bytes
    data: Bytes
    signs: dict[int, Plane]
    escapes: Places
    inside: Plane
    outside: Plane
    stop: int
    joint: int

    def plane(self, sign: int) -> Plane:
        """Where ``sign`` stands, in texts too."""
        if sign not in self.signs:
            self.signs.update(planes(self.data, (sign,)) if sign in self.text else {sign: numpy.zeros_like(self.inside)})
        return self.signs[sign]


@dataclass
class _Borders:
    """Of the rows found: their brackets, those of calls within, and the planes of their bytes (from the opening bracket up to
    before the closing one), of those outside texts, and of the closing brackets."""

    opens: Places
    closes: Places
    calls: Places
    rows: Plane
    area: Plane
    ends: Plane


def _at_once(text: bytes, dialect: Dialect, width: int, joint: bytes | None) -> Rows | None:
    """None where the block must go the exact way."""
    block = _look(text, dialect, joint)
    borders = _borders(block)
    if borders is None or _has_other_signs(block, borders.area):
        return None
    commas = block.signs[COMMA] & borders.area
    if len(borders.calls):
        commas &= ~within(at(borders.calls, commas))
    flat = places(commas | borders.ends)
    count = len(borders.closes)
    if len(flat) != count * width:
        return None
    ends = flat.reshape(count, width)
    if not numpy.array_equal(ends[:, -1], borders.closes) or (width == 1 and (borders.closes - borders.opens == 1).any()):
        return None
    is_spaced = width > 1 and text[ends[0, 0] + 1] == BLANK and not (behind(commas) & ~block.plane(BLANK)).any()
    bad = _bad(block, borders, dialect, commas, is_spaced=is_spaced)
    if bad is None:
        return None
    odd = numpy.unique(numpy.searchsorted(flat, places(bad))) if bad.any() else NONE
    size = int(borders.closes[-1]) + 1
    lines = int(numpy.bitwise_count(clear_from(block.plane(LINE_FEED), size)).sum())
    plain = PlainRows(block.data, borders.opens, ends, odd, block.escapes, block.joint, is_spaced)
    return Rows(count, size, lines, plain=plain)


def _look(text: bytes, dialect: Dialect, joint: bytes | None) -> _Block:
    data = numpy.frombuffer(text, numpy.uint8)
    signs = planes(data, (QUOTE, COMMA, OPEN, CLOSE, MINUS, *(sign for sign in (SEMICOLON, LINE_FEED, RETURN) if sign in text)))
    quotes, escapes = signs[QUOTE], NONE
    if dialect.escapes and b"\\" in text:
        escapes = escaped_places(data)
        quotes &= ~at(escapes, quotes)
    inside = within(quotes)
    outside = ~(inside | quotes)
    stops = places(signs[SEMICOLON] & outside) if SEMICOLON in signs else NONE
    if joint is None or not joint.startswith(b";") or b"'" in joint or not len(stops):
        return _Block(text, data, signs, escapes, inside, outside, int(stops[0]) if len(stops) else len(data), 0)
    bad = numpy.flatnonzero(~_reads(text, stops - 1, b")" + joint + b"("))
    stop = int(stops[bad[0]]) if len(bad) else len(data)
    joints = stops[: bad[0]] if len(bad) else stops
    outside &= ~within(at(joints, outside) | at(joints + len(joint), outside))
    return _Block(text, data, signs, escapes, inside, outside, stop, len(joint))


def _reads(text: bytes, begins: Places, wanted: bytes) -> Mask:
    """At which places exactly ``wanted`` stands."""
    good = numpy.zeros(len(begins), numpy.bool_)
    windows = len(text) - len(wanted) + 1
    if windows > 0:
        fits = int(numpy.searchsorted(begins, windows))
        every = numpy.ndarray((windows,), f"V{len(wanted)}", text, strides=(1,))
        good[:fits] = every[begins[:fits]] == numpy.void(wanted)
    return good


def _borders(block: _Block) -> _Borders | None:
    """The rows at the head of the block; None where there is none."""
    signs = clear_from((block.signs[OPEN] | block.signs[CLOSE]) & block.outside, block.stop)
    brackets, calls = places(signs), NONE
    is_open = block.data[brackets] == OPEN
    has_calls = not is_open[::2].all() or is_open[1::2].any()
    if has_calls:
        depth = numpy.cumsum(2 * is_open.view(numpy.int8) - 1, dtype=numpy.int32)
        brackets = brackets[: (numpy.flatnonzero(depth < 0)[:1].tolist() or [None])[0]]
        is_open, depth = is_open[: len(brackets)], depth[: len(brackets)]
        opens, closes = brackets[is_open & (depth == 1)], brackets[~is_open & (depth == 0)]
        calls = brackets[(is_open & (depth == 2)) | (~is_open & (depth == 1))]
    else:
        opens, closes = brackets[::2].copy(), brackets[1::2].copy()
    if not len(closes) or opens[0] != 0:
        return None
    gaps = min(len(opens) - 1, len(closes))
    bad = numpy.flatnonzero(~_gaps(block, closes[:gaps], opens[1 : gaps + 1]))
    rows = int(bad[0]) + 1 if len(bad) else len(closes)
    opens, closes = opens[:rows], closes[:rows]
    end = int(closes[-1])
    if has_calls:
        calls = calls[: numpy.searchsorted(calls, end)]
        signs = at(opens, signs) | at(closes, signs)
    inner = within(clear_from(signs, end + 1))
    return _Borders(opens, closes, calls, inner, inner & block.outside, signs & ~inner)


def _gaps(block: _Block, closes: Places, opens: Places) -> Mask:
    """Which gaps are the comma (or joint) between two rows."""
    text, data = block.text, block.data
    sizes = opens - closes - 1
    first = data[closes + 1]
    good: Mask = (first == COMMA) & (sizes >= 1) & (sizes <= 3)
    for size in (2, 3):
        some = numpy.flatnonzero(good & (sizes == size))
        for step in range(2, size + 1):
            good[some] &= numpy.isin(data[closes[some] + step], list(b" \t\r\n"))
    good |= (first == SEMICOLON) & (sizes == block.joint)
    for place in numpy.flatnonzero(~good):
        between = text[closes[place] + 1 : opens[place]]
        if len(between) > MAX_GAP or between.strip() != b",":
            break  # the rows end here; what follows is looked at as SQL
        good[place] = True
    return good


def _has_other_signs(block: _Block, area: Plane) -> bool:
    """Whether something outside the texts could begin a comment, a quoted name, or a text of another kind."""
    if any(sign in block.text and (block.plane(sign) & area).any() for sign in OTHER_QUOTES):
        return True
    minus = block.signs[MINUS]
    if (minus & before(minus) & area).any():
        return True
    return SLASH in block.text and bool((block.plane(SLASH) & before(block.plane(STAR)) & area).any())


def _bad(block: _Block, borders: _Borders, dialect: Dialect, commas: Plane, *, is_spaced: bool) -> Plane | None:
    """Signs that make the value they stand in an odd one; None where a quote may have been taken for what it is not."""
    quotes = block.signs[QUOTE]
    opening, closing = quotes & block.inside, quotes & ~block.inside
    behind_commas = behind(commas)
    begins = (behind(behind_commas) if is_spaced else behind_commas) | behind(borders.rows & ~behind(borders.rows))
    within_odd = opening & ~begins & ~behind(closing) & borders.rows
    may_escape = dialect.name == "postgresql" and not dialect.escapes and b"\\" in block.text
    if may_escape and PREFIXES[block.data[places(within_odd) - 1]].any():
        return None
    bad = within_odd | (closing & ~before(commas | borders.ends | opening))
    for sign in (LINE_FEED, RETURN):
        if sign in block.signs:
            bad |= block.signs[sign] & borders.area
    if len(borders.calls):
        bad |= at(borders.calls, bad)
    if len(block.escapes):
        bad |= at(block.escapes, bad) & (borders.rows if dialect.name == "postgresql" else borders.area)
    return bad & borders.rows
