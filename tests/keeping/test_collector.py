"""What goes by itself: a worker collects what nobody needs, one for all, and the doctor says what should have gone by now."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from harness_core.bootstrap import Core
from harness_core.domain.errors import NotFound
from harness_core.domain.plugins import PluginId
from harness_core.domain.retention import DAY_S
from harness_core.domain.runs import ExecutionStatus, RunStatus
from harness_core.services.doctor import Check, check_keeping
from harness_core.services.janitors.collector import collect
from harness_worker.runtime import Kind, WorkerRuntime
from tests.conftest import OpenCore
from tests.fakes.plugins import small_catalog
from tests.fakes.running import run_to_end, submit, until

ORPHAN = "ab" * 32


@pytest.fixture
def core(open_home: OpenCore, tmp_path: Path) -> Core:
    """A fresh home: those of the other tests beside this one hold old runs."""
    return open_home(small_catalog(tmp_path / "plugins"), queue_url="memory://")


def leave_things_about(core: Core) -> list[Path]:
    """Bytes that no upload records, and a scratch folder of somebody who died."""
    orphan = core.settings.home / "blobs" / "ab" / ORPHAN
    orphan.parent.mkdir(parents=True, exist_ok=True)
    orphan.write_bytes(b"left behind")
    scratch = core.settings.home / "scratch" / "run_x.1"
    scratch.mkdir()
    return [orphan, scratch]


@pytest.mark.parametrize(("kind", "collects"), [("worker", True), ("serve", True), ("run", False)])
def test_workers_collect_by_themselves(open_home: OpenCore, tmp_path: Path, kind: Kind, collects: bool) -> None:
    """On a schedule of their own, without anybody asking; the short life of `harness run` is no time for it."""
    core = open_home(small_catalog(tmp_path / "plugins"), queue_url="memory://", collect_s="0.1")
    worker = WorkerRuntime(core, kind=kind, places=1)
    worker.start()
    try:
        left = leave_things_about(core)
        if collects:
            until(lambda: not any(path.exists() for path in left), "the collection")
            assert core.collecting.last_turn() is not None
        else:
            assert "collector" not in {thread.name for thread in worker._threads}
    finally:
        worker.stop(drain_s=1.0)


def test_uploads_in_pieces_go_after_a_week(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever never came back is forgotten by the collector too, and not one whose piece is on its way to another process."""
    left, under_way = (core.resumable.begin(name, 100) for name in ("left.csv", "under_way.csv"))
    core.resumable.append(left.id, 0, [b"a piece"])
    now = core.clock.now() + 8 * DAY_S
    monkeypatch.setattr(type(core.clock), "now", lambda self: now)
    folder = core.settings.home / "quarantine" / "tus"
    os.utime(folder / under_way.id / "data", (now, now))
    assert collect(core.collecting, core.store, core.blobs, core.resumable, every_s=3600) is not None
    assert [path.name for path in folder.iterdir()] == [under_way.id]
    with pytest.raises(NotFound):
        core.resumable.state(left.id)


def test_it_can_be_switched_off(open_home: OpenCore, tmp_path: Path) -> None:
    """HARNESS_COLLECT_S=0 leaves collecting to people and timers."""
    core = open_home(small_catalog(tmp_path / "plugins"), queue_url="memory://", collect_s="0")
    assert "collector" not in {thread.name for thread in WorkerRuntime(core, kind="worker", places=1)._threads}


def test_one_worker_takes_the_turn_for_all(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """The turn is taken in the database: once per interval among all processes, and again after the clock was put back."""
    now = core.clock.now()
    monkeypatch.setattr(type(core.clock), "now", lambda self: now)
    assert [core.collecting.take_turn(3600) for _ in range(3)] == [True, False, False]
    now += 3601
    assert [core.collecting.take_turn(3600) for _ in range(2)] == [True, False]
    now -= 10 * DAY_S
    assert [core.collecting.take_turn(3600) for _ in range(2)] == [True, False]


def checks(core: Core) -> Mapping[str, Check]:
    collecting = core.collecting
    found = check_keeping(core.retaining.overdue(), collecting.survey(), collecting.last_turn(), core.clock.now())
    return {check.name: check for check in found}


def test_the_doctor_says_what_is_overdue(core: Core, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A day late is late, for runs beyond the policy, for deleted ones and for files; each with the command that mends it."""
    first, second = run_to_end(core, table), run_to_end(core, table)
    core.collecting.policy = replace(core.collecting.policy, newest=0, days=60, grace_days=7)
    assert {check.state for check in checks(core).values()} == {"ok"}
    start = core.clock.now()
    now = start + 60 * DAY_S + 3600  # due, and the daily timer may still come
    monkeypatch.setattr(type(core.clock), "now", lambda self: now)
    assert checks(core)["retention"].state == "ok"
    now = start + 62 * DAY_S
    late = checks(core)["retention"]
    assert (late.state, late.details["expired"]) == ("warning", 2)
    assert "harness retention --apply" in late.next_step
    core.retaining.apply()
    assert checks(core)["retention"].state == "ok"
    now += 9 * DAY_S
    late = checks(core)["retention"]
    assert (late.state, dict(late.details)) == ("warning", {"expired": 0, "deleted": 2})
    core.retaining.apply()
    assert core.runs.get(first.run_id).purged_at is not None
    assert core.runs.get(second.run_id).purged_at is not None
    assert {check.state for check in checks(core).values()} == {"ok"}
    leave_things_about(core)
    late = checks(core)["collection"]
    assert (late.state, late.details["items"]) == ("warning", 1)
    assert "harness datasets gc" in late.next_step
    assert core.collecting.take_turn(3600)
    assert checks(core)["collection"].state == "ok"


def test_closing_a_run_leaves_no_stage_of_the_dead(core: Core, table: Path) -> None:
    """The stage of an attempt whose worker was killed ends with its run, whatever became of the execution."""
    run = submit(core, table)
    stage = core.store.stage(run.run_id, PluginId("analysis_count"), 99)
    stage.stderr.write_text("what a killed attempt printed")
    worker = WorkerRuntime(core, kind="worker", places=1)
    worker.start()
    try:
        until(lambda: core.runs.get(run.run_id).status is RunStatus.COMPLETED, "the end of the run")
    finally:
        worker.stop(drain_s=1.0)
    folder = core.store.run_folder(run.run_id)
    registered = {item.path for item in core.runs.artifacts(run.run_id)}
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == registered
    assert not stage.folder.parent.exists()
    assert {item.status for item in core.runs.executions(run.run_id)} == {ExecutionStatus.OK}
