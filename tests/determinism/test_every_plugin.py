"""Every plugin of the product gives the same bytes for the same input, on tables where it has something to say; new ones too."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness_core.sdk.testing import run_plugin
from harness_core.sdk.testing_same_bytes import Case, Outcome, outcomes, prove_same_bytes
from tests.determinism.tables import ROOT, SETTINGS, files, tables
from tests.fakes.plugins import make_plugin
from tests.plugins.report_documents import document

PLUGINS = {folder.name: folder for folder in sorted((ROOT / "plugins").iterdir()) if (folder / "plugin.yaml").is_file()}
PROFILES = ("profile_basic", "profile_eventlog")


def manifest(plugin_id: str) -> Mapping[str, Any]:
    return yaml.safe_load((PLUGINS[plugin_id] / "plugin.yaml").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def cases_of(plugin_id: str, kind: str, given: Mapping[str, Mapping[str, Any]], named: Mapping[str, Path]) -> list[Case]:
    """What a plugin of that type is tried on; ``given`` maps the names of tables to their table and profiles."""
    folder, settings = PLUGINS[plugin_id], SETTINGS.get(plugin_id)
    if kind == "ingest":
        return [Case(f"{plugin_id} on {name}", folder, {"inputs": [path], "settings": settings}) for name, path in named.items()]
    if kind in ("report", "llm"):
        return [
            Case(
                f"{plugin_id} on a report",
                folder,
                {"report": document(), "table": given["orders"]["table"], "upstream": findings_by_plugin()},
            )
        ]
    plan = candidates() if kind == "planner" else []
    return [
        Case(f"{plugin_id} on {name}", folder, {**options, "settings": settings, "plan": plan}) for name, options in given.items()
    ]


def candidates() -> list[dict[str, Any]]:
    """All analyses as a planner is told of them."""
    told = [manifest(name) for name in PLUGINS]
    return [
        {key: raw.get(key) for key in ("name", "version", "type", "depends_on")}
        | {"plugin_id": raw["id"], "needs": raw.get("needs", {}), "description": raw.get("description", "")}
        for raw in told
        if raw["type"] == "analysis"
    ]


def findings_by_plugin() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for finding in document()["findings"]:
        answer = {"status": "ok", "summary": "Found.", "metrics": {"tests": 20}, "findings": []}
        found.setdefault(finding["plugin_id"], answer)["findings"].append(finding)
    return found


def profiled(table: Any) -> dict[str, Any]:
    """The table with what the profiles say of it."""
    upstream: dict[str, Any] = {}
    for name in PROFILES:
        upstream[name] = run_plugin(PLUGINS[name], table, upstream=upstream)
    return {"table": table, "upstream": upstream}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Outcome]:
    """All plugins on all their tables, in every surroundings."""
    given = {name: profiled(table) for name, table in tables().items()}
    named = files(tmp_path_factory.mktemp("files"))
    return outcomes([case for plugin_id in PLUGINS for case in cases_of(plugin_id, manifest(plugin_id)["type"], given, named)])


@pytest.mark.parametrize("plugin_id", PLUGINS)
def test_the_same_bytes_whatever_runs_it(found: Mapping[str, Outcome], plugin_id: str) -> None:
    """Answers, artifacts and data do not depend on threads, row groups, hash seed, time zone, locale, folder, or a warm start."""
    mine = {name: outcome for name, outcome in found.items() if name.startswith(f"{plugin_id} on ")}
    assert {name: outcome.differences for name, outcome in mine.items() if outcome.differences} == {}
    statuses = {name: outcome.answer["status"] for name, outcome in mine.items()}
    assert "ok" in statuses.values(), f"it had nothing to say: give it a table in tests/determinism/tables.py; {statuses}"
    errors = {name: outcome.answer["error"] for name, outcome in mine.items() if outcome.answer["status"] == "error"}
    assert all(error["type"] == "InputRejected" for error in errors.values()), errors


OFFENCES: Mapping[str, Sequence[str]] = {
    "the hash seed": ("said = ' '.join({'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'})", "/answer/metrics/said"),
    "the time zone": ("said = datetime.fromtimestamp(0).isoformat()", "/answer/metrics/said"),
    "the folder": ("said = os.getcwd()", "/answer/metrics/said"),
    "the row groups": ("said = pyarrow.parquet.ParquetFile(ctx.dataset.path).num_row_groups", "/answer/metrics/said"),
    "the threads": ("said = duckdb.connect().sql(\"SELECT current_setting('threads')\").fetchall()", "/answer/metrics/said"),
    "the locale": ("said = open(__file__, 'r').encoding", "/answer/metrics/said"),
    "a warm start": ("said = 'duckdb' in LOADED", "/answer/metrics/said"),
    "the clock": ("said = 1; ctx.write_artifact('when.json', time.time_ns())", "/files/artifacts/when.json"),
}


def leaning(folder: Path, number: int, line: str) -> Case:
    """A plugin that does so."""
    code = (
        "import sys\nLOADED = set(sys.modules)\nimport os, time\nfrom datetime import datetime\nimport duckdb, pyarrow.parquet\n"
        f"from harness_core.sdk import PluginResult\n\ndef run(ctx):\n    {line}\n"
        '    return PluginResult.ok("Done.", metrics={"said": said})\n'
    )
    name = f"analysis_leaning_{number}"
    return Case(name, make_plugin(folder, name, "analysis", code), {"table": {"x": list(range(3000))}})


@pytest.fixture(scope="module")
def caught(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Sequence[str]]:
    """What is told of each bad habit."""
    folder = tmp_path_factory.mktemp("leaning")
    cases = {habit: leaning(folder, number, line) for number, (habit, (line, _)) in enumerate(OFFENCES.items())}
    told = outcomes(list(cases.values()))
    return {habit: told[case.name].differences for habit, case in cases.items()}


@pytest.mark.parametrize("habit", OFFENCES)
def test_a_plugin_that_leans_on_something_is_caught(caught: Mapping[str, Sequence[str]], habit: str) -> None:
    """The control: each of these is told, with its place."""
    assert any(OFFENCES[habit][1] in said for said in caught[habit])


def test_the_proof_fails_for_it(tmp_path: Path) -> None:
    """The way an author sees it: an assertion that names the place."""
    line, place = OFFENCES["the clock"]
    with pytest.raises(AssertionError, match=place):
        prove_same_bytes(leaning(tmp_path, 0, line).folder, {"x": list(range(3000))})


def test_a_plugin_that_keeps_to_it_passes(tmp_path: Path) -> None:
    """The way an author uses it: the answer comes back."""
    code = "from harness_core.sdk import PluginResult\n\ndef run(ctx):\n    return PluginResult.ok('Done.', metrics={'draw': ctx.rng.random()})\n"
    answer = prove_same_bytes(make_plugin(tmp_path, "analysis_good", "analysis", code), {"x": [1, 2, 3]})
    assert answer["summary"] == "Done."


def test_a_scratch_folder_goes_with_its_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A suite of thousands of calls leaves nothing in the temporary folder; what was asked for stays."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    code = "from harness_core.sdk import PluginResult\n\ndef run(ctx):\n    ctx.write_artifact('a.json', 1)\n    return PluginResult.ok('Done.')\n"
    folder = make_plugin(tmp_path, "analysis_good", "analysis", code)
    answer = run_plugin(folder, {"x": [1]})
    assert (Path(answer["scratch"]) / "artifacts" / "a.json").is_file()
    run_plugin(folder, {"x": [1]}, scratch=tmp_path / "kept")
    del answer
    assert list((tmp_path / "temporary").iterdir()) == []
    assert (tmp_path / "kept" / "artifacts" / "a.json").is_file()
