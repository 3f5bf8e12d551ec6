"""Looks for each known issue of the ERP: confirmed in so many rows, or not; and says of which it cannot tell, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
from issue_checks import Check, check_of, unsteady_word

from harness_core.sdk import Dataset, Finding, PluginContext, PluginResult
from harness_core.sdk.view_columns import view_columns

KEYWORDS = frozenset({"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"})


@dataclass(frozen=True)
class Verdict:
    """What was found about one issue; ``reason`` says why it was not looked for, ``finding`` is None then."""

    issue: Mapping[str, Any]
    word: str
    reason: str = ""
    affected: int | None = None
    finding: Finding | None = None

    def as_dict(self) -> dict[str, Any]:
        counted = {} if self.affected is None else {"affected_rows": self.affected}
        return {"id": self.issue["id"], "kind": self.issue["kind"], "verdict": self.word, "reason": self.reason, **counted}


def run(ctx: PluginContext) -> PluginResult:
    issues = ctx.settings["known_issues"]
    if not issues:
        return PluginResult.na("no_known_issues", "No known issues were given: the run names no ERP, or its ERP has none.")
    names = {view.name: view.sql for view in view_columns(ctx.dataset)}
    unsteady = _unsteady_functions(ctx.dataset)
    verdicts = []
    for done, issue in enumerate(issues):
        verdicts.append(_look(ctx, issue, names, unsteady))
        ctx.progress_in_rows(done + 1, len(issues), "known issues looked for")
    metrics = {"issues": [verdict.as_dict() for verdict in verdicts]}
    findings = [verdict.finding for verdict in verdicts if verdict.finding is not None]
    if not findings:
        return PluginResult.na("no_issue_applies", _summary(verdicts, ctx.settings["erp"]), metrics=metrics)
    return PluginResult.ok(_summary(verdicts, ctx.settings["erp"]), metrics=metrics, findings=findings)


def _unsteady_functions(dataset: Dataset) -> frozenset[str]:
    """The functions of the engine that do not give the same for the same row every time."""
    found = dataset.connection.sql("SELECT DISTINCT function_name FROM duckdb_functions() WHERE stability <> 'CONSISTENT'")
    return frozenset(str(name).lower() for (name,) in found.fetchall()) | KEYWORDS


def _look(ctx: PluginContext, issue: Mapping[str, Any], names: Mapping[str, str], unsteady: frozenset[str]) -> Verdict:
    missing = [column for column in issue.get("columns") or () if column not in names]
    if missing:
        return Verdict(issue, "not_applicable", f"There is no column {_listed(missing)} in this table.")
    check = check_of(issue, names)
    if check is None:
        return Verdict(issue, "not_checkable", f"An issue of kind {issue['kind']} needs a condition or a pattern to look for.")
    word = unsteady_word(issue.get("condition") or "", unsteady, frozenset(name.lower() for name in names))
    if word is not None:
        return Verdict(issue, "not_checkable", f'Its condition uses "{word}", which is not the same every time.')
    try:
        if _has_subquery(ctx.dataset, check):
            return Verdict(
                issue, "not_checkable", "Its condition asks a query of its own; it may speak of the columns of a row only."
            )
        return _checked(ctx, issue, check)
    except duckdb.BinderException as reason:
        return Verdict(issue, "not_applicable", f"Its condition does not fit this table: {_first_line(reason)}")
    except duckdb.Error as reason:
        return Verdict(issue, "not_checkable", f"Its condition cannot be evaluated: {_first_line(reason)}")


def _has_subquery(dataset: Dataset, check: Check) -> bool:
    """Whether the rows are chosen by asking something else than the row: another table, or a file."""
    if check.rows is None:
        return False
    ((tree,),) = dataset.connection.sql("SELECT json_serialize_sql($1::VARCHAR)", params=[check.rows]).fetchall()
    return '"class":"SUBQUERY"' in tree


def _checked(ctx: PluginContext, issue: Mapping[str, Any], check: Check) -> Verdict:
    for sql in (check.counted, check.rows):
        if sql is not None and len(ctx.dataset.connection.extract_statements(sql)) != 1:
            return Verdict(issue, "not_checkable", "Its condition is more than a condition.")
    evidence = [ctx.dataset.evidence(check.counted)]
    ((affected, total),) = evidence[0]["result"]
    confirmed = check.confirmed(affected, total)
    shown = ctx.settings["shown_rows"]
    if confirmed and shown and check.rows is not None:
        rows = [int(row[0]) for row in ctx.dataset.sql(f"{check.rows} LIMIT {shown}").fetchall()]
        evidence.append(ctx.dataset.row_evidence(rows))
    finding = _finding(issue, check, affected, total, evidence, ctx.settings["erp"], confirmed=confirmed)
    return Verdict(
        issue, "confirmed" if confirmed else "not_confirmed", affected=None if check.whole else affected, finding=finding
    )


def _finding(
    issue: Mapping[str, Any],
    check: Check,
    affected: int,
    total: int,
    evidence: Sequence[Mapping[str, Any]],
    erp: str,
    *,
    confirmed: bool,
) -> Finding:
    title = issue.get("title") or issue["id"]
    statistics: dict[str, Any] = {"issue": issue["id"], "issue_kind": issue["kind"], "confirmed": confirmed, "n": total}
    if not check.whole:
        statistics |= {"affected_rows": affected, "share": affected / total if total else 0.0}
    note = f" {issue['note']}" if issue.get("note") else ""
    return Finding(
        kind="known_issue",
        title=f"Known issue {'confirmed' if confirmed else 'not seen'}: {title}",
        statement=f"The known issue “{title}”{f' of {erp}' if erp else ''} {_outcome(check, affected, total, confirmed)}.{note}",
        columns=list(issue.get("columns") or ()),
        severity=(issue.get("severity") or "notice") if confirmed else "info",
        confidence=1.0,
        statistics=statistics,
        recommendation=(issue.get("recommendation") or None) if confirmed else None,
        evidence=evidence,
        subject=issue["id"],
    )


def _outcome(check: Check, affected: int, total: int, confirmed: bool) -> str:
    if check.whole and confirmed:
        return f"is in this table: {check.said} ({total:,} {_rows(total)})"
    if check.whole:
        return f"is not in this table: it is not so that {check.said}" if total else "cannot show: the table is empty"
    if not confirmed:
        return f"is not in this table: none of {total:,} {_rows(total)} {check.said}".replace(
            "none of 0 rows ", "there are no rows "
        )
    return f"is in {affected:,} of {total:,} {_rows(total)} ({_percent(affected / total)}): {check.said}"


def _percent(share: float) -> str:
    percent = share * 100
    if percent >= 99.95 and share < 1:
        return "nearly all"
    return f"{percent:.1f} %" if percent >= 0.1 else "less than 0.1 %"


def _summary(verdicts: Sequence[Verdict], erp: str) -> str:
    counts = {word: sum(verdict.word == word for verdict in verdicts) for word in _WORDS}
    parts = [f"{count:,} {_WORDS[word]}" for word, count in counts.items() if count]
    known = f"{len(verdicts):,} known issue{'s' * (len(verdicts) != 1)}{f' of {erp}' if erp else ''}"
    return f"Of {known}, {', '.join(parts)}."


_WORDS = {
    "confirmed": "confirmed", "not_confirmed": "not seen here", "not_applicable": "about columns that are not in this table",
    "not_checkable": "that cannot be checked",
}  # fmt: skip


def _rows(count: int) -> str:
    return "row" if count == 1 else "rows"


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)


def _first_line(reason: Exception) -> str:
    return str(reason).strip().splitlines()[0][:300]
