"""Texts of sheet XML, many at once; what is written in an unusual way is left to the general reader."""

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy
import pyarrow
import pyarrow.compute
from arrow_arrays import arrow_texts, arrow_values, text_parts
from sheet_cells import LOW_BYTES, PAD, PRESERVED, WORD_BYTES, Flags, Places, UnusualSheet, words

ENTITIES = ((b"&lt;", b"<"), (b"&gt;", b">"), (b"&quot;", b'"'), (b"&apos;", b"'"), (b"&amp;", b"&"))
NAMED = {entity.decode()[1:-1]: sign.decode() for entity, sign in ENTITIES}
REFERENCE = re.compile("&(#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6}|" + "|".join(NAMED) + ");")
ESCAPE = re.compile("_x(?![Dd][89A-Fa-f])([0-9A-Fa-f]{4})_")  # half of a pair is none
ESCAPED = re.compile(rb"&#|\r|_(?=x[0-9A-Fa-f]{4}_)")
LINE_ENDS = re.compile("\r\n?")
SURROGATES = range(0xD800, 0xE000)
ITEM, TEXT, TEXT_END, ITEM_END = b"<si>", b"<t>", b"</t>", b"</si>"
BETWEEN, BETWEEN_SPACED = TEXT_END + ITEM_END + ITEM + TEXT, TEXT_END + ITEM_END + ITEM + PRESERVED
MARK, SPACED_MARK = b"\x01", b"\x02"  # which no XML may hold
BLANK = 32  # no sign of a text is lower, but for blanks
AMPERSAND, LETTER_A, LETTER_M, LETTER_Q, FIRST_BEYOND_ASCII = ord("&"), ord("a"), ord("m"), ord("q"), 128


@dataclass(frozen=True)
class Texts:
    """Texts in UTF-8, one behind the other in ``data``, and of how many bytes each is."""

    sizes: Places
    data: bytes

    @classmethod
    def of(cls, texts: pyarrow.StringArray) -> "Texts":
        """The texts of an array without nulls."""
        return cls(*text_parts(texts))

    def array(self) -> pyarrow.StringArray:
        return arrow_texts(self.sizes, self.data)


def texts_between(data: bytes, start: Places, stop: Places) -> Texts:
    """The texts between the places, which rise, as they are written."""
    every = _between(data, start, stop).take(arrow_values(numpy.arange(0, 2 * len(start), 2)))
    return Texts(stop - start, text_parts(every)[1])


def floats_between(data: bytes, start: Places, stop: Places) -> numpy.typing.NDArray[numpy.float64]:
    """The numbers that are written between the places, which rise. Raises UnusualSheet where one is written in an unusual way."""
    try:
        found = _between(data, start, stop, is_every_other=True).cast(pyarrow.float64())
    except pyarrow.ArrowInvalid as reason:
        raise UnusualSheet("a number of an unusual make") from reason
    numbers = numpy.frombuffer(found.buffers()[1], numpy.float64, 2 * len(start) - 1)[::2]
    if not numpy.isfinite(numbers).all():
        raise UnusualSheet("a number that is none")
    return numbers


def _between(data: bytes, start: Places, stop: Places, *, is_every_other: bool = False) -> pyarrow.StringArray:
    """The texts at the even places, and at the odd ones what stands between them; or nothing, if that is all that is wanted."""
    offsets = numpy.empty(2 * len(start), numpy.int32)
    offsets[::2], offsets[1::2] = start, stop
    held = pyarrow.py_buffer(b"\x55" * (len(start) // 4 + 1)) if is_every_other else None
    return pyarrow.StringArray.from_buffers(len(offsets) - 1, pyarrow.py_buffer(offsets), pyarrow.py_buffer(data), held)


def plain_texts(data: bytes, start: Places, stop: Places, is_bare: Flags | None = None) -> Texts:
    """The texts with the five entities of XML resolved; blanks around one where ``is_bare`` would not belong to it."""
    if is_bare is not None:
        every, is_filled = numpy.frombuffer(data, numpy.uint8), stop > start
        if (is_bare & is_filled & ((every[start] <= BLANK) | (every[stop - 1] <= BLANK))).any():
            raise UnusualSheet("blanks around a text")
    return _resolved(texts_between(data, start, stop), is_bare)


def _resolved(texts: Texts, is_bare: Flags | None) -> Texts:
    """The texts as they are meant: without entities, references to signs, escapes of signs, and carriage returns."""
    if not texts.data.isascii():
        try:
            texts.array().validate(full=True)
        except pyarrow.ArrowInvalid as reason:
            raise UnusualSheet("a text that is not UTF-8") from reason
    if any(sign in texts.data for sign in (b"_", b"\r", b"&")):
        texts = _without_entities(_without_escapes(texts, is_bare))
    return texts


def _without_escapes(texts: Texts, is_bare: Flags | None) -> Texts:
    """The texts with all but the five entities resolved, one text at a time: few have more."""
    places = [found.start() for found in ESCAPED.finditer(texts.data)]
    if not places:
        return texts
    ends, sizes = numpy.cumsum(texts.sizes), texts.sizes.copy()
    parts, done = list[bytes](), 0
    for index in numpy.unique(numpy.searchsorted(ends, places, "right")).tolist():
        stop = int(ends[index])
        start = stop - int(sizes[index])
        text = _meant(texts.data[start:stop].decode(), is_bare=is_bare is not None and bool(is_bare[index]))
        meant = text.replace("&", "&amp;").encode()
        parts += texts.data[done:start], meant
        sizes[index], done = len(meant), stop
    return Texts(sizes, b"".join((*parts, texts.data[done:])))


def _meant(text: str, *, is_bare: bool) -> str:
    """What a text means: line ends as XML has them, references resolved, then the escapes that spreadsheets write, _x000D_."""
    text = LINE_ENDS.sub("\n", text)
    if text.count("&") != len(REFERENCE.findall(text)):
        raise UnusualSheet("an entity that is none")
    text = REFERENCE.sub(_sign, text)
    if is_bare and text != text.strip():
        raise UnusualSheet("blanks around a text")
    return ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)


def _sign(found: re.Match[str]) -> str:
    name = found[1]
    if not name.startswith("#"):
        return NAMED[name]
    code = int(name[2:], 16) if name[1] == "x" else int(name[1:])
    if code in SURROGATES or code > sys.maxunicode or (code < BLANK and chr(code) not in "\t\n\r"):
        raise UnusualSheet("a reference to a sign that is none")
    return chr(code)


def _without_entities(texts: Texts) -> Texts:
    held = texts.data
    if b"&" not in held:
        return texts
    if held.count(b"&") != sum(held.count(entity) for entity, _ in ENTITIES):
        raise UnusualSheet("a text with entities of its own")
    every = numpy.frombuffer(held, numpy.uint8)
    marks = numpy.flatnonzero(every == AMPERSAND)
    first, second = every[marks + 1], every[marks + 2]
    spared = numpy.where(first == LETTER_A, numpy.where(second == LETTER_M, 4, 5), numpy.where(first == LETTER_Q, 5, 3))
    ends = numpy.cumsum(texts.sizes)
    which = numpy.searchsorted(ends, marks, "right")
    if (marks + spared >= ends[which]).any():
        raise UnusualSheet("an entity that is cut off")
    for entity, sign in ENTITIES:
        held = held.replace(entity, sign)
    return Texts(texts.sizes - numpy.bincount(which, spared, len(ends)).astype(numpy.int64), held)


def token_flags(texts: Texts, tokens: frozenset[str]) -> Flags:
    """Which texts, but for case and blanks around them, are tokens."""
    found = numpy.zeros(len(texts.sizes), numpy.bool_)
    asked = numpy.flatnonzero(_may_be_tokens(texts, tokens))
    if len(asked):
        encoded = texts.array().take(arrow_values(asked)).dictionary_encode()
        words = encoded.dictionary.to_pylist()
        told = numpy.array([word.strip().lower() in tokens for word in words], numpy.bool_)
        found[asked] = told[numpy.frombuffer(encoded.indices.buffers()[1], numpy.int32, len(asked))]
    return found


def _may_be_tokens(texts: Texts, tokens: frozenset[str]) -> Flags:
    """The texts that begin as a token of their length does, or with a blank, or end with one, or have signs beyond ASCII."""
    plain = [token for token in tokens if token and token.isascii()]
    longest = max(map(len, plain), default=0)
    begins = numpy.zeros((256, longest + 2), numpy.bool_)  # texts that are longer have the last column
    begins[: BLANK + 1] = True
    for token in plain:
        for sign in (token[0].lower(), token[0].upper()):
            begins[ord(sign), len(token)] = True
    every, ends = numpy.frombuffer(texts.data + b"\0", numpy.uint8), numpy.cumsum(texts.sizes)
    flags: Flags = begins[every[ends - texts.sizes], numpy.minimum(texts.sizes, longest + 1)] | (every[ends - 1] <= BLANK)
    if not texts.data.isascii():
        flags[numpy.searchsorted(ends, numpy.flatnonzero(every >= FIRST_BEYOND_ASCII), "right")] = True
    return flags & (texts.sizes > 0)


def shared_texts(pieces: Iterable[bytes]) -> Iterator[Texts]:
    """The shared texts of a workbook, in their order, from pieces of whole items. Raises UnusualSheet unless all are plain."""
    return (_compact_items(piece) or _items(piece + PAD) for piece in pieces)


def _compact_items(piece: bytes) -> Texts | None:
    """``<si><t>text</t></si>`` again and again, nothing between; None for anything else."""
    if not piece.startswith(ITEM) or not piece.endswith(TEXT_END + ITEM_END) or MARK in piece or SPACED_MARK in piece:
        return None
    marked = (TEXT_END + ITEM_END + piece[: -len(TEXT_END + ITEM_END)]).replace(BETWEEN, MARK).replace(BETWEEN_SPACED, SPACED_MARK)
    if b"<" in marked:
        return None
    data = numpy.frombuffer(marked + PAD, numpy.uint8)
    marks = numpy.flatnonzero(data[: len(marked)] <= SPACED_MARK[0])
    sizes = numpy.diff(marks, append=len(marked)) - 1
    is_blank = (data[marks + 1] <= BLANK) | (data[marks + sizes] <= BLANK)
    if (is_blank & (sizes > 0) & (data[marks] == MARK[0])).any():
        return None
    return _resolved(Texts(sizes, marked.translate(None, MARK + SPACED_MARK)), data[marks] == MARK[0])


def _items(piece: bytes) -> Texts:
    """The same where the tags have other attributes or signs; ``piece`` ends in ``PAD``."""
    data = numpy.frombuffer(piece, numpy.uint8)
    opens, closes = numpy.flatnonzero(data == ord("<")), numpy.flatnonzero(data == ord(">"))
    if len(opens) != len(closes) or not len(opens) or len(opens) % 4 or (opens >= closes).any() or (closes[:-1] >= opens[1:]).any():
        raise UnusualSheet("shared texts of an unusual make")
    items, texts, text_ends, item_ends = (opens[place::4] for place in range(4))
    is_spaced = closes[1::4] - texts > len(TEXT)
    tags = [(ITEM, items), (TEXT, texts[~is_spaced]), (PRESERVED, texts[is_spaced]), (TEXT_END, text_ends), (ITEM_END, item_ends)]
    if not all(_all_are(tag, piece, places) for tag, places in tags):
        raise UnusualSheet("shared texts of an unusual make")
    return plain_texts(piece, closes[1::4] + 1, text_ends, ~is_spaced)


def _all_are(tag: bytes, piece: bytes, places: Places) -> bool:
    """Whether the bytes of a tag, which is no longer than ``PAD``, stand at each of the places."""
    parts = [tag[place : place + WORD_BYTES] for place in range(0, len(tag), WORD_BYTES)]
    found = [
        (words(piece, places + index * WORD_BYTES) & LOW_BYTES[len(part)]) == int.from_bytes(part, "little")
        for index, part in enumerate(parts)
    ]
    return all(bool(each.all()) for each in found)
