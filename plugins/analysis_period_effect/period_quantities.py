"""What is followed from day to day: the number of rows, the measures, and the durations that the table holds."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness_core.sdk import Column, Dataset
from harness_core.sdk.statistics.events import Roles
from harness_core.sdk.statistics.series import measures, numbers, view_name

Floats = NDArray[np.float64]
Integers = NDArray[np.signedinteger[Any]]

IN_ORDER = 0.99
MOST_PAIRS = 4
NO_DAY = -(1 << 31)


@dataclass(frozen=True)
class Quantity:
    """A quantity: its name in a sentence, its columns, ``sql`` (a value per row; empty for the number of rows) and whether it is a
    duration in seconds."""

    name: str
    columns: tuple[str, ...]
    sql: str
    is_duration: bool = False

    @property
    def is_column(self) -> bool:
        return bool(self.sql) and not self.is_duration

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


@dataclass(frozen=True)
class Days:
    """The days of a calendar, ascending since 1970, by which the values of ``time`` are told apart."""

    time: Column
    days: Integers

    @cached_property
    def _numbers(self) -> Integers:
        """The place of each day from the first to the last; -1 where it does not count."""
        found = np.full(int(self.days[-1] - self.days[0]) + 1, -1, dtype=np.int32)
        found[self.days - self.days[0]] = np.arange(len(self.days), dtype=np.int32)
        return found

    def places(self, days: Integers) -> Integers:
        """The place of each of ``days`` among those of the calendar, -1 where it is none of them."""
        past = days - self.days[0]
        return np.where((past >= 0) & (past < len(self._numbers)), self._numbers[np.clip(past, 0, len(self._numbers) - 1)], -1)

    def of_rows(self, dataset: Dataset) -> Integers:
        """The same for all rows in their order."""
        query = f"SELECT coalesce(CAST({view_name(self.time.name)} AS DATE) - DATE '1970-01-01', {NO_DAY}) AS day FROM data"
        parts = [self.places(_numpy(batch, 0)).astype(np.int32) for batch in dataset.sql(query).to_arrow_reader()]
        return np.concatenate([np.empty(0, dtype=np.int32), *parts])


def _numpy(batch: Any, place: int) -> NDArray[Any]:
    return np.asarray(batch.column(place).to_numpy(zero_copy_only=False))


def each_daily(
    dataset: Dataset, days: Days, wanted: Sequence[Quantity], counts: Mapping[int, int]
) -> Iterator[tuple[Quantity, Daily]]:
    """The quantities in their order, of which those with a column of their own come last; ``counts`` are the rows per day."""
    columns = [quantity for quantity in wanted if quantity.is_column]
    for quantity in wanted[: len(wanted) - len(columns)]:
        yield quantity, _volume(days, counts) if quantity.is_volume else _of_sql(dataset, days, quantity)
    yield from zip(columns, _of_columns(dataset, days, columns), strict=True)


def _volume(days: Days, counts: Mapping[int, int]) -> Daily:
    rows = np.array([counts.get(day, 0) for day in days.days.tolist()], dtype=np.float64)
    return Daily(np.empty(0, dtype=np.int64), np.empty(0), rows)


def _of_columns(dataset: Dataset, days: Days, wanted: Sequence[Quantity]) -> Iterator[Daily]:
    """Measures one after the other, of which each row has its own value; their days are looked up once."""
    place = days.of_rows(dataset) if wanted else np.empty(0, dtype=np.int32)
    for _, values in numbers(dataset, [quantity.columns[0] for quantity in wanted]):
        inside = (place >= 0) & np.isfinite(values)
        yield _by_day(place[inside], values[inside], len(days.days))


def _of_sql(dataset: Dataset, days: Days, quantity: Quantity) -> Daily:
    """A quantity that SQL makes, in whatever order its rows come."""
    reader = dataset.sql(f"{facts_sql(days.time, quantity)} SELECT d - DATE '1970-01-01' AS day, v FROM facts").to_arrow_reader()
    places, values = [np.empty(0, dtype=np.int64)], [np.empty(0)]
    for batch in reader:
        place = days.places(_numpy(batch, 0))
        places.append(place[place >= 0])
        values.append(_numpy(batch, 1)[place >= 0])
    return _by_day(np.concatenate(places), np.concatenate(values), len(days.days))


def _by_day(place: Integers, value: Floats, size: int) -> Daily:
    """The values of each day together, ascending; sorted day by day, which is far less work than all at once."""
    if (np.diff(place) < 0).any():
        order = np.argsort(place.astype(np.min_scalar_type(size)), kind="stable")
        place, value = place[order], value[order]
    ends = np.cumsum(np.bincount(place, minlength=size))
    for low, high in itertools.pairwise([0, *ends.tolist()]):
        value[low:high].sort()
    return Daily(place, value, _medians(place, value, size))


def _medians(place: Integers, value: Floats, size: int) -> Floats:
    counts = np.bincount(place, minlength=size)
    starts = np.cumsum(counts) - counts
    filled = np.flatnonzero(counts)
    found = np.full(size, np.nan)
    low, high = value[starts[filled] + (counts[filled] - 1) // 2], value[starts[filled] + counts[filled] // 2]
    found[filled] = low / 2 + high / 2
    return found
