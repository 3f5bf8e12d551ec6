"""What is said about a cluster, the query that counts it, and the picture beside it."""

from typing import Any

import numpy as np
from scan_windows import Floats, Window

from harness_core.sdk import Dataset, Finding, PluginContext
from harness_core.sdk.statistics.series import Grid, Order, time_text
from harness_core.sdk.statistics.wording import number, rounded

LONGEST_LABEL = 60
STRONG_RATIO = 2.0


def shorten(text: str) -> str:
    return text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1] + "…"


def bounds(grid: Grid, window: Window) -> tuple[str, str]:
    """The beginning of the window and of the first step after it."""
    first = grid.first + window.start
    low, high = (int(grid.step.start(np.array([k]))[0]) for k in (first, first + window.steps))
    return time_text(low), time_text(high)


def span(grid: Grid, window: Window) -> str:
    low, high = bounds(grid, window)
    return f"from {low} until before {high}" if window.steps > 1 or grid.step.name != "day" else f"on {low}"


def _statistics(window: Window, p_value: float, draws: int, grid: Grid, row: int, n: int) -> dict[str, Any]:
    ratio = window.observed / window.expected
    reach = 1.96 / np.sqrt(window.observed)
    low, high = bounds(grid, window)
    return {
        "effect": {
            "name": "ratio of observed to expected rows",
            "value": rounded(ratio),
            "low": rounded(ratio * float(np.exp(-reach))),
            "high": rounded(ratio * float(np.exp(reach))),
        },
        "test": f"scan statistic, {draws:,} Monte-Carlo draws",
        "p_value": rounded(p_value, 6),
        "n": n,
        "rows": int(window.observed),
        "expected": rounded(window.expected, 9),
        "log_likelihood_ratio": rounded(window.llr, 9),
        "from": low,
        "until_before": high,
        "row_index": row,
    }


def group_finding(
    dataset: Dataset, order: Order, grid: Grid, column: tuple[str, str, str], group: tuple[str, str],
    window: Window, p_value: float, draws: int, row: int,
) -> Finding:  # fmt: skip
    """``column`` is (name, quoted name, condition that it has a value), ``group`` (label, condition)."""
    time, (low, high) = order.sql_name, bounds(grid, window)
    inside = f"{time} >= TIMESTAMP '{low}' AND {time} < TIMESTAMP '{high}'"
    sql = (
        f"SELECT count(*) FILTER (WHERE {group[1]} AND {inside}) AS observed, count(*) FILTER (WHERE {group[1]}) AS of_group, "
        f"count(*) FILTER (WHERE {inside}) AS of_time, count(*) AS n, count(*) FILTER (WHERE {group[1]})::DOUBLE * "
        f"count(*) FILTER (WHERE {inside}) / count(*) AS expected FROM data WHERE {time} IS NOT NULL AND {column[2]}"
    )
    evidence = dataset.evidence(sql, tolerance=1e-9)
    observed, _, of_time, n, expected = evidence["result"][0]
    name = shorten(group[0])
    return Finding(
        kind="scan_cluster",
        title=f'Unusually many rows where "{column[0]}" is {name}, {span(grid, window)}',
        statement=(
            f'{span(grid, window).capitalize()} there are {observed:,} rows where "{column[0]}" is {name}, '
            f"{number(rounded(observed / expected, 3) or 0.0)} times the {number(round(expected, 1))} that its share of all rows "
            f"would give among the {of_time:,} rows of that time."
        ),
        columns=[column[0], order.column.name if order.column else ""],
        severity="notice",
        confidence=round(1 - p_value, 4),
        statistics=_statistics(window, p_value, draws, grid, row, n),
        recommendation=f"Look at these rows one by one: what brought {name} so many at that time?",
        evidence=[evidence],
        subject=f"{column[0]} / {name} / {bounds(grid, window)[0]}",
    )


def time_finding(
    ctx: PluginContext,
    order: Order,
    grid: Grid,
    counts: Floats,
    expected: Floats,
    window: Window,
    p_value: float,
    draws: int,
    row: int,
) -> Finding:
    """Rows altogether; what was due in each step is an artifact, because it is beyond one query."""
    time, (low, high) = order.sql_name, bounds(grid, window)
    ratio = window.observed / window.expected
    sql = f"SELECT count(*) AS observed FROM data WHERE {time} >= TIMESTAMP '{low}' AND {time} < TIMESTAMP '{high}'"
    labels = [grid.label(k) for k in range(len(grid))]
    steps = [
        {"from": label, "rows": int(count), "expected": rounded(float(due), 9)}
        for label, count, due in zip(labels, counts, expected, strict=True)
    ]
    cluster = {"from": low, "until_before": high, "rows": int(window.observed), "expected": rounded(window.expected, 9)}
    cluster["ratio"] = rounded(ratio, 9)
    ctx.write_artifact("expected_rows.json", {"step": grid.step.name, "cluster": cluster, "steps": steps})
    name = order.column.name if order.column else ""
    return Finding(
        kind="scan_cluster",
        title=f"Unusually many rows {span(grid, window)}",
        statement=(
            f"{span(grid, window).capitalize()} there are {int(window.observed):,} rows, {number(rounded(ratio, 3) or 0.0)} times "
            f"the {number(round(window.expected, 1))} that the time of the week or year and the weeks around would give."
        ),
        columns=[name],
        severity="notice" if ratio >= STRONG_RATIO else "info",
        confidence=round(1 - p_value, 4),
        statistics=_statistics(window, p_value, draws, grid, row, order.length),
        recommendation="Look at what happened then, and whether rows were written twice or all at once.",
        evidence=[
            ctx.dataset.evidence(sql),
            ctx.artifact_evidence("expected_rows.json", f"steps[{window.start}:{window.start + window.steps}].expected"),
        ],
        subject=f"rows / {low}",
        figure={
            "type": "line",
            "title": f"Rows per {grid.step.name}",
            "summary": f"The cluster lies {span(grid, window)}.",
            "x_label": name,
            "y_label": f"rows per {grid.step.name}",
            "points": [[label.replace(" ", "T"), int(count)] for label, count in zip(labels, counts, strict=True)],
            "bands": [{"from": low.replace(" ", "T"), "to": high.replace(" ", "T"), "label": "cluster"}],
        },
    )
