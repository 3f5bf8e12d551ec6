"""Scan statistics: times at which there are more rows than there should be, altogether or within one group."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scan_groups import group_cluster
from scan_time import temporal_cluster
from scan_windows import Floats, Window
from scan_words import bounds, group_finding, shorten, time_finding

from harness_core.sdk import Finding, PluginContext, PluginResult
from harness_core.sdk.dataset import quote_text
from harness_core.sdk.statistics.series import Grid, NoCourse, Order, choose_step, rows_in_course, view_name
from harness_core.sdk.statistics.wording import rounded

REFERENCES = (
    "M. Kulldorff, A spatial scan statistic, Commun. Stat. Theory Methods 26 (1997) 1481-1496",
    "M. Kulldorff, R. Heffernan, J. Hartman, R. Assunção, F. Mostashari, A space-time permutation scan statistic, "
    "PLoS Med. 2 (2005) e59",
    "J. Besag, P. Clifford, Sequential Monte Carlo p-values, Biometrika 78 (1991) 301-304",
)
LEAST_STEPS = 12
SPARSE = 0.05


def run(ctx: PluginContext) -> PluginResult:
    profile = ctx.upstream["profile_basic"].metrics.get("columns", []) if "profile_basic" in ctx.upstream else []
    try:
        order = rows_in_course(ctx.dataset, profile, ctx.settings["time_column"])
    except NoCourse as reason:
        return PluginResult.na(reason.code, reason.sentence)
    if order.times is None or order.column is None:
        return PluginResult.na("no_time_column", "No column says when a row came about, so no time can have too many of them.")
    scans: list[dict[str, Any]] = []
    findings = [*_altogether(ctx, order, scans)]
    chosen = [entry for entry in profile if _has_groups(entry, ctx.settings["max_groups"])]
    limit = ctx.settings["max_columns"]
    grid = _grid(order, ctx.settings["max_group_steps"], len(chosen))
    for done, entry in enumerate(chosen[:limit] if grid is not None else []):
        ctx.progress_in_rows(done + 1, len(chosen[:limit]) + 1, str(entry["name"]))
        if grid is not None:
            findings += _by_group(ctx, order, grid, str(entry["name"]), scans)
    metrics = {
        "tests": len(scans),
        "time_column": order.column.name,
        "scans": scans,
        "left_out": [str(entry["name"]) for entry in chosen[limit:]],
    }
    if not scans:
        return PluginResult.na(
            "too_few_steps", "The rows cover fewer than twelve steps of time, or one step has them all.", metrics=metrics
        )
    if not findings:
        sentence = f'At no time of "{order.column.name}" there are more rows than chance explains, in {len(scans):,} scans.'
        return PluginResult.na("no_cluster", sentence, metrics=metrics, references=REFERENCES)
    count = len(findings)
    return PluginResult.ok(
        f"{count:,} cluster{'s' if count > 1 else ''} of rows in {len(scans):,} scans.",
        metrics=metrics,
        findings=findings,
        references=REFERENCES,
    )


def _grid(order: Order, max_steps: int, columns: int = 1) -> Grid | None:
    """Steps that hold a row each on average at least; None where there are too few of them."""
    if order.times is None or not columns or not order.length:
        return None
    step = choose_step(order.times, max_steps, 1.0, SPARSE)
    grid = Grid.of(order.times, step) if step is not None else None
    return grid if grid is not None and len(grid) >= LEAST_STEPS else None


def _has_groups(entry: Mapping[str, Any], most: int) -> bool:
    return entry.get("role") in {"category", "flag"} and 2 <= int(entry.get("distinct_count") or 0) <= most


def _altogether(ctx: PluginContext, order: Order, scans: list[dict[str, Any]]) -> list[Finding]:
    grid = _grid(order, ctx.settings["max_steps"])
    if grid is None or int(grid.counts.max()) <= 1:
        return []
    counts = grid.counts.astype(np.float64)
    cluster = temporal_cluster(counts, [period for period, _ in grid.step.seasons], ctx.rng, ctx.settings["max_draws"])
    scans.append(_as_metrics(None, None, grid, cluster.window, cluster.p_value, cluster.draws))
    if not _is_told(ctx, cluster.window, cluster.p_value):
        return []
    row = order.row(int(grid.edges[cluster.window.start]))
    return [time_finding(ctx, order, grid, counts, cluster.expected, cluster.window, cluster.p_value, cluster.draws, row)]


def _by_group(ctx: PluginContext, order: Order, grid: Grid, name: str, scans: list[dict[str, Any]]) -> list[Finding]:
    quoted, time = view_name(name), order.sql_name
    step = grid.step.sql(time)
    query = (
        f"SELECT CAST({quoted} AS VARCHAR) AS g, epoch_us(CAST({step} AS TIMESTAMP)) AS s, count(*) FROM data "
        f"WHERE {quoted} IS NOT NULL AND {time} IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2"
    )
    found = ctx.dataset.sql(query).fetchall()
    names = sorted({row[0] for row in found})
    counts = _table(found, names, grid)
    if len(names) < 2 or counts.sum() == 0:
        return []
    filled = np.flatnonzero(counts.sum(axis=0) > 0)
    cluster = group_cluster(counts[:, filled], ctx.rng, ctx.settings["max_draws"])
    start, end = int(filled[cluster.window.start]), int(filled[cluster.window.start + cluster.window.steps - 1])
    window = Window(
        cluster.window.group, start, end - start + 1, cluster.window.observed, cluster.window.expected, cluster.window.llr
    )
    group = names[window.group]
    scans.append(_as_metrics(name, group, grid, window, cluster.p_value, cluster.draws))
    if not _is_told(ctx, window, cluster.p_value):
        return []
    condition = f"CAST({quoted} AS VARCHAR) = {quote_text(group)}"
    low, high = bounds(grid, window)
    first = f"SELECT min(row_index) FROM data WHERE {condition} AND {time} >= TIMESTAMP '{low}' AND {time} < TIMESTAMP '{high}'"
    row = int(ctx.dataset.sql(first).scalar())
    column = (name, quoted, f"{quoted} IS NOT NULL")
    return [group_finding(ctx.dataset, order, grid, column, (group, condition), window, cluster.p_value, cluster.draws, row)]


def _table(found: Sequence[Sequence[Any]], names: Sequence[str], grid: Grid) -> Floats:
    """Counts of groups by steps."""
    place = {name: k for k, name in enumerate(names)}
    counts = np.zeros((len(names), len(grid)))
    index = grid.step.index(np.array([row[1] for row in found], dtype=np.int64)) - grid.first
    for row, k in zip(found, index, strict=True):
        counts[place[row[0]], int(k)] += row[2]
    return counts


def _is_told(ctx: PluginContext, window: Window, p_value: float) -> bool:
    large = window.observed >= ctx.settings["min_rows"] and window.observed >= ctx.settings["min_ratio"] * window.expected
    return bool(large and p_value <= ctx.settings["significance"])


def _as_metrics(name: str | None, group: str | None, grid: Grid, window: Window, p_value: float, draws: int) -> dict[str, Any]:
    return {
        "column": name,
        "group": None if group is None else shorten(group),
        "step": grid.step.name,
        "from": bounds(grid, window)[0],
        "steps": window.steps,
        "observed": int(window.observed),
        "expected": rounded(window.expected, 9),
        "llr": rounded(window.llr, 9),
        "p_value": rounded(p_value, 6),
        "draws": draws,
    }
