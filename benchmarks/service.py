"""What the service costs: its memory when idle, with its worker, and how long a list takes with ten thousand runs.

Prints the resident and the proportional set size of `harness serve` and everything it started, and the median and the 95th
percentile of `GET /api/v1/runs` in milliseconds over one kept connection, beside `GET /healthz`, which is the bare round trip.
"""

import http.client
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from harness_core.bootstrap import open_core
from harness_core.settings import read_settings
from harness_worker.runtime import WorkerRuntime
from tests.fakes.many_runs import copy_run
from tests.fakes.plugins import small_catalog
from tests.fakes.running import ended, submit

ROOT = Path(__file__).parents[1]
RUNS, ROUNDS, WARM = 10_000, 300, 20
SETTLE_S = 3.0
TARGET_MS, TARGET_MB = 50.0, 200.0
PATHS = (
    "/healthz",
    "/api/v1/runs",
    "/api/v1/runs?limit=500",
    "/api/v1/runs?status=FAILED",
    "/api/v1/runs?q=orders_99",
    "/runs",
    "/",
)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        fill(Path(folder), home)
        command = [sys.executable, "-m", "harness_api.cli", "serve", "--port", "0", "--home", str(home)]
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
            try:
                assert process.stderr is not None
                found = re.search(r"http://\S+", process.stderr.readline())
                assert found
                time.sleep(SETTLE_S)
                show_memory("idle, with its worker", process.pid)
                show_times(urlsplit(found[0]).netloc)
                show_memory("after the requests", process.pid)
            finally:
                process.terminate()


def fill(root: Path, home: Path) -> None:
    """One real run, and ten thousand copies of it."""
    core = open_core(read_settings({}, home=home), catalog=small_catalog(root / "plugins"), queue_url="memory://")
    table = root / "table.csv"
    table.write_text("a,b\n1,2\n")
    worker = WorkerRuntime(core, kind="worker", places=2)
    worker.start()
    run = ended(core, submit(core, table))
    worker.stop(drain_s=1.0)
    copy_run(core, run.run_id, RUNS)
    core.close()


def show_memory(when: str, pid: int) -> None:
    tree = [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    rss, pss = (sum(memory_mb(item, name) for item in tree) for name in ("Rss", "Pss"))
    print(f"{when:<28} {len(tree)} processes  RSS {rss:6.1f} MB  PSS {pss:6.1f} MB  (target {TARGET_MB:.0f})")


def memory_mb(pid: int, name: str) -> float:
    found = re.search(rf"^{name}:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    return int(found[1]) / 1000 if found else 0.0


def show_times(netloc: str) -> None:
    connection = http.client.HTTPConnection(netloc, timeout=30)
    print(f"{'GET, with ' + format(RUNS, ',') + ' runs':<28} {'median':>9} {'p95':>9}   ms (target p95 {TARGET_MS:.0f})")
    for path in PATHS:
        took = [timed(connection, path) for _ in range(WARM + ROUNDS)][WARM:]
        print(f"{path:<28} {statistics.median(took):9.1f} {statistics.quantiles(took, n=20)[-1]:9.1f}")
    connection.close()
    print(f"{'processors':<28} {len(os.sched_getaffinity(0)):>9}")


def timed(connection: http.client.HTTPConnection, path: str) -> float:
    began = time.perf_counter()
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200, answer.status
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main()
