"""Control charts: when a measure leaves the limits that its own ordinary course sets, or stands still."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from control_rules import RULES, SINGLE, Signals, judge
from control_series import HELD, Chart, Subgroups, chart, rows_of, stretches
from control_stuck import longest_run, still_finding

from harness_core.sdk import Finding, PluginContext, PluginResult
from harness_core.sdk.statistics.series import NoCourse, finite_sql, measures, numbers, rows_in_course, time_text
from harness_core.sdk.statistics.wording import number, rounded, told_apart

REFERENCES = (
    "W. A. Shewhart, Economic Control of Quality of Manufactured Product (1931)",
    "S. W. Roberts, Control chart tests based on geometric moving averages, Technometrics 1 (1959) 239-250",
    "E. S. Page, Continuous inspection schemes, Biometrika 41 (1954) 100-115",
    "L. C. Alwan, H. V. Roberts, Time-series modeling for statistical process control, J. Bus. Econ. Stat. 6 (1988) 87-95",
)
SHOWN = 3
FIGURE_POINTS = 400
LOUD = 0.001
FAR_OUT = 6.0  # standard deviations; of normal values one in 500 million: it is worth a look whatever else is known about outliers
EDGES = (0.005, 0.995)
HELD_SHARE = round(HELD[1] - HELD[0], 9)
PHRASES = {
    SINGLE: "a single value beyond its limits",
    "EWMA": "its smoothed mean beyond its limits",
    "CUSUM": "deviations that add up to one side",
    "run on one side": "a long run on one side of the centre",
}


@dataclass(frozen=True)
class Stretch:
    """Points ``first`` to ``last`` out of control; ``peak`` is the clearest, by ``rule``, so many times its limit."""

    first: int
    last: int
    peak: int
    rule: str
    excess: float


def run(ctx: PluginContext) -> PluginResult:
    profile = ctx.upstream["profile_basic"].metrics.get("columns", []) if "profile_basic" in ctx.upstream else []
    try:
        order = rows_in_course(ctx.dataset, profile, ctx.settings["time_column"])
    except NoCourse as reason:
        return PluginResult.na(reason.code, reason.sentence)
    groups = Subgroups.of(order, ctx.settings["max_points"])
    names = [column.name for column in measures(ctx.dataset, profile)]
    limit = ctx.settings["max_columns"]
    findings: list[tuple[float, Finding]] = []
    charts: list[dict[str, Any]] = []
    tests = 0
    for done, (name, values) in enumerate(numbers(ctx.dataset, names[:limit])):
        ctx.progress_in_rows(done, len(names[:limit]), name)
        arranged = order.arranged(values)
        still = longest_run(arranged)
        tests += still is not None
        if still is not None:
            findings.append((math.inf, still_finding(ctx, order, name, still)))
        drawn = chart(arranged, groups, ctx.settings)
        if drawn is None:
            continue
        signals = judge(drawn.points, drawn.base, ctx.settings["smoothing"], ctx.settings["false_alarms"], ctx.rng)
        found = _stretches(drawn, signals)
        charts.append(_as_metrics(name, drawn, groups, signals, found))
        if found:
            told = _finding(ctx, groups, name, drawn, signals, found[: ctx.settings["max_signals"]], len(found))
            findings.append((found[0].excess, told))
    where = "the order of the file" if order.column is None else f'by "{order.column.name}"'
    metrics = {"tests": len(charts) + tests, "order": where, "charts": charts, "left_out": names[limit:]}
    if not charts and not findings:
        return PluginResult.na("nothing_to_chart", "No measure has thirty points with an ordinary spread.", metrics=metrics)
    if not findings:
        sentence = f"All of {len(charts):,} measures stay within their limits, {where}."
        return PluginResult.na("in_control", sentence, metrics=metrics, references=REFERENCES)
    ranked = [finding for _, finding in sorted(findings, key=lambda item: (-item[0], item[1].columns[0]))]
    left = sum(1 for _, finding in findings if finding.subject == "chart")
    summary = f"{left:,} of {len(charts):,} measures leave their limits, {where}."
    if len(findings) > left:
        summary = f"{len(findings) - left:,} of {len(names[:limit]):,} measures stand still for long. {summary}"
    return PluginResult.ok(summary, metrics=metrics, findings=ranked, references=REFERENCES)


def _stretches(drawn: Chart, signals: Signals) -> list[Stretch]:
    """Where any rule signals, clearest first."""
    excess = np.stack([signals.statistics[rule] / signals.limits[rule] for rule in RULES])
    best = excess.max(axis=0)
    found = []
    for first, last in stretches(best > 1, max(3, len(best) // 100)):
        peak = first + int(best[first : last + 1].argmax())
        rule = RULES[int(excess[:, peak].argmax())]
        found.append(Stretch(first, last, peak, rule, float(best[peak])))
    return sorted(found, key=lambda item: (-item.excess, item.first))


def _finding(
    ctx: PluginContext, groups: Subgroups, name: str, drawn: Chart, signals: Signals, found: list[Stretch], total: int
) -> Finding:
    order, clearest = groups.order, found[0]
    rows = rows_of(groups, drawn.kept, [item.first for item in found])
    peak_row = rows_of(groups, drawn.kept, [clearest.peak])[0]
    file = f"chart_{len(ctx.written) + 1}.json"
    ctx.write_artifact(file, _chart_document(name, groups, drawn, signals, found, total))
    p_value = min(1.0, len(RULES) * min(signals.p_values.values()))
    evidence = _point_evidence(ctx, groups, name, drawn, clearest.peak)
    distance = float(drawn.points[clearest.peak])
    unit = "" if len(groups.edges) - 1 == order.length else "the mean of its rows is "
    if drawn.bounds is not None:
        unit = f"the mean of its rows, each held within {100 * HELD_SHARE:.1f} % of all, is "
    others = [_place(groups, drawn, item.first) for item in found[1 : SHOWN + 1]]
    also = f" Other stretches begin at {', '.join(others)}{' and later or earlier' if total > SHOWN + 1 else ''}." if others else ""
    value, expected = told_apart(*(rounded(float(line[clearest.peak]), 9) or 0.0 for line in (drawn.values, drawn.expected)))
    statement = (
        f'"{name}" leaves its control limits in {total:,} stretch{"es" if total > 1 else ""}, most clearly at '
        f"{_place(groups, drawn, clearest.peak)} by {PHRASES[clearest.rule]}: {unit}{value}, where "
        f"{expected} was to be expected, give or take {_short(drawn.deviation)}.{also}"
    )
    return Finding(
        kind="control_signal",
        title=f'"{name}" is out of control at {_place(groups, drawn, clearest.peak)}',
        statement=statement,
        columns=[name, *([order.column.name] if order.column else [])],
        severity="notice" if p_value <= LOUD and (abs(distance) >= FAR_OUT or not _is_plain_outlier(drawn, clearest)) else "info",
        confidence=round(1 - p_value, 4),
        statistics={
            "effect": {"name": "distance in standard deviations (sigma)", "value": rounded(distance), "low": None, "high": None},
            "test": "innovations: single ones by their tails, EWMA, CUSUM and runs by random orders; over the whole chart",
            "p_value": rounded(p_value, 4),
            "n": len(drawn.points),
            "row_index": peak_row,
            "stretches": total,
            "rows": rows,
            "rule": clearest.rule,
            "value": rounded(float(drawn.values[clearest.peak]), 9),
            "expected": rounded(float(drawn.expected[clearest.peak]), 9),
            "deviation": rounded(drawn.deviation, 9),
            "memory": rounded(drawn.memory),
        },
        recommendation="Look for a special cause at these rows; what lies within the limits is ordinary and needs no explanation.",
        evidence=[
            evidence,
            ctx.dataset.row_evidence(rows),
            ctx.artifact_evidence(file, f"points[{clearest.peak}]"),
        ],
        subject="chart",
        figure=_figure(groups, name, drawn, found),
    )


def _is_plain_outlier(drawn: Chart, stretch: Stretch) -> bool:
    """Whether the signal is one value at the edge of all, which the order says nothing about."""
    low, high = np.quantile(drawn.values, EDGES)
    return stretch.rule == SINGLE and not low <= drawn.values[stretch.peak] <= high


def _point_evidence(ctx: PluginContext, groups: Subgroups, name: str, drawn: Chart, point: int) -> dict[str, Any]:
    """(number of values, their mean) of the rows of one point: a row, a step of time, or a block of rows."""
    order, k = groups.order, int(drawn.kept[point])
    low, high = int(groups.edges[k]), int(groups.edges[k + 1])
    inside = f"row_index = {order.row(low)}"
    if high - low > 1 and order.times is None:
        inside = f"row_index >= {low} AND row_index < {high}"
    elif high - low > 1 and order.times is not None:
        inside = f"{order.sql_name} >= {order.literal(int(order.times[low]))}"
        inside += f" AND {order.sql_name} <= {order.literal(int(order.times[high - 1]))}"
    value = finite_sql(ctx.dataset.column(name))
    if drawn.bounds is not None:
        low_bound, high_bound = drawn.bounds  # greatest and least leave missing values out of account, hence the case
        value = f"CASE WHEN {value} IS NOT NULL THEN greatest({low_bound!r}, least({high_bound!r}, {value})) END"
    return ctx.dataset.evidence(f"SELECT count(v), avg(v) FROM (SELECT {value} AS v FROM data WHERE {inside})", tolerance=1e-9)


def _short(value: float) -> str:
    return number(rounded(float(value), 4) or 0.0)


def _place(groups: Subgroups, drawn: Chart, point: int) -> str:
    position = int(groups.edges[drawn.kept[point]])
    if groups.order.times is None:
        return f"row {groups.order.row(position):,}"
    return time_text(int(groups.order.times[position]))


def _chart_document(
    name: str, groups: Subgroups, drawn: Chart, signals: Signals, found: list[Stretch], total: int
) -> dict[str, Any]:
    """Every point with its value, what was expected, and the statistic of each rule; the limits and the clearest stretches beside
    them. ``held`` are the share of the rows' values and the bounds within which rows were held before they were averaged."""
    rows = rows_of(groups, drawn.kept, range(len(drawn.points)))
    columns = [drawn.values, drawn.expected, drawn.points, *(signals.statistics[rule] for rule in RULES)]
    points = [[row, *(rounded(float(column[k]), 9) for column in columns)] for k, row in enumerate(rows)]
    return {
        "column": name,
        "deviation": rounded(drawn.deviation, 9),
        "held": drawn.bounds and {"share": HELD_SHARE, "low": rounded(drawn.bounds[0], 9), "high": rounded(drawn.bounds[1], 9)},
        "out_of_control": {"count": total, "clearest": [_stretch_document(groups, drawn, item) for item in found]},
        "limits": {rule: rounded(signals.limits[rule], 9) for rule in RULES},
        "fields": ["row_index", "value", "expected", "standardised", *RULES],
        "points": points,
    }


def _stretch_document(groups: Subgroups, drawn: Chart, stretch: Stretch) -> dict[str, Any]:
    return {
        "from": _place(groups, drawn, stretch.first),
        "to": _place(groups, drawn, stretch.last),
        "clearest_at": _place(groups, drawn, stretch.peak),
        "value": rounded(float(drawn.values[stretch.peak]), 9),
        "expected": rounded(float(drawn.expected[stretch.peak]), 9),
        "rule": stretch.rule,
        "times_its_limit": rounded(stretch.excess, 9),
    }


def _as_metrics(name: str, drawn: Chart, groups: Subgroups, signals: Signals, found: list[Stretch]) -> dict[str, Any]:
    return {
        "column": name,
        "points": len(drawn.points),
        "rows_per_point": rounded(groups.order.length / (len(groups.edges) - 1)),
        "centre": rounded(float(np.median(drawn.values))),
        "deviation": rounded(drawn.deviation),
        "memory": rounded(drawn.memory),
        "periods": list(drawn.periods),
        "limit": rounded(signals.limits[SINGLE]),
        "stretches": len(found),
    }


def _figure(groups: Subgroups, name: str, drawn: Chart, found: list[Stretch]) -> dict[str, Any]:
    """The values, thinned to what a drawing can hold but with every peak, and the clearest stretches marked."""
    size = -(-len(drawn.points) // FIGURE_POINTS)
    shown = sorted({*range(0, len(drawn.points), size + (size > 1)), *(item.peak for item in found)})[:FIGURE_POINTS]

    def x(point: int) -> Any:
        place = _place(groups, drawn, point)
        return int(groups.edges[drawn.kept[point]]) if groups.order.times is None else place.replace(" ", "T")

    return {
        "type": "line",
        "title": f'"{name}" in order',
        "summary": f"{len(found):,} stretches out of control; the clearest begins at {_place(groups, drawn, found[0].first)}.",
        "x_label": groups.order.column.name if groups.order.column else "row",
        "y_label": name,
        "points": [[x(point), rounded(float(drawn.values[point]), 6)] for point in shown],
        "marks": [{"x": x(item.peak), "label": _place(groups, drawn, item.peak)[:16]} for item in found[:SHOWN]],
    }
