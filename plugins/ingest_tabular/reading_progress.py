"""How far a reading is, from work really done: shares by the reader's own count, and by the engine's while a query runs."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb

LOOK_AGAIN_S = 0.25


class Progress(Protocol):
    """Told the share of the work that is done (0 to 1), in words what is being done, and how many rows there are, once known."""

    def __call__(self, share: float, what: str, rows: int = 0) -> None: ...


@contextmanager
def watched(connection: "duckdb.DuckDBPyConnection", report: "Callable[[float], None]") -> Iterator[None]:
    """Report the share of the connection's query that the engine says is done, several times a second, while it runs."""
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(LOOK_AGAIN_S):
            share = connection.query_progress() / 100
            if 0 <= share <= 1:
                report(share)

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
