"""Reading a clean CSV of 12 columns into Parquet: the plugin behind its wall, beside DuckDB's own COPY with two threads.

python benchmarks/ingest_csv.py [rows] [rounds]

The runs alternate. Prints medians with the smallest and largest value, the ratios round by round, and the peak memory. On a busy
machine the ratio of wall times says little; that of processor times holds.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from harness_core.adapters.wall.guests import compile_guest
from harness_core.adapters.wall.launcher import ProcessLauncher
from harness_core.ports.launcher import GuestRequest
from harness_core.sdk.validation import with_defaults

PLUGINS = Path(__file__).parents[1] / "plugins"
MEMORY_MB = 2048
CONNECT = "import duckdb, sys; connection = duckdb.connect(config={'threads': 2})\n"
COPY = CONNECT + "connection.execute(f\"COPY (SELECT * FROM read_csv('{sys.argv[1]}')) TO '{sys.argv[2]}' (FORMAT parquet)\")"
LEDGER = """
    SELECT i AS line_id, DATE '2019-01-01' + (i // 5000)::INTEGER AS posting_date,
        TIMESTAMP '2019-01-01 06:00:00' + to_seconds((i * 17)::BIGINT) AS entered_at,
        'C' || lpad((hash(i) % 40000)::VARCHAR, 6, '0') AS customer,
        ['North', 'South', 'East', 'West', 'Overseas'][1 + (hash(i + 1) % 5)::INTEGER] AS region,
        1000 + (hash(i + 2) % 300)::INTEGER * 10 AS account,
        CASE WHEN hash(i + 3) % 20 > 0 THEN (hash(i + 3) % 500)::INTEGER END AS quantity,
        ((hash(i + 4) % 10000000) / 100.0)::DECIMAL(18, 2) AS amount,
        round((hash(i + 5) % 1000000) / 1000.0, 3) AS weight_kg,
        hash(i + 6) % 10 < 3 AS is_open,
        CASE hash(i + 7) % 50 WHEN 0 THEN 'Müller, Söhne & "Co"' WHEN 1 THEN 'two' || chr(10) || 'lines'
            ELSE 'Item ' || (hash(i + 8) % 2000) END AS description,
        CASE WHEN hash(i + 9) % 3 > 0 THEN ['open', 'paid', 'late', 'void'][1 + (hash(i + 10) % 4)::INTEGER] END AS status
    FROM range({rows}) AS t(i)
"""


@dataclass(frozen=True)
class Cost:
    """Wall time of a process from start to end, the processor time of all its threads, and the most memory that it held."""

    seconds: float
    cpu_s: float
    peak_mb: float


def main(rows: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        table = ledger(rows, root / "ledger.csv")
        source = {"path": str(table), "filename": table.name, "sha256": "0" * 64, "size_bytes": table.stat().st_size}
        print(f"{rows:,} rows, {table.stat().st_size >> 20:,} MB of CSV")
        compare(
            {
                "DuckDB COPY of read_csv": lambda: bare(COPY, table, root / "copy.parquet"),
                "ingest_tabular": lambda: guest("ingest_tabular", root / "ingest", inputs=[source]),
            },
            rounds,
        )


def ledger(rows: int, path: Path) -> Path:
    """An ERP-like ledger, the same for the same number of rows."""
    duckdb.execute(f"COPY ({LEDGER.format(rows=rows)}) TO '{path}'")
    return path


def bare(program: str, *arguments: object) -> Cost:
    """A Python program in a process of its own."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", program, *map(str, arguments)], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return Cost(time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def guest(plugin_id: str, scratch: Path, **parts: Any) -> Cost:
    """A plugin with its default settings, as the kernel runs it; ``scratch`` is made, and kept until the next call."""
    subprocess.run(["rm", "-rf", str(scratch)], check=True)
    (scratch / "scratch").mkdir(parents=True)
    compile_guest()
    folder = PLUGINS / plugin_id
    schema = json.loads((folder / "config.schema.json").read_text(encoding="utf-8"))
    message: Mapping[str, Any] = {
        "plugin_id": plugin_id, "plugin_folder": str(folder), "module": "plugin.py", "function": "run", "call": "run",
        "settings": with_defaults(schema, {}), "seed": 1, "scratch": str(scratch / "scratch"), "engine_memory_mb": MEMORY_MB // 2,
        "limits": {"memory_mb": MEMORY_MB}, "plan": [], "report": {}, "inputs": [], "datasets": {}, "upstream": {}, **parts,
    }  # fmt: skip
    request = GuestRequest(
        message, scratch / "scratch", scratch / "out.log", scratch / "err.log", timeout_s=3600, memory_mb=MEMORY_MB,
        max_output_bytes=8 << 30,
    )  # fmt: skip
    began = time.perf_counter()
    outcome = ProcessLauncher().run(request)
    seconds = time.perf_counter() - began
    assert outcome.answer is not None, outcome.reason
    assert outcome.answer["status"] == "ok", outcome.answer["error"]
    return Cost(seconds, outcome.cpu_user_s + outcome.cpu_system_s, outcome.peak_rss_bytes / (1 << 20))


def compare(cases: Mapping[str, Callable[[], Cost]], rounds: int) -> None:
    """Run the cases in turn and print them; the first is what the others are measured by."""
    costs: dict[str, list[Cost]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, run in cases.items():
            costs[name].append(run())
    first = next(iter(costs.values()))
    print(f"{'':28}{'median s':>10}{'min':>8}{'max':>8}{'CPU s':>8}{'peak MB':>9}{'ratio':>8}{'of CPU':>8}   of each round")
    for name, found in costs.items():
        seconds, ratios = [cost.seconds for cost in found], _ratios(found, first, "seconds")
        cpu_s, peak = statistics.median(cost.cpu_s for cost in found), max(cost.peak_mb for cost in found)
        print(
            f"{name:28}{statistics.median(seconds):10.2f}{min(seconds):8.2f}{max(seconds):8.2f}{cpu_s:8.2f}{peak:9.0f}"
            f"{statistics.median(ratios):8.2f}{statistics.median(_ratios(found, first, 'cpu_s')):8.2f}   "
            + " ".join(f"{ratio:.2f}" for ratio in ratios)
        )


def _ratios(costs: list[Cost], first: list[Cost], what: str) -> list[float]:
    return [getattr(cost, what) / getattr(base, what) for cost, base in zip(costs, first, strict=True)]


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000, int(sys.argv[2]) if len(sys.argv) > 2 else 3)
