"""Whole dumps, of one file or several, into tables: one pass, and others for tables where a column did not fit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from dump_batches import Batch
from dump_catalog import Catalog
from dump_reader import DumpReader
from dump_settings import Settings
from dump_source import DumpText, open_dump
from dump_tables import DumpTable, TableStore
from dump_window import Window
from dump_words import rejected

from harness_core.sdk import InputFile, InputRejected

Progress = Callable[[float, str], None]
END_BYTES = 4096
END_MARKS = (
    (b"-- MySQL dump", b"-- Dump completed", "mysqldump"), (b"-- MariaDB dump", b"-- Dump completed", "mariadb-dump"),
    (b"-- PostgreSQL database dump", b"-- PostgreSQL database dump complete", "pg_dump"),
)  # fmt: skip


@dataclass
class Dump:
    """What was read: the tables with where their Parquet is, and the texts that they came from."""

    catalog: Catalog
    texts: list[DumpText]
    paths: dict[int, Path]

    @property
    def tables(self) -> list[DumpTable]:
        """The tables that stand at the end, and were asked for."""
        wanted = self.catalog.settings.tables
        return [table for table in self.catalog.tables if not table.dropped and (not wanted or table.is_called(wanted))]


def read_dump(sources: Sequence[InputFile], settings: Settings, work: Path, progress: Progress, *, is_head: bool = False) -> Dump:
    """Read the files one after another as one dump; raises InputRejected. Of a ``is_head`` the end is missing, and may be."""
    texts = [
        open_dump(
            source.path, work / str(place), settings.dialect, settings.encoding, settings.max_expanded_bytes,
            lambda: progress(0.0, "unpacking"),
        )
        for place, source in enumerate(sources)
    ]  # fmt: skip
    catalog = Catalog(settings)
    _read_all(texts, catalog, settings, work, lambda share: progress(0.95 * share, "reading"), is_head)
    while catalog.begin_next_pass():
        _read_all(texts, catalog, settings, work, lambda share: progress(share, "reading again what did not fit its type"), is_head)
    dump = Dump(catalog, texts, {id(table): work / "tables" / f"{id(table)}.parquet" for table in catalog.tables})
    if len({table.key[0] for table in dump.tables}) > 1:
        for table in dump.tables:
            table.title = ".".join(part for part in table.key if part)
    if not catalog.tables or (settings.tables and not dump.tables):
        raise _no_tables(settings, catalog)
    for text in texts:
        _note_end(text, catalog)
    with TableStore(work / "tables") as store:
        for table in dump.tables:
            if not dump.paths[id(table)].exists():
                store.write_empty(table)
            store.check(table)
    return dump


def _read_all(
    texts: Sequence[DumpText], catalog: Catalog, settings: Settings, work: Path, progress: Callable[[float], None], is_head: bool
) -> None:
    total = sum(text.path.stat().st_size for text in texts) or 1
    done = 0

    def take(table: DumpTable, batch: Batch) -> None:
        if table.is_active:
            store.take(table, batch)

    with TableStore(work / "tables") as store:
        for place, text in enumerate(texts):
            catalog.begin_file(place)
            blob_encoding = text.encoding if text.encoding != "utf-8" else None
            with Window(text.path, settings.block_bytes) as window:
                dialect = replace(text.dialect, blob_encoding=blob_encoding)
                reader = DumpReader(window, dialect, catalog, settings, take, partial(_report, progress, done, total))
                try:
                    reader.read()
                except InputRejected as reason:
                    store.settle()  # rows before this place may be refused too, and then come first
                    if not is_head or reason.code != "truncated":
                        raise
                    reader.flush()
            done += text.path.stat().st_size
        store.finish()


def _report(progress: Callable[[float], None], done: int, total: int, offset: int) -> None:
    progress(min(1.0, (done + offset) / total))


def _no_tables(settings: Settings, catalog: Catalog) -> Exception:
    if catalog.tables:
        known = ", ".join(table.title for table in catalog.tables[:8])
        return rejected(
            "no_such_table", "None of the tables asked for is in the dump.", f"It has: {known}. Correct the setting tables."
        )
    return rejected(
        "no_tables", "The file has no CREATE TABLE, INSERT or COPY, so no table.",
        "Check the command that made the dump: it may have left the data out, or dumped an empty database.",
    )  # fmt: skip


def _note_end(text: DumpText, catalog: Catalog) -> None:
    """The dump tools write a last line; where it is missing, a part of the file may be."""
    with text.path.open("rb") as file:
        head = file.read(END_BYTES)
        file.seek(max(0, text.path.stat().st_size - END_BYTES))
        tail = file.read()
    for begin, end, tool in END_MARKS:
        if begin in head and end not in tail and text.path.stat().st_size > END_BYTES:
            sentence = (
                f"The file does not end as {tool} ends one (“{end.decode()}”): it may have been cut off between two statements."
            )
            catalog.notes.add("no_end_mark", sentence)
