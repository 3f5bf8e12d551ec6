"""Dependence: which columns go together, how strongly on one scale, in what shape, and whether a third column is behind it."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from dependence_axes import build_axes
from dependence_exact import coefficients
from dependence_findings import Told, block, single, twin
from dependence_pairs import Judged, judge
from dependence_structure import (
    Conditional,
    Edges,
    blocks,
    condition,
    conditioners,
    is_explained,
    key,
    strongest_conditional,
    twins,
)
from dependence_tables import pair_tables, triple_tables

from harness_core.sdk import Finding, PluginContext, PluginResult
from harness_core.sdk.statistics.axes import Axis
from harness_core.sdk.statistics.coded import coded
from harness_core.sdk.statistics.wording import rounded

REFERENCES = (
    "E. H. Linfoot, An informational measure of correlation, Information and Control 1 (1957) 85-89",
    "G. A. Miller, Note on the bias of information estimates (1955)",
    "J. C. W. Rayner, D. J. Best, A contingency table approach to nonparametric testing (2001)",
    "W. M. Patefield, Algorithm AS 159: random r x c tables, Applied Statistics 30 (1981) 91-97",
    "S. Holm, A simple sequentially rejective multiple test procedure, Scand. J. Statist. 6 (1979) 65-70",
    "E. H. Simpson, The interpretation of interaction in contingency tables, J. R. Statist. Soc. B 13 (1951) 238-241",
)


def run(ctx: PluginContext) -> PluginResult:
    profile = ctx.upstream["profile_basic"].metrics.get("columns", []) if "profile_basic" in ctx.upstream else []
    axes, left_out = build_axes(ctx.dataset, profile, ctx.settings["max_columns"])
    if len(axes) < 2:
        return PluginResult.na(
            "too_few_columns", "Fewer than two columns can be compared with each other.", metrics=_left_out(left_out)
        )
    pairs = list(combinations(range(len(axes)), 2))
    rows = coded(ctx.dataset, axes)
    tables = pair_tables(ctx, axes, rows, pairs)
    judged = [judge(pair, (axes[pair[0]], axes[pair[1]]), tables[pair], ctx.rng, ctx.settings) for pair in pairs]
    known = [item for item in judged if item is not None]
    if not known:
        return PluginResult.na("too_few_rows", "No two columns have enough rows with a value in both.", metrics=_left_out(left_out))
    edges = {edge.pair: edge for edge in significant(known, ctx.settings["significance"], ctx.settings["min_effect"])}
    findings, explained = tell(Told(ctx, axes, rows), edges)
    return _result(ctx, axes, known, findings, explained, left_out)


def significant(judged: Sequence[Judged], level: float, least_effect: float) -> list[Judged]:
    """Holm's step-down procedure over all pairs tested; then the floor on the effect."""
    ascending = sorted(judged, key=lambda edge: (edge.p_value, edge.pair))
    passed = []
    for position, edge in enumerate(ascending):
        if edge.p_value > level / (len(ascending) - position):
            break
        passed.append(edge)
    return sorted((edge for edge in passed if edge.effect.value >= least_effect), key=lambda edge: edge.pair)


def tell(told: Told, edges: Edges) -> tuple[list[Finding], list[tuple[Judged, int]]]:
    """The findings, strongest first, and the edges that a third column explains, with that column."""
    same = twins(edges)
    live = {pair: edge for pair, edge in edges.items() if not set(pair) & set(same)}
    conditionals = _conditionals(told, live)
    explained = [(live[pair], found.given) for pair, found in sorted(conditionals.items()) if _is_shadow(told, live, pair, found)]
    gone = {edge.pair for edge, _ in explained}
    open_edges = {pair: edge for pair, edge in live.items() if pair not in gone}
    groups = blocks({pair: edge for pair, edge in open_edges.items() if edge.decides is None and pair not in conditionals})
    findings = [(edges[key(i, j)].effect.value, twin(told, edges[key(i, j)])) for j, i in sorted(same.items())]
    findings += [(1.0, block(told, members, open_edges)) for members in groups]
    for edge, also in _outside(open_edges, groups):
        findings.append((edge.effect.value, single(told, edge, conditionals.get(edge.pair), also)))
    ranked = sorted(enumerate(findings), key=lambda item: (-item[1][0], item[0]))
    return [finding for _, (_, finding) in ranked], explained


def _is_shadow(told: Told, edges: Edges, pair: tuple[int, int], found: Conditional) -> bool:
    """A shadow of a third column is not told by itself, unless that column is a category: then the person should know."""
    return is_explained(edges[pair], found, edges) and told.axes[found.given].kind != "category"


def _conditionals(told: Told, edges: Edges) -> dict[tuple[int, int], Conditional]:
    """Per edge the third column that undoes it, if there is one."""
    triples = conditioners(edges, told.axes)
    tables = triple_tables(told.axes, told.rows, triples)
    found: dict[tuple[int, int], list[Conditional]] = {}
    for i, j, k in triples:
        conditional = condition(edges[i, j], tables[i, j, k], k)
        if conditional is not None and edges[i, j].decides is None:
            found.setdefault((i, j), []).append(conditional)
    telling = {pair: strongest_conditional(items) for pair, items in found.items()}
    return {pair: item for pair, item in telling.items() if item is not None}


def _outside(edges: Edges, groups: Sequence[tuple[int, ...]]) -> list[tuple[Judged, list[Judged]]]:
    """The edges not inside a block; those from one column to several members of a block are told once, by the strongest."""
    home = {k: number for number, members in enumerate(groups) for k in members}
    bundles: dict[tuple[Any, ...], list[Judged]] = {}
    for (i, j), edge in sorted(edges.items()):
        ends = tuple(("block", home[k]) if k in home else ("axis", k) for k in (i, j))
        if ends[0] != ends[1]:
            bundles.setdefault(tuple(sorted(ends)), []).append(edge)
    ranked = [sorted(bundle, key=lambda edge: (-edge.effect.value, edge.pair)) for bundle in bundles.values()]
    return [(bundle[0], bundle[1:]) for bundle in ranked]


def _left_out(left_out: Sequence[tuple[str, str]]) -> dict[str, Any]:
    return {"left_out": [{"name": name, "reason": reason} for name, reason in left_out], "tests": 0}


def _result(
    ctx: PluginContext,
    axes: Sequence[Axis],
    known: Sequence[Judged],
    findings: Sequence[Finding],
    explained: Sequence[tuple[Judged, int]],
    left_out: Sequence[tuple[str, str]],
) -> PluginResult:
    shown = findings[: ctx.settings["max_findings"]]
    strongest = sorted(known, key=lambda edge: (-edge.effect.value, edge.pair))[: ctx.settings["max_pairs_listed"]]
    metrics = _left_out(left_out) | {
        "tests": len(known),
        "columns": [axis.name for axis in axes],
        "pairs": [_listed(edge, axes) | more for edge, more in zip(strongest, coefficients(ctx, axes, strongest), strict=True)],
        "explained": [
            {"columns": [axes[edge.i].name, axes[edge.j].name], "explained_by": axes[given].name} for edge, given in explained
        ],
        "not_told": len(findings) - len(shown),
    }
    if not shown:
        sentence = f"None of the {len(known):,} pairs of columns depend on each other by more than chance or a trifle."
        return PluginResult.na("no_dependence", sentence, metrics=metrics, references=REFERENCES)
    summary = f"{len(findings):,} dependence{'s' if len(findings) > 1 else ''} among {len(known):,} pairs of columns."
    return PluginResult.ok(summary, metrics=metrics, findings=shown, references=REFERENCES)


def _listed(edge: Judged, axes: Sequence[Axis]) -> dict[str, Any]:
    return {
        "columns": [axes[edge.i].name, axes[edge.j].name],
        "n": edge.n,
        "effect": rounded(edge.effect.value),
        "effect_name": edge.effect.name,
        "p_value": rounded(edge.p_value, 4),
        "test": edge.test,
        "rank_correlation_of_classes": rounded(edge.correlation),
    }
