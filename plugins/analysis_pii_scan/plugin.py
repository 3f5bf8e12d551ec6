"""Personal data in all tables of a run: which columns hold it, of which kind and how surely, and in which texts; never a value."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pii_columns import LONG_TEXT, Suspicion, inside_texts, suspect
from pii_forms import FORMS, Form
from pii_names import GRAVE, QUASI
from pii_tables import MAIN, Table, tables_of

from harness_core.sdk import Column, Dataset, Finding, PluginContext, PluginResult
from harness_core.sdk.dataset import quote_text
from harness_core.sdk.statistics.axes import view_name
from harness_core.sdk.statistics.wording import listed, number, rounded

REFERENCES = (
    "ISO/IEC 7812-1, Identification cards: numbering system (Luhn's check digit)",
    "ISO 13616, International bank account number (IBAN)",
    "L. Sweeney, k-anonymity: a model for protecting privacy, Int. J. Uncertain. Fuzziness Knowl.-Based Syst. 10 (2002) 557-570",
)
HEURISTIC = "Judged by form, check digits and names. It can be wrong both ways; no value is shown or kept."
ROWS_CITED, FURTHER = 20, 20
SURE = 0.7
DOUBTFUL = 0.8
SEVERITIES = ("critical", "warning", "notice", "info")


def run(ctx: PluginContext) -> PluginResult:
    tables, beyond = tables_of(ctx, ctx.settings["max_tables"])
    looked = _Looked([{"name": role, "reason": "beyond the limit of tables"} for role in beyond])
    total = sum(min(len(table.columns), ctx.settings["max_columns"]) for table in tables)
    for table in tables:
        _look(ctx, table, looked, total)
        if table.role != MAIN:
            table.dataset.close()
    findings = [_column_finding(ctx.dataset, *item, ctx.settings["notice_confidence"]) for item in looked.told]
    findings += [_text_finding(ctx.dataset, *item) for item in looked.texts]
    return _result(ctx, findings, looked)


@dataclass
class _Looked:
    """What was found so far: columns of a kind, and forms inside texts with the rows that have them. ``again`` are columns that are
    told of a table alike."""

    left_out: list[dict[str, str]]
    told: list[tuple[Table, Suspicion]] = field(default_factory=list)
    again: list[tuple[Table, Suspicion]] = field(default_factory=list)
    texts: list[tuple[Table, Column, Form, list[int]]] = field(default_factory=list)
    done: int = 0

    def is_told(self, table: Table, item: Suspicion) -> bool:
        known = [(other.role, seen.column.name, seen.kind) for other, seen in self.told]
        return any((role, item.column.name, item.kind) in known for role in table.alike)


def _look(ctx: PluginContext, table: Table, looked: _Looked, total: int) -> None:
    limit = ctx.settings["max_columns"]
    suspicions: list[Suspicion] = []
    for column in table.columns[:limit]:
        ctx.progress_in_rows(looked.done, total, column.name)
        looked.done += 1
        found = suspect(table.dataset, column, table.facts.get(column.name, {}), ctx.settings)
        if found is not None and found.confidence >= ctx.settings["min_confidence"]:
            suspicions.append(found)
        elif ctx.settings["scan_text"] and _is_long_text(table, column):
            inside = inside_texts(table.dataset, column, [form for form in FORMS if form.inside])
            looked.texts += [(table, column, form, rows) for form, rows in inside]
    for item in suspicions:
        if item.kind not in QUASI or _has_people(suspicions):
            (looked.again if looked.is_told(table, item) else looked.told).append((table, item))
    looked.left_out += [table.entry(column.name) | {"reason": "beyond the limit of columns"} for column in table.columns[limit:]]


def _has_people(suspicions: Sequence[Suspicion]) -> bool:
    """Whether anything else in the table points to single people: only then do town, age or gender say something about them."""
    return any(item.kind not in QUASI and item.confidence >= SURE for item in suspicions)


def _is_long_text(table: Table, column: Column) -> bool:
    if column.type != "text":
        return False
    longest = (table.facts.get(column.name, {}).get("lengths") or {}).get("max")
    if longest is None:
        longest = table.dataset.sql(f"SELECT max(length({view_name(column.name)})) FROM data").scalar() or 0
    return int(longest) >= LONG_TEXT


def _column_finding(main: Dataset, table: Table, item: Suspicion, notice: float) -> Finding:
    name = view_name(item.column.name)
    plain = f"trim(CAST({name} AS VARCHAR))"
    fits = "TRUE" if item.expression is None else f"regexp_full_match({plain}, {quote_text(item.expression)})"
    counts = f"count(*) FILTER (WHERE {fits}) AS fitting, count(*) AS filled"
    facts = main.evidence(f"SELECT {counts} FROM {table.view} WHERE {plain} <> ''")
    fitting, filled = facts["result"][0]
    verb = "holds" if item.confidence >= DOUBTFUL else "seems to hold"
    form = (
        f" {fitting:,} of {filled:,} values have their form." if item.expression is not None else f" {filled:,} rows have a value."
    )
    grave = item.kind in GRAVE and item.confidence >= DOUBTFUL
    return Finding(
        kind="pii",
        title=f"{table.label(item.column.name)} {verb} {item.name}",
        statement=f"{table.label(item.column.name)} {verb} {item.name}, judged by {' and '.join(item.how)}.{form}",
        columns=[table.called(item.column.name)],
        severity="warning" if grave else "notice" if item.confidence >= notice and item.kind not in QUASI else "info",
        confidence=item.confidence,
        confidence_note=HEURISTIC,
        statistics={
            "n": filled, "count": fitting, "pii_kind": item.kind, "checked": rounded(item.checked),
            "share": rounded(fitting / filled) if filled else None,
        },
        recommendation=_advice(item),
        evidence=[facts],
        subject=item.kind,
    )  # fmt: skip


def _advice(item: Suspicion) -> str:
    if item.kind in QUASI:
        return "Together with the other personal columns it can single people out: publish it coarser, or not at all."
    if item.kind in {"password", "card_security"}:
        return "It should not be in a table at all: remove it, and find out who has seen it."
    return "Decide who may see this column; replace it by a pseudonym before the table is passed on."


def _text_finding(main: Dataset, table: Table, column: Column, form: Form, rows: Sequence[int]) -> Finding:
    plain, where = f"CAST({view_name(column.name)} AS VARCHAR)", table.label(column.name)
    expression = quote_text(form.inside or form.expression)
    counts = f"count(*) FILTER (WHERE regexp_matches({plain}, {expression})) AS fitting, count({plain}) AS filled"
    facts = main.evidence(f"SELECT {counts} FROM {table.view}")
    fitting, filled = facts["result"][0]
    checked = f"; in {len(rows):,} of them the check digits are right" if form.check is not None else ""
    grave = form.check is not None
    return Finding(
        kind="pii",
        title=f"Texts in {where} contain {form.name}",
        statement=f"{fitting:,} of {filled:,} texts in {where} contain what has the form of {form.name}{checked}.",
        columns=[table.called(column.name)],
        severity="warning" if grave else "notice",
        confidence=0.85 if grave else 0.75,
        confidence_note=HEURISTIC,
        statistics={"n": filled, "count": fitting, "pii_kind": form.kind, "share": rounded(fitting / filled)},
        recommendation="Look at the rows cited and black the personal data out before the texts are passed on.",
        evidence=[facts, table.dataset.row_evidence(rows[:ROWS_CITED])],
        subject=f"inside: {form.name}",
    )


def _further(findings: Sequence[Finding]) -> Finding:
    """One finding for all that are beyond the limit: whoever cleans a report must know their columns, too."""
    names = list(dict.fromkeys(name for finding in findings for name in finding.columns))
    more = ", among others" if names[FURTHER:] else ""
    return Finding(
        kind="pii",
        title="Further columns seem to hold personal data",
        statement=f"Beside those that are told one by one, these seem to hold personal data: {listed(names[:FURTHER])}{more}.",
        columns=names,
        severity=min((finding.severity for finding in findings), key=SEVERITIES.index),
        confidence=max(finding.confidence or 0.0 for finding in findings),
        confidence_note=HEURISTIC,
        evidence_note="Kind and confidence of each stand in the metrics; a higher max_findings tells each with its counts.",
        subject="further",
    )


def _result(ctx: PluginContext, findings: Sequence[Finding], looked: _Looked) -> PluginResult:
    ranked = [item for _, item in sorted(enumerate(findings), key=lambda item: (-(item[1].confidence or 0), item[0]))]
    most = ctx.settings["max_findings"]
    shown = [*ranked[:most], *([_further(ranked[most:])] if ranked[most:] else [])]
    metrics = {
        "columns": [
            table.entry(item.column.name) | {"kind": item.kind, "confidence": item.confidence, "how": list(item.how)}
            for table, item in (*looked.told, *looked.again)
        ],
        "texts": [table.entry(column.name) | {"kind": form.kind, "rows": len(rows)} for table, column, form, rows in looked.texts],
        "left_out": looked.left_out,
        "not_told": len(ranked[most:]),
    }  # fmt: skip
    if not shown:
        sentence = "No column has the form or the name of personal data; what is written in other words cannot be seen."
        return PluginResult.na("none_recognised", sentence, metrics=metrics, references=REFERENCES)
    kinds = len({finding.statistics["pii_kind"] for finding in findings})
    where = number(len({finding.columns[0] for finding in findings}))
    summary = f"Personal data of {kinds:,} kind{'s' if kinds > 1 else ''} in {where} column{'' if where == '1' else 's'}."
    return PluginResult.ok(summary, metrics=metrics, findings=shown, references=REFERENCES)
