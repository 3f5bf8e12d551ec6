"""Finds the cells of a stretch of sheet XML by the places of its tags, all cells at once; what is unusual it leaves to others.

The grammar is the one that spreadsheet programs write: rows with a number, cells with a reference, at most one value each.
"""

import re
from dataclasses import dataclass, replace

import numpy
import numpy.typing
import pyarrow

PAD = bytes(32)  # words are read beyond the last byte
WORD_BYTES = 8
MAX_ROW_DIGITS = 7
MAX_FORM_BYTES = 24
QUOTE, SLASH, FIRST_LETTER, LAST_LETTER = 34, 47, 65, 90
(
    UNKNOWN, CELL, EMPTY_CELL, VALUE, VALUE_END, CELL_END, ROW, ROW_END, EMPTY_ROW, FORMULA, FORMULA_END, EMPTY_FORMULA, INLINE,
    INLINE_END, TEXT, TEXT_END,
) = range(16)  # fmt: skip
TAGS = {
    b"c ": CELL, b"v>": VALUE, b"/v": VALUE_END, b"/c": CELL_END, b"ro": ROW, b"/r": ROW_END, b"f>": FORMULA, b"f ": FORMULA,
    b"/f": FORMULA_END, b"is": INLINE, b"/i": INLINE_END, b"t>": TEXT, b"t ": TEXT, b"/t": TEXT_END,
}  # fmt: skip
SPANS = {VALUE: 2, VALUE_END: 3, CELL_END: 3, ROW_END: 5, FORMULA_END: 3, INLINE: 3, INLINE_END: 4, TEXT_END: 3}
PRESERVED = b'<t xml:space="preserve">'
FORM = re.compile(rb'(?: s="(?P<style>[0-9]{1,5})")?(?: t="(?P<type>[A-Za-z]{1,9})")?')
TURNED_FORM = re.compile(rb' t="(?P<type>[A-Za-z]{1,9})" s="(?P<style>[0-9]{1,5})"')
Places = numpy.typing.NDArray[numpy.int64]
Words = numpy.typing.NDArray[numpy.uint64]
Flags = numpy.typing.NDArray[numpy.bool_]


class UnusualSheet(Exception):
    """The sheet holds something that only the general reader may judge."""


@dataclass(frozen=True)
class Form:
    """What a cell says of its value: the number of its style, if it has one, and the type (``n`` for none).

    ``is_inline`` says that the value is a text in the cell itself, ``is_spaced`` that the blanks around it belong to it.
    """

    style: int | None
    type: str
    is_inline: bool = False
    is_spaced: bool = False


@dataclass(frozen=True)
class Cells:
    """The cells that may hold a value, in the order of the file: rows and columns rise strictly.

    ``row`` is an index into ``row_numbers`` (from 1, of all rows of the stretch), ``column`` counts from 0, ``form`` is an index
    into ``forms``; the value's text is ``data[start:stop]``.
    """

    data: bytes
    row_numbers: Places
    row: Places
    column: Places
    form: Places
    forms: list[Form]
    start: Places
    stop: Places

    def only(self, chosen: Flags | Places | slice) -> "Cells":
        """Some of the cells."""
        return replace(
            self, row=self.row[chosen], column=self.column[chosen], form=self.form[chosen], start=self.start[chosen],
            stop=self.stop[chosen],
        )  # fmt: skip


def _tag_table() -> numpy.typing.NDArray[numpy.uint8]:
    table = numpy.zeros(1 << 16, numpy.uint8)
    for mark, kind in TAGS.items():
        table[mark[0] << 8 | mark[1]] = kind
    return table


TAG_OF_PAIR = _tag_table()
SPAN_OF_TAG = numpy.array([SPANS.get(kind, 0) for kind in range(16)], numpy.int64)
LOW_BYTES = numpy.array([(1 << 8 * count) - 1 for count in range(WORD_BYTES + 1)], numpy.uint64)
ZEROS = numpy.array([int.from_bytes(b"0" * (WORD_BYTES - count), "little") for count in range(WORD_BYTES + 1)], numpy.uint64)


def words(data: bytes, places: Places) -> Words:
    """The eight bytes at each place as one number, the first byte lowest."""
    every = numpy.ndarray((len(data) - WORD_BYTES + 1,), "V8", data, strides=(1,))
    return every[places].view("<u8")


def whole_numbers(data: bytes, start: Places, stop: Places) -> Places | None:
    """The values of texts of one to eight digits; None where some text is no such number. Eight bytes must precede each text."""
    sizes = stop - start
    if not len(sizes) or sizes.min() < 1 or sizes.max() > WORD_BYTES:
        return numpy.zeros(0, numpy.int64) if not len(sizes) else None
    found = words(data, stop - WORD_BYTES)
    found = found & ~LOW_BYTES[WORD_BYTES - sizes] | ZEROS[sizes]
    high, threes, sixes = (numpy.uint64(0x0101010101010101 * byte) for byte in (0xF0, 0x30, 0x06))
    if ((found & high) != threes).any() or (((found + sixes) & high) != threes).any():
        return None
    found -= threes
    for shift, factor, mask in ((8, 10, 0x00FF00FF00FF00FF), (16, 100, 0x0000FFFF0000FFFF), (32, 10_000, 0x00000000FFFFFFFF)):
        found = (found * numpy.uint64(factor) + (found >> numpy.uint64(shift))) & numpy.uint64(mask)
    values: Places = found.astype(numpy.int64)
    return values


def find_cells(stretch: bytes) -> Cells:
    """The cells of whole rows; ``stretch`` ends in ``PAD``. Raises UnusualSheet."""
    data = numpy.frombuffer(stretch, numpy.uint8)
    opens, closes = numpy.flatnonzero(data == ord("<")), numpy.flatnonzero(data == ord(">"))
    if len(opens) != len(closes) or not len(opens) or (opens >= closes).any() or (closes[:-1] >= opens[1:]).any():
        raise UnusualSheet("marks that belong to no tag")
    kinds = _kinds(data, opens, closes)
    is_inline = None
    if kinds.max() >= FORMULA:
        kinds, opens, closes, is_inline = _plain(stretch, kinds, opens, closes)
    kinds = numpy.append(kinds, numpy.zeros(4, numpy.uint8))
    rows, full = _rows(kinds), _full_cells(kinds)
    numbers, digits, written = row_numbers(stretch, opens[rows])
    row = numpy.repeat(numpy.arange(len(rows)), numpy.diff(numpy.append(numpy.searchsorted(full, rows), len(full))))
    column, behind = _columns(stretch, opens[full], row, written, digits)
    place = row * (1 << 15) + column
    if (place[1:] <= place[:-1]).any():
        raise UnusualSheet("cells out of order")
    form, forms = _forms(stretch, behind, closes[full] - behind)
    if is_inline is not None:
        form = 3 * form + is_inline[full + 1] + (closes[full + 1] - opens[full + 1] > SPANS[VALUE])
        forms = [
            replace(each, is_inline=is_text, is_spaced=is_spaced)
            for each in forms
            for is_text, is_spaced in ((False, False), (True, False), (True, True))
        ]
    return Cells(stretch, numbers, row, column, form, forms, closes[full + 1] + 1, opens[full + 2])


def _kinds(data: numpy.typing.NDArray[numpy.uint8], opens: Places, closes: Places) -> numpy.typing.NDArray[numpy.uint8]:
    """What each tag is, by its first two letters and, where it has no attributes, its length."""
    kinds: numpy.typing.NDArray[numpy.uint8] = TAG_OF_PAIR[data[opens + 1].astype(numpy.uint16) << 8 | data[opens + 2]]
    wanted = SPAN_OF_TAG[kinds]
    if not kinds.all() or ((wanted != closes - opens) & (wanted > 0)).any():
        raise UnusualSheet("a tag of another kind")
    is_closed = numpy.flatnonzero(data[closes - 1] == SLASH)
    if len(is_closed):
        closed = kinds[is_closed]
        if not numpy.isin(closed, (CELL, ROW, FORMULA)).all():
            raise UnusualSheet("an empty tag")
        kinds[is_closed] = numpy.choose(closed // 3, (EMPTY_CELL, UNKNOWN, EMPTY_ROW, EMPTY_FORMULA))
    return kinds


def _plain(
    stretch: bytes, kinds: numpy.typing.NDArray[numpy.uint8], opens: Places, closes: Places
) -> tuple[numpy.typing.NDArray[numpy.uint8], Places, Places, Flags | None]:
    """The tags without formulas, and with texts that stand in the cell as its value; and which tags begin such texts."""
    padded = numpy.append(kinds, numpy.zeros(4, numpy.uint8))
    formulas, inlines = numpy.flatnonzero(kinds == FORMULA), numpy.flatnonzero(kinds == INLINE)
    ends = [numpy.count_nonzero(kinds == kind) for kind in (FORMULA_END, INLINE_END, TEXT, TEXT_END)]
    before = padded[numpy.concatenate((formulas, numpy.flatnonzero(kinds == EMPTY_FORMULA), inlines)) - 1]
    is_good = (
        ends == [len(formulas), *[len(inlines)] * 3] and (before == CELL).all() and (padded[formulas + 1] == FORMULA_END).all()
    )
    for offset, kind in enumerate((TEXT, TEXT_END, INLINE_END), start=1):
        is_good = is_good and (padded[inlines + offset] == kind).all()
    texts = inlines + 1
    spaced = texts[closes[texts] - opens[texts] > SPANS[VALUE]]
    for place in spaced[:1].tolist():
        usual = words(stretch, opens[spaced]) == int.from_bytes(PRESERVED[:8], "little")
        usual &= words(stretch, opens[spaced] + 8) == int.from_bytes(PRESERVED[8:16], "little")
        usual &= words(stretch, opens[spaced] + 16) == int.from_bytes(PRESERVED[16:], "little")
        is_good = is_good and bool(usual.all()) and stretch[opens[place] : closes[place] + 1] == PRESERVED
    if not is_good:
        raise UnusualSheet("formulas or texts of an unusual make")
    is_inline = kinds == TEXT
    kinds = numpy.where(is_inline, VALUE, numpy.where(kinds == TEXT_END, VALUE_END, kinds)).astype(numpy.uint8)
    kept = kinds < FORMULA
    return kinds[kept], opens[kept], closes[kept], is_inline[kept] if len(inlines) else None


def _rows(kinds: numpy.typing.NDArray[numpy.uint8]) -> Places:
    """The tags that begin rows; rows follow one another, and nothing stands between them."""
    opened, ended = numpy.flatnonzero(kinds == ROW), numpy.flatnonzero(kinds == ROW_END)
    rows: Places = numpy.flatnonzero((kinds == ROW) | (kinds == EMPTY_ROW))
    empty = numpy.flatnonzero(kinds == EMPTY_ROW)
    if (
        len(opened) != len(ended)
        or not len(rows)
        or rows[0] != 0
        or (opened >= ended).any()
        or (ended[:-1] >= opened[1:]).any()
        or not numpy.isin(kinds[numpy.concatenate((ended, empty)) + 1], (ROW, EMPTY_ROW, UNKNOWN)).all()
        or (numpy.searchsorted(opened, empty) != numpy.searchsorted(ended, empty)).any()
    ):
        raise UnusualSheet("rows of an unusual make")
    return rows


def _full_cells(kinds: numpy.typing.NDArray[numpy.uint8]) -> Places:
    """The tags that begin cells with one value; the other cells are empty, and no value stands elsewhere."""
    cells = numpy.flatnonzero(kinds == CELL)
    full: Places = cells[kinds[cells + 1] != CELL_END]
    for offset, kind in enumerate((VALUE, VALUE_END, CELL_END), start=1):
        if (kinds[full + offset] != kind).any():
            raise UnusualSheet("a cell of an unusual make")
    counts = [numpy.count_nonzero(kinds == kind) for kind in (VALUE, VALUE_END, CELL_END)]
    if counts != [len(full), len(full), len(cells)]:
        raise UnusualSheet("a value outside of a cell")
    return full


def row_numbers(stretch: bytes, places: Places) -> tuple[Places, Places, Words]:
    """The numbers of the rows, which rise, how many digits each is written with, and these with the quote behind them."""
    if (words(stretch, places) != int.from_bytes(b'<row r="', "little")).any():
        raise UnusualSheet("a row without a number")
    written = words(stretch, places + WORD_BYTES)
    is_quote = written.view(numpy.uint8).reshape(-1, WORD_BYTES) == QUOTE
    digits = numpy.argmax(is_quote, axis=1)
    numbers = whole_numbers(stretch, places + WORD_BYTES, places + WORD_BYTES + digits)
    if numbers is None or digits.max() > MAX_ROW_DIGITS or numbers[0] < 1 or (numbers[1:] <= numbers[:-1]).any():
        raise UnusualSheet("rows out of order")
    return numbers, digits, written & LOW_BYTES[digits + 1]


def _columns(stretch: bytes, places: Places, row: Places, numbers_written: Words, digits: Places) -> tuple[Places, Places]:
    """The columns of the cells that begin at ``places``, and where each reference, which names the cell's row, has ended."""
    if ((words(stretch, places) & LOW_BYTES[6]) != int.from_bytes(b'<c r="', "little")).any():
        raise UnusualSheet("a cell without a reference")
    letters = words(stretch, places + 6)
    first, second, third = ((letters >> numpy.uint64(shift) & numpy.uint64(255)).astype(numpy.int64) for shift in (0, 8, 16))
    has_second = second >= FIRST_LETTER
    has_third = has_second & (third >= FIRST_LETTER)
    column = first - FIRST_LETTER
    if has_second.any():
        column = numpy.where(has_second, (column + 1) * 26 + second - FIRST_LETTER, column)
        column = numpy.where(has_third, (column + 1) * 26 + third - FIRST_LETTER, column)
    is_letter = (first >= FIRST_LETTER) & (first <= LAST_LETTER) & (~has_second | (second <= LAST_LETTER))
    if not (is_letter & (~has_third | (third <= LAST_LETTER))).all():
        raise UnusualSheet("a reference of an unusual make")
    behind = places + 7 + has_second + has_third
    sizes = digits[row] + 1
    if ((words(stretch, behind) & LOW_BYTES[sizes]) != numbers_written[row]).any():
        raise UnusualSheet("a cell in another row")
    return column, behind + sizes


def _forms(stretch: bytes, start: Places, sizes: Places) -> tuple[Places, list[Form]]:
    """The attributes behind the reference: which of the few different ones each cell has, and what these say."""
    if not len(sizes):
        return sizes, []
    longest = int(sizes.max())
    if longest > MAX_FORM_BYTES or sizes.min() < 0:
        raise UnusualSheet("attributes of an unusual make")
    parts = [
        words(stretch, start + skipped) & LOW_BYTES[numpy.clip(sizes - skipped, 0, WORD_BYTES)]
        for skipped in range(0, max(1, longest), WORD_BYTES)
    ]
    mixed = parts[0]
    for part in parts[1:]:
        mixed = (mixed ^ (mixed >> numpy.uint64(29))) * numpy.uint64(0x9E3779B97F4A7C15) ^ part
    encoded = pyarrow.array(mixed).dictionary_encode()
    form = encoded.indices.to_numpy().astype(numpy.int64)
    examples = numpy.zeros(len(encoded.dictionary), numpy.int64)
    examples[form[::-1]] = numpy.arange(len(form))[::-1]
    if len(parts) > 1 and not all((part == part[examples][form]).all() for part in parts):
        raise UnusualSheet("attributes that cannot be told apart")
    return form, [form_of(stretch[start[each] : start[each] + sizes[each]]) for each in examples.tolist()]


def form_of(text: bytes, *, is_inline: bool = False, is_spaced: bool = False) -> Form:
    """What the attributes behind a reference say. Raises UnusualSheet."""
    found = FORM.fullmatch(text) or TURNED_FORM.fullmatch(text)
    if found is None:
        raise UnusualSheet("attributes of an unusual make")
    style, kind = found["style"], found["type"]
    return Form(int(style) if style else None, kind.decode() if kind else "n", is_inline, is_spaced)
