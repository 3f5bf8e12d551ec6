"""What a result depends on, one thing at a time: a change in it is a miss for what depends on it, and for nothing else."""

import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness_core import bootstrap
from harness_core.adapters.catalog.folders import FolderCatalog
from harness_core.bootstrap import open_core
from harness_core.settings import read_settings
from tests.fakes.plugins import COUNT, make_plugin, small_catalog
from tests.fakes.running import run_to_end

SCALED = COUNT.replace('metrics={"draw"', 'metrics={"scale": ctx.settings["scale"], "draw"')
SCALE = {"type": "object", "additionalProperties": False, "properties": {"scale": {"type": "integer", "default": 1}}}
ALONE = "from harness_core.sdk import PluginResult\n\ndef run(ctx):\n    return PluginResult.ok('Nothing to say.')\n"
EVERYTHING = {"ingest_small", "profile_small", "planner_small", "analysis_alone", "analysis_scaled", "report_small"}
TABLE = "a,b\n1,x\n2,y\n3,x\n"


@dataclass
class Case:
    """The place of a second run, which may be changed before it starts."""

    home: Path
    plugins: Path
    table: Path
    monkeypatch: pytest.MonkeyPatch
    asked: dict[str, Any] = field(default_factory=lambda: {"seed": 5})
    places: int = 2

    def append(self, path: str, text: str) -> None:
        file = self.plugins / path
        file.write_text(file.read_text() + text)

    def replace(self, path: str, old: str, new: str) -> None:
        file = self.plugins / path
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))


def make(plugins: Path) -> None:
    make_plugin(plugins, "analysis_scaled", "analysis", SCALED, config=SCALE, depends_on=["profile_small"])
    make_plugin(plugins, "analysis_alone", "analysis", ALONE, uses_seed=False)


def run(case: Case) -> dict[str, str]:
    """A run at that place; returns how each step ended."""
    catalog = FolderCatalog([(case.plugins, "path")], check_interval_s=0.0)
    with closing(open_core(read_settings({}, home=case.home), queue_url="memory://", catalog=catalog)) as core:
        done = run_to_end(core, case.table, places=case.places, **case.asked)
        assert done.status == "COMPLETED"
        return {str(item.plugin_id): str(item.status) for item in core.runs.executions(done.run_id)}


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a home, its plugins, its table, and one ended run."""
    folder = tmp_path_factory.mktemp("first")
    small_catalog(folder / "plugins")
    shutil.rmtree(folder / "plugins" / "analysis_count")
    make_plugin(folder / "plugins", "analysis_scaled", "analysis", SCALED, config=SCALE, depends_on=["profile_small"])
    make_plugin(folder / "plugins", "analysis_alone", "analysis", ALONE, uses_seed=False)
    (folder / "table.csv").write_text(TABLE)
    case = Case(folder / "home", folder / "plugins", folder / "table.csv", pytest.MonkeyPatch())
    assert set(run(case)) == EVERYTHING
    return folder


def other_engine(case: Case) -> None:
    engine = {**bootstrap.engine_facts(), "duckdb": "2.0.1"}
    case.monkeypatch.setattr(bootstrap, "engine_facts", lambda: engine)


CASES: dict[str, tuple[Callable[[Case], object], set[str]]] = {
    "nothing, in another folder": (lambda case: None, set()),
    "one step at a time": (lambda case: setattr(case, "places", 1), set()),
    "a default spelled out": (lambda case: case.asked.update(settings={"analysis_scaled": {"scale": 1}}), set()),
    "a byte of code": (lambda case: case.append("analysis_alone/plugin.py", "#"), {"analysis_alone", "report_small"}),
    "a module beside it": (
        lambda case: (case.plugins / "analysis_alone" / "alone_rules.py").write_text(""), {"analysis_alone", "report_small"},
    ),
    "the manifest": (
        lambda case: case.replace("analysis_alone/plugin.yaml", "timeout_s: 60", "timeout_s: 61"), {"analysis_alone", "report_small"},
    ),
    "the schema of settings": (lambda case: case.append("analysis_alone/config.schema.json", "\n"), {"analysis_alone", "report_small"}),
    "the schema of results": (lambda case: case.append("analysis_alone/output.schema.json", "\n"), {"analysis_alone", "report_small"}),
    "a setting": (
        lambda case: case.asked.update(settings={"analysis_scaled": {"scale": 2}}), {"analysis_scaled", "report_small"},
    ),
    "code upstream, with the same output": (
        lambda case: case.append("profile_small/plugin.py", "#"), {"profile_small", "report_small"},
    ),
    "an output upstream": (
        lambda case: case.replace("profile_small/plugin.py", '"Counted."', '"Counted again."'),
        {"profile_small", "planner_small", "analysis_scaled", "report_small"},
    ),
    "an artifact upstream": (
        lambda case: case.replace("profile_small/plugin.py", '{"rows":', '{"lines":'),
        {"profile_small", "planner_small", "analysis_scaled", "report_small"},
    ),
    "the seed": (lambda case: case.asked.update(seed=6), EVERYTHING - {"analysis_alone"}),
    "the engine": (other_engine, EVERYTHING),
    "a byte of the input": (lambda case: case.table.write_text(TABLE.replace("3,x", "3,z")), EVERYTHING),
    "the name of the input": (
        lambda case: setattr(case, "table", case.table.rename(case.table.with_name("renamed.csv"))), {"ingest_small", "report_small"},
    ),
    "the wish to compute again": (lambda case: case.asked.update(reuse=False), EVERYTHING),
    "code of one, with a seed that is derived from all": (
        lambda case: (case.asked.update(seed=0), case.append("analysis_alone/plugin.py", "#")), EVERYTHING,
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", CASES)
def test_one_change_is_a_miss_for_what_depends_on_it(
    first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """And everything else is taken over."""
    shutil.copytree(first, tmp_path / "second")
    folder = tmp_path / "second"
    case = Case(folder / "home", folder / "plugins", folder / "table.csv", monkeypatch)
    make, expected = CASES[change]
    make(case)
    assert {name for name, status in run(case).items() if status != "REUSED"} == expected
