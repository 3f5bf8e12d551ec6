"""Which times of a row follow one another, which are only reckoned from another, and the durations between them."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness_core.sdk import Column, Dataset
from harness_core.sdk.statistics.ordering import stable_order
from harness_core.sdk.statistics.series import view_name

Integers = NDArray[np.int64]

SECOND = 1_000_000
IN_ORDER = 0.99
REALLY_LATER = 0.01
NONE = 1 - (1 << 63)  # what DuckDB has for a time before all others, which is no time of a row
NEARLY_ALL = 0.99
SAMPLED = 100_000
OPEN_AT_LEAST, OPEN_TIMES, LEAST_RECENT = 0.3, 5, 10


@dataclass(frozen=True)
class Pair:
    """Two times of a row, of which the second is hardly ever before the first; ``rows`` have both, ``fixed_s`` is the time between
    them where it is the same in nearly all rows."""

    first: Column
    last: Column
    rows: int
    fixed_s: float | None

    @property
    def name(self) -> str:
        return f'from "{self.first.name}" to "{self.last.name}"'

    @property
    def columns(self) -> list[str]:
        return [self.first.name, self.last.name]

    @property
    def microseconds(self) -> str:
        """SQL: the duration of a row."""
        return f"epoch_us({view_name(self.last.name)}) - epoch_us({view_name(self.first.name)})"

    @property
    def seconds(self) -> str:
        return f"({self.microseconds}) / 1e6"

    @property
    def both(self) -> str:
        """SQL: the rows that have both times in their order."""
        one, other = view_name(self.first.name), view_name(self.last.name)
        return f"isfinite({one}) AND isfinite({other}) AND {other} >= {one}"


@dataclass(frozen=True)
class Chain:
    """The pairs of neighbours in time; the deadlines (reckoned from, deadline, what is to be done until then); what is left out."""

    pairs: tuple[Pair, ...]
    reckoned: tuple[Pair, ...]
    deadlines: tuple[tuple[Pair, Column], ...]


def chain(dataset: Dataset, columns: Sequence[Column], least: int) -> Chain:
    """What follows what among ``columns``, from two queries per two of them."""
    found = (_pair(dataset, one, other, least) for one, other in itertools.combinations(columns, 2))
    before = {(pair.first.name, pair.last.name): pair for pair in found if pair is not None}
    same = {pair.last.name for pair in before.values() if pair.fixed_s == 0}
    reckoned = [pair for pair in before.values() if pair.fixed_s and not same & set(pair.columns)]
    ends = {pair.last.name for pair in reckoned}
    reckoned = [pair for pair in reckoned if pair.first.name not in ends]
    left = [column for column in columns if column.name not in ends | same]
    pairs = [
        before[one.name, other.name]
        for one, other in itertools.permutations(left, 2)
        if (one.name, other.name) in before
        and not any((one.name, middle.name) in before and (middle.name, other.name) in before for middle in left)
    ]
    deadlines = [
        (pair, column)
        for pair in reckoned
        for column in left
        if (pair.first.name, column.name) in before
        and (pair.last.name, column.name) not in before
        and (column.name, pair.last.name) not in before
    ]
    return Chain(tuple(pairs), tuple(reckoned), tuple(deadlines))


def _pair(dataset: Dataset, one: Column, other: Column, least: int) -> Pair | None:
    """The two columns in their order, if they have one."""
    first, last = view_name(one.name), view_name(other.name)
    known = f"(SELECT row_index, epoch_us({last}) - epoch_us({first}) AS d FROM data WHERE isfinite({first}) AND isfinite({last}))"
    step = max(1, dataset.row_count // SAMPLED)  # a value that nearly all rows have is the middle one of any part of them
    fixed = dataset.sql(f"SELECT quantile_disc(d, 0.5) FROM {known} WHERE row_index % {step} = 0").scalar() or 0
    both, later, earlier, alike = dataset.sql(
        f"SELECT count(*), count(*) FILTER (WHERE d > 0), count(*) FILTER (WHERE d < 0), count(*) FILTER (WHERE d = {fixed}) "
        f"FROM {known}"
    ).fetchall()[0]
    if earlier > later:
        one, other, later, earlier, fixed = other, one, earlier, later, -fixed
    if both < least or both - earlier < IN_ORDER * both:
        return None
    if alike >= NEARLY_ALL * both:
        return Pair(one, other, int(both - earlier), float(fixed) / SECOND)
    return Pair(one, other, int(both - earlier), None) if later >= REALLY_LATER * both else None


@dataclass(frozen=True)
class Durations:
    """The rows with both times by their first: when, which row, how long (all in microseconds); and those that are still open.

    ``until`` is the last moment at which a row can have begun for its end to be known by now; None where no row lacks its end.
    ``waiting`` are the rows begun by then without an end.
    """

    pair: Pair
    begun: Integers
    rows: Integers
    taken: Integers
    until: int | None
    waiting: Integers
    is_open: bool

    def __len__(self) -> int:
        return len(self.begun)


def durations(dataset: Dataset, pair: Pair) -> Durations:
    """One pass over two columns.

    Where rows lack their end, the latest ones are those that took little time: rows that began less than the 99th percentile of
    all durations before the last end are left out, for they would make it look quicker than it is.
    """
    one, other = view_name(pair.first.name), view_name(pair.last.name)
    query = (
        f"SELECT CASE WHEN isfinite({one}) THEN epoch_us({one}) ELSE {NONE} END AS s, "
        f"CASE WHEN isfinite({other}) THEN epoch_us({other}) ELSE {NONE} END AS e FROM data"
    )
    begun, ended = _columns(dataset, query)
    known = np.flatnonzero((begun != NONE) & (ended != NONE) & (ended >= begun))
    known = known[stable_order(begun[known])]
    taken = ended[known] - begun[known]
    lacking = np.flatnonzero((begun != NONE) & (ended == NONE))
    if not len(lacking):
        return Durations(pair, begun[known], known, taken, None, lacking, is_open=False)
    until = int(ended[known].max() - np.quantile(taken, NEARLY_ALL, method="inverted_cdf"))
    waiting = lacking[begun[lacking] <= until]
    kept = int(np.searchsorted(begun[known], until, side="right"))
    recent, recent_open = len(known) - kept + len(lacking) - len(waiting), len(lacking) - len(waiting)
    share = len(waiting) / max(1, kept + len(waiting))
    is_open = recent >= LEAST_RECENT and recent_open >= max(OPEN_AT_LEAST, OPEN_TIMES * share) * recent
    return Durations(pair, begun[known[:kept]], known[:kept], taken[:kept], until, waiting, is_open)


def _columns(dataset: Dataset, query: str) -> tuple[Integers, Integers]:
    parts = [
        [np.asarray(batch.column(place).to_numpy(zero_copy_only=False), dtype=np.int64) for place in (0, 1)]
        for batch in dataset.sql(query).to_arrow_reader()
    ]
    none = np.empty(0, dtype=np.int64)
    return np.concatenate([none, *(part[0] for part in parts)]), np.concatenate([none, *(part[1] for part in parts)])


def held_by(dataset: Dataset, pair: Pair, columns: Sequence[Column]) -> str | None:
    """The numeric column that holds the duration already, in days or hours: what is said of it need not be said twice."""
    if not columns:
        return None
    days, hours = (f"round({pair.seconds} / {length})" for length in (86_400, 3_600))
    held = (f"avg(CAST(round(CAST({view_name(column.name)} AS DOUBLE)) IN ({days}, {hours}) AS INTEGER))" for column in columns)
    shares = dataset.sql(f"SELECT {', '.join(held)} FROM data WHERE {pair.both}").fetchall()[0]
    found = [column.name for column, share in zip(columns, shares, strict=True) if share is not None and share >= NEARLY_ALL]
    return found[0] if found else None


def categories(
    dataset: Dataset, profile: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]
) -> tuple[list[str], list[dict[str, str]]]:
    """The columns to compare by, and those left out with the reason."""
    known = {column.name for column in dataset.columns}
    named = [e for e in profile if e.get("role") in ("category", "flag") and e.get("name") in known]
    few = [str(entry["name"]) for entry in named if 2 <= int(entry.get("distinct_count") or 0) <= settings["max_levels"]]
    many = [str(entry["name"]) for entry in named if int(entry.get("distinct_count") or 0) > settings["max_levels"]]
    most = settings["max_group_columns"]
    left = [{"name": name, "reason": "beyond the limit of categories"} for name in many]
    return few[:most], left + [{"name": name, "reason": "beyond the limit of columns"} for name in few[most:]]
