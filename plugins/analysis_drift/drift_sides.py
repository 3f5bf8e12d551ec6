"""The two sides of a comparison, an earlier and a later one, with their rows in order: parts of a table, or two tables."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow
import pyarrow.compute
from numpy.typing import NDArray

from harness_core.sdk import Column, Dataset
from harness_core.sdk.dataset import view_sql
from harness_core.sdk.statistics.ordered import Ordered
from harness_core.sdk.statistics.series import Floats, as_floats, numbers, view_name

Codes = NDArray[np.uint8]
Rows = slice | NDArray[np.int64]

MISSING = 255
ROWS_TOGETHER = 16_384


class Sides(Protocol):
    """What is compared. ``earlier`` and ``later`` are called so in sentences; ``axis`` is the column that tells them apart."""

    @property
    def earlier(self) -> str: ...
    @property
    def later(self) -> str: ...
    @property
    def axis(self) -> str | None: ...
    @property
    def key(self) -> str: ...
    @property
    def is_profiled(self) -> bool:
        """Whether the profile of the run's table is that of both sides."""

    @property
    def sizes(self) -> tuple[int, int]: ...
    def ordered(self, column: Column, *, counted: bool) -> tuple[Ordered, Ordered]:
        """The finite numbers of each side; ``counted`` by the engine, which pays where they repeat."""

    def classes(self, name: str, edges: Sequence[Floats]) -> Iterator[tuple[Codes, Codes]]:
        """For each of ``edges``, ascending, how many of them are smaller than each row's number; rows in their order."""

    def codes(self, name: str, values: Sequence[Any]) -> tuple[Codes, Codes]:
        """Each row's value, see :func:`coded`; rows in their order."""

    def relation(self, value: str) -> str:
        """A SELECT of ``later`` (a truth value; NULL for rows on neither side) and ``v``, the SQL expression ``value``."""


@dataclass(frozen=True)
class Parts:
    """Two parts of one table: the numbers of their rows, in order, and the same as SQL."""

    dataset: Dataset
    rows: tuple[Rows, Rows]
    later_sql: str
    earlier: str
    later: str
    axis: str | None
    key: str
    is_profiled: bool = True

    @property
    def sizes(self) -> tuple[int, int]:
        return count_of(self.rows[0]), count_of(self.rows[1])

    def ordered(self, column: Column, *, counted: bool) -> tuple[Ordered, Ordered]:
        if not counted:
            ((_, values),) = numbers(self.dataset, [column.name])
            return Ordered.of(values[self.rows[0]]), Ordered.of(values[self.rows[1]])
        table = self.dataset.sql(
            f"SELECT later, v, count(*) AS n FROM ({self.relation(view_name(column.name))}) "
            "WHERE later IS NOT NULL AND v IS NOT NULL GROUP BY ALL"
        ).to_arrow_table()
        later = np.asarray(table["later"].to_numpy())
        values, counts = as_floats(table["v"].combine_chunks()), table["n"].to_numpy()
        return Ordered.of_counts(values[~later], counts[~later]), Ordered.of_counts(values[later], counts[later])

    def classes(self, name: str, edges: Sequence[Floats]) -> Iterator[tuple[Codes, Codes]]:
        yield from ((found[self.rows[0]], found[self.rows[1]]) for found in classed(self.dataset, name, edges))

    def codes(self, name: str, values: Sequence[Any]) -> tuple[Codes, Codes]:
        found = coded(self.dataset, name, values)
        return found[self.rows[0]], found[self.rows[1]]

    def relation(self, value: str) -> str:
        return f"SELECT {self.later_sql} AS later, {value} AS v FROM data"


@dataclass(frozen=True)
class Tables:
    """Two tables of a run: ``first`` under the view ``data`` or its role, ``second`` under its role."""

    first: Dataset
    second: Dataset
    views: tuple[str, str]
    earlier: str
    later: str
    key: str
    axis: str | None = None
    is_profiled: bool = False

    @property
    def sizes(self) -> tuple[int, int]:
        return self.first.row_count, self.second.row_count

    def ordered(self, column: Column, *, counted: bool) -> tuple[Ordered, Ordered]:
        ((_, one),), ((_, two),) = numbers(self.first, [column.name]), numbers(self.second, [column.name])
        return Ordered.of(one), Ordered.of(two)

    def classes(self, name: str, edges: Sequence[Floats]) -> Iterator[tuple[Codes, Codes]]:
        return zip(classed(self.first, name, edges), classed(self.second, name, edges), strict=True)

    def codes(self, name: str, values: Sequence[Any]) -> tuple[Codes, Codes]:
        return coded(self.first, name, values), coded(self.second, name, values)

    def relation(self, value: str) -> str:
        one, two = map(view_sql, self.views)
        return f"SELECT FALSE AS later, {value} AS v FROM {one} UNION ALL SELECT TRUE AS later, {value} AS v FROM {two}"


def count_of(rows: Rows) -> int:
    return rows.stop - rows.start if isinstance(rows, slice) else len(rows)


def rows_of(numbers_of: NDArray[np.int64]) -> Rows:
    """Ascending numbers of rows, as a slice where they are consecutive."""
    if len(numbers_of) and numbers_of[-1] - numbers_of[0] + 1 == len(numbers_of):
        return slice(int(numbers_of[0]), int(numbers_of[-1]) + 1)
    return numbers_of


def classed(dataset: Dataset, name: str, edges: Sequence[Floats]) -> list[Codes]:
    """For each of ``edges``, fewer than 255, how many are smaller than each row's number; ``MISSING`` where there is none."""
    found = [np.zeros(dataset.row_count, dtype=np.uint8) for _ in edges]
    done = 0
    for batch in dataset.iter_batches([name], ROWS_TOGETHER):
        values = as_floats(batch.column(0))
        missing = ~np.isfinite(values)
        for codes, borders in zip(found, edges, strict=True):
            part = codes[done : done + len(values)]
            for border in borders:  # a few comparisons are four times as fast as a search
                np.add(part, values > border, out=part)
            part[missing] = MISSING
        done += len(values)
    return found


def coded(dataset: Dataset, name: str, values: Sequence[Any]) -> Codes:
    """Per row the position of its value in ``values``, fewer than 255; their number for any other value, ``MISSING`` for none."""
    found = np.empty(dataset.row_count, dtype=np.uint8)
    done = 0
    for batch in dataset.iter_batches([name], dictionaries=True):
        array = batch.column(0)
        if pyarrow.types.is_dictionary(array.type):
            part = np.append(_positions(array.dictionary, values), np.uint8(MISSING))
            part = part[pyarrow.compute.fill_null(array.indices, len(part) - 1).to_numpy(zero_copy_only=False)]
        else:
            part = _positions(array, values)
        found[done : done + len(part)] = part
        done += len(part)
    return found


def _positions(array: pyarrow.Array, values: Sequence[Any]) -> Codes:
    wanted = pyarrow.array(list(values), type=array.type)
    found = pyarrow.compute.fill_null(pyarrow.compute.index_in(array, value_set=wanted, skip_nulls=True), len(values))
    part = np.array(found.to_numpy(zero_copy_only=False), dtype=np.uint8)
    if array.null_count:
        part[np.asarray(array.is_null().to_numpy(zero_copy_only=False))] = MISSING
    return part


def most_frequent(dataset: Dataset, sides: Sides, name: str, most: int) -> list[Any]:
    """The most frequent values of a column over both sides, ties in their own order."""
    counted = (
        f"SELECT v, count(*) AS c FROM ({sides.relation(view_name(name))}) WHERE later IS NOT NULL AND v IS NOT NULL GROUP BY v"
    )
    return [row[0] for row in dataset.sql(f"SELECT v FROM ({counted}) ORDER BY c DESC, v LIMIT {most}").fetchall()]
