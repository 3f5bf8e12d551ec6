"""The rows of PostgreSQL's COPY … FROM stdin, a block at a time."""

import re

import numpy
from dump_rows import Rows, uneven
from dump_window import Incomplete
from dump_words import rejected

END = re.compile(rb"\\\.\r?(?:\n|\Z)")


def scan_copy(block: bytes, width: int, delimiter: bytes, *, ended: bool) -> tuple[Rows, bool]:
    """The whole rows at the head of ``block``, and whether the end mark follows them (it is then counted in).

    Raises Incomplete where no row is whole; where the file has ended without the mark too, and InputRejected for uneven rows.
    """
    mark = _end_mark(block)
    if mark is not None and mark.end() == len(block) and not block.endswith(b"\n") and not ended:
        mark = None
    end = mark.start() if mark else block.rfind(b"\n") + 1
    if mark is None and b"\\" in block[max(0, end - 2) : end]:
        end = _before_open_line(block, end)
    if not end and mark is None:
        raise Incomplete
    head = block[:end]
    used = mark.end() if mark else end
    lines = block.count(b"\n", 0, used)
    returns = head.count(b"\r")
    if returns and returns != head.count(b"\r\n"):
        place = re.search(rb"\r(?!\n)", head)
        raise rejected(
            "bad_copy_data", "COPY data hold a bare carriage return, which the format writes as \\r.",
            "The file was changed since it was dumped: make the dump again.", head.count(b"\n", 0, place.start() if place else 0),
        )  # fmt: skip
    if not head:
        return Rows(0, used, lines), mark is not None
    if _is_plain(head, delimiter):
        found = _fast(head, width, delimiter)
        if found is not None:
            return Rows(found, used, lines, numpy.frombuffer(head, numpy.uint8)), mark is not None
    return Rows(0, used, lines, fields=_exact(head, width, delimiter)), mark is not None


def _end_mark(block: bytes) -> re.Match[bytes] | None:
    """The line ``\\.``, which no row can be."""
    place = 0 if block.startswith(b"\\.") else block.find(b"\n\\.") + 1
    while place or block.startswith(b"\\."):
        found = END.match(block, place)
        if found is not None:
            return found
        place = block.find(b"\n\\.", place) + 1
        if not place:
            break
    return None


def _before_open_line(block: bytes, end: int) -> int:
    """A line that ends in a lone backslash goes on in the next: stop before it."""
    while end:
        line = block.rfind(b"\n", 0, end - 1) + 1
        content = block[line : end - 1]
        if (len(content) - len(content.rstrip(b"\\"))) % 2 == 0:
            return end
        end = line
    return 0


def _is_plain(head: bytes, delimiter: bytes) -> bool:
    """No backslash stands before a line end or a delimiter, and nothing that Arrow takes for its own."""
    data = numpy.frombuffer(head, numpy.uint8)
    following = data[numpy.flatnonzero(data[:-1] == 0x5C) + 1]
    if any((following == sign).any() for sign in b"\r\n" + delimiter):
        return False
    return not head.startswith(b"\xef\xbb\xbf")


def _fast(head: bytes, width: int, delimiter: bytes) -> int | None:
    """The number of rows, if each has ``width`` values: the delimiters between two line ends are counted for all rows at once."""
    data = numpy.frombuffer(head, numpy.uint8)
    ends = numpy.flatnonzero(data == 0x0A)
    if width == 1:
        return None if delimiter in head else len(ends)
    places = numpy.flatnonzero(data == delimiter[0])
    if len(places) != len(ends) * (width - 1):
        return None
    table = places.reshape(len(ends), width - 1)
    starts = numpy.empty(len(ends), numpy.int64)
    starts[0], starts[1:] = 0, ends[:-1] + 1
    return len(ends) if bool((table[:, 0] >= starts).all() and (table[:, -1] < ends).all()) else None


def _exact(head: bytes, width: int, delimiter: bytes) -> list[list[bytes]]:
    """Row by row, with backslashes before line ends and delimiters."""
    sign = re.escape(delimiter)
    value = rb"(?:[^\\\n" + sign + rb"]|\\\r?.)*+"
    row = re.compile(rb"(" + value + rb"(?:" + sign + value + rb")*+)(?:\r?\n|\Z)", re.DOTALL)
    split = re.compile(value, re.DOTALL)
    rows, at = [], 0
    while at < len(head):
        found = row.match(head, at)
        if found is None:
            raise rejected("bad_copy_data", "A COPY row cannot be told apart.", "Make the dump again.", head.count(b"\n", 0, at))
        fields, place, line = [], 0, found[1].removesuffix(b"\r")
        while True:
            piece = split.match(line, place)
            end = piece.end() if piece else place
            fields.append(line[place:end])
            place = end + 1
            if place > len(line):
                break
        if len(fields) != width:
            raise uneven(len(fields), width, head.count(b"\n", 0, at))
        rows.append(fields)
        at = found.end()
    return rows
