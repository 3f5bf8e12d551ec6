"""What follows from how a table is built is no news, and what two findings owe to a third is told there."""

from typing import Any

import pytest

from harness_core.sdk.testing import run_plugin
from tests.plugins.test_report_insights import PLUGIN, finding, ranked, symptoms_of


def column(name: str, role: str, **facts: Any) -> dict[str, Any]:
    return {"name": name, "role": role, **facts}


def counting(name: str, low: float, high: float, count: int = 101) -> dict[str, Any]:
    """A column as the profile describes numbers in even steps from row to row."""
    quantiles = {str(share): low + share * (high - low) for share in (0.01, 0.25, 0.5, 0.75, 0.99)}
    return column(name, "measure", count=count, min=low, max=high, is_sorted="ascending", is_unique=True, quantiles=quantiles)


COLUMNS = [
    column("day", "time"), column("shipped", "time"), column("price", "measure"), column("score", "measure"),
    column("cost", "measure"), column("passed", "flag"), column("region", "category"), counting("row", 1, 101),
    counting("year", 1900, 2000),
]  # fmt: skip
LOG = {"form": "cases", "roles": {"case": "ticket", "activity": "step", "time": "day"}}


def judge(*findings: dict[str, Any], log: dict[str, Any] | None = None) -> dict[str, Any]:
    upstream: dict[str, Any] = {
        "profile_basic": {"status": "ok", "summary": "s", "metrics": {"row_count": 101, "columns": COLUMNS}, "findings": []},
        "profile_eventlog": {"status": "ok", "summary": "s", "metrics": log or {}, "findings": []},
        "analysis_a": {"status": "ok", "summary": "s", "metrics": {}, "findings": list(findings)},
    }
    return run_plugin(PLUGIN, upstream=upstream)


NO_NEWS = {
    "a row number beside a year": finding("identity", ["year", "row"]),
    "two row numbers": finding("duplicate_columns", ["row", "year"]),
    "two times of one record": finding("dependence", ["day", "shipped"], p=0.0),
    "a case number grows with time": finding("dependence", ["ticket", "day"], p=0.0),
    "other cases later": finding("drift", ["ticket", "day"], p=0.0),
    "a field that one activity fills": finding("missingness", ["price", "step"], p=0.0),
    "a few activities are most of the rows": finding("concentration", ["step"], p=0.0),
}


@pytest.mark.parametrize("claim", NO_NEWS.values(), ids=NO_NEWS)
def test_what_follows_from_structure_is_no_insight(claim: dict[str, Any]) -> None:
    """Guards the first page: told beside a real insight, none of these is one."""
    real = finding("changepoint", ["price"], p=0.0)
    assert ranked(judge(real, claim, log=LOG)) == [real["id"]]


def test_the_same_claims_are_news_where_the_structure_is_another() -> None:
    """Guards against hiding too much: without an event log a missing field or a changed mix is told."""
    claims = [
        NO_NEWS[name] for name in ("other cases later", "a field that one activity fills", "a few activities are most of the rows")
    ]
    assert sorted(ranked(judge(*claims))) == sorted(claim["id"] for claim in claims)
    process = finding("rework", ["ticket", "step"])
    assert ranked(judge(process, log=LOG)) == [process["id"]]


EXPLAINED = {
    "month ends are told once": (
        finding("period_effect", ["day"], "warning"),
        finding("seasonality", ["day"], subject="the number of rows: month end", p=0.0),
    ),
    "a number that counts the rows is their order": (
        finding("trend", ["price"], p=0.0, effect=("Kendall's tau", 0.8)),
        finding("dependence", ["price", "year"], p=0.0, effect=("rank correlation", 0.9)),
    ),
    "stand-ins pull the level": (finding("sentinel", ["price"], "warning"), finding("changepoint", ["price", "day"], p=0.0)),
    "a chart signals what stands still": (
        finding("control_signal", ["price", "day"], "warning", subject="still"),
        finding("control_signal", ["price", "day"], subject="chart", p=0.0),
    ),
}


@pytest.mark.parametrize(("cause", "symptom"), EXPLAINED.values(), ids=EXPLAINED)
def test_a_symptom_lies_beneath_its_cause(cause: dict[str, Any], symptom: dict[str, Any]) -> None:
    """Guards each new rule: one insight with its symptom."""
    answer = judge(cause, symptom)
    assert ranked(answer) == [cause["id"]]
    assert symptoms_of(answer, cause) == [symptom["id"]]


def test_a_score_is_told_before_the_groups_that_are_cut_out_of_it() -> None:
    """Guards the direction of a proxy: passed follows from the score, so what goes with the score is told of the score."""
    cut = finding("functional_dependency", ["score", "passed"], "info", effect=("share", 1.0))
    with_score = finding("dependence", ["score", "price"], p=0.0, effect=("rank correlation", 0.8))
    with_groups = finding("group_difference", ["price", "passed"], p=0.0, effect=("Cliff's delta", 0.7))
    answer = judge(cut, with_score, with_groups)
    assert ranked(answer) == [with_score["id"]]
    assert symptoms_of(answer, with_score) == [with_groups["id"]]


def test_two_columns_that_both_rise_are_told_as_trends() -> None:
    """Guards against a third insight for two: only what is much stronger than the two trends make it stands by itself."""
    trends = [
        finding("trend", [name, "day"], p=0.0, effect=("Kendall's tau", tau)) for name, tau in (("price", 0.9), ("cost", 0.8))
    ]
    weak = finding("dependence", ["price", "cost"], p=0.0, effect=("rank correlation", 0.75))
    strong = finding("dependence", ["price", "cost"], p=0.0, effect=("rank correlation", 0.99))
    assert weak["id"] not in ranked(judge(*trends, weak))
    assert strong["id"] in ranked(judge(*trends, strong))


def test_a_measure_that_stands_still_is_no_symptom_of_its_course() -> None:
    """Guards a broken sensor against being folded into its own daily cycle."""
    cycle = finding("seasonality", ["price", "day"], p=0.0, effect=("strength", 0.9))
    still = finding("control_signal", ["price", "day"], "warning", subject="still", p=0.0)
    assert set(ranked(judge(cycle, still))) == {cycle["id"], still["id"]}
