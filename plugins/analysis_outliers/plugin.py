"""Outliers: values that the tail of their own column cannot explain, and rows whose combination of values is odd."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from outlier_columns import Skipped, numeric_candidates, unusable
from outlier_distance import Margin, margin
from outlier_joint import Joint, joint_finding, measure_joint
from outlier_tails import TailClaim, Verdict, judge
from outlier_words import beyond, finding

from harness_core.sdk import Column, Finding, PluginContext, PluginResult
from harness_core.sdk.statistics.ordered import Ordered, in_order
from harness_core.sdk.statistics.wording import rounded

REFERENCES = (
    "M. Hubert, E. Vandervieren, An adjusted boxplot for skewed distributions, Comput. Stat. Data Anal. 52 (2008) 5186-5201",
    "J. Pickands, Statistical inference using extreme order statistics, Ann. Statist. 3 (1975) 119-131",
    "B. Rosner, Percentage points for a generalized ESD many-outlier procedure, Technometrics 25 (1983) 165-172",
    "J. Raymaekers, P. Rousseeuw, Fast robust correlation for high-dimensional data, Technometrics 63 (2021) 184-198",
)
TABLE_SIGNIFICANCE = 0.05


@dataclass
class Examined:
    """What is known after each column was looked at once."""

    columns: list[tuple[Column, Verdict, int]] = field(default_factory=list)
    margins: list[Margin] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    told: list[tuple[Column, TailClaim]] = field(default_factory=list)


def run(ctx: PluginContext) -> PluginResult:
    profile = ctx.upstream["profile_basic"].metrics.get("columns", []) if "profile_basic" in ctx.upstream else []
    candidates, skipped = numeric_candidates(ctx.dataset, profile)
    if not candidates:
        return PluginResult.na("no_measures", "No column holds measured numbers, so there is nothing that could be an outlier.")
    tests = len(candidates) + 1
    settings = {**ctx.settings, "significance": min(ctx.settings["significance"], TABLE_SIGNIFICANCE / tests)}
    ordered = in_order(ctx.dataset, candidates, profile)
    examined = _each_column(ctx, ordered, len(candidates), settings, Examined(skipped=skipped))
    if not examined.columns:
        reasons = "; ".join(f'"{item.name}": {item.reason}' for item in examined.skipped[:5])
        metrics = _metrics(examined, None)
        return PluginResult.na(
            "nothing_to_examine", f"No numeric column could be examined for outliers ({reasons}).", metrics=metrics
        )
    joint = measure_joint(ctx, settings, examined.margins, _told_conditions(examined))
    findings = [*examined.findings, *([joint_finding(ctx, joint)] if joint is not None and joint.rows else [])]
    return _result(examined, joint, findings)


def _each_column(
    ctx: PluginContext, columns: Iterable[tuple[Column, Ordered]], count: int, settings: Mapping[str, Any], examined: Examined
) -> Examined:
    for done, (column, ordered) in enumerate(columns):
        ctx.progress_in_rows(done, count + 1, column.name)
        if reason := unusable(ordered):
            examined.skipped.append(Skipped(column.name, reason))
        else:
            _one_column(ctx, column, ordered, judge(ordered, settings, settings["esd_significance"] / count), examined)
    return examined


def _one_column(ctx: PluginContext, column: Column, ordered: Ordered, verdict: Verdict, examined: Examined) -> None:
    examined.columns.append((column, verdict, ordered.n))
    for claim in verdict.claims:
        examined.findings.append(finding(ctx.dataset, column, ordered.whole, claim, verdict, ctx.settings["esd_sure_rows"]))
        examined.told.append((column, claim))
    found = margin(column.name, ordered, verdict.scale == "log")
    if found is not None:
        examined.margins.append(found)


def _told_conditions(examined: Examined) -> dict[str, list[tuple[str, float, str]]]:
    """Per column the fences already reported: (direction, fence, the condition as SQL)."""
    told: dict[str, list[tuple[str, float, str]]] = {}
    for column, claim in examined.told:
        told.setdefault(column.name, []).append((claim.direction, claim.fence, beyond(column, claim)))
    return told


def _metrics(examined: Examined, joint: Joint | None) -> dict[str, Any]:
    return {
        "columns": [
            {
                "name": column.name,
                "n": n,
                "scale": verdict.scale,
                "medcouple": rounded(verdict.medcouple),
                "fences": [rounded(fence) for fence in verdict.fences],
                "beyond_fences": list(verdict.beyond_fences),
                "p_value": rounded(verdict.p_value, 4),
            }
            for column, verdict, n in examined.columns
        ],
        "skipped": [{"name": item.name, "reason": item.reason} for item in examined.skipped],
        "joint": joint.as_metrics() if joint else None,
        "tests": len(examined.columns) + (1 if joint else 0),
    }


def _result(examined: Examined, joint: Joint | None, findings: list[Finding]) -> PluginResult:
    metrics, looked = _metrics(examined, joint), len(examined.columns)
    names = f"{looked:,} numeric column{'s' if looked > 1 else ''}"
    if not findings:
        sentence = f"None of the values in {names} is out of line with the rest of its column."
        return PluginResult.na("no_outliers", sentence, metrics=metrics, references=REFERENCES)
    summary = f"{len(findings):,} group{'s' if len(findings) > 1 else ''} of outliers in {names}."
    return PluginResult.ok(summary, metrics=metrics, findings=findings, references=REFERENCES)
