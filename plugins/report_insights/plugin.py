"""Decides which findings are insights: false-discovery control over the run, symptoms beneath their cause, the weightiest first."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from insight_alike import alike, told_alone
from insight_claims import FACTS, RELATIONS, SHAPES, Claim
from insight_folding import fold, known_relations
from insight_ranking import Ranked, rank, why
from insight_structure import Structure
from insight_suppression import suppressed

from harness_core.sdk import SEVERITIES, PluginContext, PluginResult
from harness_core.sdk.statistics.multiplicity import q_values

REFERENCES = [
    "Benjamini, Y. and Hochberg, Y. (1995). Controlling the false discovery rate. J. R. Statist. Soc. B 57, 289-300.",
    "Benjamini, Y. and Yekutieli, D. (2001). The control of the false discovery rate in multiple testing under dependency. "
    "Annals of Statistics 29, 1165-1188.",
]
DEPENDENCE_NOTE = {
    "Benjamini-Hochberg": "Tests of one table depend on one another. The rate holds for independent and positively dependent "
    "tests, which is what columns that measure the same thing give; where that is in doubt, choose Benjamini-Yekutieli.",
    "Benjamini-Yekutieli": "Tests of one table depend on one another. The rate holds under any dependence.",
}


def run(ctx: PluginContext) -> PluginResult:
    settings = ctx.settings
    findings = _findings(ctx)
    q, family_size = _q_values(ctx, findings, settings["method"])
    row_count = _row_count(ctx)
    claims = [Claim(raw, q.get(raw["id"]), row_count) for raw in findings]
    discovered = [claim for claim in claims if claim.q_value is None or claim.q_value <= settings["alpha"]]
    silenced = suppressed(discovered, settings["suppressed"])
    structure = Structure.of(ctx.upstream)
    relations = known_relations(discovered, structure.order_columns, structure.measures)
    parents = fold(discovered, relations) if settings["fold_symptoms"] else {}
    news = [claim for claim in discovered if not structure.explains(claim)]
    worthy = [claim for claim in _worthy(news, parents, settings) if claim.id not in silenced]
    is_full = settings["fold_symptoms"] and len(worthy) > settings["max_insights"]
    groups = alike(worthy) if is_full else {}
    leads = told_alone(worthy, groups)
    ranked = rank(leads, _beneath(discovered, parents), settings["max_insights"], groups)
    if not worthy:
        ranked = rank(
            [claim for claim in _facts(discovered, parents) if claim.id not in silenced],
            _beneath(discovered, parents),
            min(settings["max_facts"], settings["max_insights"]),
        )
    left_out = {
        "not_significant": len(claims) - len(discovered),
        "suppressed": len(silenced),
        "facts": len(discovered) - len(parents) - len(silenced.keys() - parents.keys()) - max(len(worthy), len(ranked)),
        "beyond_the_cap": max(0, len(leads) - len(ranked)),
    }
    metrics = {
        "insights": [_entry(number, item) for number, item in enumerate(ranked, 1)],
        "q_values": q,
        "family_size": family_size,
        "alpha": settings["alpha"],
        "method": settings["method"],
        "dependence_note": DEPENDENCE_NOTE[settings["method"]],
        "left_out": left_out,
        "suppressed": [{"finding_id": name, "reason": silenced[name]} for name in sorted(silenced)],
    }
    summary = _summary(ranked, worthy, claims, ctx)
    if silenced:
        summary += f" {_count(len(silenced), 'finding')} {'is' if len(silenced) == 1 else 'are'} suppressed by a decision."
    return PluginResult.ok(summary, metrics=metrics, references=REFERENCES)


def _findings(ctx: PluginContext) -> list[dict[str, Any]]:
    found = [finding for name in sorted(ctx.upstream) for finding in ctx.upstream[name].findings]
    return sorted(found, key=lambda finding: str(finding["id"]))


def _q_values(ctx: PluginContext, findings: Sequence[Mapping[str, Any]], method: Any) -> tuple[dict[str, float], int]:
    """The q-value by finding id, over one family: every test of the run, those that gave no finding included.

    A plugin that tests more than it reports says how many tests it made in ``metrics.tests``. Findings about the same columns are
    one discovery, and the shapes of single columns, which are mostly beyond doubt, do not make relations and courses likelier.
    """
    tested = [f for f in findings if _has_p_value(f)]
    reported = Counter(str(f.get("plugin_id")) for f in findings if _has_p_value(f))
    family = sum(max(reported[name], _tests_made(ctx.upstream[name].metrics)) for name in sorted(ctx.upstream))
    family = max(family, len(tested))
    q: dict[str, float] = {}
    for is_shape in (True, False):
        mine = [f for f in tested if (f["kind"] in SHAPES) is is_shape]
        p_values = [float(f["statistics"]["p_value"]) for f in mine]
        questions = [frozenset(map(str, f.get("columns") or ())) for f in mine]
        q.update(zip((str(f["id"]) for f in mine), q_values(p_values, method, family, questions), strict=True))
    return q, family


def _has_p_value(finding: Mapping[str, Any]) -> bool:
    return isinstance((finding.get("statistics") or {}).get("p_value"), int | float)


def _tests_made(metrics: Mapping[str, Any]) -> int:
    made = metrics.get("tests")
    return made if isinstance(made, int) and not isinstance(made, bool) else 0


def _row_count(ctx: PluginContext) -> int | None:
    count = ctx.upstream["profile_basic"].metrics.get("row_count") if "profile_basic" in ctx.upstream else None
    return count if isinstance(count, int) else (ctx.dataset.row_count if ctx.datasets else None)


def _worthy(claims: Sequence[Claim], parents: Mapping[str, str], settings: Mapping[str, Any]) -> list[Claim]:
    """The roots that are severe or strong by themselves, and those that stand in for something severe which they explain."""
    by_id = {claim.id: claim for claim in claims}
    qualified = {claim.id for claim in claims if claim.id not in parents and _is_strong(claim, settings)}
    for claim in claims:
        root = by_id.get(parents.get(claim.id, claim.id))
        if root is not None and _is_severe(claim, settings) and (root is claim or not _is_mere_structure(root, claim)):
            qualified.add(root.id)
    return [claim for claim in claims if claim.id in qualified]


def _is_mere_structure(cause: Claim, symptom: Claim) -> bool:
    """A relation that follows from how the table is built is no news, and does not make news of the structure."""
    return cause.kind in FACTS and symptom.kind in RELATIONS


def _is_severe(claim: Claim, settings: Mapping[str, Any]) -> bool:
    return SEVERITIES.index(claim.severity) >= SEVERITIES.index(settings["min_severity"])


def _is_strong(claim: Claim, settings: Mapping[str, Any]) -> bool:
    if claim.statistics.get("by_definition") is True:
        return False  # what a column means follows from another: no news, however strong
    return claim.kind in RELATIONS and claim.q_value is not None and claim.strength >= settings["strong_effect"]


def _facts(claims: Sequence[Claim], parents: Mapping[str, str]) -> list[Claim]:
    """What the table's structure says for certain: shown where nothing else is to be said, and never the outcome of a test."""
    return [claim for claim in claims if claim.id not in parents and claim.kind in FACTS and claim.q_value is None]


def _beneath(claims: Sequence[Claim], parents: Mapping[str, str]) -> dict[str, list[Claim]]:
    beneath: dict[str, list[Claim]] = defaultdict(list)
    for claim in claims:
        if claim.id in parents:
            beneath[parents[claim.id]].append(claim)
    return beneath


def _entry(number: int, item: Ranked) -> dict[str, Any]:
    symptoms = [claim.id for claim in item.symptoms]
    listed = [claim.id for claim in item.alike]
    return {
        "finding_id": item.claim.id, "rank": number, "score": item.score, "why": why(item), "alike": listed, "symptoms": symptoms
    }  # fmt: skip


def _summary(ranked: Sequence[Ranked], worthy: Sequence[Claim], claims: Sequence[Claim], ctx: PluginContext) -> str:
    failed = sum(str(entry.get("status")) in ("ERROR", "TIMEOUT", "MEMORY", "SANDBOX", "BLOCKED", "SKIPPED") for entry in ctx.plan)
    missing = f" {_count(failed, 'plugin')} could not finish, so something may be missing." if failed else ""
    if not claims:
        return f"No plugin found anything to say about this table.{missing}"
    if not worthy:
        facts = (
            f" {_count(len(ranked), 'fact')} about how it is built {'is' if len(ranked) == 1 else 'are'} shown." if ranked else ""
        )
        return f"Nothing in this table calls for attention: none of {_count(len(claims), 'finding')} stands out.{facts}{missing}"
    folded = sum(len(item.symptoms) for item in ranked)
    beneath = f" {_count(folded, 'further finding')} {'is' if folded == 1 else 'are'} explained by them." if folded else ""
    listed = sum(len(item.alike) for item in ranked)
    shown = f", the first {len(ranked) + listed:,} are ranked" if len(ranked) + listed < len(worthy) else ""
    shown += f", in {_count(len(ranked), 'insight')}" if listed else ""
    verb = "is" if len(worthy) == 1 else "are"
    return f"{len(worthy):,} of {_count(len(claims), 'finding')} {verb} worth a person's time{shown}.{beneath}{missing}"


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
