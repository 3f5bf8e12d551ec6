"""What a plugin says of its progress: stored with its unit, told in events and in the API's document with its rate."""

from pathlib import Path
from typing import Any

import pytest

from harness_api.documents import run_document
from harness_core.adapters.catalog.folders import FolderCatalog
from harness_core.bootstrap import Core
from harness_core.domain.runs import Execution, ExecutionStatus, Run
from harness_worker.runtime import WorkerRuntime
from tests.conftest import OpenCore
from tests.fakes.plugins import make_plugin, small_catalog
from tests.fakes.running import ended, run_to_end, submit, until

TELLS = """
import time
from harness_core.sdk import PluginResult

def run(ctx):
    time.sleep(1.2)  # there is no pace in the first second
    ctx.progress_in_rows(2, 4, "half")
    if ctx.settings["stays"]:
        time.sleep(60)
    return PluginResult.ok("Told.")
"""
STAYS = {"type": "object", "additionalProperties": False, "properties": {"stays": {"type": "boolean", "default": False}}}


@pytest.fixture
def core(open_home: OpenCore, tmp_path: Path) -> Core:
    small_catalog(tmp_path / "plugins")
    make_plugin(tmp_path / "plugins", "analysis_count", "analysis", TELLS, config=STAYS)
    return open_home(FolderCatalog([(tmp_path / "plugins", "path")], check_interval_s=0.0), queue_url="memory://")


def telling(core: Core, run: Run) -> Execution:
    return next(item for item in core.runs.executions(run.run_id) if item.plugin_id == "analysis_count")


def test_rows_are_told_with_their_rate(core: Core, table: Path) -> None:
    """A share of the work is shown in rows of the table; the event has the unit, the rate and the time that is left."""
    run = run_to_end(core, table)
    (event,) = core.runs.events(run.run_id, type="execution.progress")
    assert {key: event.data[key] for key in ("done", "total", "what", "unit")} == {
        "done": 1.5, "total": 3.0, "what": "half", "unit": "rows",
    }  # fmt: skip
    assert 0 < event.data["rate"] < 1.5 / 1.0
    assert event.data["remaining_s"] == pytest.approx(1.5 / event.data["rate"])


def test_a_running_execution_shows_its_pace_and_an_ended_one_does_not(core: Core, table: Path) -> None:
    """The API's document of a run: done, total, unit; rate and remaining time only while they mean something."""
    worker = WorkerRuntime(core, kind="worker", places=2)
    worker.start()
    try:
        run = submit(core, table, plugins=["analysis_count"], settings={"analysis_count": {"stays": True}})
        until(lambda: telling(core, run).progress_done, "it has told something")
        assert telling(core, run).status is ExecutionStatus.RUNNING
        (shown,) = progress_shown(core, run)
        assert (shown["done"], shown["total"], shown["what"], shown["unit"]) == (1.5, 3.0, "half", "rows")
        assert shown["rate"] * shown["remaining_s"] == pytest.approx(1.5)
        core.controlling.cancel(run.run_id)
        ended(core, run)
    finally:
        worker.stop(drain_s=5.0)
    (shown,) = progress_shown(core, run)
    assert (shown["unit"], shown["rate"], shown["remaining_s"]) == ("rows", None, None)


def progress_shown(core: Core, run: Run) -> list[dict[str, Any]]:
    document = run_document(core.runs.get(run.run_id), core.runs.executions(run.run_id), None, core.clock.now())
    return [item["progress"] for item in document["executions"] if item["plugin_id"] == "analysis_count"]
