"""Durable steps per second (claim and commit, each commit safe against power loss), beside the disk's own rate of syncs.

No plugin is started: this is the state database alone, over runs of independent steps, with as many threads as there would be
places. The last row asks for no durability and shows what the disk costs.
"""

import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from harness_core.domain.runs import ExecutionStatus, WorkerId
from harness_core.ports.state import Commit
from tests.integration.test_jobs import State

STEPS, ROUNDS = 240, 3


def main() -> None:
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        root = Path(folder)
        rows: dict[str, list[float]] = {}
        for number in range(ROUNDS):
            rows.setdefault("syncs of the disk, one after another", []).append(syncs(root / "sync"))
            for threads in (1, 2, 8, 24):
                rate = steps(State(root / f"{number}-{threads}.db"), threads)
                rows.setdefault(f"durable steps, {threads} at a time", []).append(rate)
            rows.setdefault("steps without durability, one at a time", []).append(without_syncs(State(root / f"{number}-no.db")))
    disk = statistics.median(rows["syncs of the disk, one after another"])
    for name, rates in rows.items():
        rate = statistics.median(rates)
        print(f"{name:42} {rate:8.0f}/s   {rate / disk:5.2f} x   (from {min(rates):.0f} to {max(rates):.0f})")


def syncs(path: Path, count: int = 100) -> float:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    began = time.perf_counter()
    for _ in range(count):
        os.write(descriptor, b"x" * 4096)
        os.fdatasync(descriptor)
    os.close(descriptor)
    return count / (time.perf_counter() - began)


def steps(state: State, threads: int) -> float:
    """Runs of ten independent steps, taken by ``threads`` threads; returns steps per second."""
    for number in range(STEPS // 10):
        state.submit(f"run{number:04}", *((f"p{step}", "analysis", ()) for step in range(10)))
    return timed(lambda: drain(state), threads)


def drain(state: State) -> None:
    worker = WorkerId(f"worker_{threading.get_ident()}")
    while (job := state.jobs.claim(worker)) is not None:
        if job.execution_id is None:
            state.jobs.stumble(job, "not part of this benchmark")
            continue
        state.jobs.commit_execution(job, Commit(ExecutionStatus.OK, state.attempt(job)))


def timed(work: Callable[[], None], threads: int) -> float:
    began = time.perf_counter()
    running = [threading.Thread(target=work) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return STEPS / (time.perf_counter() - began)


def without_syncs(state: State) -> float:
    state.database._log = None
    return steps(state, 1)


if __name__ == "__main__":
    main()
