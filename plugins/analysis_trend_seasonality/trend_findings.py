"""What is said about a trend: Sen's slope per step, and the way from the beginning to the end, as a query gives them."""

from typing import Any

import numpy as np
from trend_series import Series

from harness_core.sdk import Dataset, Finding, PluginContext
from harness_core.sdk.statistics.kendall import Trend
from harness_core.sdk.statistics.series import Floats, time_text
from harness_core.sdk.statistics.wording import number, rounded

STRONG_TAU = 0.4


def trend_finding(ctx: PluginContext, series: Series, trend: Trend, p_value: float) -> Finding:
    evidence = trend_evidence(ctx.dataset, series)
    slope, n, first, last = evidence["result"][0]
    what = series.name if series.column else "The number of rows"
    verb = "rises" if slope > 0 else "falls"
    column, unit = series.scale.order.column, series.scale.unit
    way = abs(last - first) / abs(first) if first and last and first * last > 0 else None
    share = f", {'a plus' if last > first else 'a minus'} of {way:.0%}" if way is not None and 0.005 <= way < 10 else ""
    reach = f"{_short(trend.low)} to {_short(trend.high)}"
    step, steps = (f"step of {unit}", f"steps of {unit}") if unit[0].isdigit() else (unit, f"{unit}s")
    statement = (
        f"{what} {verb} by {_short(abs(slope))} per {step} (Sen's slope; 95 % interval {reach}): the line goes from "
        f"{_short(first)} at the beginning to {_short(last)} at the end of {n:,} {steps}{share}."
    )
    return Finding(
        kind="trend",
        title=f"{what} {verb} over {'time' if column else 'the rows'}",
        statement=statement,
        columns=[*([series.column] if series.column else []), *([column.name] if column else [])],
        severity="notice" if abs(trend.tau) >= STRONG_TAU else "info",
        confidence=round(1 - p_value, 3),
        statistics={
            "effect": {"name": "Kendall's tau", "value": rounded(trend.tau), **_interval(trend)},
            "test": "Mann-Kendall, with the memory of the series",
            "p_value": rounded(p_value, 4),
            "n": trend.n,
            "slope": rounded(slope, 9),
            "slope_low": rounded(trend.low, 9),
            "slope_high": rounded(trend.high, 9),
            "step": unit,
            "memory": rounded(trend.memory),
            "at_the_beginning": rounded(first, 9),
            "at_the_end": rounded(last, 9),
        },
        recommendation="Say for which time an average holds: over all of it, it describes neither the beginning nor the end.",
        evidence=[evidence, _interval_evidence(ctx, series, trend)],
        subject=f"{series.name}: trend",
        figure=_line(series, trend),
    )


def _interval(trend: Trend) -> dict[str, Any]:
    """Of tau, from the interval of the slope's rank among all pairs."""
    reach = 1.96 * np.sqrt(trend.variance) * 2 / (trend.n * (trend.n - 1))
    return {"low": rounded(max(-1.0, trend.tau - reach)), "high": rounded(min(1.0, trend.tau + reach))}


def _interval_evidence(ctx: PluginContext, series: Series, trend: Trend) -> dict[str, Any]:
    """Where the interval of the slope comes from: the ranks of its ends among all pairs widen with the memory of the series."""
    file = f"trend_{len(ctx.written) + 1}.json"
    document = {
        "series": series.name, "step": series.scale.unit, "points": trend.n,
        "method": "Sen's slope, with the ranks of its 95 % interval from the variance of Kendall's S in a series with memory",
        "variance": rounded(trend.variance, 9), "memory": rounded(trend.memory, 9),
        "slope": {"value": rounded(trend.slope, 9), "low": rounded(trend.low, 9), "high": rounded(trend.high, 9)},
    }  # fmt: skip
    ctx.write_artifact(file, document)
    return ctx.artifact_evidence(file, "slope")


def _short(value: float) -> str:
    return number(rounded(float(value), 4) or 0.0)


def trend_evidence(dataset: Dataset, series: Series) -> dict[str, Any]:
    """(Sen's slope per step, steps with a value, the line through the medians at the first and at the last step)."""
    scale = series.scale
    time = scale.order.sql_name
    value = "count(*)" if series.column is None else f"avg({series.sql})"
    rows = f"SELECT {scale.sql_step()} AS k, {value} AS y FROM data WHERE {time} IS NOT NULL GROUP BY 1"
    if series.column is None:
        steps = f"SELECT k, coalesce(y, 0) AS y FROM (SELECT unnest(range(1, {len(scale) - 1})) AS k) LEFT JOIN ({rows}) USING (k)"
    else:
        steps = f"SELECT k, y FROM ({rows}) WHERE y IS NOT NULL"
    sql = (
        f"WITH s AS ({steps}), line AS (SELECT median((b.y - a.y) / (b.k - a.k)) AS slope FROM s a JOIN s b ON a.k < b.k), "
        "middle AS (SELECT count(*) AS n, median(y) AS y, median(k) AS k, min(k) AS first, max(k) AS last FROM s) "
        "SELECT slope, n, y + slope * (first - k), y + slope * (last - k) FROM line, middle"
    )
    return dataset.evidence(sql, tolerance=1e-9)


def _line(series: Series, trend: Trend) -> dict[str, Any] | None:
    scale = series.scale
    present = np.flatnonzero(np.isfinite(series.values))
    if not 3 <= len(present) <= 400:
        return None
    values: Floats = series.values
    starts = scale.grid.starts if scale.grid else scale.edges
    x = [time_text(int(starts[k])).replace(" ", "T") if scale.grid else int(starts[k]) for k in present]
    return {
        "type": "line",
        "title": f"{series.name if series.column else 'Rows'} per {scale.unit}",
        "summary": f"Of all pairs of points {(1 + abs(trend.tau)) / 2:.0%} agree in direction (Kendall's tau {trend.tau:.2f}).",
        "x_label": scale.order.column.name if scale.order.column else "row",
        "y_label": series.column or f"rows per {scale.unit}",
        "points": [[place, rounded(float(values[k]), 6)] for place, k in zip(x, present, strict=True)],
    }
