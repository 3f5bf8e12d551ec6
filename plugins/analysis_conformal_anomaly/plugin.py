"""Conformal anomalies: rows that are unlike all others taken together, or stretches of a series that run as no other does."""

from collections.abc import Mapping, Sequence
from typing import Any

from conformal_rows import odd_rows, units_of
from conformal_series import Stretches, chosen_measures, is_series, odd_stretches, shares_times
from conformal_words import rows_finding, stretch_finding, write_scores

from harness_core.sdk import Finding, PluginContext, PluginResult
from harness_core.sdk.statistics.series import NoCourse, Order, rows_in_course
from harness_core.sdk.statistics.wording import rounded

REFERENCES = (
    "V. Vovk, A. Gammerman, G. Shafer, Algorithmic Learning in a Random World, Springer (2005)",
    "S. Bates, E. Candès et al., Testing for outliers with conformal p-values, Ann. Statist. 51 (2023) 149-178",
    "M. Sugiyama, K. Borgwardt, Rapid distance-based outlier detection via sampling, NIPS 26 (2013) 467-475",
    "E. Keogh, J. Lin, A. Fu, HOT SAX: efficiently finding the most unusual time series subsequence, ICDM (2005) 226-233",
    "E. Burnaev, V. Ishimtsev, Conformalized density- and distance-based anomaly detection, arXiv:1608.04585 (2016)",
    "J. Pickands, Statistical inference using extreme order statistics, Ann. Statist. 3 (1975) 119-131",
)
FEWEST_ROWS, FEWEST_COLUMNS = 100, 2


def run(ctx: PluginContext) -> PluginResult:
    profile = ctx.upstream["profile_basic"].metrics.get("columns", []) if "profile_basic" in ctx.upstream else []
    if ctx.dataset.row_count < FEWEST_ROWS:
        return PluginResult.na("too_few_rows", f"Fewer than {FEWEST_ROWS} rows are too few to tell which of them is odd.")
    order = _course(ctx, profile)
    return _rows(ctx, profile) if order is None else _series(ctx, profile, order)


def _course(ctx: PluginContext, profile: Sequence[Mapping[str, Any]]) -> Order | None:
    """The order of a series; None where several rows share a time, or nothing orders them."""
    if shares_times(ctx.dataset, profile, ctx.settings["time_column"]):
        return None
    try:
        order = rows_in_course(ctx.dataset, profile, ctx.settings["time_column"])
    except NoCourse:
        return None
    return order if is_series(order) else None


def _rows(ctx: PluginContext, profile: Sequence[Mapping[str, Any]]) -> PluginResult:
    columns, beyond = chosen_measures(ctx, profile, ctx.settings["max_columns"])
    units, left_out = units_of(ctx.dataset, columns, profile)
    metrics: dict[str, Any] = {
        "form": "rows",
        "columns": [unit.name for unit in units],
        "left_out": [*left_out, *beyond],
        "tests": 0,
    }
    if len(units) < FEWEST_COLUMNS:
        sentence = "Fewer than two columns hold measures that vary, so no combination of them can be odd."
        return PluginResult.na("too_few_measures", sentence, metrics=metrics, references=REFERENCES)
    odd = odd_rows(ctx, units)
    metrics["tests"] = 1
    metrics["searched"] = [
        {
            "columns": metrics["columns"], "units": odd.n, "alarms": odd.alarms, "smallest_p_value": rounded(odd.smallest),
            "gap_p_value": rounded(odd.verdict.p_value, 4),
        }
    ]  # fmt: skip
    if not odd.rows:
        write_scores(ctx, odd)
        sentence = f"None of {odd.n:,} rows stands apart from the others in {len(units):,} measures taken together."
        return PluginResult.na("no_anomalies", sentence, metrics=metrics, references=REFERENCES)
    return _ok([rows_finding(ctx, odd)], metrics)


def _series(ctx: PluginContext, profile: Sequence[Mapping[str, Any]], order: Order) -> PluginResult:
    columns, beyond = chosen_measures(ctx, profile, ctx.settings["max_series"])
    seen = list(odd_stretches(ctx, order, columns))
    searched = [item for item in seen if isinstance(item, Stretches)]
    level = ctx.settings["alarm_level"]
    metrics: dict[str, Any] = {
        "form": "series", "columns": [item.column.name for item in searched], "tests": len(searched),
        "left_out": [*(item for item in seen if not isinstance(item, Stretches)), *beyond],
        "searched": [
            {
                "columns": [item.column.name], "units": len(item.ratios), "alarms": int((item.conformal <= level).sum()),
                "smallest_p_value": rounded(float(item.conformal.min())), "gap_p_value": rounded(item.verdict.p_value, 4),
                "period": item.period,
            }
            for item in searched
        ],
    }  # fmt: skip
    if not searched:
        sentence = "No measure is long and varied enough to tell an odd stretch of it from the others."
        return PluginResult.na("nothing_to_search", sentence, metrics=metrics, references=REFERENCES)
    findings = [stretch_finding(ctx, order, item) for item in searched if item.told]
    if not findings:
        sentence = f"No stretch of {len(searched):,} series stands apart from the others."
        return PluginResult.na("no_anomalies", sentence, metrics=metrics, references=REFERENCES)
    return _ok(findings, metrics)


def _ok(findings: Sequence[Finding], metrics: Mapping[str, Any]) -> PluginResult:
    what = "group of odd rows" if metrics["form"] == "rows" else "series with odd stretches"
    return PluginResult.ok(f"{len(findings):,} {what}.", metrics=metrics, findings=findings, references=REFERENCES)
