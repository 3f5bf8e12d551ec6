"""Plugins as a use case: listed, shown, validated in real guests, asked for their health, and made anew."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness_core.adapters.catalog.folders import FolderCatalog
from harness_core.adapters.wall.launcher import ProcessLauncher
from harness_core.bootstrap import open_catalog
from harness_core.domain.errors import Conflict, NotFound, PolicyRefused, UsageError
from harness_core.domain.plugins import PLUGIN_TYPES
from harness_core.services.plugin_scaffolds import new_plugin
from harness_core.services.plugin_validation import Validation, validate_plugins
from harness_core.services.plugins import list_plugins, plugin_health, show_plugin, switch
from tests.conftest import OpenCore
from tests.fakes.plugins import COUNT, make_plugin, small_catalog
from tests.fakes.running import submit


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_plugin(tmp_path / "plugins", "profile_one", "profile", COUNT)
    return tmp_path / "plugins"


@pytest.fixture
def check(root: Path, tmp_path: Path) -> Callable[..., list[Validation]]:
    def run(*wanted: str) -> list[Validation]:
        return validate_plugins(FolderCatalog([(root, "path")]), ProcessLauncher(), wanted, tmp_path / "scratch")

    return run


def states(validation: Validation) -> dict[str, str]:
    return {item.name: item.state for item in validation.checks}


def test_valid_and_invalid_plugins_are_listed(root: Path) -> None:
    """Guards the listing: nothing that lies in a plugin folder is passed over in silence."""
    (make_plugin(root, "analysis_bad", "analysis", COUNT) / "plugin.py").unlink()
    listed = {
        entry["plugin_id"]: (entry["valid"], entry["problem_count"]) for entry in list_plugins(FolderCatalog([(root, "path")]))
    }
    assert listed == {"profile_one": (True, 0), "analysis_bad": (False, 1)}


def test_one_plugin_is_shown_with_all_that_decides_its_results(root: Path) -> None:
    """Guards the page of a plugin: hashes, limits, capabilities in words, who builds on it; or the problems of a bad folder."""
    make_plugin(root, "analysis_two", "analysis", COUNT, depends_on=["profile_one"], capabilities=["gpu"])
    (make_plugin(root, "analysis_bad", "analysis", COUNT) / "plugin.py").unlink()
    catalog = FolderCatalog([(root, "path")])
    assert show_plugin(catalog, "profile_one")["used_by"] == ["analysis_two"]
    shown = show_plugin(catalog, "analysis_two")
    assert [(item["name"], item["granted_by_default"]) for item in shown["capabilities"]] == [("gpu", False)]
    assert shown["limits"] == {
        "timeout_s": 60, "memory_mb": 1024, "cpu_s": None, "concurrency": "cpu", "scratch_mb": 16384, "scratch_files": 10_000,
        "output_mb": 64, "result_mb": 8,
    }  # fmt: skip
    assert show_plugin(catalog, "analysis_bad")["problems"][0]["field"] == "entrypoint"
    with pytest.raises(NotFound) as missing:
        show_plugin(catalog, "profile_on")
    assert missing.value.why == "Did you mean profile_one?"


def test_a_sound_plugin_passes_with_what_it_builds_on(root: Path, check: Callable[..., list[Validation]]) -> None:
    """Guards the smoke run: it happens in a guest, on data, with the committed results of its dependencies."""
    reads_upstream = COUNT.replace('"Counted."', 'ctx.upstream["profile_one"].artifact("count.json").read_text().strip()')
    make_plugin(root, "analysis_two", "analysis", reads_upstream, depends_on=["profile_one"])
    (only,) = check("analysis_two")
    assert only.ok, only.problems
    assert states(only) == dict.fromkeys(("manifest and schemas", "import", "source", "health", "smoke run"), "passed")
    assert '"rows": 60' in only.checks[-1].sentence


RAISES_ON_IMPORT = "import does_not_exist\n"
LIES = "def run(ctx):\n    return {'status': 'fine'}\n"
NO_ENTRY = "def start(ctx):\n    pass\n"
RAISES = "def run(ctx):\n    raise ValueError('no such luck')\n"
EXITS = "import os\n\ndef run(ctx):\n    os._exit(3)\n"
SICK = COUNT + "\n\ndef health():\n    return {'state': 'unhealthy', 'reason': 'its tables are missing'}\n"


@pytest.mark.parametrize(
    ("code", "check_name", "words"),
    [
        (RAISES_ON_IMPORT, "import", "does_not_exist"),
        ("def run(:\n", "import", "SyntaxError"),
        ("raise SystemExit(0)\n", "import", "SystemExit"),
        (LIES, "smoke run", "the result lacks"),
        (NO_ENTRY, "smoke run", "has no function 'run'"),
        (RAISES, "smoke run", "ValueError: no such luck"),
        (EXITS, "smoke run", "3"),
        (SICK, "health", "its tables are missing"),
    ],
)
def test_what_a_plugin_does_wrong_is_said(
    root: Path, check: Callable[..., list[Validation]], code: str, check_name: str, words: str
) -> None:
    """Guards ``plugins validate`` against plugins that only look well: each failure is named, and this process survives it."""
    make_plugin(root, "analysis_two", "analysis", code)
    (only,) = check("analysis_two")
    assert not only.ok
    assert states(only)[check_name] == "failed"
    assert words in "\n".join(str(problem) for problem in only.problems)


def test_an_answer_is_held_to_the_plugins_own_schema(root: Path, check: Callable[..., list[Validation]]) -> None:
    """Guards the output schema: an answer that breaks it fails the smoke run, with the field."""
    folder = make_plugin(root, "analysis_two", "analysis", COUNT)
    (folder / "output.schema.json").write_text('{"properties": {"metrics": {"properties": {"draw": {"type": "string"}}}}}')
    (only,) = check("analysis_two")
    assert [problem.field for problem in only.problems] == ["metrics.draw"]


def test_the_traceback_of_a_failing_plugin_is_at_hand(root: Path, check: Callable[..., list[Validation]]) -> None:
    """Guards the author's next step: the log with the line that raised."""
    make_plugin(root, "analysis_two", "analysis", RAISES)
    (only,) = check("analysis_two")
    assert "raise ValueError('no such luck')" in only.log


def test_what_cannot_be_planned_or_granted_is_not_run(root: Path, check: Callable[..., list[Validation]]) -> None:
    """Guards that validating never runs what a run would not: what is denied or unset is skipped."""
    make_plugin(root, "analysis_a", "analysis", COUNT, depends_on=["analysis_b"])
    make_plugin(root, "analysis_b", "analysis", COUNT, depends_on=["analysis_a"])
    make_plugin(root, "analysis_c", "analysis", COUNT, depends_on=["profile_two"])
    make_plugin(root, "analysis_d", "analysis", COUNT, capabilities=["network"])
    make_plugin(root, "analysis_e", "analysis", COUNT, config={"required": ["key"], "properties": {"key": {"type": "string"}}})
    verdicts = {item.plugin_id: (item.ok, states(item)["smoke run"], item.checks[-1].sentence) for item in check()}
    assert "a cycle: analysis_a -> analysis_b -> analysis_a" in verdicts["analysis_a"][2]
    assert "profile_two" in verdicts["analysis_c"][2]
    assert [verdicts[f"analysis_{letter}"][:2] for letter in "abcde"] == [(False, "failed")] * 3 + [(True, "skipped")] * 2
    assert verdicts["profile_one"][:2] == (True, "passed")


def test_invalid_folders_are_judged_too_and_unknown_names_refused(root: Path, check: Callable[..., list[Validation]]) -> None:
    """Guards that a plugin can be named by id or folder, a broken one as well."""
    folder = make_plugin(root, "analysis_bad", "analysis", COUNT)
    (folder / "plugin.py").unlink()
    by_id, by_folder = check("analysis_bad")[0], check(str(folder))[0]
    assert by_id == by_folder
    assert (by_id.ok, states(by_id)) == (False, {"manifest and schemas": "failed"})
    assert check(str(root / "profile_one"))[0].plugin_id == "profile_one"
    assert by_id.as_dict()["problems"][0]["remedy"]
    with pytest.raises(NotFound):
        check("analysis_nowhere")


@pytest.mark.parametrize(
    ("code", "state", "loads"),
    [
        (COUNT, "none", True),
        ("def health():\n    return {'state': 'ok'}\n", "ok", True),
        ("def health():\n    return True\n", "ok", True),
        ("def health():\n    return {'state': 'degraded', 'reason': 'slow'}\n", "degraded", True),
        ("def health():\n    return 'broken'\n", "unhealthy", True),
        (RAISES_ON_IMPORT, "unhealthy", False),
    ],
)
def test_health_is_what_the_plugin_says_and_whether_it_loads(
    root: Path, tmp_path: Path, code: str, state: str, loads: bool
) -> None:
    """Guards the health contract: only a plugin that says so is well, and one without a check is not called sick."""
    make_plugin(root, "analysis_two", "analysis", code)
    plugin = next(item for name, item in FolderCatalog([(root, "path")]).plugins().items() if name == "analysis_two")
    health = plugin_health(plugin, ProcessLauncher(), tmp_path)
    assert (health.state, health.loads) == (state, loads)
    assert health.sentence


def test_a_new_plugin_of_each_type_passes_as_it_stands(tmp_path: Path) -> None:
    """Guards ``plugins new``: every scaffold is valid, runs in the wall, and its own test passes."""
    for plugin_type in PLUGIN_TYPES:
        assert new_plugin(tmp_path / "mine", f"{plugin_type}_model_x", plugin_type).is_dir()
    catalog = FolderCatalog([(tmp_path / "mine", "path")])
    verdicts = validate_plugins(catalog, ProcessLauncher(), [], tmp_path / "scratch")
    assert [problem for verdict in verdicts for problem in verdict.problems] == []
    assert [states(verdict)["smoke run"] for verdict in verdicts] == ["passed"] * len(PLUGIN_TYPES)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib", str(tmp_path / "mine")]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert ended.returncode == 0, ended.stdout
    assert f"{len(PLUGIN_TYPES)} passed" in ended.stdout


def test_nothing_is_overwritten_and_no_odd_name_taken(tmp_path: Path) -> None:
    """Guards what is there already, and that a new plugin is whole or absent."""
    folder = new_plugin(tmp_path, "analysis_mine", "analysis")
    (folder / "plugin.py").write_text("precious")
    with pytest.raises(Conflict):
        new_plugin(tmp_path, "analysis_mine", "analysis")
    assert (folder / "plugin.py").read_text() == "precious"
    for plugin_id, plugin_type in (("../escape", "analysis"), ("Mine", "analysis"), ("analysis_x", "anlysis")):
        with pytest.raises(UsageError):
            new_plugin(tmp_path, plugin_id, plugin_type)
    assert [entry.name for entry in tmp_path.iterdir()] == ["analysis_mine"]


def test_an_unhealthy_plugin_keeps_a_run_from_being_submitted(open_home: OpenCore, table: Path, tmp_path: Path) -> None:
    """Named or left to the planner: refused with its own words and nothing recorded, unless it is forced, disabled or mended."""
    core = open_home(small_catalog(tmp_path / "plugins", analysis_sick=SICK), queue_url="memory://")
    for asked in ({"plugins": ["analysis_sick"]}, {}):
        with pytest.raises(PolicyRefused) as refused:
            submit(core, table, **asked)
        assert (refused.value.code, refused.value.exit_code) == ("plugin_unhealthy", 7)
        assert "its tables are missing" in refused.value.why
    assert not core.runs.page().runs
    assert str(submit(core, table, plugins=["analysis_sick"], reuse=False).status) == "QUEUED"
    submit(core, table, plugins=["analysis_count"])
    switch(core.catalog, core.grants, "analysis_sick", enabled=False)
    submit(core, table)


def test_plugins_without_health_are_not_even_started(open_home: OpenCore, table: Path, tmp_path: Path) -> None:
    """Guards the cost of submitting: a guest is started to ask only those whose entry file speaks of health."""
    core = open_home(small_catalog(tmp_path / "plugins", analysis_well=COUNT + "\ndef health():\n    return 'ok'\n"))
    assert [name for name, plugin in core.catalog.plugins().items() if plugin.may_have_health] == ["analysis_well"]
    assert not [plugin.id for plugin in open_catalog(core.settings).plugins().values() if plugin.may_have_health]
    submit(core, table)
