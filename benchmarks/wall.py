"""What the wall costs and how fast it holds: start-up, overshoot of the memory budget, time to an empty process tree, throughput.

Every figure stands beside the same thing without the wall, measured in turns in the same run, because machines differ and are busy.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pyarrow
import pyarrow.parquet

from harness_core.adapters.wall.guests import FLAGS
from harness_core.adapters.wall.launcher import ProcessLauncher
from harness_core.adapters.wall.level import NOTHING
from harness_core.ports.launcher import GuestOutcome, GuestRequest

STARTS, BOMBS, ENDS, WORKLOADS = 60, 15, 10, 9
CAP_MB = 512
ROWS = 4_000_000
WALLED = ProcessLauncher()
WARM = ProcessLauncher(warm=True)
BARE = ProcessLauncher(layers=NOTHING, allow_unwalled=True, policy=False)

NOTHING_MUCH = "return {}"
LIBRARIES = "import numpy, pyarrow.parquet, duckdb\n    return {}"
BOMB = {
    "bytes": "held = []\n    while True: held.append(bytearray(b'x') * 4_000_000)",
    "numpy": "import numpy\n    held = []\n    while True: held.append(numpy.ones(500_000))",
    "lists": "held = []\n    while True: held.append([0] * 100_000)",
    "mapped": "import mmap, os\n    open('x', 'wb').truncate(3 << 30)\n    held = mmap.mmap(os.open('x', os.O_RDWR), 3 << 30)\n"
    "    for at in range(0, 3 << 30, 4096): held[at] = 1",
}
DEAF = "import signal, time\n    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n    while True: time.sleep(60)"
DUCKDB = """import duckdb
    con = duckdb.connect(config={{'threads': 1}})
    query = "SELECT g, count(*), sum(x), avg(y), quantile_cont(x, 0.5) FROM '{path}' GROUP BY g ORDER BY g"
    con.execute(query).fetchall()
    started = time.perf_counter()
    for _ in range(3): con.execute(query).fetchall()
    return {{'s': time.perf_counter() - started}}"""
ARROW = """import pyarrow.parquet, pyarrow.compute
    pyarrow.parquet.read_table('{path}', use_threads=False)
    started = time.perf_counter()
    for _ in range(5):
        table = pyarrow.parquet.read_table('{path}', use_threads=False)
        pyarrow.compute.sum(table['x']), table.group_by('g', use_threads=False).aggregate([('y', 'mean')])
    return {{'s': time.perf_counter() - started}}"""


def run(launcher: ProcessLauncher, folder: Path, body: str, **budget: Any) -> GuestOutcome:
    plugin, scratch = folder / "plugin", folder / "scratch"
    for made in (plugin, scratch):
        made.mkdir(exist_ok=True)
    (plugin / "plugin.py").write_text(f"import time\ndef look(ctx):\n    {body}\n")
    message = {
        "plugin_id": "probe", "plugin_folder": str(plugin), "module": "plugin.py", "function": "look", "call": "inspect",
        "settings": {}, "seed": 1, "scratch": str(scratch), "engine_memory_mb": 100, "limits": {}, "plan": [], "report": {},
        "inputs": [{"path": str(folder / "data.parquet"), "filename": "data", "sha256": "", "size_bytes": 0}], "datasets": {},
        "upstream": {},
    }  # fmt: skip
    limits = {"timeout_s": 60.0, "memory_mb": 2048, **budget}
    return launcher.run(GuestRequest(message, scratch, folder / "out", folder / "err", **limits))


def in_turns(count: int, one: Callable[[], float], other: Callable[[], float]) -> tuple[list[float], list[float]]:
    """Both measured ``count`` times, alternating, after one of each that does not count."""
    one(), other()
    pairs = [(one(), other()) if turn % 2 else (other(), one())[::-1] for turn in range(count)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def start_up(folder: Path) -> dict[str, Any]:
    def timed(launcher: ProcessLauncher) -> float:
        started = time.perf_counter()
        assert run(launcher, folder, NOTHING_MUCH).ending == "answered"
        return (time.perf_counter() - started) * 1000

    walled, bare = in_turns(STARTS, lambda: timed(WALLED), lambda: timed(BARE))
    return {
        "walled_ms": round(statistics.median(walled), 1), "bare_ms": round(statistics.median(bare), 1),
        "difference_ms": round(statistics.median(walled) - statistics.median(bare), 1),
        "difference_of_minima_ms": round(min(walled) - min(bare), 1), "target_ms": 5,
    }  # fmt: skip


def warm_start(folder: Path) -> dict[str, Any]:
    """A whole guest, walled in and copied from the warm process, beside an interpreter that does nothing and cold guests."""
    WARM.warm_up()
    assert WARM.wait_until_warm(60.0)
    command = [sys.executable, *FLAGS, "-c", "pass"]
    cases: dict[str, Callable[[], object]] = {
        "python -c pass": lambda: subprocess.run(command, check=True),
        "warm": lambda: run(WARM, folder, NOTHING_MUCH),
        "cold": lambda: run(WALLED, folder, NOTHING_MUCH),
        "warm with libraries": lambda: run(WARM, folder, LIBRARIES),
        "cold with libraries": lambda: run(WALLED, folder, LIBRARIES),
    }
    took: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(STARTS):
        for name, go in cases.items():
            started = time.perf_counter()
            go()
            took[name].append((time.perf_counter() - started) * 1000)
    assert run(WARM, folder, LIBRARIES).details["start"] == "warm"
    WARM.close()
    found = {name: {"median_ms": round(statistics.median(all_), 1), "min_ms": round(min(all_), 1)} for name, all_ in took.items()}
    over = [one - other for one, other in zip(took["warm"], took["python -c pass"], strict=True)]
    return {**found, "warm_over_python_ms": round(statistics.median(over), 1), "target_ms": 15}


def overshoot(folder: Path) -> dict[str, Any]:
    """Megabytes above the budget at the moment of the end, as the kernel's own high-water mark has them."""
    found: dict[str, Any] = {}
    for name, body in BOMB.items():
        peaks = []
        for _ in range(BOMBS):
            outcome = run(WALLED, folder, body, memory_mb=CAP_MB)
            assert outcome.ending == "memory", outcome
            peaks.append(max(0.0, outcome.peak_rss_bytes / 2**20 - CAP_MB))
        found[name] = {"median_mb": round(statistics.median(peaks), 1), "max_mb": round(max(peaks), 1)}
    return {**found, "target_median_mb": 20}


def time_to_empty(folder: Path) -> dict[str, Any]:
    """Seconds from the limit until nothing of a guest that ignores SIGTERM is left; half a second of it is the grace."""
    late = []
    for _ in range(ENDS):
        started = time.perf_counter()
        outcome = run(WALLED, folder, DEAF, timeout_s=0.5)
        late.append(time.perf_counter() - started - 0.5)
        assert outcome.ending == "timeout"
        assert outcome.pid is not None
        assert not psutil.pid_exists(outcome.pid)
    return {"median_s": round(statistics.median(late), 3), "max_s": round(max(late), 3), "target_s": 0.6}


def throughput(folder: Path) -> dict[str, Any]:
    path = folder / "data.parquet"
    numbers = pyarrow.array(range(ROWS))
    columns = {"g": pyarrow.compute.bit_wise_and(numbers, 63), "x": numbers.cast("float64"), "y": numbers}
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    found: dict[str, Any] = {}
    for name, body in (("duckdb", DUCKDB), ("arrow", ARROW)):

        def timed(launcher: ProcessLauncher, body: str = body) -> float:
            outcome = run(launcher, folder, body.format(path=path))
            assert outcome.answer is not None, (folder / "err").read_text()
            return float(outcome.answer["s"])

        walled, bare = in_turns(WORKLOADS, lambda: timed(WALLED), lambda: timed(BARE))
        found[name] = {
            "ratio_of_medians": round(statistics.median(bare) / statistics.median(walled), 3),
            "ratio_of_minima": round(min(bare) / min(walled), 3),
        }
    return {**found, "target": 0.97}


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "data.parquet").touch()
        for measure in (start_up, warm_start, overshoot, time_to_empty, throughput):
            print(json.dumps({measure.__name__: measure(folder)}), flush=True)
        print(json.dumps({"level": WALLED.level.level}))


if __name__ == "__main__":
    main()
