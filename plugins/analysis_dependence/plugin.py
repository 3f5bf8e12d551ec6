"""Dependence: which columns go together, how strongly on one scale, in what shape, and whether a third column is behind it."""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import combinations
from typing import Any

from dependence_answers import Answers
from dependence_axes import build_axes
from dependence_exact import coefficients
from dependence_findings import (
    Claim,
    Told,
    block,
    circle,
    extremes,
    of_counting,
    one_of,
    single,
    strongest_of,
    twin,
    written,
)
from dependence_pairs import Chance, Judged, judge
from dependence_rates import rates_of
from dependence_serial import independent_share, memories
from dependence_small import FEW_ROWS, Shuffles
from dependence_structure import (
    Conditional,
    Edges,
    alternatives,
    blocks,
    circles,
    condition,
    conditioners,
    is_explained,
    key,
    strongest_conditional,
    twins,
)
from dependence_tables import pair_tables, triple_tables

from harness_core.sdk import PluginContext, PluginResult
from harness_core.sdk.statistics.axes import Axis, Codes
from harness_core.sdk.statistics.coded import Repeated, coded
from harness_core.sdk.statistics.ordering import counts_the_rows, counts_time
from harness_core.sdk.statistics.wording import rounded

REFERENCES = (
    "E. H. Linfoot, An informational measure of correlation, Information and Control 1 (1957) 85-89",
    "G. A. Miller, Note on the bias of information estimates (1955)",
    "J. C. W. Rayner, D. J. Best, A contingency table approach to nonparametric testing (2001)",
    "W. M. Patefield, Algorithm AS 159: random r x c tables, Applied Statistics 30 (1981) 91-97",
    "S. Holm, A simple sequentially rejective multiple test procedure, Scand. J. Statist. 6 (1979) 65-70",
    "E. H. Simpson, The interpretation of interaction in contingency tables, J. R. Statist. Soc. B 13 (1951) 238-241",
)
LEAST_DRAWS, SPARE = 19_999, 2
RUNNING_VALUES, RUNNING_SHARE, RUNNING_WITH_TIME = 20, 0.05, 0.98


def run(ctx: PluginContext) -> PluginResult:
    profile = ctx.upstream["profile_basic"].metrics.get("columns", []) if "profile_basic" in ctx.upstream else []
    case = _case_column(ctx.upstream)
    axes, left_out = build_axes(ctx.dataset, profile, ctx.settings["max_columns"], case)
    if len(axes) < 2:
        return PluginResult.na(
            "too_few_columns", "Fewer than two columns can be compared with each other.", metrics=_left_out(left_out)
        )
    pairs = list(combinations(range(len(axes)), 2))
    rows = coded(ctx.dataset, axes)
    tables = pair_tables(ctx, axes, rows, pairs)
    chance = _chance(ctx, len(pairs))
    past = memories(axes, rows) if _is_a_course(profile) else None
    judged = [
        judge(pair, (axes[pair[0]], axes[pair[1]]), tables[pair], chance, 1.0 if past is None else _share(past, pair))
        for pair in pairs
    ]
    known = [item for item in judged if item is not None]
    if not known:
        return PluginResult.na("too_few_rows", "No two columns have enough rows with a value in both.", metrics=_left_out(left_out))
    running = running_numbers(axes, known, profile)
    sure = significant(known, ctx.settings["significance"])
    large = [edge for edge in sure if _is_large(edge, axes, ctx.settings)]
    counting = {entry["name"] for entry in profile if counts_the_rows(entry)}
    order = frozenset(k for k, axis in enumerate(axes) if axis.kind == "time" or axis.name in counting)
    answers = Answers(ctx.dataset, axes, rows, exact=ctx.dataset.row_count <= ctx.settings["exact_rank_rows"])
    told = Told(answers, ctx.settings["min_effect"], order)
    spread = alternatives(known, axes) if ctx.dataset.row_count >= FEW_ROWS else []
    of_one = {pair for group in spread for pair in combinations(group, 2)}
    edges = {edge.pair: edge for edge in large if edge.pair not in of_one and not running & set(edge.pair)}
    claims, explained = tell(told, edges, rows)
    numbered = [
        Claim(edge.effect.value, (edge,), partial(of_counting, told, edge)) for edge in _beside_their_time(large, axes, running)
    ]
    claims = [*(Claim(1.0, (), partial(one_of, told, group)) for group in spread), *claims, *numbered]
    return _result(ctx, answers, known, claims, explained, left_out)


def _case_column(upstream: Mapping[str, Any]) -> str | None:
    """The column that numbers the cases of an event log: it says which rows belong together, not what they are like."""
    log = upstream["profile_eventlog"].metrics if "profile_eventlog" in upstream else {}
    return (log.get("roles") or {}).get("case") if log.get("form") == "cases" else None


def _chance(ctx: PluginContext, pairs: int) -> Chance:
    """As many random tables as can pass the correction for all pairs, twice over; more would only add digits."""
    level = ctx.settings["significance"]
    needed = max(LEAST_DRAWS, int(SPARE * pairs / level)) if level > 0 else ctx.settings["permutations"]
    draws = min(ctx.settings["permutations"], needed)
    return Chance(ctx.rng, draws, level, Shuffles(ctx.rng, draws))


def _is_a_course(profile: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the rows stand in the order of a time, so that neighbours may resemble each other."""
    return any((entry.get("role") == "time" and entry.get("is_sorted")) or counts_time(entry) for entry in profile)


def _share(past: Sequence[Any], pair: tuple[int, int]) -> float:
    return independent_share(past[pair[0]], past[pair[1]])


def running_numbers(axes: Sequence[Axis], judged: Sequence[Judged], profile: Sequence[Mapping[str, Any]]) -> set[int]:
    """Axes of many whole numbers that only grow or fall with a time: numbers of records, readings of a meter."""
    whole = {entry["name"]: int(entry.get("distinct_count") or 0) for entry in profile if entry.get("is_integer_valued")}
    found = set()
    for edge in judged:
        for k, other in (edge.pair, edge.pair[::-1]):
            many = whole.get(axes[k].name, 0) >= max(RUNNING_VALUES, RUNNING_SHARE * edge.n)
            if many and axes[other].kind == "time" and edge.correlation is not None and abs(edge.correlation) >= RUNNING_WITH_TIME:
                found.add(k)
    return found


def _beside_their_time(edges: Sequence[Judged], axes: Sequence[Axis], running: set[int]) -> list[Judged]:
    """Of each running number the pair with the time that it follows most closely; what else goes with it goes with that time."""
    found: dict[int, Judged] = {}
    for edge in sorted(edges, key=lambda edge: (-edge.effect.value, edge.pair)):
        for k, other in (edge.pair, edge.pair[::-1]):
            if k in running and axes[other].kind == "time":
                found.setdefault(k, edge)
    return [found[k] for k in sorted(found)]


def significant(judged: Sequence[Judged], level: float) -> list[Judged]:
    """Holm's step-down procedure over all pairs tested."""
    ascending = sorted(judged, key=lambda edge: (edge.p_value, edge.pair))
    passed = []
    for position, edge in enumerate(ascending):
        if edge.p_value > level / (len(ascending) - position):
            break
        passed.append(edge)
    return sorted(passed, key=lambda edge: edge.pair)


def _is_large(edge: Judged, axes: Sequence[Axis], settings: Mapping[str, Any]) -> bool:
    """The floor on the effect; a pair with a column of two values also passes by how far its rates are apart."""
    if edge.effect.value >= settings["min_effect"]:
        return True
    rates = rates_of(edge, axes[edge.i], axes[edge.j])
    return rates is not None and rates.is_candidate


def tell(told: Told, edges: Edges, rows: Repeated[list[Codes]]) -> tuple[list[Claim], list[tuple[Judged, int]]]:
    """What can be told, strongest first, and the edges that a third column explains, with that column."""
    same = twins(edges)
    live = {pair: edge for pair, edge in edges.items() if not set(pair) & set(same)}
    conditionals = _conditionals(told, live, rows)
    explained = [(live[pair], found.given) for pair, found in sorted(conditionals.items()) if _is_shadow(told, live, pair, found)]
    gone = {edge.pair for edge, _ in explained}
    open_edges = {pair: edge for pair, edge in live.items() if pair not in gone}
    free = {
        pair: edge
        for pair, edge in open_edges.items()
        if edge.decides is None and pair not in conditionals and not told.order & set(pair)
    }
    groups = blocks(free)
    of_one = [edges[key(i, j)] for j, i in sorted(same.items())]
    claims = [Claim(edge.effect.value, (edge,), partial(twin, told, edge)) for edge in of_one]
    claims += [Claim(1.0, extremes(members, open_edges), partial(block, told, members, open_edges)) for members in groups]
    grouped = {k for members in groups for k in members}
    rings = circles({pair: edge for pair, edge in free.items() if not set(pair) & grouped}, told.axes)
    claims += [Claim(1.0, (strongest_of(members, open_edges),), partial(circle, told, members, open_edges)) for members in rings]
    groups += rings
    for edge, also in _outside(open_edges, groups):
        conditional = conditionals.get(edge.pair)
        if _is_worth_a_sentence(told, edge, conditional):
            claims.append(Claim(edge.effect.value, (edge,), partial(single, told, edge, conditional, also), conditional))
    return sorted(claims, key=lambda claim: -claim.strength), explained


def _is_worth_a_sentence(told: Told, edge: Judged, conditional: Conditional | None) -> bool:
    """Large by its effect or its rates; what looks different in all rows and is not so within groups is worth one too."""
    if edge.effect.value >= told.min_effect or conditional is not None:
        return True
    rates = rates_of(edge, told.axes[edge.i], told.axes[edge.j])
    return rates is not None and rates.is_told


def _is_shadow(told: Told, edges: Edges, pair: tuple[int, int], found: Conditional) -> bool:
    """A shadow of a third column is not told by itself, unless that column is a category: then the person should know."""
    return is_explained(edges[pair], found, edges) and told.axes[found.given].kind != "category"


def _conditionals(told: Told, edges: Edges, rows: Repeated[list[Codes]]) -> dict[tuple[int, int], Conditional]:
    """Per edge the third column that undoes it, if there is one."""
    triples = conditioners(edges, told.axes)
    tables = triple_tables(told.axes, rows, triples)
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
    answers: Answers,
    known: Sequence[Judged],
    claims: Sequence[Claim],
    explained: Sequence[tuple[Judged, int]],
    left_out: Sequence[tuple[str, str]],
) -> PluginResult:
    axes, shown = answers.axes, claims[: ctx.settings["max_findings"]]
    strongest = sorted(known, key=lambda edge: (-edge.effect.value, edge.pair))[: ctx.settings["max_pairs_listed"]]
    textbook = coefficients(ctx, axes, strongest)
    for edge, more in zip(strongest, textbook, strict=True):
        if (spearman := more.get("spearman")) is not None:
            answers.spearman[edge.pair] = spearman
    metrics = _left_out(left_out) | {
        "tests": len(known),
        "columns": [axis.name for axis in axes],
        "pairs": [_listed(edge, axes) | more for edge, more in zip(strongest, textbook, strict=True)],
        "explained": [
            {"columns": [axes[edge.i].name, axes[edge.j].name], "explained_by": axes[given].name} for edge, given in explained
        ],
        "not_told": len(claims) - len(shown),
    }
    if not shown:
        sentence = f"None of the {len(known):,} pairs of columns depend on each other by more than chance or a trifle."
        return PluginResult.na("no_dependence", sentence, metrics=metrics, references=REFERENCES)
    summary = f"{len(claims):,} dependence{'s' if len(claims) > 1 else ''} among {len(known):,} pairs of columns."
    return PluginResult.ok(summary, metrics=metrics, findings=written(answers, shown), references=REFERENCES)


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
