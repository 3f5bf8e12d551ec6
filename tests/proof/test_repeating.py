"""A run made again from its record gives the same bytes, or it is said what differs."""

from contextlib import closing
from pathlib import Path

import pytest

from harness_core.bootstrap import Core, open_core
from harness_core.domain.errors import Conflict, NotFound
from harness_core.domain.runs import Run, RunId
from harness_core.settings import read_settings
from harness_worker.runtime import WorkerRuntime
from tests.fakes.ended_homes import EndedHome
from tests.fakes.plugins import COUNT, small_catalog
from tests.fakes.running import ended, run_to_end


def repeated(core: Core, run: Run) -> Run:
    worker = WorkerRuntime(core, kind="worker", places=2)
    worker.start()
    try:
        return ended(core, core.repeating.repeat(run, worker.worker_id))
    finally:
        worker.stop(drain_s=5.0)


def test_a_run_made_again_is_the_same(core: Core, ended_home: EndedHome, run_id: RunId) -> None:
    """Everything is computed anew, and every byte comes out again."""
    second = repeated(core, ended_home.run(core))
    assert {str(item.status) for item in core.runs.executions(second.run_id)} == {"OK"}
    assert core.repeating.differences(run_id, second.run_id) == []


DICE = """
import os
from harness_core.sdk import Finding, PluginResult

def run(ctx):
    drawn = os.urandom(8).hex()
    ctx.write_artifact("dice.txt", drawn.encode())
    return PluginResult.ok("Drawn.", metrics={"drawn": drawn})
"""


def test_what_is_not_determined_is_found(tmp_path: Path, table: Path) -> None:
    """A plugin that throws dice of its own is named, with the place."""
    catalog = small_catalog(tmp_path / "plugins", analysis_dice=DICE)
    with closing(open_core(read_settings({}, home=tmp_path / "home"), queue_url="memory://", catalog=catalog)) as core:
        first = run_to_end(core, table)
        found = {item.path: item.reason for item in core.repeating.differences(first.run_id, repeated(core, first).run_id)}
    assert "plugins/analysis_dice/artifacts/dice.txt" in found
    assert ".artifacts[0].sha256" in found["plugins/analysis_dice/output.json"]
    assert "plugins/analysis_count/output.json" not in found


def test_other_code_is_named_before_anything_runs(ended_home: EndedHome, tmp_path: Path) -> None:
    """There is no use in comparing what another plugin computes."""
    ended_home.copy(tmp_path / "home").close()
    catalog = small_catalog(tmp_path / "plugins", analysis_contacts=COUNT, analysis_new=COUNT)
    with closing(open_core(read_settings({}, home=tmp_path / "home"), queue_url="memory://", catalog=catalog)) as core:
        with pytest.raises(Conflict) as refused:
            core.repeating.submission(ended_home.run(core))
        assert {problem.field for problem in refused.value.problems} == {"analysis_contacts", "analysis_new"}
        assert len(core.runs.page().runs) == 1


def test_without_the_upload_it_cannot_be_repeated(core: Core, ended_home: EndedHome) -> None:
    """And that is said."""
    (blob,) = core.settings.home.glob("blobs/*/*")
    blob.unlink()
    with pytest.raises(NotFound) as refused:
        core.repeating.submission(ended_home.run(core))
    assert refused.value.code == "upload_gone"
