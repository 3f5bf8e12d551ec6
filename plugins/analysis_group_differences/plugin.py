"""Group differences: which group differs from the others, in level and in spread, by how much; the worst slices of two columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import difference_levels as levels
import difference_slices as slices
import difference_spread as spreads
from difference_columns import Chosen, choose
from difference_levels import Apart, Level
from difference_slices import Slice
from difference_spread import Spread
from difference_tables import Counted, Crossed, Triple, coded_rows, count_pairs, cross
from difference_words import level_finding, slice_finding, spread_finding

from harness_core.sdk import Finding, PluginContext, PluginResult
from harness_core.sdk.statistics.multiplicity import holm
from harness_core.sdk.statistics.wording import rounded

REFERENCES = (
    "W. H. Kruskal, W. A. Wallis, Use of ranks in one-criterion variance analysis, J. Am. Stat. Assoc. 47 (1952) 583-621",
    "N. Cliff, Dominance statistics: ordinal analyses to answer ordinal questions, Psychological Bulletin 114 (1993) 494-509",
    "M. A. Fligner, T. J. Killeen, Distribution-free two-sample tests for scale, J. Am. Stat. Assoc. 71 (1976) 210-213",
    "S. Holm, A simple sequentially rejective multiple test procedure, Scand. J. Statist. 6 (1979) 65-70",
    "Y. Chung and others, Slice Finder: automated data slicing for model validation, IEEE ICDE (2019) 1550-1553",
)
Weighed = tuple[float, Finding]


def run(ctx: PluginContext) -> PluginResult:
    profile = ctx.upstream["profile_basic"].metrics.get("columns", []) if "profile_basic" in ctx.upstream else []
    chosen = choose(ctx.dataset, profile, ctx.settings)
    metrics = _metrics(chosen)
    if not chosen.measures or not chosen.groupings:
        missing = "measured numbers" if not chosen.measures else "groups of enough rows"
        return PluginResult.na("nothing_to_compare", f"No column holds {missing}, so no groups can be compared.", metrics=metrics)
    rows = coded_rows(ctx, chosen)
    counted = count_pairs(ctx, chosen, rows)
    judged = [
        level
        for m, g in sorted(counted.pairs)
        if (level := levels.judge((m, g), counted, chosen.groupings[g], ctx.settings["min_group_rows"])) is not None
    ]
    if not judged:
        return PluginResult.na("too_few_rows", "No two groups have enough rows with a value of the same measure.", metrics=metrics)
    wider = [spread for level in judged if (spread := spreads.judge(level, chosen.measures[level.m])) is not None]
    wanted, possible = slices.triples(chosen, ctx.settings["max_slice_searches"])
    crossed = cross(chosen, rows, counted, wanted)
    found, cells = slices.search(crossed, chosen, ctx.settings["min_slice_rows"])
    sure = holm(
        [*(level.p_value for level in judged), *(spread.p_value for spread in wider), *([found[0].p_value] if found else [])],
        ctx.settings["significance"],
    )
    metrics |= {
        "tests": len(sure), "cells": cells, "slice_searches_left_out": possible - len(wanted),
        "pairs": [_listed(level, chosen) for level in judged],
    }  # fmt: skip
    real = [level for level, is_sure in zip(judged, sure, strict=False) if is_sure]
    told_slices = slices.tell(found if sure[-1] else [], ctx.settings["significance"], ctx.settings["min_slice_effect"])
    evidence = Tables(chosen, counted, crossed, told_slices)
    told, metrics["explained"] = _levels(ctx, evidence, real)
    decided = {level.m for level in real if level.is_settled}
    wide = [spread for spread, is_sure in zip(wider, sure[len(judged) :], strict=False) if is_sure]
    told += _spreads(ctx, chosen, [spread for spread in wide if spread.level.m not in decided])
    told += [(abs(item.effect.value), slice_finding(ctx.dataset, chosen, item)) for item in told_slices]
    return _result(ctx, told, metrics)


@dataclass(frozen=True)
class Tables:
    """What the levels are told from: the columns, their tables, and the slices that are told beside them."""

    chosen: Chosen
    counted: Counted
    crossed: Mapping[Triple, Crossed]
    slices: Sequence[Slice]


def _metrics(chosen: Chosen) -> dict[str, Any]:
    return {
        "tests": 0,
        "measures": [measure.name for measure in chosen.measures],
        "groupings": [grouping.name for grouping in chosen.groupings],
        "left_out": [{"name": name, "reason": reason} for name, reason in chosen.left_out],
    }


def _listed(level: Level, chosen: Chosen) -> dict[str, Any]:
    return {
        "columns": [chosen.measures[level.m].name, chosen.groupings[level.g].name],
        "n": level.n,
        "groups": len(level.groups),
        "eta_of_ranks": rounded(level.effect),
        "p_value": rounded(level.p_value, 4),
    }


def _levels(ctx: PluginContext, tables: Tables, real: Sequence[Level]) -> tuple[list[Weighed], list[dict[str, Any]]]:
    """The findings about levels, and the pairs that something else stands behind."""
    told: list[Weighed] = []
    ranks = {level.pair: levels.mean_ranks(level, level.groups, tables.counted) for level in real}
    banded = {level.pair for level in real if levels.is_band(level, ranks[level.pair])}
    explained: list[tuple[Level, str]] = [(level, "the groups are ranges of the measure") for level in real if level.pair in banded]
    settled = [level for level in real if level.is_settled or level.pair in banded]
    names = [grouping.name for grouping in tables.chosen.groupings]
    for m in range(len(tables.chosen.measures)):
        mine, follow = _followed([level for level in real if level.m == m and level.pair not in banded], settled, tables)
        explained += follow
        story = levels.story(mine, tables.crossed, tables.chosen)
        explained += story.explained
        for level in story.told:
            found = levels.apart(level, tables.chosen.measures[m], ranks[level.pair])
            if _is_in_a_slice(ctx, tables, level, found):
                explained.append((level, "it stands out only in combination with another column"))
            else:
                shadows = [names[other.g] for other, by in story.explained if by == names[level.g]]
                told += _level(ctx, tables.chosen, level, found, shadows)
    columns = [[tables.chosen.measures[level.m].name, names[level.g]] for level, _ in explained]
    return told, [{"columns": pair, "explained_by": by} for pair, (_, by) in zip(columns, explained, strict=True)]


def _followed(mine: Sequence[Level], settled: Sequence[Level], tables: Tables) -> tuple[list[Level], list[tuple[Level, str]]]:
    """The levels of one measure that stand on their own, and those behind which a measure stands that the groups decide."""
    behind = {level.pair: levels.followed(level, settled, tables.counted) for level in mine}
    followers = [level for level in mine if behind[level.pair] is not None]
    for level in mine:
        leader = next((f for f in followers if f is not level and levels.is_shadow(level, f, tables.crossed)), None)
        if behind[level.pair] is None and leader is not None:
            behind[level.pair] = behind[leader.pair]
    explained = [
        (level, f"it follows {tables.chosen.measures[by].name}") for level in mine if (by := behind[level.pair]) is not None
    ]
    return [level for level in mine if behind[level.pair] is None], explained


def _is_in_a_slice(ctx: PluginContext, tables: Tables, level: Level, found: Apart) -> bool:
    return found.is_clear and any(
        levels.only_in_slice(level, found, tables.crossed[item.triple], (item.a, item.b), item.triple[1:].index(level.g),
                             ctx.settings["min_level_effect"])
        for item in tables.slices
        if item.triple[0] == level.m and level.g in item.triple[1:]
    )  # fmt: skip


def _level(ctx: PluginContext, chosen: Chosen, level: Level, found: Apart, shadows: Sequence[str]) -> list[Weighed]:
    size = abs(found.against_rest.value) if found.is_clear else level.effect
    if size < ctx.settings["min_level_effect"]:
        return []
    return [(0.0 if level.is_settled else size, level_finding(ctx.dataset, chosen, level, found, shadows))]


def _spreads(ctx: PluginContext, chosen: Chosen, sure: Sequence[Spread]) -> list[Weighed]:
    least = ctx.settings["min_spread_ratio"]
    large = [
        spread
        for spread in sure
        if spreads.is_large(spread, least) and not spreads.goes_with_level(spread, chosen.measures[spread.level.m], least)
    ]
    told = []
    for m in sorted({spread.level.m for spread in large}):
        spread = spreads.plainest([spread for spread in large if spread.level.m == m])
        effect = spreads.interval(spread, ctx.rng)
        weight = 1 - min(spread.ratio, 1 / spread.ratio)
        told.append((weight, spread_finding(ctx.dataset, chosen, spread, effect)))
    return told


def _result(ctx: PluginContext, told: Sequence[Weighed], metrics: dict[str, Any]) -> PluginResult:
    ranked = [finding for _, (_, finding) in sorted(enumerate(told), key=lambda item: (-item[1][0], item[0]))]
    shown = ranked[: ctx.settings["max_findings"]]
    metrics["not_told"] = len(ranked) - len(shown)
    if not shown:
        sentence = f"No group differs from the others by more than chance or a trifle, in {metrics['tests']:,} comparisons."
        return PluginResult.na("no_difference", sentence, metrics=metrics, references=REFERENCES)
    summary = f"{len(ranked):,} difference{'s' if len(ranked) > 1 else ''} between groups, in {metrics['tests']:,} comparisons."
    return PluginResult.ok(summary, metrics=metrics, findings=shown, references=REFERENCES)
