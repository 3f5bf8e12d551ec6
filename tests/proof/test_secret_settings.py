"""Secrets: known to the plugin while it runs, and to nothing that is kept."""

import json
from pathlib import Path

import pytest

from harness_core.bootstrap import Core
from tests.conftest import OpenCore
from tests.fakes.plugins import make_plugin, small_catalog
from tests.fakes.running import run_to_end

SECRET = 'swordfish-and-"quotes"'
USES_IT = """
import sys
from harness_core.sdk import Finding, PluginResult

def run(ctx):
    key = ctx.settings["service"]["key"]
    print("my key is", key)
    print("again", key, file=sys.stderr)
    ctx.progress(1, 1, "using " + key)
    ctx.write_artifact("key.txt", key.encode())
    found = Finding("constant", "Key", "The key is " + key, evidence=[])
    return PluginResult.ok("Used " + key, metrics={"length": len(key), "keys": [key]}, findings=[found])
"""
CONFIG = {
    "type": "object", "additionalProperties": False,
    "properties": {"service": {"type": "object", "properties": {"key": {"type": "string"}}}},
}  # fmt: skip

KEY = {"analysis_key": {"service": {"key": {"$env": "TEST_KEY"}}}}


@pytest.fixture
def core(open_home: OpenCore, tmp_path: Path) -> Core:
    catalog = small_catalog(tmp_path / "plugins")
    make_plugin(tmp_path / "plugins", "analysis_key", "analysis", USES_IT, config=CONFIG)
    return open_home(catalog, queue_url="memory://")


def test_a_secret_reaches_the_plugin_and_nothing_that_is_kept(
    core: Core, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the state database, nor reports, manifest, logs, artifacts, packs and diagnostics: no file holds it."""
    monkeypatch.setenv("TEST_KEY", SECRET)
    run = run_to_end(core, table, settings=KEY)
    folder = core.store.run_folder(run.run_id)
    output = json.loads((folder / "plugins" / "analysis_key" / "output.json").read_bytes())
    assert output["metrics"] == {"length": len(SECRET), "keys": ["[removed]"]}
    assert (folder / "plugins" / "analysis_key" / "artifacts" / "key.txt").read_text() == "[removed]"
    assert "my key is [removed]" in (folder / "plugins" / "analysis_key" / "stdout.log").read_text()
    assert json.loads((folder / "run_manifest.json").read_bytes())["config"]["settings"]["analysis_key"] == {
        "service": {"key": {"$env": "TEST_KEY"}}
    }
    core.exporting.export(run.run_id, core.settings.home / "pack.zip", include_raw=True)
    core.diagnosing.write(run.run_id, core.settings.home / "diag.zip")
    core.backing_up.back_up()
    for path in core.settings.home.rglob("*"):
        if path.is_file():
            assert b"swordfish" not in path.read_bytes(), path
    assert core.replaying.replay(run.run_id)


@pytest.mark.parametrize(("value", "word"), [(None, "not set"), ("abc", "too short")])
def test_a_secret_that_is_missing_is_named_before_anything_starts(
    core: Core, table: Path, monkeypatch: pytest.MonkeyPatch, value: str | None, word: str
) -> None:
    """The plugin ends in an error that says which variable to set; the rest of the run goes on."""
    monkeypatch.delenv("TEST_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("TEST_KEY", value)
    run = run_to_end(core, table, settings=KEY)
    (execution,) = [item for item in core.runs.executions(run.run_id) if item.plugin_id == "analysis_key"]
    assert (run.status, execution.status) == ("PARTIAL", "ERROR")
    assert execution.error is not None
    assert execution.error["type"] == "secret_missing"
    assert "TEST_KEY" in execution.error["message"]
    assert word in execution.error["message"]
