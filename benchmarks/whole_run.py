"""The whole default run of `harness run`, from a file to its report, beside what others do with the same file.

    python benchmarks/whole_run.py [ROWS | --table CSV] [--scripts] [--wide] [--rounds N] [--ydata PYTHON]

Beside it stand (a) its bare queries as a script: stock DuckDB with two threads reads the CSV into Parquet, summarises it, and runs
every query that the report gives as evidence, knowing beforehand what to ask; and (b) ydata-profiling with its defaults, where
PYTHON has it (this one, unless another is named). With ``--scripts`` the others are (a) what the analyses ask, written by hand: a
script each of plain DuckDB or NumPy, two side by side (``bare_scripts.py``). ``--table`` takes order lines that are there already,
because ten million take a while to make. ``--wide`` takes a table of 2,000 columns instead of order lines, 100,000 rows
unless given otherwise; ydata-profiling is then asked only by name. Turn by turn; medians, and the ratios to (a). The memory is the
most that the whole tree of processes held at once, pages that several share counted once.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psutil
from order_lines import write_order_lines, write_wide

LOOK_S = 0.05
SCRIPTS = Path(__file__).with_name("bare_scripts.py")
ROWS, WIDE_COLUMNS = 100_000, 2_000
QUERIES = """
import duckdb, json, sys
table, folder, report = sys.argv[1:]
connection = duckdb.connect(config={"threads": 2})
connection.execute(f"COPY (SELECT * FROM read_csv('{table}')) TO '{folder}/data.parquet' (FORMAT parquet)")
connection.execute(f"SUMMARIZE SELECT * FROM '{folder}/data.parquet'").fetchall()
connection.execute(f"CREATE VIEW data AS SELECT *, file_row_number AS row_index FROM read_parquet('{folder}/data.parquet')")
for finding in json.load(open(report))["findings"]:
    for item in finding["evidence"]:
        if item["type"] == "query":
            connection.execute(item["sql"]).fetchall()
"""
YDATA = """
import sys, warnings
warnings.simplefilter("ignore")
import pandas
from ydata_profiling import ProfileReport
ProfileReport(pandas.read_csv(sys.argv[1]), progress_bar=False).to_file(sys.argv[2], silent=True)
"""


@dataclass(frozen=True)
class Cost:
    """Wall time of a tree of processes, the processor time of all of it, and the most memory that it held at once."""

    seconds: float
    cpu_s: float
    peak_mb: float


def main(rows: int, rounds: int, ydata: str | None, table: Path | None, *, scripts: bool, wide: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if table is None:
            table = made(folder / "table.csv", rows, wide=wide)
            print(f"{rows:,} rows, {WIDE_COLUMNS if wide else 12:,} columns, {table.stat().st_size >> 20:,} MB of CSV", flush=True)
        cases: dict[str, Callable[[], Cost]] = {"harness run": lambda: whole_run(table, folder)}
        if scripts:
            cases["scripts by hand"] = lambda: cost([sys.executable, str(SCRIPTS), str(table), str(folder)])
        else:
            cases["its bare queries"] = lambda: bare_queries(table, folder)
        if ydata is not None:
            quietly = {**os.environ, "TQDM_DISABLE": "1"}
            cases["ydata-profiling"] = lambda: cost([ydata, "-c", YDATA, str(table), str(folder / "ydata.html")], quietly)
        show({name: list(costs) for name, costs in turns(cases, rounds).items()})


def made(table: Path, rows: int, *, wide: bool) -> Path:
    if wide:
        write_wide(table, rows, WIDE_COLUMNS)
    else:
        write_order_lines(table, rows)
    return table


def turns(cases: Mapping[str, Callable[[], Cost]], rounds: int) -> Mapping[str, Sequence[Cost]]:
    found: dict[str, list[Cost]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, run in cases.items():
            found[name].append(run())
    return found


def whole_run(table: Path, folder: Path) -> Cost:
    """The product's own command in a home of its own, which stays for :func:`bare_queries` until the next call."""
    home = folder / "home"
    subprocess.run(["rm", "-rf", str(home)], check=True)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("HARNESS_")}
    return cost([sys.executable, "-m", "harness_api.cli", "run", str(table), "--home", str(home), "--quiet"], environ)


def bare_queries(table: Path, folder: Path) -> Cost:
    """What the run asked, as a script; after :func:`whole_run`."""
    (report,) = (folder / "home" / "runs").glob("*/report.json")
    return cost([sys.executable, "-c", QUERIES, str(table), str(folder), str(report)])


def cost(command: Sequence[str], environ: Mapping[str, str] | None = None) -> Cost:
    """Raises AssertionError where the command fails."""
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL)
    ended, peak = threading.Event(), [0]
    watching = threading.Thread(target=_watch, args=(process.pid, ended, peak))
    watching.start()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    ended.set()
    watching.join()
    assert process.returncode == 0, command
    return Cost(seconds, usage.ru_utime + usage.ru_stime, peak[0] / (1 << 20))


def _watch(pid: int, ended: threading.Event, peak: list[int]) -> None:
    """Keep the largest sum of proportional set sizes seen over the tree."""
    while not ended.wait(LOOK_S):
        held = 0
        try:
            root = psutil.Process(pid)
            for process in (root, *root.children(recursive=True)):
                held += _proportional_bytes(process)
        except psutil.Error:
            continue
        peak[0] = max(peak[0], held)


def _proportional_bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:  # it has just ended
        return 0


def show(found: Mapping[str, Sequence[Cost]]) -> None:
    _, base, *_ = found.values()
    print(f"{'':20}{'median s':>10}{'CPU s':>9}{'peak MB':>9}{'of (a)':>9}{'CPU of (a)':>12}")
    for name, costs in found.items():
        ratios = {
            what: statistics.median(getattr(one, what) / getattr(other, what) for one, other in zip(costs, base, strict=True))
            for what in ("seconds", "cpu_s")
        }
        seconds, cpu_s = (statistics.median(getattr(item, what) for item in costs) for what in ratios)
        peak_mb = max(item.peak_mb for item in costs)
        print(f"{name:20}{seconds:10.2f}{cpu_s:9.2f}{peak_mb:9.0f}{ratios['seconds']:9.1f}{ratios['cpu_s']:12.1f}", flush=True)


def _ydata(named: str | None, *, wide: bool) -> str | None:
    if named is None and not wide and find_spec("ydata_profiling") is not None:
        return sys.executable
    return named


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("rows", nargs="?", type=int, default=ROWS)
    asked.add_argument("--table", type=Path, metavar="CSV")
    asked.add_argument("--scripts", action="store_true")
    asked.add_argument("--wide", action="store_true")
    asked.add_argument("--rounds", type=int, default=1)
    asked.add_argument("--ydata", metavar="PYTHON")
    given = asked.parse_args()
    found = _ydata(given.ydata, wide=given.wide)
    main(given.rows, given.rounds, found, given.table, scripts=given.scripts, wide=given.wide)
