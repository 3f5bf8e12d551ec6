"""Runs a small plan again and again in forked processes that kill themselves at a named point, and lets another one finish it.

Started by the tests as a process of its own, so that every fork begins with the imports done and no thread. A *point* is a call of
something that changes the world (a port of the state database, the store, the queue, or a system call that makes bytes durable or
visible), counted within the process, and the side of it: ``FolderStore.publish#2-before``.
"""

import json
import os
import random
import signal
import sqlite3
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import alembic.command  # noqa: F401 - imported once, here, for every fork

sys.path.insert(0, str(Path(__file__).parents[2]))

from harness_core.adapters.blobs import FolderBlobs
from harness_core.adapters.db.jobs import SqlJobs
from harness_core.adapters.db.library import SqlLibrary
from harness_core.adapters.db.runs import SqlRuns
from harness_core.adapters.db.syncing import SharedSync
from harness_core.adapters.db.workers import SqlWorkers
from harness_core.adapters.files import sha256_of
from harness_core.adapters.queue import HueyBell
from harness_core.adapters.store import FolderStore
from harness_core.bootstrap import Core, open_core
from harness_core.services.submitting import Submission
from harness_core.settings import read_settings
from harness_worker.runtime import WorkerRuntime
from tests.fakes.plugins import small_catalog
from tests.fakes.running import ended

CHANGES: dict[type, tuple[str, ...]] = {
    SqlRuns: ("create",),
    SqlJobs: ("claim", "commit_execution", "commit_expansion", "begin_closing", "commit_closing", "settle", "reap"),
    SqlLibrary: ("add_upload",),
    SqlWorkers: ("register", "remove"),
    SharedSync: ("sync",),
    FolderBlobs: ("take_in", "promote"),
    FolderStore: (
        "scratch", "drop_scratch", "stage", "drop_stage", "harvest", "write_output", "publish", "write_run_file", "keep_dataset",
        "reuse",
    ),
    HueyBell: ("ring",),
    Path: ("replace", "rename"),
}  # fmt: skip


class Trap:
    """Counts the calls, and ends the process by SIGKILL at one of them."""

    def __init__(self, point: str | None) -> None:
        self.point, self.counts = point, Counter[str]()

    def set(self) -> None:
        for owner, names in CHANGES.items():
            for name in names:
                setattr(owner, name, self._wrapped(f"{owner.__name__}.{name}", getattr(owner, name)))

    def _wrapped(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def trapped(*arguments: Any, **options: Any) -> Any:
            self.counts[name] += 1
            here = f"{name}#{self.counts[name]}"
            self._spring(f"{here}-before")
            answer = function(*arguments, **options)
            self._spring(f"{here}-after")
            return answer

        return trapped

    def _spring(self, here: str) -> None:
        if here == self.point:
            os.kill(os.getpid(), signal.SIGKILL)


def work(folder: Path, home: Path, point: str | None) -> dict[str, Any]:
    """What a client and a worker do: upload, submit, work to the end. What the client was told is kept in ``client.json``."""
    trap = Trap(point)
    trap.set()
    core = open_core(read_settings({}, home=home), catalog=small_catalog(folder / "plugins"))
    told = home.with_suffix(".client.json")
    client = json.loads(told.read_text()) if told.exists() else {}
    if "upload_id" not in client:
        client["upload_id"] = core.uploading.take_file(folder / "table.csv").upload_id
        told.write_text(json.dumps(client))
    run = core.submitting.submit(Submission([client["upload_id"]], idempotency_key="the one run"))
    worker = WorkerRuntime(core, kind="worker", places=2)
    worker.start()
    try:
        run = ended(core, run)
    finally:
        worker.stop(drain_s=5.0)
    found = findings(core, home) | {"status": run.status, "counts": dict(trap.counts)}
    core.close()
    return found


def findings(core: Core, home: Path) -> dict[str, Any]:
    """The state a home was left in, read without the product's help where that is possible."""
    database = sqlite3.connect(home / "state.sqlite")
    runs = [row[0] for row in database.execute("SELECT run_id FROM run")]
    artifacts = database.execute("SELECT run_id, path, sha256 FROM artifact ORDER BY path").fetchall()
    wrong = [path for run_id, path, sha256 in artifacts if sha256_of(home / "runs" / run_id / path) != sha256]
    on_disk = {str(path.relative_to(home / "runs")) for path in (home / "runs").rglob("*") if path.is_file()}
    doubled = database.execute(
        "SELECT execution_id, count(*) FROM attempt WHERE status IN ('OK', 'NA') GROUP BY execution_id HAVING count(*) > 1"
    ).fetchall()
    gaps = database.execute("SELECT run_id FROM event GROUP BY run_id HAVING max(seq) <> count(*)").fetchall()
    return {
        "runs": len(runs),
        "hashes": {path: sha256 for _, path, sha256 in artifacts if not path.endswith(("run_manifest.json", ".log"))},
        "wrong": wrong,
        "unregistered": sorted(on_disk - {f"{run_id}/{path}" for run_id, path, _ in artifacts}),
        "doubled": doubled,
        "gaps": gaps,
        "integrity": database.execute("PRAGMA integrity_check").fetchone()[0],
        "scratch": sorted(entry.name for entry in (home / "scratch").iterdir()),
        "quarantine": sorted(entry.name for entry in (home / "quarantine").iterdir()),
    }


def forked(task: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
    """The answer of ``task`` from a process of its own; None where it was killed."""
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reader)
        try:
            answer = task()
        except BaseException:
            answer = {"failed": traceback.format_exc()}
        with os.fdopen(writer, "w") as pipe:
            json.dump(answer, pipe)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    os.waitpid(process, 0)
    return json.loads(text) if text else None


def points(counts: dict[str, int]) -> list[str]:
    """The first call of each kind from both sides, and the last from the far side."""
    first = [f"{name}#1-{side}" for name in sorted(counts) for side in ("before", "after")]
    return [*first, *(f"{name}#{count}-after" for name, count in sorted(counts.items()) if count > 1)]


def tell(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main(folder: Path, part: int, parts: int) -> None:
    """Prints one JSON line per point: the point, whether it was reached, and what was found when another had finished."""
    calm = forked(lambda: work(folder, folder / "calm", None))
    assert calm is not None
    assert "failed" not in calm, calm["failed"]
    tell({"point": None, "found": calm})
    chosen = points(calm["counts"])[part::parts]
    for number, point in enumerate(chosen):
        home = folder / f"home{number}"
        first = forked(lambda home=home, point=point: work(folder, home, point))  # type: ignore[misc]
        if number % 4 == 0:  # whoever repairs may die as well
            second = random.Random(point).choice(chosen)
            forked(lambda home=home, second=second: work(folder, home, second))  # type: ignore[misc]
        found = forked(lambda home=home: work(folder, home, None))  # type: ignore[misc]
        tell({"point": point, "crashed": first is None, "first": (first or {}).get("failed"), "found": found})


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
