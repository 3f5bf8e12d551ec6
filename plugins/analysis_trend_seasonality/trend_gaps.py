"""Steps of the calendar without rows where rows were due: single ones in a regular series, and silences in a stream of events."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from trend_series import Scale

from harness_core.sdk import Dataset, Finding, PluginContext
from harness_core.sdk.statistics.seasonality import Cycle
from harness_core.sdk.statistics.series import DAY, time_text
from harness_core.sdk.statistics.wording import number, rounded

REGULAR_SHARE = 0.9
SURE = 1e-4
MOST_LISTED = 500


@dataclass(frozen=True)
class Gap:
    """Steps ``start`` to ``end`` - 1 without a row; ``due`` rows were to be expected; ``p_value`` is None where the series is
    regular and the gap a plain fact."""

    start: int
    end: int
    due: float
    p_value: float | None


def gaps(scale: Scale, found_cycles: Sequence[Cycle]) -> list[Gap]:
    """The silences, longest first."""
    counts = scale.calendar.counts.astype(np.float64)
    empty = np.concatenate([[0], (counts == 0).astype(int), [0]])
    starts, ends = np.flatnonzero(np.diff(empty) == 1), np.flatnonzero(np.diff(empty) == -1)
    if not len(starts):
        return []
    regular = float(counts.max()) <= 2 and float((counts > 0).mean()) >= REGULAR_SHARE
    due = np.maximum(counts.mean() + sum((cycle.over(len(counts)) for cycle in found_cycles), np.zeros(len(counts))), 0.0)
    excess = float(((counts - due) ** 2).sum() / max(due.sum(), 1e-300))
    found = []
    for start, end in zip(starts, ends, strict=True):
        expected = float(due[start:end].sum())
        p_value = None if regular else min(1.0, len(counts) * math.exp(-expected / max(1.0, excess)))
        if p_value is None or p_value <= SURE:
            found.append(Gap(int(start), int(end), expected, p_value))
    return sorted(found, key=lambda gap: (-gap.due, gap.start))


def gaps_evidence(ctx: PluginContext, scale: Scale, silent: Sequence[Gap], told: int) -> dict[str, Any]:
    """All silences with the rows that were due in them, longest first, and how many of them are not told."""
    document = {
        "step": scale.calendar.step.name,
        "method": "due are as many rows as the mean of all steps and the cycles found make for the steps of the gap",
        "gaps": len(silent),
        "more": max(0, len(silent) - told),
        "longest": [
            {
                "from": time_text(int(scale.calendar.starts[gap.start])),
                "steps": gap.end - gap.start,
                "rows_due": rounded(gap.due, 9),
                "p_value": rounded(gap.p_value, 4),
            }
            for gap in silent[:MOST_LISTED]
        ],
    }
    ctx.write_artifact("gaps.json", document)
    return ctx.artifact_evidence("gaps.json", "longest")


def gap_finding(dataset: Dataset, scale: Scale, gap: Gap, others: int, listed: dict[str, Any]) -> Finding:
    """``others`` more gaps are not told; ``listed`` is the evidence with all of them."""
    grid, time = scale.calendar, scale.order.sql_name
    starts, name = grid.starts, scale.time_name
    low, high = (f"TIMESTAMP '{time_text(int(starts[k]))}'" for k in (gap.start, min(gap.end, len(starts) - 1)))
    sql = (
        f"SELECT count(*) FILTER (WHERE {time} >= {low} AND {time} < {high}) AS inside, "
        f"CAST(max({time}) FILTER (WHERE {time} < {low}) AS VARCHAR) AS before, "
        f"CAST(min({time}) FILTER (WHERE {time} >= {high}) AS VARCHAR) AS after, {_steps_sql(scale, low, high)} AS steps, "
        f"(epoch_us({high}) - epoch_us({low})) // {DAY} AS whole_days FROM data"
    )
    evidence = dataset.evidence(sql)
    _, before, after, *_ = evidence["result"][0]
    steps = gap.end - gap.start
    unit = grid.step.name
    length = _length(scale, gap)
    more = f" There are {others:,} more such gaps." if others else ""
    due = "" if gap.p_value is None else f", though about {number(round(gap.due))} rows were due by then"
    return Finding(
        kind="gap",
        title=f"No rows for {length} from {time_text(int(starts[gap.start]))} on",
        statement=f'"{name}" has no value between {before} and {after}: {length} without a row{due}.{more}',
        columns=[name],
        severity="notice",
        statistics={
            "effect": {"name": "steps without a row", "value": steps, "low": None, "high": None},
            "n": scale.order.length,
            "steps": steps,
            "step": unit,
            "from": time_text(int(starts[gap.start])),
            "row_index": scale.order.row(int(scale.edges[gap.end])),
            **({} if gap.p_value is None else {"p_value": rounded(gap.p_value, 4), "expected_rows": rounded(gap.due, 6)}),
        },
        recommendation="Find out whether nothing happened then, or whether it was not recorded.",
        evidence=[evidence, listed],
        subject=f"gap from {time_text(int(starts[gap.start]))}",
    )


def _steps_sql(scale: Scale, low: str, high: str) -> str:
    """SQL: the number of steps between two moments at which steps begin."""
    step = scale.calendar.step
    if step.micros:
        return f"(epoch_us({high}) - epoch_us({low})) // {step.micros}"
    return f"datediff('month', {low}, {high}) // {step.months}"


def _length(scale: Scale, gap: Gap) -> str:
    """In whole days where it is one or more, else in steps."""
    steps, step = gap.end - gap.start, scale.calendar.step
    if step.micros and step.micros < DAY and steps * step.micros >= DAY:
        days = steps * step.micros // DAY
        return f"{days:,} day{'' if days == 1 else 's'}"
    return f"{steps:,} × {step.name}" if step.name[0].isdigit() else f"{steps:,} {step.name}{'' if steps == 1 else 's'}"


def missing_steps(scale: Scale) -> int:
    return int((scale.calendar.counts == 0).sum())
