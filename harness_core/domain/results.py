"""From what a guest said to what is committed: findings completed with ids and defaults, in a stable order."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness_core.domain.fingerprints import finding_id
from harness_core.sdk.contract import RESULT_KEYS, SEVERITIES
from harness_core.sdk.validation import result_problems

__all__ = ["committed_output", "completed_findings", "result_problems", "worst_severity"]


def committed_output(plugin_id: str, answer: Mapping[str, Any], artifacts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The content of ``output.json``: the answer's keys, findings completed, and the artifacts as the kernel hashed them."""
    output = {key: answer[key] for key in RESULT_KEYS}
    if "reason_code" in answer:
        output["reason_code"] = answer["reason_code"]
    output["findings"] = completed_findings(plugin_id, answer["findings"])
    output["artifacts"] = sorted((dict(item) for item in artifacts), key=lambda item: str(item["path"]))
    return output


def completed_findings(plugin_id: str, findings: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Findings with ids and every key of the contract, ordered by id. Identical claims are kept once."""
    completed: dict[str, dict[str, Any]] = {}
    for raw in findings:
        finding = {**_DEFAULTS, **raw, "plugin_id": plugin_id}
        if finding["confidence"] is None and not finding.get("confidence_note"):
            finding["confidence_note"] = "No confidence is stated by this plugin."
        if not finding["evidence"] and not finding.get("evidence_note"):
            finding["evidence_note"] = "No evidence: this plugin gave none for this claim."
        subject = finding.get("subject", finding["title"])
        identity = finding_id(plugin_id, finding["kind"], finding["columns"], subject)
        if identity in completed and completed[identity]["statement"] != finding["statement"]:
            identity = finding_id(plugin_id, finding["kind"], finding["columns"], [subject, finding["statement"]])
        completed[identity] = {**finding, "id": identity}
    return [completed[identity] for identity in sorted(completed)]


_DEFAULTS: Mapping[str, Any] = {
    "columns": [],
    "severity": "info",
    "measure": "MEASURED",
    "confidence": None,
    "statistics": {},
    "recommendation": None,
    "evidence": [],
}


def worst_severity(findings: Sequence[Mapping[str, Any]]) -> str | None:
    """The highest severity among ``findings``, or None when there are none."""
    ranks = [SEVERITIES.index(finding["severity"]) for finding in findings]
    return SEVERITIES[max(ranks)] if ranks else None
