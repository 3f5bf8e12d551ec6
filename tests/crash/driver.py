"""Runs a small plan again and again in forked processes that kill themselves at a named point, and lets another one finish it.

Started by the tests as a process of its own, so that every fork begins with the imports done and no thread. A *point* is a call of
something that changes the world (a port of the state database, the store, the queue, or a system call that makes bytes durable or
visible), counted within the process, and the side of it: ``FolderStore.publish#2-before``. In the mode *refuse* nobody dies: the
disk is full at that point, once, and whoever meets it has to cope.
"""

import errno
import json
import os
import random
import signal
import sqlite3
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
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
from harness_core.adapters.wall.launcher import ProcessLauncher
from harness_core.bootstrap import Core, open_core
from harness_core.domain.errors import Conflict, Unhealthy
from harness_core.services.submitting import Submission
from harness_core.settings import read_settings
from harness_worker.runtime import WorkerRuntime
from tests.fakes.plugins import small_catalog
from tests.fakes.running import ended

CHANGES: dict[type, tuple[str, ...]] = {
    SqlRuns: ("create", "pause", "resume"),
    SqlJobs: ("claim_several", "commit_execution", "commit_expansion", "begin_closing", "commit_closing", "reap"),
    SqlLibrary: ("add_upload",),
    SqlWorkers: ("register", "remove"),
    SharedSync: ("sync",),
    FolderBlobs: ("take_in", "promote"),
    FolderStore: ("scratch", "drop_scratch", "stage", "harvest", "write_output", "publish", "write_run_file", "keep_dataset"),
    ProcessLauncher: ("run",),
    HueyBell: ("ring",),
    Path: ("replace",),
}  # fmt: skip


class Trap:
    """Counts the calls, and at one of them ends the process by SIGKILL, or refuses, as a full disk does."""

    def __init__(self, point: str | None, mode: str) -> None:
        self.point, self.counts, self.mode = point, Counter[str](), mode

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
        if here != self.point:
            return
        if self.mode == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if here.startswith("Sql"):
            raise Unhealthy("state_database_unavailable", "It could not be written.", why="database or disk is full")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def work(folder: Path, home: Path, point: str | None, mode: str = "kill") -> dict[str, Any]:
    """What a client and a worker do: upload, submit, work to the end. What the client was told is kept in ``client.json``."""
    trap = Trap(point, mode)
    trap.set()
    core = open_core(read_settings({}, home=home), catalog=small_catalog(folder / "plugins"))
    told = home.with_suffix(".client.json")
    client = json.loads(told.read_text()) if told.exists() else {}
    if "upload_id" not in client:
        client["upload_id"] = core.uploading.take_file(folder / "table.csv").upload_id
        told.write_text(json.dumps(client))
    run = core.submitting.submit(Submission([client["upload_id"]], idempotency_key="the one run"))
    with suppress(Conflict):  # another has finished it
        core.controlling.pause(run.run_id)
        core.controlling.resume(run.run_id)
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


def main(folder: Path, part: int, parts: int, mode: str) -> None:
    """Prints one JSON line per point: the point, whether it was reached, and what was found when another had finished."""
    calm = forked(lambda: work(folder, folder / "calm", None))
    assert calm is not None
    assert "failed" not in calm, calm["failed"]
    tell({"point": None, "found": calm})
    chosen = points(calm["counts"])[part::parts]
    for number, point in enumerate(chosen if mode == "kill" else [point for point in chosen if point.endswith("#1-before")]):
        home = folder / f"home{number}"
        tell({"point": point, **(killed if mode == "kill" else refused)(folder, home, point, chosen if number % 4 == 0 else ())})


def killed(folder: Path, home: Path, point: str, chosen: Sequence[str]) -> dict[str, Any]:
    """One dies at the point; where there is something to choose from, whoever repairs dies as well; the last one finishes."""
    first = forked(lambda: work(folder, home, point))
    if chosen:
        second = random.Random(point).choice(chosen)
        forked(lambda: work(folder, home, second))
    found = forked(lambda: work(folder, home, None))
    return {"reached": first is None, "first": (first or {}).get("failed"), "found": found}


def refused(folder: Path, home: Path, point: str, _chosen: Sequence[str]) -> dict[str, Any]:
    """The process meets a full disk and goes on by itself; only where a person was told of it, another tries again."""
    first = forked(lambda: work(folder, home, point, "refuse")) or {"failed": "killed", "counts": {}}
    found = forked(lambda: work(folder, home, None)) if "failed" in first else first
    return {
        "reached": "failed" in first or bool(first["counts"].get(point.split("#")[0])),
        "first": first.get("failed"),
        "found": found,
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
