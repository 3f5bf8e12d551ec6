"""Directly-follows relations and variants of ordered events, exact and by whole numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness_core.sdk.statistics.events import MICROSECONDS, Floats, Integers, OrderedEvents

LOW_BITS = 20


@dataclass(frozen=True)
class Edges:
    """The directly-follows relation, most frequent first: activity ``source`` is followed at once by ``target`` in ``count``
    steps, which take ``median_s`` and together ``total_s`` seconds. ``steps`` are the positions (of the first event) of all
    steps, ``edge_of`` their edge."""

    source: Integers
    target: Integers
    count: Integers
    median_s: Floats
    total_s: Floats
    steps: Integers
    edge_of: Integers


def directly_follows(log: OrderedEvents) -> Edges:
    steps, size = log.followed(), len(log.names)
    codes = log.activity[steps] * size + log.activity[steps + 1]
    gaps = log.times[steps + 1] - log.times[steps]
    pairs, edge_of, counts = np.unique(codes, return_inverse=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    place = np.empty(len(pairs), dtype=np.int64)
    place[order] = np.arange(len(pairs))
    edge_of, counts = place[edge_of], counts[order]
    arranged = gaps[np.lexsort((gaps, edge_of))]
    ends = np.cumsum(counts)
    medians = medians_of_runs(arranged, ends - counts, counts) / MICROSECONDS
    return Edges(pairs[order] // size, pairs[order] % size, counts, medians, group_sums(gaps, edge_of, len(pairs)), steps, edge_of)


def medians_of_runs(ordered: Integers, starts: Integers, counts: Integers) -> Floats:
    """The median of each run of sorted numbers, the mean of the middle two where there are two."""
    low, high = ordered[starts + (counts - 1) // 2], ordered[starts + counts // 2]
    return np.asarray(low + (high - low) / 2, dtype=np.float64)


def group_sums(values: Integers, groups: Integers, size: int) -> Floats:
    """Seconds per group from microseconds that are not negative, added as whole numbers so that no order of rows matters."""
    high = np.zeros(size, dtype=np.int64)
    low = np.zeros(size, dtype=np.int64)
    np.add.at(high, groups, values >> LOW_BITS)
    np.add.at(low, groups, values & ((1 << LOW_BITS) - 1))
    return np.array([((int(a) << LOW_BITS) + int(b)) / MICROSECONDS for a, b in zip(high, low, strict=True)])


@dataclass(frozen=True)
class Variants:
    """The different sequences of activities: how many cases each has (most frequent first), one case of each, and the variant of
    every case."""

    cases: Integers
    example: Integers
    of_case: Integers

    def __len__(self) -> int:
        return len(self.cases)


def variants(log: OrderedEvents) -> Variants:
    """Found exactly: cases of one length are compared as rows of a table, no hashing involved."""
    lengths = np.diff(log.offsets)
    of_case = np.empty(log.cases, dtype=np.int64)
    examples: list[Integers] = []
    found = 0
    order = np.argsort(lengths, kind="stable")
    edges = np.flatnonzero(np.diff(lengths[order])) + 1
    small = log.activity.astype(np.uint16 if len(log.names) < 2**16 else np.uint32)
    for members in np.split(order, edges) if log.cases else []:
        length = int(lengths[members[0]])
        table = small[log.offsets[members][:, None] + np.arange(length)]
        keys = np.ascontiguousarray(table.byteswap()).view(np.dtype((np.void, table.dtype.itemsize * length))).ravel()
        _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        of_case[members] = inverse.ravel() + found
        examples.append(members[first])
        found += len(first)
    example = np.concatenate(examples) if examples else np.empty(0, dtype=np.int64)
    counts = np.bincount(of_case, minlength=found)
    ranked = np.argsort(-counts, kind="stable")
    place = np.empty(found, dtype=np.int64)
    place[ranked] = np.arange(found)
    return Variants(counts[ranked], example[ranked], place[of_case] if log.cases else of_case)


def path_of(log: OrderedEvents, case: int) -> list[str]:
    return [log.names[code] for code in log.activity[log.offsets[case] : log.offsets[case + 1]]]


def occurrences(log: OrderedEvents) -> tuple[Integers, Integers, Integers]:
    """(case, activity, how often) for every activity that a case contains, by case, then activity."""
    size = len(log.names)
    keys, counts = np.unique(log.case_of * size + log.activity, return_counts=True)
    return keys // size, keys % size, counts


def counts_by_name(names: Sequence[str], codes: Integers) -> dict[str, int]:
    counts = np.bincount(codes, minlength=len(names))
    return {name: int(count) for name, count in zip(names, counts, strict=True) if count}


def unsorted_cases(log: OrderedEvents) -> int:
    """Cases whose rows do not stand in the order of their times."""
    steps = log.followed()
    back = steps[log.rows[steps + 1] < log.rows[steps]]
    return len(np.unique(np.searchsorted(log.offsets, back, side="right")))
