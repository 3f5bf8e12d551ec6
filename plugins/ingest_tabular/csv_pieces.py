"""Writes a delimited text as Parquet in pieces of fixed rows, several side by side, each by one thread, and joins them in order.

Left to one query, DuckDB (2.0.0) ends row groups where its threads happen to meet, and two runs give other bytes. Here the rows
of the file decide alone: a piece is read as one batch, so that each row group but the last has exactly as many rows as asked for.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from tempfile import mkdtemp

import duckdb
from byte_ranges import copy_range
from parquet_joining import JoinedParquet
from typed_table import connect

from harness_core.sdk.dataset import quote_text

WORKERS = 2
PIECE_BYTES = 64 << 20  # to plan the query of a piece takes ten milliseconds
LEAST_PIECES = 4
Relation = Callable[[Path], str]


@dataclass(frozen=True)
class Pieces:
    """The stretches of ``path`` between ``cuts``, places that may become known while the first pieces are written.

    Each stretch is copied into a file of its own, behind a line to be skipped that says how lines end. ``reading`` is asked when a
    stretch is known: which line end that is, and the SQL for the texts in such a file.
    """

    path: Path
    cuts: Iterable[int]
    reading: Callable[[], tuple[bytes, Relation]]
    work: Path
    memory_mb: int

    def write(self, select: Callable[[str], str], target: Path, form: str, progress: Callable[[float], None]) -> None:
        """Write what ``select`` makes of the texts to ``target``; raises duckdb.Error for the first piece that it fails for."""
        size = self.path.stat().st_size
        waiting: deque[tuple[int, Future[Path]]] = deque()
        with ExitStack() as stack:
            joined = stack.enter_context(JoinedParquet(target))
            free: SimpleQueue[_Desk] = SimpleQueue()
            for _ in range(WORKERS):
                free.put(stack.enter_context(_Desk(self.work, self.memory_mb // WORKERS)))
            pool = stack.enter_context(ThreadPoolExecutor(WORKERS))
            stack.callback(pool.shutdown, cancel_futures=True)

            def join() -> None:
                place, done = waiting.popleft()
                part = done.result()
                joined.add(part)
                part.unlink()
                progress(place / size)

            for start, stop in self._stretches(size):
                line_end, relation = self.reading()
                waiting.append((stop, pool.submit(self._write_one, free, start, stop, line_end, relation, select, form)))
                while len(waiting) > WORKERS:
                    join()
            while waiting:
                join()

    def _stretches(self, size: int) -> Iterator[tuple[int, int]]:
        """Stretches of at most so many bytes, but of one cut at least."""
        wanted = min(PIECE_BYTES, size // LEAST_PIECES)
        places = iter(self.cuts)
        start = before = next(places)
        for place in places:
            if before > start and place - start > wanted:
                yield start, before
                start = before
            before = place
        if before > start:
            yield start, before

    def _write_one(
        self, free: "SimpleQueue[_Desk]", start: int, stop: int, line_end: bytes, relation: Relation,
        select: Callable[[str], str], form: str,
    ) -> Path:  # fmt: skip
        desk = free.get()
        try:
            part = self.work / f"part-{start}.parquet"
            with self.path.open("rb") as source, desk.piece.open("r+b", buffering=0) as piece:
                piece.write(line_end)
                copy_range(source, start, stop, piece)
                piece.truncate()
            desk.connection.execute(f"COPY ({select(relation(desk.piece))}) TO {quote_text(str(part))} {form}")
            return part
        finally:
            free.put(desk)


class _Desk:
    """What one piece at a time is written with: an engine of one thread, and a file for the piece."""

    def __init__(self, work: Path, memory_mb: int) -> None:
        folder = Path(mkdtemp(prefix="piece-", dir=work))
        self.piece = folder / "piece.csv"
        self.piece.touch()  # written over by each piece: fresh pages cost more
        self.connection: duckdb.DuckDBPyConnection = connect(folder, memory_mb, threads=1)

    def __enter__(self) -> "_Desk":
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()
        self.piece.unlink(missing_ok=True)
