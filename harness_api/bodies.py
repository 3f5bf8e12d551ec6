"""Request bodies as bounded pieces: a file of any size passes through one mebibyte of memory, from the connection to a thread."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import anyio.from_thread
import anyio.to_thread
from starlette.requests import Request

from harness_core.domain.errors import UsageError

PIECE_BYTES = 1 << 20
Result = TypeVar("Result")


class BodyTooLarge(UsageError):
    """The body is larger than this request may bring."""

    http_status = 413


class BodyTooSlow(UsageError):
    """The client stopped sending."""

    http_status = 408


class _Pieces:
    """Gathers what the connection brings into pieces of about a mebibyte."""

    def __init__(self, request: Request) -> None:
        self._stream = request.stream()

    async def next(self) -> bytes:
        """The next piece; empty at the end."""
        gathered: list[bytes] = []
        size = 0
        async for chunk in self._stream:
            gathered.append(chunk)
            size += len(chunk)
            if size >= PIECE_BYTES:
                break
        return b"".join(gathered)


async def with_body(request: Request, take: Callable[[Iterator[bytes]], Result]) -> Result:
    """Run ``take`` in a thread over the pieces of the body. A client that leaves raises ClientDisconnect inside ``take``."""
    pieces = _Pieces(request)
    blocks = iter(lambda: anyio.from_thread.run(pieces.next), b"")
    return await anyio.to_thread.run_sync(lambda: take(blocks))
