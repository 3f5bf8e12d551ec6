"""What is said about rows and stretches that are unlike all others."""

from collections.abc import Sequence

import numpy as np
from conformal_gap import Verdict
from conformal_rows import NAMED_ROWS, Oddities
from conformal_series import Stretches

from harness_core.sdk import Finding, PluginContext
from harness_core.sdk.statistics.axes import view_name
from harness_core.sdk.statistics.series import Order, time_text
from harness_core.sdk.statistics.wording import listed, number, rounded

SHOWN_ROWS = 5
POINTS = 300
UNIT_SHARE = 0.9  # distances are told in that which this share of the rows, or stretches, does not pass
STRETCHES_NAMED = 3
TEST = "generalised Pareto tail of cross-fitted scores"
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
        "column": found.column.name, "unit": found.unit.as_dict(), "length": found.length, "stretches": told,
        "compared": _compared(len(found.ratios), found.verdict),
    }  # fmt: skip
    ctx.write_artifact(file, document)
    return file


def stretch_finding(ctx: PluginContext, order: Order, found: Stretches) -> Finding:
    name, time = found.column.name, "" if order.column is None else order.column.name
    peaks = merged(found.peaks, found.length)
    count, row = len(peaks), order.row(peaks[0])
    spans = [_span(order, peak) for peak in peaks[:STRETCHES_NAMED]]
    low, high = max(0, peaks[0] - found.length + 1), peaks[0]
    sides = f"{order.sql_name} >= {_literal(order, low)} AND {order.sql_name} <= {_literal(order, high)}"
    evidence = ctx.dataset.evidence(f"SELECT count(*), min({view_name(name)}), max({view_name(name)}) FROM data WHERE {sides}")
    _, least, most = evidence["result"][0]
    more = f" and {count - len(spans):,} more" if count > len(spans) else ""
    others = f" The others end at {', '.join(spans[1:])}{more}." if count > 1 else ""
    spoken = f"from {number(float(least))} to {number(float(most))}" if least is not None else "missing"
    stretches, are, lie = ("1 stretch", "is", "It lies") if count == 1 else (f"{count:,} stretches", "are", "They lie")
    largest = rounded(float(found.ratios.max()))
    ratio, rest = (number(rounded(value, 3) or 0.0) for value in (found.verdict.nearest, found.verdict.rest))
    return Finding(
        kind="anomaly",
        title=f'"{name}" runs as never else in {stretches}, first of all around {spans[0]}',
        statement=(
            f'{stretches} of "{name}" {are} unlike all others of {found.length:,} values. The oddest ends at {spans[0]} '
            f"(row {row:,}); its values are {spoken}.{others} {lie} at least {ratio} times as far from the nearest stretches of "
            f"other times as 90 % of the {len(found.ratios):,} stretches, the next one {rest} times."
        ),
        columns=[name, *([time] if time else [])],
        severity="notice",
        confidence=round(1 - found.verdict.p_value, 3),
        confidence_note=MEANING,
        statistics={
            "effect": {"name": "distance_over_90th_percentile", "value": largest, "low": None, "high": None},
            "test": TEST,
            "p_value": rounded(found.verdict.p_value, 4),
            "conformal_p_value": rounded(float(found.conformal[found.told].max()), 6),
            "n": len(found.scores),
            "count": count,
            "row_index": row,
            "time": spans[0],
        },
        recommendation=f'Look at what happened around {spans[0]}, and whether "{name}" was measured as at other times.',
        evidence=[
            evidence, ctx.dataset.row_evidence([order.row(peak) for peak in peaks[:NAMED_ROWS]]),
            ctx.artifact_evidence(_write_stretches(ctx, order, found), "compared"),
        ],
        subject="stretches",
        figure=_figure(order, found, peaks),
    )  # fmt: skip


def merged(peaks: Sequence[int], length: int) -> list[int]:
    """One place per event: of peaks less than two lengths apart the oddest, which comes first."""
    kept: list[int] = []
    for peak in peaks:
        if all(abs(peak - other) > 2 * length for other in kept):
            kept.append(peak)
    return kept


def _span(order: Order, position: int) -> str:
    return f"row {order.row(position):,}" if order.times is None else time_text(int(order.times[position]))


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
