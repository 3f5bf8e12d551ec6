"""Durations: from one time of a row to another, how long it takes, since when and where longer; what is late and still open."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import duration_words as words
from duration_changes import Change, Slow, change, slowest
from duration_pairs import Chain, Durations, categories, chain, durations, held_by

from harness_core.sdk import Finding, PluginContext, PluginResult
from harness_core.sdk.statistics.events import span
from harness_core.sdk.statistics.multiplicity import holm
from harness_core.sdk.statistics.series import measures

REFERENCES = (
    "N. Cliff, Dominance statistics: ordinal analyses to answer ordinal questions, Psychological Bulletin 114 (1993) 494-509",
    "J. Romano and others, Appropriate statistics for ordinal level data, FAIR (2006)",
    "S. Holm, A simple sequentially rejective multiple test procedure, Scand. J. Statist. 6 (1979) 65-70",
    "D. Wilks, Statistical Methods in the Atmospheric Sciences, 3rd ed., Academic Press (2011), 5.2.4",
)


def run(ctx: PluginContext) -> PluginResult:
    profile = ctx.upstream["profile_basic"].metrics.get("columns", []) if "profile_basic" in ctx.upstream else []
    log = ctx.upstream["profile_eventlog"].metrics if "profile_eventlog" in ctx.upstream else {}
    if log.get("is_event_log"):
        return PluginResult.na(
            "event_log",
            "The rows are steps of cases; how long they wait and take is looked at as an event log.",
            metrics={"tests": 0},
        )
    roles = {entry.get("name"): entry.get("role") for entry in profile}
    times = [column for column in ctx.dataset.columns if column.is_temporal and roles.get(column.name) != "constant"]
    used = times[: ctx.settings["max_columns"]]
    left = [{"name": column.name, "reason": "beyond the limit of columns"} for column in times[len(used) :]]
    found = chain(ctx.dataset, used, ctx.settings["min_rows"])
    if not found.pairs and not found.reckoned:
        return PluginResult.na(
            "no_order", "No date or time regularly comes after another in the same row, so there is no duration to follow.",
            metrics={"tests": 0, "pairs": [], "left_out": left},
        )  # fmt: skip
    return _analysed(ctx, profile, found, left)


def _analysed(ctx: PluginContext, profile: Sequence[Mapping[str, Any]], found: Chain, left: list[dict[str, str]]) -> PluginResult:
    columns, without = categories(ctx.dataset, profile, ctx.settings)
    findings: list[Finding] = [words.reckoned(ctx.dataset, pair) for pair in found.reckoned]
    findings += [told for pair, done in found.deadlines if (told := words.late(ctx.dataset, pair, done)) is not None]
    metrics: dict[str, Any] = {"tests": 0, "pairs": [], "left_out": left + without}
    for done, pair in enumerate(found.pairs):
        ctx.progress_in_rows(done, len(found.pairs), pair.name)
        data = durations(ctx.dataset, pair)
        metrics["pairs"].append({"columns": pair.columns, **asdict(data.usual)})
        findings += _about(ctx, profile, data, columns, metrics)
    usual = "; ".join(f"{span(entry['median_s'])} {pair.name}" for pair, entry in zip(found.pairs, metrics["pairs"], strict=True))
    summary = f"It usually takes {usual}." if usual else "One time is reckoned from another."
    return PluginResult.ok(summary, metrics=metrics, findings=findings, references=REFERENCES)


def _about(
    ctx: PluginContext,
    profile: Sequence[Mapping[str, Any]],
    data: Durations,
    columns: Sequence[str],
    metrics: dict[str, Any],
) -> list[Finding]:
    """What is to be said of one pair; of a duration that a column holds already, only what that column cannot say."""
    pair, told = data.pair, [words.overall(data.pair, data.usual)]
    share = len(data.waiting) / max(1, len(data) + len(data.waiting))
    if data.is_open and len(data.waiting) and share <= ctx.settings["max_open_share"]:
        told.append(words.still_open(ctx.dataset, data))
    holder = held_by(ctx.dataset, pair, measures(ctx.dataset, profile))
    if holder is not None:
        metrics["left_out"].append({"name": pair.name, "reason": f'"{holder}" holds this duration'})
        return told
    if len(data) < ctx.settings["min_rows"]:
        metrics["left_out"].append({"name": pair.name, "reason": "too few rows began long enough ago"})
        return told
    changed = change(data)
    slow, tests = slowest(ctx.dataset, data, columns, ctx.settings["min_group_rows"])
    metrics["tests"] += tests + (changed is not None)
    return told + _tested(ctx, data, changed, slow, tests)


def _tested(ctx: PluginContext, data: Durations, changed: Change | None, slow: Sequence[Slow], tests: int) -> list[Finding]:
    """The change, and of the groups the one that stands out most: what others say of the same rows mostly follows from it."""
    least, level = ctx.settings["min_effect"], ctx.settings["significance"]
    p_values = [*([changed.p_value] if changed else []), *(item.found.p_value for item in slow)]
    sure = holm([*p_values, *[1.0] * (tests - len(slow))], level)
    told: list[Finding] = []
    if changed is not None and sure[0] and abs(changed.effect.value) >= least:
        told.append(words.changed(ctx.dataset, data, changed))
    held = [item for item, is_sure in zip(slow, sure[int(changed is not None) :], strict=False) if is_sure]
    held = [item for item in held if abs(item.found.effect.value) >= least]
    if held:
        told.append(words.slow_group(ctx.dataset, data, max(held, key=lambda item: item.rank)))
    return told
