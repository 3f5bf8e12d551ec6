"""What is said about a change, in a sentence whose numbers come from one query, and the picture beside it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from changepoint_claims import Claim, Side
from changepoint_tracks import Blocks, Track

from harness_core.sdk import Dataset, Finding, PluginContext
from harness_core.sdk.statistics.blocks import block_means
from harness_core.sdk.statistics.series import Floats, time_text
from harness_core.sdk.statistics.wording import number, rounded

SURE = 0.01
LOUD_CHANGES = 3
HELD_ROWS = 12  # what holds for fewer rows is a burst, which the long tail of a skewed measure has by itself
POINTS = 200
LONGEST_LABEL = 60
TESTS = {
    "level": "likelihood ratio at any place, noise with memory",
    "course": "likelihood ratio at any place, noise with memory",
    "spread": "likelihood ratio of the distances from the level at any place",
    "share": "likelihood ratio at any place, noise with memory",
}


def finding(ctx: PluginContext, blocks: Blocks, claim: Claim, rank: int) -> Finding:
    """``rank`` counts the changes of this column from the clearest on: only the first few are loud."""
    dataset, track, row = ctx.dataset, claim.track, blocks.order.row(claim.position)
    evidence = [query(dataset, blocks, claim), dataset.row_evidence([row])]
    title, statement, numbers = SENTENCES[claim.form](claim, evidence[0]["result"], where(blocks, claim.position))
    p_value = claim.change.p_value
    sure = p_value <= SURE
    if not sure:
        chance = number(rounded(p_value, 2) or 0.0)
        statement += f" Noise with the memory and the far values of this column would look like this with a chance of {chance}."
    if not sure or claim.lines or (claim.form == "spread" and not _deviations_agree(claim, evidence[0]["result"])):
        evidence.append(_measured(ctx, claim, row))
    time = None if blocks.order.times is None else time_text(int(blocks.order.times[claim.position]))
    columns = [track.column, *([track.by] if track.by else []), *([blocks.order.column.name] if blocks.order.column else [])]
    return Finding(
        kind="changepoint",
        title=title,
        statement=statement,
        columns=list(dict.fromkeys(columns)),
        severity="notice" if sure and rank < LOUD_CHANGES and min(claim.before.n, claim.after.n) >= HELD_ROWS else "info",
        confidence=round(max(0.0, 1 - p_value), 3),
        statistics={
            "effect": _effect(claim),
            "test": TESTS[claim.form],
            "p_value": rounded(p_value, 4),
            "p_value_at_place": rounded(claim.change.at_place, 4),
            "n": claim.before.n + claim.after.n,
            "row_index": row,
            "time": time,
            "change": claim.form,
            **{name: rounded(value, 9) for name, value in numbers.items()},
        },
        recommendation=_advice(claim, where(blocks, claim.position)),
        evidence=evidence,
        subject=_subject(claim, time or f"row {row}"),
        figure=picture(track, blocks, claim),
    )


def _measured(ctx: PluginContext, claim: Claim, row: int) -> dict[str, Any]:
    """What no query gives: the chance in noise with memory, and the lines through the rows by their place in the order."""
    file = f"change_{len(ctx.written) + 1}.json"
    sides = {"before": claim.before, "after": claim.after}
    document = {
        "column": claim.track.column,
        "row_index": row,
        "test": TESTS[claim.form],
        "p_value": rounded(claim.change.p_value, 4),
        "p_value_at_place": rounded(claim.change.at_place, 4),
        "effect": _effect(claim),
        "shift_at_the_change": rounded(claim.after.at_change - claim.before.at_change, 9),
        "sides": {name: {part: rounded(value, 9) for part, value in vars(side).items()} for name, side in sides.items()},
    }
    if claim.form == "spread":
        document["typical_distances"] = {name: rounded(_typical_distance(side), 9) for name, side in sides.items()}
    ctx.write_artifact(file, document)
    return ctx.artifact_evidence(file, "sides")


def _subject(claim: Claim, at: str) -> str:
    parts = [claim.form if claim.track.what != "missing" else "missing", claim.track.by, claim.track.value, at]
    return " / ".join(str(part) for part in parts if part)


def _effect(claim: Claim) -> dict[str, Any]:
    name = {
        "level": "standardised shift (Cohen's d)",
        "course": "standardised change of course",
        "share": "difference of shares",
        "spread": "ratio of standard deviations",
    }[claim.form]
    low, high = claim.effect - claim.reach, claim.effect + claim.reach
    if claim.form == "spread":
        low, high = claim.effect * float(np.exp(-claim.reach)), claim.effect * float(np.exp(claim.reach))
    return {"name": name, "value": rounded(claim.effect), "low": rounded(low), "high": rounded(high)}


def where(blocks: Blocks, position: int) -> str:
    row = f"row {blocks.order.row(position):,}"
    return row if blocks.order.times is None else f"{time_text(int(blocks.order.times[position]))} ({row})"


def query(dataset: Dataset, blocks: Blocks, claim: Claim) -> dict[str, Any]:
    """Number, mean and deviation of the values before and from the change on; of two levels also how far apart they are in
    deviations of the rows around them; of a course the slope and the value at the change."""
    axis, order = blocks.order.sql_name, blocks.order
    at = blocks.bound(claim.position)
    conditions = [f"{axis} IS NOT NULL"]
    if claim.low > 0:
        conditions.append(f"{axis} >= {blocks.bound(claim.low)}")
    if claim.high < order.length:
        conditions.append(f"{axis} < {blocks.bound(claim.high)}")
    if claim.track.condition:
        conditions.append(claim.track.condition)
    x = axis if order.times is None else f"epoch(CAST({axis} AS TIMESTAMP)) / 86400"
    x0 = at if order.times is None else f"epoch(CAST({at} AS TIMESTAMP)) / 86400"
    inner = f"SELECT {axis} >= {at} AS after, {claim.track.sql} AS v, {x} - ({x0}) AS x FROM data WHERE {' AND '.join(conditions)}"
    line = ", regr_slope(v, x), regr_intercept(v, x)" if claim.form == "course" else ""
    sql = f"SELECT after, count(v), avg(v), stddev_samp(v){line} FROM ({inner}) GROUP BY after ORDER BY after"
    if claim.form == "level" and not claim.lines:
        sides = (
            "SELECT after, count(v) AS n, avg(v) AS mean, stddev_samp(v) AS deviation, favg(v) AS level, "
            f"var_samp(v) * (count(v) - 1) AS around FROM ({inner}) GROUP BY after"
        )
        noise = "sqrt(sum(around) OVER () / nullif(sum(n) OVER () - 2, 0))"
        sql = (
            "SELECT after, n, mean, deviation, (max(level) OVER () - min(level) OVER ()) / "
            f"nullif({noise}, 0) AS size FROM ({sides}) ORDER BY after"
        )
    return dataset.evidence(sql, tolerance=1e-9)


def _name(track: Track) -> str:
    inside = f' where "{track.by}" is {shorten(track.value or "")}' if track.by else ""
    return f'"{track.column}"{inside}'


def _level(claim: Claim, rows: Sequence[Sequence[Any]], at: str) -> tuple[str, str, dict[str, float]]:
    (_, n0, mean0, _sd0, *_), (_, n1, mean1, _sd1, *sizes) = rows
    verb = "rises" if mean1 > mean0 else "falls"
    times = f", a factor of {number(mean1 / mean0)}" if mean0 > 0 and mean1 > 0 and not 0.67 < mean1 / mean0 < 1.5 else ""
    statement = (
        f"From {at} on, {_name(claim.track)} is {_short(mean1)} on average over {n1:,} rows, after {_short(mean0)} over the "
        f"{n0:,} rows before: it {verb} by {_short(abs(mean1 - mean0))}{times}{_in_deviations(claim, sizes)}."
    )
    title = f"{_name(claim.track)} {verb} from {_short(mean0)} to {_short(mean1)} at {at.partition(' (')[0]}"
    return title, statement, {"before": mean0, "after": mean1}


def _in_deviations(claim: Claim, sizes: Sequence[float | None]) -> str:
    if claim.lines:
        shift, course = abs(claim.after.at_change - claim.before.at_change), "standard deviations of the rows around their course"
        return f", at the change itself by {_short(shift)}, which is {_short(abs(claim.effect))} {course}"
    return "" if sizes[0] is None else f", which is {_short(sizes[0])} standard deviations of the single rows"


def _course(claim: Claim, rows: Sequence[Sequence[Any]], at: str) -> tuple[str, str, dict[str, float]]:
    (_, n0, _, _, slope0, end0), (_, n1, _, _, slope1, end1) = rows
    unit = "day" if "epoch" in claim.track.sql or not at.startswith("row") else "row"
    statement = (
        f"Around {at} the course of {_name(claim.track)} changes: over the {n0:,} rows before it {_going(slope0, unit)}, over the "
        f"{n1:,} rows from there on it {_going(slope1, unit)}. The two lines meet it at {_short(end0)} and {_short(end1)}."
    )
    title = f"{_name(claim.track)} changes its course at {at.partition(' (')[0]}"
    return title, statement, {"slope_before": slope0, "slope_after": slope1, "before": end0, "after": end1}


def _going(slope: float, unit: str) -> str:
    return f"{'rises' if slope > 0 else 'falls'} by {number(rounded(abs(slope), 3) or 0.0)} per {unit}"


def _spread(claim: Claim, rows: Sequence[Sequence[Any]], at: str) -> tuple[str, str, dict[str, float]]:
    (_, n0, _, sd0, *_), (_, n1, _, sd1, *_) = rows
    verb = "wider" if claim.effect > 1 else "narrower"
    what, before, after, beside = "its standard deviation is", sd0, sd1, ""
    if not _deviations_agree(claim, rows):
        what, before, after = "its values typically lie from their level by", *map(_typical_distance, (claim.before, claim.after))
        beside = f" The standard deviation does not show it ({_short(sd1)} after {_short(sd0)}): a few far values decide that one."
    statement = (
        f"From {at} on, {_name(claim.track)} spreads {verb}: {what} {_short(after)} over {n1:,} rows, after {_short(before)} over "
        f"the {n0:,} rows before.{beside} The level has no change at this place."
    )
    title = f"{_name(claim.track)} spreads {verb} from {at.partition(' (')[0]} on"
    return title, statement, {"before": before, "after": after}


def _deviations_agree(claim: Claim, rows: Sequence[Sequence[Any]]) -> bool:
    """Whether the standard deviations of the rows, which a few far values can decide, move as the typical distance does."""
    (_, _, _, before, *_), (_, _, _, after, *_) = rows
    return bool(after > before) is (claim.effect > 1)


def _typical_distance(side: Side) -> float:
    """What the search compares, on the scale of the values: distances count with the power of two thirds."""
    return float(side.mean**1.5)


def _shares(claim: Claim, rows: Sequence[Sequence[Any]], at: str) -> tuple[str, str, dict[str, float]]:
    (_, n0, share0, *_), (_, n1, share1, *_) = rows
    missing = claim.track.what == "missing"
    what = f'"{claim.track.column}" is empty' if missing else f'"{claim.track.column}" is {shorten(claim.track.value or "")}'
    statement = (
        f"From {at} on, {what} in {share1:.1%} of {n1:,} rows, after {share0:.1%} of the {n0:,} rows before, a change of "
        f"{abs(share1 - share0) * 100:.1f} percentage points."
    )
    title = f"{what} {'more' if share1 > share0 else 'less'} often from {at.partition(' (')[0]} on"
    return title, statement, {"before": share0, "after": share1}


SENTENCES = {"level": _level, "course": _course, "spread": _spread, "share": _shares}


def _short(value: float) -> str:
    return number(rounded(value, 4) or 0.0)


def _advice(claim: Claim, at: str) -> str:
    if claim.track.what == "missing":
        return f"Ask what changed in how the rows were recorded at {at}."
    return f"Ask what changed at {at}, and do not average over it: figures from before and after describe different states."


def shorten(text: str) -> str:
    return text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1] + "…"


def picture(track: Track, blocks: Blocks, claim: Claim) -> dict[str, Any] | None:
    """The means of up to two hundred stretches of rows, with the change marked."""
    size = -(-len(blocks) // POINTS)
    edges = np.unique(np.concatenate([blocks.edges[::size], blocks.edges[-1:]]))
    shown: Floats = track.values
    label = track.column
    if claim.form == "spread":
        shown, label = np.sqrt(track.values**3), f"distance of {track.column} from its level"
    elif claim.form == "share":
        shown, label = 100 * track.values, "share of rows, %"
    means, counts = block_means(shown, edges)
    points = [
        [_x(blocks, int(edges[k])), rounded(float(means[k]), 6)] for k in range(len(means)) if counts[k] and np.isfinite(means[k])
    ]
    if len(points) < 3:
        return None
    mark = _x(blocks, claim.position)
    return {
        "type": "line",
        "title": f"{_name(track)}, in the order of {'the rows' if blocks.order.column is None else blocks.order.column.name}",
        "summary": f"The mean of each stretch of rows; what changes, changes at {where(blocks, claim.position)}.",
        "x_label": "row" if blocks.order.column is None else blocks.order.column.name,
        "y_label": label,
        "points": points,
        "marks": [{"x": mark, "label": str(mark)[:16].replace("T", " ")}],
    }


def _x(blocks: Blocks, position: int) -> Any:
    if blocks.order.times is None:
        return position
    return time_text(int(blocks.order.times[position])).replace(" ", "T")
