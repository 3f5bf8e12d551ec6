"""Reads a delimited text into a typed Parquet: fast where a census of every byte finds it regular, record by record where not."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
from column_types import TypeRules
from csv_alignment import Profiles
from csv_census import Census, CensusTaker
from csv_dialect import Scored, detect
from csv_layout import Layout, lay_out, say_layout, usable_names
from csv_records import Customs, Dialect, LineSource, Record, lines_of, records
from csv_regular import Places, Source, regular_dialect, write_regular
from csv_text import EMPTY_MARK, MAX_LINE_BYTES, CsvTexts, IrregularText, TextForm
from reading_progress import Progress
from repair_notes import Repairs, counted
from table_settings import Settings
from typed_table import Texts, Whole, connect, group_rows, one_row, write_typed

from harness_core.sdk import Column, InputRejected
from harness_core.sdk.dataset import quote_name, quote_text

SAMPLE_BYTES = 192 << 10
HEAD_RECORDS = 2_000
DETECTION_CHARS = 64 << 10


@dataclass
class Table:
    """A table that was read: where its Parquet is, its columns, and how it came about."""

    path: Path
    columns: list[Column]
    row_count: int
    reading: dict[str, Any]
    repairs: Repairs
    title: str | None = None


@dataclass(frozen=True)
class _Bench:
    """What a table is written with, and where."""

    connection: duckdb.DuckDBPyConnection
    work: Path
    memory_mb: int

    @property
    def parquet(self) -> Path:
        return self.work / "table.parquet"

    def count(self) -> int:
        """The rows written."""
        return int(one_row(self.connection, f"SELECT count(*) FROM read_parquet({quote_text(str(self.parquet))})")[0])


@dataclass
class _Plan:
    """What the samples say: dialect, layout, and texts of each column for proposing types."""

    scored: Scored
    layout: Layout
    names: list[str]
    customs: Customs
    line_end: str
    samples: dict[str, list[str | None]] = field(default_factory=dict)
    ends_oddly: bool = False

    @property
    def dialect(self) -> Dialect:
        return self.scored.dialect


def read_table(path: Path, settings: Settings, work: Path, memory_mb: int, repairs: Repairs, progress: Progress) -> Table:
    """Read UTF-8 text at ``path``; raises InputRejected where it holds no table."""
    settings = _told_by_first_line(path, settings, repairs)
    head, later = _samples(path, settings.skip_rows)
    plan = _plan(head, later, settings, repairs)
    if len(plan.names) > settings.max_columns:
        raise too_many_columns(len(plan.names), settings.max_columns)
    if settings.quote is None and not plan.dialect.quote:
        _say_bare_quotes(path, plan.layout.body_line, repairs)
    taker = CensusTaker(path, plan.dialect, plan.layout.body_line - 1, group_rows(len(plan.names)))
    with connect(work, memory_mb, columns=len(plan.names)) as connection:
        bench = _Bench(connection, work, memory_mb)
        columns = _read_fast(bench, plan, taker, settings.type_rules, repairs, progress)
        if columns is None:
            taker.finish()
            columns = _read_exactly(bench, path, plan, settings, repairs, progress)
        count = bench.count()
    if count > settings.max_rows:
        raise too_many_rows(count, settings.max_rows)
    if taker.census.blank_lines and len(plan.names) > 1:
        _say_blank_lines(taker.census, repairs)
    reading = _reading(plan, settings, columns)
    return Table(bench.parquet, [column for column, _ in columns], count, reading, repairs)


def _told_by_first_line(path: Path, settings: Settings, repairs: Repairs) -> Settings:
    """Spreadsheet programs may write ``sep=;`` on the first line; it names the delimiter and is no row."""
    with path.open("rb") as file:
        told = re.fullmatch(rb'"?sep=([^\w\s"]|\t)"?\r?\n', file.readline(16), re.IGNORECASE)
    if told is None or settings.skip_rows:
        return settings
    repairs.add("separator_line", 1, "The first line names the delimiter; it was set aside.", lines=[1])
    return replace(settings, skip_rows=1, delimiter=settings.delimiter or told[1].decode())


def too_many_columns(count: int, limit: int) -> InputRejected:
    return InputRejected(
        f"The table has {count:,} columns; at most {limit:,} are read.",
        remedy="Check the delimiter, or raise max_columns if the table is really that wide.",
        code="too_many_columns",
    )


def too_many_rows(count: int, limit: int) -> InputRejected:
    return InputRejected(
        f"The table has {count:,} rows; at most {limit:,} are read.",
        remedy="Split the file, or raise max_rows if the machine can take it.",
        code="too_large",
    )


def _samples(path: Path, skip_lines: int) -> tuple[str, list[str]]:
    """Whole lines from the head, and, of a file that is larger, from its middle and its end."""
    size = path.stat().st_size
    with path.open("rb") as file:
        for _ in range(skip_lines):
            file.readline()
        start = file.tell()
        head = file.read(SAMPLE_BYTES)
        head += file.readline() if b"\n" in head else b""
        later = []
        for place in (start + (size - start) // 2, size - SAMPLE_BYTES // 2):
            if place > file.tell():
                file.seek(place)
                file.readline()
                later.append(_text(file.read(SAMPLE_BYTES // 2) + file.readline()))
    return _text(head), [text for text in later if text]


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _plan(head: str, later: Sequence[str], settings: Settings, repairs: Repairs) -> _Plan:
    if not head.strip():
        raise InputRejected("The file is empty.", remedy="Check the export that made it, and upload it again.", code="empty_file")
    scored = detect(_shortened(head, later), settings.delimiter, settings.quote)
    if settings.quoted_empty == "text":
        scored = replace(scored, dialect=replace(scored.dialect, empty=EMPTY_MARK))
    customs = Customs(scored.width, _quoted_share(scored, head))
    found = _take(records(LineSource(lines_of(head), settings.skip_rows + 1), scored.dialect, customs), HEAD_RECORDS)
    layout = lay_out(found, scored.width, settings.header)
    say_layout(layout, repairs, "line")
    names = usable_names(layout.names, repairs, layout.header_rows)
    samples, last = _column_samples(names, found[layout.body :], later, scored)
    line_end = "\r\n" if "\r\n" in head else "\n" if "\n" in head else "\r"
    return _Plan(scored, layout, names, customs, line_end, samples, ends_oddly=not any(value.strip() for value in last))


def _shortened(head: str, later: Sequence[str]) -> list[str]:
    """Enough of the samples to tell dialects apart: whole lines, fewer of the later ones."""
    kept = []
    for text, limit in [(head, DETECTION_CHARS), *((text, DETECTION_CHARS // 4) for text in later)]:
        end = text.rfind("\n", 0, limit) + 1 if len(text) > limit else len(text)
        kept.append(text[:end] if end else text)
    return kept


def _take(source: Iterator[Record], count: int) -> list[Record]:
    return [record for _, record in zip(range(count), source, strict=False)]


def _quoted_share(scored: Scored, head: str) -> list[float]:
    """Per column, how many of its filled fields stand in quotes, over the regular one-line rows of the head."""
    dialect = scored.dialect
    if not dialect.quote or dialect.quote not in head:
        return []
    filled, quoted = [0] * scored.width, [0] * scored.width
    for line in lines_of(head)[1:400]:
        spans = _raw_fields(line.rstrip("\r\n"), dialect)
        if len(spans) == scored.width:
            for column, raw in enumerate(spans):
                filled[column] += bool(raw.strip())
                quoted[column] += raw.strip().startswith(dialect.quote)
    return [part / whole if whole >= 5 else 0.5 for part, whole in zip(quoted, filled, strict=True)]


def _raw_fields(line: str, dialect: Dialect) -> list[str]:
    """The fields with their quotes, of a line whose quotes pair up."""
    fields, current = [], ""
    for piece in line.split(dialect.delimiter):
        current = f"{current}{dialect.delimiter}{piece}" if current else piece
        if current.count(dialect.quote) % 2 == 0:
            fields.append(current)
            current = ""
    return fields


def _column_samples(
    names: Sequence[str], body: Sequence[Record], later: Sequence[str], scored: Scored
) -> tuple[dict[str, list[str | None]], list[str]]:
    """Per column, texts of regular rows from all samples; and the last row seen."""
    rows = [record.fields for record in body]
    for text in later:
        customs = Customs(scored.width)
        rows += [record.fields for record in _take(records(LineSource(lines_of(text)[1:]), scored.dialect, customs), 1_000)]
    regular = [fields for fields in rows if len(fields) == len(names)]
    filled = [fields for fields in rows if fields != [""]]
    texts = {name: [fields[index] or None for fields in regular] for index, name in enumerate(names)}
    return texts, filled[-1] if filled else ["?"]


def _is_simple(plan: _Plan, census: Census) -> bool:
    """Whether the fast reader's idea of the format is this one's, rule by rule.

    It refuses short rows, but takes a row with one empty field too many without a word: hence the count of delimiters.
    """
    dialect = plan.dialect
    one_column = len(plan.names) == 1
    return (
        census.is_regular
        and len(dialect.delimiter) == 1
        and plan.line_end != "\r"
        and not dialect.spaced
        and dialect.escape in ("", dialect.quote)
        and not (one_column and census.blank_lines)
        and census.longest_line_bytes < MAX_LINE_BYTES // 2
        and len(plan.names) == plan.scored.width
        and not plan.ends_oddly
        and census.delimiters == (census.records - census.blank_lines) * (len(plan.names) - 1)
    )


def _read_fast(
    bench: _Bench, plan: _Plan, taker: CensusTaker, rules: TypeRules, repairs: Repairs, progress: Progress
) -> list[Any] | None:
    """The typed columns, or None where the file is not regular, or the fast reader stumbles over it."""
    attempt = Repairs()
    form = TextForm(plan.names, plan.dialect, keeps_empty=bool(plan.dialect.empty))
    texts = CsvTexts(form, taker, partial(_is_simple, plan), bench.connection, bench.work, bench.memory_mb)
    try:
        columns = write_typed(
            bench.connection, texts, plan.samples, rules, bench.parquet, attempt,
            lambda share: progress(share, "reading", taker.expected_records()),
        )  # fmt: skip
    except IrregularText:
        return None
    except duckdb.Error as reason:
        if isinstance(reason, duckdb.OutOfMemoryException | duckdb.IOException) and _is_simple(plan, taker.finish()):
            raise
        return None
    if bench.count() != taker.census.records - taker.census.blank_lines:
        return None
    repairs.notes += attempt.notes
    return columns


def _read_exactly(bench: _Bench, path: Path, plan: _Plan, settings: Settings, repairs: Repairs, progress: Progress) -> list[Any]:
    """Record by record into a regular copy, which the fast reader then takes."""
    copy, names, size = bench.work / "regular.csv", list(plan.names), max(1, path.stat().st_size)

    def report(done_bytes: int, rows: int) -> None:
        progress(0.15 + 0.35 * done_bytes / size, "mending", round(rows * size / max(1, done_bytes)))
        if rows > settings.max_rows:
            raise too_many_rows(rows, settings.max_rows)

    source = Source(
        path, plan.dialect, len(names), plan.layout.body_line, plan.customs, Profiles.of(list(plan.samples.values())), plan.line_end
    )
    tally = write_regular(source, copy, report)
    tally.say(repairs)
    names += _extra_names(names, tally.widest - len(names))
    samples = dict(plan.samples)
    samples.update({name: [] for name in names[len(plan.names) :]})
    form = TextForm(
        names, regular_dialect(plan.dialect), pads=tally.widest > len(plan.names), keeps_empty=bool(plan.dialect.empty),
        longest_line=max(MAX_LINE_BYTES, tally.longest_row + 1),
    )  # fmt: skip
    try:
        return write_typed(
            bench.connection, _copied_texts(bench, copy, form, tally.rows), samples, settings.type_rules, bench.parquet, repairs,
            lambda share: progress(0.5 + 0.5 * share, "reading", tally.rows),
        )  # fmt: skip
    except duckdb.InvalidInputException as reason:
        raise unreadable() from reason


def _copied_texts(bench: _Bench, copy: Path, form: TextForm, rows: int) -> Texts:
    """The texts of a regular copy; one whose longest line is too long for a census is read at once."""
    if not rows:
        nothing = ", ".join(f"NULL::VARCHAR AS {quote_name(name)}" for name in form.names)
        return Whole(bench.connection, f"SELECT {nothing} WHERE false")
    taker = CensusTaker(copy, form.dialect, 0, group_rows(len(form.names)))
    if not taker.finish().is_regular:
        return Whole(bench.connection, form.relation(copy, 0, parallel=True))
    return CsvTexts(form, taker, lambda census: census.is_regular, bench.connection, bench.work, bench.memory_mb)


def unreadable() -> InputRejected:
    return InputRejected(
        "The file cannot be read as a table, not even record by record.",
        remedy="Say delimiter, quote and encoding in the settings, or export the table again.",
        code="not_a_table",
    )


def _extra_names(names: Sequence[str], count: int) -> list[str]:
    used, result = {name.lower() for name in names}, []
    for number in range(1, count + 1):
        name = f"extra_{number}"
        while name.lower() in used:
            name += "_2"
        result.append(name)
    return result


def _say_blank_lines(census: Census, repairs: Repairs) -> None:
    words = counted(census.blank_lines, "blank line was", "blank lines were")
    repairs.add("blank_lines", census.blank_lines, f"{words} left out.")


def _say_bare_quotes(path: Path, body_line: int, repairs: Repairs) -> None:
    """Quotes that do not pair up in any way were taken for characters like all others, which nobody asked for."""
    found = Places()
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if number >= body_line and b'"' in line:
                found.note(number - body_line, number)
    if found.count:
        words = counted(found.count, "line holds", "lines hold")
        sentence = f"{words} a double quote that closes or opens nothing; it is kept as it stands."
        repairs.add("stray_quotes", found.count, sentence, lines=found.lines)


def _reading(plan: _Plan, settings: Settings, columns: Sequence[Any]) -> dict[str, Any]:
    dialect, layout = plan.dialect, plan.layout
    return {
        "format": "csv",
        "delimiter": dialect.delimiter,
        "quote": dialect.quote,
        "escape": dialect.escape,
        "blanks_around_quotes": dialect.spaced,
        "header": bool(layout.header_rows),
        "header_rows": layout.header_rows,
        "skip_lines": layout.body_line - 1,
        "quoted_empty": settings.quoted_empty,
        "columns": [{"name": column.name, **typing.as_reading()} for column, typing in columns],
    }
