"""A disabled plugin never runs: not chosen, not named, not built on; the plan says why, and enabled again all is as before."""

import json
from pathlib import Path

import pytest

from harness_core.adapters.grants import GrantsFile
from harness_core.bootstrap import Core
from harness_core.domain.errors import NotFound
from harness_core.domain.plugins import PluginId
from harness_core.domain.runs import ExecutionStatus, Run
from harness_core.services.plugins import decide, list_plugins, show_plugin, switch
from harness_core.services.submitting import Submission
from tests.conftest import OpenCore
from tests.fakes.plugins import make_plugin, small_catalog
from tests.fakes.running import run_to_end, submit

FINE = "from harness_core.sdk import PluginResult\ndef run(ctx):\n    return PluginResult.na('nothing', 'Nothing to say.')\n"


@pytest.fixture
def core(open_home: OpenCore, tmp_path: Path) -> Core:
    catalog = small_catalog(tmp_path / "plugins")
    make_plugin(tmp_path / "plugins", "analysis_first", "analysis", FINE, capabilities=["network"])
    make_plugin(tmp_path / "plugins", "analysis_second", "analysis", FINE, depends_on=["analysis_first"])
    return open_home(catalog, queue_url="memory://")


def off(core: Core, plugin_id: str = "analysis_first") -> None:
    switch(core.catalog, core.grants, plugin_id, enabled=False)


def statuses(core: Core, run: Run) -> dict[str, str]:
    return {item.plugin_id: str(item.status) for item in core.runs.executions(run.run_id) if item.plugin_type == "analysis"}


def test_named_it_is_blocked_with_the_command_that_helps(core: Core, table: Path) -> None:
    """Blocked from the start, what builds on it is skipped, and the report says both; the fingerprint is another one."""
    decide(core.catalog, core.grants, "analysis_first", ["network"], granted=True)
    before = submit(core, table, plugins=["analysis_second"])
    off(core)
    run = run_to_end(core, table, plugins=["analysis_second"])
    assert statuses(core, run) == {"analysis_first": "BLOCKED", "analysis_second": "SKIPPED"}
    (execution,) = [item for item in core.runs.executions(run.run_id) if item.status is ExecutionStatus.BLOCKED]
    assert execution.error is not None
    assert (execution.error["type"], execution.started_at) == ("PluginDisabled", None)
    assert "`harness plugins enable analysis_first`" in execution.error["remedy"]
    report = json.loads((core.store.run_folder(run.run_id) / "report.json").read_bytes())
    assert "is disabled" in report["plugins"]["analysis_first"]["error"]["message"]
    assert run.fingerprint != before.fingerprint, "another report needs another fingerprint"
    switch(core.catalog, core.grants, "analysis_first", enabled=True)
    assert submit(core, table, plugins=["analysis_second"]).fingerprint == before.fingerprint, "what was granted stayed"


def test_no_plan_chooses_it_or_what_builds_on_it(core: Core, table: Path) -> None:
    """A run that is left to the planner completes without both, and the prospect gives the reason for each."""
    off(core)
    run = run_to_end(core, table)
    assert (str(run.status), statuses(core, run).keys() & {"analysis_first", "analysis_second"}) == ("COMPLETED", set())
    assert not {"analysis_first", "analysis_second"} & {str(name) for name in run.config.code}
    upload_id = run.config.inputs[0].upload_id
    assert core.submitting.prospect(Submission([upload_id])).kept_out == {
        "analysis_first": "analysis_first is disabled: it takes part in no run until it is enabled again.",
        "analysis_second": "analysis_second builds on analysis_first, which is disabled or builds on what is.",
    }


def test_a_disabled_reader_leaves_the_file_to_another(core: Core, table: Path, tmp_path: Path) -> None:
    """Disabling what every run needs fails the run with the step that is missing, and disabling one of two takes the other."""
    reader = next(name for name, plugin in core.catalog.plugins().items() if plugin.manifest.type == "profile")
    off(core, reader)
    assert str(run_to_end(core, table).status) == "FAILED"


def test_it_is_shown_as_disabled_and_outlives_grants(core: Core) -> None:
    """The lists say it; a capability that is decided afterwards does not enable it, nor does enabling forget the capability."""
    off(core)
    decide(core.catalog, core.grants, "analysis_first", ["network"], granted=True)
    listed = {item["plugin_id"]: item["enabled"] for item in list_plugins(core.catalog, core.grants.decisions())}
    assert (listed["analysis_first"], listed["analysis_second"]) == (False, True)
    assert show_plugin(core.catalog, "analysis_first", core.grants.decisions())["enabled"] is False
    switch(core.catalog, core.grants, "analysis_first", enabled=True)
    assert core.grants.decisions() == {"analysis_first": {"network": True}}
    with pytest.raises(NotFound):
        off(core, "analysis_fist")


def test_what_is_disabled_is_read_back(tmp_path: Path) -> None:
    """The file holds it beside the grants, and a state that cannot be read is an error, not an enabled plugin."""
    grants = GrantsFile(tmp_path / "grants.json")
    grants.write({str(PluginId("analysis_first")): {"enabled": False}})
    assert grants.decisions() == {"analysis_first": {"enabled": False}}
