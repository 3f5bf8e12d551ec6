"""Events of cases, in the one order that every process analysis uses: by case, then time, then row.

Cases are numbered by their first row, activities by the order of their names, times are microseconds since 1970; all of it is a
pure function of the rows, so counts and sums are exact whole numbers and the same on any machine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow
import pyarrow.compute
from numpy.typing import NDArray

from harness_core.sdk.dataset import Dataset, quote_text
from harness_core.sdk.statistics.series import codes, view_name

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MICROSECONDS = 1_000_000
UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))
MISSING_TIME = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Roles:
    """Which column plays which part. ``time`` orders the events of a case; ``start_mark`` and ``end_mark`` are the values of
    ``lifecycle`` in the rows that begin and end an activity."""

    case: str | None = None
    activity: str | None = None
    time: str | None = None
    queued: str | None = None
    started: str | None = None
    ended: str | None = None
    resource: str | None = None
    lifecycle: str | None = None
    start_mark: str | None = None
    end_mark: str | None = None

    @classmethod
    def of(cls, metrics: Mapping[str, Any]) -> "Roles":
        """From the metrics of the event-log profile; every role is empty where there are none."""
        given = metrics.get("roles") or {}
        return cls(**{name: given[name] for name in cls.__dataclass_fields__ if given.get(name) is not None})

    @property
    def sequence(self) -> tuple[str, str, str]:
        """The columns of case, activity and time; raises LookupError where one of them is not known."""
        if self.case is None or self.activity is None or self.time is None:
            raise LookupError("a sequence of events needs the columns of case, activity and time")
        return self.case, self.activity, self.time

    @property
    def has_intervals(self) -> bool:
        """Whether an event says both when work began and when it ended."""
        return bool((self.started and self.ended) or (self.lifecycle and self.time))


@dataclass(frozen=True)
class OrderedEvents:
    """All events that have a case, an activity and a time, in order.

    ``offsets`` (cases + 1) says where each case begins; ``activity``, ``times`` and ``rows`` (events) run in order; ``left_out``
    counts the rows without one of the three.
    """

    offsets: Integers
    activity: Integers
    times: Integers
    rows: Integers
    names: tuple[str, ...]
    left_out: int

    @property
    def cases(self) -> int:
        return len(self.offsets) - 1

    @property
    def case_of(self) -> Integers:
        """The number of the case of each event."""
        return np.repeat(np.arange(self.cases), np.diff(self.offsets))

    @property
    def durations(self) -> Integers:
        """Microseconds from the first to the last event of each case."""
        return np.asarray(self.times[self.offsets[1:] - 1] - self.times[self.offsets[:-1]])

    def followed(self) -> Integers:
        """The positions of events that have a next event in their case."""
        last = np.zeros(len(self.rows), dtype=bool)
        last[self.offsets[1:] - 1] = True
        return np.flatnonzero(~last)


def micros(dataset: Dataset, name: str) -> Integers:
    """A column of dates or times in row order, as microseconds since 1970; ``MISSING_TIME`` where there is none."""
    parts = []
    for batch in dataset.iter_batches([name]):
        stamps = pyarrow.compute.cast(batch.column(0), pyarrow.timestamp("us"), safe=False)
        whole = pyarrow.compute.cast(stamps, pyarrow.int64())
        parts.append(np.asarray(pyarrow.compute.fill_null(whole, int(MISSING_TIME)).to_numpy(zero_copy_only=False), dtype=np.int64))
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)


def levels(dataset: Dataset, name: str) -> list[Any]:
    """The different values of a column, in ascending order."""
    column = view_name(name)
    return [row[0] for row in dataset.sql(f"SELECT DISTINCT {column} FROM data WHERE {column} IS NOT NULL ORDER BY 1").fetchall()]


def group_codes(dataset: Dataset, name: str) -> Integers:
    """A number for each different value of a column, in row order, counted by first appearance; -1 where it is missing.

    Made for columns with millions of values: the engine groups them, and only numbers come back.
    """
    column = view_name(name)
    reader = dataset.sql(
        f"WITH firsts AS (SELECT {column} AS value, min(row_index) AS first FROM data WHERE {column} IS NOT NULL GROUP BY 1), "
        "numbered AS (SELECT value, row_number() OVER (ORDER BY first) - 1 AS code FROM firsts) "
        f"SELECT row_index, code FROM data JOIN numbered ON {column} = value"
    ).to_arrow_reader()
    found = np.full(dataset.row_count, -1, dtype=np.int64)
    for batch in reader:
        found[batch.column(0).to_numpy()] = batch.column(1).to_numpy()
    return found


def ordered_events(dataset: Dataset, roles: Roles, *, only_ends: bool = False) -> OrderedEvents:
    """The events in order. ``only_ends`` leaves out the rows that merely mark the start of an activity."""
    by_case, by_activity, by_time = roles.sequence
    names = levels(dataset, by_activity)
    activity = codes(dataset, by_activity, names)
    case, times = group_codes(dataset, by_case), micros(dataset, by_time)
    usable = (case >= 0) & (activity >= 0) & (times != MISSING_TIME)
    if only_ends and roles.lifecycle and roles.start_mark is not None:
        usable &= codes(dataset, roles.lifecycle, [roles.start_mark]) != 0
    rows = np.flatnonzero(usable)
    rows = rows[np.lexsort((times[rows], case[rows]))]
    ordered = case[rows]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1]))) if len(rows) else np.empty(0, dtype=np.int64)
    offsets = np.concatenate((starts, [len(rows)])).astype(np.int64)
    labels = tuple(str(name) for name in names)
    return OrderedEvents(offsets, activity[rows], times[rows], rows, labels, dataset.row_count - len(rows))


def usable_sql(roles: Roles, *, only_ends: bool = False) -> str:
    """The condition, as SQL, that a row is an event."""
    wanted = [f"{view_name(name)} IS NOT NULL" for name in (roles.case, roles.activity, roles.time) if name]
    if only_ends and roles.lifecycle and roles.start_mark is not None:
        wanted.append(f"CAST({view_name(roles.lifecycle)} AS VARCHAR) IS DISTINCT FROM {quote_text(roles.start_mark)}")
    return " AND ".join(wanted)


def events_sql(roles: Roles, *, only_ends: bool = False) -> str:
    """A common table expression ``events`` (c, a, t in microseconds, row_index) and ``w``, its window in order."""
    case, activity, time = roles.sequence
    return (
        f"WITH events AS (SELECT {view_name(case)} AS c, CAST({view_name(activity)} AS VARCHAR) AS a, "
        f"epoch_us({view_name(time)}) AS t, row_index FROM data "
        f"WHERE {usable_sql(roles, only_ends=only_ends)})"
    )


WINDOW = "WINDOW w AS (PARTITION BY c ORDER BY t, row_index)"


def span(seconds: float) -> str:
    """A duration as people say it: in the unit that leaves a readable number."""
    size = abs(seconds)
    for unit, length in UNITS:
        if size >= 2 * length or unit == "second":
            value = seconds / length
            text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
            return f"{text} {unit}{'' if text == '1' else 's'}"
    raise AssertionError("the last unit takes everything")


def unit_of(seconds: float) -> tuple[str, int]:
    """The unit for a figure whose typical value is ``seconds``: (its plural, its length in seconds)."""
    name, length = next((unit for unit in UNITS if abs(seconds) >= 2 * unit[1]), UNITS[-1])
    return f"{name}s", length


def path(activities: Sequence[str], longest: int = 12) -> str:
    """A sequence of activities in one line, the middle left out where it is long."""
    if len(activities) <= longest:
        return " → ".join(activities)
    return " → ".join([*activities[: longest - 3], f"… {len(activities) - longest + 1} more …", *activities[-2:]])
