"""An ERP: the system that datasets come from, with its known issues, default settings and column roles, for all of them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from harness_core.domain.errors import Problem
from harness_core.domain.field_reader import FieldReader, kind_of
from harness_core.domain.patterns import pattern_problem
from harness_core.domain.remembered import (
    PluginSettings,
    Roles,
    name_of,
    notes_of,
    read_document,
    roles_of,
    settings_of,
    unreadable,
)
from harness_core.domain.suggestions import did_you_mean
from harness_core.sdk.canonical import digest_of
from harness_core.sdk.contract import KINDS, SEVERITIES

SCHEMA_VERSION = "erp.v1"
KEYS = ("schema_version", "name", "title", "notes", "known_issues", "settings", "roles")
ISSUE_KEYS = ("id", "kind", "title", "columns", "condition", "pattern", "severity", "note", "recommendation")
ISSUE_ID = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}\Z")
MAX_ISSUES = 500
MAX_CONDITION = 2000

# For these the columns say already what is to be looked for; every other kind needs a condition or a pattern.
TESTED_BY_KIND = frozenset({"constant", "key", "duplicate_rows", "duplicate_columns", "functional_dependency", "missingness"})
LEAST_COLUMNS: Mapping[str, int] = {
    "constant": 1, "key": 1, "duplicate_rows": 0, "duplicate_columns": 2, "functional_dependency": 2, "missingness": 1,
}  # fmt: skip


@dataclass(frozen=True)
class KnownIssue:
    """Something known to be wrong in data of an ERP: a kind, columns, and a SQL condition or an RE2 pattern that finds the rows."""

    id: str
    kind: str
    title: str
    columns: tuple[str, ...] = ()
    condition: str = ""
    pattern: str = ""
    severity: str = "notice"
    note: str = ""
    recommendation: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {
            "id": self.id, "kind": self.kind, "title": self.title, "columns": list(self.columns), "condition": self.condition,
            "pattern": self.pattern, "severity": self.severity, "note": self.note, "recommendation": self.recommendation,
        }  # fmt: skip


@dataclass(frozen=True)
class Erp:
    """Times are seconds since the epoch; they are no part of the content."""

    name: str
    title: str = ""
    notes: str = ""
    known_issues: tuple[KnownIssue, ...] = ()
    settings: PluginSettings = field(default_factory=dict)
    roles: Roles = field(default_factory=dict)
    created_at: float = 0.0
    updated_at: float = 0.0

    def document(self) -> dict[str, Any]:
        """What is exported, imported and hashed."""
        return {
            "schema_version": SCHEMA_VERSION, "name": self.name, "title": self.title, "notes": self.notes,
            "known_issues": [_without_empty(issue.as_dict()) for issue in self.known_issues],
            "settings": {name: dict(values) for name, values in self.settings.items()}, "roles": dict(self.roles),
        }  # fmt: skip

    @cached_property
    def sha256(self) -> str:
        return digest_of(self.document())


def _without_empty(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in raw.items() if value not in ("", [])}


def read_erp(text: str, where: str) -> Erp:
    """The ERP in a YAML text; raises UsageError with every problem."""
    return erp_of(read_document(text, where, SCHEMA_VERSION), where)


def erp_of(raw: Mapping[str, Any], where: str) -> Erp:
    fields = FieldReader(raw, where)
    fields.check_keys("", raw, KEYS)
    fields.require({"name": "the name that --erp takes"})
    issues, problems = read_issues(raw.get("known_issues"), f"{where}: known_issues")
    erp = Erp(
        name=name_of(fields, "an ERP"), title=fields.line("title", "") if raw.get("title") else "", notes=notes_of(fields),
        known_issues=issues, settings=settings_of(fields), roles=roles_of(fields),
    )  # fmt: skip
    if fields.problems or problems:
        raise unreadable(where, [*fields.problems, *problems])
    return erp


def read_issues(raw: Any, where: str) -> tuple[tuple[KnownIssue, ...], list[Problem]]:
    """The known issues of a list, and everything that is wrong with it."""
    if raw is None:
        return (), []
    if not isinstance(raw, list):
        return (), [Problem(where, "", f"must be a list, and is {kind_of(raw)}", "begin each issue with a dash")]
    if len(raw) > MAX_ISSUES:
        return (), [Problem(where, "", f"holds {len(raw):,} issues", f"write at most {MAX_ISSUES}")]
    issues: list[KnownIssue] = []
    problems: list[Problem] = []
    for index, item in enumerate(raw):
        issue, found = _read_issue(item, f"{where}[{index}]")
        problems += found
        if any(other.id == issue.id for other in issues):
            problems.append(Problem(f"{where}[{index}]", "id", f"{issue.id} stands twice", "give each issue an id of its own"))
        issues.append(issue)
    return tuple(issues), problems


def _read_issue(raw: Any, where: str) -> tuple[KnownIssue, Sequence[Problem]]:
    nothing = KnownIssue("", "", "")
    if not isinstance(raw, Mapping):
        return nothing, [Problem(where, "", f"must be a mapping, and is {kind_of(raw)}", f"it holds {', '.join(ISSUE_KEYS)}")]
    fields = FieldReader(raw, where)
    fields.check_keys("", raw, ISSUE_KEYS)
    fields.require({"id": "a short name for it", "kind": "the class of claim, such as sentinel"})
    issue_id, kind = fields.line("id"), str(raw.get("kind") or "")
    if issue_id and not ISSUE_ID.match(issue_id):
        fields.wrong("id", "must be lower-case letters, digits, dots, dashes and underscores", "such as negative-quantity")
    if "kind" in raw and kind not in KINDS:
        fields.wrong("kind", f"{kind or 'nothing'} is no kind of finding", did_you_mean(kind, KINDS))
    issue = KnownIssue(
        id=issue_id, kind=kind, title=fields.line("title", issue_id) or issue_id, columns=tuple(fields.texts("columns")),
        condition=_text(fields, "condition"), pattern=_text(fields, "pattern"),
        severity=fields.choice("severity", SEVERITIES, "notice"), note=_text(fields, "note"),
        recommendation=_text(fields, "recommendation"),
    )  # fmt: skip
    _check_test(fields, issue)
    return issue, fields.problems


def _text(fields: FieldReader, name: str) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        fields.wrong(name, f"must be a text, and is {kind_of(value)}", "put it in quotes")
        return ""
    if len(value) > MAX_CONDITION:
        fields.wrong(name, f"has {len(value):,} characters", f"write at most {MAX_CONDITION:,}")
    return value.strip()


def _check_test(fields: FieldReader, issue: KnownIssue) -> None:
    """Whether it says what to look for, in a way that can be looked for."""
    if issue.pattern:
        if problem := pattern_problem(issue.pattern):
            fields.wrong("pattern", f"is no regular expression: {problem}", "use RE2's syntax")
        if not issue.columns:
            fields.wrong("columns", "a pattern is looked for in columns, and none is named", "name the column")
    if issue.condition or issue.pattern or issue.kind not in KINDS:
        return
    if issue.kind not in TESTED_BY_KIND:
        fields.wrong("condition", f"a known issue of kind {issue.kind} needs a condition or a pattern",
                     "say in SQL which rows show it, such as: quantity < 0")  # fmt: skip
    elif len(issue.columns) < LEAST_COLUMNS[issue.kind]:
        fields.wrong("columns", f"{issue.kind} is about at least {LEAST_COLUMNS[issue.kind]} of them", "name the columns")
