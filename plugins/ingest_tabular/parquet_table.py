"""Takes a Parquet file as it is: the same rows and columns, rewritten in even row groups; a damaged one is refused."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow.parquet
from column_types import Typing
from csv_layout import usable_names
from csv_table import Table, too_many_columns, too_many_rows
from repair_notes import Repairs
from table_settings import Settings
from typed_table import connect, null_counts, one_thread, writer

from harness_core.sdk import Column, InputRejected
from harness_core.sdk.contract import ColumnType
from harness_core.sdk.dataset import quote_name, quote_text

Progress = Callable[[float, str], None]
LOGICAL: dict[str, ColumnType] = {
    "BOOLEAN": "boolean", "TINYINT": "integer", "SMALLINT": "integer", "INTEGER": "integer", "BIGINT": "integer",
    "UTINYINT": "integer", "USMALLINT": "integer", "UINTEGER": "integer", "UBIGINT": "integer", "HUGEINT": "integer",
    "FLOAT": "float", "DOUBLE": "float", "DATE": "date", "TIMESTAMP": "timestamp", "TIMESTAMP_NS": "timestamp",
    "TIMESTAMP_MS": "timestamp", "TIMESTAMP_S": "timestamp", "TIME": "time", "VARCHAR": "text", "BLOB": "binary",
}  # fmt: skip
UTC_NOTE = "Times with a zone are stored as the same instants in UTC."
NESTED_NOTE = "Lists and structures are kept as JSON text."


def check_parquet(path: Path) -> pyarrow.parquet.FileMetaData:
    """The footer; raises InputRejected where it cannot be read."""
    try:
        with pyarrow.parquet.ParquetFile(path, pre_buffer=False) as file:
            return file.metadata
    except Exception as reason:  # Arrow raises several kinds for a damaged footer
        raise corrupt() from reason


def corrupt() -> InputRejected:
    return InputRejected(
        "The Parquet file is damaged or cut off.", remedy="Write it again, and check the transfer.", code="corrupt_parquet"
    )


def read_parquet(path: Path, settings: Settings, work: Path, memory_mb: int, repairs: Repairs, progress: Progress) -> Table:
    facts = check_parquet(path)
    if facts.num_rows > settings.max_rows:
        raise too_many_rows(facts.num_rows, settings.max_rows)
    target = work / "table.parquet"
    with connect(work, memory_mb) as connection:
        try:
            relation = connection.read_parquet(str(path))
            names, kinds = list(relation.columns), [str(kind) for kind in relation.types]
            if len(names) > settings.max_columns:
                raise too_many_columns(len(names), settings.max_columns)
            renamed = usable_names(_source_names(path, names), repairs, 1)
            columns = [_column(new, kind) for new, kind in zip(renamed, kinds, strict=True)]
            items = ", ".join(_item(old, column, kind) for old, column, kind in zip(names, columns, kinds, strict=True))
            source, form = f"read_parquet({quote_text(str(path))})", writer(len(columns))
            with one_thread(connection):
                connection.execute(f"COPY (SELECT {items} FROM {source}) TO {quote_text(str(target))} {form}")
            columns = _with_nulls(target, columns)
        except duckdb.OutOfMemoryException:
            raise
        except duckdb.Error as reason:
            raise corrupt() from reason
    progress(1.0, "copied")
    typings = [Typing(column.type, column.storage_type) for column in columns]
    reading = {
        "format": "parquet",
        "columns": [{"name": column.name, **typing.as_reading()} for column, typing in zip(columns, typings, strict=True)],
    }
    return Table(target, columns, facts.num_rows, reading, repairs)


def _source_names(path: Path, names: list[str]) -> list[str]:
    """The names in the file; the engine may have told doubled ones apart in its own way."""
    with pyarrow.parquet.ParquetFile(path, pre_buffer=False) as file:
        given = list(file.schema_arrow.names)
    return given if len(given) == len(names) else names


def _column(name: str, kind: str) -> Column:
    if kind == "TIMESTAMP WITH TIME ZONE":
        return Column(name, "timestamp", True, "TIMESTAMP", UTC_NOTE)
    if kind.startswith("DECIMAL"):
        return Column(name, "decimal", True, kind)
    if kind in LOGICAL:
        return Column(name, LOGICAL[kind], True, kind)
    nested = kind.startswith(("STRUCT", "MAP")) or kind.endswith("]")
    return Column(name, "text", True, "VARCHAR", NESTED_NOTE if nested else None)


def _item(old: str, column: Column, kind: str) -> str:
    source = quote_name(old)
    if kind == "TIMESTAMP WITH TIME ZONE":
        source = f"({source} AT TIME ZONE 'UTC')"
    elif column.type == "text" and kind != "VARCHAR":
        source = f"to_json({source})::VARCHAR" if column.note else f"{source}::VARCHAR"
    return f"{source} AS {quote_name(column.name)}"


def _with_nulls(target: Path, columns: list[Column]) -> list[Column]:
    return [
        Column(column.name, column.type, missing > 0, column.storage_type, column.note)
        for column, missing in zip(columns, null_counts(target), strict=True)
    ]
