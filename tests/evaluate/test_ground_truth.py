"""A ground truth is read strictly: every mistake at once, each with its line; nothing that checks nothing is taken."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness_core.domain.ground_truth import Line, read_ground_truth

EXAMPLE = Path(__file__).parents[2] / "examples" / "ground_truth.yaml"

EVERYTHING = """
note: all keys there are
report: {status: [COMPLETED, PARTIAL], min_insights: 1, max_insights: 9, max_unexpected: 2, min_findings: 1, max_findings: 40}
tolerance: {absolute: 0.5, relative: 0.01}
expect:
  - plugin: analysis_changepoint
    kind: changepoint
    columns: [discount]
    exact_columns: false
    subject: level
    rows: 11801
    within_rows: 20
    time: 2024-03-04
    within_time: 3d
    severity: notice
    measure: MEASURED
    insight: true
    statistics: {n: 20000, effect.value: {value: 0.75, absolute: 0.1}, p_value: {max: 0.01}, change: level, trend: {min: 0}}
    min_count: 1
    max_count: 2
    note: the policy of March
forbid:
  - {kind: pii}
"""

MISTAKES = """\
expct: []
report: {status: DONE, max_insights: -1, worst: 1}
tolerance: {relativ: 0.1}
expect:
  - {plugin: analysis_outliers, kind: outlier, colums: [a], min_count: 3, max_count: 2}
  - 7
  - {columns: [a]}
  - plugin: p
    time: yesterday
    within_time: 3 weeks
    rows: [1, -2]
    severity: loud
    insight: perhaps
    statistics:
      effect: [1, 2]
      n: {min: 5, max: 1}
      mean: {tolerance: 3}
forbid:
  - {kind: outlier, min_count: 1}
"""


def test_the_example_is_read_as_it_stands() -> None:
    """What is in the repository is the format."""
    truth, problems = read_ground_truth(EXAMPLE.read_text(encoding="utf-8"), "g.yaml")
    assert problems == []
    assert truth is not None
    assert (len(truth.expect), len(truth.forbid)) == (14, 8)
    assert truth.expect[0].columns == ("quantity", "unit_price", "discount", "total")
    assert {(line.min_count, line.max_count) for line in truth.expect} == {(1, None)}
    assert all(line.forbids for line in truth.forbid)


def test_every_key_is_read() -> None:
    """And becomes what it says."""
    truth, problems = read_ground_truth(EVERYTHING, "g.yaml")
    assert problems == []
    assert truth is not None
    line = truth.expect[0]
    assert (line.number, line.rows, line.within_rows, line.max_count) == (6, (11801,), 20, 2)
    assert (line.time, line.within_time_s) == (datetime(2024, 3, 4, tzinfo=UTC), 3 * 86400.0)
    bounds = {bound.name: bound for bound in line.statistics}
    assert (bounds["n"].tolerance.absolute, bounds["n"].tolerance.relative) == (0.5, 0.01)
    assert (bounds["effect.value"].tolerance.absolute, bounds["effect.value"].tolerance.relative) == (0.1, 0.01)
    assert (bounds["p_value"].has_value, bounds["p_value"].high, bounds["trend"].low) == (False, 0.01, 0.0)
    assert truth.report.statuses == ("COMPLETED", "PARTIAL")
    assert truth.report.limits["max_unexpected"] == 2


def test_every_mistake_is_named_at_once_with_its_line() -> None:
    """A person mends a file once, not once per mistake."""
    truth, problems = read_ground_truth(MISTAKES, "g.yaml")
    assert truth is None
    assert {(problem.where, problem.field) for problem in problems} == {
        ("g.yaml:1", "expct"),
        ("g.yaml:2", "report.status"),
        ("g.yaml:2", "report.max_insights"),
        ("g.yaml:2", "report.worst"),
        ("g.yaml:3", "tolerance.relativ"),
        ("g.yaml:5", "expect[0].colums"),
        ("g.yaml:5", "expect[0].min_count"),
        ("g.yaml:6", "expect[1]"),
        ("g.yaml:7", "expect[2]"),
        ("g.yaml:9", "expect[3].time"),
        ("g.yaml:10", "expect[3].within_time"),
        ("g.yaml:11", "expect[3].rows"),
        ("g.yaml:12", "expect[3].severity"),
        ("g.yaml:13", "expect[3].insight"),
        ("g.yaml:15", "expect[3].statistics.effect"),
        ("g.yaml:16", "expect[3].statistics.n.min"),
        ("g.yaml:17", "expect[3].statistics.mean.tolerance"),
        ("g.yaml:17", "expect[3].statistics.mean"),
        ("g.yaml:19", "forbid[0].min_count"),
    }
    remedies = {problem.field: problem.remedy for problem in problems}
    assert remedies["expct"] == "did you mean expect?"
    assert remedies["expect[0].colums"] == "did you mean columns?"


@pytest.mark.parametrize(
    "text", ["", "# only a comment\n", "{}", "expect: []\nforbid: []\n", "note: nothing else\n", "report: {}\n"]
)
def test_what_checks_nothing_is_refused(text: str) -> None:
    """An empty ground truth would be met by every report."""
    truth, problems = read_ground_truth(text, "g.yaml")
    assert truth is None
    assert "nothing would be checked" in problems[0].reason


@pytest.mark.parametrize("text", ["[1]", "expect: {}", "expect", "expect: [", "expect: &a []", "a: 1\na: 2"])
def test_what_is_no_ground_truth_is_refused(text: str) -> None:
    """With a sentence, never an exception."""
    truth, problems = read_ground_truth(text, "g.yaml")
    assert truth is None
    assert problems
    assert all(problem.where.startswith("g.yaml") and problem.reason for problem in problems)


def test_a_line_knows_that_it_forbids() -> None:
    """By its count alone."""
    assert Line("forbid[0]", 1, max_count=0, min_count=0).forbids
    assert not Line("expect[0]", 1).forbids
