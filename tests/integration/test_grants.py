"""Capabilities: declared, denied by default where risky, granted by the operator per plugin, recorded, and blocked with the reason."""

import json
from pathlib import Path

import pytest

from harness_core.adapters.grants import GrantsFile
from harness_core.bootstrap import Core
from harness_core.domain.errors import NotFound, Unhealthy, UsageError
from harness_core.services.plugins import decide, show_plugin
from harness_worker.runtime import WorkerRuntime
from tests.conftest import OpenCore
from tests.fakes.plugins import make_plugin, small_catalog
from tests.fakes.running import ended, run_to_end, submit

FINE = "from harness_core.sdk import PluginResult\ndef run(ctx):\n    return PluginResult.na('nothing', 'Nothing to say.')\n"


@pytest.fixture
def core(open_home: OpenCore, tmp_path: Path) -> Core:
    catalog = small_catalog(tmp_path / "plugins")
    make_plugin(tmp_path / "plugins", "analysis_web", "analysis", FINE, capabilities=["network", "pii"])
    return open_home(catalog, queue_url="memory://")


def statuses(core: Core, table: Path) -> tuple[str, str, dict[str, object]]:
    """Of the plugin that asks: its status, its error's remedy, and the grants in the run's manifest; its fingerprint too."""
    run = run_to_end(core, table, plugins=["analysis_web"])
    (execution,) = [item for item in core.runs.executions(run.run_id) if item.plugin_id == "analysis_web"]
    manifest = json.loads((core.store.run_folder(run.run_id) / "run_manifest.json").read_bytes())
    remedy = str(execution.error["remedy"]) if execution.error else ""
    return str(execution.status), remedy, {"grants": manifest["config"].get("grants"), "fingerprint": run.fingerprint}


def test_denied_granted_and_revoked_again(core: Core, table: Path) -> None:
    """Blocked with the command that would help, then run with the grant in config, fingerprint and manifest, then as before."""
    denied = statuses(core, table)
    assert denied[0] == "BLOCKED"
    assert "`harness plugins grant analysis_web network`" in denied[1]
    assert denied[2]["grants"] is None
    decide(core.catalog, core.grants, "analysis_web", ["network"], granted=True)
    granted = statuses(core, table)
    assert granted[0] == "NA"
    assert granted[2]["grants"] == {"analysis_web": {"network": True}}
    assert granted[2]["fingerprint"] != denied[2]["fingerprint"], "another report needs another fingerprint"
    decide(core.catalog, core.grants, "analysis_web", ["network"], granted=False)
    assert statuses(core, table) == denied


def test_what_is_granted_by_default_can_be_revoked(core: Core, table: Path) -> None:
    """A plugin that may read personal data unasked may be told not to run on it."""
    decide(core.catalog, core.grants, "analysis_web", ["network"], granted=True)
    decide(core.catalog, core.grants, "analysis_web", ["pii"], granted=False)
    status, remedy, recorded = statuses(core, table)
    assert (status, recorded["grants"]) == ("BLOCKED", {"analysis_web": {"network": True, "pii": False}})
    assert "grant analysis_web pii`" in remedy
    shown = show_plugin(core.catalog, "analysis_web", core.grants.decisions())["capabilities"]
    assert [(item["name"], item["granted"], item["granted_by_default"]) for item in shown] == [
        ("network", True, False), ("pii", False, True),
    ]  # fmt: skip


def test_a_recorded_run_keeps_its_grants(core: Core, table: Path) -> None:
    """What is decided while a run waits does not change it: its plan was shown and recorded."""
    decide(core.catalog, core.grants, "analysis_web", ["network"], granted=True)
    waiting = submit(core, table, plugins=["analysis_web"])
    decide(core.catalog, core.grants, "analysis_web", ["network"], granted=False)
    assert core.runs.get(waiting.run_id).config.grants == {"analysis_web": {"network": True}}
    worker = WorkerRuntime(core, kind="worker", places=2)
    worker.start()
    try:
        ended(core, waiting)
    finally:
        worker.stop(drain_s=5.0)
    (execution,) = [item for item in core.runs.executions(waiting.run_id) if item.plugin_id == "analysis_web"]
    assert str(execution.status) == "NA"


def test_a_grant_does_not_open_the_wall(core: Core, table: Path, tmp_path: Path) -> None:
    """The plugin runs, and the network is refused all the same."""
    connecting = "import socket\n" + FINE.replace("    return", "    socket.create_connection(('127.0.0.1', 9))\n    return")
    make_plugin(tmp_path / "plugins", "analysis_web", "analysis", connecting, capabilities=["network", "pii"])
    core.catalog.refresh()
    decide(core.catalog, core.grants, "analysis_web", ["network"], granted=True)
    assert statuses(core, table)[0] == "SANDBOX"


def test_only_what_is_asked_for_can_be_granted(core: Core) -> None:
    """A grant of what the manifest does not ask for is a mistake, and a plugin that is not there has none."""
    with pytest.raises(UsageError) as refused:
        decide(core.catalog, core.grants, "analysis_web", ["netwrk", "gpu"], granted=True)
    assert [(item.field, item.remedy) for item in refused.value.problems] == [
        ("netwrk", "did you mean network?"),
        ("gpu", "there are: network, pii"),
    ]
    with pytest.raises(NotFound):
        decide(core.catalog, core.grants, "analysis_wep", ["network"], granted=True)
    assert core.grants.decisions() == {}


@pytest.mark.parametrize(
    "damaged",
    [
        "{",
        "[]",
        '{"schema_version": "grants.v9", "plugins": {}}',
        '{"schema_version": "grants.v1", "plugins": {"a": {"network": "yes"}}}',
    ],
)
def test_a_damaged_file_grants_nothing(core: Core, table: Path, damaged: str) -> None:
    """Nobody is granted anything by a file that cannot be read; submitting says so, with what to do."""
    core.home.grants.write_text(damaged)
    with pytest.raises(Unhealthy) as failed:
        submit(core, table)
    assert failed.value.next_step != ""


def test_the_file_is_replaced_whole(tmp_path: Path) -> None:
    """It is made with its folder, read back as written, and only differences from the default stand in it."""
    grants = GrantsFile(tmp_path / "home" / "grants.json")
    assert grants.decisions() == {}
    grants.write({"analysis_web": {"network": True}})
    assert grants.decisions() == {"analysis_web": {"network": True}}
    assert json.loads((tmp_path / "home" / "grants.json").read_bytes())["schema_version"] == "grants.v1"
