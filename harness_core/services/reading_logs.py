"""Windows into logs of any length: a jump to any line and a search read blocks, never the whole file into memory."""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import Lock

BLOCK_BYTES = 1 << 18
WINDOW_LINES = 500
MOST_MATCHES = 500
LONGEST_LINE = 2_000
KEPT_INDEXES = 16
LEVELS = {"error": (b"error", b"critical", b"fatal", b"exception", b"traceback"), "warning": (b"warn",)}


@dataclass(frozen=True)
class Line:
    """One line; ``number`` counts from 1."""

    number: int
    text: str


@dataclass(frozen=True)
class Window:
    """Some lines of a log, and how many it has."""

    lines: Sequence[Line]
    line_count: int


@dataclass(frozen=True)
class Matches:
    """The lines that fit, and whether there are more than were looked for."""

    lines: Sequence[Line]
    more: bool


class _Index:
    """How many lines end before each block of the file."""

    def __init__(self, path: Path) -> None:
        self.before = [0]
        last = b"\n"
        with path.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                self.before.append(self.before[-1] + block.count(b"\n"))
                last = block[-1:]
        self.line_count = self.before[-1] + (last != b"\n")


class LogReading:
    """Reads windows of log files; the indexes of the last ones are kept."""

    def __init__(self) -> None:
        self._indexes: OrderedDict[tuple[str, int, int], _Index] = OrderedDict()
        self._lock = Lock()

    def window(self, path: Path, first: int = 1, limit: int = WINDOW_LINES) -> Window:
        """``limit`` lines from line ``first`` on. Raises OSError where the file is not there."""
        index = self._index(path)
        first = max(1, first)
        place = max(0, bisect_right(index.before, first - 2) - 1)  # a block that begins before the line does
        lines = [Line(number, _text(raw)) for number, raw in islice(_from_line(path, index, place, first), limit)]
        return Window(lines, index.line_count)

    def search(self, path: Path, text: str = "", level: str = "", limit: int = MOST_MATCHES) -> Matches:
        """The first lines that hold ``text`` (whatever its case) and look like that ``level``."""
        needle, words = text.lower().encode("utf-8"), LEVELS.get(level, ())
        found: list[Line] = []
        number = 1
        for piece in _pieces(path):
            if not _fits(piece.lower(), needle, words):
                number += piece.count(b"\n")
                continue
            for raw in piece.removesuffix(b"\n").split(b"\n"):
                if _fits(raw.lower(), needle, words):
                    if len(found) == limit:
                        return Matches(found, more=True)
                    found.append(Line(number, _text(raw)))
                number += 1
        return Matches(found, more=False)

    def search_text(self, held: str, text: str = "", level: str = "", limit: int = MOST_MATCHES) -> Matches:
        """The same for the end of a log that is kept in the record; its lines are counted from the first that is kept."""
        needle, words = text.lower().encode("utf-8"), LEVELS.get(level, ())
        lines = [raw.encode("utf-8") for raw in held.split("\n")]
        found = [Line(number, _text(raw)) for number, raw in enumerate(lines, 1) if raw and _fits(raw.lower(), needle, words)]
        return Matches(found[:limit], more=len(found) > limit)

    def _index(self, path: Path) -> _Index:
        state = path.stat()
        key = (str(path), state.st_size, state.st_mtime_ns)
        with self._lock:
            if key in self._indexes:
                self._indexes.move_to_end(key)
                return self._indexes[key]
        index = _Index(path)
        with self._lock:
            self._indexes[key] = index
            while len(self._indexes) > KEPT_INDEXES:
                self._indexes.popitem(last=False)
        return index


def _from_line(path: Path, index: _Index, place: int, first: int) -> Iterator[tuple[int, bytes]]:
    """Numbered lines from line ``first`` on, read from block ``place`` on; the part of a line before it is passed over."""
    number = index.before[place] + 1
    with path.open("rb") as file:
        if place:
            file.seek(place * BLOCK_BYTES - 1)
            number += file.readline() != b"\n"
        for raw in file:
            if number >= first:
                yield number, raw
            number += 1


def _fits(lowered: bytes, needle: bytes, words: Sequence[bytes]) -> bool:
    return needle in lowered and (not words or any(word in lowered for word in words))


def _pieces(path: Path) -> Iterator[bytes]:
    """The file in pieces of whole lines."""
    with path.open("rb") as file:
        while piece := file.read(BLOCK_BYTES):
            yield piece + file.readline()


def _text(raw: bytes) -> str:
    text = raw.rstrip(b"\r\n")[: LONGEST_LINE * 4].decode("utf-8", "replace")
    return text if len(text) <= LONGEST_LINE else f"{text[:LONGEST_LINE]} …"
