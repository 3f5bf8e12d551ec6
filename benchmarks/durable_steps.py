"""Durable steps per second (claim and commit, each commit safe against power loss), beside what others pay for the same.

No plugin is started: this is the state database alone, over runs of ten independent steps, with as many threads as there would be
places. Beside it, in the same run and turn by turn: the disk's own rate of syncs; the same steps as one would write them with an
ORM, each transaction synced by itself; and, where a Python that has the package ``dbos`` is named, workflows of ten empty steps
there, on SQLite with its default settings. Rates wobble with the machine, ratios within one run much less. The processor time per
step is that of the whole process.

    python benchmarks/durable_steps.py [PYTHON_THAT_HAS_DBOS]
"""

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import create_engine, event
from sqlmodel import Session, col, func, select

sys.path.insert(0, str(Path(__file__).parents[1]))

from harness_core.adapters.db.leases import JOB_COLUMNS, job_of
from harness_core.adapters.db.tables import AttemptRow, EventRow, ExecutionRow, JobRow, RunRow
from harness_core.domain.runs import ExecutionStatus, WorkerId
from harness_core.ports.state import Commit
from tests.integration.test_jobs import State

RUNS, NAIVE_RUNS, STEPS_OF_A_RUN, ROUNDS = 60, 6, 10, 3
THREADS = (1, 2, 8, 24)
SYNCS, NAIVE, DBOS = "syncs of the disk, one after another", "an ORM, each transaction synced", "DBOS on SQLite, step after step"
TARGET_STEPS, TARGET_RATIO = 1500, 15
DBOS_SCRIPT = """
import sys, time
from dbos import DBOS
DBOS(config={"name": "steps", "system_database_url": "sqlite:///" + sys.argv[1], "log_level": "ERROR"})

@DBOS.step()
def step():
    pass

@DBOS.workflow()
def run(count):
    for _ in range(count):
        step()

DBOS.launch()
run(2)
runs, count = int(sys.argv[2]), int(sys.argv[3])
began, used = time.perf_counter(), time.process_time()
for _ in range(runs):
    run(count)
print(runs * count / (time.perf_counter() - began), (time.process_time() - used) / (runs * count))
DBOS.destroy()
"""


Measured = tuple[float, float]
"""How many per second, and seconds of processor time for each."""


def main() -> None:
    dbos = sys.argv[1] if len(sys.argv) > 1 else None
    found: dict[str, list[Measured]] = {}
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        for number in range(ROUNDS):
            for name, measure in measures(Path(folder) / str(number), dbos).items():
                found.setdefault(name, []).append(measure())
    show(found)


def measures(folder: Path, dbos: str | None) -> dict[str, Callable[[], Measured]]:
    folder.mkdir()
    found: dict[str, Callable[[], Measured]] = {SYNCS: lambda: syncs(folder / "sync"), NAIVE: lambda: naive(folder / "naive.db")}
    for threads in THREADS:
        found[f"durable steps, {threads} at a time"] = lambda threads=threads: steps(submitted(folder / f"{threads}.db"), threads)  # type: ignore[misc]
    found["steps without durability, one at a time"] = lambda: without_syncs(submitted(folder / "no.db"))
    if dbos is not None:
        found[DBOS] = lambda: dbos_steps(folder / "dbos.sqlite", dbos)
    return found


def show(found: dict[str, list[Measured]]) -> None:
    rates = {name: statistics.median(rate for rate, _ in each) for name, each in found.items()}
    disk, plain = rates[SYNCS], rates[NAIVE]
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors; medians of {ROUNDS} rounds, turn by turn")
    print(f"{'':42}{'per second':>11}{'of syncs':>10}{'of the ORM':>12}{'processor':>17}")
    for name, each in found.items():
        cpu = statistics.median(seconds for _, seconds in each) * 1000
        least, most = min(rate for rate, _ in each), max(rate for rate, _ in each)
        row = f"{name:42}{rates[name]:9.0f}/s{rates[name] / disk:8.2f} x{rates[name] / plain:10.1f} x"
        print(row + (f"{cpu:10.2f} ms each" if cpu else " " * 18) + f"   (from {least:.0f} to {most:.0f})")
    best = max(rate for name, rate in rates.items() if name.startswith("durable"))
    met = best >= TARGET_STEPS or best / plain >= TARGET_RATIO
    print(f"target: {TARGET_STEPS:,}/s, or {TARGET_RATIO} times the ORM: {'met' if met else 'MISSED'}")


def timed(work: Callable[[], None], count: int) -> Measured:
    began, used = time.perf_counter(), time.process_time()
    work()
    return count / (time.perf_counter() - began), (time.process_time() - used) / count


def syncs(path: Path, count: int = 100) -> Measured:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)

    def work() -> None:
        for _ in range(count):
            os.write(descriptor, b"x" * 4096)
            os.fdatasync(descriptor)

    measured = timed(work, count)
    os.close(descriptor)
    return measured


def submitted(path: Path, runs: int = RUNS) -> State:
    """A state database with that many runs of independent steps."""
    state = State(path)
    for number in range(runs):
        state.submit(f"run{number:04}", *((f"p{step}", "analysis", ()) for step in range(STEPS_OF_A_RUN)))
    return state


def steps(state: State, threads: int) -> Measured:
    """Taken by ``threads`` threads."""

    def work() -> None:
        running = [threading.Thread(target=drain, args=(state,)) for _ in range(threads)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()

    measured = timed(work, RUNS * STEPS_OF_A_RUN)
    state.database.close()
    return measured


def drain(state: State) -> None:
    worker = WorkerId(f"worker_{threading.get_ident()}")
    while (job := state.jobs.claim(worker)) is not None:
        if job.execution_id is not None:  # closing a run is not a step: it is left to whoever comes
            state.jobs.commit_execution(job, Commit(ExecutionStatus.OK, state.attempt(job)))


def without_syncs(state: State) -> Measured:
    state.database._log = None
    return steps(state, 1)


def naive(path: Path) -> Measured:
    """The same rows written through objects, by one thread, with SQLite's own durability."""
    state = submitted(path, NAIVE_RUNS)
    state.database.close()
    engine = create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = FULL"))

    def work() -> None:
        while (job_id := orm_claim(engine)) is not None:
            orm_commit(engine, state, job_id)

    measured = timed(work, NAIVE_RUNS * STEPS_OF_A_RUN)
    engine.dispose()
    return measured


def orm_claim(engine: object) -> int | None:
    with Session(engine) as session:  # type: ignore[call-overload]
        ready = select(JobRow).where(JobRow.state == "READY", col(JobRow.execution_id).is_not(None))
        job = session.exec(ready.order_by(col(JobRow.priority).desc(), col(JobRow.job_id)).limit(1)).first()
        if job is None:
            return None
        job.state, job.lease_owner, job.lease_until = "LEASED", "worker_orm", 1.0
        job.fence, job.attempt = job.fence + 1, job.attempt + 1
        execution = session.get_one(ExecutionRow, job.execution_id)
        execution.status, execution.attempts = "RUNNING", execution.attempts + 1
        orm_event(session, execution, "execution.started")
        session.commit()
        return job.job_id


def orm_commit(engine: object, state: State, job_id: int) -> None:
    with Session(engine) as session:  # type: ignore[call-overload]
        job = session.get_one(JobRow, job_id)
        execution = session.get_one(ExecutionRow, job.execution_id)
        execution.status, execution.fence, execution.ended_at = "OK", job.fence, state.clock.now()
        session.add(AttemptRow(**vars(state.attempt(job_of([getattr(job, name) for name in JOB_COLUMNS])))))
        job.state, job.lease_owner, job.lease_until = "DONE", None, None
        orm_event(session, execution, "execution.ended")
        waiting = select(ExecutionRow).where(ExecutionRow.run_id == execution.run_id, ExecutionRow.status == "PENDING")
        open_jobs = select(func.count()).where(JobRow.run_id == execution.run_id, col(JobRow.state).in_(("READY", "LEASED")))
        session.exec(waiting).all()
        session.exec(open_jobs).one()
        session.commit()


def orm_event(session: Session, execution: ExecutionRow, type_: str) -> None:
    run = session.get_one(RunRow, execution.run_id)
    run.event_seq += 1
    session.add(EventRow(run_id=run.run_id, seq=run.event_seq, at=1.0, type=type_, plugin_id=execution.plugin_id, data={}))


def dbos_steps(path: Path, python: str) -> Measured:
    command = [python, "-c", DBOS_SCRIPT, str(path), str(NAIVE_RUNS), str(STEPS_OF_A_RUN)]
    rate, used = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-2:]
    return float(rate), float(used)


if __name__ == "__main__":
    main()
