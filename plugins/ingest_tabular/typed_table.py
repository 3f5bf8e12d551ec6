"""Turns a relation of texts into a typed Parquet, with types that every row proves; nothing is rounded, cut or guessed.

The first attempt converts and checks in one pass, with the types a sample allows. A value that does not fit stops it; then
all rows are asked which typings they survive, until none is contradicted.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import column_sql
import duckdb
import pyarrow.parquet
from column_types import TEXT, TypeRules, Typing, candidates, nearly
from reading_progress import watched
from repair_notes import Repairs, counted

from harness_core.sdk import Column
from harness_core.sdk.dataset import quote_name, quote_text

MAX_ROUNDS = 8
WIDE = 200  # columns whose whole proof one query can hold: planning it takes a megabyte for each
SLICE = 100  # columns whose proofs are asked for at once, where they are asked for by themselves
NEARLY_TEXTS = 2_000
KIND_WORDS = {"float": "number", "integer": "whole number", "decimal": "number", "boolean": "true or false"}
GROUP_ROWS, VECTOR_ROWS = 122_880, 2_048
GROUP_VALUES = 1 << 23  # a row group is held whole until it is written
Progress = Callable[[float], None]
Item = TypeVar("Item")


class Texts(Protocol):
    """A relation whose columns are all texts."""

    @property
    def relation(self) -> str:
        """SQL for all rows, in order."""

    def write(self, select: Callable[[str], str], target: Path, form: str, progress: Progress) -> None:
        """Write what ``select`` makes of the relation to ``target``; raises duckdb.Error where that fails."""


@dataclass(frozen=True)
class Whole:
    """Texts that one thread writes at once."""

    connection: "duckdb.DuckDBPyConnection"
    relation: str

    def write(self, select: Callable[[str], str], target: Path, form: str, progress: Progress) -> None:
        """As :class:`Texts` says."""
        with watched(self.connection, progress), one_thread(self.connection):
            self.connection.execute(f"COPY ({select(self.relation)}) TO {quote_text(str(target))} {form}")


@dataclass
class Evidence:
    """What is known of one column's texts: a sample, and values that contradicted earlier proposals."""

    name: str
    texts: list[str | None]
    proposals: list[Typing] = field(default_factory=list)
    undecided: bool = False


def connect(scratch: Path, memory_mb: int, threads: int = 2, columns: int = 0) -> "duckdb.DuckDBPyConnection":
    """An in-memory DuckDB that spills to ``scratch``, keeps row order, and never reaches for the network.

    A wide table is read by one thread, with twice the memory: each thread holds megabytes for every hundred columns, and
    short of memory it spills what it needs next.
    """
    if columns > WIDE:
        memory_mb, threads = 2 * memory_mb, 1
    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": threads,
            "async_threads": 0,  # with some, a query that fails may never return where there is one thread (2.0.0)
            "memory_limit": f"{memory_mb}MB",
            "temp_directory": str(scratch / "spill"),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "preserve_insertion_order": True,
        },
    )
    connection.execute("SET enable_progress_bar = true")  # counted, and asked for by `watched`; never drawn
    connection.execute("SET enable_progress_bar_print = false")
    connection.execute("SET progress_bar_time = 0")
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def group_rows(columns: int) -> int:
    """The rows of a row group: 122,880, or fewer whole vectors where a table is wide."""
    return max(VECTOR_ROWS, min(GROUP_ROWS, GROUP_VALUES // columns // VECTOR_ROWS * VECTOR_ROWS))


def writer(columns: int) -> str:
    """How Parquet is written; without Bloom filters, which stand behind all row groups, where joined parts have none."""
    return (
        f"(FORMAT parquet, PARQUET_VERSION V2, COMPRESSION snappy, ROW_GROUP_SIZE {group_rows(columns)}, WRITE_BLOOM_FILTER false)"
    )


@contextmanager
def one_thread(connection: "duckdb.DuckDBPyConnection") -> Iterator[None]:
    """For a COPY that is to give the same bytes each time: where row groups end depends on which of several threads comes first."""
    (threads,) = one_row(connection, "SELECT current_setting('threads')")
    connection.execute("SET threads = 1")
    try:
        yield
    finally:
        connection.execute(f"SET threads = {threads}")


def one_row(connection: "duckdb.DuckDBPyConnection", query: str) -> tuple[Any, ...]:
    """The only row of a query, as a tuple."""
    (row,) = connection.sql(query).fetchall()
    return tuple(row)


def null_counts(path: Path) -> list[int]:
    """How many nulls each column of a Parquet file written here has, from its footer."""
    with pyarrow.parquet.ParquetFile(path, pre_buffer=False) as file:
        facts = file.metadata
        groups = [facts.row_group(index) for index in range(facts.num_row_groups)]
        return [sum(group.column(index).statistics.null_count for group in groups) for index in range(facts.num_columns)]


def write_typed(
    connection: "duckdb.DuckDBPyConnection",
    texts: Texts,
    samples: Mapping[str, Sequence[str | None]],
    rules: TypeRules,
    path: Path,
    repairs: Repairs,
    progress: Progress = lambda share: None,
) -> list[tuple[Column, Typing]]:
    """Write ``texts``, whose columns are named as ``samples``, to ``path``; returns the columns as stored.

    ``samples`` holds some of each column's texts. Null tokens and columns that a few values keep text are said in ``repairs``
    and notes.
    """
    evidence = [Evidence(name, list(some)) for name, some in samples.items()]
    _propose(evidence, rules)
    if any(column.undecided for column in evidence) or not _copy(connection, texts, evidence, path, progress):
        relation = texts.relation
        with watched(connection, progress):
            _settle(connection, relation, evidence, rules)
        if not _copy(connection, texts, evidence, path, progress):
            raise AssertionError("a typing that all rows survived was refused")
    progress(1.0)
    _say_tokens(connection, texts.relation, evidence, repairs)
    return _described(connection, texts.relation, path, evidence, rules)


def write_fixed(
    connection: "duckdb.DuckDBPyConnection", relation: str, fixed: Mapping[str, Typing], path: Path, repairs: Repairs,
    progress: Progress = lambda share: None,
) -> list[tuple[Column, Typing]]:  # fmt: skip
    """Write ``relation``, SQL whose columns are all texts, to ``path``, with the types that the source itself says (cells of
    workbooks, values of JSON); returns the columns as stored."""
    fixed = survivors(connection, relation, fixed)
    items = ", ".join(column_sql.plain_cast_sql(name, typing) for name, typing in fixed.items())
    Whole(connection, relation).write(lambda rows: f"SELECT {items} FROM ({rows})", path, writer(len(fixed)), progress)
    evidence = [Evidence(name, [], [typing]) for name, typing in fixed.items()]
    _say_tokens(connection, relation, evidence, repairs)
    return _described(connection, relation, path, evidence, TypeRules())


def survivors(connection: "duckdb.DuckDBPyConnection", relation: str, typings: Mapping[str, Typing]) -> dict[str, Typing]:
    """The typings of the relation's columns, text instead where a text that is to be a date cannot be told back from it."""
    found = dict(typings)
    for part in _slices([name for name, typing in typings.items() if typing.format]):
        asked = ", ".join(f"coalesce(bool_or({column_sql.violation_sql(name, typings[name])}), false)" for name in part)
        is_lossy = one_row(connection, f"SELECT {asked} FROM ({relation})")
        found.update({name: TEXT for name, lossy in zip(part, is_lossy, strict=True) if lossy})
    return found


def write_converted(
    connection: "duckdb.DuckDBPyConnection", relation: str, items: Mapping[str, str], typings: Mapping[str, Typing], path: Path,
    tokens: Mapping[str, int], repairs: Repairs, progress: Progress,
) -> list[tuple[Column, Typing]]:  # fmt: skip
    """Write ``relation``, whose values have their types already, to ``path``: one SQL expression per column.

    ``tokens`` counts the null tokens of each column that has some.
    """
    selected = ", ".join(f"{item} AS {quote_name(name)}" for name, item in items.items())
    Whole(connection, relation).write(lambda rows: f"SELECT {selected} FROM ({rows})", path, writer(len(items)), progress)
    evidence = [Evidence(name, [], [typing]) for name, typing in typings.items()]
    for column in evidence:
        if _typing(column).tokens:
            _say_token(column, tokens[column.name], repairs)
    return _described(connection, relation, path, evidence, TypeRules())


def _propose(evidence: Sequence[Evidence], rules: TypeRules) -> None:
    for column in evidence:
        column.proposals = candidates(column.texts, rules, rules.forced_type(column.name))
        unknown = not any(column.texts) and rules.forced_type(column.name) != "text"
        column.undecided = len(column.proposals) > 1 or unknown


def _typing(column: Evidence) -> Typing:
    return column.proposals[0] if len(column.proposals) == 1 else TEXT


def _copy(
    connection: "duckdb.DuckDBPyConnection", texts: Texts, evidence: Sequence[Evidence], path: Path, progress: Progress
) -> bool:
    """Write the table in one pass, converted and proved; False where a value would be changed by its column's type.

    Of a wide table that pass holds the quick proofs only; where these are not enough, the whole ones come in slices before it.
    """
    columns = [(column.name, _typing(column)) for column in evidence]
    whole = len(columns) <= WIDE
    form = writer(len(columns))
    if _is_written(lambda: texts.write(partial(column_sql.checked_select, columns, whole=whole), path, form, progress)):
        return True
    if whole or not _proved(connection, texts.relation, columns):
        return False
    return _is_written(lambda: texts.write(partial(column_sql.proved_select, columns), path, form, progress))


def _is_written(write: Callable[[], None]) -> bool:
    """False where a value would be changed."""
    try:
        write()
    except duckdb.Error as reason:
        if column_sql.LOSSY not in str(reason):
            raise
        return False
    return True


def _proved(connection: "duckdb.DuckDBPyConnection", relation: str, columns: Sequence[tuple[str, Typing]]) -> bool:
    parts = _slices([item for item in columns if item[1].type != "text"])
    return all(one_row(connection, column_sql.proof_select(part, relation))[0] is not False for part in parts)


def _slices(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    return (items[start : start + SLICE] for start in range(0, len(items), SLICE))


def _settle(connection: "duckdb.DuckDBPyConnection", relation: str, evidence: Sequence[Evidence], rules: TypeRules) -> None:
    """Ask all rows which proposals they contradict, add the contradicting values to the evidence, and propose again."""
    open_columns = [column for column in evidence if column.proposals or column.undecided]
    for _ in range(MAX_ROUNDS):
        asked = [(column, typing) for column in open_columns for typing in column.proposals or [TEXT]]
        if not asked:
            return
        contradicted = _contradictions(connection, relation, asked)
        open_columns = [column for column in open_columns if id(column) in contradicted]
        for column in open_columns:
            column.texts += contradicted[id(column)]
        _propose(open_columns, rules)
    for column in open_columns:
        column.proposals = []


def _contradictions(
    connection: "duckdb.DuckDBPyConnection", relation: str, asked: Sequence[tuple[Evidence, Typing]]
) -> dict[int, list[str]]:
    """For each column, texts that one of its proposals does not survive: the least, the greatest, the shortest."""
    row: list[str | None] = []
    for part in _slices(asked):
        items = []
        for column, typing in part:
            name = quote_name(column.name)
            fails = column_sql.violation_sql(column.name, typing) if typing.type != "text" else f"{name} IS NOT NULL"
            items += [f"min({name}) FILTER ({fails})", f"max({name}) FILTER ({fails})"]
            items += [f"struct_extract(min({{'size': length({name}), 'text': {name}}}) FILTER ({fails}), 'text')"]
        row += one_row(connection, f"SELECT {', '.join(items)} FROM ({relation})")
    found: dict[int, list[str]] = {}
    for index, (column, _) in enumerate(asked):
        texts = [text for text in row[3 * index : 3 * index + 3] if text is not None]
        if texts:
            found.setdefault(id(column), []).extend(texts)
    return found


def _say_tokens(connection: "duckdb.DuckDBPyConnection", relation: str, evidence: Sequence[Evidence], repairs: Repairs) -> None:
    told = [(column, _typing(column).tokens) for column in evidence if _typing(column).tokens]
    if not told:
        return
    items = ", ".join(column_sql.token_count_sql(column.name, tokens) for column, tokens in told)
    counts = one_row(connection, f"SELECT {items} FROM ({relation})")
    for (column, _), count in zip(told, counts, strict=True):
        _say_token(column, count, repairs)


def _say_token(column: Evidence, count: int, repairs: Repairs) -> None:
    listed = ", ".join(f"“{token}”" for token in _typing(column).tokens if token.strip()) or "blank cells"
    words = counted(count, "value", "values")
    verbs = ("means", "is") if count == 1 else ("mean", "are")
    sentence = f"{words} of “{column.name}” {verbs[0]} no value ({listed}) and {verbs[1]} null."
    repairs.add("null_tokens", count, sentence, column=column.name)


def _described(
    connection: "duckdb.DuckDBPyConnection", relation: str, path: Path, evidence: Sequence[Evidence], rules: TypeRules
) -> list[tuple[Column, Typing]]:
    nulls = null_counts(path)
    reasons = _why_text(connection, relation, [column for column in evidence if _typing(column).type == "text"], rules)
    described = []
    for column, missing in zip(evidence, nulls, strict=True):
        typing = _typing(column)
        note = typing.note or reasons.get(column.name)
        described.append((Column(column.name, typing.type, missing > 0, typing.storage, note), typing))
    return described


def _why_text(
    connection: "duckdb.DuckDBPyConnection", relation: str, columns: Sequence[Evidence], rules: TypeRules
) -> dict[str, str]:
    """Why columns that look typed are text: an undecidable format, or a few values that do not fit, counted over all rows."""
    reasons = {column.name: _undecidable(column) for column in columns if len(column.proposals) > 1}
    almost = {column.name: nearly(_some(column.texts), rules) for column in columns}
    asked = {name: typing for name, typing in almost.items() if typing is not None and name not in reasons}
    if not asked:
        return reasons
    counts: list[int] = []
    for part in _slices(list(asked.items())):
        items = ", ".join(f"count(*) FILTER ({column_sql.violation_sql(name, typing)})" for name, typing in part)
        counts += one_row(connection, f"SELECT {items} FROM ({relation})")
    for (name, typing), count in zip(asked.items(), counts, strict=True):
        kind = KIND_WORDS.get(typing.type, typing.type)
        words = counted(count, "value is", "values are")
        reasons[name] = f"Kept as text: {words} not of the form the others have ({kind})."
    return {name: reason for name, reason in reasons.items() if "text: 0 " not in reason}


def _some(texts: Sequence[str | None]) -> list[str]:
    """Texts from the head, and those that contradicted a proposal, which came last."""
    return [text for text in [*texts[:NEARLY_TEXTS], *texts[NEARLY_TEXTS:][-MAX_ROUNDS * 6 :]] if text]


def _undecidable(column: Evidence) -> str:
    forms = " and as ".join(sorted({_form(typing) for typing in column.proposals}))
    return f"Kept as text: every value reads both as {forms}. Say which in the settings."


def _form(typing: Typing) -> str:
    if not typing.format:
        return f"numbers with “{typing.decimal}” as decimal separator"
    codes = {"%Y": "year", "%y": "year", "%m": "month", "%b": "month", "%B": "month", "%d": "day"}
    found = sorted((typing.format.find(code), word) for code, word in codes.items() if code in typing.format)
    return "-".join(word for _, word in found)
