"""Looks for windows of days around the ends of months, quarters and years with more work, or in which work takes longer."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from period_calendar import CYCLES, REACH, Calendar, Cycle, Places, calendar, places
from period_quantities import Daily, Days, Quantity, day_counts, each_daily, quantities
from period_windows import Window, adjusted, best_window, without_profile
from period_words import Effect, agreement, finding, measured

from harness_core.sdk import Column, Finding, PluginContext, PluginResult
from harness_core.sdk.statistics.events import Roles
from harness_core.sdk.statistics.series import time_columns
from harness_core.sdk.statistics.wording import rounded

REFERENCES = [
    "N. Cliff, Dominance statistics: ordinal analyses to answer ordinal questions, Psychol. Bull. 114 (1993) 494-509",
    "J. W. Tukey, Exploratory Data Analysis, Addison-Wesley (1977), chapter 10 (the resistant line)",
]
MOST_FINDINGS = 5
MOST_BESIDE = 3
OVERLAP = 0.5


def run(ctx: PluginContext) -> PluginResult:
    if "profile_basic" not in ctx.upstream or "columns" not in ctx.upstream["profile_basic"].metrics:
        return PluginResult.failed("MissingProfile", "Measures are taken from the column profile, and profile_basic left none.")
    profile = ctx.upstream["profile_basic"].metrics["columns"]
    log = ctx.upstream.get("profile_eventlog")
    roles = Roles.of(log.metrics) if log is not None else Roles()
    time = _time(ctx, profile, roles)
    if time is None:
        return PluginResult.na("no_time", "No column holds dates or times, so there are no months to look at.")
    counts = day_counts(ctx.dataset, time)
    days = calendar(counts)
    found = {cycle.name: places(days, cycle) for cycle in CYCLES} if days is not None else {}
    usable = [cycle for cycle in CYCLES if cycle.name in found and found[cycle.name].ends >= ctx.settings["least_cycles"]]
    if days is None or not usable:
        ends = found["month"].ends if found else 0
        least = ctx.settings["least_cycles"]
        counted = f"{ends} end{'' if ends == 1 else 's'} of months"
        sentence = f'"{time.name}" covers {counted} with whole months on both sides; at least {least} are needed.'
        return PluginResult.na("few_cycles", sentence)
    return _looked(ctx, profile, roles, time, days, counts, {cycle: found[cycle.name] for cycle in usable})


def _time(ctx: PluginContext, profile: Sequence[Mapping[str, Any]], roles: Roles) -> Column | None:
    """The column that says on which day a row came about; raises KeyError where the settings name one that is not there."""
    chosen = ctx.settings["time"] or roles.queued or roles.started or roles.time
    if chosen:
        return ctx.dataset.column(chosen)
    return next(iter(time_columns(ctx.dataset, profile)), None)


def _looked(
    ctx: PluginContext,
    profile: Sequence[Mapping[str, Any]],
    roles: Roles,
    time: Column,
    days: Calendar,
    counts: Mapping[int, int],
    found: Mapping[Cycle, Places],
) -> PluginResult:
    wanted, left_out = quantities(ctx.dataset, profile, roles, time, ctx.settings["max_measures"])
    effects: list[Effect] = []
    tried: list[tuple[Quantity, Cycle, Window]] = []
    for done, (quantity, data) in enumerate(each_daily(ctx.dataset, Days(time, days.days), wanted, counts), 1):
        ctx.progress_in_rows(done, len(wanted), quantity.name)
        windows = _windows(data, days, found, ctx.settings["longest_window"])
        tried += [(quantity, cycle, window) for cycle, window in windows]
        likely = [(cycle, window) for cycle, window in windows if _is_clear(window, ctx.settings["significance"], ctx.settings)]
        effects += [measured(quantity, cycle, window, found[cycle], data) for cycle, window in likely]
    level = ctx.settings["significance"] / max(1, len(tried))
    strong = [effect for effect in effects if _is_strong(effect, level, ctx.settings)]
    groups = _grouped(strong)[:MOST_FINDINGS]
    metrics = {
        "time": time.name, "unit": days.unit, "first_day": days.text(0), "last_day": days.text(-1),
        "cycles": {cycle.name: part.ends for cycle, part in found.items()},
        "quantities": [_entry(*item) for item in tried], "not_examined": left_out, "tests": len(tried),
    }  # fmt: skip
    if not groups:
        spans = ", ".join(f"{part.ends} ends of {cycle.name}s" for cycle, part in found.items())
        sentence = f"Around {spans} neither the number of rows nor any of {len(wanted) - 1} quantities stands out."
        return PluginResult.na("no_period_effect", sentence, metrics=metrics, references=REFERENCES)
    told = [_told(ctx, time, days, _in_same_days(ctx, time, days, counts, found, group)) for group in groups]
    how_many = f"{len(told)} window{'s' if len(told) > 1 else ''}"
    summary = f'{how_many} of days in "{time.name}" in which {len(strong):,} of {len(wanted):,} quantities are different.'
    return PluginResult.ok(summary, metrics=metrics, findings=told, references=REFERENCES)


def _told(ctx: PluginContext, time: Column, days: Calendar, effects: Sequence[Effect]) -> Finding:
    file = f"cycles_{len(ctx.written) + 1}.json"
    ctx.write_artifact(file, agreement(effects[0]))
    return finding(time, days, effects, ctx.artifact_evidence(file, "deltas"))


def _windows(data: Daily, days: Calendar, found: Mapping[Cycle, Places], longest: int) -> list[tuple[Cycle, Window]]:
    """The best window of each cycle; what months have in common is not counted again for quarters and years."""
    if not np.isfinite(data.medians).any():
        return []
    values = adjusted(data.medians, days)
    windows = []
    for cycle, part in found.items():
        window = best_window(values, part, longest, REACH)
        if window is not None:
            windows.append((cycle, window))
        if cycle.months == 1:
            values = without_profile(values, part)
    return windows


def _is_clear(window: Window, level: float, settings: Mapping[str, Any]) -> bool:
    return bool(abs(window.found.effect.value) >= settings["min_effect"] and window.p_value <= level)


def _is_strong(effect: Effect, level: float, settings: Mapping[str, Any]) -> bool:
    same_way = (effect.change > 0) == effect.rises
    return _is_clear(effect.window, level, settings) and abs(effect.change) >= settings["min_change"] and same_way


def _grouped(strong: Sequence[Effect]) -> list[list[Effect]]:
    """Effects in overlapping windows of the same cycle together, durations first, then the clearest."""
    waiting = sorted(
        strong, key=lambda e: (not e.quantity.is_duration, -round(abs(e.window.found.effect.value), 9), e.quantity.name)
    )
    groups: list[list[Effect]] = []
    for effect in waiting:
        home = next((group for group in groups if _overlap(group[0], effect)), None)
        if home is None:
            groups.append([effect])
        else:
            home.append(effect)
    return groups


def _in_same_days(
    ctx: PluginContext, time: Column, days: Calendar, counts: Mapping[int, int], found: Mapping[Cycle, Places], group: list[Effect]
) -> list[Effect]:
    """The others of a group, measured in the window of the first; those are left out that are not different there."""
    main, aligned = group[0], [group[0]]
    for effect in group[1 : MOST_BESIDE + 1]:
        window = replace(effect.window, low=main.window.low, high=main.window.high)
        ((quantity, data),) = each_daily(ctx.dataset, Days(time, days.days), [effect.quantity], counts)
        again = measured(quantity, main.cycle, window, found[main.cycle], data)
        if abs(again.change) >= ctx.settings["min_change"]:
            aligned.append(again)
    return aligned


def _overlap(one: Effect, other: Effect) -> bool:
    if one.cycle is not other.cycle:
        return False
    shared = min(one.window.high, other.window.high) - max(one.window.low, other.window.low) + 1
    shorter = min(one.window.high - one.window.low, other.window.high - other.window.low) + 1
    return shared >= OVERLAP * shorter


def _entry(quantity: Quantity, cycle: Cycle, window: Window) -> dict[str, Any]:
    return {
        "name": quantity.name, "cycle": cycle.name, "window": [window.low, window.high],
        "effect": rounded(window.found.effect.value), "p_value": rounded(window.p_value, 4),
    }  # fmt: skip
