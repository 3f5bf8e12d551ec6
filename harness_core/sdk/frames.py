"""What a guest and the kernel say to each other over a pipe: a four-byte length, then one JSON object.

The guest writes ``progress``, ``log``, ``artifact``, ``dataset`` and, last, ``result`` frames; the kernel writes one request.
"""

import os
import struct
import threading
from collections.abc import Iterator
from typing import Any

from harness_core.sdk.canonical import compact_bytes, strict_loads

HEADER = struct.Struct(">I")
MAX_FRAME_BYTES = 64 * 1024 * 1024
PLAUSIBLE_BYTES = 1 << 30  # what claims to be longer is no frame
MAX_VALUES = 2_000_000  # three bytes of text can make a value of a hundred; commas within texts count, too


class BrokenFrame(ValueError):
    """The other side sent what is no frame."""


class TooLarge(BrokenFrame):
    """The other side sent more than is read."""


def encode(frame: Any) -> bytes:
    body = compact_bytes(frame)
    return HEADER.pack(len(body)) + body


class FrameWriter:
    """Writes whole frames to a descriptor, from any thread."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def write(self, frame: Any) -> None:
        data = memoryview(encode(frame))
        with self._lock:
            while data:
                data = data[os.write(self._descriptor, data) :]


class FrameReader:
    """Collects bytes as they arrive and yields the frames that are complete; refuses those that are too large."""

    def __init__(self, max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        self._buffer = bytearray()
        self._max = max_frame_bytes

    def feed(self, data: bytes) -> Iterator[dict[str, Any]]:
        self._buffer += data
        while len(self._buffer) >= HEADER.size:
            (size,) = HEADER.unpack_from(self._buffer)
            if size > self._max:
                raise (TooLarge if size < PLAUSIBLE_BYTES else BrokenFrame)(
                    f"a frame of {size:,} bytes, where at most {self._max:,} are read"
                )
            if len(self._buffer) < HEADER.size + size:
                return
            body = bytes(self._buffer[HEADER.size : HEADER.size + size])
            del self._buffer[: HEADER.size + size]
            if sum(map(body.count, (b",", b"[", b"{"))) > MAX_VALUES:
                raise TooLarge(f"a frame of more than {MAX_VALUES:,} values")
            frame = strict_loads(body)
            if not isinstance(frame, dict) or not isinstance(frame.get("type"), str):
                raise BrokenFrame("a frame that is no object with a type")
            yield frame
