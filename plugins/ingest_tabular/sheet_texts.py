"""Texts of sheet XML as Arrow columns, many at once; what is written in an unusual way is left to the general reader."""

from collections.abc import Iterable

import numpy
import pyarrow
import pyarrow.compute
from sheet_cells import LOW_BYTES, PAD, PRESERVED, WORD_BYTES, Flags, Places, UnusualSheet, words

ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&"))
ITEM, TEXT, TEXT_END, ITEM_END = b"<si>", b"<t>", b"</t>", b"</si>"


def strings_between(data: bytes, start: Places, stop: Places) -> pyarrow.StringArray:
    """The texts between the places, which rise: every other one of the texts between all of them."""
    offsets = numpy.empty(2 * len(start), numpy.int32)
    offsets[::2], offsets[1::2] = start, stop
    between = pyarrow.StringArray.from_buffers(len(offsets) - 1, pyarrow.py_buffer(offsets), pyarrow.py_buffer(data))
    return between.take(pyarrow.array(numpy.arange(0, len(offsets), 2)))


def plain_texts(data: bytes, start: Places, stop: Places, is_spaced: Flags | None) -> pyarrow.StringArray:
    """The texts with the five entities of XML resolved; ``is_spaced`` says where blanks around one belong to it."""
    found = strings_between(data, start, stop)
    try:
        found.validate(full=True)
    except pyarrow.ArrowInvalid as reason:
        raise UnusualSheet("a text that is not UTF-8") from reason
    if is_spaced is not None:
        trimmed = pyarrow.compute.equal(pyarrow.compute.ascii_trim_whitespace(found), found).to_numpy(zero_copy_only=False)
        if not (trimmed | is_spaced).all():
            raise UnusualSheet("blanks around a text")
    every = found.buffers()[2]
    held = every.to_pybytes() if every is not None else b""
    if b"\r" in held or b"_x" in held:
        raise UnusualSheet("a text with marks of its own")
    if b"&" in held:
        if held.count(b"&") != sum(held.count(entity.encode()) for entity, _ in ENTITIES):
            raise UnusualSheet("a text with entities of its own")
        for entity, sign in ENTITIES:
            found = pyarrow.compute.replace_substring(found, entity, sign)
    return found


def token_flags(texts: pyarrow.StringArray, tokens: frozenset[str]) -> Flags:
    """Which texts, but for case and blanks around them, are tokens."""
    encoded = texts.dictionary_encode()
    plain = pyarrow.compute.utf8_lower(pyarrow.compute.utf8_trim_whitespace(encoded.dictionary))
    told = pyarrow.compute.is_in(plain, value_set=pyarrow.array(sorted(tokens), pyarrow.string()))
    if not told.true_count:
        return numpy.zeros(len(texts), numpy.bool_)
    found: Flags = told.to_numpy(zero_copy_only=False)[encoded.indices.to_numpy()]
    return found


def shared_texts(pieces: Iterable[bytes]) -> pyarrow.StringArray:
    """The shared texts of a workbook, in their order, from pieces of whole items. Raises UnusualSheet unless all are plain."""
    arrays = [_items(piece + PAD) for piece in pieces]
    return pyarrow.concat_arrays(arrays) if arrays else pyarrow.array([], pyarrow.string())


def _items(piece: bytes) -> pyarrow.StringArray:
    """``<si><t>text</t></si>`` again and again, nothing between."""
    data = numpy.frombuffer(piece, numpy.uint8)
    opens, closes = numpy.flatnonzero(data == ord("<")), numpy.flatnonzero(data == ord(">"))
    if len(opens) != len(closes) or len(opens) % 4 or (opens >= closes).any() or (closes[:-1] >= opens[1:]).any():
        raise UnusualSheet("shared texts of an unusual make")
    items, texts, text_ends, item_ends = (opens[place::4] for place in range(4))
    is_spaced = closes[1::4] - texts > len(TEXT)
    tags = [(ITEM, items), (TEXT, texts[~is_spaced]), (PRESERVED, texts[is_spaced]), (TEXT_END, text_ends), (ITEM_END, item_ends)]
    if not all(_all_are(tag, piece, places) for tag, places in tags):
        raise UnusualSheet("shared texts of an unusual make")
    return plain_texts(piece, closes[1::4] + 1, text_ends, is_spaced)


def _all_are(tag: bytes, piece: bytes, places: Places) -> bool:
    """Whether the bytes of a tag, which is no longer than ``PAD``, stand at each of the places."""
    parts = [tag[place : place + WORD_BYTES] for place in range(0, len(tag), WORD_BYTES)]
    found = [
        (words(piece, places + index * WORD_BYTES) & LOW_BYTES[len(part)]) == int.from_bytes(part, "little")
        for index, part in enumerate(parts)
    ]
    return all(bool(each.all()) for each in found)
