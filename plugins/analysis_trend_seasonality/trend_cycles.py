"""What is said about a cycle: which weekday, hour or month is high and which is low, as one query gives it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special
from trend_series import Scale, Series

from harness_core.sdk import Dataset, Finding, PluginContext
from harness_core.sdk.statistics.seasonality import Cycle
from harness_core.sdk.statistics.series import DAY, Floats, time_text
from harness_core.sdk.statistics.wording import number, rounded

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
LEAST_MONTHS = 6
EDGE_DAYS = 3
STRONG = 0.1  # of what is not trend, as a correlation of 0.3 explains of a measure: whoever compares two days without it is misled
FIGURE_BARS = 30


@dataclass(frozen=True)
class Classes:
    """Into which classes a cycle puts a row: ``sql`` of the time ``{t}``, and what they are called, from the number ``first``."""

    noun: str
    sql: str
    names: tuple[str, ...]
    first: int = 0

    def name(self, code: int) -> str:
        return self.names[code - self.first] if 0 <= code - self.first < len(self.names) else str(code)


BY_WEEKDAY = Classes("weekday", "isodow({t})", WEEKDAYS, 1)
BY_MONTH = Classes("month", "month({t})", MONTHS, 1)
BY_QUARTER = Classes(
    "quarter", "quarter({t})", ("the first quarter", "the second quarter", "the third quarter", "the fourth quarter"), 1
)
BY_HOUR = Classes("hour", "hour({t})", tuple(f"{hour:02d}:00" for hour in range(24)))


def classes_of(period: int, scale: Scale) -> Classes:
    """The calendar's own classes for a period, or the phases of a cycle that no calendar knows."""
    step = scale.step
    if step is not None:
        length = period * step.micros
        if length == DAY:
            return BY_HOUR
        if length == 7 * DAY:
            return BY_WEEKDAY
        if period * step.months == 12 or (step.name in ("day", "week") and 363 * DAY <= length <= 367 * DAY):
            return BY_QUARTER if step.name == "quarter" else BY_MONTH
    names = tuple(f"phase {k + 1}" for k in range(period))
    return Classes(f"phase of {period} × {scale.unit}", f"({scale.sql_step()}) % {period}", names)


def cycle_evidence(dataset: Dataset, series: Series, classes: Classes) -> dict[str, Any]:
    """(class, mean per step or per row, number of steps or rows, and of hours how they are written), by class."""
    scale, time = series.scale, series.scale.order.sql_name
    written = f", printf('%02d:00', min({classes.sql})) AS hour" if classes is BY_HOUR else ""
    if series.column is not None:
        inner = f"SELECT *, {series.sql} AS _v FROM data WHERE {time} IS NOT NULL"
        sql = (
            f"SELECT {classes.sql.format(t=time)} AS class, avg(_v) AS mean, count(_v) AS n{written.format(t=time)} FROM ({inner}) "
            "WHERE _v IS NOT NULL GROUP BY 1 ORDER BY 1"
        )
        return dataset.evidence(sql, tolerance=1e-9)
    if scale.grid is None:
        raise ValueError("rows are counted per step of a calendar")
    step, starts = scale.grid.step, scale.grid.starts
    first, last = (f"TIMESTAMP '{time_text(int(starts[k]))}'" for k in (1, -2))
    class_of_step = classes.sql.format(t="steps.s") if "{t}" in classes.sql else classes.sql.replace(time, "steps.s")
    interval = step.interval if step.interval[0].isdigit() else f"1 {step.interval}"
    sql = (
        f"WITH steps AS (SELECT unnest(generate_series({first}, {last}, INTERVAL '{interval}')) AS s), counted AS (SELECT "
        f"CAST({step.sql(time)} AS TIMESTAMP) AS s, count(*) AS c FROM data WHERE {time} IS NOT NULL GROUP BY 1) SELECT "
        f"{class_of_step} AS class, avg(coalesce(c, 0)) AS mean, count(*) AS n{written.format(t='steps.s')} FROM steps "
        f"LEFT JOIN counted ON steps.s = counted.s GROUP BY 1 ORDER BY 1"
    )
    return dataset.evidence(sql, tolerance=1e-9)


def cycle_finding(ctx: PluginContext, series: Series, cycle: Cycle, level: float) -> Finding:
    classes = classes_of(cycle.period, series.scale)
    evidence = cycle_evidence(ctx.dataset, series, classes)
    rows = [row for row in evidence["result"] if row[1] is not None]
    high, low = max(rows, key=lambda row: (row[1], -row[0])), min(rows, key=lambda row: (row[1], row[0]))
    what = series.name if series.column else "The number of rows"
    kind = {"weekday": "a weekly", "hour": "a daily", "month": "a yearly", "quarter": "a yearly"}.get(classes.noun, "a")
    span = "" if kind != "a" else f" of {cycle.period} {_plural(series.scale.unit, cycle.period)}"
    per = f"rows per {series.scale.unit}" if series.column is None else "on average"
    place = {"weekday": "on", "hour": "at"}.get(classes.noun, "in")
    statement = (
        f"{what} follows {kind} cycle{span}, which explains {cycle.strength:.0%} of what is not trend over {cycle.cycles:,.0f} "
        f"cycles. It is highest {place} {classes.name(high[0])} ({_short(high[1])} {per}) and lowest {place} "
        f"{classes.name(low[0])} ({_short(low[1])})."
    )
    time = [series.scale.order.column.name] if series.scale.order.column else []
    sure = cycle.p_value <= level
    return Finding(
        kind="seasonality",
        title=f"{what} follows {kind} cycle{span}",
        statement=statement,
        columns=[*([series.column] if series.column else []), *time],
        severity="notice" if sure and cycle.strength >= STRONG else "info",
        confidence=round(1 - min(1.0, cycle.p_value), 3),
        statistics={
            "effect": {"name": "seasonal strength", "value": rounded(cycle.strength), **_interval(cycle)},
            "test": "agreement of the cycles' waves (Victor and Mast), all periods tried counted",
            "p_value": rounded(cycle.p_value, 4),
            "n": len(series.values),
            "period": cycle.period,
            "step": series.scale.unit,
            "highest": rounded(float(high[1]), 9),
            "lowest": rounded(float(low[1]), 9),
        },
        recommendation="Compare only like with like: the same phase of the cycle, or whole cycles.",
        evidence=[evidence, _strength_evidence(ctx, series, cycle)],
        subject=f"{series.name}: period {cycle.period} {series.scale.unit}",
        figure=_bars(series, classes, rows, high, low),
    )


def _strength_evidence(ctx: PluginContext, series: Series, cycle: Cycle) -> dict[str, Any]:
    """The strength of a cycle, which is measured beside the trend and the other cycles, and how often it comes round."""
    file = f"cycle_{len(ctx.written) + 1}.json"
    document = {
        "series": series.name, "step": series.scale.unit, "steps": len(series.values), "period": cycle.period,
        "method": "the share of the variance about the trend that the cycle takes away",
        "cycles": rounded(cycle.cycles, 9), "strength": {"value": rounded(cycle.strength, 9), **_interval(cycle)},
    }  # fmt: skip
    ctx.write_artifact(file, document)
    return ctx.artifact_evidence(file, "strength")


def _interval(cycle: Cycle) -> dict[str, Any]:
    """A 95 % interval of the strength as of a squared correlation (Fisher), with the cycles' phases as observations."""
    n = max(5.0, cycle.cycles * min(cycle.period, 12))
    centre, reach = np.arctanh(min(0.999999, np.sqrt(cycle.strength))), 1.96 / np.sqrt(n - 3)
    return {"low": rounded(float(np.tanh(max(0.0, centre - reach)) ** 2)), "high": rounded(float(np.tanh(centre + reach) ** 2))}


def _plural(unit: str, count: int) -> str:
    return f"× {unit}" if unit[0].isdigit() else f"{unit}{'' if count == 1 else 's'}"


def _short(value: float) -> str:
    return number(rounded(float(value), 4) or 0.0)


def _bars(
    series: Series, classes: Classes, rows: Sequence[Sequence[Any]], high: Sequence[Any], low: Sequence[Any]
) -> dict[str, Any] | None:
    if len(rows) > FIGURE_BARS:
        return None
    return {
        "type": "bars",
        "title": f"{series.name if series.column else 'Rows'} by {classes.noun}",
        "summary": f"Highest: {classes.name(high[0])}; lowest: {classes.name(low[0])}.",
        "x_label": classes.noun,
        "y_label": f"mean of {series.column}" if series.column else f"rows per {series.scale.unit}",
        "bars": [
            {"label": classes.name(row[0]), "value": rounded(float(row[1]), 6), "highlight": row[0] in (high[0], low[0])}
            for row in rows
        ],
    }


@dataclass(frozen=True)
class MonthEdge:
    """How the last, or first, three days of the months differ from the other days of the same months."""

    last: bool
    difference: float
    usual: float
    p_value: float
    months: int


def month_edges(series: Series, clean: Floats, tests: int) -> list[MonthEdge]:
    """For daily series without their weekly cycle: a t-test over months, which are unrelated to one another where days are not.

    What is tested is Cliff's delta within each month, because three days of a skewed measure have a lower mean than the others more
    often than not, in every month alike, where nothing is the matter.
    """
    grid = series.scale.grid
    if grid is None or grid.step.name != "day":
        return []
    days = grid.starts.astype("datetime64[us]").astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    from_start = (days - months).astype(int)
    to_end = ((months + 1).astype("datetime64[D]") - days).astype(int) - 1
    found = []
    for last, distance in ((True, to_end), (False, from_start)):
        differences, deltas, usual = [], [], []
        for month in np.unique(months):
            inside = (months == month) & np.isfinite(series.values)
            edge, rest = inside & (distance < EDGE_DAYS), inside & (from_start >= EDGE_DAYS) & (to_end >= EDGE_DAYS)
            if edge.sum() >= 2 and rest.sum() >= 10:
                differences.append(float(clean[edge].mean() - clean[rest].mean()))
                deltas.append(float(np.sign(np.round(clean[edge][:, None] - clean[rest], 9)).mean()))
                usual.append(float(clean[rest].mean()))
        n = len(differences)
        spread = float(np.std(deltas, ddof=1)) if n >= LEAST_MONTHS else 0.0
        if spread > 0:
            delta, difference = float(np.mean(deltas)), float(np.mean(differences))
            chance = 2 * tests * float(special.stdtr(n - 1, -abs(delta) / (spread / np.sqrt(n))))
            p_value = min(1.0, chance) if delta * difference > 0 else 1.0  # days and their mean must say the same
            found.append(MonthEdge(last, difference, float(np.mean(usual)), p_value, n))
    return found


def month_finding(dataset: Dataset, series: Series, edge: MonthEdge) -> Finding:
    what = "end" if edge.last else "beginning"
    time = series.scale.order.sql_name
    day = f"CAST({time} AS DATE)"
    distance = f"datediff('day', {day}, last_day({day}))" if edge.last else f"day({day}) - 1"
    first, last = (series.scale.label(k) for k in (1, len(series.scale) - 2))
    if series.column is None:
        spell = f"generate_series(TIMESTAMP '{first}', TIMESTAMP '{last}', INTERVAL '1 day')"
        sql = (
            f"WITH days AS (SELECT CAST(unnest({spell}) AS DATE) AS s), counted AS (SELECT {day} AS s, count(*) AS c FROM data "
            f"WHERE {time} IS NOT NULL GROUP BY 1) SELECT {distance.replace(day, 'days.s')} < {EDGE_DAYS} AS edge, "
            "avg(coalesce(c, 0)) AS mean, count(*) AS n, count(DISTINCT date_trunc('month', days.s)) AS months "
            "FROM days LEFT JOIN counted ON days.s = counted.s GROUP BY 1 ORDER BY 1"
        )
    else:
        sql = (
            f"SELECT {distance} < {EDGE_DAYS} AS edge, avg(_v) AS mean, count(_v) AS n, "
            f"count(DISTINCT date_trunc('month', {day})) AS months FROM (SELECT *, {series.sql} AS _v FROM data "
            f"WHERE {time} IS NOT NULL) WHERE _v IS NOT NULL GROUP BY 1 ORDER BY 1"
        )
    evidence = dataset.evidence(sql, tolerance=1e-9)
    (_, rest, *_), (_, at_edge, n, months) = evidence["result"]
    subject = series.name if series.column else "The number of rows"
    column = series.scale.order.column
    per = "rows per day" if series.column is None else "on average"
    verb = "higher" if edge.difference > 0 else "lower"
    return Finding(
        kind="seasonality",
        title=f"{subject} is {verb} at the {what} of the month",
        statement=(
            f"{subject} is {verb} in the {'last' if edge.last else 'first'} {EDGE_DAYS} days of a month: {_short(at_edge)} {per}, "
            f"against {_short(rest)} on the other days, over {months:,} months."
        ),
        columns=[*([series.column] if series.column else []), *([column.name] if column else [])],
        severity="notice",
        confidence=round(1 - edge.p_value, 3),
        statistics={
            "effect": {
                "name": "ratio to the other days",
                "value": rounded(at_edge / rest if rest else None),
                "low": None,
                "high": None,
            },
            "test": "t-test over months of Cliff's delta of days, the weekly cycle taken out",
            "p_value": rounded(edge.p_value, 4),
            "n": n,
            "at_the_edge": rounded(float(at_edge), 9),
            "on_other_days": rounded(float(rest), 9),
        },
        recommendation=f"Look at what is done at the {what} of the month, and whether it is planned for.",
        evidence=[evidence],
        subject=f"{series.name}: month {what}",
    )
