"""Which times of a row follow one another, which are only reckoned from another, and the durations between them."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from duration_ranks import Ranked
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
FIRST_PART = 0.03  # of the rows: three times what may differ
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
class Usual:
    """How long it takes over all rows that have both times in their order, in seconds."""

    rows: int
    median_s: float
    ninth_decile_s: float
    longest_s: float

    @classmethod
    def of(cls, ranked: Ranked) -> "Usual":
        rows = len(ranked.place)
        low, high = (ranked.at(position) / SECOND for position in ((rows - 1) // 2, rows // 2))
        return cls(rows, low + (high - low) / 2, ranked.at(-(-9 * rows // 10) - 1) / SECOND, ranked.at(rows - 1) / SECOND)


@dataclass(frozen=True)
class Durations:
    """The rows with both times by their first: when, which row, how long (in microseconds); and those that are still open.

    ``until`` is the last moment at which a row can have begun for its end to be known by now; None where no row lacks its end.
    ``waiting`` are the rows begun by then without an end. ``usual`` is of all rows, also those begun later.
    """

    pair: Pair
    begun: Integers
    rows: NDArray[np.int32]
    taken: Integers
    ranked: Ranked
    usual: Usual
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
    begun, taken = _times(dataset, pair)
    known = (begun != NONE) & (taken != NONE) & (taken >= begun)
    lacking = np.flatnonzero((begun != NONE) & (taken == NONE))
    last_end, lacking_begun = int(taken.max(where=known, initial=NONE)), begun[lacking]
    taken -= begun  # until here it held the second time
    rows = np.flatnonzero(known).astype(np.int32)
    if len(rows) < len(known):
        begun, taken = begun[rows], taken[rows]
    if not (begun[1:] >= begun[:-1]).all():
        order = stable_order(begun)
        rows, begun, taken = rows[order], begun[order], taken[order]
        del order
    ranked = Ranked.of(taken)
    usual = Usual.of(ranked)
    if not len(lacking):
        return Durations(pair, begun, rows, taken, ranked, usual, None, lacking, is_open=False)
    until = last_end - ranked.at(max(0, math.ceil(NEARLY_ALL * len(rows)) - 1))
    waiting = lacking[lacking_begun <= until]
    kept = int(np.searchsorted(begun, until, side="right"))
    recent, recent_open = len(rows) - kept + len(lacking) - len(waiting), len(lacking) - len(waiting)
    share = len(waiting) / max(1, kept + len(waiting))
    is_open = recent >= LEAST_RECENT and recent_open >= max(OPEN_AT_LEAST, OPEN_TIMES * share) * recent
    early = slice(0, kept)
    if kept:
        ranked = Ranked.of(taken[early])
    return Durations(pair, begun[early], rows[early], taken[early], ranked, usual, until, waiting, is_open)


def _times(dataset: Dataset, pair: Pair) -> tuple[Integers, Integers]:
    """Both times of all rows in microseconds, ``NONE`` where there is none."""
    one, other = view_name(pair.first.name), view_name(pair.last.name)
    query = (
        f"SELECT CASE WHEN isfinite({one}) THEN epoch_us({one}) ELSE {NONE} END AS s, "
        f"CASE WHEN isfinite({other}) THEN epoch_us({other}) ELSE {NONE} END AS e FROM data"
    )
    found, at = np.empty((2, dataset.row_count), dtype=np.int64), 0
    for batch in dataset.sql(query).to_arrow_reader():
        for place in (0, 1):
            found[place, at : at + len(batch)] = batch.column(place).to_numpy(zero_copy_only=False)
        at += len(batch)
    return found[0], found[1]


def held_by(dataset: Dataset, pair: Pair, columns: Sequence[Column]) -> str | None:
    """The numeric column that holds the duration already, in days or hours: what is said of it need not be said twice.

    Where the first rows alone differ more often than one row in a hundred of all may, the others need not be read.
    """
    days, hours = (f"round({pair.seconds} / {length})" for length in (86_400, 3_600))
    held = {column.name: f"round(CAST({view_name(column.name)} AS DOUBLE)) IN ({days}, {hours})" for column in columns}
    enough, most = math.ceil(FIRST_PART * dataset.row_count), (1 - NEARLY_ALL) * pair.rows
    for rows in (f"(SELECT * FROM data LIMIT {enough})", "data"):
        if not held:
            return None
        counts = [f"count(*) FILTER (WHERE {text}), count(*) FILTER (WHERE NOT {text})" for text in held.values()]
        counted = dataset.sql(f"SELECT {', '.join(counts)} FROM {rows} WHERE {pair.both}").fetchall()[0]
        shares = dict(zip(held, zip(counted[::2], counted[1::2], strict=True), strict=True))
        held = {name: text for name, text in held.items() if shares[name][1] <= most}
    found = [name for name in held if shares[name][0] and shares[name][0] >= NEARLY_ALL * sum(shares[name])]
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
