"""Whatever dies at whatever moment: the run ends as it would have, with the same bytes, and nothing half-made is left."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PARTS = 2
STEPS = {
    "upload": ("FolderBlobs.take_in", "FolderBlobs.promote", "SqlLibrary.add_upload"),
    "submit": ("SqlRuns.create",),
    "ring": ("HueyBell.ring",),
    "pause and go on": ("SqlRuns.pause", "SqlRuns.resume"),
    "come and go": ("SqlWorkers.register", "SqlWorkers.remove", "SqlJobs.reap"),
    "claim": ("SqlJobs.claim_several",),
    "start": ("FolderStore.stage", "FolderStore.scratch", "ProcessLauncher.run"),
    "result": ("FolderStore.harvest", "FolderStore.keep_dataset", "FolderStore.write_output", "FolderStore.drop_scratch"),
    "rename": ("Path.replace", "FolderStore.publish"),
    "commit, which opens the next layer": ("SqlJobs.commit_execution", "SqlJobs.commit_expansion"),
    "confirm": ("SharedSync.sync",),
    "report": ("SqlJobs.begin_closing", "FolderStore.write_run_file"),
    "close": ("SqlJobs.commit_closing",),
}
MAY_BE_MISSED = ("SqlJobs.claim", "SqlJobs.reap", "HueyBell.ring")  # how often a worker looks or rings depends on the moment


def histories(folder: Path, mode: str) -> list[dict[str, Any]]:
    """What the driver found; the first is the undisturbed run."""
    (folder / "table.csv").write_text("a,b\n1,x\n2,y\n3,x\n")
    command = [sys.executable, str(ROOT / "tests" / "crash" / "driver.py"), str(folder), str(PARTS), mode]
    driver = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert driver.returncode == 0, driver.stderr
    return [json.loads(line) for line in driver.stdout.splitlines()]


def faults(found: dict[str, Any] | None, calm: dict[str, Any]) -> dict[str, Any]:
    """What is not as in the undisturbed run."""
    if found is None or "failed" in found:
        return {"failed": (found or {}).get("failed", "killed")}
    wrong = {name: found[name] for name in ("wrong", "unregistered", "doubled", "gaps", "scratch", "quarantine") if found[name]}
    same = ("status", "runs", "hashes", "integrity")
    return wrong | {name: found[name] for name in same if found[name] != calm[name]}


def test_a_crash_at_every_step_changes_nothing(tmp_path: Path) -> None:
    """SIGKILL before and after each change of the world, sometimes twice: the same result, once, and no leftovers."""
    first, *crashed = histories(tmp_path, "kill")
    calm = first["found"]
    assert (calm["status"], calm["runs"], calm["integrity"]) == ("COMPLETED", 1, "ok")
    assert not faults(calm, calm)
    missed = [
        (item["points"], item["first"])
        for item in crashed
        if not item["reached"] and not all(point.startswith(MAY_BE_MISSED) for point in item["points"])
    ]
    assert not missed, "these points were never reached, so nothing was proved there"
    tried = {point.split("#")[0] for item in crashed for point in item["points"]}
    assert tried == {point for points in STEPS.values() for point in points}
    wrong = {item["points"][0]: faults(item["found"], calm) for item in crashed}
    assert {point: found for point, found in wrong.items() if found} == {}


def test_a_full_disk_at_every_step_changes_nothing(tmp_path: Path) -> None:
    """No room, once, before each change of the world: the worker goes on by itself, or a person is told and tries again."""
    first, *full = histories(tmp_path, "refuse")
    calm = first["found"]
    assert [item["points"] for item in full if not item["reached"]] == []
    assert len(full) == sum(len(points) for points in STEPS.values())
    wrong = {item["points"][0]: faults(item["found"], calm) for item in full}
    assert {point: found for point, found in wrong.items() if found} == {}
