"""What the kernel adds to an execution: a plan of ten trivial plugins, beside the bare processes that it starts, cold and warm.

Prints medians in milliseconds: `python -c pass`, a Python that imports what a guest imports, and the whole of an execution as the
state database saw it (claim, start, watch, check, commit), with the time from queued to started.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from harness_core.bootstrap import Core, open_core
from harness_core.domain.runs import Run
from harness_core.settings import read_settings
from harness_worker.runtime import WorkerRuntime
from tests.fakes.plugins import make_plugin, small_catalog
from tests.fakes.running import ended, submit

PLUGINS, ROUNDS = 10, 5
TRIVIAL = "from harness_core.sdk import PluginResult\ndef run(ctx):\n    return PluginResult.na('nothing', 'Nothing to say.')\n"


def main() -> None:
    for warm in (False, True):
        print("guests copied from a warm process" if warm else "guests started as fresh interpreters")
        measure(warm=warm)


def measure(*, warm: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        catalog = small_catalog(root / "plugins")
        for number in range(PLUGINS):
            make_plugin(root / "plugins", f"analysis_t{number}", "analysis", TRIVIAL, retries=0)
        table = root / "table.csv"
        table.write_text("a,b\n1,2\n")
        core = open_core(read_settings({"HARNESS_WARM_START": str(int(warm))}, home=root / "home"), catalog=catalog)
        worker = WorkerRuntime(core, kind="worker", places=2)
        worker.start()
        core.launcher.wait_until_warm(60.0)
        names = [f"analysis_t{number}" for number in range(PLUGINS)]
        took: list[tuple[float, float, float]] = []
        bare: list[float] = []
        imports: list[float] = []
        for _ in range(ROUNDS):
            bare += [timed(["-c", "pass"]) for _ in range(3)]
            imports += [timed(["-s", "-P", "-B", "-c", "import harness_core.sdk.guest"]) for _ in range(3)]
            run = ended(core, submit(core, table, plugins=names, reuse=False))
            took += measured(core, run, names)
        worker.stop(drain_s=1.0)
        show(bare, imports, took)
        core.close()


def timed(arguments: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])})
    return (time.perf_counter() - began) * 1000


def measured(core: Core, run: Run, names: list[str]) -> list[tuple[float, float, float]]:
    """Per execution: claimed to committed, the guest's own wall time, and the mean cost when two go side by side."""
    executions = [item for item in core.runs.executions(run.run_id) if item.plugin_id in names]
    walls = {item.plugin_id: item.wall_s for item in core.runs.attempts(run.run_id)}
    first = min(item.started_at or 0 for item in executions)
    last = max(item.ended_at or 0 for item in executions)
    throughput = (last - first) / len(executions)
    return [
        (((item.ended_at or 0) - (item.started_at or 0)) * 1000, walls[item.plugin_id] * 1000, throughput * 1000)
        for item in executions
    ]


def show(bare: list[float], imports: list[float], took: list[tuple[float, float, float]]) -> None:
    total, wall, each = (statistics.median(item[place] for item in took) for place in range(3))
    rows = [
        ("python -c pass", statistics.median(bare)),
        ("python importing what a guest imports", statistics.median(imports)),
        ("guest process inside an execution", wall),
        ("an execution, claimed to committed", total),
        ("kernel over its own guest process", total - wall),
        ("per execution, two side by side", each),
    ]
    for name, value in rows:
        print(f"{name:<42} {value:8.1f} ms")


if __name__ == "__main__":
    main()
