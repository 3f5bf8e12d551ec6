"""What is said about rows and stretches that are unlike all others."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from conformal_gap import Verdict
from conformal_rows import NAMED_ROWS, Oddities
from conformal_series import Stretches
from conformal_windows import APART

from harness_core.sdk import Finding, PluginContext
from harness_core.sdk.statistics.axes import view_name
from harness_core.sdk.statistics.series import Order, time_text
from harness_core.sdk.statistics.wording import listed, number, rounded

SHOWN_ROWS = 5
POINTS = 300
UNIT_SHARE = 0.9  # distances are told in that which this share of the rows, or stretches, does not pass
STRETCHES_NAMED = 3
TEST = "generalised Pareto tail of cross-fitted scores"
TEST_OF_SERIES = "generalised Pareto tail of nearest-neighbour distances"
MEANING = (
    "The conformal p-value is exact where rows are exchangeable: it is the share of rows at least as odd. That the oddest stand "
    "apart rests on the tail of the other scores. Odd is not wrong."
)


def rows_finding(ctx: PluginContext, odd: Oddities) -> Finding:
    dataset, count = ctx.dataset, len(odd.rows)
    names, first = listed(odd.names), odd.rows[:SHOWN_ROWS]
    columns = ", ".join(view_name(name) for name in odd.names)
    shown = ", ".join(str(row) for row in sorted(first))
    values = dataset.evidence(f"SELECT row_index, {columns} FROM data WHERE row_index IN ({shown}) ORDER BY row_index")
    example = next(item for item in values["result"] if item[0] == odd.rows[0])
    described = ", ".join(
        f'"{name}" {"missing" if value is None else number(float(value))}'
        for name, value in zip(odd.names, example[1:], strict=True)
    )
    write_scores(ctx, odd)
    ratio, rest = (number(rounded(value, 3) or 0.0) for value in (odd.verdict.nearest, odd.verdict.rest))
    are, lie, their = ("are", "they lie", "their") if count > 1 else ("is", "it lies", "its")
    return Finding(
        kind="anomaly",
        title=f"{count:,} row{'s' if count > 1 else ''} {are} unlike all others in {names}",
        statement=(
            f"{count:,} of {odd.n:,} rows {are} unlike all others when {len(odd.units):,} measures are taken together, above all "
            f"in {names}: {lie} at least {ratio} times as far from {their} nearest neighbours as 90 % of the rows, the next "
            f"row {rest} times. {'The oddest is' if count > 1 else 'It is'} row {odd.rows[0]:,} with {described}."
        ),
        columns=list(odd.names),
        severity="notice",
        confidence=round(1 - odd.verdict.p_value, 3),
        confidence_note=MEANING,
        statistics={
            "effect": {"name": "distance_over_90th_percentile", "value": rounded(odd.ratios[0]), "low": None, "high": None},
            "test": TEST,
            "p_value": rounded(odd.verdict.p_value, 4),
            "conformal_p_value": rounded(odd.p_values[-1], 6),
            "n": odd.n,
            "count": count,
            "joint_columns": [unit.name for unit in odd.units],
        },
        recommendation=f"Look at {names} side by side in the rows cited: an entry may be wrong, or the row of another kind.",
        evidence=[values, dataset.row_evidence(odd.rows[:NAMED_ROWS]), ctx.artifact_evidence("conformal_scores.json", "rows")],
        subject="rows",
    )


def write_scores(ctx: PluginContext, odd: Oddities) -> None:
    """Scales, references and the rows with the smallest conformal p-values: enough to compute every score again."""
    ctx.write_artifact("conformal_scores.json", {
        "units": [unit.as_dict() for unit in odd.units],
        "references_by_fold": [fold.tolist() for fold in odd.references.folds],
        "decorrelation": odd.references.turn.tolist(),
        "rows": [{"row_index": row, "p_value": p_value, "ratio": rounded(ratio)} for row, p_value, ratio in odd.listed],
        "compared": _compared(odd.n, odd.verdict),
    })  # fmt: skip


def _compared(count: int, verdict: Verdict) -> dict[str, float | int | None]:
    """How many were compared, the share whose distance is the unit, and the distances on both sides of the gap in it."""
    return {
        "count": count, "unit_share": UNIT_SHARE, "nearest_told": rounded(verdict.nearest), "next": rounded(verdict.rest),
    }  # fmt: skip


def _write_stretches(ctx: PluginContext, order: Order, found: Stretches) -> str:
    """The stretches that are told, oddest first; the name of the file."""
    file = f"stretches_{len(ctx.written) + 1}.json"
    told = [
        {"row_index": order.row(peak), "p_value": float(found.conformal[k]), "ratio": rounded(float(found.ratios[k]))}
        for k, peak in zip(found.told, found.peaks, strict=True)
    ]
    document = {
        "column": found.column.name, "unit": found.unit.as_dict(), "length": found.length, "period": found.period,
        "stretches": told, "compared": _compared(len(found.ratios), found.verdict),
    }  # fmt: skip
    ctx.write_artifact(file, document)
    return file


def stretch_finding(ctx: PluginContext, order: Order, found: Stretches) -> Finding:
    name, time = found.column.name, "" if order.column is None else order.column.name
    told = merged(found.peaks, found.length)
    count, oddest = len(told), told[0]
    spans = [_span(order, event.peak) for event in told[:STRETCHES_NAMED]]
    low = max(0, oddest.first - found.length + 1)
    sides = f"{order.sql_name} >= {_literal(order, low)} AND {order.sql_name} <= {_literal(order, oddest.last)}"
    finite = f" FILTER (WHERE isfinite({view_name(name)}))" if found.column.type == "float" else ""
    extremes = f"min({view_name(name)}){finite}, max({view_name(name)}){finite}"
    evidence = ctx.dataset.evidence(f"SELECT count(*), {extremes} FROM data WHERE {sides}")
    _, least, most = evidence["result"][0]
    more = f" and {count - len(spans):,} more" if count > len(spans) else ""
    others = f" The others are oddest at {', '.join(spans[1:])}{more}." if count > 1 else ""
    spoken = f"from {number(float(least))} to {number(float(most))}" if least is not None else "missing"
    stretches, are, lie = ("1 stretch", "is", "It lies") if count == 1 else (f"{count:,} stretches", "are", "They lie")
    largest = rounded(float(found.ratios.max()))
    ratio, rest = (number(rounded(value, 3) or 0.0) for value in (found.verdict.nearest, found.verdict.rest))
    top = f", most of all at {spans[0]}" if oddest.last != oddest.peak else ""
    cited = list(dict.fromkeys(order.row(place) for event in told for place in (event.first, event.peak)))
    return Finding(
        kind="anomaly",
        title=f'"{name}" runs as never else in {stretches}, first of all around {spans[0]}',
        statement=(
            f'{stretches} of "{name}" {are} unlike all others of {found.length:,} values{_at_one_point(found)}. '
            f"The oddest runs from {_span(order, low)} to {_span(order, oddest.last)}{top} "
            f"(row {order.row(oddest.peak):,}); its values are {spoken}.{others} {lie} at least {ratio} times as far from the "
            f"nearest stretches of other times as 90 % of the {len(found.ratios):,} stretches, the next one {rest} times."
        ),
        columns=[name, *([time] if time else [])],
        severity="notice",
        confidence=round(1 - found.verdict.p_value, 3),
        confidence_note=MEANING,
        statistics={
            "effect": {"name": "distance_over_90th_percentile", "value": largest, "low": None, "high": None},
            "test": TEST_OF_SERIES,
            "p_value": rounded(found.verdict.p_value, 4),
            "conformal_p_value": rounded(float(found.conformal[found.told].max()), 6),
            "n": len(found.scores),
            "count": count,
            "row_index": order.row(oddest.peak),
            "time": spans[0],
            "stretches": [_ends(order, event, found.length) for event in told[:NAMED_ROWS]],
        },
        recommendation=f'Look at what happened around {spans[0]}, and whether "{name}" was measured as at other times.',
        evidence=[
            evidence, *_moments(ctx, time, [order.row(event.peak) for event in told[:STRETCHES_NAMED]]),
            ctx.dataset.row_evidence(cited[:NAMED_ROWS]),
            ctx.artifact_evidence(_write_stretches(ctx, order, found), "compared"),
        ],
        subject="stretches",
        figure=_figure(order, found, [event.peak for event in told]),
    )  # fmt: skip


@dataclass(frozen=True)
class Event:
    """Peaks in a chain, each less than four lengths from the next: the places of the oddest, the first and the last."""

    peak: int
    first: int
    last: int


def merged(peaks: Sequence[int], length: int) -> list[Event]:
    """The events that ``peaks``, oddest first, belong to, in the order of their oddest."""
    ascending = sorted(peaks)
    breaks = [k for k in range(1, len(ascending)) if ascending[k] - ascending[k - 1] >= APART * length]
    chains = [ascending[start:end] for start, end in pairwise([0, *breaks, len(ascending)])]
    oddest = {peak: place for place, peak in enumerate(peaks)}
    told = [Event(min(chain, key=oddest.__getitem__), chain[0], chain[-1]) for chain in chains]
    return sorted(told, key=lambda event: oddest[event.peak])


def _moments(ctx: PluginContext, time: str, rows: Sequence[int]) -> list[dict[str, object]]:
    """When the rows that are named by their time came about."""
    if not time:
        return []
    listed = ", ".join(str(row) for row in sorted(rows))
    said = f"CAST({view_name(time)} AS VARCHAR)"
    return [ctx.dataset.evidence(f"SELECT row_index, {said} FROM data WHERE row_index IN ({listed}) ORDER BY row_index")]


def _at_one_point(found: Stretches) -> str:
    return f" at the same point of its cycle of {found.period:,} values" if found.period else ""


def _span(order: Order, position: int) -> str:
    return f"row {order.row(position):,}" if order.times is None else time_text(int(order.times[position]))


def _ends(order: Order, event: Event, length: int) -> list[str]:
    return [_span(order, max(0, event.first - length + 1)), _span(order, event.last)]


def _literal(order: Order, position: int) -> str:
    return str(order.row(position)) if order.times is None else order.literal(int(order.times[position]))


def _figure(order: Order, found: Stretches, peaks: Sequence[int]) -> dict[str, object]:
    """The largest score of each of at most three hundred equal parts."""
    step = max(1, -(-len(found.scores) // POINTS))
    starts = np.arange(0, len(found.scores), step)
    largest = np.maximum.reduceat(found.scores, starts)
    at = [_span(order, int(start)) for start in starts]
    marks = [{"x": at[peak // step], "label": _span(order, peak)} for peak in peaks[:STRETCHES_NAMED]]
    return {
        "type": "line",
        "title": f"How unlike all others {found.column.name} runs",
        "x_label": "time" if order.times is not None else "row",
        "y_label": "distance to the nearest other stretches",
        "points": [[x, rounded(float(y))] for x, y in zip(at, largest, strict=True)],
        "marks": marks,
        "summary": f"The distance is largest around {_span(order, peaks[0])}.",
    }
