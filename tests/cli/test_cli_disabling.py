"""Plugins switched off and on by command."""

from tests.cli.conftest import Harness, forked


def test_a_disabled_plugin_is_told_and_does_not_run(harness: Harness) -> None:
    """Listed and shown as disabled, blocked where it is named (exit 4, with the command that helps), and back by that command."""
    file = harness.file()
    assert forked(harness, "plugins", "disable", "analysis_tiny", "--json").document["enabled"] is False
    assert "disabled" in forked(harness, "plugins", "show", "analysis_tiny").out
    listed = {item["plugin_id"]: item["enabled"] for item in forked(harness, "plugins", "list", "--json").document["plugins"]}
    assert [name for name, enabled in listed.items() if not enabled] == ["analysis_tiny"]
    ended = harness("run", file, "--plugins", "analysis_tiny", "--json")
    assert ended.code == 4
    run_id = ended.document["run_id"]
    (found,) = [
        item
        for item in forked(harness, "runs", "show", run_id, "--json").document["executions"]
        if item["plugin_id"] == "analysis_tiny"
    ]
    assert (found["status"], found["error"]["type"]) == ("BLOCKED", "PluginDisabled")
    assert "`harness plugins enable analysis_tiny`" in found["error"]["remedy"]
    assert forked(harness, "plugins", "enable", "analysis_tiny").out.startswith("analysis_tiny is enabled")
    assert forked(harness, "plugins", "disable", "analysis_tinny").code == 2
    assert harness("run", file, "--plugins", "analysis_tiny").code == 0
