"""Days around the ends of months, quarters and years: which day lies how far from which end, in the data and in SQL alike.

Place -1 is the last day before the end and +1 the first day after it. Where many days have no rows (weekends, holidays), only days
with rows are counted, as people count working days.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

REACH = 14
EVERY_DAY = 0.9
WHOLE = 3


@dataclass(frozen=True)
class Cycle:
    """A stretch of the calendar that is closed: its name, its length in months, and how DuckDB names it."""

    name: str
    months: int

    def index(self, days: Integers) -> Integers:
        """The number of the stretch that each day (since 1970) falls into."""
        months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
        return np.asarray(months // self.months, dtype=np.int64)

    def first_day(self, index: Integers) -> Integers:
        return np.asarray((index * self.months).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64))


CYCLES = (Cycle("month", 1), Cycle("quarter", 3), Cycle("year", 12))


@dataclass(frozen=True)
class Calendar:
    """The days looked at: ``days`` (ascending, since 1970) from the first to the last whole month, and whether every day counts or
    only those with rows."""

    days: Integers
    every_day: bool

    @property
    def unit(self) -> str:
        return "day" if self.every_day else "day with rows"

    def text(self, place: int) -> str:
        return str(self.days[place].astype("datetime64[D]"))


def calendar(counts: Mapping[int, int]) -> Calendar | None:
    """From the number of rows per day; None where less than two whole months are covered. A month is whole where rows begin by its
    third day and go on to its third last."""
    present = np.array(sorted(counts), dtype=np.int64)
    if not len(present):
        return None
    month = CYCLES[0]
    ends = present[[0, -1]]
    first, last = month.index(ends).tolist()
    if int(present[0]) > int(month.first_day(np.array([first]))[0]) + WHOLE - 1:
        first += 1
    if int(present[-1]) < int(month.first_day(np.array([last + 1]))[0]) - WHOLE:
        last -= 1
    if last - first < 1:
        return None
    start, stop = month.first_day(np.array([first, last + 1])).tolist()
    inside = present[(present >= start) & (present < stop)]
    if len(inside) >= EVERY_DAY * (stop - start):
        return Calendar(np.arange(start, stop, dtype=np.int64), True)
    return Calendar(inside, False)


@dataclass(frozen=True)
class Places:
    """For each day of a calendar the end it is nearest to (numbered from 0; -1 beyond reach of any) and its place beside it."""

    end: Integers
    place: Integers
    ends: int


def places(found: Calendar, cycle: Cycle) -> Places:
    """Ends that have whole stretches on both sides; for months, half of each month belongs to either end."""
    index = cycle.index(found.days)
    starts = np.concatenate(([True], index[1:] != index[:-1]))
    began = np.maximum.accumulate(np.where(starts, np.arange(len(index)), 0))
    sizes = np.bincount(np.cumsum(starts) - 1)
    size = sizes[np.cumsum(starts) - 1]
    up = np.arange(len(index)) - began + 1
    down = size - up + 1
    stretch = np.cumsum(starts) - 1
    reach = np.minimum(REACH if cycle.months == 1 else 3 * REACH, size // 2)
    end = np.where(up <= reach, stretch - 1, np.where(down <= reach, stretch, -1))
    place = np.where(up <= reach, up, -down)
    whole = _whole_stretches(found, cycle, index)
    inner = (end >= 0) & (end < len(sizes) - 1)
    sided = inner & whole[np.clip(end, 0, len(whole) - 1)] & whole[np.clip(end + 1, 0, len(whole) - 1)]
    kept = np.unique(end[sided])
    number = np.full(len(sizes) + 1, -1, dtype=np.int64)
    number[kept] = np.arange(len(kept))
    return Places(np.where(sided, number[end], -1), place, len(kept))


def _whole_stretches(found: Calendar, cycle: Cycle, index: Integers) -> NDArray[np.bool_]:
    """Whether each stretch has all of its months within the calendar."""
    month = CYCLES[0].index(found.days)
    values = np.unique(index)
    return np.array([len(np.unique(month[index == value])) == cycle.months for value in values])


def window_sql(found: Calendar, cycle: Cycle, low: int, high: int) -> str:
    """Common table expressions ``days`` and ``marked`` (d, inside): each day looked at, and whether it lies in the window. They
    follow an expression ``facts`` that has a column d."""
    first, last = found.text(0), found.text(-1)
    if found.every_day:
        series = f"generate_series(DATE '{first}', DATE '{last}', INTERVAL 1 DAY)"
        source = f"SELECT CAST(day AS DATE) AS d FROM {series} AS all_days(day)"
    else:
        source = f"SELECT DISTINCT d FROM facts WHERE d BETWEEN DATE '{first}' AND DATE '{last}'"
    stretch = f"date_trunc('{cycle.name}', d)"
    up = f"row_number() OVER (PARTITION BY {stretch} ORDER BY d)"
    down = f"row_number() OVER (PARTITION BY {stretch} ORDER BY d DESC)"
    sides = []
    if low < 0:
        sides.append(f"down BETWEEN {max(1, -high)} AND {-low}")
    if high > 0:
        sides.append(f"up BETWEEN {max(1, low)} AND {high}")
    inside = " OR ".join(sides)
    return f"days AS (SELECT d, {up} AS up, {down} AS down FROM ({source})), marked AS (SELECT d, {inside} AS inside FROM days)"


def window_words(found: Calendar, cycle: Cycle, low: int, high: int) -> str:
    """The window as people say it."""
    days = "days" if found.every_day else "days with rows"
    day = "day" if found.every_day else "day with rows"
    if low == high:
        side = "before the end" if low < 0 else "after the beginning"
        ordinal = {1: "last" if low < 0 else "first"}.get(abs(low))
        return f"the {ordinal} {day} of the {cycle.name}" if ordinal else f"the {_nth(abs(low))} {day} {side} of the {cycle.name}"
    if high == -1:
        return f"the last {-low} {days} of the {cycle.name}"
    if low == 1:
        return f"the first {high} {days} of the {cycle.name}"
    if low < 0 < high:
        first = f"the last {-low} {days}" if low < -1 else f"the last {day}"
        return f"{first} of the {cycle.name} and the first{f' {high}' if high > 1 else ''} of the next"
    if low > 0:
        return f"the {_nth(low)} to the {_nth(high)} {day} of the {cycle.name}"
    return f"the {_nth(-low)} to the {_nth(-high)} {day} before the end of the {cycle.name}"


def _nth(number: int) -> str:
    suffix = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"
