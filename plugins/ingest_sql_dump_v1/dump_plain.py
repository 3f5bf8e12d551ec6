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

    def begins(self, place: int) -> Places:
        """Where the values of the column at ``place`` begin."""
        return self.ends[:, place - 1] + (2 if self.is_spaced else 1) if place else self.opens + 1

    def sizes(self, place: int) -> Places:
        """How long the values of a column are, with their quotes."""
        return self.ends[:, place] - self.begins(place)

    @property
    def quoted(self) -> list[Mask]:
        """Which values are texts in quotes, column by column."""
        found = [self.data[self.begins(place)] == QUOTE for place in range(self.ends.shape[1])]
        rows, columns = divmod(self.odd, self.ends.shape[1])
        for row, place in zip(rows.tolist(), columns.tolist(), strict=True):
            found[place][row] = False
        return found

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
        for index in self.odd.tolist():
            begin, end = self._span(index)
            body[begin + (self.is_spaced and index % self.ends.shape[1] > 0) : end] = FILLER
        return body

    def raw(self, index: int) -> bytes:
        """The value at a place of ``ends.ravel()`` as it is written."""
        begin, end = self._span(index)
        return self.data[begin:end].tobytes()

    def _span(self, index: int) -> tuple[int, int]:
        row, place = divmod(index, self.ends.shape[1])
        return int(self.ends[row, place - 1] if place else self.opens[row]) + 1, int(self.ends[row, place])


def _blank_gaps(body: Bytes, closes: Places, opens: Places) -> None:
    """What stands between rows becomes empty lines, which the reader passes over."""
    sizes = opens - closes
    for step in (1, 2, 3, 4):
        body[closes[sizes >= step] + step] = RECORD
    for gap in numpy.flatnonzero(sizes > 4).tolist():
        body[closes[gap] : opens[gap] + 1] = RECORD
