"""A service without a worker, or a worker, with the small plugins of the tests: what a storm kills and starts again.

``python -m tests.crash.part api HOME PLUGINS PORT``, ``… worker HOME PLUGINS [CLOCK]``, or ``… disk HOME PLUGINS CALL:DISK``. A worker
with a CLOCK lives by a clock on the wall that is wrong by as many seconds as stand in that file. For one with a DISK, the system call
(``fsync`` or ``fdatasync``) takes as many seconds longer as stand in the file, once, which is renamed to ``.asleep`` meanwhile and to
``.awake`` after it.
"""

import os
import signal
import sys
import time
from pathlib import Path

from harness_core.adapters.catalog.folders import FolderCatalog
from harness_core.adapters.clock import SystemClock
from harness_core.bootstrap import Core, open_core
from harness_core.settings import Settings, read_settings


def main(kind: str, home: Path, plugins: Path, more: str | None = None) -> int:
    def opened(settings: Settings) -> Core:
        return open_core(settings, catalog=FolderCatalog([(plugins, "path")]))

    settings = read_settings(home=home)
    if kind == "api":
        from harness_api import server

        server.open_core = opened  # type: ignore[attr-defined]
        return server.serve(settings, host="127.0.0.1", port=int(more or 0), with_worker=False, open_to_network=False)
    from harness_worker.runtime import WorkerRuntime

    if kind == "disk" and more is not None:
        slow_disk(*more.split(":"))
    elif more is not None:
        wrong_by = Path(more)
        SystemClock.now = lambda self: time.time() + float(wrong_by.read_text())  # type: ignore[method-assign]
    WorkerRuntime(opened(settings), kind="worker", places=2).start()
    signal.pause()
    return 0


def slow_disk(call: str, name: str) -> None:
    file, real = Path(name), getattr(os, call)

    def slow(descriptor: int) -> None:
        try:
            asleep = file.rename(file.with_suffix(".asleep"))
        except FileNotFoundError:
            real(descriptor)
            return
        time.sleep(float(asleep.read_text()))
        real(descriptor)
        asleep.rename(file.with_suffix(".awake"))

    setattr(os, call, slow)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), *sys.argv[4:]))
