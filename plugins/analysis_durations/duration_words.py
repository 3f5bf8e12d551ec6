"""The findings in words, each with the SQL that gives its numbers again."""

import itertools
from typing import Any

import numpy as np
from duration_changes import Change, Slow
from duration_pairs import Durations, Pair, Usual

from harness_core.sdk import Column, Dataset, Finding, query_evidence
from harness_core.sdk.dataset import quote_text
from harness_core.sdk.statistics.effects import Effect
from harness_core.sdk.statistics.events import span, unit_of
from harness_core.sdk.statistics.series import time_text, view_name
from harness_core.sdk.statistics.wording import rounded

TOLERANCE = 1e-9
ROWS_CITED = 20
POINTS = 60
EXPECTED_LATE = 0.01
BLOCKED = "Compared over blocks of time, so that a busy week is not taken for many witnesses."


def overall(pair: Pair, facts: Usual) -> Finding:
    """How long it takes: a fact, for the reader to know what is usual. Its numbers are those that the query gives."""
    numbers = [facts.rows, facts.median_s, facts.ninth_decile_s, facts.longest_s]
    query = (
        "SELECT count(*) AS row_count, median(s) AS median_s, quantile_disc(s, 0.9) AS ninth_decile_s, max(s) AS longest_s "
        f"FROM (SELECT {pair.seconds} AS s FROM data WHERE {pair.both})"
    )
    return Finding(
        kind="waiting_time",
        title=f"{_begin(pair)} it usually takes {span(facts.median_s)}",
        statement=(
            f"{_begin(pair)} half of {facts.rows:,} rows take {span(facts.median_s)} or less, nine in ten "
            f"{span(facts.ninth_decile_s)} or less, and the longest takes {span(facts.longest_s)}."
        ),
        columns=pair.columns,
        severity="info",
        confidence_note="Counted over all rows that have both times in this order.",
        statistics={"n": facts.rows, "median_s": facts.median_s, "ninth_decile_s": facts.ninth_decile_s},
        evidence=[query_evidence(query, [numbers], TOLERANCE)],
        subject="usual",
    )


def reckoned(dataset: Dataset, pair: Pair) -> Finding:
    """One time is the other and always the same on top: a deadline, not something that happened."""
    fixed = pair.fixed_s or 0.0
    evidence = dataset.evidence(
        f"SELECT count(*), count(*) FILTER (WHERE s = {round(fixed * 1e6)} / 1e6), quantile_disc(s, 0.5) AS usual_s FROM "
        f"(SELECT {pair.seconds} AS s FROM data WHERE {pair.both})"
    )
    count, alike, _ = evidence["result"][0]
    others = f"; {count - alike:,} rows differ" if count > alike else ""
    often = "nearly always" if others else "always"
    return Finding(
        kind="identity",
        title=f'"{pair.last.name}" is {often} {span(fixed)} after "{pair.first.name}"',
        statement=f'"{pair.last.name}" is {span(fixed)} after "{pair.first.name}" in {alike:,} of {count:,} rows{others}.',
        columns=[pair.last.name, pair.first.name],
        severity="info",
        confidence_note="Counted over all rows that have both times.",
        statistics={"n": count, "effect": {"name": "share of rows", "value": rounded(alike / count), "low": None, "high": None}},
        evidence=[evidence],
        subject="order",
    )


def late(dataset: Dataset, pair: Pair, done: Column) -> Finding | None:
    """What is done after its deadline; None where hardly anything is, or nearly all."""
    due, end = view_name(pair.last.name), view_name(done.name)
    evidence = dataset.evidence(
        f"SELECT count(*) AS row_count, count(*) FILTER (WHERE s > 0) AS late, median(s) FILTER (WHERE s > 0) AS late_median_s, "
        f"quantile_disc(f, 0.5) AS granted_s FROM (SELECT (epoch_us({end}) - epoch_us({due})) / 1e6 AS s, {pair.seconds} AS f "
        f"FROM data WHERE isfinite({due}) AND isfinite({end}))",
        TOLERANCE,
    )
    count, behind, median_s, granted_s = evidence["result"][0]
    if behind < EXPECTED_LATE * count:
        return None
    return Finding(
        kind="waiting_time",
        title=f'"{done.name}" is after "{pair.last.name}" in {_percent(behind / count)} of the rows',
        statement=(
            f'"{done.name}" comes after "{pair.last.name}", which is {span(granted_s)} after "{pair.first.name}", in '
            f"{behind:,} of {count:,} rows ({_percent(behind / count)}); half of these are late by {span(median_s)} or more."
        ),
        columns=[done.name, pair.last.name],
        severity="notice",
        confidence_note="Counted over all rows that have both times.",
        statistics={
            "n": count, "late": behind, "late_median_s": median_s,
            "effect": {"name": "share of rows that are late", "value": rounded(behind / count), "low": None, "high": None},
        },
        recommendation="See which of them are late by much, and whether the deadline still means anything.",
        evidence=[evidence],
        subject="late",
    )  # fmt: skip


def still_open(dataset: Dataset, found: Durations) -> Finding:
    """Rows that began long ago and lack their end, where such rows are the latest ones otherwise."""
    pair = found.pair
    first, last = view_name(pair.first.name), view_name(pair.last.name)
    until = _literal(pair.first, found.until or 0)
    evidence = dataset.evidence(
        f"SELECT count(*) FILTER (WHERE NOT coalesce(isfinite({last}), false)), count(*), CAST(min({first}) FILTER "
        f"(WHERE NOT coalesce(isfinite({last}), false)) AS VARCHAR) FROM data WHERE isfinite({first}) AND {first} <= {until}"
    )
    durations = f"SELECT {pair.seconds} AS s FROM data WHERE {pair.both}"
    usual = dataset.evidence(f"SELECT quantile_disc(s, 0.99) AS rarely_longer_s FROM ({durations})", TOLERANCE)
    waiting, begun, oldest = evidence["result"][0]
    rows = found.waiting[:ROWS_CITED].tolist()
    one = waiting == 1
    return Finding(
        kind="waiting_time",
        title=f'{waiting:,} {"row is" if one else "rows are"} still without "{pair.last.name}" after a long time',
        statement=(
            f'{waiting:,} of the {begun:,} rows with "{pair.first.name}" up to {time_text(found.until or 0)} '
            f'{"has" if one else "have"} no "{pair.last.name}", the oldest since {oldest}. Otherwise one row in a hundred takes '
            f"longer than {span(usual['result'][0][0])}. Later rows lack it more often, because their time has not come."
        ),
        columns=pair.columns,
        severity="notice",
        confidence_note="That a missing time means that something is open is an inference from the latest rows.",
        statistics={
            "n": begun, "open": waiting,
            "effect": {"name": "share of rows still open", "value": rounded(waiting / begun), "low": None, "high": None},
        },
        recommendation=f'See whether they were forgotten or cancelled, or whether "{pair.last.name}" was not written down.',
        evidence=[evidence, usual, dataset.row_evidence(rows)],
        subject="open",
    )  # fmt: skip


def changed(dataset: Dataset, found: Durations, change: Change) -> Finding:
    """Since when it takes longer or less."""
    pair, at = found.pair, _literal(found.pair.first, change.at)
    first = view_name(pair.first.name)
    evidence = dataset.evidence(
        f"SELECT count(*) FILTER (WHERE begun < {at}), count(*) FILTER (WHERE begun >= {at}), "
        f"median(s) FILTER (WHERE begun < {at}), median(s) FILTER (WHERE begun >= {at}) FROM "
        f"(SELECT {first} AS begun, {pair.seconds} AS s FROM data WHERE {pair.both}{_within(found)})",
        TOLERANCE,
    )
    before, after, usual, now = evidence["result"][0]
    when, word = time_text(change.at), "longer" if change.effect.value > 0 else "less"
    if change.is_step:
        test = "Student's t over blocks of time, of the best cut"
        kind, title = "changepoint", f"{_begin(pair)} it takes {word} since {when}: {span(now)} instead of {span(usual)}"
        statement = (
            f'Of the {after:,} rows with "{pair.first.name}" from {when} on, half take {span(now)} or more {pair.name}; of the '
            f"{before:,} before, half take {span(usual)} or more."
        )
        advice = f"Ask what changed at {when}; a typical duration over all rows describes neither state."
    else:
        test = "Student's t over blocks of time, of the slope"
        kind, title = "trend", f"{_begin(pair)} it takes {word} and {word}"
        statement = (
            f"{_begin(pair)} it takes {word} as time goes on: half of the {before:,} rows before {when} take {span(usual)} or "
            f"more, half of the {after:,} from then on {span(now)} or more."
        )
        advice = "See where it is heading, and what grows along with it."
    return Finding(
        kind=kind,
        title=title,
        statement=statement,
        columns=pair.columns,
        severity="warning" if change.effect.value > 0 and now >= 2 * usual else "notice",
        confidence_note=BLOCKED,
        statistics={
            "test": test, "p_value": rounded(change.p_value, 4), "n": before + after,
            "effect": _effect(change.effect), "time": when, "row_index": _row_at(found, change.at),
            "before_median_s": usual, "after_median_s": now,
        },
        recommendation=advice,
        evidence=[evidence],
        subject="duration",
        figure=_course(found, change),
    )  # fmt: skip


def slow_group(dataset: Dataset, found: Durations, slow: Slow) -> Finding:
    """The group in which it takes longest, or least."""
    pair, group = found.pair, view_name(slow.column)
    value = quote_text(slow.value)
    inside = f"CAST({group} AS VARCHAR) = {value}"
    evidence = dataset.evidence(
        f"SELECT count(*) FILTER (WHERE inside), count(*) FILTER (WHERE NOT inside), median(s) FILTER (WHERE inside), "
        f"median(s) FILTER (WHERE NOT inside) FROM (SELECT coalesce({inside}, false) AS inside, {pair.seconds} AS s "
        f"FROM data WHERE {pair.both}{_within(found)})",
        TOLERANCE,
    )
    mine, others, here, elsewhere = evidence["result"][0]
    word = "longer" if slow.found.effect.value > 0 else "less"
    return Finding(
        kind="group_difference",
        title=f'{_begin(pair)} it takes {word} where "{slow.column}" is {slow.value}',
        statement=(
            f'{_begin(pair)} half of the {mine:,} rows with {slow.value} in "{slow.column}" take {span(here)} or more, half of the '
            f"other {others:,} rows {span(elsewhere)} or more. Rows were compared with those of the same time."
        ),
        columns=[*pair.columns, slow.column],
        severity="notice",
        confidence_note=BLOCKED,
        statistics={
            "test": "Student's t over blocks of time", "p_value": rounded(slow.found.p_value, 4), "n": mine + others,
            "effect": _effect(slow.found.effect), "inside_median_s": here, "outside_median_s": elsewhere,
        },
        recommendation=f'Ask what is different where "{slow.column}" is {slow.value}.',
        evidence=[evidence],
        subject=slow.value,
    )  # fmt: skip


def _begin(pair: Pair) -> str:
    return f"F{pair.name[1:]}"


def _percent(share: float) -> str:
    value = 100 * share
    return f"{value:.0f} %" if value >= 10 else f"{value:.2g} %"


def _literal(column: Column, micros: int) -> str:
    text = time_text(micros)
    return f"DATE '{text[:10]}'" if column.type == "date" else f"TIMESTAMP '{text}'"


def _within(found: Durations) -> str:
    if found.until is None:
        return ""
    return f" AND {view_name(found.pair.first.name)} <= {_literal(found.pair.first, found.until)}"


def _effect(effect: Effect) -> dict[str, Any]:
    return {"name": effect.name, "value": rounded(effect.value), "low": rounded(effect.low), "high": rounded(effect.high)}


def _row_at(found: Durations, at: int) -> int:
    """The first row in the file's order of those that begin then."""
    low, high = np.searchsorted(found.begun, at, side="left"), np.searchsorted(found.begun, at, side="right")
    return int(found.rows[low:high].min())


def _course(found: Durations, change: Change) -> dict[str, Any]:
    """Medians over stretches of equally many rows."""
    edges = np.linspace(0, len(found), min(POINTS, len(found) // 8) + 1).astype(np.int64)
    stretches = [(int(low), int(high)) for low, high in itertools.pairwise(edges)]
    medians = [float(np.median(found.taken[low:high])) / 1e6 for low, high in stretches]
    unit, length = unit_of(float(np.median(medians)))
    return {
        "type": "line",
        "title": f"Median time {found.pair.name}".replace('"', ""),
        "x_label": found.pair.first.name,
        "y_label": unit,
        "summary": f"The median time {found.pair.name} over {len(stretches):,} stretches of equally many rows.".replace('"', ""),
        "points": [
            [time_text(int(found.begun[low])).replace(" ", "T"), float(f"{median / length:.6g}")]
            for (low, _), median in zip(stretches, medians, strict=True)
        ],
        "marks": [{"x": time_text(change.at).replace(" ", "T"), "label": time_text(change.at)}],
    }
