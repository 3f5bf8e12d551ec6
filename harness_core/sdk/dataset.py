"""One dataset version, as a plugin reads it: facts without reading, SQL under a memory limit, batches in row order.

One DuckDB connection with one thread: sums of floats are then the same bytes every time, and parallelism comes from
plugins side by side. Nothing here reaches the network, and nothing is written outside the scratch folder.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from copy import copy
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from harness_core.sdk.canonical import jsonable
from harness_core.sdk.contract import Column, query_evidence, row_evidence
from harness_core.sdk.derived import DerivedColumns
from harness_core.sdk.named_columns import named_columns

if TYPE_CHECKING:
    import duckdb
    import pandas
    import pyarrow

State = TypeVar("State")

DEFAULT_BATCH_ROWS = 65_536
DEFAULT_PANDAS_ROWS = 1_000_000
WIDE_COLUMNS = 200  # with fewer, binding them all costs less than asking which ones a query names
SHARED = 0.6
NUMBERING = frozenset({"row_index", "file_row_number"})
DICTIONARY_ENCODINGS = frozenset({"RLE_DICTIONARY", "PLAIN_DICTIONARY", "RLE"})  # the last is of nulls and levels


class DatasetTooLarge(Exception):
    """A full in-memory load beyond its cap was refused; the message names the remedy."""


class Answer:
    """The result of one query. Several may be open at once. Each way of taking it runs the query; taking rows runs it once."""

    def __init__(self, relation: "duckdb.DuckDBPyRelation | None") -> None:
        self._relation = relation
        self._rows: Iterator[tuple[Any, ...]] | None = None

    @property
    def relation(self) -> "duckdb.DuckDBPyRelation":
        """DuckDB's own relation; raises TypeError for a statement that returns nothing."""
        if self._relation is None:
            raise TypeError("this statement returns no rows")
        return self._relation

    @property
    def columns(self) -> list[str]:
        return list(self.relation.columns)

    def fetchall(self) -> list[tuple[Any, ...]]:
        """The rows that have not been taken yet."""
        return list(self)

    def fetchone(self) -> tuple[Any, ...] | None:
        return next(self, None)

    def fetchmany(self, size: int = 1) -> list[tuple[Any, ...]]:
        return list(islice(self, size))

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return self

    def __next__(self) -> tuple[Any, ...]:
        if self._rows is None:
            self._rows = iter(self.relation.fetchall())
        return next(self._rows)

    def scalar(self) -> Any:
        """The single value of a query that returns one row and one column."""
        ((value,),) = self.relation.fetchall()
        return value

    def to_arrow_table(self) -> "pyarrow.Table":
        return self.relation.to_arrow_table()

    arrow = to_arrow_table
    fetch_arrow_table = to_arrow_table

    def to_arrow_reader(self, batch_rows: int = DEFAULT_BATCH_ROWS) -> "pyarrow.RecordBatchReader":
        """A stream of record batches: the result is never in memory as a whole."""
        return self.relation.to_arrow_reader(batch_rows)

    fetch_record_batch = to_arrow_reader

    def df(self) -> "pandas.DataFrame":
        return self.relation.df()

    fetchdf = df
    to_df = df

    def fetchnumpy(self) -> dict[str, Any]:
        """Columns as (masked) NumPy arrays."""
        return dict(self.relation.fetchnumpy())


class Dataset:
    """A dataset version: immutable Parquet in source order, with the view ``data`` over it.

    ``data`` has the source's columns and ``row_index``, the zero-based number of the row in the source file. Where the source
    itself has a column of that name, the view shows it as ``row_index_source``. ``derived`` are columns that other plugins derived
    from it; where there are some, the view ``derived`` has them beside ``row_index``. They are for computing: evidence is over
    ``data`` alone.
    """

    def __init__(self, folder: Path, scratch: Path, memory_mb: int = 1024, derived: Sequence[Path] = ()) -> None:
        facts = json.loads((folder / "schema.json").read_text(encoding="utf-8"))
        self.dataset_version_id: str = facts["dataset_version_id"]
        self.row_count: int = facts["row_count"]
        self.columns: tuple[Column, ...] = tuple(Column.from_dict(raw) for raw in facts["columns"])
        self.facts: Mapping[str, Any] = facts
        self.path = folder / "data.parquet"
        self.derived = DerivedColumns(derived, self.row_count)
        self._scratch = scratch
        self._memory_mb = memory_mb
        self._connection: duckdb.DuckDBPyConnection | None = None
        names = {column.name.lower() for column in self.columns}
        self._is_plain = names.isdisjoint(NUMBERING)
        self._is_narrowed = self._is_plain and len(names) > WIDE_COLUMNS
        self._has_view = False
        self._stored: pyarrow.parquet.FileMetaData | None = None
        self.rows_read = 0

    def column(self, name: str) -> Column:
        """The column of that name; raises KeyError, naming the columns there are."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"no column {name!r}; there are: {', '.join(c.name for c in self.columns)}")

    @property
    def is_sample(self) -> bool:
        """Whether the rows are a sample of the file's, because somebody asked for one."""
        return "sample_fraction" in self.facts.get("reading", {})

    @property
    def numeric_columns(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.is_numeric)

    @property
    def connection(self) -> "duckdb.DuckDBPyConnection":
        """The plugin's own in-memory database with the view ``data``; temporary tables may be created in it."""
        database = self.database
        if not self._has_view:
            database.execute(data_view(self.path, [column.name for column in self.columns]))
            self._has_view = True
        return database

    @property
    def database(self) -> "duckdb.DuckDBPyConnection":
        """The same, but the view may not be there yet: for queries that name what they read by :meth:`part`."""
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def part(self, columns: Sequence[str]) -> str:
        """SQL for ``data`` with ``row_index`` and these of the source's columns only: of two thousand, most cost what all do."""
        if not self._is_plain:
            names = ["row_index_source" if name.lower() == "row_index" else name for name in columns]
            everything = data_select(self.path, [column.name for column in self.columns])
            return f"SELECT {', '.join([*map(quote_name, names), 'row_index'])} FROM ({everything})"
        chosen = ", ".join([*map(quote_name, columns), "file_row_number AS row_index"])
        return f"SELECT {chosen} FROM read_parquet({quote_text(str(self.path))})"

    def sql(self, query: str, params: Sequence[Any] | Mapping[str, Any] | None = None) -> "Answer":
        """Run ``query`` over the view ``data``; see :class:`Answer` for the ways to take its result."""
        self.rows_read += self.row_count
        return Answer(self._asked(query, params))

    def show(self, other: "Dataset", name: str) -> str:
        """Make another dataset version of the run a view beside ``data``, and give it as SQL. ``name`` is its role, by which
        whoever checks evidence finds it."""
        self.database.execute(data_view(other.path, [column.name for column in other.columns], name))
        return view_sql(name)

    def hold(self) -> None:
        """Keep the whole table in memory from now on, as ``data``: for many questions about a table known to be small enough."""
        self.connection.execute("CREATE TEMP TABLE data AS SELECT * FROM main.data")
        self._is_narrowed = False

    def evidence(self, query: str, tolerance: float | None = None) -> dict[str, Any]:
        """Run ``query`` and give it back as query evidence, with its result: the numbers a statement quotes come from here.

        Use plain DuckDB over ``data`` only (no temporary tables), an ORDER BY where there is more than one row, and cast dates to
        VARCHAR. ``tolerance`` is relative; give one (1e-9) where floats are summed.
        """
        rows = self.sql(query).fetchall()
        return query_evidence(query, jsonable(rows), tolerance)

    def row_evidence(self, row_indices: Sequence[int]) -> dict[str, Any]:
        return row_evidence(self.dataset_version_id, row_indices)

    def iter_batches(
        self, columns: Sequence[str] | None = None, batch_rows: int = DEFAULT_BATCH_ROWS, *, dictionaries: bool = False
    ) -> Iterator["pyarrow.RecordBatch"]:
        """Arrow record batches in row order, at most ``batch_rows`` rows each, holding one row group in memory.

        With ``dictionaries`` a text column comes as a dictionary array wherever the file stores it as one, which costs a sixth;
        from one batch to the next its type may change.
        """
        import pyarrow.parquet

        if self._stored is None:
            self._stored = pyarrow.parquet.read_metadata(self.path)
        parts = _stored_alike(self._stored, columns) if dictionaries else [((), None)]
        for names, groups in parts:
            with pyarrow.parquet.ParquetFile(
                self.path, pre_buffer=False, metadata=self._stored, read_dictionary=list(names)
            ) as file:
                for batch in file.iter_batches(batch_rows, row_groups=groups, columns=columns, use_threads=False):
                    self.rows_read += batch.num_rows
                    yield batch

    def fold(
        self,
        initial: Callable[[], State] | State,
        update: Callable[[State, "pyarrow.RecordBatch"], State],
        merge: Callable[[State, State], State] | None = None,
        *,
        columns: Sequence[str] | None = None,
        chunk_rows: int = DEFAULT_BATCH_ROWS,
    ) -> State:
        """Summarise chunk by chunk and merge the summaries from first to last: the same for ten rows and ten million.

        ``initial`` is a summary of no rows, or a function that makes one (needed when ``update`` changes it in place). Each
        chunk starts from a fresh one where ``merge`` is given; without it one summary is carried through all chunks.
        """
        fresh: Callable[[], State] = initial if callable(initial) else lambda: initial
        total = fresh()
        for batch in self.iter_batches(columns, chunk_rows):
            total = update(total, batch) if merge is None else merge(total, update(fresh(), batch))
        return total

    def rows(self, row_indices: Sequence[int], columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """The rows of those indices, in the order asked for; row groups that hold none of them are not read."""
        wanted = list(dict.fromkeys(int(index) for index in row_indices))
        names = ", ".join(quote_name(name) for name in columns) if columns else "*"
        chosen = ", ".join(str(index) for index in wanted) or "-1"
        query = f"SELECT row_index AS __row, {names} FROM data WHERE row_index IN ({chosen})"
        found = self._asked(query)
        by_index = {row[0]: dict(zip(found.columns[1:], row[1:], strict=True)) for row in found.fetchall()}
        return [by_index[index] for index in wanted if index in by_index]

    def to_pandas(self, max_rows: int = DEFAULT_PANDAS_ROWS, columns: Sequence[str] | None = None) -> "pandas.DataFrame":
        """The whole dataset version in memory, if it has at most ``max_rows`` rows; otherwise :class:`DatasetTooLarge`."""
        if self.row_count > max_rows:
            raise DatasetTooLarge(
                f"{self.row_count:,} rows are more than the cap of {max_rows:,}; use sql(), iter_batches() or fold(), "
                "or raise max_rows if the plugin's memory limit allows it"
            )
        import pyarrow.parquet

        self.rows_read += self.row_count
        return pyarrow.parquet.read_table(self.path, columns=columns, use_threads=False).to_pandas()

    def alongside(self) -> "Dataset":
        """The same for a second thread of the plugin: a cursor of its own, with this one's views and within its memory limit.

        A query still has one thread, so what it answers does not depend on the other. Add its ``rows_read`` when it is done.
        """
        cursor = self.connection.cursor()
        other = copy(self)
        other._connection, other.rows_read = cursor, 0
        return other

    def _asked(self, query: str, params: Sequence[Any] | Mapping[str, Any] | None = None) -> "duckdb.DuckDBPyRelation":
        narrowed = self._narrowed(query)
        has_own = narrowed is not None and "main" not in query.lower()  # main.data is the view, whatever a query calls data
        return (self.database if has_own else self.connection).sql(narrowed or query, params=params)

    def _narrowed(self, query: str) -> str | None:
        """The query with a view ``data`` of its own that has only the columns it names; None in a table that is not wide."""
        first, _, rest = query.strip().partition(" ")
        if not self._is_narrowed or first.upper() not in {"SELECT", "WITH"} or rest.upper().startswith("RECURSIVE"):
            return None
        named = named_columns(self.database.cursor(), query, [column.name for column in self.columns])
        if named is None:
            return None
        view = f"data AS NOT MATERIALIZED ({self.part(named)})"
        return f"WITH {view}, {rest}" if first.upper() == "WITH" else f"WITH {view} {query}"

    def _connect(self) -> "duckdb.DuckDBPyConnection":
        import duckdb

        spill = self._scratch / "spill"
        connection = duckdb.connect(
            ":memory:",
            config={
                "threads": 1,
                "memory_limit": f"{self._memory_mb}MB",
                "temp_directory": str(spill),
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "preserve_insertion_order": True,
            },
        )
        connection.execute("SET enable_progress_bar = false")
        connection.execute("SET GLOBAL parquet_metadata_cache = true")  # of a wide file it takes longer to read than many an answer
        if self.derived.places:
            connection.execute(derived_view(self.derived.places))
        return connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection, self._has_view = None, False


def _stored_alike(facts: "pyarrow.parquet.FileMetaData", columns: Sequence[str] | None) -> list[tuple[tuple[str, ...], list[int]]]:
    """Stretches of row groups with the columns that are dictionaries throughout each of them; a writer may change its mind."""
    paths = [facts.schema.column(place).path for place in range(facts.num_columns)]
    wanted = set(facts.schema.to_arrow_schema().names if columns is None else columns)
    places = [place for place, path in enumerate(paths) if path in wanted]
    parts: list[tuple[tuple[str, ...], list[int]]] = []
    for number in range(facts.num_row_groups):
        group = facts.row_group(number)
        names = tuple(paths[place] for place in places if _is_dictionary(group.column(place)))
        if parts and parts[-1][0] == names:
            parts[-1][1].append(number)
        else:
            parts.append((names, [number]))
    return parts


def _is_dictionary(chunk: "pyarrow.parquet.ColumnChunkMetaData") -> bool:
    return chunk.physical_type == "BYTE_ARRAY" and set(chunk.encodings) <= DICTIONARY_ENCODINGS


def data_view(parquet: Path, columns: Sequence[str], name: str = "data") -> str:
    """The statement that makes the view ``data``, or one of another name, over a dataset version's Parquet, for stock DuckDB."""
    view = name if name == "data" else quote_name(name)
    return f"CREATE OR REPLACE VIEW {view} AS {data_select(parquet, columns)}"


def data_select(parquet: Path, columns: Sequence[str]) -> str:
    """What the view is of: all columns and ``row_index``.

    DuckDB offers ``file_row_number`` as a virtual column, unless the file has a column of that name.
    """
    lowered = {name.lower(): name for name in columns}
    source = f"* RENAME ({quote_name(lowered['row_index'])} AS row_index_source)" if "row_index" in lowered else "*"
    number = "row_number() OVER () - 1" if "file_row_number" in lowered else "file_row_number"
    return f"SELECT {source}, {number} AS row_index FROM read_parquet({quote_text(str(parquet))})"


def view_sql(name: str) -> str:
    """The view ``data`` or that of a role as queries name it: with its schema, so that no part of a query hides it."""
    return "data" if name == "data" else f"main.{quote_name(name)}"


def are_alike(one: Collection[str], other: Collection[str]) -> bool:
    """Whether tables with these column names are parts or versions of one: two names and three in five of all are the same."""
    common = len(set(one) & set(other))
    return common >= 2 and common >= SHARED * len({*one, *other})


def derived_view(places: Mapping[str, Path]) -> str:
    """The statement that makes the view ``derived``: ``row_index`` and the derived columns, from the files that hold them."""
    files = list(dict.fromkeys(places.values()))
    columns = ", ".join(f"f{files.index(path)}.{quote_name(name)}" for name, path in places.items())
    beside = " POSITIONAL JOIN ".join(f"read_parquet({quote_text(str(path))}) AS f{number}" for number, path in enumerate(files))
    return f"CREATE OR REPLACE VIEW derived AS SELECT f0.file_row_number AS row_index, {columns} FROM {beside}"


def quote_name(name: str) -> str:
    """``name`` as a DuckDB identifier, whatever stands in it."""
    return '"' + name.replace('"', '""') + '"'


def quote_text(text: str) -> str:
    """``text`` as a DuckDB string literal."""
    return "'" + text.replace("'", "''") + "'"
