"""The verdict: what counts as met, what comes nearest to what is missing, and that the same input gives the same words."""

import copy
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness_core.domain.evaluation import Evaluation, evaluate
from harness_core.domain.ground_truth import Tolerance, read_ground_truth
from harness_core.domain.ground_truth_template import template


def finding(id_: str, plugin: str, kind: str, columns: list[str], **more: Any) -> dict[str, Any]:
    return {
        "id": id_, "plugin_id": plugin, "kind": kind, "columns": columns, "title": f"About {id_}", "statement": f"It is {id_}.",
        "severity": "notice", "measure": "MEASURED", "statistics": {}, "evidence": [], "subject": None, **more,
    }  # fmt: skip


CHANGE = finding(
    "f_change", "analysis_changepoint", "changepoint", ["discount", "order_date"], subject="level",
    statistics={"row_index": 11801, "time": "2024-03-04", "n": 20000, "effect": {"value": 0.75}, "exact": True, "q": None},
)  # fmt: skip
CLUSTER = finding(
    "f_cluster", "analysis_scan_statistics", "scan_cluster", ["at"], statistics={"from": "2024-05-01", "until_before": "2024-05-08"}
)
SUMS = finding(
    "f_sums", "analysis_data_quality", "identity", ["total", "quantity"], severity="warning", statistics={"broken": 12},
    evidence=[{"type": "query", "sql": "SELECT 1"}, {"type": "rows", "refs": [f"db://dv_1#row_index={n}" for n in (126, 1711, 3002)]}],
)  # fmt: skip
WEAK = finding("f_weak", "analysis_outliers", "outlier", ["unit_price"], severity="info")
REPORT: dict[str, Any] = {
    "status": "COMPLETED",
    "input": {"filename": "sales.csv"},
    "dataset": {"row_count": 20000},
    "findings": [CHANGE, CLUSTER, SUMS, WEAK],
    "insights": [CHANGE, SUMS],
    "datasets": [{"columns": [{"name": name} for name in ("discount", "order_date", "total", "quantity", "unit_price", "at")]}],
    "plugins": {
        "analysis_changepoint": {"status": "OK"}, "analysis_data_quality": {"status": "OK"}, "analysis_outliers": {"status": "OK"},
        "analysis_scan_statistics": {"status": "OK"},
        "analysis_missingness": {"status": "NA", "summary": "No cell is empty."},
        "analysis_dependence": {"status": "ERROR", "error": {"message": "It broke."}},
    },
}  # fmt: skip


def judged(text: str, report: Mapping[str, Any] = REPORT) -> Evaluation:
    truth, problems = read_ground_truth(text, "g.yaml")
    assert truth is not None, problems
    return evaluate(report, truth)


CHANGEPOINT = "plugin: analysis_changepoint, kind: changepoint, columns: [discount]"


@pytest.mark.parametrize(
    ("line", "met"),
    [
        ("{%s}", True),
        ("{%s, max_count: 1}", True),
        ("{%s, min_count: 2}", False),
        ("{%s, exact_columns: true}", False),
        ("{kind: changepoint, columns: [order_date, discount], exact_columns: true}", True),
        ("{%s, subject: level}", True),
        ("{%s, subject: spread}", False),
        ("{%s, rows: 11801}", True),
        ("{%s, rows: 11790}", False),
        ("{%s, rows: 11790, within_rows: 11}", True),
        ("{%s, rows: 11790, within_rows: 10}", False),
        ("{%s, time: 2024-03-04}", True),
        ("{%s, time: 2024-03-06}", False),
        ("{%s, time: 2024-03-06, within_time: 48h}", True),
        ("{%s, time: 2024-03-06, within_time: 47h}", False),
        ("{kind: scan_cluster, time: 2024-05-03}", True),
        ("{kind: scan_cluster, time: 2024-05-09}", False),
        ("{kind: scan_cluster, time: 2024-05-09, within_time: 1d}", True),
        ("{kind: scan_cluster, rows: 3}", False),
        ("{kind: identity, rows: [126, 3002]}", True),
        ("{kind: identity, rows: [126, 3003]}", False),
        ("{kind: identity, severity: warning}", True),
        ("{kind: identity, severity: critical}", False),
        ("{kind: identity, measure: MODELED}", False),
        ("{kind: outlier, insight: false}", True),
        ("{kind: outlier, insight: true}", False),
        ("{kind: identity, insight: true}", True),
        ("{plugin: analysis_outliers, max_count: 0}", False),
        ("{plugin: analysis_outliers, kind: anomaly, max_count: 0}", True),
        ("{%s, statistics: {n: 20000}}", True),
        ("{%s, statistics: {n: 20001}}", False),
        ("{%s, statistics: {effect.value: 0.75}}", True),
        ("{%s, statistics: {effect.value: {value: 0.8, absolute: 0.06}}}", True),
        ("{%s, statistics: {effect.value: {value: 0.8, absolute: 0.04}}}", False),
        ("{%s, statistics: {effect.value: {value: 0.8, relative: 0.07}}}", True),
        ("{%s, statistics: {effect.value: {value: 0.8, relative: 0.06}}}", False),
        ("{%s, statistics: {effect.value: {min: 0.7, max: 0.8}}}", True),
        ("{%s, statistics: {effect.value: {min: 0.76}}}", False),
        ("{%s, statistics: {effect.value: {max: 0.74}}}", False),
        ("{%s, statistics: {exact: true}}", True),
        ("{%s, statistics: {exact: 1}}", False),
        ("{%s, statistics: {time: 2024-03-04}}", True),
        ("{%s, statistics: {q: null}}", True),
        ("{%s, statistics: {q: {min: 0}}}", False),
        ("{%s, statistics: {p_value: 0.1}}", False),
    ],
)  # fmt: skip
def test_a_line_is_met_or_not(line: str, met: bool) -> None:
    """One case per key of the format, on both sides of its limit."""
    text = line % CHANGEPOINT if "%s" in line else line
    assert judged(f"expect: [{text}]").met is met


def test_what_is_nearest_is_shown_with_every_difference() -> None:
    """A person sees what to change: the finding, or the expectation."""
    (line,) = judged(
        f"expect: [{{{CHANGEPOINT}, rows: 9, time: 2024-03-09, within_time: 1d, statistics: {{n: 5, effect.value: {{value: 1, absolute: 0.1}}}}}}]"
    ).expected
    assert (line.met, line.count, line.hint) == (False, 0, "")
    assert [(near.finding_id, list(near.differs)) for near in line.near] == [
        (
            "f_change",
            [
                "it cites row 11,801, not row 9",
                "it is at 2024-03-04, not at 2024-03-09 (± 1 d)",
                "n is 20000, not 5",
                "effect.value is 0.75, not 1 ± 0.1",
            ],
        )
    ]


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("{plugin: analysis_outlier, kind: outlier}", "analysis_outlier took no part in the run (did you mean analysis_outliers?)"),
        ("{plugin: analysis_pii_scan, kind: pii}", "analysis_pii_scan took no part in the run"),
        ("{plugin: analysis_missingness, kind: missingness}", "analysis_missingness ended as NA: No cell is empty."),
        ("{plugin: analysis_dependence, kind: dependence}", "analysis_dependence ended as ERROR: It broke."),
        ("{plugin: analysis_outliers, kind: anomaly}", "analysis_outliers has findings of the kinds outlier"),
        ("{plugin: analysis_outliers, kind: outlier, columns: [total]}", "findings of this kind are about: unit_price"),
        ("{plugin: analysis_outliers, columns: [totl]}", 'no column is called "totl"; did you mean total?'),
    ],
)
def test_why_there_is_nothing_is_said(line: str, hint: str) -> None:
    """A typing mistake, a plugin that failed and a finding that is missing are told apart."""
    (verdict,) = judged(f"expect: [{line}]").expected
    assert (verdict.met, verdict.hint) == (False, hint)


@pytest.mark.parametrize(
    ("line", "met", "hint"),
    [
        ("{kind: pii}", True, ""),
        ("{kind: outlier, columns: [unit_price]}", False, ""),
        ("{plugin: analysis_dependence}", True, "analysis_dependence ended as ERROR: It broke."),
        ("{kind: outlyer}", True, 'there is no kind "outlyer"; did you mean outlier?'),
        ("{kind: outlier, columns: [price]}", True, 'no column is called "price"; did you mean unit_price?'),
    ],
)
def test_what_is_forbidden_and_could_not_be_found_anyway_is_said(line: str, met: bool, hint: str) -> None:
    """A forbidden finding that a typing mistake hides is no silent success."""
    (verdict,) = judged(f"forbid: [{line}]").forbidden
    assert (verdict.met, verdict.hint) == (met, hint)


@pytest.mark.parametrize(
    ("bound", "met"),
    [
        ("status: COMPLETED", True), ("status: [PARTIAL, FAILED]", False), ("max_insights: 2", True), ("max_insights: 1", False),
        ("min_insights: 2", True), ("min_insights: 3", False), ("min_findings: 4", True), ("max_findings: 3", False),
        ("max_unexpected: 1", True), ("max_unexpected: 0", False),
    ],
)  # fmt: skip
def test_the_report_as_a_whole_has_bounds(bound: str, met: bool) -> None:
    """Insights that no line speaks of can be bounded: a report must not drown what matters."""
    verdict = judged(f"report: {{{bound}}}\nexpect: [{{kind: changepoint}}]")
    assert verdict.met is met
    assert [item["id"] for item in verdict.unexpected] == ["f_sums"]


@given(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9), st.floats(0, 1e6), st.floats(0, 1))
def test_more_tolerance_never_fails_what_less_passes(actual: float, expected: float, absolute: float, relative: float) -> None:
    """Widening a tolerance can only let more through; equal numbers always pass."""
    assert Tolerance(0, 0).holds(actual, actual)
    if Tolerance(absolute, relative).holds(actual, expected):
        assert Tolerance(absolute * 2, relative).holds(actual, expected)
        assert Tolerance(absolute, relative * 2).holds(actual, expected)


@given(st.permutations(range(4)))
def test_the_verdict_does_not_depend_on_the_order_of_findings(order: list[int]) -> None:
    """The same claims give the same counts and the same nearest ones."""
    text = "expect: [{plugin: analysis_outliers, min_count: 2}, {severity: critical, kind: identity}, {kind: changepoint, rows: 1}]"
    shuffled = {**REPORT, "findings": [REPORT["findings"][place] for place in order]}
    assert json.dumps(judged(text, shuffled).as_dict()) == json.dumps(judged(text).as_dict())


def test_a_template_is_met_by_its_own_report_and_not_by_another() -> None:
    """What is made from a run describes that run."""
    text = template(REPORT)
    verdict = judged(text)
    assert (verdict.met, len(verdict.expected), len(verdict.unexpected)) == (True, 2, 0)
    other = copy.deepcopy(REPORT)
    other["findings"][0]["statistics"]["effect"]["value"] = 0.9
    assert not judged(text, other).met
    moved = copy.deepcopy(REPORT)
    moved["findings"][0]["statistics"]["row_index"] += 101
    assert not judged(text, moved).met


@pytest.mark.parametrize(
    "name", ['say "no"', "a: b # c", "back\\slash", "line\nbreak", "\x85\u2028\x07", "名前 😀", "- 1", "{}", ""]
)
def test_a_template_survives_every_name(name: str) -> None:
    """Names of columns and files are other people's text."""
    odd = copy.deepcopy(REPORT)
    odd["input"]["filename"] = name or "empty"
    odd["findings"][0]["columns"] = odd["insights"][0]["columns"] = [name]
    odd["findings"][0]["title"] = odd["insights"][0]["title"] = name
    odd["datasets"][0]["columns"].append({"name": name})
    assert judged(template(odd), odd).met


def test_a_report_without_insights_has_a_template_too() -> None:
    """It bounds the status, so that it checks something."""
    silent = {**REPORT, "insights": []}
    assert judged(template(silent), silent).met
