"""What is followed from day to day: the number of rows, the measures, and the durations that the table holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness_core.sdk import Column, Dataset
from harness_core.sdk.statistics.events import Roles
from harness_core.sdk.statistics.series import measures, view_name

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

IN_ORDER = 0.99
MOST_PAIRS = 4
SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class Quantity:
    """A quantity: its name in a sentence, its columns, ``sql`` (a value per row; empty for the number of rows) and whether it is a
    duration in seconds."""

    name: str
    columns: tuple[str, ...]
    sql: str
    is_duration: bool = False

    @property
    def is_volume(self) -> bool:
        return not self.sql


VOLUME = Quantity("the number of rows a day", (), "")


def facts_sql(time: Column, quantity: Quantity) -> str:
    """A common table expression ``facts`` (d, v): the day of each row and its value."""
    name = view_name(time.name)
    value = quantity.sql or "1"
    finite = "" if quantity.is_volume else " AND isfinite(v)"
    return (
        f"WITH facts AS (SELECT d, v FROM (SELECT CAST({name} AS DATE) AS d, CAST({value} AS DOUBLE) AS v FROM data "
        f"WHERE {name} IS NOT NULL) WHERE v IS NOT NULL{finite})"
    )


def quantities(
    dataset: Dataset, profile: Sequence[Mapping[str, Any]], roles: Roles, time: Column, most: int
) -> tuple[list[Quantity], list[str]]:
    """The quantities, durations first, and the names of the measures left out."""
    found = [*_durations(dataset, roles, time)]
    columns = measures(dataset, profile)
    found += [Quantity(f'"{column.name}"', (column.name,), view_name(column.name)) for column in columns[:most]]
    return [VOLUME, *found], [column.name for column in columns[most:]]


def _durations(dataset: Dataset, roles: Roles, time: Column) -> list[Quantity]:
    """From the roles of an event log: waiting, work, time to the next event; otherwise from one time column to another."""
    if roles.started and roles.ended:
        pairs = [(roles.queued, roles.started), (roles.started, roles.ended)]
        return [_between(first, last) for first, last in pairs if first and last]
    if roles.case and roles.time == time.name:
        return [_to_next(roles)]
    later = [column for column in dataset.columns if column.is_temporal and column.name != time.name]
    return [_between(time.name, column.name) for column in later[:MOST_PAIRS] if _follows(dataset, time, column)]


def _between(first: str, last: str) -> Quantity:
    sql = f"(epoch_us({view_name(last)}) - epoch_us({view_name(first)})) / 1e6"
    return Quantity(f'the time from "{first}" to "{last}"', (first, last), sql, True)


def _to_next(roles: Roles) -> Quantity:
    case, _, time = roles.sequence
    window = f"(PARTITION BY {view_name(case)} ORDER BY {view_name(time)}, row_index)"
    sql = f"(epoch_us(lead({view_name(time)}) OVER {window}) - epoch_us({view_name(time)})) / 1e6"
    return Quantity(f'the time to the next event of the same "{case}"', (case,), sql, True)


def _follows(dataset: Dataset, first: Column, last: Column) -> bool:
    """Whether the second time is hardly ever before the first, and now and then after it."""
    one, other = view_name(first.name), view_name(last.name)
    both, ordered, later = dataset.sql(
        f"SELECT count(*), count(*) FILTER (WHERE {other} >= {one}), count(*) FILTER (WHERE {other} > {one}) FROM data "
        f"WHERE {one} IS NOT NULL AND {other} IS NOT NULL"
    ).fetchall()[0]
    return bool(both and ordered >= IN_ORDER * both and later > 0)


def day_counts(dataset: Dataset, time: Column) -> dict[int, int]:
    """Rows per day since 1970."""
    name = view_name(time.name)
    rows = dataset.sql(
        f"SELECT CAST({name} AS DATE) - DATE '1970-01-01' AS day, count(*) FROM data WHERE {name} IS NOT NULL GROUP BY 1 ORDER BY 1"
    ).fetchall()
    return {int(day): int(count) for day, count in rows}


@dataclass(frozen=True)
class Daily:
    """All values of a quantity with the place of their day in the calendar, and the median of each day (NaN without values)."""

    day: Integers
    values: Floats
    medians: Floats


def daily(dataset: Dataset, time: Column, quantity: Quantity, days: Integers) -> Daily:
    """The rows of the days given; ``days`` ascend."""
    reader = dataset.sql(f"{facts_sql(time, quantity)} SELECT d - DATE '1970-01-01' AS day, v FROM facts").to_arrow_reader()
    stamps, values = [], []
    for batch in reader:
        stamps.append(np.asarray(batch.column(0).to_numpy(zero_copy_only=False), dtype=np.int64))
        values.append(np.asarray(batch.column(1).to_numpy(zero_copy_only=False), dtype=np.float64))
    stamp = np.concatenate(stamps) if stamps else np.empty(0, dtype=np.int64)
    value = np.concatenate(values) if values else np.empty(0)
    place = np.searchsorted(days, stamp)
    inside = (place < len(days)) & (days[np.clip(place, 0, len(days) - 1)] == stamp)
    place, value = place[inside], value[inside]
    order = np.lexsort((value, place))
    place, value = place[order], value[order]
    return Daily(place, value, _medians(place, value, len(days)))


def _medians(place: Integers, value: Floats, size: int) -> Floats:
    counts = np.bincount(place, minlength=size)
    starts = np.cumsum(counts) - counts
    filled = np.flatnonzero(counts)
    found = np.full(size, np.nan)
    low, high = value[starts[filled] + (counts[filled] - 1) // 2], value[starts[filled] + counts[filled] // 2]
    found[filled] = low / 2 + high / 2
    return found
