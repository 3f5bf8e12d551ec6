"""Runs a small plan again and again in forked processes that kill themselves at a named point, and lets another one finish it.

Started by the tests as a process of its own, so that every fork begins with the imports done and no thread. A *point* is a call of
something that changes the world (a port of the state database, the store, the queue, or a system call that makes bytes durable or
visible), counted within the process, and the side of it: ``FolderStore.publish#2-before``. Points between which nothing changes the
world are one *moment*, and one death is enough for it. In the mode *refuse* nobody dies: the disk is full at that point,
once, and whoever meets it has to cope.
"""

import errno
import json
import os
import random
import signal
import sqlite3
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import alembic.command  # noqa: F401 - imported once, here, for every fork

sys.path.insert(0, str(Path(__file__).parents[2]))

from harness_core.adapters.blobs import FolderBlobs
from harness_core.adapters.catalog.folders import FolderCatalog
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
from tests.fakes.migrated import empty_database, lay_database
from tests.fakes.plugins import make_plugin, small_catalog
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


COLD = {"HARNESS_WARM_START": "0"}  # a warm process serves hundreds of guests; these homes see a handful each
COUNT = """
from harness_core.sdk import Finding, PluginResult

def run(ctx):
    ctx.write_artifact("count.json", {"rows": ctx.dataset.row_count})
    return PluginResult.ok("Counted.", findings=[Finding("constant", "Rows", "There are rows.", evidence_note="None is needed.")])
"""


class Trap:
    """Counts the calls, and at the first point of a moment ends the process by SIGKILL, or refuses, as a full disk does.

    ``passed`` lists the points in the order in which they were passed, each with its thread and whether no call was under way in it.
    """

    def __init__(self, moment: Sequence[str], mode: str) -> None:
        self.moment, self.counts, self.mode = moment, Counter[str](), mode
        self.passed: list[tuple[int, bool, str]] = []
        self._depth = threading.local()

    def set(self) -> None:
        for owner, names in CHANGES.items():
            for name in names:
                setattr(owner, name, self._wrapped(f"{owner.__name__}.{name}", getattr(owner, name)))

    def _wrapped(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def trapped(*arguments: Any, **options: Any) -> Any:
            self.counts[name] += 1
            here = f"{name}#{self.counts[name]}"
            self._spring(f"{here}-before")
            with self._under_way():
                answer = function(*arguments, **options)
            self._spring(f"{here}-after")
            return answer

        return trapped

    @contextmanager
    def _under_way(self) -> Iterator[None]:
        self._depth.now = getattr(self._depth, "now", 0) + 1
        try:
            yield
        finally:
            self._depth.now -= 1

    def _spring(self, here: str) -> None:
        self.passed.append((threading.get_ident(), getattr(self._depth, "now", 0) == 0, here))
        if here not in self.moment:
            return
        if self.mode == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if here.startswith("Sql"):
            raise Unhealthy("state_database_unavailable", "It could not be written.", why="database or disk is full")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def catalog(plugins: Path) -> FolderCatalog:
    """The small plugins, those that count without an engine: fresh interpreters are to be there at once."""
    found = small_catalog(plugins)
    make_plugin(plugins, "profile_small", "profile", COUNT)
    make_plugin(plugins, "analysis_count", "analysis", COUNT, depends_on=["profile_small"])
    return found


def work(folder: Path, home: Path, moment: Sequence[str] = (), mode: str = "kill") -> dict[str, Any]:
    """What a client and a worker do: upload, submit, work to the end. What the client was told is kept in ``client.json``."""
    trap = Trap(moment, mode)
    trap.set()
    lay_database(home)
    core = open_core(read_settings(COLD, home=home), catalog=FolderCatalog([(folder / "plugins", "path")]))
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
    found = findings(core, home) | {"status": run.status, "counts": dict(trap.counts), "passed": trap.passed}
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


def moments(calm: dict[str, Any]) -> list[list[str]]:
    """The points of an undisturbed run; those that a thread passed one upon the other, after a call and before the next, together.

    Within a call that is under way nothing is put together: what it does beside the calls that are counted is not known.
    """
    found = {point: [point] for point in points(calm["counts"])}
    for (thread, alone, before), (same, _, point) in pairwise(calm["passed"]):
        sides = before.endswith("-after") and point.endswith("-before")
        if alone and same == thread and sides and before in found and point in found:
            found[before] += found.pop(point)
    return list(found.values())


def main(folder: Path, parts: int, mode: str) -> int:
    """Prints one JSON line per moment: its points, whether it was reached, and what was found when another had finished."""
    catalog(folder / "plugins")
    empty_database()  # once, for every fork
    calm = forked(lambda: work(folder, folder / "calm"))
    assert calm is not None
    assert "failed" not in calm, calm["failed"]
    found = moments(calm) if mode == "kill" else [[point] for point in points(calm["counts"]) if point.endswith("#1-before")]
    children = [_beside(lambda: one_part(folder, found, part, parts, mode)) for part in range(parts)]  # noqa: B023 - forked at once
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    lines = [line for part in range(parts) for line in (folder / f"part{part}.jsonl").read_text().splitlines()]
    sys.stdout.write("\n".join([json.dumps({"points": [], "found": calm}), *lines]) + "\n")
    return max(codes, key=abs)


def _beside(task: Callable[[], None]) -> int:
    """The task in a process of its own; returns its id at once."""
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        task()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def one_part(folder: Path, found: Sequence[Sequence[str]], part: int, parts: int, mode: str) -> None:
    """Every ``parts``-th moment from ``part`` on; every fourth of them sees whoever repairs die as well."""
    try_at = killed if mode == "kill" else refused
    with (folder / f"part{part}.jsonl").open("w", encoding="utf-8") as file:
        for number, points_of in enumerate(found[part::parts]):
            told = try_at(folder, folder / f"home{part}-{number}", points_of, found if number % 4 == 0 else ())
            file.write(json.dumps({"points": points_of, **told}) + "\n")


def killed(folder: Path, home: Path, moment: Sequence[str], found: Sequence[Sequence[str]]) -> dict[str, Any]:
    """One dies at the moment; where there are some to choose from, whoever repairs dies as well; the last one finishes."""
    first = forked(lambda: work(folder, home, moment))
    if found:
        second = random.Random(moment[0]).choice(found)
        forked(lambda: work(folder, home, second))
    last = forked(lambda: work(folder, home))
    return {"reached": first is None, "first": (first or {}).get("failed"), "found": last}


def refused(folder: Path, home: Path, moment: Sequence[str], _found: Sequence[Sequence[str]]) -> dict[str, Any]:
    """The process meets a full disk and goes on by itself; only where a person was told of it, another tries again."""
    first = forked(lambda: work(folder, home, moment, "refuse")) or {"failed": "killed", "counts": {}}
    last = forked(lambda: work(folder, home)) if "failed" in first else first
    return {
        "reached": "failed" in first or bool(first["counts"].get(moment[0].split("#")[0])),
        "first": first.get("failed"),
        "found": last,
    }


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
