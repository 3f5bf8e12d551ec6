"""The findings in words, each with the SQL that gives its numbers again."""

from collections.abc import Sequence
from typing import Any

from sequence_claims import Bottleneck, Departure, Rework, Slowness

from harness_core.sdk import Finding, query_evidence
from harness_core.sdk.dataset import quote_text
from harness_core.sdk.statistics.effects import Effect
from harness_core.sdk.statistics.events import WINDOW, Roles, events_sql, path, span, unit_of
from harness_core.sdk.statistics.wording import rounded

NOTE = "Counted over all events; no model is involved."
TOLERANCE = 1e-9
PATHS = "paths AS (SELECT c, list(a ORDER BY t, row_index) AS path, max(t) - min(t) AS lasted FROM events GROUP BY c)"
MOST_BARS = 8
MOST_LITERAL = 4000


def percent(share: float) -> str:
    value = 100 * share
    return f"{value:.0f} %" if value >= 10 or value == 0 else f"{value:.2g} %"


def _cases(count: int) -> str:
    return f"{count:,} case{'' if count == 1 else 's'}"


def as_statistics(effect: Effect) -> dict[str, Any]:
    return {
        "name": effect.name, "value": rounded(effect.value), "low": rounded(effect.low), "high": rounded(effect.high),
    }  # fmt: skip


def main_path(
    roles: Roles, ends: bool, usual: Sequence[str], cases: int, total: int, variants: int, ways: Sequence[Departure]
) -> Finding:
    """How many cases take the most frequent path, and how the others leave it."""
    case, activity, time = roles.sequence
    share = cases / total
    literal = "[" + ", ".join(quote_text(name) for name in usual) + "]"
    is_short = len(literal) <= MOST_LITERAL
    taken = f", count(*) FILTER (WHERE path = {literal}) AS usual" if is_short else ""
    sql = (
        f"{events_sql(roles, only_ends=ends)}, {PATHS} SELECT count(*) AS cases, count(DISTINCT path) AS paths, "
        f"count(DISTINCT path) - 1 AS other_paths{taken} FROM paths"
    )
    queries = [query_evidence(sql, [[total, variants, variants - 1, *([cases] if is_short else [])]])]
    shown = ways[:3]
    if shown:
        parts = ", ".join(f"count(*) FILTER (WHERE {_way_sql(way)})" for way in shown)
        sql = f"{events_sql(roles, only_ends=ends)}, {PATHS} SELECT {parts} FROM paths"
        queries.append(query_evidence(sql, [[way.cases for way in shown]]))
    words = ""
    if shown and variants > 1:
        listed = "; ".join(f'{way.cases:,} {"skip" if way.skipped else "add"} "{way.activity}"' for way in shown)
        words = f" The other {total - cases:,} take {variants - 1:,} other paths: of all cases, {listed}."
    told = f'{cases:,} of {total:,} cases ({percent(share)}) run through "{activity}" in this order: {path(usual)}.'
    title = f"{percent(share)} of the cases take the same path" if variants > 1 else "All cases take the same path"
    if cases == 1:
        told, title = (
            f"No two of the {total:,} cases take the same path; one of them is {path(usual)}.",
            "No two cases take the same path",
        )
    bars = [{"label": f"{'without' if way.skipped else 'with'} {way.activity}", "value": way.cases} for way in ways[:MOST_BARS]]
    top = {"label": "the usual path", "value": cases, "highlight": True}
    return Finding(
        kind="process_variant",
        title=title,
        statement=told + words,
        columns=[activity, case, time],
        severity="notice" if variants > 1 else "info",
        confidence_note=NOTE,
        statistics={
            "n": total, "cases": cases, "variants": variants, "length": len(usual), "share": rounded(share),
            "effect": {"name": "share of cases on the usual path", "value": rounded(share), **_wilson(cases, total)},
        },
        recommendation="Take the usual path as the standard, and look at the departures that take long before the rare ones.",
        evidence=queries,
        subject="usual_path",
        figure=None if not bars or cases == 1 else {
            "type": "bars", "title": "Cases on the usual path, and how the others leave it",
            "x_label": activity, "y_label": "cases",
            "summary": f"{percent(share)} of {total:,} cases take the usual path.", "bars": [top, *bars],
        },
    )  # fmt: skip


def _wilson(count: int, total: int) -> dict[str, Any]:
    """Wilson's 95 % interval of a share (1927)."""
    z2 = 3.8414588206941254
    centre = (count + z2 / 2) / (total + z2)
    reach = (z2 * (count * (total - count) / total + z2 / 4)) ** 0.5 / (total + z2)
    return {"low": rounded(max(0.0, centre - reach)), "high": rounded(min(1.0, centre + reach))}


def _way_sql(way: Departure) -> str:
    has = f"list_contains(path, {quote_text(way.activity)})"
    return f"NOT {has}" if way.skipped else has


def slow_departure(roles: Roles, ends: bool, way: Departure, slower: Slowness, p_value: float) -> Finding:
    """Cases that skip or add an activity last longer, or shorter, than the others."""
    case, activity, time = roles.sequence
    longer = slower.effect.value > 0
    verb = "skip" if way.skipped else "contain"
    total = slower.cases + slower.others
    return Finding(
        kind="process_variant",
        title=f'Cases that {verb} "{way.activity}" are {"slower" if longer else "quicker"}',
        statement=(
            f'{slower.cases:,} of {total:,} cases {verb} "{way.activity}", unlike the usual path. Half of them last more than '
            f"{span(slower.median_s)}; of the other cases half last more than {span(slower.others_median_s)}. {_odds(slower)}"
        ),
        columns=[activity, case, time],
        severity="notice",
        confidence_note="The cases differ in more than this step; the difference need not be caused by it.",
        statistics=_slow_statistics(slower, p_value),
        recommendation=_look_at(way) if longer else None,
        evidence=[_slow_query(roles, ends, _way_sql(way), slower)],
        subject=f"{'skip' if way.skipped else 'add'}:{way.activity}",
    )  # fmt: skip


def _look_at(way: Departure) -> str:
    skipped = " being skipped" if way.skipped else ""
    return f'Look at what sets off "{way.activity}"{skipped} in the cases that last longest.'


def _odds(slower: Slowness) -> str:
    chance = (1 + abs(slower.effect.value)) / 2
    word = "longer" if slower.effect.value > 0 else "shorter"
    return f"Of one such case and one other, it is the {word} one {chance:.0%} of the time.".replace("%", " %")


def _slow_statistics(slower: Slowness, p_value: float) -> dict[str, Any]:
    total = slower.cases + slower.others
    return {
        "test": "Mann-Whitney", "p_value": rounded(p_value, 4), "n": total, "cases": slower.cases,
        "share": rounded(slower.cases / total), "effect": as_statistics(slower.effect), "median_s": rounded(slower.median_s),
        "others_median_s": rounded(slower.others_median_s),
    }  # fmt: skip


def _slow_query(roles: Roles, ends: bool, condition: str, slower: Slowness) -> dict[str, Any]:
    sql = (
        f"{events_sql(roles, only_ends=ends)}, {PATHS}, marked AS (SELECT lasted, {condition} AS chosen FROM paths), "
        "ranked AS (SELECT chosen, lasted, "
        "rank() OVER (ORDER BY lasted) + (count(*) OVER (PARTITION BY lasted) - 1) / 2.0 AS place FROM marked) "
        "SELECT count(*) FILTER (WHERE chosen) AS cases, count(*) FILTER (WHERE NOT chosen) AS others, "
        "median(lasted) FILTER (WHERE chosen) / 1e6 AS median_s, "
        "median(lasted) FILTER (WHERE NOT chosen) / 1e6 AS others_median_s, "
        "2 * (sum(place) FILTER (WHERE chosen) / count(*) FILTER (WHERE chosen) - (count(*) FILTER (WHERE chosen) + 1) / 2.0) "
        "/ count(*) FILTER (WHERE NOT chosen) - 1 AS cliffs_delta, (1 + abs(cliffs_delta)) / 2 AS chance FROM ranked"
    )
    delta = slower.effect.value
    row = [slower.cases, slower.others, slower.median_s, slower.others_median_s, delta, (1 + abs(delta)) / 2]
    return query_evidence(sql, [row], TOLERANCE)


def repeated(roles: Roles, ends: bool, found: Rework, total: int, p_value: float | None, floor: float) -> Finding:
    """What is done again, in how many cases, and whether these last longer."""
    case, activity, time = roles.sequence
    shown = found.repeated[:3]
    listed = ", ".join(f'"{name}" {extra:,} times in {_cases(cases)}' for name, extra, cases in shown)
    slower = found.slower
    costly = slower is not None and p_value is not None and slower.effect.value >= floor
    cost = ""
    if costly and slower is not None:
        cost = (
            f" Half of the cases with repetitions last more than {span(slower.median_s)}, half of those without more than "
            f"{span(slower.others_median_s)}. {_odds(slower)}"
        )
    effect = as_statistics(slower.effect) if slower and costly else None
    share = found.cases / total
    statistics: dict[str, Any] = {"n": total, "cases": found.cases, "share": rounded(share), "extra_events": found.extra}
    if slower is not None and p_value is not None:
        statistics |= _slow_statistics(slower, p_value)
    statistics["effect"] = effect or {
        "name": "share of cases with repetitions",
        "value": rounded(share),
        **_wilson(found.cases, total),
    }
    if not costly:
        statistics.pop("p_value", None)
    return Finding(
        kind="rework",
        title=f"{percent(share)} of the cases do some activity again",
        statement=f"In {found.cases:,} of {total:,} cases ({percent(share)}) at least one activity is done more than once, "
        f"{found.extra:,} times beyond the first in all: most of all {listed}.{cost}",
        columns=[activity, case, time],
        severity="notice" if costly else "info",
        confidence_note=NOTE,
        statistics=statistics,
        recommendation=f'Find out what sends cases back to "{shown[0][0]}", and whether the first attempt could have settled it.',
        evidence=[*_rework_queries(roles, ends, found, total), *(
            [_slow_query(roles, ends, "len(path) > list_unique(path)", slower)] if slower and costly else []
        )],
        subject="repeated",
        figure={
            "type": "bars", "title": "Repetitions beyond the first time", "x_label": activity, "y_label": "events",
            "summary": f"{found.extra:,} repetitions, most of them of {shown[0][0]}.",
            "bars": [{"label": name, "value": extra} for name, extra, _ in found.repeated[:MOST_BARS]],
        },
    )  # fmt: skip


def _rework_queries(roles: Roles, ends: bool, found: Rework, total: int) -> list[dict[str, Any]]:
    head = f"{events_sql(roles, only_ends=ends)}, often AS (SELECT c, a, count(*) AS times FROM events GROUP BY c, a)"
    overall = f"{head} SELECT count(DISTINCT c), count(DISTINCT c) FILTER (WHERE times > 1), sum(times - 1)::BIGINT FROM often"
    each = (
        f"{head} SELECT a, sum(times - 1)::BIGINT AS extra, count(*) AS cases FROM often WHERE times > 1 "
        "GROUP BY a ORDER BY extra DESC, a LIMIT 3"
    )
    top = [list(item) for item in found.repeated[:3]]
    return [query_evidence(overall, [[total, found.cases, found.extra]]), query_evidence(each, top)]


def bottleneck(roles: Roles, ends: bool, found: Bottleneck, others: Sequence[tuple[str, float]]) -> Finding:
    """A step in which much of the time of cases passes. ``others`` are (step, its share of the time) for the figure."""
    case, activity, time = roles.sequence
    unit, length = unit_of(found.median_s)
    sql = (
        f"{events_sql(roles, only_ends=ends)}, steps AS (SELECT c, a, lead(a) OVER w AS b, lead(t) OVER w - t AS took "
        f"FROM events {WINDOW}), mine AS (SELECT *, a = {quote_text(found.source)} AND b = {quote_text(found.target)} AS chosen "
        "FROM steps WHERE b IS NOT NULL) "
        "SELECT count(*) FILTER (WHERE chosen) AS steps, count(DISTINCT c) FILTER (WHERE chosen) AS cases, "
        "median(took) FILTER (WHERE chosen) / 1e6 AS median_s, "
        "quantile_disc(took, 0.9) FILTER (WHERE chosen) / 1e6 AS ninth_decile_s, "
        "median(took) FILTER (WHERE NOT chosen) / 1e6 AS rest_median_s, "
        "sum(took) FILTER (WHERE chosen) / sum(took) AS share_of_time, "
        "count(*) FILTER (WHERE chosen) / count(*) AS share_of_steps FROM mine"
    )
    row = [found.steps, found.cases, found.median_s, found.ninth_decile_s, found.rest_median_s, found.share.value, found.step_share]
    return Finding(
        kind="bottleneck",
        title=f'{percent(found.share.value)} of the time passes between "{found.source}" and "{found.target}"',
        statement=(
            f'Of all the time that cases last, {percent(found.share.value)} passes between "{found.source}" and "{found.target}", '
            f"though only {percent(found.step_share)} of the steps are of this kind. It is taken {found.steps:,} times in "
            f"{_cases(found.cases)}; half of the time it takes more than {span(found.median_s)}, and one time in ten more than "
            f"{span(found.ninth_decile_s)}, while half of all other steps take no more than {span(found.rest_median_s)}."
        ),
        columns=[activity, case, time],
        severity="notice",
        confidence_note=NOTE,
        statistics={
            "n": found.steps, "cases": found.cases, "median_s": rounded(found.median_s),
            "ninth_decile_s": rounded(found.ninth_decile_s), "rest_median_s": rounded(found.rest_median_s),
            "share_of_steps": rounded(found.step_share), "effect": as_statistics(found.share), "unit": unit, "unit_s": length,
        },
        recommendation=f'Find out what cases wait for before "{found.target}": nothing else would shorten the process as much.',
        evidence=[query_evidence(sql, [row], TOLERANCE)],
        subject=f"{found.source} > {found.target}",
        figure={
            "type": "bars", "title": "Where the time goes", "x_label": "step", "y_label": "% of all time",
            "summary": f"{found.source} → {found.target} takes {percent(found.share.value)} of all the time that cases last.",
            "bars": [
                {"label": name, "value": round(100 * share, 2), "highlight": name == f"{found.source} → {found.target}"}
                for name, share in others
            ],
        },
    )  # fmt: skip
