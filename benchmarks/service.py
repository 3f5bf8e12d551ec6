"""What the service costs: its memory, the time of each page with ten thousand runs, the weight of pages, the delay of events.

Prints the resident and the proportional set size of `harness serve` and everything it started; the median and the 95th
percentile of each page and list in milliseconds over one kept connection, beside `GET /healthz`, which is the bare round trip; the
compressed bytes of scripts and style sheets that each page loads; and how long after its commit an event arrives on a stream.
"""

import gzip
import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from threading import Thread
from typing import Any
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
FOLLOWED = 12
PATHS = (
    "/healthz",
    "/api/v1/runs",
    "/api/v1/runs?limit=500",
    "/api/v1/runs?status=FAILED",
    "/api/v1/runs?q=orders_99",
    "/runs",
    "/",
)
PAGES = ("", "/findings", "/columns", "/logs", "/files", "/config", "/lineage")
OTHERS = ("/", "/runs", "/datasets", "/plugins", "/start?upload={upload}", "/compare?a={run}&b={run}")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        run_id, upload_id = fill(Path(folder), home)
        command = [sys.executable, "-m", "harness_api.cli", "serve", "--port", "0", "--home", str(home)]
        environ = {**os.environ, "HARNESS_PLUGIN_PATH": str(Path(folder) / "plugins")}
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env=environ) as process:
            try:
                assert process.stderr is not None
                found = re.search(r"http://\S+", process.stderr.readline())
                assert found
                netloc = urlsplit(found[0]).netloc
                places = [f"/runs/{run_id}{page}" for page in PAGES]
                others = [path.format(run=run_id, upload=upload_id) for path in OTHERS]
                time.sleep(SETTLE_S)
                show_memory("idle, with its worker", process.pid)
                show_times(netloc, [*PATHS, *places, *others[2:]], run_id)
                show_bytes(netloc, [*others, *places], run_id)
                show_delays(netloc)
                show_memory("after the requests", process.pid)
            finally:
                process.terminate()


def fill(root: Path, home: Path) -> tuple[str, str]:
    """One real run, and ten thousand copies of it; its id and that of its upload."""
    core = open_core(read_settings({}, home=home), catalog=small_catalog(root / "plugins"), queue_url="memory://")
    table = root / "table.csv"
    table.write_text("a,b\n1,2\n")
    worker = WorkerRuntime(core, kind="worker", places=2)
    worker.start()
    run = ended(core, submit(core, table))
    worker.stop(drain_s=1.0)
    copy_run(core, run.run_id, RUNS)
    core.close()
    return run.run_id, run.config.inputs[0].upload_id


def show_memory(when: str, pid: int) -> None:
    tree = [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    rss, pss = (sum(memory_mb(item, name) for item in tree) for name in ("Rss", "Pss"))
    print(f"{when:<28} {len(tree)} processes  RSS {rss:6.1f} MB  PSS {pss:6.1f} MB  (target {TARGET_MB:.0f})")


def memory_mb(pid: int, name: str) -> float:
    found = re.search(rf"^{name}:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    return int(found[1]) / 1000 if found else 0.0


def show_times(netloc: str, paths: Sequence[str], run_id: str) -> None:
    connection = http.client.HTTPConnection(netloc, timeout=30)
    print(f"{'GET, with ' + format(RUNS, ',') + ' runs':<28} {'median':>9} {'p95':>9}   ms (target p95 {TARGET_MS:.0f})")
    for path in paths:
        took = [timed(connection, path) for _ in range(WARM + ROUNDS)][WARM:]
        print(f"{shown(path, run_id):<28} {statistics.median(took):9.1f} {statistics.quantiles(took, n=20)[-1]:9.1f}")
    connection.close()
    print(f"{'processors':<28} {len(os.sched_getaffinity(0)):>9}")


def shown(path: str, run_id: str) -> str:
    return re.sub(r"upload_\w+", "…", path.replace(run_id, "…"))


def show_bytes(netloc: str, paths: Sequence[str], run_id: str) -> None:
    """What a first visit loads beside the page itself, as compressed on the wire."""
    print(f"{'compressed bytes of':<28} {'scripts':>9} {'styles':>9} {'page':>9}   (at most 60,000 and 15,000)")
    for path in paths:
        page = fetched(netloc, path)
        scripts = re.findall(rb'<script src="([^"]+)"', page)
        styles = re.findall(rb'<link rel="stylesheet" href="([^"]+)"', page)
        sizes = [sum(len(gzip.compress(fetched(netloc, item.decode()), 9)) for item in group) for group in (scripts, styles)]
        print(f"{shown(path, run_id):<28} {sizes[0]:9,} {sizes[1]:9,} {len(gzip.compress(page)):9,}")


def fetched(netloc: str, path: str) -> bytes:
    connection = http.client.HTTPConnection(netloc, timeout=30)
    connection.request("GET", path)
    body = connection.getresponse().read()
    connection.close()
    return body


def show_delays(netloc: str) -> None:
    """Runs a small file several times and follows each on both streams: for programs, and for its page."""
    delays: dict[str, list[float]] = {"/events": [], "/live": []}
    for number in range(FOLLOWED):
        run_id = started(netloc, number)
        followers = [Thread(target=follow, args=(netloc, run_id, stream, delays[stream])) for stream in delays]
        for follower in followers:
            follower.start()
        for follower in followers:
            follower.join(60)
    print(f"{'from commit to the stream':<28} {'median':>9} {'p99':>9}   ms")
    for stream, found in delays.items():
        name, longest = f"{stream} ({len(found)} events)", statistics.quantiles(found, n=100)[-1]
        print(f"{name:<28} {statistics.median(found):9.1f} {longest:9.1f}")


def started(netloc: str, number: int) -> str:
    connection = http.client.HTTPConnection(netloc, timeout=30)
    connection.request("POST", f"/api/v1/uploads?filename=table_{number}.csv", body=f"a,b\n1,{number}\n")
    upload_id = json.loads(connection.getresponse().read())["upload_id"]
    body = {"upload_id": upload_id, "plugins": ["analysis_count"], "force": True}
    connection.request("POST", "/api/v1/runs", body=json.dumps(body), headers={"content-type": "application/json"})
    run_id: str = json.loads(connection.getresponse().read())["run_id"]
    connection.close()
    return run_id


def follow(netloc: str, run_id: str, stream: str, delays: list[float]) -> None:
    """Note when each event arrives, until the stream ends, and then how long that was after its time."""
    connection = http.client.HTTPConnection(netloc, timeout=60)
    path = f"/api/v1/runs/{run_id}/events" if stream == "/events" else f"/runs/{run_id}/live"
    connection.request("GET", path)
    answer, arrived, began = connection.getresponse(), {}, time.time()
    for line in answer:
        if line.startswith(b"id: "):
            arrived[int(line[4:])] = time.time()
        if line.startswith(b"event: end"):
            break
    connection.close()
    page = fetched(netloc, f"/api/v1/runs/{run_id}/events")
    at = {event["seq"]: datetime.fromisoformat(event["at"]).timestamp() for event in events_in(page)}
    delays += [(arrived[seq] - at[seq]) * 1000 for seq in arrived if at[seq] > began]


def events_in(stream: bytes) -> list[dict[str, Any]]:
    lines = [line.removeprefix(b"data: ") for line in stream.splitlines() if line.startswith(b'data: {"seq"')]
    return [json.loads(line) for line in lines]


def timed(connection: http.client.HTTPConnection, path: str) -> float:
    began = time.perf_counter()
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200, answer.status
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main()
