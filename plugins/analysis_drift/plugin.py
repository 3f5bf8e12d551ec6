"""Drift: what differs between the earlier and the later part of a table, and between tables of one format in a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from drift_blocks import Dealer
from drift_choosing import FEWEST_ON_A_SIDE, FEWEST_ROWS, earlier_roles, parts_of, tables_of, versions_of
from drift_judging import Change, Judge, Judged
from drift_seasons import Seasons, seasons_of
from drift_sides import Sides, Tables
from drift_words import finding, schema_finding

from harness_core.sdk import Column, Dataset, Finding, PluginContext, PluginResult
from harness_core.sdk.statistics.multiplicity import holm
from harness_core.sdk.statistics.series import NoCourse
from harness_core.sdk.statistics.wording import rounded

REFERENCES = (
    "N. Smirnov, Table for estimating the goodness of fit of empirical distributions, Ann. Math. Stat. 19 (1948) 279-281",
    "D. Endres, J. Schindelin, A new metric for probability distributions, IEEE Trans. Inf. Theory 49 (2003) 1858-1860",
    "J. Romano, On the behavior of randomization tests without a group invariance assumption, JASA 85 (1990) 686-692",
    "S. Holm, A simple sequentially rejective multiple test procedure, Scand. J. Statist. 6 (1979) 65-70",
)


@dataclass
class Compared:
    """What became of all comparisons."""

    findings: list[Finding] = field(default_factory=list)
    comparisons: list[dict[str, Any]] = field(default_factory=list)
    tests: int = 0
    remark: str = ""


def run(ctx: PluginContext) -> PluginResult:
    profile = ctx.upstream["profile_basic"].metrics.get("columns", []) if "profile_basic" in ctx.upstream else []
    dealer, compared = Dealer(ctx.seed, ctx.settings["permutations"]), Compared()
    reason: NoCourse | None = None
    earlier, most = earlier_roles(ctx.datasets, ctx.settings["earlier_inputs"]), ctx.settings["max_tables"]
    for tables in versions_of(ctx.datasets, earlier, most) if earlier else ():
        _compare_tables(ctx, tables, profile, dealer, compared)
    if earlier and most and not compared.comparisons:
        compared.remark = " The earlier file shares too few columns with this one to be compared."
    for tables in tables_of({role: item for role, item in ctx.datasets.items() if role not in earlier}, most):
        _compare_tables(ctx, tables, profile, dealer, compared)
    try:
        if ctx.dataset.row_count < FEWEST_ROWS:
            raise NoCourse("too_few_rows", f"Fewer than {FEWEST_ROWS} rows are too few to compare parts of them.")
        sides = parts_of(ctx.dataset, profile, ctx.settings)
        _compare(ctx, sides, ctx.dataset.columns, profile, dealer, compared)
    except NoCourse as found:
        reason = found
    if reason is not None and not compared.comparisons:
        return PluginResult.na(reason.code, reason.sentence + compared.remark)
    return _result(compared)


def _compare_tables(
    ctx: PluginContext, tables: Tables, profile: Sequence[Mapping[str, Any]], dealer: Dealer, compared: Compared
) -> None:
    others = {column.name: column for column in tables.second.columns}
    common = [column for column in tables.first.columns if column.name in others]
    retyped = {item.name: (item.type, others[item.name].type) for item in common if not _alike(item, others[item.name])}
    changed = schema_finding(ctx.dataset, tables, [column.name for column in common], retyped)
    compared.findings += [changed] if changed else []
    same = [column for column in common if column.name not in retyped and column.name.lower() != "row_index"]
    _compare(ctx, tables, same, profile, dealer, compared, seasons_of(ctx.dataset, tables, profile))
    if min(tables.sizes) < FEWEST_ON_A_SIDE:
        compared.remark = f" One of two tables has fewer than {FEWEST_ON_A_SIDE} rows, so only their columns were compared."


def _alike(one: Column, other: Column) -> bool:
    return one.type == other.type or (one.is_numeric and other.is_numeric)


def _compare(
    ctx: PluginContext,
    sides: Sides,
    columns: Sequence[Column],
    profile: Sequence[Mapping[str, Any]],
    dealer: Dealer,
    compared: Compared,
    seasons: Seasons | None = None,
) -> None:
    known = {str(entry.get("name")): entry for entry in profile}
    judged = Judge(ctx.dataset, sides, dealer, known, ctx.settings).judge(columns)
    told = _worth_saying(judged, ctx.settings)
    shown = told[: ctx.settings["max_findings"]]
    compared.findings += [finding(ctx.dataset, sides, change, ctx.settings["notice_distance"], seasons) for change in shown]
    compared.tests += len(judged.changes)
    compared.comparisons.append(_described(sides, judged, len(told) - len(shown), ctx.dataset))


def _worth_saying(judged: Judged, settings: Mapping[str, Any]) -> list[Change]:
    """Those that pass Holm's procedure over the comparison, then the floor on the distance; the largest first."""
    sure = holm([change.p_value for change in judged.changes], settings["significance"])
    floors = {
        "numbers": settings["min_distance"], "mix": settings["min_distance"], "nulls": settings["min_null_change"],
        "new": settings["min_new_share"], "gone": settings["min_new_share"],
    }  # fmt: skip
    passed = [item for item, held in zip(judged.changes, sure, strict=True) if held and item.distance >= floors[item.form]]
    replaced = {item.column.name for item in passed if item.form == "mix"}
    kept = [item for item in passed if item.form not in ("new", "gone") or not _is_told_by_mix(item, replaced, passed)]
    return sorted(kept, key=lambda item: (-item.distance, item.column.name, item.form))


def _is_told_by_mix(item: Change, replaced: set[str], passed: Sequence[Change]) -> bool:
    """A value that came or went and is among the largest moves of a mix is told there."""
    if item.column.name not in replaced:
        return False
    mix = next(other for other in passed if other.form == "mix" and other.column.name == item.column.name)
    (first, second), values = mix.facts["counts"], mix.facts["values"]
    moves = sorted(range(len(values)), key=lambda k: -abs(second[k] / sum(second) - first[k] / sum(first)))
    return all(value in [values[k] for k in moves[:3]] for value in item.facts["values"])


def _described(sides: Sides, judged: Judged, not_told: int, dataset: Dataset) -> dict[str, Any]:
    columns = [
        {key: rounded(value, 12) if isinstance(value, float) else value for key, value in entry.items()} for entry in judged.columns
    ]
    return {
        "earlier": sides.earlier, "later": sides.later, "axis": sides.axis, "rows": list(sides.sizes),
        "rows_on_neither_side": max(0, dataset.row_count - sum(sides.sizes)) if sides.axis else 0,
        "columns": columns, "left_out": judged.left_out, "tests": len(judged.changes), "not_told": not_told,
    }  # fmt: skip


def _result(compared: Compared) -> PluginResult:
    metrics = {"comparisons": compared.comparisons, "tests": compared.tests}
    if not compared.findings:
        sides = ", nor ".join(f"{item['later']} from what is {item['earlier']}" for item in compared.comparisons)
        sentence = f"Nothing differs by more than chance or a trifle {sides}."
        return PluginResult.na("no_drift", sentence + compared.remark, metrics=metrics, references=REFERENCES)
    count = len(compared.findings)
    comparisons = f"{len(compared.comparisons):,} comparison{'s' if len(compared.comparisons) > 1 else ''}"
    summary = f"{count:,} difference{'s' if count > 1 else ''} between earlier and later rows in {comparisons}.{compared.remark}"
    return PluginResult.ok(summary, metrics=metrics, findings=compared.findings, references=REFERENCES)
