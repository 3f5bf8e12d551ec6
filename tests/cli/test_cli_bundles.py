"""Plugins from bundles by command: packed, installed, run, updated, rolled back, refused with the exit codes, and asked for their health."""

from pathlib import Path

import pytest

from tests.cli.conftest import TINY, Harness, forked, write_plugin
from tests.fakes.bundles import with_sums, zipped

CODE = TINY["analysis_tiny"][1]


@pytest.fixture
def bundles(harness: Harness) -> dict[str, Path]:
    """Two versions of one plugin, packed by the command itself."""
    write_plugin(harness.folder, "analysis_boxed", *TINY["analysis_tiny"])
    source = harness.folder / "analysis_boxed"
    made = {}
    for version in ("1.0.0", "1.1.0"):
        manifest = (source / "plugin.yaml").read_text()
        (source / "plugin.yaml").write_text(manifest.replace('"version": "1.0.0"', f'"version": "{version}"'))
        done = forked(harness, "plugins", "pack", str(source), "--json")
        assert done.code == 0, done.err
        made[version] = Path(done.document["path"])
    assert made["1.0.0"].name == "analysis_boxed-1.0.0.zip"
    return made


def listed(harness: Harness) -> dict[str, object]:
    documents = forked(harness, "plugins", "list", "--json").document["plugins"]
    return next(item for item in documents if item["plugin_id"] == "analysis_boxed")


def test_installed_run_updated_and_rolled_back(harness: Harness, bundles: dict[str, Path]) -> None:
    """The whole way, seen from outside; after the rollback the run has its first fingerprint and computes nothing."""
    file = harness.file()
    assert forked(harness, "plugins", "update", str(bundles["1.0.0"])).code == 2
    done = forked(harness, "plugins", "install", str(bundles["1.0.0"]), "--json")
    assert (done.code, done.document["version"], done.document["is_new"]) == (0, "1.0.0", True)
    first = harness("run", file, "--plugins", "analysis_boxed", "--json")
    assert first.code == 0
    done = forked(harness, "plugins", "update", str(bundles["1.1.0"]))
    assert "analysis_boxed 1.1.0 is active" in done.out
    assert (listed(harness)["source"], listed(harness)["versions"]) == ("bundle", ["1.0.0", "1.1.0"])
    assert "Installed:    1.0.0, 1.1.0; active: 1.1.0" in forked(harness, "plugins", "show", "analysis_boxed").out
    second = harness("run", file, "--plugins", "analysis_boxed", "--json")
    done = forked(harness, "plugins", "rollback", "analysis_boxed", "--json")
    assert (done.document["version"], done.document["before"]) == ("1.0.0", "1.1.0")
    third = harness("run", file, "--plugins", "analysis_boxed", "--json")
    prints = [item.document["run_fingerprint"] for item in (first, second, third)]
    assert (prints[2] == prints[0], prints[1] == prints[0]) == (True, False)
    executions = forked(harness, "runs", "show", third.document["run_id"], "--json").document["executions"]
    assert {item["status"] for item in executions} == {"REUSED"}
    assert forked(harness, "plugins", "rollback", "analysis_boxed").code == 2
    assert forked(harness, "plugins", "rollback", "analysis_boxed", "--to", "1.1.0").code == 0
    assert forked(harness, "plugins", "validate", "analysis_boxed").code == 0


def test_refusals_have_their_exit_codes(harness: Harness, bundles: dict[str, Path]) -> None:
    """6 for what is no safe bundle, 5 for other bytes than listed, 2 for what cannot be used; with what, why and what to do."""
    (harness.folder / "bad.zip").write_text("no archive")
    evil = zipped(harness.folder / "evil.zip", with_sums({"../plugin.py": b""}))
    other = zipped(harness.folder / "other.zip", {**with_sums({"plugin.py": b"1"}), "plugin.py": b"2"})
    empty = zipped(harness.folder / "empty.zip", with_sums({"plugin.py": b""}))
    codes = {str(harness.folder / "bad.zip"): 6, str(evil): 6, str(other): 5, str(empty): 2, "nowhere.zip": 2}
    for path, code in codes.items():
        done = forked(harness, "plugins", "install", path)
        assert (done.code, done.out) == (code, ""), path
        assert "What:" in done.err
        assert "Do:" in done.err
        assert "Traceback" not in done.err


def test_health_is_asked_for_and_an_unhealthy_plugin_blocks_runs(harness: Harness) -> None:
    """Exit 8 and its words where one is unhealthy; a run with it is refused (exit 7) unless forced."""
    file = harness.file()
    assert forked(harness, "plugins", "health", "analysis_tiny").code == 0
    assert forked(harness, "plugins", "health", "analysis_tinny").code == 2
    folder = harness.folder / "sick"
    write_plugin(
        folder,
        "analysis_sick",
        TINY["analysis_tiny"][0],
        CODE + "\ndef health():\n    return {'state': 'unhealthy', 'reason': 'no model'}\n",
    )
    path = {"HARNESS_PLUGIN_PATH": f"{harness.plugins}:{folder}"}
    done = harness("plugins", "health", "analysis_sick", "--json", env=path)
    assert (done.code, done.document["ok"]) == (8, False)
    assert done.document["plugins"] == [
        {"plugin_id": "analysis_sick", "version": "1.0.0", "state": "unhealthy", "sentence": "no model", "loads": True}
    ]
    refused = harness("run", file, "--plugins", "analysis_sick", env=path)
    assert (refused.code, "no model" in refused.err) == (7, True)
    assert harness.rows("SELECT count(*) FROM run") == [(0,)]
    assert harness("run", file, "--plugins", "analysis_sick", "--force", env=path).code == 0
