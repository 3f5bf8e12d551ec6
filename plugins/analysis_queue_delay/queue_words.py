"""The findings in words, each with the SQL that gives its numbers again."""

from collections.abc import Mapping
from typing import Any

from queue_measures import Capacity, Crowding, Group, Load, Waiting

from harness_core.sdk import Finding, query_evidence
from harness_core.sdk.dataset import quote_text
from harness_core.sdk.statistics.blocked import Comparison
from harness_core.sdk.statistics.effects import Effect
from harness_core.sdk.statistics.events import Roles, span
from harness_core.sdk.statistics.wording import number, rounded
from harness_core.sdk.statistics.work import work_sql

TOLERANCE = 1e-9
BLOCKED = "Compared within blocks of time, so that a busy week is not taken for a slow resource."
MOST_LEVELS = 30


def percent(share: float) -> str:
    value = 100 * share
    return f"{value:.0f} %" if value >= 10 or value == 0 else f"{value:.2g} %"


def effect_of(effect: Effect) -> dict[str, Any]:
    return {
        "name": effect.name, "value": rounded(effect.value), "low": rounded(effect.low), "high": rounded(effect.high),
    }  # fmt: skip


def columns_of(roles: Roles, *more: str | None) -> list[str]:
    """The columns that say when work was asked for, began and ended, and those given, each once."""
    times = (roles.queued, roles.started, roles.ended) if roles.started else (roles.time, roles.lifecycle, roles.case)
    return list(dict.fromkeys(name for name in (*more, *times) if name))


def since(roles: Roles) -> str:
    return f'from "{roles.queued}"' if roles.queued else "from the end of the case's step before"


def overall(roles: Roles, found: Waiting, law: Mapping[str, float] | None) -> Finding:
    """Waiting is the larger part of the time."""
    sql = (
        f"{work_sql(roles)} SELECT count(*) AS jobs, median(s - q) / 1e6 AS waiting_median_s, "
        "quantile_disc(s - q, 0.9) / 1e6 AS waiting_ninth_decile_s, median(e - s) / 1e6 AS service_median_s, "
        "sum(s - q) / sum(e - q) AS waiting_share FROM work WHERE q IS NOT NULL"
    )
    row = [found.jobs, found.median_s, found.ninth_decile_s, found.service_median_s, found.share.value]
    balance = _balance(law)
    return Finding(
        kind="waiting_time",
        title=f"{percent(found.share.value)} of the time is waiting",
        statement=(
            f"Of the time that {found.jobs:,} pieces of work take {since(roles)} to their end, {percent(found.share.value)} is "
            f"waiting. Half of them wait more than {span(found.median_s)}, one in ten more than {span(found.ninth_decile_s)}; the "
            f"work itself takes less than {span(found.service_median_s)} in half of them.{balance}"
        ),
        columns=columns_of(roles),
        severity="notice",
        confidence_note="Measured from the times in the log; nights and holidays count as waiting where work waits over them.",
        statistics={
            "n": found.jobs, "effect": effect_of(found.share), "waiting_median_s": found.median_s,
            "service_median_s": found.service_median_s, **({"little": dict(law)} if law else {}),
        },
        recommendation="Shorten the waiting before the work: see which resource or activity it is longest at.",
        evidence=[query_evidence(sql, [row], TOLERANCE)],
        subject="overall",
    )  # fmt: skip


def _balance(law: Mapping[str, float] | None) -> str:
    if not law or not law["number_in_system"] or abs(law["product"] / law["number_in_system"] - 1) <= 0.1:
        return ""
    return (
        f" The backlog is not in balance: on average {number(law['number_in_system'])} pieces of work wait or are under way, where "
        f"arrivals and times would give {number(law['product'])} (Little's law)."
    )


def _level_sql(roles: Roles, servers: int) -> str:
    """Each piece of work with whether all servers were taken when it was asked for."""
    return (
        f"{work_sql(roles)}, moments AS (SELECT s AS t, 1 AS d, 1 AS k, NULL::BIGINT AS id, 0 AS waited FROM work UNION ALL "
        "SELECT e, -1, 1, NULL, 0 FROM work UNION ALL SELECT q, 0, 0, row_index, s - q FROM work WHERE q IS NOT NULL), "
        "levels AS (SELECT id, waited, sum(d) OVER (ORDER BY t, k ROWS UNBOUNDED PRECEDING) AS level FROM moments), "
        f"arrivals AS (SELECT waited, level >= {servers} AS taken FROM levels WHERE id IS NOT NULL)"
    )


def for_capacity(roles: Roles, found: Capacity, load: Load, compared: Comparison | None) -> Finding:
    """Work that comes when all servers are taken waits longer: the waiting is for capacity."""
    many = f"all {load.servers} servers are" if load.servers > 1 else "the one server is"
    most = f"{load.servers:,} pieces of work are" if load.servers > 1 else "one piece of work is"
    return Finding(
        kind="queueing",
        title=f"Work waits because {many} taken",
        statement=(
            f"At most {most} under way at once, and for {percent(load.full_share)} of the busy time it is that many. Of the "
            f"{found.full:,} pieces that come then, half wait more than {span(found.full_median_s)}; of the {found.free:,} that "
            f"come when there is room, half wait more than {span(found.free_median_s)}."
        ),
        columns=columns_of(roles),
        severity="warning" if load.full_share >= 0.5 else "notice",
        confidence_note=BLOCKED,
        statistics=(_tested(compared, compared.p_value, found.full + found.free) if compared else _always_full(found, load))
        | {"servers": load.servers, "full_share": rounded(load.full_share), "median_s": found.full_median_s},
        recommendation="More capacity, or work spread over quieter hours, would shorten the waiting.",
        evidence=[_capacity_query(roles, found, load), _levels_query(roles, load)],
        subject="capacity",
        figure=_levels_figure(load),
    )


def _always_full(found: Capacity, load: Load) -> dict[str, Any]:
    """Where hardly any work comes while there is room there is nothing to compare with: the load is the effect."""
    effect = {"name": "share of busy time with all servers taken", "value": rounded(load.full_share), "low": None, "high": None}
    return {"n": found.full + found.free, "effect": effect}


def despite_room(roles: Roles, found: Capacity, load: Load) -> Finding:
    """Work waits although there is room: capacity is not what it waits for."""
    return Finding(
        kind="waiting_time",
        title=f"{percent(found.free_waiting_share)} of the waiting is of work that came when there was room",
        statement=(
            f"At most {load.servers:,} pieces of work are under way at once. {found.free:,} pieces come when fewer are, and half "
            f"of these still wait more than {span(found.free_median_s)}; theirs is {percent(found.free_waiting_share)} of all "
            "waiting. More capacity would not shorten it."
        ),
        columns=columns_of(roles),
        severity="notice",
        confidence_note="Room is seen from the most that was ever under way at once; servers may be away unseen by the log.",
        statistics={
            "n": found.full + found.free, "servers": load.servers, "median_s": found.free_median_s,
            "effect": {"name": "share of waiting", "value": rounded(found.free_waiting_share), "low": None, "high": None},
        },
        recommendation="Look at how work is released and handed over (batches, approvals, shifts) rather than at capacity.",
        evidence=[_capacity_query(roles, found, load)],
        subject="despite_room",
    )  # fmt: skip


def _capacity_query(roles: Roles, found: Capacity, load: Load) -> dict[str, Any]:
    sql = (
        f"{_level_sql(roles, load.servers)} SELECT count(*) FILTER (WHERE taken) AS came_when_full, "
        "count(*) FILTER (WHERE NOT taken) AS came_with_room, median(waited) FILTER (WHERE taken) / 1e6 AS full_median_s, "
        "median(waited) FILTER (WHERE NOT taken) / 1e6 AS room_median_s, "
        "coalesce(sum(waited) FILTER (WHERE NOT taken) / sum(waited), 0) AS share_of_waiting FROM arrivals"
    )
    medians = [found.full_median_s if found.full else None, found.free_median_s if found.free else None]
    row = [found.full, found.free, *medians, found.free_waiting_share]
    return query_evidence(sql, [row], TOLERANCE)


def _levels_query(roles: Roles, load: Load) -> dict[str, Any]:
    sql = (
        f"{work_sql(roles)}, moments AS (SELECT s AS t, 1 AS d FROM work UNION ALL SELECT e, -1 FROM work), "
        "changes AS (SELECT t, sum(d) AS d FROM moments GROUP BY t), "
        "levels AS (SELECT sum(d) OVER (ORDER BY t) AS level, lead(t) OVER (ORDER BY t) - t AS held FROM changes) "
        f"SELECT sum(held) FILTER (WHERE level >= {load.servers}) / sum(held) FILTER (WHERE level >= 1) AS full_share FROM levels"
    )
    return query_evidence(sql, [[load.full_share]], TOLERANCE)


def _levels_figure(load: Load) -> dict[str, Any]:
    bars = [
        {"label": str(level), "value": round(held / 3600, 3), "highlight": level >= load.servers}
        for level, held in enumerate(load.held_s[:MOST_LEVELS])
    ]
    return {
        "type": "bars", "title": "How long so many were under way at once", "x_label": "pieces of work at once", "y_label": "hours",
        "summary": f"For {percent(load.full_share)} of the busy time {load.servers:,} or more are under way.", "bars": bars,
    }  # fmt: skip


def _tested(found: Comparison, p_value: float, n: int) -> dict[str, Any]:
    return {
        "test": "Student's t over blocks of time", "p_value": rounded(p_value, 4), "n": n, "blocks": found.blocks,
        "effect": effect_of(found.effect),
    }  # fmt: skip


def slow_group(roles: Roles, role: str, column: str, found: Group, busy: Mapping[str, Any] | None, p_value: float) -> Finding:
    """One resource or activity makes work wait longer than the others do."""
    letter = "r" if role == "resource" else "a"
    chosen = f"{letter} = {quote_text(found.name)}"
    by_kind = role == "resource" and roles.activity is not None
    alike = f" AND a IN (SELECT a FROM work WHERE q IS NOT NULL AND {chosen})" if by_kind else ""
    whom = f'others with the same "{roles.activity}"' if by_kind else "others"
    sql = (
        f"{work_sql(roles)} SELECT count(*) FILTER (WHERE {chosen}) AS jobs, count(*) FILTER (WHERE NOT {chosen}) AS others, "
        f"median(s - q) FILTER (WHERE {chosen}) / 1e6 AS median_s, "
        f"median(s - q) FILTER (WHERE NOT {chosen}) / 1e6 AS others_median_s "
        f"FROM work WHERE q IS NOT NULL AND {letter} IS NOT NULL{alike}"
    )
    queries = [query_evidence(sql, [[found.jobs, found.others, found.median_s, found.others_median_s]], TOLERANCE)]
    loaded = busy is not None and busy["busy_share"] >= 0.8
    told = ""
    if loaded and busy is not None:
        told = f" It is at work for {percent(busy['busy_share'])} of the time from its first to its last piece."
        queries.append(_busy_query(roles, chosen, float(busy["busy_share"])))
    return Finding(
        kind="queueing" if loaded else "waiting_time",
        title=f'Work waits longest for "{found.name}"',
        statement=(
            f'{found.jobs:,} pieces of work with "{column}" = "{found.name}" wait longer than the {found.others:,} {whom} of that '
            f"time: half of them more than {span(found.median_s)}, half of the others more than "
            f"{span(found.others_median_s)}.{told}"
        ),
        columns=columns_of(roles, column),
        severity="warning" if loaded else "notice",
        confidence_note=BLOCKED,
        statistics=_tested(found.found, p_value, found.jobs + found.others)
        | {"share": rounded(found.jobs / (found.jobs + found.others)), "median_s": found.median_s,
           "others_median_s": found.others_median_s, **({"busy_share": busy["busy_share"]} if busy else {})},
        recommendation=f'Relieve "{found.name}" first: let others take some of its work, or see why it comes in bursts.'
        if loaded else f'See what work for "{found.name}" waits for.',
        evidence=queries,
        subject=f"{role}:{found.name}",
    )  # fmt: skip


def _busy_query(roles: Roles, chosen: str, share: float) -> dict[str, Any]:
    sql = (
        f"{work_sql(roles)}, own AS (SELECT s, e, max(e) OVER (ORDER BY s, row_index "
        f"ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM work WHERE {chosen}) "
        "SELECT sum(greatest(0, e - greatest(s, coalesce(before, s)))) / (max(e) - min(s)) AS busy_share FROM own"
    )
    return query_evidence(sql, [[share]], 1e-5)


def crowded(roles: Roles, found: Crowding, p_value: float) -> Finding:
    """Work takes longer the more of it is under way."""
    sql = (
        f"{work_sql(roles)}, moments AS (SELECT s AS t, 1 AS k, row_index AS id, e - s AS took, 1 AS d FROM work UNION ALL "
        "SELECT e, 0, NULL, 0, -1 FROM work), levels AS (SELECT id, took, "
        "sum(d) OVER (ORDER BY t, k, id ROWS UNBOUNDED PRECEDING) - 1 AS beside FROM moments) "
        f"SELECT count(*) FILTER (WHERE beside <= {found.few}) AS few, count(*) FILTER (WHERE beside >= {found.many}) AS many, "
        f"median(took) FILTER (WHERE beside <= {found.few}) / 1e6 AS few_median_s, "
        f"median(took) FILTER (WHERE beside >= {found.many}) / 1e6 AS many_median_s FROM levels WHERE id IS NOT NULL"
    )
    row = [found.few_jobs, found.many_jobs, found.few_median_s, found.many_median_s]
    return Finding(
        kind="concurrency",
        title="Work takes longer when more of it is under way",
        statement=(
            f"Of the {found.few_jobs:,} pieces of work that begin beside at most {found.few:,} others, half take more than "
            f"{span(found.few_median_s)}; of the {found.many_jobs:,} that begin beside {found.many:,} or more, half take more than "
            f"{span(found.many_median_s)}."
        ),
        columns=columns_of(roles),
        severity="notice",
        confidence_note=BLOCKED,
        statistics=_tested(found.found, p_value, found.few_jobs + found.many_jobs)
        | {"few_median_s": found.few_median_s, "many_median_s": found.many_median_s},
        recommendation=f"Try to keep fewer than {found.many:,} under way at once: they seem to share something that is scarce.",
        evidence=[query_evidence(sql, [row], TOLERANCE)],
        subject="crowding",
    )
