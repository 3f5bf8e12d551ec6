"""What a plugin logs arrives: in its log file, as events while it runs, in `runs show` and on the page; bounded, and without secrets."""

import json
import re
from pathlib import Path

import pytest

from harness_core.bootstrap import Core
from tests.conftest import OpenCore
from tests.fakes.plugins import make_plugin, small_catalog
from tests.fakes.running import run_to_end

SECRET = 'swordfish-"quoted"'
TALKS = """
from harness_core.sdk import PluginResult

def run(ctx):
    key = ctx.settings["key"]
    ctx.log("read the header", columns=12)
    ctx.log.debug("details", key=key, nested={"key": [key]})
    ctx.log.warning("a column is empty, says " + key, column="b")
    for number in range(30):
        ctx.log.error(f"number {number}" + "!" * 1000)
    return PluginResult.ok("Talked.")
"""
CONFIG = {
    "type": "object", "additionalProperties": False,
    "properties": {"key": {"type": "string"}},
}  # fmt: skip

KEY = {"analysis_talks": {"key": {"$env": "TEST_KEY"}}}


@pytest.fixture
def core(open_home: OpenCore, tmp_path: Path) -> Core:
    catalog = small_catalog(tmp_path / "plugins")
    make_plugin(tmp_path / "plugins", "analysis_talks", "analysis", TALKS, config=CONFIG)
    return open_home(catalog, queue_url="memory://")


def test_what_a_plugin_logs_arrives(core: Core, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every entry in the registered file, with its time and level; the first twenty warnings and errors as events; no secret."""
    monkeypatch.setenv("TEST_KEY", SECRET)
    run = run_to_end(core, table, settings=KEY)
    folder = core.store.run_folder(run.run_id)
    path = folder / "plugins" / "analysis_talks" / "stderr.log"
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 33
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO read the header columns=12", lines[0])
    assert lines[1].endswith('DEBUG details key="[removed]" nested={"key": ["[removed]"]}')
    assert lines[2].endswith('WARNING a column is empty, says [removed] column="b"')
    registered = {item.path: item.sha256 for item in core.runs.artifacts(run.run_id)}
    assert registered["plugins/analysis_talks/stderr.log"] == core.store.sha256_of(path)
    said = core.runs.events(run.run_id, type="execution.log")
    assert [item.data["level"] for item in said] == ["warning", *["error"] * 19]
    assert said[0].data["message"] == "a column is empty, says [removed]"
    assert max(len(str(item.data["message"])) for item in said) == 500
    assert run.started_at is not None
    assert run.ended_at is not None
    assert all(run.started_at <= item.at <= run.ended_at for item in said)
    assert run.warning_count == 31
    found = [item for item in core.settings.home.rglob("*") if item.is_file() and b"swordfish" in item.read_bytes()]
    assert found == []


def test_reports_know_nothing_of_what_was_logged(core: Core, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries carry times, and so stay out of what must be the same in every run."""
    monkeypatch.setenv("TEST_KEY", SECRET)
    run = run_to_end(core, table, settings=KEY)
    folder = core.store.run_folder(run.run_id)
    report = json.loads((folder / "report.json").read_bytes())
    assert "read the header" not in json.dumps(report)
    assert "stderr.log" not in json.dumps(report)


def test_after_a_purge_nothing_is_left_of_it(core: Core, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages may hold cells of the data: they end with the files, in the database too."""
    monkeypatch.setenv("TEST_KEY", SECRET)
    run = run_to_end(core, table, settings=KEY)
    core.retaining.delete_runs([run.run_id])
    core.retaining.apply(core.retaining.policy.__class__(grace_days=0, newest=0))
    assert core.runs.get(run.run_id).purged_at is not None
    events = core.runs.events(run.run_id)
    assert "a column is empty" not in json.dumps([item.as_dict() for item in events if item.type == "execution.log"])
