"""Reading an SQL dump of one table of 12 columns into Parquet: the plugin behind its wall, beside DuckDB's COPY of the same rows
as CSV.

python benchmarks/ingest_sql_dump.py [rows] [rounds] [dialect …]

Dialects: mysql (extended INSERTs of 10,000 rows), postgresql (COPY), inserts (one INSERT per row, as pg_dump --inserts), sqlite
(one INSERT per row, as .dump). A text in fifty holds a line end, another quotes; DuckDB has two threads. The runs alternate;
files are
deleted in the end. Prints medians with the smallest and largest value, the ratios round by round, and the peak memory.
"""

import sys
import tempfile
from pathlib import Path

import duckdb
from ingest_csv import COPY, LEDGER, bare, compare, guest

NAMES = [
    "line_id",
    "posting_date",
    "entered_at",
    "customer",
    "region",
    "account",
    "quantity",
    "amount",
    "weight_kg",
    "is_open",
    "description",
    "status",
]
DECLARED = {
    "mysql": "bigint|date|datetime|varchar(20)|varchar(20)|int|int|decimal(18,2)|double|tinyint(1)|text|varchar(10)",
    "postgresql": "bigint|date|timestamp without time zone|character varying(20)|text|integer|integer|numeric(18,2)"
    "|double precision|boolean|text|text",
    "sqlite": "INTEGER|DATE|DATETIME|TEXT|TEXT|INTEGER|INTEGER|DECIMAL(18,2)|REAL|INTEGER|TEXT|TEXT",
}  # fmt: skip
TEXTS = {"customer", "region", "description", "status", "posting_date", "entered_at"}
BATCH_ROWS = 100_000


def main(rows: int, rounds: int, dialects: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        table = root / "ledger.csv"
        duckdb.execute(f"COPY ({LEDGER.format(rows=rows)}) TO '{table}'")
        for dialect in dialects:
            dump = write_dump(dialect, rows, root / f"{dialect}.sql")
            size = dump.stat().st_size
            print(f"{dialect}: {rows:,} rows, {size >> 20:,} MB of SQL, {table.stat().st_size >> 20:,} MB of CSV")
            source = {"path": str(dump), "filename": dump.name, "sha256": "0" * 64, "size_bytes": size}
            compare(
                {
                    "DuckDB COPY of read_csv": lambda: bare(COPY, table, root / "copy.parquet"),
                    "ingest_sql_dump_v1": lambda source=source: guest("ingest_sql_dump_v1", root / "ingest", inputs=[source]),
                },
                rounds,
            )
            dump.unlink()


def write_dump(dialect: str, rows: int, path: Path) -> Path:
    """The ledger as a dump of that dialect, the same for the same number of rows."""
    database = "postgresql" if dialect == "inserts" else dialect
    columns = ", ".join(f"{name} {kind}" for name, kind in zip(NAMES, DECLARED[database].split("|"), strict=True))
    begin, end = {
        "mysql": ("-- MySQL dump 10.13\n/*!40101 SET NAMES utf8mb4 */;\n", "\n-- Dump completed\n"),
        "postgresql": (
            "--\n-- PostgreSQL database dump\n--\nSET client_encoding = 'UTF8';\n",
            "\n-- PostgreSQL database dump complete\n",
        ),
        "sqlite": ("PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n", "COMMIT;\n"),
    }[database]
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(f"{begin}CREATE TABLE ledger ({columns});\n")
        if dialect == "postgresql":
            file.write(f"COPY ledger ({', '.join(NAMES)}) FROM stdin;\n")
        for low in range(0, rows, BATCH_ROWS):
            query = _query(dialect, rows, low)
            file.write("".join(text for (text,) in duckdb.sql(query).fetchall()))
        file.write("\\.\n" if dialect == "postgresql" else "")
        file.write(end)
    return path


def _query(dialect: str, rows: int, low: int) -> str:
    """SQL for the text of some rows; each row of the answer is a text to be written."""
    ledger = LEDGER.format(rows=rows).replace(f"FROM range({rows})", f"FROM range({low}, {min(rows, low + BATCH_ROWS)})")
    if dialect == "postgresql":
        values = " || chr(9) || ".join(f"coalesce(replace({name}::VARCHAR, chr(10), '\\n'), '\\N')" for name in NAMES)
        return f"SELECT {values} || chr(10) FROM ({ledger}) ORDER BY line_id"
    row = "'(' || " + " || ',' || ".join(_literal(dialect, name) for name in NAMES) + " || ')'"
    if dialect == "mysql":
        joined = f"'INSERT INTO `ledger` VALUES ' || string_agg({row}, ',' ORDER BY line_id) || ';' || chr(10)"
        return f"SELECT {joined} FROM ({ledger}) GROUP BY line_id // 10000 ORDER BY line_id // 10000"
    head = {"inserts": "INSERT INTO public.ledger VALUES ", "sqlite": 'INSERT INTO "ledger" VALUES'}[dialect]
    row = row.replace(" || ',' || ", " || ', ' || ") if dialect == "inserts" else row
    return f"SELECT '{head}' || {row} || ';' || chr(10) FROM ({ledger}) ORDER BY line_id"


def _literal(dialect: str, name: str) -> str:
    value = f"{name}::INTEGER::VARCHAR" if name == "is_open" and dialect != "inserts" else f"{name}::VARCHAR"
    if name in TEXTS:
        value = f"replace({value}, '''', '''''')"
        if dialect == "mysql":
            value = f"replace(replace(replace({value}, '\\', '\\\\'), chr(10), '\\n'), '\"', '\\\"')"
        value = f"'''' || {value} || ''''"
    return f"coalesce({value}, 'NULL')"


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000, int(sys.argv[2]) if len(sys.argv) > 2 else 3,
        sys.argv[3:] or ["mysql", "postgresql", "inserts", "sqlite"],
    )  # fmt: skip
