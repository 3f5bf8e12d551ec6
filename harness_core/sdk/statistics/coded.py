"""Rows as small whole numbers, the classes of their values: read once, kept where they fit, and counted many tables at a time."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from harness_core.sdk.dataset import Dataset
from harness_core.sdk.statistics.axes import Axis, Codes

Item = TypeVar("Item")
Counts = NDArray[np.int64]
Pair = tuple[int, int]

KEPT_BYTES = 256 << 20
MOST_CELLS = 1 << 16  # counts of so many cells stay in a core's cache
ALL_CELLS = 1 << 26


class Repeated(Generic[Item]):
    """What ``read`` yields, as often as one asks: kept after the first time where ``size_bytes`` are few, otherwise read again."""

    def __init__(self, read: Callable[[], Iterator[Item]], size_bytes: int) -> None:
        self._read, self.is_kept = read, size_bytes <= KEPT_BYTES
        self._kept: list[Item] | None = None

    def __iter__(self) -> Iterator[Item]:
        if self._kept is not None:
            yield from self._kept
            return
        kept = []
        for item in self._read():
            if self.is_kept:
                kept.append(item)
            yield item
        if self.is_kept:
            self._kept = kept


def coded(dataset: Dataset, axes: Sequence[Axis]) -> Repeated[list[Codes]]:
    """Batches of rows in order: per axis the class of each row, ``size`` where the value is missing."""

    def read() -> Iterator[list[Codes]]:
        for batch in dataset.iter_batches([axis.name for axis in axes], dictionaries=True):
            yield [axis.codes(batch.column(axis.name)) for axis in axes]

    return Repeated(read, dataset.row_count * sum(np.min_scalar_type(axis.size).itemsize for axis in axes))


def joint(codes: Sequence[Codes], members: Sequence[int], sizes: Sequence[int]) -> Codes:
    """One number for each combination of classes of the columns ``members``, the last of them running fastest."""
    width = np.min_scalar_type(cells(members, sizes))
    found = codes[members[0]].astype(width)
    for k in members[1:]:
        found *= width.type(sizes[k])
        found += codes[k]
    return found


def cells(members: Iterable[int], sizes: Sequence[int]) -> int:
    return int(np.prod([sizes[k] for k in members], dtype=np.int64))


def tables(
    batches: Iterable[Sequence[Codes]], sizes: Sequence[int], wanted: Sequence[Pair], done: Callable[[int], None]
) -> dict[Pair, Counts]:
    """The table of counts of each pair of columns, from one pass; ``sizes`` count a column's codes. ``done`` is told the rows.

    A table of several columns holds those of all their pairs as its margins: six tables for one addition per row.
    """
    groups = covering(wanted, sizes, min(MOST_CELLS, ALL_CELLS // max(1, len(wanted))))
    totals = [np.zeros(cells(members, sizes), dtype=np.int64) for members in groups]
    rows = 0
    for codes in batches:
        for members, total in zip(groups, totals, strict=True):
            total += np.bincount(joint(codes, members, sizes), minlength=len(total))
        rows += len(codes[0])
        done(rows)
    filled = [(members, total.reshape([sizes[k] for k in members])) for members, total in zip(groups, totals, strict=True)]
    return {pair: margin(pair, filled) for pair in wanted}


def margin(pair: Pair, filled: Iterable[tuple[tuple[int, ...], NDArray[Any]]]) -> NDArray[Any]:
    """The sums over all columns but the two of ``pair``, from the first table that has both; further axes stay as they are."""
    members, table = next((members, table) for members, table in filled if set(pair) <= set(members))
    found = table.sum(axis=tuple(place for place, k in enumerate(members) if k not in pair))
    return np.asarray(found if members.index(pair[0]) < members.index(pair[1]) else np.swapaxes(found, 0, 1))


def covering(wanted: Sequence[Pair], sizes: Sequence[int], most_cells: int) -> list[tuple[int, ...]]:
    """Groups of columns, each in ascending order, that together hold every pair wanted; none but a single pair has more than
    ``most_cells`` combinations of classes. Greedy: a group grows by the column that brings the most pairs not yet held."""
    waiting: dict[int, set[int]] = {}
    for a, b in wanted:
        waiting.setdefault(a, set()).add(b)
        waiting.setdefault(b, set()).add(a)
    groups = []
    for pair in wanted:
        if pair[1] not in waiting[pair[0]]:
            continue
        members = set(pair)
        while (best := _best(waiting, members, sizes, most_cells // cells(members, sizes))) is not None:
            members.add(best)
        for k in members:
            waiting[k] -= members
        groups.append(tuple(sorted(members)))
    return groups


def _best(waiting: Mapping[int, set[int]], members: set[int], sizes: Sequence[int], room: int) -> int | None:
    gains = [(len(others & members), -k) for k, others in waiting.items() if k not in members and sizes[k] <= room]
    gain, k = max(gains, default=(0, 0))
    return -k if gain else None
