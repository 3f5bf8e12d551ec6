"""Numbers in sentences: found as a reader finds them, and bound to the evidence that yields them, or not."""

from pathlib import Path
from typing import Any

import pytest

from harness_core.bootstrap import Core, open_pack_tools
from harness_core.domain.runs import RunId
from harness_core.domain.statements import stated
from harness_core.services.verifying import Proved, cited_artifacts
from tests.conftest import OpenCore
from tests.fakes.plugins import small_catalog
from tests.fakes.running import run_to_end
from tests.proof.test_verifying import proved, query


def sources(statement: str, *evidence: dict[str, Any], statistics: dict[str, Any] | None = None, **more: Any) -> dict[str, str]:
    finding = {"id": "f_1", "plugin_id": "p", "title": "", "statement": statement, "statistics": statistics or {},
               "columns": ["sales 2024", "b"], "evidence": list(evidence)}  # fmt: skip
    return {item.printed: item.source for item in stated(finding, more.get("artifacts"))}


ROW = query("SELECT count(*) FROM data WHERE a > 12.5", [[1742, 0.29582, "East 7", "2024-03-04"]])
LARGE = query("SELECT max(a) FROM data", [[123_456]])


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("There are 1,742 rows.", {"1,742": "evidence"}),
        ("There are 1,724 rows.", {"1,724": "nothing"}),
        ("A share of 0.2958, or 29.6 %.", {"0.2958": "evidence", "29.6 %": "evidence"}),
        ("A share of 0.2959.", {"0.2959": "nothing"}),
        ("It is 29.6.", {"29.6": "nothing"}),
        ("The others, 70.4%, are not.", {"70.4%": "evidence"}),
        ("It falls by -0.30.", {"-0.30": "evidence"}),
        ("1.742e3 rows, 1.7e+03 about", {"1.742e3": "evidence", "1.7e+03": "evidence"}),
        ("Above 12.5 only.", {"12.5": "evidence"}),
        ("After 29.0 minutes, or 0.48 hours.", {"29.0 minutes": "evidence", "0.48 hours": "evidence"}),
        ("After 29.5 minutes.", {"29.5 minutes": "nothing"}),
        ("By 29.0 to 29.5 minutes.", {"29.0": "evidence", "29.5 minutes": "nothing"}),
        ("By 29.6 to 30.6 %.", {"29.6": "evidence", "30.6 %": "nothing"}),
        ("Of 123,500 and 123,600.", {"123,500": "evidence", "123,600": "nothing"}),
        ("By 29.6 percentage points.", {"29.6 percentage points": "evidence"}),
        ("From 2024-03-04 on.", {"2024-03-04": "evidence"}),
        ("From 2024-04-03 on.", {"2024-04-03": "nothing"}),
        ('In "sales 2024" of East 7 there is nothing.', {}),
        ('"b" is SO-310001, not A1 or v2.0 or x_3.', {}),
        ("It has a 95 % interval.", {}),
        ("The row 1742 from 1 query.", {"1742": "evidence", "1": "evidence"}),
        ("The median is 4.5, the mean 4.25.", {"4.5": "statistics", "4.25": "nothing"}),
        ("9" * 400 + " and 1e9999 are too large.", {"9" * 400: "nothing", "1e9999": "nothing"}),
    ],
)
def test_each_number_has_its_source(statement: str, expected: dict[str, str]) -> None:
    """As printed, rounded to the digits shown; a swapped digit is bound to nothing."""
    assert sources(statement, ROW, LARGE, statistics={"median": 4.5}) == expected


@pytest.mark.parametrize(
    ("printed", "source"),
    [("0.03479", "evidence"), ("2.176", "evidence"), ("0.09396", "evidence"), ("117.6 %", "evidence"), ("0.03497", "nothing")],
)
def test_two_values_of_one_result_may_be_compared(printed: str, source: str) -> None:
    """Their difference, ratio, sum and relative change; of a longer column none, because two of many give any number."""
    pair = query("", [[False, 0.0295822], [True, 0.0643737]])
    assert sources(f"It is {printed}.", pair) == {printed: source}
    many = query("", [[place * 0.0137] for place in range(13)])
    assert sources("It is 0.0411.", many) == {"0.0411": "evidence"}
    assert sources("It is 0.0424.", many, pair) == {"0.0424": "nothing"}


def test_rows_and_artifacts_yield_numbers_too() -> None:
    """How many rows are cited and which, and what the cited document holds."""
    rows = {"type": "rows", "refs": ["db://dv_1#row_index=70", "db://dv_1#row_index=913"]}
    chart = {"type": "artifact", "path": "artifacts/chart.json", "sha256": "ab", "locator": "limits"}
    found = sources(
        "2 rows, among them 913; limits at 18.25.", rows, chart, artifacts={"artifacts/chart.json": {"limits": [18.25]}}
    )
    assert found == {"2": "evidence", "913": "evidence", "18.25": "evidence"}
    assert sources("Limits at 18.25.", chart) == {"18.25": "nothing"}


TALKS = """
from harness_core.sdk import Finding, PluginResult

def run(ctx):
    evidence = ctx.dataset.evidence("SELECT count(*) FROM data")
    ctx.write_artifact("chart.json", {"limit": 18.25})
    told = "There are 3 rows, with a limit at 18.25, a median of 4.5 and 81 of something."
    chart = ctx.artifact_evidence("chart.json", "limit")
    found = Finding("constant", "Rows", told, evidence=[evidence, chart], statistics={"median": 4.5})
    return PluginResult.ok("Counted.", findings=[found])
"""


def test_verify_names_what_no_evidence_yields(open_home: OpenCore, tmp_path: Path, table: Path) -> None:
    """With the finding and its plugin; the run is verified all the same, and a pack of it says the same."""
    core = open_home(small_catalog(tmp_path / "plugins", analysis_talks=TALKS), queue_url="memory://")
    run = run_to_end(core, table)
    found = core.verifying.verify_run(core.replaying, run.run_id)
    assert found.verified
    assert [(item.plugin_id, item.printed, item.source) for item in found.unbound] == [
        ("analysis_talks", "4.5", "statistics"), ("analysis_talks", "81", "nothing"),
    ]  # fmt: skip
    numbers = found.as_dict()["numbers"]
    assert (numbers["stated"], numbers["from_evidence"], numbers["from_nothing"]) == (6, 4, 1)
    pack = core.exporting.export(run.run_id, tmp_path / "run.zip")
    proving, verifying = open_pack_tools(core.settings, tmp_path / "work")
    assert verifying.verify(proving.prove(pack.path, tmp_path / "work" / "pack")).unbound == found.unbound


def test_only_registered_artifacts_are_read(core: Core, run_id: RunId) -> None:
    """A path that leads elsewhere is not followed."""
    lie: Proved = proved(core, run_id, {"type": "artifact", "path": "../../../state.json", "sha256": "ab", "locator": ""})
    asked: list[str] = []
    assert cited_artifacts(lie.documents, lambda path: asked.append(path) or b"") == {}  # type: ignore[func-returns-value]
    assert asked == []
