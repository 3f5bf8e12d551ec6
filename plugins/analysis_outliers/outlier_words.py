"""Findings about single columns: the sentence, the queries that give every number in it, the rows and the picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from outlier_tails import ESD, TailClaim, Verdict

from harness_core.sdk import Column, Dataset, Finding
from harness_core.sdk.statistics.robust import FloatArray
from harness_core.sdk.statistics.series import view_name
from harness_core.sdk.statistics.wording import number, rounded

ROWS_CITED = 20
HISTOGRAM_BINS = 30
SHIFTS = (10, 100, 1000)
NOT_A_VERDICT = "The p-value says how surprising the values are; only their source can say whether they are wrong."


def beyond(column: Column, claim: TailClaim) -> str:
    """The condition, as SQL, that a row is among those claimed."""
    name, sign = view_name(column.name), ">" if claim.direction == "high" else "<"
    finite = f" AND isfinite({name})" if column.type == "float" else ""
    return f"{name} {sign} {claim.fence!r}{finite}"


def finding(dataset: Dataset, column: Column, ordered: FloatArray, claim: TailClaim, verdict: Verdict, least_sure: int) -> Finding:
    """``least_sure`` is the number of values from which on Rosner's test is more than information."""
    condition = beyond(column, claim)
    facts = _facts(dataset, column, condition, claim)
    n, count, least, most, rest_low, rest_high, low, middle, high, distance = facts["result"][0]
    nearest, farthest = (least, most) if claim.direction == "high" else (most, least)
    rest = rest_high if claim.direction == "high" else rest_low
    shift = decimal_shift(dataset, column, claim, condition, count, (low, high))
    rows = _rows(dataset, column, condition, claim)
    statement = _statement(column.name, claim, n, count, (nearest, farthest), rest, (low, middle, high), distance)
    return Finding(
        kind="outlier",
        title=_title(column.name, claim, count),
        statement=statement + (shift.sentence if shift else ""),
        columns=[column.name],
        severity="info" if claim.test == ESD and n < least_sure else "warning" if shift else "notice",
        confidence_note=_note(claim),
        statistics=_statistics(claim, verdict, n, count)
        | {"nearest": nearest, "farthest": farthest}
        | ({"decimal_shifts": list(shift.factors)} if shift else {})
        | ({} if claim.p_value_if_normal is None else {"p_value_if_normal": rounded(claim.p_value_if_normal, 4)}),
        recommendation=_advice(column.name, shifted=shift is not None),
        evidence=[facts, *([shift.evidence] if shift else []), dataset.row_evidence(rows)],
        subject=claim.direction,
        figure=histogram(column.name, ordered, claim, count),
    )


def _facts(dataset: Dataset, column: Column, condition: str, claim: TailClaim) -> dict[str, Any]:
    """One query, one row: counts, extremes of both parts, the typical range and the distance."""
    name = view_name(column.name)
    plain = f"CAST({name} AS DOUBLE)"
    outer, edge = ("q[3]", "least") if claim.direction == "high" else ("q[1]", "most")
    wrap = (lambda term: f"ln({term})") if claim.scale == "log" else (lambda term: term)
    unit = f"(abs({wrap(outer)} - {wrap('q[2]')}) / 1.6448536269514722)"
    usable = f"isfinite({name})" if column.type == "float" else f"{name} IS NOT NULL"
    return dataset.evidence(
        "SELECT n, beyond, least, most, rest_least, rest_most, q[1] AS q05, q[2] AS median, q[3] AS q95, "
        f"abs({wrap(edge)} - {wrap('q[2]')}) / {unit} AS robust_sds FROM ("
        f"SELECT count({name}) AS n, count(*) FILTER (WHERE {condition}) AS beyond, "
        f"min({plain}) FILTER (WHERE {condition}) AS least, max({plain}) FILTER (WHERE {condition}) AS most, "
        f"min({plain}) FILTER (WHERE NOT ({condition})) AS rest_least, max({plain}) FILTER (WHERE NOT ({condition})) AS rest_most, "
        f"quantile_disc({plain}, [0.05, 0.5, 0.95]) AS q FROM data WHERE {usable})",
        tolerance=1e-9,
    )


@dataclass(frozen=True)
class DecimalShift:
    """The powers of ten that bring the outliers back among the rest, the sentence about it, and the query that counts them."""

    factors: tuple[int, ...]
    sentence: str
    evidence: dict[str, Any]


def decimal_shift(
    dataset: Dataset, column: Column, claim: TailClaim, condition: str, count: int, typical: tuple[float, float]
) -> DecimalShift | None:
    """Whether at least four fifths of the values come back to the middle 90 % by moving the decimal point.

    Only where that middle spans less than a factor of ten, for otherwise some power of ten always fits.
    """
    low, high = typical
    if low <= 0 or high >= 10 * low:
        return None
    plain, operator = f"CAST({view_name(column.name)} AS DOUBLE)", "/" if claim.direction == "high" else "*"
    parts = ", ".join(f"count(*) FILTER (WHERE {plain} {operator} {shift} BETWEEN {low!r} AND {high!r})" for shift in SHIFTS)
    evidence = dataset.evidence(f"SELECT {parts} FROM data WHERE {condition}")
    found = evidence["result"][0]
    factors = tuple(shift for shift, matches in zip(SHIFTS, found, strict=True) if matches)
    if sum(found) < 0.8 * count:
        return None
    return DecimalShift(factors, _shift_sentence(factors, sum(found), count, claim), evidence)


def _shift_sentence(factors: tuple[int, ...], back: int, count: int, claim: TailClaim) -> str:
    whom = "It falls" if count == 1 else f"All {count:,} fall" if back == count else f"{back:,} of the {count:,} fall"
    how = "divided" if claim.direction == "high" else "multiplied"
    by = " or ".join(f"{factor:,}" for factor in factors)
    return f" {whom} back into that range when {how} by {by}, which points to a misplaced decimal point or another unit."


def _rows(dataset: Dataset, column: Column, condition: str, claim: TailClaim) -> list[int]:
    order = "DESC" if claim.direction == "high" else "ASC"
    query = f"SELECT row_index FROM data WHERE {condition} ORDER BY {view_name(column.name)} {order}, row_index LIMIT {ROWS_CITED}"
    return [row[0] for row in dataset.sql(query).fetchall()]


def _title(name: str, claim: TailClaim, count: int) -> str:
    side = "high" if claim.direction == "high" else "low"
    return (
        f'{count:,} value{"s" if count > 1 else ""} of "{name}" {"are" if count > 1 else "is"} too {side} to belong with the rest'
    )


def _statement(
    name: str,
    claim: TailClaim,
    n: int,
    count: int,
    span: tuple[float, float],
    rest: float,
    typical: tuple[float, float, float],
    distance: float,
) -> str:
    side = "above" if claim.direction == "high" else "below"
    low, middle, high = typical
    which = number(span[0]) if span[0] == span[1] else f"from {number(min(span))} to {number(max(span))}"
    scale = " on a logarithmic scale" if claim.scale == "log" else ""
    times = number(float(f"{distance:.{3 if distance < 1000 else 4}g}"))
    nearest = "It" if count == 1 else "The nearest of them"
    return (
        f'{count:,} of the {n:,} values of "{name}" {"stand" if count > 1 else "stands"} far {side} the rest: {which}. '
        f"No other value is {side} {number(rest)}, and nine in ten of all values lie between {number(low)} and {number(high)}. "
        f"{nearest} lies {times} times the usual spread{scale} away from the median of {number(middle)}."
    )


def _statistics(claim: TailClaim, verdict: Verdict, n: int, count: int) -> dict[str, Any]:
    value, low, high = (rounded(part) for part in claim.distance)
    return {
        "test": claim.test,
        "p_value": rounded(claim.p_value, 4),
        "n": n,
        "effect": {"name": "robust_sds_from_median", "value": value, "low": low, "high": high},
        "count": count,
        "direction": claim.direction,
        "scale": claim.scale,
        "fence": claim.fence,
        "expected_count": rounded(claim.expected_count, 4),
        "adjusted_boxplot_fences": [rounded(fence) for fence in verdict.fences],
        "medcouple": rounded(verdict.medcouple),
    }


def _note(claim: TailClaim) -> str:
    if claim.p_value_if_normal is None:
        return NOT_A_VERDICT
    chance = number(rounded(claim.p_value_if_normal, 2) or 0.0)
    return f"{NOT_A_VERDICT} It is {chance} if the other values are normal; that they may have longer tails is counted in it."


def _advice(name: str, *, shifted: bool) -> str:
    if shifted:
        return f'Check the decimal point and the unit of "{name}" in the rows cited, and correct them at the source.'
    return f'Compare the rows cited with their source; until then give the median of "{name}" rather than its mean.'


def histogram(name: str, ordered: FloatArray, claim: TailClaim, count: int) -> dict[str, Any]:
    """The rest in equal bins, and the outliers in one bin of their own at the side where they stand."""
    rest = ordered[:-count] if claim.direction == "high" else ordered[count:]
    tail = ordered[-count:] if claim.direction == "high" else ordered[:count]
    counts, edges = np.histogram(rest, bins=HISTOGRAM_BINS)
    bins: list[Sequence[Any]] = [
        [rounded(float(a)), rounded(float(b)), int(c)] for a, b, c in zip(edges[:-1], edges[1:], counts, strict=True)
    ]
    if claim.direction == "high":
        bins.append([claim.fence, rounded(float(tail[-1])), count])
    else:
        bins.insert(0, [rounded(float(tail[0])), claim.fence, count])
    return {
        "type": "histogram",
        "title": f'Values of "{name}"',
        "x_label": name,
        "y_label": "rows",
        "summary": f"{count:,} value{'s' if count > 1 else ''} beyond {number(claim.fence)}, apart from all others.",
        "bins": bins,
        "marks": [{"x": claim.fence, "label": "fence"}],
    }
