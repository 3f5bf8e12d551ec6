"""Dates that follow one another, such as an order and its shipment, and the rows where they stand the wrong way round.

Looked for on sampled rows, where chance would put them the wrong way round often; then counted on all rows. An order is only
called a rule where it ends abruptly: two events that merely tend to follow each other overlap smoothly.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from identity_forms import Floats
from quality_sample import numbers
from quality_sentinels import DATES
from quality_table import Field, Table, counted, named, percent

from harness_core.sdk import Finding

SAMPLE_ROWS = 4_000
CHECKED_COLUMNS = 12
BY_CHANCE = 0.05  # a random pairing of the dates must be wrong in so many rows before their order says anything
BEYOND_CHANCE = 0.1  # and at most so much of that may be left
CLOSE_ROWS = 20  # rows next to the limit, per row beyond it, that show how dense the gaps are there
ABRUPT = 100  # so many times rarer must the gaps be just beyond the limit
DAY_S = 86_400
SPANS = ((DAY_S, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


@dataclass(frozen=True)
class Order:
    """``later`` is never before ``earlier`` in all but ``broken`` of ``rows`` rows that have both.

    There it is before it by ``low_s`` to ``high_s`` seconds.
    """

    earlier: Field
    later: Field
    rows: int
    broken: int
    low_s: float
    high_s: float

    @property
    def names(self) -> tuple[str, str]:
        return self.earlier.name, self.later.name


def chronology(table: Table) -> Iterator[Finding]:
    """A finding for each pair of dates that keeps its order but in few rows; what follows from two others is not told."""
    columns = [
        column for column in table.varied() if column.view.column.is_temporal and column.count >= table.settings["min_rows"] * 2
    ]
    if len(columns) > CHECKED_COLUMNS:
        table.left_out["order_columns"] = len(columns) - CHECKED_COLUMNS
    columns = columns[:CHECKED_COLUMNS]
    if len(columns) < 2:
        return
    moments = numbers(table, [f"CASE WHEN isfinite({column.sql}) THEN epoch({column.sql}) END" for column in columns], SAMPLE_ROWS)
    moments = moments[:, np.random.Generator(np.random.PCG64(7)).permutation(moments.shape[1])]
    found: list[Order] = []
    for one, other in permutations(range(len(columns)), 2):
        earlier, later = columns[one], columns[other]
        gaps, by_chance = _gaps(moments[one], moments[other], _is_by_day(earlier, later))
        if _are_comparable(earlier, later) and _is_likely(table, gaps, by_chance):
            found.extend(_counted(table, earlier, later, np.sort(gaps[gaps >= 0])))
    yield from (_finding(table, item) for item in found if item.broken and not _follows(item, found))


def _gaps(first: Floats, second: Floats, is_by_day: bool) -> tuple[Floats, Floats]:
    """Seconds from the first to the second, in the rows that have both, and what they would be in rows put together at random."""
    known = np.isfinite(first) & np.isfinite(second)
    first, second = first[known], second[known]
    if is_by_day:
        first, second = np.floor(first / DAY_S) * DAY_S, np.floor(second / DAY_S) * DAY_S
    return second - first, second - np.roll(first, 1)


def _is_likely(table: Table, gaps: Floats, by_chance: Floats) -> bool:
    if len(gaps) < table.settings["min_rows"]:
        return False
    wrong, expected = float(np.mean(gaps < 0)), float(np.mean(by_chance < 0))
    return expected >= BY_CHANCE and wrong <= min(BEYOND_CHANCE * expected, 2 * table.settings["chronology_max_violations"])


def _are_comparable(earlier: Field, later: Field) -> bool:
    """Moments with and without a time zone are not: which day it is depends on the zone."""
    zones = ["TIME ZONE" in column.view.storage for column in (earlier, later)]
    return not any(zones) or earlier.view.storage == later.view.storage


def _is_by_day(earlier: Field, later: Field) -> bool:
    """A date beside a moment is compared by the day: a parcel of that date may have left in the evening."""
    return earlier.view.storage != later.view.storage


def _in_sql(earlier: Field, later: Field) -> tuple[str, str, str]:
    """SQL for the two moments, and for the rows in which both are known and no stand-in for a missing date."""
    moments = [f"CAST({column.sql} AS DATE)" if _is_by_day(earlier, later) else column.sql for column in (earlier, later)]
    known = [f"isfinite({column.sql})" for column in (earlier, later)]
    for column in (earlier, later):
        technical = sorted({str(column.facts.get(end))[:10] for end in ("min", "max")} & DATES)
        known += [f"CAST({column.sql} AS DATE) <> DATE '{day}'" for day in technical]
    return moments[0], moments[1], " AND ".join(known)


def _counted(table: Table, earlier: Field, later: Field, gaps: Floats) -> Iterator[Order]:
    """The order as counted on all rows, if it is a rule; ``gaps`` are the right ones of the sample, ascending."""
    first, second, known = _in_sql(earlier, later)
    rows, broken = table.counts(_counting(earlier, later))
    if not rows or broken > table.settings["chronology_max_violations"] * rows:
        return
    if not broken:
        yield Order(earlier, later, rows, 0, 0.0, 0.0)
        return
    reach = float(gaps[min(len(gaps) - 1, CLOSE_ROWS * (broken + 1) * len(gaps) // rows)])
    near = (
        f"SELECT count(*) FILTER (WHERE gap < 0 AND gap >= {-reach!r}), count(*) FILTER (WHERE gap >= 0 AND gap <= {reach!r}), "
        f"min(-gap) FILTER (WHERE gap < 0), max(-gap) FILTER (WHERE gap < 0) "
        f"FROM (SELECT epoch({second}) - epoch({first}) AS gap FROM data WHERE {known})"
    )
    beyond, close, low, high = table.answer(near)[0]
    if beyond * ABRUPT <= close:
        yield Order(earlier, later, rows, broken, float(low), float(high))


def _counting(earlier: Field, later: Field) -> str:
    first, second, known = _in_sql(earlier, later)
    return f"SELECT count(*), count(*) FILTER (WHERE {second} < {first}) FROM data WHERE {known}"


def _follows(item: Order, found: Sequence[Order]) -> bool:
    """Whether a is before c because a is before b and b before c, and those are broken as often."""
    broken = {order.names: order.broken for order in found}
    middles = {later for earlier, later in broken if earlier == item.names[0]}
    return any(
        (middle, item.names[1]) in broken and item.broken <= broken[item.names[0], middle] + broken[middle, item.names[1]]
        for middle in middles
    )


def _finding(table: Table, item: Order) -> Finding:
    earlier, later = named(item.earlier.name), named(item.later.name)
    first, second, known = _in_sql(item.earlier, item.later)
    wrong = f"{second} < {first}"
    gap = f"epoch({first}) - epoch({second})"
    span = f"SELECT min({gap}), max({gap}) FROM data WHERE {known} AND {wrong}"
    return Finding(
        kind="identity",
        title=f"{later} is before {earlier} in {counted(item.broken, 'row')}",
        statement=f"{later} is on or after {earlier} in {item.rows - item.broken:,} of {item.rows:,} rows that have both; "
        f"in {counted(item.broken, 'row')} ({percent(item.broken, item.rows)}) it is before it, "
        f"by {_span(item.low_s, item.high_s)}.",
        columns=[item.earlier.name, item.later.name],
        severity="warning",
        subject="order",
        statistics={
            "n": item.rows,
            "holds": item.rows - item.broken,
            "broken": item.broken,
            "effect": {"name": "share of rows in the wrong order", "value": item.broken / item.rows},
        },
        recommendation="Look at those rows: a day, month or year was mistyped, or the two dates were exchanged.",
        evidence=[
            table.evidence(_counting(item.earlier, item.later)),
            table.evidence(span),
            table.rows(f"{known} AND {wrong}", item.later),
        ],
    )


def _span(low_s: float, high_s: float) -> str:
    """Two lengths of time in the unit that the shorter one has: "1 day", "24 to 33 days"."""
    size, unit = next((entry for entry in SPANS if low_s >= entry[0]), SPANS[-1])
    low, high = (f"{round(seconds / size, 1):,}".removesuffix(".0") for seconds in (low_s, high_s))
    return f"{low} {unit if low == '1' else unit + 's'}" if low == high else f"{low} to {high} {unit}s"
