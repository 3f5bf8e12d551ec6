"""What a guest prints and logs, kept within a bound and made harmless: the head, the tail, and between them how much was cut."""

import codecs
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

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


def entry_line(entry: Mapping[str, Any], at: datetime) -> str:
    """An entry of a guest's structured log as text: time, level, message, fields. Further lines of the message are indented,
    so that what a guest says cannot look like another entry."""
    fields = "".join(f" {name}={json.dumps(value, ensure_ascii=False)}" for name, value in entry["fields"].items())
    message = str(entry["message"]).replace("\n", "\n    ")
    when = at.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
    return printable(f"{when}Z {str(entry['level']).upper()} {message}{fields.replace(chr(10), ' ')}\n")


class BoundedLog:
    """A log file of at most ``max_bytes``. What is not UTF-8 stands in it as ``\\xNN``; its head can be read at once."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.size_bytes = 0
        self.cut_bytes = 0
        self._file = path.open("wb", buffering=0)
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self._tail = bytearray()
        self._at_line_start = True
        self._head_room = self._tail_room = max(0, (max_bytes - MARKER_ROOM) // 2)

    def feed(self, data: bytes) -> None:
        self.size_bytes += len(data)
        self._keep(printable(self._decoder.decode(data)).encode())

    def add_line(self, line: str) -> None:
        """A line of our own, between those that the guest prints; it has been counted where it came from."""
        self._keep((line if self._at_line_start else f"\n{line}").encode())

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
        self._at_line_start = data.endswith(b"\n") if data else self._at_line_start
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
