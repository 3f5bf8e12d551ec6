"""Trend and seasonality: what rises or falls, what comes round, what the month's end changes, and where the calendar has holes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from trend_cycles import cycle_finding, month_edges, month_finding
from trend_findings import trend_finding
from trend_gaps import gap_finding, gaps, missing_steps
from trend_series import Scale, Series, measure_series, row_counts, scales

from harness_core.sdk import Finding, PluginContext, PluginResult
from harness_core.sdk.statistics.kendall import hamed_rao_variance, mann_kendall, normal_p
from harness_core.sdk.statistics.seasonality import Cycle, cycles, find_cycle
from harness_core.sdk.statistics.series import Order, measures, rows_as_they_stand, rows_in_time, time_columns
from harness_core.sdk.statistics.wording import rounded

REFERENCES = (
    "H. B. Mann, Nonparametric tests against trend, Econometrica 13 (1945) 245-259",
    "P. K. Sen, Estimates of the regression coefficient based on Kendall's tau, J. Am. Stat. Assoc. 63 (1968) 1379-1389",
    "K. H. Hamed, A. R. Rao, A modified Mann-Kendall trend test for autocorrelated data, J. Hydrol. 204 (1998) 182-196",
    "J. D. Victor, J. Mast, A new statistic for steady-state evoked potentials, Electroenceph. Clin. Neurophysiol. 78 (1991) 378-388",
    "X. Wang, K. Smith, R. Hyndman, Characteristic-based clustering for time series data, Data Min. Knowl. Discov. 13 (2006) 335-364",
)
FEW_IN_ORDER = 0.5


@dataclass
class Examined:
    """What was examined and what is to be told; a finding stands beside the strength by which it is ranked."""

    tests: int = 0
    told: list[tuple[float, Finding]] = field(default_factory=list)
    trends: list[dict[str, Any]] = field(default_factory=list)
    cycles: list[dict[str, Any]] = field(default_factory=list)


def run(ctx: PluginContext) -> PluginResult:
    profile = ctx.upstream["profile_basic"].metrics.get("columns", []) if "profile_basic" in ctx.upstream else []
    order = _order(ctx, profile)
    if order is None:
        return PluginResult.na("no_time_column", f'There is no date or time column "{ctx.settings["time_column"]}".')
    if order.times is None and (grouped := _grouping(profile, order.length)):
        return PluginResult.na(
            "rows_are_grouped", f'The rows are sorted by "{grouped}" and there is no time, so their order is no course of events.'
        )
    fine, coarse = scales(order, ctx.settings)
    if fine is None and coarse is None:
        return PluginResult.na("too_few_steps", "Fewer than sixteen steps of time or rows follow one another, too few to see a course.")
    examined = Examined()
    names = [column.name for column in measures(ctx.dataset, profile)]
    limit = ctx.settings["max_columns"]
    _rows(ctx, fine, coarse, examined)
    for done, pair in enumerate(measure_series(ctx.dataset, (fine, coarse), names[:limit])):
        ctx.progress(done, len(names), names[done])
        _examine(ctx, pair[0], pair[1], examined)
    return _result(ctx, order, fine, coarse, examined, names[limit:])


def _order(ctx: PluginContext, profile: Sequence[Mapping[str, Any]]) -> Order | None:
    wanted, columns = ctx.settings["time_column"], time_columns(ctx.dataset, profile)
    if wanted:
        columns = [column for column in columns if column.name == wanted]
        if not columns:
            return None
    if columns:
        order = rows_in_time(ctx.dataset, columns[0])
        enough = order.length and order.length >= FEW_IN_ORDER * ctx.dataset.row_count
        if enough and order.times is not None and order.times[0] < order.times[-1]:
            return order
    return rows_as_they_stand(ctx.dataset)


def _grouping(profile: Sequence[Mapping[str, Any]], rows: int) -> str | None:
    """A column with repeated values by which the rows are sorted: then what changes from row to row is that column."""
    for entry in profile:
        few = 2 <= int(entry.get("distinct_count") or 0) <= rows / 2
        if entry.get("is_sorted") is not None and few and entry.get("role") != "constant":
            return str(entry["name"])
    return None


def _rows(ctx: PluginContext, fine: Scale | None, coarse: Scale | None, examined: Examined) -> None:
    """The number of rows per step, and the steps without any."""
    counts = row_counts(fine) if fine else None
    found = _examine(ctx, counts, row_counts(coarse) if coarse else None, examined)
    if fine is None or fine.grid is None:
        return
    silent = gaps(fine, found)
    for rank, gap in enumerate(silent[: ctx.settings["max_gaps"]]):
        others = len(silent) - ctx.settings["max_gaps"] if rank == 0 else 0
        examined.told.append((1.0, gap_finding(ctx.dataset, fine, gap, max(0, others), ctx.settings)))


def _examine(ctx: PluginContext, fine: Series | None, coarse: Series | None, examined: Examined) -> list[Cycle]:
    """Cycles on the fine scale, the month's edges, and the trend on the coarse one, each freed of what was found before."""
    found: list[Cycle] = []
    if fine is not None and fine.is_usable:
        found = _cycles(ctx, fine, examined)
    if coarse is not None and coarse.is_usable:
        _trend(ctx, coarse, examined)
    return found


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
    told = [cycle for cycle in found if cycle.strength >= ctx.settings["min_strength"]]
    examined.told += [(cycle.strength, cycle_finding(ctx.dataset, series, cycle, level)) for cycle in told]
    clean = values - sum((cycle.over(len(values)) for cycle in found), np.zeros(len(values)))
    for edge in month_edges(series, clean, 2):
        examined.tests += 1
        if edge.p_value <= level and abs(edge.difference) >= ctx.settings["min_month_effect"] * abs(edge.usual):
            examined.told.append((min(1.0, abs(edge.difference / edge.usual)) / 2, month_finding(ctx.dataset, series, edge)))
    return found


def _trend(ctx: PluginContext, series: Series, examined: Examined) -> None:
    level, values = ctx.settings["significance"], series.filled
    plain = mann_kendall(values[np.isfinite(values)], ctx.rng)
    suggested = [period for period, _ in series.scale.step.seasons] if series.scale.step else []
    clean = values - sum((cycle.over(len(values)) for cycle in cycles(values, level, suggested)), np.zeros(len(values)))
    p_value = mann_kendall(clean, ctx.rng).p_value
    examined.tests += 1
    examined.trends.append({
        "series": series.name, "n": plain.n, "s": plain.s, "variance": rounded(plain.variance, 12), "tau": rounded(plain.tau, 12),
        "slope": rounded(plain.slope, 12), "intercept": rounded(plain.intercept, 12), "p_independent": rounded(plain.p_independent, 9),
        "p_hamed_rao": rounded(normal_p(plain.s, hamed_rao_variance(values)), 9), "p_value": rounded(p_value, 4),
        "memory": rounded(plain.memory),
    })  # fmt: skip
    if p_value <= level and abs(plain.tau) >= ctx.settings["min_tau"]:
        examined.told.append((abs(plain.tau), trend_finding(ctx.dataset, series, plain, p_value)))


def _result(
    ctx: PluginContext, order: Order, fine: Scale | None, coarse: Scale | None, examined: Examined, left_out: Sequence[str]
) -> PluginResult:
    ranked = [finding for _, finding in sorted(examined.told, key=lambda item: (-item[0], item[1].kind, str(item[1].subject)))]
    told = ranked[: ctx.settings["max_findings"]]
    where = "the order of the file" if order.column is None else f'by "{order.column.name}"'
    metrics = {
        "tests": examined.tests,
        "order": where,
        "time_column": order.column.name if order.column else None,
        "step": fine.unit if fine else None,
        "trend_step": coarse.unit if coarse else None,
        "trends": examined.trends,
        "cycles": examined.cycles,
        "missing_steps": missing_steps(fine) if fine and fine.grid else None,
        "left_out": list(left_out),
        "not_told": len(ranked) - len(told),
    }
    if not told:
        sentence = f"Nothing rises, falls or comes round in {len(examined.trends):,} series, {where}."
        return PluginResult.na("no_course", sentence, metrics=metrics, references=REFERENCES)
    kinds = [finding.kind for finding in ranked]
    counted = [f"{kinds.count(kind):,} {word}" for kind, word in (("trend", "trends"), ("seasonality", "cycles"), ("gap", "gaps")) if kind in kinds]
    return PluginResult.ok(f"{', '.join(counted)}, {where}.", metrics=metrics, findings=told, references=REFERENCES)
