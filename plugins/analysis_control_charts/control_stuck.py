"""A measure that stands still: the same value in row after row, far longer than its values ever repeat.

If a value follows itself with the chance r, as often as it does outside the longest run, a run of L among n rows has at most the
chance n r^(L - 1) (the bound of a union; W. Feller, An Introduction to Probability Theory I, ch. XIII.7). Not to be trusted where
standing still is ordinary at some times and not at others; so the run must be three times as long as any other, and its value must
be neither the lowest, nor the highest, nor usual elsewhere: a machine at rest reads nought for hours.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness_core.sdk import Finding, PluginContext
from harness_core.sdk.statistics.series import Order, finite_sql, time_text
from harness_core.sdk.statistics.wording import number, rounded

Floats = NDArray[np.float64]
LEAST_ROWS = 100
LEAST_RUN = 10
SELDOM = 0.5
TIMES_THE_NEXT = 3
USUAL_ELSEWHERE = 0.01
SURE = 0.001


@dataclass(frozen=True)
class Still:
    """The longest run: first and last place in the order of the rows, value, length, the next longest, and the chance of it."""

    first: int
    last: int
    value: float
    length: int
    next: int
    repeats: float
    p_value: float


def longest_run(values: Floats) -> Still | None:
    """The longest run of one value, in the order of ``values``, NaN where missing; None where it is nothing unusual."""
    places = np.flatnonzero(np.isfinite(values))
    present = values[places]
    if len(present) < LEAST_ROWS:
        return None
    starts = np.flatnonzero(np.concatenate([[True], present[1:] != present[:-1]]))
    lengths = np.diff(np.append(starts, len(present)))
    longest = int(lengths.argmax())
    length, value = int(lengths[longest]), float(present[starts[longest]])
    next_length = int(np.delete(lengths, longest).max(initial=0))
    if length < LEAST_RUN or length < TIMES_THE_NEXT * next_length:
        return None
    elsewhere = int((present == value).sum()) - length
    if value in (present.min(), present.max()) or elsewhere > USUAL_ELSEWHERE * len(present):
        return None
    repeats = (int((lengths - 1).sum()) - (length - 1) + 1) / (len(present) - length + 1)
    p_value = min(1.0, len(present) * repeats ** (length - 1))
    if repeats > SELDOM or p_value > SURE:
        return None
    first = int(starts[longest])
    return Still(int(places[first]), int(places[first + length - 1]), value, length, next_length, repeats, p_value)


def still_finding(ctx: PluginContext, order: Order, name: str, found: Still) -> Finding:
    evidence = _runs(ctx, order, name)
    (value, length, *_), (_, next_length, *_) = evidence["result"]
    first, last = (_place(order, place) for place in (found.first, found.last))
    others = (
        "no other value stands twice in a row"
        if next_length == 1
        else f"elsewhere no value stands more than {next_length:,} times in a row"
    )
    return Finding(
        kind="control_signal",
        title=f'"{name}" stands still at {number(value)} for {length:,} rows from {first} on',
        statement=f'"{name}" is {number(value)} in {length:,} rows one after the other, from {first} to {last}; {others}.',
        columns=[name, *([order.column.name] if order.column else [])],
        severity="warning",
        confidence=round(1 - found.p_value, 4),
        statistics={
            "effect": {"name": "times the next longest run", "value": rounded(length / next_length), "low": None, "high": None},
            "test": "longest run of one value",
            "p_value": rounded(found.p_value, 4),
            "n": ctx.dataset.row_count,
            "rows": [order.row(found.first)],
            "count": length,
            "row_index": order.row(found.first),
            "value": rounded(value, 9),
            "repeats_elsewhere": rounded(found.repeats),
        },
        recommendation=f'Ask whether "{name}" was measured at all then; leave these rows out until that is known.',
        evidence=[evidence, ctx.dataset.row_evidence([order.row(found.first), order.row(found.last)])],
        subject="still",
    )


def _runs(ctx: PluginContext, order: Order, name: str) -> dict[str, Any]:
    """(value, rows, first row, last row, first and last time) of the two longest runs, as plain DuckDB finds them."""
    time = f"{order.sql_name} AS t" if order.column else "0 AS t"
    return ctx.dataset.evidence(
        "SELECT v, count(*) AS length, arg_min(row_number, place) AS first_row, arg_max(row_number, place) AS last_row, "
        "CAST(min(t) AS VARCHAR) AS begins, CAST(max(t) AS VARCHAR) AS ends FROM ("
        "SELECT v, t, row_number, place, place - row_number() OVER (PARTITION BY v ORDER BY place) AS run FROM ("
        "SELECT v, t, row_number, row_number() OVER (ORDER BY t, row_number) AS place FROM ("
        f"SELECT {finite_sql(ctx.dataset.column(name))} AS v, {time}, row_index AS row_number FROM data) "
        "WHERE v IS NOT NULL AND t IS NOT NULL)) GROUP BY v, run ORDER BY length DESC, first_row LIMIT 2"
    )


def _place(order: Order, place: int) -> str:
    if order.times is None:
        return f"row {order.row(place):,}"
    return time_text(int(order.times[place]))
