"""How soon an idle worker takes up a run, and what it costs while it waits: the product's doorbell beside Huey's polling alone.

Each line is a real `harness worker` process in a home of its own. Runs are recorded from this process, one at a time, after a pause
in which the worker has gone idle; each has an empty plan, so that nothing but taking it up is measured. The latency is from just
before the run's transaction until the worker's claim. The processor time is that of the idle worker, as a share of one core.

    python benchmarks/start_latency.py [SAMPLES] [IDLE_SECONDS]
"""

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from harness_core.adapters.catalog.folders import FolderCatalog
from harness_core.bootstrap import Core, open_core
from harness_core.domain.runs import RUN_ENDED
from harness_core.services.submitting import Submission
from harness_core.settings import read_settings

SAMPLES, IDLE_S = 100, 20.0
PAUSE_S = (0.2, 0.8)
TARGET_P50_MS, TARGET_IDLE_SHARE = 50.0, 0.01
START = "import sys\nfrom harness_api.cli import main\nsys.exit(main(['worker', '--quiet']))"
NO_BELL = """
import harness_core.adapters.queue as queue
class Mute(queue.Doorbell):
    works = False
    ring = wait = lambda self, *_: None
queue.Doorbell = Mute
"""
HUEYS_PACE = """
import functools
import harness_worker.consumer as consumer
pace = dict(initial_delay=0.1, backoff=1.15, max_delay=10.0)
plain = consumer.Consumer.__init__
consumer.Consumer.__init__ = lambda self, huey, **given: plain(self, huey, **{**given, **pace})
"""
WAYS = {"doorbell": "", "polling each 50 ms": NO_BELL, "polling, Huey's defaults": NO_BELL + HUEYS_PACE}


def main() -> None:
    samples = int(sys.argv[1]) if len(sys.argv) > 1 else SAMPLES
    idle_s = float(sys.argv[2]) if len(sys.argv) > 2 else IDLE_S
    print(f"{samples} runs each, idle for {idle_s:g} s each, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    print(f"{'':<26}{'p50':>9}{'p99':>9}{'most':>9}   idle processor time")
    for name, code in WAYS.items():
        latencies, share = measured(code, samples, idle_s)
        p50, p99 = statistics.median(latencies), statistics.quantiles(latencies, n=100, method="inclusive")[98]
        row = "".join(f"{value * 1000:6.1f} ms" for value in (p50, p99, max(latencies)))
        met = f"  targets {'met' if p50 * 1000 <= TARGET_P50_MS and share <= TARGET_IDLE_SHARE else 'MISSED'}" if not code else ""
        print(f"{name:<26}{row}   {share:.2%}{met}")


def measured(code: str, samples: int, idle_s: float) -> tuple[list[float], float]:
    """Latencies in seconds, and the share of a processor that the idle worker takes."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        table = Path(folder) / "table.csv"
        table.write_text("a,b\n1,2\n")
        core = open_core(read_settings({}, home=home), catalog=FolderCatalog([]))
        environment = {**os.environ, "HARNESS_HOME": str(home), "HARNESS_WORKERS": "2"}
        worker = subprocess.Popen([sys.executable, "-c", code + START], env=environment, cwd=Path(__file__).parents[1])
        try:
            wait(lambda: bool(core.overview.liveness().alive))
            upload = core.uploading.take_file(table).upload_id
            one_run(core, upload, 0)
            share = idle_share(worker.pid, idle_s)
            return [one_run(core, upload, seed) for seed in range(1, samples + 1)], share
        finally:
            worker.terminate()
            worker.wait(60)
            core.close()


def one_run(core: Core, upload: str, seed: int) -> float:
    """Seconds from recording a run until a worker took it; returns when the worker is idle again."""
    run = core.submitting.submit(Submission([upload], plugins=[], seed=seed))
    wait(lambda: core.runs.get(run.run_id).status in RUN_ENDED)
    time.sleep(random.uniform(*PAUSE_S))  # noqa: S311 - spreads the samples over the worker's rhythm, guards nothing
    taken = core.runs.get(run.run_id)
    assert taken.started_at is not None
    return taken.started_at - taken.created_at


def idle_share(pid: int, seconds: float) -> float:
    process = psutil.Process(pid)

    def used() -> float:
        return sum(sum(item.cpu_times()[:2]) for item in [process, *process.children(recursive=True)])

    time.sleep(2)
    before, began = used(), time.monotonic()
    time.sleep(seconds)
    return (used() - before) / (time.monotonic() - began)


def wait(condition: object, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        if time.monotonic() > end:
            raise TimeoutError("the worker did not do what was waited for")
        time.sleep(0.01)


if __name__ == "__main__":
    main()
