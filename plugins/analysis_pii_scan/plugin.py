"""Personal data: which columns seem to hold it, of which kind and how surely, and texts in which it stands; never a value."""

from collections.abc import Mapping, Sequence
from typing import Any

from pii_columns import LONG_TEXT, Suspicion, inside_texts, suspect
from pii_forms import FORMS, Form
from pii_names import GRAVE, QUASI

from harness_core.sdk import Column, Dataset, Finding, PluginContext, PluginResult
from harness_core.sdk.dataset import quote_text
from harness_core.sdk.statistics.axes import view_name
from harness_core.sdk.statistics.wording import number, rounded

REFERENCES = (
    "ISO/IEC 7812-1, Identification cards: numbering system (Luhn's check digit)",
    "ISO 13616, International bank account number (IBAN)",
    "L. Sweeney, k-anonymity: a model for protecting privacy, Int. J. Uncertain. Fuzziness Knowl.-Based Syst. 10 (2002) 557-570",
)
HEURISTIC = "Judged by form, check digits and names. It can be wrong both ways; no value is shown or kept."
ROWS_CITED = 20
SURE = 0.7
DOUBTFUL = 0.8


def run(ctx: PluginContext) -> PluginResult:
    profile = ctx.upstream["profile_basic"].metrics.get("columns", []) if "profile_basic" in ctx.upstream else []
    known = {entry.get("name"): entry for entry in profile}
    columns = ctx.dataset.columns[: ctx.settings["max_columns"]]
    suspicions: list[Suspicion] = []
    texts: list[tuple[Column, Form, list[int]]] = []
    for done, column in enumerate(columns):
        ctx.progress_in_rows(done, len(columns), column.name)
        found = suspect(ctx.dataset, column, known.get(column.name, {}), ctx.settings)
        if found is not None and found.confidence >= ctx.settings["min_confidence"]:
            suspicions.append(found)
        elif ctx.settings["scan_text"] and _is_long_text(ctx.dataset, column, known.get(column.name, {})):
            texts += [(column, form, rows) for form, rows in inside_texts(ctx.dataset, column, [f for f in FORMS if f.inside])]
    told = [item for item in suspicions if item.kind not in QUASI or _has_people(suspicions)]
    findings = [_column_finding(ctx.dataset, item, ctx.settings["notice_confidence"]) for item in told]
    findings += [_text_finding(ctx.dataset, *item) for item in texts]
    return _result(ctx, findings, told, texts)


def _has_people(suspicions: Sequence[Suspicion]) -> bool:
    """Whether anything else in the table points to single people: only then do town, age or gender say something about them."""
    return any(item.kind not in QUASI and item.confidence >= SURE for item in suspicions)


def _is_long_text(dataset: Dataset, column: Column, profile: Mapping[str, Any]) -> bool:
    if column.type != "text":
        return False
    longest = (profile.get("lengths") or {}).get("max")
    if longest is None:
        longest = dataset.sql(f"SELECT max(length({view_name(column.name)})) FROM data").scalar() or 0
    return int(longest) >= LONG_TEXT


def _column_finding(dataset: Dataset, item: Suspicion, notice: float) -> Finding:
    name = view_name(item.column.name)
    plain = f"trim(CAST({name} AS VARCHAR))"
    fits = "TRUE" if item.expression is None else f"regexp_full_match({plain}, {quote_text(item.expression)})"
    facts = dataset.evidence(f"SELECT count(*) FILTER (WHERE {fits}) AS fitting, count(*) AS filled FROM data WHERE {plain} <> ''")
    fitting, filled = facts["result"][0]
    verb = "holds" if item.confidence >= DOUBTFUL else "seems to hold"
    form = (
        f" {fitting:,} of {filled:,} values have their form." if item.expression is not None else f" {filled:,} rows have a value."
    )
    grave = item.kind in GRAVE and item.confidence >= DOUBTFUL
    return Finding(
        kind="pii",
        title=f'"{item.column.name}" {verb} {item.name}',
        statement=f'"{item.column.name}" {verb} {item.name}, judged by {" and ".join(item.how)}.{form}',
        columns=[item.column.name],
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


def _text_finding(dataset: Dataset, column: Column, form: Form, rows: Sequence[int]) -> Finding:
    plain = f"CAST({view_name(column.name)} AS VARCHAR)"
    expression = quote_text(form.inside or form.expression)
    facts = dataset.evidence(
        f"SELECT count(*) FILTER (WHERE regexp_matches({plain}, {expression})) AS fitting, count({plain}) AS filled FROM data"
    )
    fitting, filled = facts["result"][0]
    checked = f"; in {len(rows):,} of them the check digits are right" if form.check is not None else ""
    grave = form.check is not None
    return Finding(
        kind="pii",
        title=f'Texts in "{column.name}" contain {form.name}',
        statement=f'{fitting:,} of {filled:,} texts in "{column.name}" contain what has the form of {form.name}{checked}.',
        columns=[column.name],
        severity="warning" if grave else "notice",
        confidence=0.85 if grave else 0.75,
        confidence_note=HEURISTIC,
        statistics={"n": filled, "count": fitting, "pii_kind": form.kind, "share": rounded(fitting / filled)},
        recommendation="Look at the rows cited and black the personal data out before the texts are passed on.",
        evidence=[facts, dataset.row_evidence(rows[:ROWS_CITED])],
        subject=f"inside: {form.name}",
    )


def _result(
    ctx: PluginContext, findings: Sequence[Finding], told: Sequence[Suspicion], texts: Sequence[tuple[Column, Form, list[int]]]
) -> PluginResult:
    ranked = sorted(enumerate(findings), key=lambda item: (-(item[1].confidence or 0), item[0]))
    shown = [finding for _, finding in ranked[: ctx.settings["max_findings"]]]
    limit = ctx.settings["max_columns"]
    metrics = {
        "columns": [
            {"name": item.column.name, "kind": item.kind, "confidence": item.confidence, "how": list(item.how)} for item in told
        ],
        "texts": [{"name": column.name, "kind": form.kind, "rows": len(rows)} for column, form, rows in texts],
        "left_out": [{"name": column.name, "reason": "beyond the limit of columns"} for column in ctx.dataset.columns[limit:]],
        "not_told": len(ranked) - len(shown),
    }
    if not shown:
        sentence = "No column has the form or the name of personal data; what is written in other words cannot be seen."
        return PluginResult.na("none_recognised", sentence, metrics=metrics, references=REFERENCES)
    kinds = len({finding.statistics["pii_kind"] for finding in findings})
    where = number(len({finding.columns[0] for finding in findings}))
    summary = f"Personal data of {kinds:,} kind{'s' if kinds > 1 else ''} in {where} column{'' if where == '1' else 's'}."
    return PluginResult.ok(summary, metrics=metrics, findings=shown, references=REFERENCES)
