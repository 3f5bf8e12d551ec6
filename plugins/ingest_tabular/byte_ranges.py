"""Copies a stretch of a file's bytes to another file, through one small buffer."""

import os
from typing import BinaryIO

BUFFER_BYTES = 1 << 18


def copy_range(source: BinaryIO, start: int, stop: int, target: BinaryIO) -> None:
    """Append the bytes of ``source`` from ``start`` up to ``stop`` to ``target``."""
    buffer = memoryview(bytearray(min(BUFFER_BYTES, stop - start)))
    while start < stop:
        got = os.preadv(source.fileno(), [buffer[: stop - start]], start)
        if not got:
            raise EOFError(f"{source.name} ends before byte {stop:,}")
        target.write(buffer[:got])
        start += got
