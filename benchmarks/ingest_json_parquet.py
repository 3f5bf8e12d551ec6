"""Reading JSON Lines and Parquet of 12 columns into Parquet: the plugin behind its wall, beside DuckDB's own COPY with two threads.

python benchmarks/ingest_json_parquet.py [rows] [rounds]

The rows are those of ingest_csv.py, and so is what is printed.
"""

import sys
import tempfile
from pathlib import Path

import duckdb
from ingest_csv import CONNECT, LEDGER, bare, compare, guest

FORMS = {"jsonl": ("json", "read_ndjson"), "parquet": ("parquet", "read_parquet")}
COPY = "connection.execute(f\"COPY (SELECT * FROM {reader}('{{sys.argv[1]}}')) TO '{{sys.argv[2]}}' (FORMAT parquet)\")"


def main(rows: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for suffix, (form, reader) in FORMS.items():
            table = root / f"ledger.{suffix}"
            duckdb.execute(f"COPY ({LEDGER.format(rows=rows)}) TO '{table}' (FORMAT {form})")
            source = {"path": str(table), "filename": table.name, "sha256": "0" * 64, "size_bytes": table.stat().st_size}
            print(f"{rows:,} rows, {table.stat().st_size >> 20:,} MB of {suffix}")
            program = CONNECT + COPY.format(reader=reader)
            compare(
                {
                    f"DuckDB COPY of {reader}": lambda program=program, table=table: bare(program, table, root / "copy.parquet"),
                    "ingest_tabular": lambda source=source: guest("ingest_tabular", root / "ingest", inputs=[source]),
                },
                rounds,
            )
            table.unlink()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000, int(sys.argv[2]) if len(sys.argv) > 2 else 3)
