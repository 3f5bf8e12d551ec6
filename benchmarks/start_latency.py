"""How soon an idle worker takes up a run, and what it costs while it waits: the product's doorbell beside Huey's polling alone.

Each line is a real `harness worker` process in a home of its own. Runs are recorded from this process, one at a time, after a pause
in which the worker has gone idle; each has an empty plan, so that nothing but taking it up is measured. Three moments are read, all
on the machine's one monotonic clock: before the run's transaction, which is synced to disk; when the bell is called with the job's
number; and when, in the worker, the transaction that claims the job and starts the run has been committed. The processor time is
that of the idle worker, as a share of one core. On a busy machine this measures who else wants the processor: `chrt -r 5` helps.

    python benchmarks/start_latency.py [SAMPLES] [IDLE_SECONDS]
"""

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from harness_core.adapters.catalog.folders import FolderCatalog
from harness_core.bootstrap import Core, open_core
from harness_core.domain.runs import RUN_ENDED
from harness_core.services.submitting import Submission
from harness_core.settings import read_settings

SAMPLES, IDLE_S = 100, 20.0
PAUSE_S = (0.2, 0.8)
TARGET_P50_MS, TARGET_IDLE_SHARE = 1.0, 0.01
START = "import sys\nfrom harness_api.cli import main\nsys.exit(main(['worker', '--quiet']))"
PROBE = """
import os, time
from harness_core.adapters.db.jobs import SqlJobs
told, plain_claim = os.open(os.environ["CLAIMS"], os.O_WRONLY | os.O_CREAT | os.O_APPEND), SqlJobs.claim_several
def claim_several(*given, **named):
    jobs, now = plain_claim(*given, **named), time.monotonic()
    for job in jobs:
        os.write(told, f"{job.job_id} {now}\\n".encode())
    return jobs
SqlJobs.claim_several = claim_several
"""
NO_BELL = """
import harness_core.adapters.queue as queue
class Mute(queue.Doorbell):
    works = False
    ring = wait = lambda self, *_: None
queue.Doorbell = Mute
"""
PACE = """
import harness_worker.consumer as consumer
pace = dict(initial_delay={first}, backoff={backoff}, max_delay={most})
plain = consumer.Consumer.__init__
consumer.Consumer.__init__ = lambda self, huey, **given: plain(self, huey, **{{**given, **pace}})
"""
WAYS = {
    "doorbell": "",
    "polling each 10 ms": NO_BELL + PACE.format(first=0.01, backoff=1.0, most=0.01),
    "polling, Huey's defaults": NO_BELL + PACE.format(first=0.1, backoff=1.15, most=10.0),
}


@dataclass(frozen=True)
class Taken:
    """One run: seconds from before its transaction, and from the call of the bell, until the claim was committed."""

    recorded: float
    rung: float


def main() -> None:
    samples = int(sys.argv[1]) if len(sys.argv) > 1 else SAMPLES
    idle_s = float(sys.argv[2]) if len(sys.argv) > 2 else IDLE_S
    print(f"{samples} runs each, idle for {idle_s:g} s each, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    print(f"{'':<26}{'from the bell to the claim committed':^36}{'from before the run is recorded':^36}{'idle':>8}")
    print(f"{'':<26}{('p50' + 'p90'.rjust(12) + 'p99'.rjust(12)).rjust(36) * 2}{'worker':>8}")
    for name, code in WAYS.items():
        taken, share = measured(code, samples, idle_s)
        rung, recorded = [item.rung for item in taken], [item.recorded for item in taken]
        met = statistics.median(rung) * 1000 <= TARGET_P50_MS and share <= TARGET_IDLE_SHARE
        told = "" if code else f"   targets (p50 {TARGET_P50_MS:g} ms, idle {TARGET_IDLE_SHARE:.0%}) {'met' if met else 'MISSED'}"
        print(f"{name:<26}{shown(rung)}{shown(recorded)}{share:8.2%}{told}")


def shown(seconds: list[float]) -> str:
    hundredths = statistics.quantiles(seconds, n=100, method="inclusive")
    return "".join(f"{value * 1000:9.2f} ms" for value in (statistics.median(seconds), hundredths[89], hundredths[98]))


def measured(code: str, samples: int, idle_s: float) -> tuple[list[Taken], float]:
    """What each run saw, and the share of a processor that the idle worker takes."""
    with tempfile.TemporaryDirectory() as folder:
        home, claims, table = Path(folder) / "home", Path(folder) / "claims", Path(folder) / "table.csv"
        table.write_text("a,b\n1,2\n")
        core = open_core(read_settings({}, home=home), catalog=FolderCatalog([]))
        environment = {**os.environ, "HARNESS_HOME": str(home), "HARNESS_WORKERS": "2", "CLAIMS": str(claims)}
        worker = subprocess.Popen([sys.executable, "-c", PROBE + code + START], env=environment, cwd=Path(__file__).parents[1])
        try:
            wait(lambda: bool(core.overview.liveness().alive))
            upload = core.uploading.take_file(table).upload_id
            one_run(core, upload, 0, claims)
            share = idle_share(worker.pid, idle_s)
            return [one_run(core, upload, seed, claims) for seed in range(1, samples + 1)], share
        finally:
            worker.terminate()
            worker.wait(60)
            core.close()


def one_run(core: Core, upload: str, seed: int, claims: Path) -> Taken:
    """Returns when the worker is idle again."""
    rung: dict[int, float] = {}
    plain_ring, plain_create = core.bell.ring, core.runs.create
    recorded = [0.0]

    def ring(job_id: int) -> None:
        rung[job_id] = time.monotonic()
        plain_ring(job_id)

    def create(*given: Any, **named: Any) -> Any:
        recorded[0] = time.monotonic()
        return plain_create(*given, **named)

    core.bell.ring, core.runs.create = ring, create  # type: ignore[method-assign]
    try:
        run = core.submitting.submit(Submission([upload], plugins=[], seed=seed))
    finally:
        core.bell.ring, core.runs.create = plain_ring, plain_create  # type: ignore[method-assign]
    wait(lambda: core.runs.get(run.run_id).status in RUN_ENDED)
    time.sleep(random.uniform(*PAUSE_S))  # noqa: S311 - spreads the samples over the worker's rhythm, guards nothing
    claimed = {int(job_id): float(at) for job_id, at in (line.split() for line in claims.read_text().splitlines())}
    ((job_id, at),) = rung.items()
    return Taken(claimed[job_id] - recorded[0], claimed[job_id] - at)


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
