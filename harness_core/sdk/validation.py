"""What the kernel holds a plugin to, as functions that a plugin's own tests can call: the result's shape, and settings' defaults.

Both return *all* problems at once, as sentences with their place; they never raise for what a plugin sent.
"""

import copy
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from harness_core.sdk.contract import KINDS, MEASURES, RESULT_KEYS, SEVERITIES

MAX_TEXT = 20_000
SHA256 = re.compile(r"[0-9a-f]{64}\Z")
ROW_REFERENCE = re.compile(r"db://[A-Za-z0-9_]{1,64}#row_index=[0-9]{1,15}\Z")
REASON_CODE = re.compile(r"[a-z][a-z0-9_]{1,63}\Z")


def with_defaults(schema: Mapping[str, Any], settings: Any) -> Any:
    """``settings`` with every default of a JSON schema filled in, nested ones too; what was given always wins.

    An object that is absent is made where its own properties have defaults, so that a plugin can rely on the nesting.
    """
    return _filled(schema, copy.deepcopy(settings), schema)


def _filled(schema: Mapping[str, Any], value: Any, root: Mapping[str, Any]) -> Any:
    schema = _resolved(schema, root)
    if isinstance(value, dict):
        for name, part in (schema.get("properties") or {}).items():
            if name in value:
                value[name] = _filled(part, value[name], root)
            elif (made := _default(part, root)) is not None:
                value[name] = made
    elif isinstance(value, list) and isinstance(schema.get("items"), Mapping):
        value = [_filled(schema["items"], item, root) for item in value]
    return value


def _default(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
    schema = _resolved(schema, root)
    if "default" in schema:
        return _filled(schema, copy.deepcopy(schema["default"]), root)
    if schema.get("type") == "object" and schema.get("properties"):
        made = _filled(schema, {}, root)
        return made or None
    return None


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    for _ in range(16):
        reference = schema.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return schema
        target: Any = root
        for part in reference[2:].split("/"):
            target = target.get(part, {}) if isinstance(target, Mapping) else {}
        schema = target
    return schema


def result_problems(plugin_id: str, answer: Any) -> list[str]:
    """Every reason for which the kernel refuses a plugin's answer; empty when it is accepted."""
    return list(_result(plugin_id, answer))


def _result(plugin_id: str, answer: Any) -> Iterator[str]:
    if not isinstance(answer, Mapping):
        yield f"the result is a {type(answer).__name__}, not an object"
        return
    yield from (f"{key}: missing" for key in RESULT_KEYS if key not in answer)
    unknown = set(answer) - set(RESULT_KEYS) - {"reason_code"}
    yield from (f"{key}: unknown key" for key in sorted(unknown, key=str))
    status = answer.get("status")
    if status not in ("ok", "na", "error"):
        yield f"status: {status!r} is none of ok, na, error"
    if not _is_text(answer.get("summary")) or not answer.get("summary"):
        yield "summary: one sentence is needed"
    for key, kind in (("metrics", Mapping), ("budget", Mapping), ("debug", Mapping), ("findings", list), ("artifacts", list)):
        if not isinstance(answer.get(key), kind):
            yield f"{key}: must be {'an object' if kind is Mapping else 'a list'}"
    references = answer.get("references")
    if not isinstance(references, list) or not all(_is_text(item) for item in references):
        yield "references: must be a list of texts"
    yield from _status_parts(answer)
    findings = answer.get("findings")
    for index, finding in enumerate(findings if isinstance(findings, list) else ()):
        yield from (f"findings[{index}].{problem}" for problem in _finding(plugin_id, finding))


def _status_parts(answer: Mapping[str, Any]) -> Iterator[str]:
    error, status = answer.get("error"), answer.get("status")
    if status == "error":
        if not isinstance(error, Mapping) or not error.get("type") or not _is_text(error.get("message")):
            yield "error: status error needs error.type and error.message"
    elif error is not None:
        yield f"error: must be null when status is {status}"
    code = answer.get("reason_code")
    if status == "na" and (not isinstance(code, str) or not REASON_CODE.match(code)):
        yield "reason_code: status na needs one, in lower_snake_case"
    if status == "na" and answer.get("findings"):
        yield "findings: status na means there are none"


def _finding(plugin_id: str, finding: Any) -> Iterator[str]:
    if not isinstance(finding, Mapping):
        yield "is no object"
        return
    if not isinstance(finding.get("kind"), str) or not re.match(r"[a-z][a-z0-9_]{1,63}\Z", finding["kind"]):
        yield f"kind: {finding.get('kind')!r} is no kind; the vocabulary is {', '.join(KINDS[:6])} …"
    for key in ("title", "statement"):
        if not _is_text(finding.get(key)) or not finding.get(key):
            yield f"{key}: a sentence is needed"
    yield from _measure(plugin_id, finding)
    if finding.get("severity", "info") not in SEVERITIES:
        yield f"severity: {finding.get('severity')!r} is none of {', '.join(SEVERITIES)}"
    columns = finding.get("columns", [])
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        yield "columns: must be a list of column names"
    if not isinstance(finding.get("statistics", {}), Mapping):
        yield "statistics: must be an object"
    evidence = finding.get("evidence", [])
    if not isinstance(evidence, list):
        yield "evidence: must be a list"
        return
    for index, item in enumerate(evidence):
        yield from (f"evidence[{index}]: {problem}" for problem in _evidence(item))


def _measure(plugin_id: str, finding: Mapping[str, Any]) -> Iterator[str]:
    measure = finding.get("measure", "MEASURED")
    modeled = "model" in plugin_id
    if measure not in MEASURES:
        yield f"measure: {measure!r} is none of {', '.join(MEASURES)}"
    elif modeled != (measure == "MODELED"):
        allowed = "MODELED" if modeled else "MEASURED"
        yield f"measure: {plugin_id} emits {allowed} findings only (a plugin that models says so in its id)"
    confidence = finding.get("confidence")
    if confidence is not None and not (_is_number(confidence) and 0 <= confidence <= 1):
        yield f"confidence: {confidence!r} is not within 0 and 1"
    p_value = (finding.get("statistics") or {}).get("p_value") if isinstance(finding.get("statistics"), Mapping) else None
    if p_value is not None and not (_is_number(p_value) and 0 <= p_value <= 1):
        yield f"statistics.p_value: {p_value!r} is not within 0 and 1"


def _evidence(item: Any) -> Iterator[str]:
    if not isinstance(item, Mapping):
        yield "is no object"
    elif item.get("type") == "rows":
        references = item.get("refs")
        if not isinstance(references, list) or not all(isinstance(ref, str) and ROW_REFERENCE.match(ref) for ref in references):
            yield "refs must be a list of db://<dataset_version_id>#row_index=<n>"
    elif item.get("type") == "query":
        if not _is_text(item.get("sql")) or not isinstance(item.get("result"), list):
            yield "a query needs sql and result"
    elif item.get("type") == "artifact":
        if not _is_text(item.get("path")) or not SHA256.match(str(item.get("sha256"))):
            yield "an artifact needs path, sha256 and locator"
    else:
        yield f"type {item.get('type')!r} is none of rows, query, artifact"


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MAX_TEXT


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
