"""Rows of an INSERT whose borders are known, as the text that Arrow's CSV reader takes apart."""

from dataclasses import dataclass

import numpy
from dump_planes import Bytes, Mask, Places

QUOTE, OPEN, CLOSE, COMMA, SEMICOLON, BLANK, RECORD, FILLER = b"'(),; \nx"
STAND_IN = b"\x1d"
SPECIAL = b"\r\n,'"


@dataclass
class PlainRows:
    """``data[opens[i]]`` is the bracket that opens row ``i``; ``data[ends[i, j]]`` the sign behind its value ``j``, a comma or the
    closing bracket. In a value that is not ``odd``, quotes stand only around it and doubled within. ``odd`` are places in
    ``ends.ravel()``, ``escapes`` those of signs with a backslash before them, ``joint`` the length of what stands between two rows
    where each has an INSERT of its own; ``is_spaced``: a blank follows each comma between values."""

    data: Bytes
    opens: Places
    ends: Places
    odd: Places
    escapes: Places
    joint: int
    is_spaced: bool

    @property
    def begins(self) -> Places:
        """Where the values begin, in the form of ``ends``."""
        found = numpy.empty_like(self.ends)
        found[:, 0] = self.opens + 1
        found[:, 1:] = self.ends[:, :-1] + (2 if self.is_spaced else 1)
        return found

    def is_quoted(self, begins: Places) -> Mask:
        """Which values are texts in quotes: a row for each column."""
        found = self.data[begins] == QUOTE
        found.ravel()[self.odd] = False
        return numpy.ascontiguousarray(found.T)

    @property
    def escaped_columns(self) -> frozenset[int]:
        """Those with a backslash before a sign in any row."""
        values = numpy.searchsorted(self.ends.ravel(), self.escapes[: numpy.searchsorted(self.escapes, self.ends[-1, -1])])
        return frozenset(numpy.unique(values % self.ends.shape[1]).tolist())

    @property
    def has_lead(self) -> bool:
        """Whether the body has a field before the first value of each row: what stands there would cost more to take out."""
        return bool(self.joint) and len(self.opens) > 1 and bool((self.opens[1:] - self.ends[:-1, -1] == self.joint + 1).all())

    def body(self) -> Bytes:
        """Values as they are written, with commas between them and a line end behind each row; odd values are blotted out, escaped
        quotes have a stand-in, and blanks behind commas become commas too, so that empty fields stand between the values."""
        closes = self.ends[:, -1]
        body = self.data[: int(closes[-1]) + 1].copy()
        if self.has_lead:
            for step in (step for step in range(1, self.joint + 1) if body[closes[0] + step] in SPECIAL):
                body[closes[:-1] + step] = FILLER
            body[self.opens] = COMMA
        else:
            _blank_gaps(body, closes[:-1], self.opens[1:])
            body[0] = RECORD
        body[closes] = RECORD
        if self.is_spaced:
            body[self.ends[:, :-1] + 1] = COMMA
        escaped = self.escapes[: numpy.searchsorted(self.escapes, len(body))]
        body[escaped[body[escaped] == QUOTE]] = STAND_IN[0]
        begins, ends = self.begins.ravel(), self.ends.ravel()
        for place in self.odd.tolist():
            body[begins[place] : ends[place]] = FILLER
        return body

    def raw(self, index: int) -> bytes:
        """The value at a place of ``ends.ravel()`` as it is written."""
        row, column = divmod(index, self.ends.shape[1])
        begin = self.ends[row, column - 1] + 1 if column else self.opens[row] + 1
        return self.data[begin : self.ends[row, column]].tobytes()


def _blank_gaps(body: Bytes, closes: Places, opens: Places) -> None:
    """What stands between rows becomes empty lines, which the reader passes over."""
    sizes = opens - closes
    for step in (1, 2, 3, 4):
        body[closes[sizes >= step] + step] = RECORD
    for gap in numpy.flatnonzero(sizes > 4).tolist():
        body[closes[gap] : opens[gap] + 1] = RECORD
