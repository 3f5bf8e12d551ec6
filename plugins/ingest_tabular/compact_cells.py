"""Finds the cells of a stretch of sheet XML in which nothing stands between the tags, as programs write it: the usual case.

A cell then reaches to where the next one begins, so only these places are searched for. Every byte that is no value is compared
with what must stand there; of any other stretch :func:`sheet_cells.find_cells` looks at every tag.
"""

import re
from dataclasses import dataclass

import numpy
from sheet_cells import (
    FIRST_LETTER,
    LAST_LETTER,
    LOW_BYTES,
    MAX_FORM_BYTES,
    PAD,
    SLASH,
    WORD_BYTES,
    Cells,
    Flags,
    Form,
    Places,
    UnusualSheet,
    Words,
    form_of,
    row_numbers,
    words,
)

LESS, GREATER, CELL_LETTER, ROW_LETTER, VALUE_LETTER = b"<>crv"
CELL, ROW_END = b'<c r="', b"</row>"
HEAD = re.compile(
    rb"(?P<form>[^<>/]{0,%d})"
    rb"(?P<rest>><v>|><is><t>|><is><t xml:space=\"preserve\">|><f(?: [^<>/]{0,60})?(?:/><v>|>)|/>|></c>)" % MAX_FORM_BYTES
)
TEXT_RESTS, EMPTY_RESTS = (b"><is><t>", b'><is><t xml:space="preserve">'), (b"/>", b"></c>")
VALUE_TAIL, TEXT_TAIL, FORMULA_END, VALUE = b"</v></c>", b"</t></is></c>", b"</f>", b"<v>"
MAX_HEADS = 64


@dataclass(frozen=True)
class _Head:
    """What a cell begins with behind its reference, up to its value or its formula, and what it ends with behind the value."""

    text: bytes
    form: Form
    tail: bytes
    has_formula: bool

    @classmethod
    def at(cls, stretch: bytes, place: int) -> "_Head":
        found = HEAD.match(stretch, place)
        if found is None:
            raise UnusualSheet("a cell of an unusual make")
        rest = found["rest"]
        is_text = rest in TEXT_RESTS
        form = form_of(found["form"], is_inline=is_text, is_spaced=is_text and rest != TEXT_RESTS[0])
        tail = TEXT_TAIL if is_text else b"" if rest in EMPTY_RESTS else VALUE_TAIL
        return cls(found[0], form, tail, rest.startswith(b"><f") and not rest.endswith(VALUE))

    @property
    def tag_count(self) -> int:
        return 1 + self.text.count(b"<") + 2 * self.has_formula + self.tail.count(b"<")


def compact_cells(stretch: bytes) -> Cells:
    """The cells of whole rows, as :func:`sheet_cells.find_cells` finds them; ``stretch`` ends in ``PAD``. Raises UnusualSheet."""
    data = numpy.frombuffer(stretch, numpy.uint8)
    is_tag, letters = data[:-1] == LESS, data[1:]
    cells, rows = numpy.flatnonzero(is_tag & (letters == CELL_LETTER)), numpy.flatnonzero(is_tag & (letters == ROW_LETTER))
    counts, ends = _ends(stretch, data, cells, rows)
    numbers, digits, written = row_numbers(stretch, rows)
    row = numpy.repeat(numpy.arange(len(rows)), counts)
    column, behind = _references(stretch, cells, row, written, digits)
    if ((column[1:] <= column[:-1]) & (row[1:] == row[:-1])).any():
        raise UnusualSheet("cells out of order")
    kinds, heads = _heads(stretch, behind)
    tags = numpy.bincount(kinds, minlength=len(heads)) @ numpy.array([head.tag_count for head in heads])
    if numpy.count_nonzero(is_tag) != tags + 2 * len(rows):
        raise UnusualSheet("more tags than those of cells and rows")
    start = behind + numpy.array([len(head.text) for head in heads])[kinds]
    if any(head.has_formula for head in heads):
        chosen = numpy.flatnonzero(numpy.array([head.has_formula for head in heads])[kinds])
        start[chosen] = _behind_formulas(stretch, numpy.flatnonzero(is_tag & (letters == VALUE_LETTER)), start[chosen])
    stop = ends - numpy.array([len(head.tail) for head in heads])[kinds]
    _check_tails(stretch, kinds, heads, start, stop)
    found = Cells(stretch, numbers, row, column, kinds, [head.form for head in heads], start, stop)
    return found if all(head.tail for head in heads) else found.only(numpy.array([bool(head.tail) for head in heads])[kinds])


def _ends(stretch: bytes, data: numpy.typing.NDArray[numpy.uint8], cells: Places, rows: Places) -> tuple[Places, Places]:
    """How many cells each row has, and where each cell ends: where the next one begins, or its row ends."""
    if not len(rows) or rows[0] != 0 or not len(cells):
        raise UnusualSheet("a stretch that does not begin with a row")
    row_ends = numpy.append(rows[1:], len(stretch) - len(PAD)) - len(ROW_END)
    firsts = numpy.searchsorted(cells, rows)
    counts = numpy.diff(numpy.append(firsts, len(cells)))
    if counts.min() < 1 or row_ends[-1] < 0 or not _stands_at(ROW_END, stretch, row_ends).all():
        raise UnusualSheet("rows without cells, or with something between them")
    before = cells[firsts]
    if (data[before - 1] != GREATER).any() or (data[before - 2] == SLASH).any():
        raise UnusualSheet("a row of an unusual make")
    ends = numpy.append(cells[1:], 0)
    ends[firsts[1:] - 1], ends[-1] = row_ends[:-1], row_ends[-1]
    return counts, ends


def _stands_at(text: bytes, stretch: bytes, places: Places) -> Flags:
    """At which of the places the text, of at most eight bytes, stands."""
    found: Flags = (words(stretch, places) & LOW_BYTES[len(text)]) == int.from_bytes(text, "little")
    return found


def _references(stretch: bytes, cells: Places, row: Places, written: Words, digits: Places) -> tuple[Places, Places]:
    """The columns of the cells, and where each reference, which names the cell's row, has ended."""
    begins = words(stretch, cells)
    if ((begins & LOW_BYTES[len(CELL)]) != int.from_bytes(CELL, "little")).any():
        raise UnusualSheet("a cell without a reference")
    first, second = ((begins >> numpy.uint64(shift) & numpy.uint64(255)).astype(numpy.int64) for shift in (48, 56))
    column, behind = first - FIRST_LETTER, cells + len(CELL) + 1
    is_letter = (first >= FIRST_LETTER) & (first <= LAST_LETTER)
    has_second = second >= FIRST_LETTER
    if has_second.any():
        third = (words(stretch, behind + 1) & numpy.uint64(255)).astype(numpy.int64)
        has_third = has_second & (third >= FIRST_LETTER)
        column = numpy.where(has_second, (column + 1) * 26 + second - FIRST_LETTER, column)
        column = numpy.where(has_third, (column + 1) * 26 + third - FIRST_LETTER, column)
        is_letter &= (~has_second | (second <= LAST_LETTER)) & (~has_third | (third <= LAST_LETTER))
        behind += has_second.astype(numpy.int64) + has_third
    sizes = digits + 1
    is_even = sizes.min() == sizes.max()
    masks = LOW_BYTES[sizes[0]] if is_even else LOW_BYTES[sizes][row]
    if not is_letter.all() or ((words(stretch, behind) & masks) != written[row]).any():
        raise UnusualSheet("a reference of an unusual make, or to another row")
    behind += sizes[0] if is_even else sizes[row]
    return column, behind


def _heads(stretch: bytes, behind: Places) -> tuple[Places, list[_Head]]:
    """Which of the few different heads each cell has."""
    kinds, heads = numpy.full(len(behind), -1), list[_Head]()
    begins, left = words(stretch, behind), numpy.arange(len(behind))
    while len(left):
        head = _Head.at(stretch, int(behind[left[0]]))
        begin = head.text[:WORD_BYTES]
        chosen = left[(begins[left] & LOW_BYTES[len(begin)]) == int.from_bytes(begin, "little")]
        for place in range(WORD_BYTES, len(head.text), WORD_BYTES):
            chosen = chosen[_stands_at(head.text[place : place + WORD_BYTES], stretch, behind[chosen] + place)]
        kinds[chosen] = len(heads)
        heads.append(head)
        if len(heads) > MAX_HEADS:
            raise UnusualSheet("more sorts of cells than usual")
        left = left[kinds[left] < 0]
    return kinds, heads


def _behind_formulas(stretch: bytes, values: Places, start: Places) -> Places:
    """Where the values begin behind the formulas that begin at ``start``; ``values`` are the places of all values."""
    found = numpy.searchsorted(values, start)
    if found.max() >= len(values):
        raise UnusualSheet("a formula without a value")
    places = values[found]
    if not _stands_at(FORMULA_END + VALUE, stretch, places - len(FORMULA_END)).all():
        raise UnusualSheet("a formula of an unusual make")
    return places + len(VALUE)


def _check_tails(stretch: bytes, kinds: Places, heads: list[_Head], start: Places, stop: Places) -> None:
    """Each value ends with the tail that belongs to its head, and an empty cell with its head."""
    if (stop < start).any():
        raise UnusualSheet("a cell that is cut off")
    for tail in {head.tail for head in heads}:
        of_tail = numpy.array([head.tail == tail for head in heads])
        chosen = slice(None) if of_tail.all() else of_tail[kinds]
        places = stop[chosen]
        is_good = places == start[chosen] if not tail else _stands_at(tail[:WORD_BYTES], stretch, places)
        if len(tail) > WORD_BYTES:
            is_good &= _stands_at(tail[WORD_BYTES:], stretch, places + WORD_BYTES)
        if not is_good.all():
            raise UnusualSheet("a value of an unusual make")
