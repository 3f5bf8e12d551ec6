"""Trend and seasonality: what rises or falls, what comes round, what the month's end changes, and where the calendar has holes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from trend_cycles import cycle_finding, month_edges, month_finding
from trend_findings import trend_finding
from trend_gaps import gap_finding, gaps, gaps_evidence, missing_steps
from trend_series import Scales, Series, measure_series, row_counts, scales

from harness_core.sdk import Finding, PluginContext, PluginResult
from harness_core.sdk.statistics.kendall import Floats, Trend, hamed_rao_variance, mann_kendall, normal_p
from harness_core.sdk.statistics.seasonality import Cycle, cycles, find_cycle
from harness_core.sdk.statistics.series import NoCourse, Order, measures, rows_in_course
from harness_core.sdk.statistics.wording import rounded

REFERENCES = (
    "H. B. Mann, Nonparametric tests against trend, Econometrica 13 (1945) 245-259",
    "P. K. Sen, Estimates of the regression coefficient based on Kendall's tau, J. Am. Stat. Assoc. 63 (1968) 1379-1389",
    "K. H. Hamed, A. R. Rao, A modified Mann-Kendall trend test for autocorrelated data, J. Hydrol. 204 (1998) 182-196",
    "J. D. Victor, J. Mast, A new statistic for steady-state evoked potentials, "
    "Electroenceph. Clin. Neurophysiol. 78 (1991) 378-388",
    "X. Wang, K. Smith, R. Hyndman, Characteristic-based clustering for time series data, "
    "Data Min. Knowl. Discov. 13 (2006) 335-364",
)


@dataclass
class Examined:
    """What was examined and what is to be told; a finding stands beside the strength by which it is ranked."""

    tests: int = 0
    told: list[tuple[float, Finding]] = field(default_factory=list)
    trends: list[dict[str, Any]] = field(default_factory=list)
    cycles: list[dict[str, Any]] = field(default_factory=list)


def run(ctx: PluginContext) -> PluginResult:
    profile = ctx.upstream["profile_basic"].metrics.get("columns", []) if "profile_basic" in ctx.upstream else []
    try:
        order = rows_in_course(ctx.dataset, profile, ctx.settings["time_column"])
    except NoCourse as reason:
        return PluginResult.na(reason.code, reason.sentence)
    used = scales(order, ctx.settings)
    if used.fine is None and used.coarse is None:
        return PluginResult.na(
            "too_few_steps", "Fewer than sixteen steps of time or rows follow one another, too few to see a course."
        )
    examined = Examined()
    names = [column.name for column in measures(ctx.dataset, profile)]
    limit = ctx.settings["max_columns"]
    _rows(ctx, used, examined)
    for done, series in enumerate(measure_series(ctx.dataset, (used.fine, used.coarse, used.days), names[:limit])):
        ctx.progress_in_rows(done, len(names[:limit]), names[done])
        _examine(ctx, series, examined)
    return _result(ctx, order, used, examined, names[limit:])


def _rows(ctx: PluginContext, used: Scales, examined: Examined) -> None:
    """The number of rows per step, and the steps without any."""
    found = _examine(ctx, [row_counts(scale) if scale else None for scale in (used.fine, used.coarse, used.days)], examined)
    if used.fine is None or used.fine.grid is None:
        return
    silent, most = gaps(used.fine, found), ctx.settings["max_gaps"]
    listed = gaps_evidence(ctx, used.fine, silent, most) if silent else {}
    for rank, gap in enumerate(silent[:most]):
        others = max(0, len(silent) - most) if rank == 0 else 0
        examined.told.append((1.0, gap_finding(ctx.dataset, used.fine, gap, others, listed)))


def _examine(ctx: PluginContext, series: Sequence[Series | None], examined: Examined) -> list[Cycle]:
    """Cycles on the fine scale, the trend on the coarse one, and the edges of the month on days."""
    fine, coarse, days = series
    found = _cycles(ctx, fine, examined) if fine is not None and fine.is_usable else []
    if coarse is not None and coarse.is_usable:
        _trend(ctx, coarse, examined)
    if (days or fine) is not None:
        _months(ctx, days or fine, examined)
    return found


def _months(ctx: PluginContext, series: Series | None, examined: Examined) -> None:
    """The last and the first days of the months against the others, on days freed of their weekly cycle."""
    if series is None or not series.is_usable:
        return
    values, level = series.filled, ctx.settings["significance"]
    weekly = cycles(values, level, [7], 1)
    for edge in month_edges(series, values - sum((cycle.over(len(values)) for cycle in weekly), np.zeros(len(values))), 2):
        examined.tests += 1
        if edge.p_value <= level and abs(edge.difference) >= ctx.settings["min_month_effect"] * abs(edge.usual):
            examined.told.append((min(1.0, abs(edge.difference / edge.usual)) / 2, month_finding(ctx.dataset, series, edge)))


def _cycles(ctx: PluginContext, series: Series, examined: Examined) -> list[Cycle]:
    level, values = ctx.settings["significance"], series.filled
    suggested = [period for period, _ in series.scale.step.seasons] if series.scale.step else []
    found = cycles(values, level, suggested)
    if not found and float(values.min()) > 0:
        found = [cycle for cycle in cycles(np.log(values), level, suggested) if cycle.strength >= ctx.settings["min_strength"]]
    examined.tests += 1
    best = found[0] if found else find_cycle(values, level, suggested)
    if best is not None:
        examined.cycles.append(
            {"series": series.name, "period": best.period, "strength": rounded(best.strength), "p_value": rounded(best.p_value, 4)}
        )
    told = [
        cycle
        for cycle in found
        if cycle.strength >= ctx.settings["min_strength"]
        and (series.column is not None or np.ptp(cycle.over(len(values))) >= _least_swing(float(values.mean()), ctx.settings))
    ]
    examined.told += [(cycle.strength, cycle_finding(ctx, series, cycle, level)) for cycle in told]
    return found


def _least_swing(mean: float, settings: Mapping[str, Any]) -> float:
    """Of a number of rows: a share of their mean, and what unrelated rows differ by from step to step (Poisson's deviation)."""
    return max(float(settings["min_count_swing"]) * mean, float(settings["min_count_deviations"]) * math.sqrt(mean))


def _trend(ctx: PluginContext, series: Series, examined: Examined) -> None:
    level, values = ctx.settings["significance"], series.filled
    plain = mann_kendall(values[np.isfinite(values)], ctx.rng)
    suggested = [period for period, _ in series.scale.step.seasons] if series.scale.step else []
    clean = values - sum((cycle.over(len(values)) for cycle in cycles(values, level, suggested)), np.zeros(len(values)))
    cleaned = mann_kendall(clean, ctx.rng)  # its cycles are no doubt about the slope
    p_value = cleaned.p_value
    told = replace(plain, low=min(plain.slope, cleaned.low), high=max(plain.slope, cleaned.high))
    examined.tests += 1
    examined.trends.append(_as_metrics(series, plain, values) | {"p_value": rounded(p_value, 4)})
    if p_value <= level and abs(plain.tau) >= ctx.settings["min_tau"]:
        examined.told.append((abs(plain.tau), trend_finding(ctx, series, told, p_value)))


def _as_metrics(series: Series, trend: Trend, values: Floats) -> dict[str, Any]:
    return {
        "series": series.name,
        "n": trend.n,
        "s": trend.s,
        "variance": rounded(trend.variance, 12),
        "tau": rounded(trend.tau, 12),
        "slope": rounded(trend.slope, 12),
        "intercept": rounded(trend.intercept, 12),
        "p_independent": rounded(trend.p_independent, 9),
        "p_hamed_rao": rounded(normal_p(trend.s, hamed_rao_variance(values)), 9),
        "memory": rounded(trend.memory),
    }


def _result(ctx: PluginContext, order: Order, used: Scales, examined: Examined, left_out: Sequence[str]) -> PluginResult:
    ranked = [finding for _, finding in sorted(examined.told, key=lambda item: (-item[0], item[1].kind, str(item[1].subject)))]
    told = ranked[: ctx.settings["max_findings"]]
    where = "the order of the file" if order.column is None else f'by "{order.column.name}"'
    metrics = {
        "tests": examined.tests,
        "order": where,
        "time_column": order.column.name if order.column else None,
        "step": used.fine.unit if used.fine else None,
        "trend_step": used.coarse.unit if used.coarse else None,
        "trends": examined.trends,
        "cycles": examined.cycles,
        "missing_steps": missing_steps(used.fine) if used.fine and used.fine.grid else None,
        "left_out": list(left_out),
        "not_told": len(ranked) - len(told),
    }
    if not told:
        sentence = f"Nothing rises, falls or comes round in {len(examined.trends):,} series, {where}."
        return PluginResult.na("no_course", sentence, metrics=metrics, references=REFERENCES)
    kinds = [finding.kind for finding in ranked]
    words = (("trend", "trend"), ("seasonality", "cycle or calendar effect"), ("gap", "gap"))
    counted = [f"{kinds.count(kind):,} × {word}" for kind, word in words if kind in kinds]
    return PluginResult.ok(f"{', '.join(counted)}, {where}.", metrics=metrics, findings=told, references=REFERENCES)
