"""Two runs side by side: what is the same is only counted, what differs is named, and the verdict says it in words."""

from dataclasses import replace
from typing import Any

import pytest

from harness_core.domain.plugins import PluginId
from harness_core.domain.runs import Input, Run, RunConfig, RunId, RunStatus, UploadId
from harness_core.services.comparing import Side, compare

CONFIG = RunConfig(
    (Input(UploadId("upload_1"), "sales.csv", "a" * 64, 10),), None, {PluginId("analysis_x"): {"limit": 3, "deep": False}},
    {PluginId("analysis_x"): "c" * 64}, 0, {"duckdb": "2.0"},
)  # fmt: skip
RUN = Run(RunId("run_1"), RunStatus.COMPLETED, "sha256:1", CONFIG, 7, 100.0, started_at=100.0, ended_at=103.5)


def finding(id_: str, statement: str = "There are 3.", **more: Any) -> dict[str, Any]:
    return {"id": id_, "plugin_id": "analysis_x", "kind": "outlier", "columns": ["a"], "title": id_, "statement": statement,
            "severity": "notice", **more}  # fmt: skip


def report(findings: list[dict[str, Any]], **facts: Any) -> dict[str, Any]:
    column = {"name": "a", "null_count": 0, "mean": 2.0, **facts}
    return {
        "dataset": {"row_count": 5, "columns": [{"name": "a", "type": "integer"}, {"name": "b", "type": "text"}]},
        "plugins": {"profile_basic": {"type": "profile", "metrics": {"columns": [column]}}},
        "findings": findings,
    }


def test_equal_runs_say_what_was_compared() -> None:
    """No difference is named, and the reader sees how much was looked at."""
    side = Side(RUN, (), report([finding("f_1")]))
    found = compare(side, replace(side, run=replace(RUN, run_id=RunId("run_2"))))
    assert found.equal
    assert found.compared == {"settings": 2, "plugins": 1, "columns": 2, "column figures": 2, "findings": 1}
    assert found.verdict == "The same file, settings, plugins and engine: the same fingerprint. Every result is the same."
    assert found.times[0] == ("the whole run", 3.5, 3.5)


def test_each_difference_is_named_where_it_is() -> None:
    """A setting, an engine, a column's figure, a type; findings that are new, gone and changed, each told once."""
    settings = {PluginId("analysis_x"): {"limit": 4, "deep": False}}
    config = replace(CONFIG, settings=settings, engine={"duckdb": "2.1"})
    before = report([finding("f_1"), finding("f_2", subject="x"), finding("f_gone", columns=["b"])])
    after = report([finding("f_1"), finding("f_3", "There are 4.", subject="x"), finding("f_new", kind="trend")], mean=2.5)
    after["dataset"]["columns"][1]["type"] = "date"
    found = compare(Side(RUN, (), before), Side(replace(RUN, fingerprint="sha256:2", config=config), (), after))
    assert [(item.where, item.name, item.before, item.after) for item in found.configuration] == [
        ("engine", "duckdb", "2.0", "2.1"), ("settings of analysis_x", "limit", 3, 4),
    ]  # fmt: skip
    assert [(item.name, item.before, item.after) for item in found.schema] == [("b", "text", "date")]
    assert [(item.where, item.name) for item in found.columns] == [("a", "mean")]
    assert found.changed_columns == ["a"]
    assert [item["id"] for item in found.added] == ["f_new"]
    assert [item["id"] for item in found.removed] == ["f_gone"]
    assert [(item.before["id"], item.after["id"]) for item in found.changed] == [("f_2", "f_3")]
    assert found.same_findings == 1
    assert found.verdict.startswith("The same file, computed in another way: 2 differences in the configuration.")
    assert "1 finding new, 1 finding gone, 1 finding changed; 2 figures of the columns differ." in found.verdict


@pytest.mark.parametrize("missing", [0, 1])
def test_a_run_without_a_report_is_compared_as_far_as_it_goes(missing: int) -> None:
    """The verdict says which one has none; the other one's findings are not called new or gone without a word."""
    sides = [Side(RUN, (), report([finding("f_1")])), Side(replace(RUN, run_id=RunId("run_2")), (), report([finding("f_1")]))]
    sides[missing] = replace(sides[missing], report=None)
    found = compare(*sides)
    assert f"{sides[missing].run.run_id} has no report, so results are not compared." in found.verdict
    assert (list(found.added), list(found.removed), list(found.schema), list(found.columns)) == ([], [], [], [])
