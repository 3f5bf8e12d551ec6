"""Missing values: where they are, which columns lack them together, and on what other columns or stretches of rows that depends."""

from collections.abc import Mapping, Sequence
from typing import Any

import missing_dependence as dependence
from missing_dependence import Batch, Explainer, Part, coded_rows, explainers, gap_tables
from missing_mcar import little
from missing_patterns import Patterns, blocks, exclusive_pairs, missing_counts, read_patterns
from missing_words import block_finding, dependence_finding, exclusive_finding

from harness_core.sdk import Column, Finding, PluginContext, PluginResult
from harness_core.sdk.statistics.coded import Repeated
from harness_core.sdk.statistics.multiplicity import holm

REFERENCES = (
    "D. B. Rubin, Inference and missing data, Biometrika 63 (1976) 581-592",
    "R. J. A. Little, A test of missing completely at random for multivariate data with missing values, JASA 83 (1988) 1198-1202",
    "R. G. Newcombe, Interval estimation for the difference between independent proportions, Statist. Med. 17 (1998) 873-890",
    "S. Holm, A simple sequentially rejective multiple test procedure, Scand. J. Statist. 6 (1979) 65-70",
)
FURTHER = 1
Unit = tuple[Column, ...]


def run(ctx: PluginContext) -> PluginResult:
    profile = ctx.upstream["profile_basic"].metrics.get("columns", []) if "profile_basic" in ctx.upstream else []
    dataset, settings = ctx.dataset, ctx.settings
    counts = dict(zip([c.name for c in dataset.columns], missing_counts(dataset), strict=True)) if dataset.row_count else {}
    empty = {entry.get("name") for entry in profile if entry.get("role") == "empty"}  # some of them hold blanks
    gappy = [c for c in dataset.columns if 0 < counts.get(c.name, 0) < dataset.row_count and c.name not in empty]
    metrics: dict[str, Any] = {
        "tests": 0,
        "missing": {name: count for name, count in counts.items() if count},
        "cells_missing": sum(counts.values()),
        "left_out": [
            {"name": c.name, "reason": "beyond the limit of columns with gaps"} for c in gappy[settings["max_missing_columns"] :]
        ],
    }
    if not gappy:
        but = " but for columns that are empty throughout" if any(counts.values()) else ""
        return PluginResult.na("none_missing", f"No value is missing in any of the columns{but}.", metrics=metrics)
    patterns = read_patterns(dataset, gappy[: settings["max_missing_columns"]], settings["max_patterns_listed"])
    metrics |= _pattern_metrics(patterns) | {"mcar": little(dataset, _numeric(ctx, profile), counts)}
    phi = patterns.phi()
    groups = blocks(patterns, phi, settings["min_together"], settings["min_missing"])
    homes = {k: group[0] for group in groups for k in group}
    told = [(float(phi[group[0], group[1]]) / 2, block_finding(dataset, _columns(patterns, group), patterns)) for group in groups]
    for i, j in exclusive_pairs(phi, settings["min_together"], homes):
        told.append((abs(float(phi[i, j])) / 2, exclusive_finding(dataset, patterns.columns[i], patterns.columns[j])))
    found, left_out = explainers(dataset, profile, settings["max_columns"])
    units = [_columns(patterns, group) for group in groups]
    units += [(patterns.columns[k],) for k in range(len(patterns.columns)) if k not in homes]
    dependent, metrics["tests"] = _dependent(ctx, units, found)
    metrics["left_out"] += [{"name": name, "reason": reason} for name, reason in left_out]
    return _result(ctx, [*dependent, *told], metrics)


def _numeric(ctx: PluginContext, profile: Sequence[Mapping[str, Any]]) -> list[Column]:
    roles = {entry.get("name"): entry.get("role") for entry in profile}
    return [column for column in ctx.dataset.numeric_columns if roles.get(column.name, "measure") == "measure"]


def _columns(patterns: Patterns, group: Sequence[int]) -> Unit:
    """The columns of a block, the one with the most gaps first: it is the one that is tested."""
    order = sorted(group, key=lambda k: (-int(patterns.missing[k]), k))
    return tuple(patterns.columns[k] for k in order)


def _pattern_metrics(patterns: Patterns) -> dict[str, Any]:
    return {
        "complete_rows": patterns.complete_rows,
        "pattern_count": patterns.pattern_count,
        "patterns": [{"missing": [patterns.columns[k].name for k in pattern], "rows": rows} for pattern, rows in patterns.frequent],
    }


def _dependent(ctx: PluginContext, units: Sequence[Unit], found: Sequence[Explainer]) -> tuple[list[tuple[float, Finding]], int]:
    """The findings about units whose gaps depend on something, with their weights; and how many tests were made."""
    rows = coded_rows(ctx, [unit[0] for unit in units], found)
    gaps, rest = gap_tables(rows, range(len(units)), found)
    parts: list[tuple[int, Part]] = []
    for u, unit in enumerate(units):
        own = {column.name for column in unit}
        for k, explainer in enumerate(found):
            if explainer.column is not None and explainer.column.name in own:
                continue
            part = dependence.judge(k, explainer, gaps[u][k], rest[u][k], ctx.rng, ctx.settings)
            parts += [] if part is None else [(u, part)]
    sure = holm([part.p_value for _, part in parts], ctx.settings["significance"])
    strong: dict[int, list[Part]] = {}
    for (u, part), is_sure in zip(parts, sure, strict=True):
        if is_sure and part.effect.value >= ctx.settings["min_effect"]:
            strong.setdefault(u, []).append(part)
    first = {u: dependence.plainest(mine, found) for u, mine in strong.items()}
    second = _beyond(ctx, rows, found, strong, first)
    told = []
    for u, part in sorted(first.items()):
        also = [p for p in strong[u] if p is not part and p.explainer not in {other.explainer for other in second.get(u, [])}]
        names = [column.name for p in also if (column := found[p.explainer].column) is not None]
        told.append((part.effect.value, dependence_finding(ctx.dataset, units[u], found[part.explainer], part, names)))
        for further in second.get(u, []):
            told.append((further.effect.value, dependence_finding(ctx.dataset, units[u], found[further.explainer], further, ())))
    return told, len(parts)


def _beyond(
    ctx: PluginContext,
    rows: Repeated[Batch],
    found: Sequence[Explainer],
    strong: Mapping[int, Sequence[Part]],
    first: Mapping[int, Part],
) -> dict[int, list[Part]]:
    """Per unit what else explains its gaps in the rows outside the first part: at most one more, as it stands over all rows."""
    wanted = [u for u in sorted(first) if len(strong[u]) > 1]
    aside = {position: (first[u].explainer, first[u].codes) for position, u in enumerate(wanted)}
    gaps, rest = gap_tables(rows, wanted, found, aside) if wanted else ([], [])
    second: dict[int, list[Part]] = {}
    for position, u in enumerate(wanted):
        left = []
        for part in strong[u]:
            k = part.explainer
            again = dependence.judge(k, found[k], gaps[position][k], rest[position][k], ctx.rng, ctx.settings)
            is_left = again is not None and again.p_value <= ctx.settings["significance"]
            if again is not None and is_left and again.effect.value >= ctx.settings["min_effect"] and part is not first[u]:
                left.append(part)
        if left:
            second[u] = [dependence.plainest(left, found)][:FURTHER]
    return second


def _result(ctx: PluginContext, told: Sequence[tuple[float, Finding]], metrics: dict[str, Any]) -> PluginResult:
    ranked = [finding for _, (_, finding) in sorted(enumerate(told), key=lambda item: (-item[1][0], item[0]))]
    shown = ranked[: ctx.settings["max_findings"]]
    metrics["not_told"] = len(ranked) - len(shown)
    columns = len(metrics["missing"])
    lacking = f"{columns:,} column{'s lack' if columns > 1 else ' lacks'} values"
    if not shown:
        sentence = f"{lacking}; where they are missing depends on no other column and on no stretch of rows, as far as can be told."
        return PluginResult.na("no_pattern", sentence, metrics=metrics, references=REFERENCES)
    summary = f"{lacking}; {len(ranked):,} statement{'s' if len(ranked) > 1 else ''} about where they are missing."
    return PluginResult.ok(summary, metrics=metrics, findings=shown, references=REFERENCES)
