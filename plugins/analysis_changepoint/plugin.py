"""Change points: where level, course, spread, mix or completeness of a column changes, in time or from row to row."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from changepoint_claims import Claim, claims_of, distinct
from changepoint_groups import ROWS_LOOKED_AT, Candidate, candidate_tracks, changes_otherwise, first_look, grouping
from changepoint_search import Change, Found, search
from changepoint_segments import Model
from changepoint_tracks import Blocks, Track, level_tracks, measured, series_of, share_tracks, spread_track
from changepoint_words import finding

from harness_core.sdk import PluginContext, PluginResult
from harness_core.sdk.statistics.series import Floats, NoCourse, rows_in_course

REFERENCES = (
    "I. E. Auger, C. E. Lawrence, Algorithms for the optimal identification of segment neighborhoods, "
    "Bull. Math. Biol. 51 (1989) 39-54",
    "X. Shi, C. Gallagher, R. Lund, R. Killick, A comparison of single and multiple changepoint techniques for time series data, "
    "Comput. Stat. Data Anal. 170 (2022) 107433",
    "M. Csörgő, L. Horváth, Limit Theorems in Change-Point Analysis (1997)",
    "A. M. Abrams, K. Kleinman, M. Kulldorff, Gumbel based p-value approximations for spatial scan statistics, "
    "Int. J. Health Geogr. 9 (2010) 61",
)
ENOUGH_ROWS_FOR_A_MEAN = 20
ROWS_TO_PLACE = 12  # of a group: its change is placed no better than that, so that what is nearer to one of all rows is that one


@dataclass
class Seen:
    """What was searched, and what was found in it."""

    tests: int = 0
    claims: list[Claim] = field(default_factory=list)
    series: list[dict[str, Any]] = field(default_factory=list)


def run(ctx: PluginContext) -> PluginResult:
    profile = ctx.upstream["profile_basic"].metrics.get("columns", []) if "profile_basic" in ctx.upstream else []
    try:
        order = rows_in_course(ctx.dataset, profile, ctx.settings["time_column"])
    except NoCourse as reason:
        return PluginResult.na(reason.code, reason.sentence)
    if order.length < 12:
        return PluginResult.na("too_few_rows", "Fewer than twelve rows follow one another, too few to see a change.")
    blocks = Blocks.of(order, ctx.settings)
    names = measured(ctx.dataset, profile)
    limit = ctx.settings["max_columns"]
    seen = Seen()
    _whole_columns(ctx, profile, blocks, names[:limit], seen)
    return _result(ctx, blocks, seen, names[limit:])


def _whole_columns(
    ctx: PluginContext, profile: Sequence[Mapping[str, Any]], blocks: Blocks, names: Sequence[str], seen: Seen
) -> None:
    """All series that are searched: the measures, those of their groups that seem to change, shares of categories and of missing
    values."""
    columns = grouping(ctx.dataset, profile, blocks) if names and ctx.settings["max_groups"] else []
    affordable = max(1, ROWS_LOOKED_AT // (max(1, blocks.order.length) * max(1, len(columns))))
    looked, likely = 0, list[Candidate]()
    for done, track in enumerate(level_tracks(ctx.dataset, blocks, names)):
        ctx.progress_in_rows(done, len(names) + 1, track.column)
        level = _follow(ctx, track, blocks, seen)
        if columns and done < affordable:
            count, candidates = first_look(track, np.repeat(level, np.diff(blocks.edges)), columns)
            looked, likely = looked + count, likely + candidates
    chosen = sorted(likely, key=lambda item: (item.chance, item.measure, item.column, item.code))[: ctx.settings["max_groups"]]
    for track in candidate_tracks(ctx.dataset, chosen, columns, blocks):
        _follow(ctx, track, blocks, seen, groups=looked)
    if blocks.rows_each >= ENOUGH_ROWS_FOR_A_MEAN / 4:
        for track in share_tracks(ctx.dataset, profile, blocks, ctx.settings["max_columns"]):
            _follow(ctx, track, blocks, seen)


def _follow(ctx: PluginContext, track: Track, blocks: Blocks, seen: Seen, explained: Sequence[int] = (), groups: int = 1) -> Floats:
    """Search one series, and for a measure also its spread around the level that was found. What changes near the positions
    ``explained`` is not told: a skewed measure seems to spread otherwise wherever its level, sure or not, is taken to change.
    ``groups`` says among how many groups the one of this series was chosen. Returns the level of each block, NaN where it has
    none."""
    means, weights, kept = series_of(track, blocks)
    seen.tests += 1
    models: tuple[Model, ...] = ("level", "line") if track.what == "level" else ("level",)
    settings = dict(ctx.settings)
    if track.by is not None:
        settings["significance"] /= groups
    found = search(
        means, weights, settings, ctx.rng, models=models, normal=_are_means(weights),
        suggested=[period for period, _ in blocks.step.seasons] if blocks.step else (),
    )  # fmt: skip
    if track.by is not None:
        found = _stricter(found, groups)
    claims = claims_of(track, blocks, found, kept, means, ctx.settings)
    near = 3 * blocks.rows_each + 1
    _note(track, blocks, found, seen, [item for item in claims if all(abs(item.position - at) > near for at in explained)])
    level = np.full(len(blocks), np.nan)
    level[kept] = _fitted(means, found)
    if track.what == "level" and track.by is None and blocks.order.length >= 4 * len(kept) and len(kept) > 1:
        changes = [int(blocks.edges[kept[change.block]]) for change in found.changes]
        _follow(ctx, spread_track(track, level, blocks), blocks, seen, changes)
    return level


def _are_means(weights: Any) -> bool:
    """Whether each value averages rows enough to be nearly normal; of one group of many a block may have but a row or two."""
    return len(weights) > 0 and float(np.mean(weights)) >= ENOUGH_ROWS_FOR_A_MEAN


def _fitted(means: Any, found: Found) -> Any:
    """The level of each block: that of its segment, with what the cycles add."""
    if found.partition is None or found.seasonal is None:
        return np.full(len(means), float(np.mean(means)) if len(means) else math.nan)
    edges = [0, *found.partition.starts, len(means)]
    clean = means - found.seasonal
    levels = [clean[low:high].mean() for low, high in itertools.pairwise(edges)]
    return np.repeat(levels, np.diff(edges)) + found.seasonal


def _stricter(found: Found, groups: int) -> Found:
    """A change within one group of several: its p-value counts once per group."""
    return replace(found, changes=tuple(Change(c.block, min(1.0, c.p_value * groups), c.at_place) for c in found.changes))


def _note(track: Track, blocks: Blocks, found: Found, seen: Seen, claims: Sequence[Claim]) -> None:
    near = 3 * blocks.rows_each + 1
    if track.by is not None:  # what the whole column shows is not said again of a group
        whole = [item.position for item in seen.claims if item.track.column == track.column and item.track.by is None]
        rows = np.concatenate([[0], np.isfinite(track.values).cumsum()])
        claims = [
            item for item in claims
            if changes_otherwise(item)
            and all(abs(item.position - at) > near and abs(rows[item.position] - rows[at]) > ROWS_TO_PLACE for at in whole)
        ]  # fmt: skip
    seen.claims += claims
    if claims:
        columns = [track.column, *([track.by] if track.by else [])]
        what = track.what + (f" of {track.value}" if track.value else "")
        changed = [blocks.order.row(item.position) for item in claims]
        seen.series.append({"columns": columns, "what": what, "changes": changed, "periods": list(found.periods)})


def _result(ctx: PluginContext, blocks: Blocks, seen: Seen, left_out: Sequence[str]) -> PluginResult:
    claims = distinct(seen.claims, blocks)
    ranked = sorted(claims, key=lambda item: (item.change.p_value > 0.01, -item.size, item.track.column, item.position))
    told, counts = ranked[: ctx.settings["max_findings"]], dict[tuple[str, str | None], int]()
    findings = []
    for claim in told:
        key = (claim.track.column, claim.track.by)
        findings.append(finding(ctx, blocks, claim, counts.get(key, 0)))
        counts[key] = counts.get(key, 0) + 1
    column = blocks.order.column
    metrics = {
        "tests": seen.tests,
        "order": "the order of the file" if column is None else f'by "{column.name}"',
        "time_column": column.name if column else None,
        "blocks": len(blocks),
        "step": blocks.step.name if blocks.step else None,
        "series": seen.series,
        "left_out": list(left_out),
        "not_told": len(claims) - len(told),
    }
    if not findings:
        sentence = f"None of {seen.tests:,} series changes for good, {metrics['order']}."
        return PluginResult.na("no_change", sentence, metrics=metrics, references=REFERENCES)
    summary = f"{len(claims):,} change{'s' if len(claims) > 1 else ''} in {seen.tests:,} series, {metrics['order']}."
    return PluginResult.ok(summary, metrics=metrics, findings=findings, references=REFERENCES)
