"""What it costs to run a guest that does nothing, beside bare interpreters: interleaved runs, milliseconds.

python benchmarks/launcher_overhead.py [runs]
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from harness_core.adapters.wall.guests import FLAGS, environment
from harness_core.adapters.wall.launcher import ProcessLauncher
from harness_core.adapters.wall.level import offered
from harness_core.adapters.wall.orders import wall_order
from harness_core.ports.launcher import GuestRequest
from harness_core.sdk.frames import encode

STANDARD_LIBRARY = "import ctypes, dataclasses, json, pathlib, threading, typing"
LIBRARIES = "numpy, pyarrow.parquet, duckdb"
PLUGIN = "from harness_core.sdk import PluginResult\ndef run(ctx):\n    {first}\n    return PluginResult('ok', 'fine')\n"


def main(runs: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        cases = _cases(Path(folder))
        seconds: dict[str, list[float]] = {name: [] for name in cases}
        for _ in range(runs):
            for name, run in cases.items():
                started = time.perf_counter()
                run()
                seconds[name].append(time.perf_counter() - started)
    print(f"{'':58}{'min':>8}{'median':>8}{'p90':>8}  ms")
    for name, values in seconds.items():
        low, median, high = min(values), statistics.median(values), sorted(values)[int(len(values) * 0.9)]
        print(f"{name:58}{low * 1000:8.1f}{median * 1000:8.1f}{high * 1000:8.1f}")


def _cases(folder: Path) -> dict[str, Callable[[], object]]:
    trivial, heavy = request(folder / "trivial", "pass"), request(folder / "heavy", f"import {LIBRARIES}")
    variables = environment(folder, 512, "")
    launcher = ProcessLauncher()
    bare = partial(subprocess.run, env=variables, check=True)
    return {
        "python -c pass": partial(bare, [sys.executable, *FLAGS, "-c", "pass"]),
        f"python -c '{STANDARD_LIBRARY[:38]}...'": partial(bare, [sys.executable, *FLAGS, "-c", STANDARD_LIBRARY]),
        "python -c 'import harness_core.sdk.guest, ctypes'": partial(
            bare, [sys.executable, *FLAGS, "-c", "import harness_core.sdk.guest, ctypes"]
        ),
        "a guest that does nothing, started bare": partial(_bare_guest, trivial, variables),
        "a guest that does nothing, through the launcher": partial(launcher.run, trivial),
        f"python -c 'import {LIBRARIES}'": partial(bare, [sys.executable, *FLAGS, "-c", f"import {LIBRARIES}"]),
        "a guest that imports these, through the launcher": partial(launcher.run, heavy),
    }


def _bare_guest(request: GuestRequest, variables: dict[str, str]) -> None:
    """The same process, walled in as ever, without anybody to watch it: its request from a file, its answer into the void."""
    path = request.scratch / "request"
    order = wall_order(request, offered(), needed=True, policy=True)
    path.write_bytes(encode({**request.message, "wall": order}))
    with path.open("rb") as source, Path(os.devnull).open("wb") as void:
        numbers = source.fileno(), void.fileno()
        command = [sys.executable, *FLAGS, "-m", "harness_core.sdk.guest", *map(str, numbers)]
        subprocess.run(command, env=variables, pass_fds=numbers, check=True)


def request(folder: Path, first: str) -> GuestRequest:
    (folder / "scratch").mkdir(parents=True)
    (folder / "plugin.py").write_text(PLUGIN.format(first=first), encoding="utf-8")
    message = {
        "plugin_id": "probe", "plugin_folder": str(folder), "module": "plugin.py", "function": "run", "call": "run",
        "settings": {}, "seed": 1, "scratch": str(folder / "scratch"), "engine_memory_mb": 100, "limits": {}, "plan": [],
        "report": {}, "inputs": [], "datasets": {}, "upstream": {},
    }  # fmt: skip
    return GuestRequest(message, folder / "scratch", folder / "out.log", folder / "err.log", timeout_s=60, memory_mb=512)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 30)
