"""What a guest prints, kept within a bound and made harmless: the head, the tail, and between them how much was cut."""

import codecs
from pathlib import Path

MARKER = "\n[... {cut:,} bytes of output were cut here ...]\n"
MARKER_ROOM = 80

BIDIRECTIONAL = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
LINE_BREAKS = (0x2028, 0x2029)
ESCAPES = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"} | {
    code: f"\\u{code:04x}" for code in BIDIRECTIONAL + LINE_BREAKS
}


def printable(text: str) -> str:
    """``text`` with everything escaped that could move a cursor, colour a line or turn its direction; newline and tab stay."""
    return text.translate(ESCAPES)


class BoundedLog:
    """A log file of at most ``max_bytes``. What is not UTF-8 stands in it as ``\\xNN``; its head can be read at once."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.size_bytes = 0
        self.cut_bytes = 0
        self._file = path.open("wb", buffering=0)
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self._tail = bytearray()
        self._head_room = self._tail_room = max(0, (max_bytes - MARKER_ROOM) // 2)

    def feed(self, data: bytes) -> None:
        self.size_bytes += len(data)
        self._keep(printable(self._decoder.decode(data)).encode())

    def close(self) -> None:
        if self._file.closed:
            return
        self._keep(printable(self._decoder.decode(b"", final=True)).encode())
        if self.cut_bytes:
            torn = len(self._tail) - len(_whole(self._tail))
            self.cut_bytes += torn
            self._file.write(MARKER.format(cut=self.cut_bytes).encode())
            del self._tail[:torn]
        self._file.write(self._tail)
        self._file.close()

    def _keep(self, data: bytes) -> None:
        if self._head_room >= len(data):
            self._head_room -= len(data)
            self._file.write(data)
            return
        head = len(data[: self._head_room].decode(errors="ignore").encode())  # never half a character
        self._file.write(data[:head])
        self._head_room = 0
        self._tail += data[head:]
        overflow = len(self._tail) - self._tail_room
        if overflow > 0:
            self.cut_bytes += overflow
            del self._tail[:overflow]


def _whole(data: bytearray) -> bytearray:
    """``data`` from its first whole character on: a cut may have left up to three bytes of one."""
    start = next((index for index, byte in enumerate(data[:4]) if byte & 0xC0 != 0x80), 0)
    return data[start:]
