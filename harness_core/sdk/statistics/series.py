"""Series from a table: its rows in order of time (or as they stand), calendar steps, and counts and means per step.

Everything is a pure function of the rows in their order, so the same table gives the same series to the bit.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow
import pyarrow.compute
from numpy.typing import NDArray

from harness_core.sdk.contract import Column
from harness_core.sdk.dataset import Dataset, quote_name
from harness_core.sdk.statistics.ordering import stable_order

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

SECOND = 1_000_000
DAY = 86_400 * SECOND
MONDAY = 4 * DAY  # 1970-01-05 in microseconds, where weeks begin
LEAST_COVERAGE = 0.6
LEAST_TIMED = 0.5
FEWEST_PIECES, LEAST_PIECE = 3, 10


@dataclass(frozen=True)
class Step:
    """A step of the calendar: of fixed length in microseconds, or of whole months. ``seasons`` are the cycles that the calendar
    itself suggests, in steps, each with its name."""

    name: str
    interval: str
    micros: int = 0
    months: int = 0
    offset: int = 0
    seasons: tuple[tuple[int, str], ...] = ()

    def index(self, times: Integers) -> Integers:
        """The number of the step in which each time (microseconds since 1970) falls."""
        if self.micros:
            return np.asarray((times - self.offset) // self.micros, dtype=np.int64)
        months = times.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)
        return np.asarray(months // self.months, dtype=np.int64)

    def start(self, index: Integers) -> Integers:
        """Where each step begins, in microseconds since 1970."""
        if self.micros:
            return np.asarray(index * self.micros + self.offset, dtype=np.int64)
        return np.asarray((index * self.months).astype("datetime64[M]").astype("datetime64[us]").astype(np.int64))

    def sql(self, time: str) -> str:
        """The beginning of the step that the SQL expression ``time`` falls into, as DuckDB says it."""
        if self.interval in ("week", "month", "quarter", "year", "day", "hour", "minute", "second"):
            return f"date_trunc('{self.interval}', {time})"
        return f"time_bucket(INTERVAL '{self.interval}', CAST({time} AS TIMESTAMP))"


def _fixed(name: str, interval: str, seconds: int, *seasons: tuple[int, str], offset: int = 0) -> Step:
    return Step(name, interval, micros=seconds * SECOND, seasons=seasons, offset=offset)


STEPS: tuple[Step, ...] = (
    _fixed("second", "second", 1, (60, "minute")),
    _fixed("minute", "minute", 60, (60, "hour"), (1440, "day")),
    _fixed("5 minutes", "5 minutes", 300, (288, "day"), (2016, "week")),
    _fixed("10 minutes", "10 minutes", 600, (144, "day"), (1008, "week")),
    _fixed("15 minutes", "15 minutes", 900, (96, "day"), (672, "week")),
    _fixed("30 minutes", "30 minutes", 1800, (48, "day"), (336, "week")),
    _fixed("hour", "hour", 3600, (24, "day"), (168, "week")),
    _fixed("6 hours", "6 hours", 21_600, (4, "day"), (28, "week")),
    _fixed("day", "day", 86_400, (7, "week"), (365, "year")),
    _fixed("week", "week", 604_800, (52, "year"), offset=MONDAY),
    Step("month", "month", months=1, seasons=((12, "year"),)),
    Step("quarter", "quarter", months=3, seasons=((4, "year"),)),
    Step("year", "year", months=12),
)


@dataclass(frozen=True)
class Order:
    """The rows that take part, in order: by time and then as they stand, or as they stand where there is no time.

    ``times`` holds microseconds since 1970, ``rows`` the row numbers; ``rows`` is None where they are 0, 1, 2 …
    """

    column: Column | None
    times: Integers | None
    rows: Integers | None
    length: int

    def row(self, position: int) -> int:
        return int(position if self.rows is None else self.rows[position])

    def arranged(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values in row order, put into this order."""
        return values if self.rows is None else values[self.rows]

    @property
    def sql_name(self) -> str:
        """What orders the rows, in the view ``data``: a column, or for months as text the first day of each."""
        if self.column is None:
            return "row_index"
        name = view_name(self.column.name)
        return f"CAST(try_strptime(replace({name}, '/', '-'), '%Y-%m') AS DATE)" if self.column.type == "text" else name

    def literal(self, micros: int) -> str:
        """A time as a literal of the type of ``sql_name``."""
        text = time_text(micros)
        return f"DATE '{text[:10]}'" if self.column is not None and self.column.type in ("date", "text") else f"TIMESTAMP '{text}'"


def view_name(name: str) -> str:
    """A column's quoted name in the view ``data``, which keeps ``row_index`` for itself."""
    return quote_name("row_index_source" if name.lower() == "row_index" else name)


def time_text(micros: int) -> str:
    """A time as people write it: without what is nought behind the minute, and only the day at midnight."""
    text = str(np.datetime64(int(micros), "us")).replace("T", " ")
    text = text.removesuffix(".000000")
    return text.removesuffix(" 00:00:00") if text.endswith(" 00:00:00") else text


def time_columns(dataset: Dataset, profile: Sequence[Mapping[str, Any]]) -> list[Column]:
    """The columns with dates or times, the one that most likely says when a row came about first: sorted, then complete."""
    known = {entry.get("name"): entry for entry in profile}
    found = [column for column in dataset.columns if column.is_temporal]

    def rank(column: Column) -> tuple[bool, int, int]:
        entry = known.get(column.name, {})
        return (entry.get("is_sorted") is None, int(entry.get("null_count") or 0), dataset.columns.index(column))

    return sorted((column for column in found if known.get(column.name, {}).get("role") != "constant"), key=rank)


def month_columns(dataset: Dataset, profile: Sequence[Mapping[str, Any]]) -> list[Column]:
    """The columns of text that hold months such as 2024-01, by the profile, complete ones first."""
    known = {entry.get("name"): entry for entry in profile if entry.get("semantic_type") == "year_month"}
    found = [column for column in dataset.columns if column.type == "text" and column.name in known]
    return sorted(found, key=lambda column: int(known[column.name].get("null_count") or 0))


def usual_time_columns(dataset: Dataset, profile: Sequence[Mapping[str, Any]]) -> list[Column]:
    """The columns that may say when a row came about where nobody names one, likeliest first; months only where there is nothing
    finer."""
    return time_columns(dataset, profile) or month_columns(dataset, profile)


class NoCourse(Exception):
    """The rows follow one another in no order that says anything: the reason as a code and as a sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code, self.sentence = code, sentence


def rows_in_course(dataset: Dataset, profile: Sequence[Mapping[str, Any]], time_column: str = "") -> Order:
    """The rows by ``time_column``, or by the likeliest time column, or as they stand; raises :class:`NoCourse`.

    A file without time that is sorted by a column with repeated values, or in which each of several values of a category stands in
    one piece, is grouped: what changes from row to row is that column.
    """
    columns = usual_time_columns(dataset, profile)
    if time_column:
        columns = [*time_columns(dataset, profile), *month_columns(dataset, profile)]
        columns = [column for column in columns if column.name == time_column]
        if not columns:
            raise NoCourse("no_time_column", f'There is no date or time column "{time_column}".')
    if columns:
        order = rows_in_time(dataset, columns[0])
        if order.times is not None and order.length > LEAST_TIMED * dataset.row_count and order.times[0] < order.times[-1]:
            return order
    for entry in profile:
        few = 2 <= int(entry.get("distinct_count") or 0) <= dataset.row_count / 2
        if entry.get("is_sorted") is not None and few and entry.get("role") != "constant":
            sentence = f'The rows are sorted by "{entry["name"]}" and there is no time, so their order is no course of events.'
            raise NoCourse("rows_are_grouped", sentence)
    for entry in profile:
        if entry.get("role") == "category" and entry.get("type") == "text" and _stands_in_pieces(dataset, entry):
            sentence = f'The rows stand together by "{entry["name"]}" and there is no time, so their order is no course of events.'
            raise NoCourse("rows_are_grouped", sentence)
    return rows_as_they_stand(dataset)


def _stands_in_pieces(dataset: Dataset, entry: Mapping[str, Any]) -> bool:
    """Whether three values or more of a category have ten rows each on average, and every value stands in one piece."""
    distinct = int(entry.get("distinct_count") or 0)
    if not FEWEST_PIECES <= distinct <= dataset.row_count / LEAST_PIECE:
        return False
    name = view_name(str(entry["name"]))
    pieces = (
        f"SELECT count(*) AS n, max(row_index) - min(row_index) + 1 AS reach FROM data WHERE {name} IS NOT NULL GROUP BY {name}"
    )
    return bool(dataset.sql(f"SELECT bool_and(reach = n) FROM ({pieces})").scalar())


def finite_sql(column: Column) -> str:
    """A numeric column of ``data`` as a double, NULL where it is missing or no finite number."""
    name = view_name(column.name)
    return f"CASE WHEN isfinite({name}) THEN CAST({name} AS DOUBLE) END" if column.type == "float" else f"CAST({name} AS DOUBLE)"


def rows_as_they_stand(dataset: Dataset) -> Order:
    return Order(None, None, None, dataset.row_count)


def rows_in_time(dataset: Dataset, column: Column) -> Order:
    """The rows that have a time in ``column``, by that time; rows of the same time stay in their order.

    Where the place of each row in that order was derived before, nothing is parsed or sorted again.
    """
    places = dataset.derived.numpy(place_name(column))
    if places is not None:
        return _in_places(column, places, _moments(dataset, column)[0])
    return _in_time(column, *_moments(dataset, column))


def _in_time(column: Column, times: Integers, missing: NDArray[np.bool_]) -> Order:
    if not missing.any() and bool((np.diff(times) >= 0).all()):
        return Order(column, times, None, len(times))
    rows = np.flatnonzero(~missing)
    rows = rows[stable_order(times[rows])]
    return Order(column, times[rows], rows, len(rows))


def _moments(dataset: Dataset, column: Column) -> tuple[Integers, NDArray[np.bool_]]:
    """The times of all rows in microseconds since 1970, 0 where there is none, and where there is none."""
    stamps = dataset.derived.arrow(moment_name(column))
    if stamps is None:
        parts = [pyarrow.compute.cast(_stamps(batch.column(0)), pyarrow.int64()) for batch in dataset.iter_batches([column.name])]
        stamps = pyarrow.chunked_array(parts, pyarrow.int64())
    missing = np.asarray(stamps.is_null().to_numpy(), dtype=bool)
    return np.asarray(pyarrow.compute.fill_null(stamps, 0).to_numpy(), dtype=np.int64), missing


def place_name(column: Column) -> str:
    """The derived column with the place of each row, from 0, in the order by ``column``; nothing where it has no time."""
    return f'place by "{column.name}"'


def moment_name(column: Column) -> str:
    """The derived column with the time of each row in microseconds since 1970, where the source has it as text."""
    return f'moment of "{column.name}"'


def time_places(dataset: Dataset, column: Column) -> dict[str, Any]:
    """What :func:`rows_in_time` finds, as columns to be derived; nothing where it would be found as fast again: in sorted rows."""
    moments, missing = _moments(dataset, column)
    order = _in_time(column, moments, missing)
    found: dict[str, Any] = {}
    if order.rows is not None and not bool((np.diff(order.rows) > 0).all()):
        places = np.full(dataset.row_count, -1, dtype=np.int32)
        places[order.rows] = np.arange(order.length, dtype=np.int32)
        found[place_name(column)] = pyarrow.array(places, mask=places < 0)
    if column.type == "text":
        found[moment_name(column)] = pyarrow.array(moments, mask=missing)
    return found


def _in_places(column: Column, places: NDArray[Any], times: Integers) -> Order:
    timed = np.flatnonzero(places >= 0)
    ordered, at = np.empty((2, len(timed)), dtype=np.int64), places[timed].astype(np.int64)
    ordered[0, at], ordered[1, at] = timed, times[timed]
    return Order(column, ordered[1], ordered[0], len(timed))


def _stamps(array: pyarrow.Array) -> pyarrow.Array:
    """Times to the microsecond; of months as text their first moment, and none for any other text. Each text is parsed once."""
    if not pyarrow.types.is_dictionary(array.type):
        if not pyarrow.types.is_string(array.type) and not pyarrow.types.is_large_string(array.type):
            return pyarrow.compute.cast(array, pyarrow.timestamp("us"), safe=False)
        array = array.dictionary_encode()
    plain = pyarrow.compute.binary_join_element_wise(pyarrow.compute.replace_substring(array.dictionary, "/", "-"), "01", "-")
    return pyarrow.compute.strptime(plain, "%Y-%m-%d", "us", error_is_null=True).take(array.indices)


def numbers(dataset: Dataset, names: Sequence[str]) -> Iterator[tuple[str, Floats]]:
    """The named numeric columns one after the other, in row order, as doubles; NaN where there is no finite number."""
    together = max(1, 4_000_000 // max(1, dataset.row_count))
    for start in range(0, len(names), together):
        group = list(names[start : start + together])
        found, at = [np.empty(dataset.row_count) for _ in group], 0
        for batch in dataset.iter_batches(group):
            for values, name in zip(found, group, strict=True):
                values[at : at + len(batch)] = _floats(batch.column(name))
            at += len(batch)
        for name in group:
            values = found.pop(0)
            values[~np.isfinite(values)] = np.nan
            yield name, values


def as_floats(array: pyarrow.Array) -> Floats:
    """An Arrow array of any numeric type as doubles of its own; nulls become NaN."""
    return np.array(_floats(array), dtype=np.float64)


def _floats(array: pyarrow.Array) -> Floats:
    """As :func:`as_floats`, where it may be the Arrow array's own memory."""
    if array.type != pyarrow.float64():
        array = pyarrow.compute.cast(array, pyarrow.float64(), safe=False)
    return np.asarray(array.to_numpy(zero_copy_only=False))


def codes(dataset: Dataset, name: str, values: Sequence[Any]) -> Integers:
    """The position in ``values`` of each row's value of a column, in row order; -1 where it is none of them, or missing."""
    parts = []
    for batch in dataset.iter_batches([name], dictionaries=True):
        array = batch.column(0)
        plain = array.dictionary if pyarrow.types.is_dictionary(array.type) else array
        wanted = pyarrow.array(list(values), type=plain.type)
        found = pyarrow.compute.fill_null(pyarrow.compute.index_in(plain, value_set=wanted, skip_nulls=True), -1)
        if plain is not array:
            found = pyarrow.compute.fill_null(found.take(array.indices), -1)
        parts.append(np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.int64))
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)


def measures(dataset: Dataset, profile: Sequence[Mapping[str, Any]]) -> list[Column]:
    """The numeric columns that measure something: by their role, and not a counter that rises or falls from row to row."""
    known = {entry.get("name"): entry for entry in profile}

    def measured(column: Column) -> bool:
        entry = known.get(column.name, {})
        counter = entry.get("is_sorted") is not None and bool(entry.get("is_unique")) and _is_even(entry)
        return entry.get("role", "measure") == "measure" and not counter

    return [column for column in dataset.numeric_columns if measured(column)]


def _is_even(entry: Mapping[str, Any]) -> bool:
    """Whether sorted values are as evenly spread as a counter's: their quantiles lie on a line."""
    quantiles = entry.get("quantiles")
    spread = [entry.get("min"), *(quantiles or {}).values(), entry.get("max")] if isinstance(quantiles, Mapping) else []
    if len(spread) < 3 or not all(isinstance(value, int | float) for value in spread):
        return True
    low, high, middle = float(entry["min"]), float(entry["max"]), float(np.median(np.asarray(spread, dtype=np.float64)))
    return high > low and abs((middle - low) / (high - low) - 0.5) < 0.05


def choose_step(times: Integers, max_steps: int, least_rows: float = 0.0, coverage: float = LEAST_COVERAGE) -> Step | None:
    """The finest step of which the span holds at most ``max_steps``, at least the share ``coverage`` of them with rows, and
    ``least_rows`` rows each on average; None where no step will do. ``times`` ascend; no step is finer than they are themselves."""
    if not len(times):
        return None
    resolution = math.gcd(int(np.gcd.reduce(times)), DAY)
    for step in STEPS:
        if 0 < step.micros < resolution:
            continue
        first, last = (int(step.index(times[[end]])[0]) for end in (0, -1))
        total = last - first + 1
        if total > max_steps:
            continue
        if total < 2:
            return None
        occupied = 1 + int(np.count_nonzero(np.diff(step.index(times))))
        if occupied >= coverage * total and len(times) >= least_rows * total:
            return step
    return None


@dataclass(frozen=True)
class Grid:
    """Consecutive steps without a gap: step ``k`` holds the positions ``edges[k]`` to ``edges[k + 1]`` of the order."""

    step: Step
    first: int
    edges: Integers

    @classmethod
    def of(cls, times: Integers, step: Step) -> "Grid":
        index = step.index(times)
        first, last = int(index[0]), int(index[-1])
        return cls(step, first, np.searchsorted(index, np.arange(first, last + 2)).astype(np.int64))

    def __len__(self) -> int:
        return len(self.edges) - 1

    @property
    def counts(self) -> Integers:
        """Rows per step."""
        return np.diff(self.edges)

    @property
    def starts(self) -> Integers:
        """The beginning of each step, in microseconds since 1970."""
        return self.step.start(self.first + np.arange(len(self)))

    def label(self, k: int) -> str:
        return time_text(int(self.step.start(np.array([self.first + k]))[0]))
