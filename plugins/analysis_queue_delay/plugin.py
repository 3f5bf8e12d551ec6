"""Waiting against work, the load that explains it, where it is longest, and whether work slows down when there is more of it."""

from collections.abc import Mapping, Sequence
from typing import Any

import queue_words as words
from queue_measures import (
    Capacity,
    Crowding,
    Group,
    Load,
    Waiting,
    capacity,
    crowding,
    little,
    load,
    resource_table,
    slowest_group,
    waiting,
)

from harness_core.sdk import Finding, PluginContext, PluginResult
from harness_core.sdk.statistics.events import Roles
from harness_core.sdk.statistics.wording import rounded
from harness_core.sdk.statistics.work import Work, read_work

REFERENCES = [
    "J. D. C. Little, A proof for the queuing formula L = lambda W, Operations Research 9 (1961) 383-387",
    "A. Law, Simulation Modeling and Analysis, 5th ed., McGraw-Hill (2015), chapter 9 (batch means)",
    "J. Romano and others, Appropriate statistics for ordinal level data, FAIR (2006)",
]
LEAST_JOBS = 100
LEAST_FREE_WAITING = 0.5
ALWAYS_FULL = 0.8


def run(ctx: PluginContext) -> PluginResult:
    profile = ctx.upstream.get("profile_eventlog")
    if profile is None or "roles" not in profile.metrics:
        return PluginResult.failed("MissingProfile", "The roles of the columns come from profile_eventlog, and it left none.")
    roles = Roles.of(profile.metrics)
    if not profile.metrics.get("is_event_log"):
        return PluginResult.na("not_an_event_log", f"There is no work to look at. {profile.get('summary') or ''}".strip())
    if not roles.has_intervals:
        return PluginResult.na(
            "one_time_per_event",
            "Each event has one time only, so waiting and work cannot be told apart; that needs when work began and when it ended.",
        )
    work = read_work(ctx.dataset, roles)
    ctx.progress_in_rows(1, 3, "work read")
    if len(work) < LEAST_JOBS:
        return PluginResult.na(
            "little_work", f"Only {len(work):,} pieces of work have a beginning and an end; {LEAST_JOBS} are needed."
        )
    return _analysed(ctx, roles, work)


def _analysed(ctx: PluginContext, roles: Roles, work: Work) -> PluginResult:
    settings = ctx.settings
    found, waits = load(work), waiting(work, settings["blocks"])
    room, crowd = capacity(work, found, settings["blocks"]), crowding(work, settings["blocks"])
    slowest = {role: slowest_group(work, role, settings) for role in ("resource", "activity")}
    ctx.progress_in_rows(2, 3, "compared")
    tests = sum(count for _, count in slowest.values()) + (room is not None and room.found is not None) + (crowd is not None)
    table, law = resource_table(work, settings["max_groups"]), little(work)
    metrics = {
        "jobs": len(work), "rows_left_out": work.left_out, "servers": found.servers,
        "time_at_level_s": [rounded(value) for value in found.held_s[:101]], "waiting": _waiting_metrics(waits),
        "little": law, "resources": table, "tests": tests,
    }  # fmt: skip
    level = settings["significance"] / max(1, tests)
    findings = [
        *([words.overall(roles, waits, law)] if waits and waits.share.value >= settings["min_waiting_share"] else []),
        *_about_room(roles, room, found, waits, level, settings),
        *_about_groups(roles, {role: group for role, (group, _) in slowest.items()}, table, level, settings),
        *_about_crowds(roles, crowd, level, settings),
    ]
    if not findings:
        return PluginResult.na("no_delays", _nothing(work, waits), metrics=metrics, references=REFERENCES)
    summary = f"{len(work):,} pieces of work, at most {found.servers:,} at once; {len(findings)} observations about how they wait."
    return PluginResult.ok(summary, metrics=metrics, findings=findings, references=REFERENCES)


def _waiting_metrics(waits: Waiting | None) -> dict[str, Any]:
    if waits is None:
        return {}
    return {
        "jobs": waits.jobs, "median_s": waits.median_s, "ninth_decile_s": waits.ninth_decile_s,
        "service_median_s": waits.service_median_s, "share": rounded(waits.share.value),
    }  # fmt: skip


def _about_room(
    roles: Roles, room: Capacity | None, found: Load, waits: Waiting | None, level: float, settings: Mapping[str, Any]
) -> list[Finding]:
    if room is None or waits is None:
        return []
    compared = room.found
    if compared is not None and compared.effect.value >= settings["min_effect"] and compared.p_value <= level:
        return [words.for_capacity(roles, room, found, compared)]
    if waits.share.value < settings["min_waiting_share"]:
        return []
    if compared is None and found.full_share >= ALWAYS_FULL:
        return [words.for_capacity(roles, room, found, None)]
    return [words.despite_room(roles, room, found)] if room.free_waiting_share >= LEAST_FREE_WAITING else []


def _about_groups(
    roles: Roles,
    slowest: Mapping[str, Group | None],
    table: Sequence[Mapping[str, Any]],
    level: float,
    settings: Mapping[str, Any],
) -> list[Finding]:
    """The one that makes work wait longest, of the resources and of the activities."""
    busy = {entry["name"]: entry for entry in table}
    told = []
    for role, column in (("resource", roles.resource), ("activity", roles.activity)):
        worst = slowest[role]
        if column and worst and worst.found.effect.value >= settings["min_effect"] and worst.found.p_value <= level:
            mine = busy.get(worst.name) if role == "resource" else None
            told.append(words.slow_group(roles, role, column, worst, mine, worst.found.p_value))
    return told


def _about_crowds(roles: Roles, crowd: Crowding | None, level: float, settings: Mapping[str, Any]) -> list[Finding]:
    if crowd is None or crowd.found.effect.value < settings["min_effect"] or crowd.found.p_value > level:
        return []
    return [words.crowded(roles, crowd, crowd.found.p_value)]


def _nothing(work: Work, waits: Waiting | None) -> str:
    if waits is None:
        return f"{len(work):,} pieces of work do not wait for one another, and take no longer when there are more of them."
    share = words.percent(waits.share.value)
    return f"Waiting is {share} of the time of {waits.jobs:,} pieces of work, and no resource, activity or load stands out."
