"""What an added server would change: the log replayed through a model queue, told only where the model repeats the measured."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from queue_replay import Fit, fit, mean_s, replay

from harness_core.sdk import Finding, PluginContext, PluginResult
from harness_core.sdk.dataset import quote_text
from harness_core.sdk.statistics.blocked import even_blocks, ratio_of_sums
from harness_core.sdk.statistics.effects import Effect
from harness_core.sdk.statistics.events import Integers, Roles, span
from harness_core.sdk.statistics.wording import rounded
from harness_core.sdk.statistics.work import Work, read_work, seconds, work_sql

REFERENCES = [
    "J. Kiefer, J. Wolfowitz, On the theory of queues with many servers, Trans. Am. Math. Soc. 78 (1955) 1-18",
    "A. Law, Simulation Modeling and Analysis, 5th ed., McGraw-Hill (2015), chapters 1 and 9 (trace-driven simulation)",
]
ASSUMPTIONS = (
    "jobs arrive when they did and take as long as they did, whatever the number of servers",
    "jobs are taken in the order in which they came, by whichever server is free first",
    "the added server is there all the time and works as the others do",
    "nothing but the servers limits the work",
)


def run(ctx: PluginContext) -> PluginResult:
    profile = ctx.upstream.get("profile_eventlog")
    if profile is None or "roles" not in profile.metrics:
        return PluginResult.failed("MissingProfile", "The roles of the columns come from profile_eventlog, and it left none.")
    roles = Roles.of(profile.metrics)
    if not profile.metrics.get("is_event_log"):
        return PluginResult.na("not_an_event_log", f"There is no queue to model. {profile.get('summary') or ''}".strip())
    if not (roles.queued and roles.started and roles.ended):
        return PluginResult.na(
            "no_queue_times", "A queue can be replayed where the log says when work was asked for, when it began and when it ended."
        )
    work = read_work(ctx.dataset, roles)
    ctx.progress_in_rows(1, 3, "work read")
    tried, best = _fitted(ctx, work)
    metrics = {"pools": [_entry(ctx, item) for item in tried]}
    if best is None:
        return PluginResult.na("model_does_not_fit", _misfit(tried), metrics=metrics, references=REFERENCES)
    more = replay(best.jobs.queued, best.jobs.service, best.servers + ctx.settings["added_servers"])
    saving = _saving(best, more, ctx.settings["blocks"])
    ctx.progress_in_rows(3, 3, "replayed")
    if saving.value < ctx.settings["min_saving"]:
        sentence = f"In the model {_added(ctx)} would save {saving.value:.0%} of the waiting, which is too little to tell."
        return PluginResult.na("little_saving", sentence.replace("%", " %"), metrics=metrics, references=REFERENCES)
    told = _finding(ctx, roles, best, more, saving)
    return PluginResult.ok(told.title + ".", metrics=metrics, findings=[told], references=REFERENCES)


def _fitted(ctx: PluginContext, work: Work) -> tuple[list[Fit], Fit | None]:
    """The queues tried, and the first that the replay repeats: all servers together, else single resources by their waiting."""
    tried: list[Fit] = []
    whole = fit(None, work)
    if whole is not None:
        tried.append(whole)
        if _fits(ctx, whole):
            return tried, whole
    waits = np.bincount(work.resource + 1, weights=seconds(work.waiting), minlength=len(work.resources) + 1)[1:]
    for code in np.argsort(-waits, kind="stable")[: ctx.settings["max_pools"]].tolist():
        single = fit(work.resources[code], work.of(work.resource == code))
        if single is not None:
            tried.append(single)
            if _fits(ctx, single):
                return tried, single
    return tried, None


def _fits(ctx: PluginContext, item: Fit) -> bool:
    return item.fits(ctx.settings["max_misfit"], ctx.settings["min_agreement"])


def _entry(ctx: PluginContext, item: Fit) -> dict[str, Any]:
    return {
        "pool": item.name or "all", "jobs": len(item.jobs), "servers": item.servers,
        "measured_mean_s": rounded(item.measured_mean_s), "replayed_mean_s": rounded(item.replayed_mean_s),
        "agreement": rounded(item.agreement), "fits": _fits(ctx, item),
    }  # fmt: skip


def _misfit(tried: Sequence[Fit]) -> str:
    if not tried:
        return "There are too few jobs with all three times to replay a queue."
    first = tried[0]
    return (
        f"A queue in order of arrival with {first.servers:,} servers would wait {span(first.replayed_mean_s)} on average, where "
        f"{span(first.measured_mean_s)} were measured: something else rules this queue, so nothing is said about more servers."
    )


def _saving(best: Fit, more: Integers, blocks: int) -> Effect:
    """The share of the replayed waiting that is saved, with an interval over blocks of time."""
    block = even_blocks(len(best.jobs), blocks)
    saved = np.bincount(block, weights=seconds(best.replayed - more)).astype(np.float64)
    waited = np.bincount(block, weights=seconds(best.replayed)).astype(np.float64)
    return ratio_of_sums("share of waiting saved", saved, waited)


def _added(ctx: PluginContext) -> str:
    count = ctx.settings["added_servers"]
    return "one more server" if count == 1 else f"{count} more servers"


def _finding(ctx: PluginContext, roles: Roles, best: Fit, more: Integers, saving: Effect) -> Finding:
    pool = f' for "{best.name}"' if best.name is not None else ""
    measured, replayed, after = best.measured_mean_s, best.replayed_mean_s, mean_s(more)
    content = {
        "pool": best.name, "servers": best.servers, "added": ctx.settings["added_servers"], "jobs": len(best.jobs),
        "measured_mean_s": measured, "replayed_mean_s": replayed, "mean_with_more_s": after, "assumptions": list(ASSUMPTIONS),
        "saving": {"value": rounded(saving.value), "low": rounded(saving.low), "high": rounded(saving.high)},
    }  # fmt: skip
    ctx.write_artifact("replay.json", content)
    where = f" AND r = {quote_text(best.name)}" if best.name is not None else ""
    sql = f"{work_sql(roles)} SELECT count(*) AS jobs, sum(s - q) / count(*) / 1e6 AS mean_s FROM work WHERE q IS NOT NULL{where}"
    query = ctx.dataset.evidence(sql, tolerance=1e-9)
    servers = f"{best.servers:,} server{'' if best.servers == 1 else 's'}"
    return Finding(
        kind="queueing",
        title=f"In the model, {_added(ctx)}{pool} saves {saving.value:.0%} of the waiting".replace("%", " %"),
        statement=(
            f"{len(best.jobs):,} jobs{pool} waited {span(measured)} on average with {servers} at work. A model queue with the same "
            f"arrivals and work waits {span(replayed)}, close to that; with {_added(ctx)} it waits {span(after)}. The saving lies "
            f"between {saving.low:.0%} and {saving.high:.0%} of the waiting over blocks of time."
        ).replace("%", " %"),
        columns=[name for name in (roles.queued, roles.started, roles.ended, roles.resource if best.name else None) if name],
        severity="notice",
        measure="MODELED",
        confidence=round(max(0.0, min(1.0, best.agreement)), 3),
        confidence_note="How well the replayed waiting follows the measured one, job by job; it does not test the assumptions.",
        statistics={
            "n": len(best.jobs), "servers": best.servers, "measured_mean_s": rounded(measured),
            "replayed_mean_s": rounded(replayed),
            "mean_with_more_s": rounded(after), "agreement": rounded(best.agreement), "scope": _scope(roles, best),
            "assumptions": list(ASSUMPTIONS),
            "effect": {
                "name": saving.name, "value": rounded(saving.value), "low": rounded(saving.low), "high": rounded(saving.high),
            },
        },
        recommendation=f"Weigh the cost of {_added(ctx)} against the time saved; check the assumptions with those who run it.",
        evidence=[query, ctx.artifact_evidence("replay.json", "mean_with_more_s")],
        subject=f"pool:{best.name or 'all'}",
    )  # fmt: skip


def _scope(roles: Roles, best: Fit) -> str:
    part = f'work with "{roles.resource}" = "{best.name}"' if best.name is not None else "all work in this log"
    return f'{part}, waiting from "{roles.queued}" to "{roles.started}"'
