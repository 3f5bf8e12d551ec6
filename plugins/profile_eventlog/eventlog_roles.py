"""The further roles, once case and activity are known: the times that begin and end the work, marks of it, the resource."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from eventlog_candidates import Slice
from eventlog_order import Integers, Sequences

from harness_core.sdk import Column, Dataset
from harness_core.sdk.statistics.series import view_name

IN_ORDER = 0.99
APART = 0.05
FOLLOWED = 0.9
MOST_MARKS = 8
LEAST_OVERLAPS = 100
EXCLUSIVE = 0.5
LAGS = 5
LEAST_ROWS_PER_RESOURCE = 5
MOST_RESOURCE_MISSING = 0.2
VARIED = 0.1
MANY_AT_ONCE = 1.5


def time_chain(dataset: Dataset, times: Sequence[Column]) -> list[Column]:
    """The longest chain of time columns each of which is never before the one in front of it (in 99 % of the rows that have both),
    and after it in at least one row of twenty; at most three of them: the first, the last but one, and the last."""
    if len(times) < 2:
        return list(times)
    names = [view_name(column.name) for column in times]
    pairs = [(i, j) for i in range(len(times)) for j in range(len(times)) if i != j]
    parts = [f"count(*) FILTER (WHERE {names[i]} <= {names[j]}), count(*) FILTER (WHERE {names[i]} < {names[j]})" for i, j in pairs]
    both = [f"count(*) FILTER (WHERE {names[i]} IS NOT NULL AND {names[j]} IS NOT NULL)" for i, j in pairs]
    found = dataset.sql(f"SELECT {', '.join(parts + both)} FROM data").fetchall()[0]
    before = set()
    for place, (i, j) in enumerate(pairs):
        within, strictly, together = found[2 * place], found[2 * place + 1], found[2 * len(pairs) + place]
        if together and within >= IN_ORDER * together and strictly >= APART * together:
            before.add((i, j))
    chain = _longest([], list(range(len(times))), before)
    kept = chain if len(chain) <= 3 else [chain[0], *chain[-2:]]
    return [times[index] for index in kept]


def _longest(chain: list[int], left: list[int], before: set[tuple[int, int]]) -> list[int]:
    best = chain
    for index in left:
        if all((earlier, index) in before for earlier in chain):
            found = _longest([*chain, index], [other for other in left if other != index], before)
            if len(found) > len(best):
                best = found
    return best


@dataclass(frozen=True)
class Marks:
    """A column whose values mark the start and the end of an activity, and the share of starts that are followed by an end."""

    column: Column
    start: str
    end: str
    share: float


def lifecycle(part: Slice, seen: Sequences, activity: Integers, columns: Sequence[Column]) -> Marks | None:
    """The first column of few values in which, within a case and activity, one value is nearly always followed by one other."""
    for column in columns:
        labels = part.labels(column)
        if column.type == "text" and 2 <= len(np.unique(labels)) <= MOST_MARKS:
            found = _marks(part, seen, activity, labels, column)
            if found is not None:
                return found
    return None


def _marks(part: Slice, seen: Sequences, activity: Integers, labels: Integers, column: Column) -> Marks | None:
    case = np.empty(len(activity), dtype=np.int64)
    case[seen.order] = np.repeat(np.arange(len(seen.offsets) - 1), np.diff(seen.offsets))
    group = case * (int(activity.max()) + 1) + activity
    order = seen.order[np.argsort(group[seen.order], kind="stable")]
    group, mark = group[order], labels[order]
    first = np.concatenate(([True], group[1:] != group[:-1]))
    size = np.bincount(np.cumsum(first) - 1)
    paired = size[np.cumsum(first) - 1] > 1
    beginnings = mark[first & paired]
    if not len(beginnings) or (mark < 0).any():
        return None
    start = int(np.bincount(beginnings).argmax())
    at = np.flatnonzero(mark[:-1] == start)
    after = np.where(group[at + 1] == group[at], mark[at + 1], -1)
    if not (after >= 0).any():
        return None
    end = int(np.bincount(after[after >= 0]).argmax())
    share = float((after == end).sum() / (mark == start).sum())
    ends_alone = float((mark == end).sum() / (mark == start).sum())
    if end == start or share < FOLLOWED or ends_alone < FOLLOWED:
        return None
    values = part.columns[column.name]
    texts = [str(values[int(np.flatnonzero(labels == code)[0])].as_py()) for code in (start, end)]
    return Marks(column, texts[0], texts[1], share)


@dataclass(frozen=True)
class Resource:
    """A column that says who did the work, and the sentence why."""

    column: Column
    reason: str


def busy_resource(labels: Sequence[tuple[Column, Integers]], start: Integers, end: Integers) -> Resource | None:
    """The column whose values do one piece of work at a time: overlapping work shares it far less often than by chance."""
    best: tuple[float, Column] | None = None
    order = np.argsort(start, kind="stable")
    start, end = start[order], end[order]
    for column, codes in labels:
        ordered = codes[order]
        shared = overlaps = 0
        for lag in range(1, LAGS + 1):
            overlap = (start[lag:] < end[:-lag]) & (end[lag:] > start[lag:]) & (ordered[lag:] >= 0) & (ordered[:-lag] >= 0)
            overlaps += int(overlap.sum())
            shared += int((overlap & (ordered[lag:] == ordered[:-lag])).sum())
        known = np.bincount(ordered[ordered >= 0])
        expected = overlaps * float(((known / max(1, known.sum())) ** 2).sum())
        if overlaps < LEAST_OVERLAPS or expected < 10 or len(known) * LEAST_ROWS_PER_RESOURCE > len(codes):
            continue
        index = shared / expected
        if index <= EXCLUSIVE and (best is None or index < best[0]):
            best = (index, column)
    if best is None:
        return None
    how = "never" if best[0] == 0 else f"{best[0]:.2f} times as often as chance would have it"
    return Resource(best[1], f"pieces of work that overlap in time share its value {how}, as if each value did one at a time")


def handing_resource(part: Slice, seen: Sequences, activity: Integers, columns: Sequence[Column]) -> Resource | None:
    """The finest column that changes within cases, serves many events, and is no mere other name of the activity."""
    best: tuple[int, Column] | None = None
    for column in columns:
        labels = part.labels(column)
        present = labels >= 0
        count = len(np.unique(labels[present]))
        if present.mean() < 1 - MOST_RESOURCE_MISSING or count < 2 or count * LEAST_ROWS_PER_RESOURCE > present.sum():
            continue
        if _determined(activity, labels) or _determined(labels, activity) or _varied(labels, seen) < VARIED:
            continue
        if best is None or count > best[0]:
            best = (count, column)
    if best is None:
        return None
    return Resource(
        best[1], f"it changes within cases, and each of its {best[0]:,} values serves many events and several activities"
    )


def _determined(given: Integers, other: Integers) -> bool:
    """Whether each value of ``given`` goes with one value of ``other``."""
    pairs = len(np.unique(given * (int(other.max()) + 2) + other))
    return pairs == len(np.unique(given))


def _varied(labels: Integers, seen: Sequences) -> float:
    """The share of cases of several events in which the value changes."""
    ordered = labels[seen.order]
    case = np.repeat(np.arange(len(seen.offsets) - 1), np.diff(seen.offsets))
    changed = np.zeros(len(seen.offsets) - 1, dtype=bool)
    changed[case[1:][seen.inside & (ordered[1:] != ordered[:-1])]] = True
    several = np.diff(seen.offsets) > 1
    return float(changed[several].mean()) if several.any() else 0.0


def varies_within_cases(values: Integers, seen: Sequences) -> bool:
    """Whether a time is one of events and not of whole cases."""
    return _varied(values, seen) >= VARIED


def at_once(resource: Integers, start: Integers, end: Integers) -> float:
    """How many pieces of work a resource has at once while it has any, on average over all resources."""
    usable = (resource >= 0) & (end > start)
    resource, start, end = resource[usable], start[usable], end[usable]
    if not len(start):
        return 0.0
    order = np.lexsort((start, resource))
    resource, start, end = resource[order], start[order], end[order]
    worked = float((end - start).sum())
    busy = 0.0
    for first, last in _groups(resource):
        reach = np.maximum.accumulate(end[first:last])
        gaps = np.maximum(start[first + 1 : last] - reach[:-1], 0)
        busy += float(reach[-1] - start[first] - gaps.sum())
    return worked / busy if busy else 0.0


def _groups(ordered: Integers) -> list[tuple[int, int]]:
    edges = np.concatenate(([0], np.flatnonzero(np.diff(ordered)) + 1, [len(ordered)]))
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))
