"""Reuse takes over what is as recorded, byte for byte, and makes everything else anew."""

from pathlib import Path

import pytest

from harness_core.bootstrap import Core
from harness_core.domain.runs import Run, RunId
from tests.fakes.ended_homes import EndedHome
from tests.fakes.running import report_bytes, run_to_end


def statuses(core: Core, run: Run) -> dict[str, str]:
    return {item.plugin_id: str(item.status) for item in core.runs.executions(run.run_id)}


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)


@pytest.fixture
def first(core: Core, run_id: RunId) -> Run:
    return core.runs.get(run_id)


def test_what_is_whole_is_taken_over(core: Core, ended_home: EndedHome, first: Run) -> None:
    """No plugin runs, and the bytes are the same."""
    again = run_to_end(core, ended_home.table)
    assert set(statuses(core, again).values()) == {"REUSED"}
    assert report_bytes(core, again) == report_bytes(core, first)


@pytest.mark.parametrize(
    ("pattern", "made_again"),
    [
        ("runs/*/plugins/profile_small/output.json", "profile_small"),
        ("runs/*/plugins/analysis_count/artifacts/count.json", "analysis_count"),
        ("datasets/*/data.parquet", "ingest_small"),
    ],
)
def test_what_differs_from_its_record_is_made_again(
    core: Core, ended_home: EndedHome, first: Run, pattern: str, made_again: str
) -> None:
    """An altered result, artifact or data is a miss; the run says so, is whole, and gives the bytes of the first."""
    before = report_bytes(core, first)
    (path,) = core.settings.home.glob(pattern)
    flip(path)
    again = run_to_end(core, ended_home.table)
    found = statuses(core, again)
    assert [name for name, status in found.items() if status != "REUSED"] == [made_again]
    assert found[made_again] == "OK"
    assert [event.plugin_id for event in core.runs.events(again.run_id) if event.type == "execution.reuse_refused"] == [made_again]
    assert report_bytes(core, again) == before
    assert core.verifying.verify_run(core.replaying, again.run_id).verified


def test_data_that_are_gone_are_read_again(core: Core, ended_home: EndedHome, first: Run) -> None:
    """A dataset version that is no longer kept is a miss, not the end of every later run."""
    before = report_bytes(core, first)
    (data,) = core.settings.home.glob("datasets/*/data.parquet")
    data.unlink()
    (data.parent / "schema.json").unlink()
    data.parent.rmdir()
    again = run_to_end(core, ended_home.table)
    assert statuses(core, again)["ingest_small"] == "OK"
    assert report_bytes(core, again) == before
    assert core.replaying.replay(again.run_id)
