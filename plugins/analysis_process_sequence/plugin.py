"""How cases run through their activities: usual path, departures, rework and bottlenecks, from the roles the log profile found."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sequence_words as words
from sequence_claims import Departure, Rework, Slowness, bottlenecks, departures, rework
from sequence_paths import Edges, Variants, counts_by_name, directly_follows, path_of, unsorted_cases, variants

from harness_core.sdk import Finding, PluginContext, PluginResult
from harness_core.sdk.statistics.events import MICROSECONDS, OrderedEvents, Roles, ordered_events, path
from harness_core.sdk.statistics.wording import rounded

REFERENCES = [
    "W. van der Aalst, Process Mining: Data Science in Action, 2nd ed., Springer (2016)",
    "N. Cliff, Dominance statistics: ordinal analyses to answer ordinal questions, Psychol. Bull. 114 (1993) 494-509",
    "W. G. Cochran, Sampling Techniques, 3rd ed., Wiley (1977), chapter 6",
]
LEAST_CASES = 5
MOST_IN_ARTIFACT = 10_000
MOST_BARS = 8
MOST_DEPARTURES = 2


def run(ctx: PluginContext) -> PluginResult:
    profile = ctx.upstream.get("profile_eventlog")
    if profile is None or "roles" not in profile.metrics:
        return PluginResult.failed("MissingProfile", "The roles of the columns come from profile_eventlog, and it left none.")
    roles = Roles.of(profile.metrics)
    if profile.metrics.get("form") != "cases" or not (roles.case and roles.activity and roles.time):
        reason = profile.get("summary") or "This is no log of cases."
        return PluginResult.na("not_an_event_log", f"There are no sequences to look at. {reason}")
    log = ordered_events(ctx.dataset, roles)
    ctx.progress_in_rows(1, 4, "events in order")
    if log.cases < LEAST_CASES:
        return PluginResult.na("few_cases", f"There are only {log.cases} cases, too few to tell what is usual.")
    edges, found = directly_follows(log), variants(log)
    metrics = _metrics(log, edges, found, ctx.settings["shown"])
    ends = bool(roles.lifecycle and roles.start_mark)
    done = ordered_events(ctx.dataset, roles, only_ends=True) if ends else log
    ctx.progress_in_rows(2, 4, "paths compared")
    done_edges, done_paths = (directly_follows(done), variants(done)) if ends else (edges, found)
    _artifacts(ctx, log, edges, found)
    findings, tests = _findings(roles, ends, done, done_edges, done_paths, ctx.settings)
    metrics |= {"tests": tests, "completions": _completions(done, done_paths) if ends else {}}
    summary = (
        f"{len(log.rows):,} events of {log.cases:,} cases take {len(found):,} path{'s' if len(found) > 1 else ''}; "
        f"the most frequent is taken by {int(found.cases[0]):,} cases."
    )
    return PluginResult.ok(summary, metrics=metrics, findings=findings, references=REFERENCES)


def _metrics(log: OrderedEvents, edges: Edges, found: Variants, shown: int) -> dict[str, Any]:
    first, last = log.activity[log.offsets[:-1]], log.activity[log.offsets[1:] - 1]
    return {
        "cases": log.cases,
        "events": len(log.rows),
        "activities": int((np.bincount(log.activity, minlength=len(log.names)) > 0).sum()),
        "variants": len(found),
        "rows_left_out": log.left_out,
        "activity_counts": counts_by_name(log.names, log.activity),
        "start_activities": counts_by_name(log.names, first),
        "end_activities": counts_by_name(log.names, last),
        "directly_follows_edges": len(edges.count),
        "directly_follows": _edge_rows(log, edges, shown),
        "top_variants": _variant_rows(log, found, shown),
        "median_case_duration_s": float(np.median(log.durations)) / MICROSECONDS,
        "cases_with_unsorted_rows": unsorted_cases(log),
    }


def _edge_rows(log: OrderedEvents, edges: Edges, most: int) -> list[dict[str, Any]]:
    return [
        {
            "from": log.names[int(edges.source[edge])], "to": log.names[int(edges.target[edge])], "count": int(edges.count[edge]),
            "median_s": float(edges.median_s[edge]), "total_s": float(edges.total_s[edge]),
        }
        for edge in range(min(most, len(edges.count)))
    ]  # fmt: skip


def _variant_rows(log: OrderedEvents, found: Variants, most: int) -> list[dict[str, Any]]:
    rows = []
    order = np.argsort(found.of_case, kind="stable")
    ends = np.cumsum(found.cases)
    for place in range(min(most, len(found))):
        members = order[int(ends[place] - found.cases[place]) : int(ends[place])]
        rows.append(
            {
                "cases": int(found.cases[place]),
                "share": rounded(int(found.cases[place]) / log.cases),
                "path": path(path_of(log, int(found.example[place])), 40),
                "median_duration_s": float(np.median(log.durations[members])) / MICROSECONDS,
            }
        )
    return rows


def _completions(done: OrderedEvents, found: Variants) -> dict[str, Any]:
    """The same counts where only the rows that end an activity are taken, as the findings do."""
    return {"cases": done.cases, "events": len(done.rows), "variants": len(found)}


def _artifacts(ctx: PluginContext, log: OrderedEvents, edges: Edges, found: Variants) -> None:
    ctx.write_artifact("directly_follows.json", _edge_rows(log, edges, MOST_IN_ARTIFACT))
    ctx.write_artifact("variants.json", _variant_rows(log, found, MOST_IN_ARTIFACT))


def _findings(
    roles: Roles, ends: bool, log: OrderedEvents, edges: Edges, found: Variants, settings: Mapping[str, Any]
) -> tuple[list[Finding], int]:
    durations = log.durations
    ways = departures(log, found, durations)
    again = rework(log, durations)
    tests = sum(way.slower is not None for way in ways) + (again.slower is not None)
    told = [words.main_path(roles, ends, path_of(log, int(found.example[0])), int(found.cases[0]), log.cases, len(found), ways)]
    told += _slow(roles, ends, ways, again, tests, log.cases, settings)
    if again.cases >= settings["min_case_share"] * log.cases and again.cases:
        told.append(words.repeated(roles, ends, again, log.cases, _corrected(again, tests, settings), settings["min_effect"]))
    total = math.fsum(edges.total_s)
    others = [
        (f"{log.names[int(edges.source[edge])]} → {log.names[int(edges.target[edge])]}", float(edges.total_s[edge]) / total)
        for edge in np.argsort(-edges.total_s, kind="stable")[:MOST_BARS]
        if total > 0
    ]
    told += [words.bottleneck(roles, ends, item, others) for item in bottlenecks(log, edges, settings)]
    return told, tests


def _slow(
    roles: Roles, ends: bool, ways: Sequence[Departure], again: Rework, tests: int, cases: int, settings: Mapping[str, Any]
) -> list[Finding]:
    """The departures that make cases clearly longer, the strongest first; not those of the very cases that repeat something."""
    strong = [
        (way, way.slower)
        for way in ways
        if way.slower is not None
        and way.cases >= settings["min_case_share"] * cases
        and way.slower.effect.value >= settings["min_effect"]
        and way.slower.p_value * tests <= settings["significance"]
        and not (again.slower is not None and _are_the_same(way.slower, again.slower))
    ]
    strong.sort(key=lambda item: (-round(item[1].effect.value, 9), item[0].activity))
    return [words.slow_departure(roles, ends, way, slower, slower.p_value) for way, slower in strong[:MOST_DEPARTURES]]


def _are_the_same(one: Slowness, other: Slowness) -> bool:
    return (one.cases, one.median_s, one.effect.value) == (other.cases, other.median_s, other.effect.value)


def _corrected(again: Rework, tests: int, settings: Mapping[str, Any]) -> float | None:
    """The p-value of longer cases with repetitions, where it is small enough to be told."""
    if again.slower is None or again.slower.p_value * tests > settings["significance"]:
        return None
    return again.slower.p_value
