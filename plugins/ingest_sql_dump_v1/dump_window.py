"""A window that moves over the dump: bytes in, pieces of any size, with the line that it stands at; nothing behind it is kept."""

from pathlib import Path


class Incomplete(Exception):
    """What is in the window does not end here: read on."""


class Window:
    """``data[at:]`` is what has been read and not yet been used; ``line`` (from 1) and ``offset`` are those of ``at``."""

    def __init__(self, path: Path, block_bytes: int) -> None:
        self.block_bytes = block_bytes
        self.data, self.at, self.line, self.offset, self.ended = b"", 0, 1, 0, False
        self._file = path.open("rb")

    def __enter__(self) -> "Window":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def left(self) -> int:
        return len(self.data) - self.at

    def fill(self, wanted: int) -> None:
        """Read on until ``wanted`` bytes are ahead, or the file has ended."""
        if self.left >= wanted or self.ended:
            return
        pieces, have = [self.data[self.at :]], self.left
        while have < wanted:
            piece = self._file.read(max(self.block_bytes, wanted) - have)
            if not piece:
                self.ended = True
                break
            pieces.append(piece)
            have += len(piece)
        self.data, self.at = b"".join(pieces), 0

    def grow(self) -> None:
        """Have at least twice as much ahead as now."""
        self.fill(max(self.block_bytes, 2 * self.left))

    def skip(self, count: int) -> None:
        """Move on by ``count`` bytes."""
        self.line += self.data.count(b"\n", self.at, self.at + count)
        self.at += count
        self.offset += count

    def jump(self, count: int, lines: int) -> None:
        """Move on by ``count`` bytes that hold ``lines`` line ends."""
        self.line, self.at, self.offset = self.line + lines, self.at + count, self.offset + count

    def line_of(self, place: int) -> int:
        """The line of ``data[place]``, ahead of ``at``."""
        return self.line + self.data.count(b"\n", self.at, place)
