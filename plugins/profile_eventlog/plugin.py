"""Finds out whether a table is an event log, and which columns are its case, activity, times, marks and resource."""

from collections.abc import Mapping, Sequence
from typing import Any

from eventlog_candidates import Candidates, candidates
from eventlog_jobs import jobs
from eventlog_search import Pair, Search, search
from eventlog_setting import Setting, case_roles

from harness_core.sdk import Dataset, PluginContext, PluginResult
from harness_core.sdk.statistics.events import Roles, events_sql, usable_sql
from harness_core.sdk.statistics.series import view_name
from harness_core.sdk.statistics.work import work_columns

REFERENCES = [
    "A. H. Bowker, A test for symmetry in contingency tables, J. Am. Stat. Assoc. 43 (1948) 572-574",
    "W. Hoeffding, On the distribution of the number of successes in independent trials, Ann. Math. Stat. 27 (1956) 713-721",
    "W. van der Aalst, Process Mining: Data Science in Action, 2nd ed., Springer (2016), chapter 5",
]


def run(ctx: PluginContext) -> PluginResult:
    profile = ctx.upstream.get("profile_basic")
    if profile is None or "columns" not in profile.metrics:
        return PluginResult.failed("MissingProfile", "Roles are looked for in the column profile, and profile_basic left none.")
    unknown = _unknown(ctx)
    if unknown:
        return PluginResult.failed("UnknownColumn", f"The settings give a role to {unknown}, and there is no column of that name.")
    columns = profile.metrics["columns"]
    found = candidates(ctx.dataset, columns, ctx.settings)
    if not found.times:
        return _none("no_time", "No column holds dates or times, so nothing here happens in an order.", found, None)
    seen = search(ctx.dataset, found, ctx.settings)
    ctx.progress_in_rows(2, 3, "candidates compared")
    if seen.best is not None:
        return _cases(ctx, found, seen, seen.best)
    work = jobs(ctx.dataset, columns, found, ctx.settings)
    if work is not None:
        _derive(ctx, work.roles)
        return _jobs(ctx.dataset, found, seen, work)
    return _none(*_why_not(found, seen), found, seen)


def _unknown(ctx: PluginContext) -> str:
    names = {column.name for column in ctx.dataset.columns}
    given = {role: name for role, name in ctx.settings["roles"].items() if role not in ("start_mark", "end_mark")}
    return ", ".join(f'"{name}"' for name in given.values() if name not in names)


def _cases(ctx: PluginContext, found: Candidates, seen: Search, best: Pair) -> PluginResult:
    setting = case_roles(ctx.dataset, found, best, ctx.settings)
    roles = setting.roles
    case, activity = view_name(str(roles.case)), view_name(str(roles.activity))
    events, cases, activities, several = ctx.dataset.sql(
        f"SELECT count(*), count(DISTINCT {case}), count(DISTINCT {activity}), "
        f"(SELECT count(*) FROM ({events_sql(roles)} SELECT 1 FROM events GROUP BY c HAVING count(*) > 1)) "
        f"FROM data WHERE {usable_sql(roles)}"
    ).fetchall()[0]
    counts = {"events": events, "cases": cases, "activities": activities, "cases_of_several_events": several}
    counts["rows_left_out"] = ctx.dataset.row_count - events
    _derive(ctx, roles)
    summary = (
        f'This is an event log: "{roles.case}" says the case, "{roles.activity}" the activity and "{roles.time}" the time; '
        f"{events:,} events of {activities:,} activities in {cases:,} cases."
    )
    return PluginResult.ok(summary, metrics=_metrics("cases", setting, found, seen, counts), references=REFERENCES)


def _derive(ctx: PluginContext, roles: Roles) -> None:
    """Keep the pieces of work, where finding them again would cost more than reading them."""
    if roles.has_intervals and ctx.dataset.row_count >= ctx.settings["derive_from_rows"]:
        ctx.write_derived(work_columns(ctx.dataset, roles))


def _jobs(dataset: Dataset, found: Candidates, seen: Search, work: Setting) -> PluginResult:
    roles = work.roles
    start, end = view_name(str(roles.started)), view_name(str(roles.ended))
    count = dataset.sql(f"SELECT count(*) FROM data WHERE {start} IS NOT NULL AND {end} IS NOT NULL").scalar()
    counts = {"events": count, "rows_left_out": dataset.row_count - count}
    queued = f' that waited from "{roles.queued}"' if roles.queued else ""
    by = f', done by "{roles.resource}"' if roles.resource else ""
    summary = f'This is a log of {count:,} jobs{queued}, begun at "{roles.started}" and ended at "{roles.ended}"{by}.'
    return PluginResult.ok(summary, metrics=_metrics("jobs", work, found, seen, counts), references=REFERENCES)


def _metrics(
    form: str | None, setting: Setting | None, found: Candidates, seen: Search | None, counts: Mapping[str, int]
) -> dict[str, Any]:
    return {
        "is_event_log": form is not None,
        "form": form,
        "roles": vars(setting.roles) if setting else vars(Roles()),
        "reasons": setting.reasons if setting else [],
        "counts": dict(counts),
        "candidates": seen.as_metrics() if seen else [],
        "rows_compared": seen.rows if seen else 0,
        "not_considered": dict(found.not_considered),
    }


def _none(code: str, sentence: str, found: Candidates, seen: Search | None) -> PluginResult:
    return PluginResult.na(code, sentence, metrics=_metrics(None, None, found, seen, {}), references=REFERENCES)


def _why_not(found: Candidates, seen: Search) -> tuple[str, str]:
    """The reason for which the table is no event log, naming the column that came nearest."""
    if not found.complete_times:
        return "no_complete_time", "Every column of dates or times has gaps, so most rows cannot be put in order."
    if not found.cases:
        return "no_case", "No column groups the rows into cases of a few events each, so this is no event log."
    if not found.activities:
        return "no_activity", "No column names a step by a few repeated labels, so this is no event log."
    near = _nearest(seen.pairs)
    if near is None:
        return "no_pair", "No pair of columns could be a case and its activity, so this is no event log."
    if near.advancing < 0.3:
        reason = f'the rows of one "{near.case.name}" mostly share the same "{near.time.name}"'
    elif near.spread > 0.7:
        reason = f'the rows of one "{near.case.name}" are spread over the whole period rather than close together'
    else:
        reason = f'within one "{near.case.name}", "{near.activity.name}" follows no order'
    return "no_order", f"This is no event log: {reason}."


def _nearest(pairs: Sequence[Pair]) -> Pair | None:
    """The pair with the most order, cases that are short first."""
    return max(pairs, key=lambda pair: (round(max(0.0, 1 - pair.spread), 1), pair.found.directionality), default=None)
