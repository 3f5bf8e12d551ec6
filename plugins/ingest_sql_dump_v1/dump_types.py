"""What a declared column type means here: the kind of values, and what they may become where a value does not fit."""

import re
from dataclasses import dataclass

import pyarrow

from harness_core.sdk.contract import ColumnType

MAX_DIGITS = 38
_MYSQL = {
    "integer": "tinyint smallint mediumint int integer bigint serial year bool boolean int1 int2 int3 int4 int8 middleint",
    "decimal": "decimal numeric dec fixed", "float": "float double real float4 float8", "date": "date",
    "timestamp": "datetime timestamp", "time": "time", "bits": "bit",
    "binary": "binary varbinary tinyblob blob mediumblob longblob geometry point linestring polygon multipoint multilinestring "
    "multipolygon geometrycollection geomcollection",
}  # fmt: skip
_POSTGRESQL = {
    "integer": "smallint integer int int2 int4 int8 bigint serial bigserial smallserial serial2 serial4 serial8 oid xid",
    "decimal": "numeric decimal dec", "float": "double float float8", "single": "real float4", "date": "date",
    "timestamp": "timestamp", "zoned": "timestamptz", "time": "time", "boolean": "boolean bool", "binary": "bytea",
}  # fmt: skip
_KINDS = {
    dialect: {word: kind for kind, words in table.items() for word in words.split()}
    for dialect, table in (("mysql", _MYSQL), ("postgresql", _POSTGRESQL))
}
_SQLITE = (
    ("timestamp", ("DATETIME", "TIMESTAMP")), ("date", ("DATE",)), ("integer", ("INT", "BOOL")), ("text", ("CHAR", "CLOB", "TEXT")),
    ("binary", ("BLOB",)), ("float", ("REAL", "FLOA", "DOUB")), ("time", ("TIME",)), ("decimal", ("DECIMAL", "NUMERIC")),
)  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """``name``: integer, decimal, float, single (32 bits, kept as the double that is written the same), boolean, date,
    timestamp, zoned, time, bits, binary, text, or unknown (to be seen from
    the values). ``scale`` None: as many digits behind the point as the values have."""

    name: str
    precision: int = MAX_DIGITS
    scale: int | None = 0

    @property
    def arrow(self) -> pyarrow.DataType:
        """What is stored."""
        if self.name == "decimal":
            return pyarrow.decimal128(self.precision, self.scale or 0)
        return _ARROW[self.name]

    @property
    def logical(self) -> ColumnType:
        return _LOGICAL[self.name]

    @property
    def storage(self) -> str:
        """DuckDB's name for what is stored."""
        return f"DECIMAL({self.precision},{self.scale or 0})" if self.name == "decimal" else _STORAGE[self.name]


_ARROW = {
    "integer": pyarrow.int64(), "bits": pyarrow.int64(), "float": pyarrow.float64(), "single": pyarrow.float64(),
    "boolean": pyarrow.bool_(),
    "date": pyarrow.date32(), "timestamp": pyarrow.timestamp("us"), "zoned": pyarrow.timestamp("us"),
    "time": pyarrow.time64("us"), "binary": pyarrow.binary(), "text": pyarrow.string(), "unknown": pyarrow.string(),
}  # fmt: skip
_LOGICAL: dict[str, ColumnType] = {
    "integer": "integer", "bits": "integer", "float": "float", "single": "float", "decimal": "decimal", "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp", "zoned": "timestamp", "time": "time", "binary": "binary", "text": "text", "unknown": "text",
}  # fmt: skip
_STORAGE = {
    "integer": "BIGINT", "bits": "BIGINT", "float": "DOUBLE", "single": "DOUBLE", "boolean": "BOOLEAN", "date": "DATE",
    "timestamp": "TIMESTAMP",
    "zoned": "TIMESTAMP", "time": "TIME", "binary": "BLOB", "text": "VARCHAR", "unknown": "VARCHAR",
}  # fmt: skip
TEXT, UNKNOWN, INTEGER, FLOAT, BINARY, DATE = (Kind(name) for name in ("text", "unknown", "integer", "float", "binary", "date"))


def kind_of(declared: str, dialect: str) -> Kind:
    """The kind of a declared type such as ``varchar(20)``, ``decimal(10,2) unsigned`` or ``timestamp with time zone``."""
    begin, _, inner = declared.partition("(")
    words = f"{begin} {inner.rpartition(')')[2]}".strip()
    digits = re.match(r"([\d\s,]*+)\)", inner)
    numbers = [int(number) for number in re.findall(r"\d{1,5}", digits[1])] if digits else []
    if dialect == "sqlite":
        found = _sqlite_kind(words.upper())
        return _decimal(numbers, dialect) if found.name == "decimal" else found
    if words.endswith("]") or " array" in words.lower():
        return TEXT
    lowered = words.lower().split()
    found = Kind(_KINDS[dialect].get(lowered[0], "text")) if lowered else UNKNOWN
    if found.name == "timestamp" and "with time zone" in words.lower():
        return Kind("zoned")
    if found.name == "time" and "with time zone" in words.lower():
        return TEXT
    if found.name == "float" and numbers and numbers[0] <= 24 and lowered[0] == "float" and dialect == "postgresql":
        return Kind("single")
    if found.name == "bits" and numbers and numbers[0] > 63:
        return BINARY
    return _decimal(numbers, dialect) if found.name == "decimal" else found


def _decimal(numbers: list[int], dialect: str) -> Kind:
    if not numbers:
        return Kind("decimal", 10, 0) if dialect == "mysql" else Kind("decimal", MAX_DIGITS, None)
    precision, scale = numbers[0], numbers[1] if len(numbers) > 1 else 0
    return (
        Kind("decimal", precision, scale)
        if 0 < precision <= MAX_DIGITS and scale <= precision
        else Kind("decimal", MAX_DIGITS, None)
    )


def _sqlite_kind(words: str) -> Kind:
    """SQLite goes by parts of the name, and holds any value in any column all the same."""
    if not words:
        return UNKNOWN
    if "INT" in words and "DATE" not in words and "TIME" not in words:
        return INTEGER
    return Kind(next((kind for kind, parts in _SQLITE if any(part in words for part in parts)), "unknown"))
