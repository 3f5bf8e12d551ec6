"""The rows of an INSERT by one token after another: slow, and right for everything that a dialect allows between brackets."""

from dataclasses import dataclass, field

import numpy
from dump_dialects import Dialect
from dump_plain import PlainRows
from dump_planes import Bytes, Places
from dump_tokens import tokens
from dump_window import Incomplete
from dump_words import AGAIN, rejected

MOST_BYTES = 256 << 10  # as Python's objects, rows take up to fifty times the room
DEEPEST = 1000


@dataclass
class Rows:
    """Rows as found: ``plain`` ones of an INSERT, the ``body`` of a COPY, or ``fields`` as Python lists; ``size`` bytes and
    ``lines`` of the block are used."""

    count: int
    size: int
    lines: int
    body: Bytes | None = None
    fields: list[list[bytes]] = field(default_factory=list)
    plain: PlainRows | None = None

    @property
    def is_columnar(self) -> bool:
        """Whether Arrow can take the rows apart."""
        return self.body is not None or self.plain is not None


def escaped_places(data: Bytes) -> Places:
    """The places of the signs that a backslash before them escapes: every other one in a run of backslashes escapes."""
    slashes = numpy.flatnonzero(data == 0x5C)
    first = numpy.ones(len(slashes), numpy.bool_)
    first[1:] = numpy.diff(slashes) != 1
    starts = numpy.flatnonzero(first)
    place_in_run = numpy.arange(len(slashes)) - numpy.repeat(starts, numpy.diff(numpy.append(starts, len(slashes))))
    places: Places = slashes[place_in_run % 2 == 0] + 1
    return places[places < len(data)]


def exact_rows(block: bytes, dialect: Dialect, width: int, *, ended: bool) -> Rows:
    """Whole rows at the head of ``block``, not many more than ``MOST_BYTES`` of them; raises Incomplete where there is none, and
    InputRejected for uneven ones."""
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
                if depth > DEEPEST:
                    raise rejected("bad_sql", "Brackets within a row never end.", AGAIN, block.count(b"\n", 0, token.start))
            elif token.is_sign(b")") or (token.is_sign(b",") and depth == 1):
                depth -= token.raw == b")"
                if depth == 0 or token.raw == b",":
                    current.append(bare(block[begin : token.start], dialect))
                    begin = token.end
                if len(current) > width:
                    raise uneven(len(current), width, block.count(b"\n", 0, token.start))
                if depth == 0:
                    if len(current) != width:
                        raise uneven(len(current), width, block.count(b"\n", 0, token.start))
                    rows.append(current)
                    current, used = [], token.end
                    if used > MOST_BYTES:
                        break
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
    """``found`` is only the first too many where there are more."""
    values = f"{found:,} or more values" if found > width else "1 value" if found == 1 else f"{found:,} values"
    columns = "1 column" if width == 1 else f"{width:,} columns"
    return rejected("wrong_column_count", f"A row has {values} for {columns}.", "The dump is damaged there: make it again.", lines)
