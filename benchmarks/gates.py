"""Performance gates: what the product costs beside a raw tool, as ratios of processor seconds, held against `gates.toml`.

    python benchmarks/gates.py [GATE…]

Each gate runs ours and the raw tool in turns, three times, and its measurement is the median of the three ratios: a slow machine
and a busy one give nearly the same. Takes about a minute, prints a table, and exits 1 where a gate fails or was not measured.
"""

import resource
import statistics
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import durable_steps
import whole_run
from dependence import as_table, made, numpy_tables
from gate_judging import judge, read_baselines, table
from ingest_csv import COPY, bare, guest, ledger
from launcher_overhead import request as launch_request
from order_lines import write_order_lines
from profile_table import ONE_THREAD, dataset_version

from harness_core.adapters.wall.launcher import ProcessLauncher
from harness_core.sdk.testing import write_dataset

ROUNDS = 3
ROWS, PAIR_ROWS, ORDER_ROWS, STARTS = 300_000, 200_000, 10_000, 10

Measure = Callable[[], float]
"""Processor seconds of one turn."""


def gates(folder: Path) -> Mapping[str, Callable[[], tuple[Measure, Measure]]]:
    """By name, what prepares a gate and returns its two sides: ours, and the raw tool."""
    return {
        "csv_ingest": lambda: csv_ingest(folder),
        "profile": lambda: profile(folder),
        "dependence": lambda: dependence(folder),
        "durable_steps": lambda: steps(folder),
        "walled_start": lambda: walled_start(folder),
        "whole_run": lambda: default_run(folder),
    }


def csv_ingest(folder: Path) -> tuple[Measure, Measure]:
    source = ledger(ROWS, folder / "ledger.csv")
    given = {"path": str(source), "filename": source.name, "sha256": "0" * 64, "size_bytes": source.stat().st_size}
    return (
        lambda: guest("ingest_tabular", folder / "ingest", inputs=[given]).cpu_s,
        lambda: bare(COPY, source, folder / "copy.parquet").cpu_s,
    )


def profile(folder: Path) -> tuple[Measure, Measure]:
    dataset = dataset_version(ROWS, folder / "profiled")
    return (
        lambda: guest("profile_basic", folder / "profile", datasets={"data": str(dataset)}).cpu_s,
        lambda: bare(ONE_THREAD, dataset / "data.parquet").cpu_s,
    )


def dependence(folder: Path) -> tuple[Measure, Measure]:
    matrix = made(PAIR_ROWS)
    write_dataset(folder / "pairs", as_table(matrix))
    return (
        lambda: guest("analysis_dependence", folder / "dependence", datasets={"data": str(folder / "pairs")}).cpu_s,
        lambda: cpu_s(lambda: numpy_tables(matrix)),
    )


def steps(folder: Path) -> tuple[Measure, Measure]:
    """Per step; one thread, since the raw side has one."""
    return (
        lambda: durable_steps.steps(durable_steps.submitted(_fresh(folder / "steps") / "state.sqlite"), 1)[1],
        lambda: durable_steps.naive(_fresh(folder / "naive") / "state.sqlite")[1],
    )


def walled_start(folder: Path) -> tuple[Measure, Measure]:
    request, launcher = launch_request(folder / "nothing", "pass"), ProcessLauncher()

    def walled() -> None:
        for _ in range(STARTS):
            assert launcher.run(request).ending == "answered"

    def plain() -> None:
        for _ in range(STARTS):
            subprocess.run([sys.executable, "-c", "pass"], check=True)

    return lambda: cpu_s(walled), lambda: cpu_s(plain)


def default_run(folder: Path) -> tuple[Measure, Measure]:
    orders = folder / "orders.csv"
    write_order_lines(orders, ORDER_ROWS)
    return lambda: whole_run.whole_run(orders, folder).cpu_s, lambda: whole_run.bare_queries(orders, folder).cpu_s


def cpu_s(action: Callable[[], object]) -> float:
    """Of this process and of the children that have ended meanwhile."""
    began = _used()
    action()
    return _used() - began


def _used() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _fresh(folder: Path) -> Path:
    return Path(tempfile.mkdtemp(prefix=folder.name, dir=folder.parent))


def measured(prepare: Callable[[], tuple[Measure, Measure]]) -> float:
    """The median ratio; ours goes first, because the raw side of a whole run asks what the run asked."""
    ours, raw = prepare()
    return statistics.median(ours() / raw() for _ in range(ROUNDS))


def main(wanted: list[str]) -> int:
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        for gate, prepare in gates(Path(name)).items():
            if wanted and gate not in wanted:
                continue
            try:
                found[gate] = measured(prepare)
            except Exception:
                traceback.print_exc()  # the gate counts as not measured, and the others are still worth knowing
    baselines = {gate: held for gate, held in read_baselines().items() if not wanted or gate in wanted}
    verdicts = judge(baselines, found)
    print("Processor seconds of ours by those of the raw tool, medians of", ROUNDS)
    print(table(verdicts))
    return 1 if any(verdict.fault for verdict in verdicts) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
