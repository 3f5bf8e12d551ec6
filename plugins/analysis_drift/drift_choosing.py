"""What is compared with what: batches, times or halves of one table, and tables of a run that share a format."""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from drift_sides import Parts, Tables, coded, rows_of

from harness_core.sdk import Column, Dataset
from harness_core.sdk.dataset import are_alike
from harness_core.sdk.statistics.axes import literal
from harness_core.sdk.statistics.series import DAY, NoCourse, Order, rows_in_course, time_text, view_name

FEWEST_ROWS = 80
FEWEST_ON_A_SIDE = 30
YEAR = int(365.2425 * DAY)
SHORTEST_SEASON = 0.25
MOST_BATCHES = 200
_BATCH = """
batch charge datei dataset delivery extract file filename import lieferung load loaded partition period quelle release round
snapshot source split stapel upload version wave
"""
BATCH_WORDS = frozenset(_BATCH.split())
NOT_WORDS = re.compile(r"[^0-9a-zäöüß]+")
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def parts_of(dataset: Dataset, profile: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> Parts:
    """The parts of one table, by the setting, a column of batches, time, or the order of the file; raises NoCourse."""
    named, split = str(settings["part_column"]), str(settings["split"])
    if named and named not in {column.name for column in dataset.columns}:
        raise NoCourse("no_part_column", f'There is no column "{named}" to divide the table by.')
    chosen = dataset.column(named) if named else None
    if chosen is None or not chosen.is_temporal:
        for column in [chosen] if chosen is not None else _batch_columns(dataset, profile):
            found = _batches(dataset, column, split, asked=bool(named))
            if found is not None:
                return found
    order = rows_in_course(dataset, profile, named if chosen is not None else "")
    return _by_time(dataset, order, split) if order.times is not None else _by_rows(dataset)


def _batch_columns(dataset: Dataset, profile: Sequence[Mapping[str, Any]]) -> Iterator[Column]:
    known = {entry.get("name"): entry for entry in profile}
    for column in dataset.columns:
        words = {word for word in NOT_WORDS.split(CAMEL.sub(" ", column.name).lower()) if word}
        few = 2 <= int(known.get(column.name, {}).get("distinct_count") or 0) <= MOST_BATCHES
        if words & BATCH_WORDS and few and column.type in {"text", "integer", "date"}:
            yield column


def _batches(dataset: Dataset, column: Column, split: str, *, asked: bool) -> Parts | None:
    """By the values of a column, in the order in which they first appear; without a setting each must stand in one piece."""
    name = view_name(column.name)
    rows = dataset.sql(
        f"SELECT {name}, count(*), min(row_index), max(row_index) FROM data WHERE {name} IS NOT NULL GROUP BY 1 ORDER BY 3"
    ).fetchall()
    if len(rows) > MOST_BATCHES or len(rows) < 2:
        return _refused(asked, column, len(rows))
    if not asked and any(after[2] <= before[3] for before, after in itertools.pairwise(rows)):
        return None
    counts = np.array([row[1] for row in rows])
    texts = [str(row[0]) for row in rows]
    if split and split not in texts:
        raise NoCourse("no_such_part", f'"{column.name}" has no value {split} at which the later part could begin.')
    cut = texts.index(split) if split else 1 + int(np.argmin(np.abs(2 * np.cumsum(counts)[:-1] - counts.sum())))
    if cut == 0 or min(counts[:cut].sum(), counts[cut:].sum()) < FEWEST_ON_A_SIDE:
        return _refused(asked, column, len(rows))
    values = [row[0] for row in rows]
    codes = coded(dataset, column.name, values)
    sides = rows_of(np.flatnonzero(codes < cut)), rows_of(np.flatnonzero((codes >= cut) & (codes < len(values))))
    earlier, later = (_called(column.name, texts[part]) for part in (slice(None, cut), slice(cut, None)))
    one, two = (", ".join(_literal(column, value) for value in part) for part in (values[:cut], values[cut:]))
    sql = f"CASE WHEN {name} IN ({two}) THEN TRUE WHEN {name} IN ({one}) THEN FALSE END"
    return Parts(dataset, sides, sql, earlier, later, column.name, f"from {texts[cut]}")


def _refused(asked: bool, column: Column, count: int) -> Parts | None:
    """None for a column that nobody asked for; raises NoCourse for one that somebody did."""
    if asked:
        sides = f"two parts of at least {FEWEST_ON_A_SIDE} rows"
        raise NoCourse("no_parts", f'"{column.name}" does not divide the table into {sides} ({count:,} values).')
    return None


def _called(name: str, texts: Sequence[str]) -> str:
    return f'where "{name}" is {texts[0]}' if len(texts) == 1 else f'where "{name}" is {texts[0]} to {texts[-1]}'


def _literal(column: Column, value: Any) -> str:
    return f"DATE '{value}'" if column.type == "date" else literal(value)


def _by_rows(dataset: Dataset) -> Parts:
    half = dataset.row_count // 2
    rows = slice(0, half), slice(half, dataset.row_count)
    return Parts(dataset, rows, f"row_index >= {half}", f"in the first {half:,} rows", f"from row {half:,} on", None, "second half")


def _by_time(dataset: Dataset, order: Order, split: str) -> Parts:
    """Before and after a moment at which another time begins; the same seasons on both sides where the span allows it."""
    times = order.times
    assert times is not None
    begin, cut = _windows(times, split)
    if min(cut - begin, len(times) - cut) < FEWEST_ON_A_SIDE:
        raise NoCourse("too_few_rows", f'"{_name(order)}" does not divide the table into two parts of {FEWEST_ON_A_SIDE} rows.')
    end = cut if split else _end_of_first(times, begin, cut)
    axis, low, high, at = (
        order.sql_name,
        order.literal(int(times[begin])),
        order.literal(int(times[end - 1])),
        order.literal(int(times[cut])),
    )
    sql = f"CASE WHEN {axis} >= {at} THEN TRUE WHEN {axis} >= {low} AND {axis} <= {high} THEN FALSE END"
    first, last, moment = (time_text(int(times[place])) for place in (begin, end - 1, cut))
    earlier = f"before {moment}" if begin == 0 and end == cut else f"from {first} to {last}"
    parts = slice(begin, end), slice(cut, len(times))
    rows = parts if order.rows is None else (order.rows[parts[0]], order.rows[parts[1]])
    return Parts(dataset, rows, sql, earlier, f"from {moment} on", _name(order), f"from {moment}")


def _name(order: Order) -> str:
    return "" if order.column is None else order.column.name


def _windows(times: np.ndarray[Any, np.dtype[np.int64]], split: str) -> tuple[int, int]:
    """The positions at which the earlier and the later window begin."""
    if split:
        try:
            moment = int(np.datetime64(split, "us").astype(np.int64))
        except ValueError as reason:
            raise NoCourse("no_such_part", f"{split} is no time such as 2024-03-01.") from reason
        return 0, int(np.searchsorted(times, moment))
    span, last = int(times[-1] - times[0]), int(times[-1])
    years = span / YEAR
    if years >= 2:
        whole = int(years) // 2 * YEAR
        return int(np.searchsorted(times, last - 2 * whole, "right")), int(np.searchsorted(times, last - whole, "right"))
    if years >= 1 + SHORTEST_SEASON:
        return 0, int(np.searchsorted(times, times[0] + YEAR))
    half = len(times) // 2
    cut = int(np.searchsorted(times, times[half]))
    return 0, cut or int(np.searchsorted(times, times[half], "right"))


def _end_of_first(times: np.ndarray[Any, np.dtype[np.int64]], begin: int, cut: int) -> int:
    """Where the earlier window ends: between one and two years of span, as long after its beginning as the later one is long."""
    years = (int(times[-1]) - int(times[0])) / YEAR
    if begin == 0 and 1 + SHORTEST_SEASON <= years < 2 and int(times[cut]) - int(times[0]) >= YEAR:
        return int(np.searchsorted(times, int(times[-1]) - YEAR, "right"))
    return cut


def earlier_roles(datasets: Mapping[str, Dataset], earlier_inputs: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The roles of the tables that come from earlier files, each with that file's name; empty where it is that of the new one."""
    names = {entry["sha256"]: entry.get("filename", "") for entry in earlier_inputs}
    main = _main(datasets)
    found = {role: str(dataset.facts.get("input_sha256")) for role, dataset in datasets.items() if dataset is not main}
    return {role: names[sha256] for role, sha256 in found.items() if sha256 in names}


def versions_of(datasets: Mapping[str, Dataset], earlier: Mapping[str, str], most: int) -> Iterator[Tables]:
    """Each table of the new file with that of the earlier file which shares most of its columns; each earlier table once."""
    main, left = _main(datasets), list(earlier)
    for role in [role for role in datasets if role not in earlier][:most]:
        found = max(left, key=lambda other: _shared(datasets[other], datasets[role]), default=None)
        if found is None or not _alike(datasets[found], datasets[role]):
            continue
        left.remove(found)
        main.show(datasets[found], found)
        file = f'the earlier file "{earlier[found]}"' if earlier[found] else "the earlier file"
        if datasets[role] is main:
            yield Tables(datasets[found], main, (found, "data"), f"in {file}", "in this file", "earlier file")
        else:
            main.show(datasets[role], role)
            words = f'in "{found}" of {file}', f'in "{role}" of this file'
            yield Tables(datasets[found], datasets[role], (found, role), *words, f"earlier file, table {role}")


def _main(datasets: Mapping[str, Dataset]) -> Dataset:
    """The one that the run is about: the view ``data``."""
    return datasets["data"] if "data" in datasets else next(iter(datasets.values()))


def _shared(one: Dataset, two: Dataset) -> float:
    """The share of the columns of both that both have."""
    names = [{column.name for column in item.columns} for item in (one, two)]
    return len(names[0] & names[1]) / max(1, len(names[0] | names[1]))


def _alike(one: Dataset, two: Dataset) -> bool:
    return are_alike({column.name for column in one.columns}, {column.name for column in two.columns})


def tables_of(datasets: Mapping[str, Dataset], most: int) -> Iterator[Tables]:
    """Each table of the run with the one before it, where they share most of their columns."""
    main, earlier = _main(datasets), "data"
    for role in [role for role in datasets if datasets[role] is not main][:most]:
        one, two = main if earlier == "data" else datasets[earlier], datasets[role]
        main.show(two, role)
        if _alike(one, two):
            called = "the first table" if earlier == "data" else f'"{earlier}"'
            yield Tables(one, two, (earlier, role), f"in {called}", f'in "{role}"', f"table {role}")
            earlier = role
