"""Profiling a dataset version of 12 columns: the plugin behind its wall, beside DuckDB's own SUMMARIZE with one and two threads.

python benchmarks/profile_table.py [rows] [rounds]

The plugin counts exactly, each column with one thread and, in large tables, two columns at a time; SUMMARIZE estimates distinct
values and quantiles.
"""

import sys
import tempfile
from pathlib import Path

import duckdb
from ingest_csv import CONNECT, LEDGER, bare, compare, guest

from harness_core.sdk.canonical import canonical_bytes

SUMMARIZE = CONNECT + "connection.execute(f\"SUMMARIZE SELECT * FROM '{sys.argv[1]}'\").fetchall()"
ONE_THREAD = SUMMARIZE.replace("'threads': 2", "'threads': 1")
TYPES = {"VARCHAR": "text", "DOUBLE": "float", "DATE": "date", "TIMESTAMP": "timestamp", "BOOLEAN": "boolean"}


def main(rows: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        dataset = dataset_version(rows, root / "dataset")
        print(f"{rows:,} rows")
        compare(
            {
                "SUMMARIZE, two threads": lambda: bare(SUMMARIZE, dataset / "data.parquet"),
                "SUMMARIZE, one thread": lambda: bare(ONE_THREAD, dataset / "data.parquet"),
                "profile_basic": lambda: guest("profile_basic", root / "profile", datasets={"data": str(dataset)}),
            },
            rounds,
        )


def dataset_version(rows: int, folder: Path) -> Path:
    """The ledger as ingest stores it."""
    folder.mkdir()
    data = folder / "data.parquet"
    ledger = LEDGER.format(rows=rows)
    storage = "account::BIGINT AS account, quantity::BIGINT AS quantity, amount::DOUBLE AS amount"
    options = "(FORMAT parquet, PARQUET_VERSION V2, ROW_GROUP_SIZE 122880)"
    duckdb.execute(f"COPY (SELECT * REPLACE ({storage}) FROM ({ledger})) TO '{data}' {options}")
    found = duckdb.execute(f"DESCRIBE SELECT * FROM '{data}'").fetchall()
    columns = [
        {"name": name, "type": TYPES.get(kind, "integer"), "nullable": name in ("quantity", "status"), "storage_type": kind}
        for name, kind, *_ in found
    ]
    facts = {"dataset_version_id": "dv_benchmark", "row_count": rows, "columns": columns, "repairs": [], "reading": {}}
    (folder / "schema.json").write_bytes(canonical_bytes(facts))
    return folder


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000, int(sys.argv[2]) if len(sys.argv) > 2 else 3)
