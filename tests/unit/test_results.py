"""What the kernel makes of a guest's findings, and what it refuses."""

from typing import Any

import pytest

from harness_core.domain.results import committed_output, completed_findings, worst_severity
from harness_core.sdk.validation import result_problems, with_defaults

GOOD: dict[str, Any] = {
    "status": "ok", "summary": "Fine.", "metrics": {}, "findings": [], "artifacts": [], "budget": {}, "error": None, "references": [], "debug": {},
}  # fmt: skip
FINDING: dict[str, Any] = {"kind": "outlier", "title": "T", "statement": "S.", "columns": ["a"], "subject": "high"}


def test_a_good_answer_is_accepted() -> None:
    """The shape of the contract passes, also with nothing but the required keys."""
    assert result_problems("analysis_x", GOOD) == []
    assert result_problems("analysis_x", {**GOOD, "findings": [FINDING]}) == []


REFUSED = {
    "no object": [],
    "missing keys": {"status": "ok"},
    "unknown key": {**GOOD, "extra": 1},
    "unknown status": {**GOOD, "status": "fine"},
    "no summary": {**GOOD, "summary": ""},
    "na without reason": {**GOOD, "status": "na"},
    "na with findings": {**GOOD, "status": "na", "reason_code": "none", "findings": [FINDING]},
    "error without error": {**GOOD, "status": "error"},
    "error that is ok": {**GOOD, "error": {"type": "x", "message": "y"}},
    "confidence beyond one": {**GOOD, "findings": [{**FINDING, "confidence": 1.5}]},
    "modeled by one that measures": {**GOOD, "findings": [{**FINDING, "measure": "MODELED"}]},
    "p-value beyond one": {**GOOD, "findings": [{**FINDING, "statistics": {"p_value": 2}}]},
    "unknown severity": {**GOOD, "findings": [{**FINDING, "severity": "fatal"}]},
    "unknown evidence": {**GOOD, "findings": [{**FINDING, "evidence": [{"type": "feeling"}]}]},
    "bad row reference": {**GOOD, "findings": [{**FINDING, "evidence": [{"type": "rows", "refs": ["row 1"]}]}]},
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_answer_is_refused(case: str) -> None:
    """Each rule of the contract is checked."""
    assert result_problems("analysis_x", REFUSED[case])


def test_all_problems_come_at_once() -> None:
    """An author mends everything in one go."""
    bad = {**GOOD, "status": "fine", "findings": [{"kind": "X"}, 7]}
    assert len(result_problems("analysis_x", bad)) >= 5


def test_a_plugin_that_models_says_so_in_its_id() -> None:
    """MODELED belongs to ids with model in them, and only MODELED does."""
    modeled = {**GOOD, "findings": [{**FINDING, "measure": "MODELED"}]}
    assert result_problems("analysis_server_model", modeled) == []
    assert result_problems("analysis_server_model", {**GOOD, "findings": [FINDING]})


def test_ids_depend_on_the_claim_not_on_its_numbers() -> None:
    """The same claim has the same id in every run; another subject, column or kind has another."""
    (one,), (two,) = completed_findings("p", [FINDING]), completed_findings("p", [{**FINDING, "statement": "Other numbers."}])
    assert one["id"] == two["id"]
    others = [{**FINDING, "subject": "low"}, {**FINDING, "columns": ["b"]}, {**FINDING, "kind": "anomaly"}]
    assert len({finding["id"] for finding in completed_findings("p", [FINDING, *others])}) == 4


def test_two_claims_without_a_subject_are_both_kept() -> None:
    """A plugin that forgot the subject loses no finding; the same claim twice is one."""
    plain = {key: value for key, value in FINDING.items() if key != "subject"}
    assert len(completed_findings("p", [plain, {**plain, "statement": "Another."}, plain])) == 2


def test_silence_is_flagged() -> None:
    """No evidence and no confidence are said, never left out."""
    (finding,) = completed_findings("p", [FINDING])
    assert finding["evidence_note"].startswith("No evidence")
    assert finding["confidence_note"]


def test_the_committed_output_is_ordered() -> None:
    """Findings and artifacts stand in one order, whatever the plugin's was."""
    findings = [{**FINDING, "subject": str(number)} for number in range(9)]
    artifacts = [{"path": "b"}, {"path": "a"}]
    one = committed_output("p", {**GOOD, "findings": findings}, artifacts)
    other = committed_output("p", {**GOOD, "findings": findings[::-1]}, artifacts[::-1])
    assert one == other


def test_worst_severity() -> None:
    """The highest, or none."""
    assert worst_severity([]) is None
    assert worst_severity([{"severity": "notice"}, {"severity": "critical"}, {"severity": "info"}]) == "critical"


def test_defaults_are_filled_in_at_every_depth() -> None:
    """Nested objects, items of lists and references get their defaults; what was given wins and is not changed."""
    schema = {
        "type": "object",
        "properties": {
            "a": {
                "type": "object",
                "properties": {"b": {"default": 1}, "c": {"type": "object", "properties": {"d": {"default": [1]}}}},
            },
            "list": {"type": "array", "items": {"type": "object", "properties": {"x": {"default": 0}}}},
            "ref": {"$ref": "#/$defs/limit"},
        },
        "$defs": {"limit": {"type": "integer", "default": 5}},
    }
    given = {"a": {"b": 2}, "list": [{}, {"x": 3}]}
    assert with_defaults(schema, given) == {"a": {"b": 2, "c": {"d": [1]}}, "list": [{"x": 0}, {"x": 3}], "ref": 5}
    assert given == {"a": {"b": 2}, "list": [{}, {"x": 3}]}
