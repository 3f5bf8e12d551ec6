"""The two sides of a comparison, an earlier and a later one, with their rows in order: parts of a table, or two tables."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow
import pyarrow.compute
from numpy.typing import NDArray

from harness_core.sdk import Dataset
from harness_core.sdk.dataset import data_view, quote_name
from harness_core.sdk.statistics.series import Floats, Integers, numbers, view_name

MISSING = -1


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
    def sizes(self) -> tuple[int, int]: ...
    def numbers(self, names: Sequence[str]) -> Iterator[tuple[str, Floats, Floats]]: ...
    def codes(self, name: str, values: Sequence[Any]) -> tuple[Integers, Integers]: ...
    def relation(self, value: str) -> str:
        """A SELECT of ``later`` (a truth value; NULL for rows on neither side) and ``v``, the SQL expression ``value``."""


@dataclass(frozen=True)
class Parts:
    """Two parts of one table: the numbers of their rows, in order, and the same as SQL."""

    dataset: Dataset
    rows: tuple[NDArray[np.int64], NDArray[np.int64]]
    later_sql: str
    earlier: str
    later: str
    axis: str | None
    key: str

    @property
    def sizes(self) -> tuple[int, int]:
        return len(self.rows[0]), len(self.rows[1])

    def numbers(self, names: Sequence[str]) -> Iterator[tuple[str, Floats, Floats]]:
        for name, values in numbers(self.dataset, names):
            yield name, values[self.rows[0]], values[self.rows[1]]

    def codes(self, name: str, values: Sequence[Any]) -> tuple[Integers, Integers]:
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

    @property
    def sizes(self) -> tuple[int, int]:
        return self.first.row_count, self.second.row_count

    def numbers(self, names: Sequence[str]) -> Iterator[tuple[str, Floats, Floats]]:
        pairs = zip(numbers(self.first, names), numbers(self.second, names), strict=True)
        yield from ((name, one, two) for (name, one), (_, two) in pairs)

    def codes(self, name: str, values: Sequence[Any]) -> tuple[Integers, Integers]:
        return coded(self.first, name, values), coded(self.second, name, values)

    def relation(self, value: str) -> str:
        one, two = map(quote_name, self.views)
        return f"SELECT FALSE AS later, {value} AS v FROM {one} UNION ALL SELECT TRUE AS later, {value} AS v FROM {two}"


def coded(dataset: Dataset, name: str, values: Sequence[Any]) -> Integers:
    """Per row the position of its value in ``values``, their number for any other value, ``MISSING`` where there is none."""
    parts = []
    for batch in dataset.iter_batches([name]):
        array = batch.column(0)
        if pyarrow.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        wanted = pyarrow.array(list(values), type=array.type)
        found = pyarrow.compute.fill_null(pyarrow.compute.index_in(array, value_set=wanted, skip_nulls=True), len(values))
        part = np.array(found.to_numpy(zero_copy_only=False), dtype=np.int64)
        if array.null_count:
            part[np.asarray(array.is_null().to_numpy(zero_copy_only=False))] = MISSING
        parts.append(part)
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)


def show(dataset: Dataset, other: Dataset, role: str) -> None:
    """Make ``other`` a view called ``role`` beside ``data``, as it is for whoever checks the evidence."""
    statement = data_view(other.path, [column.name for column in other.columns])
    dataset.connection.execute(statement.replace("VIEW data AS", f"VIEW {quote_name(role)} AS", 1))


def most_frequent(dataset: Dataset, sides: Sides, name: str, most: int) -> list[Any]:
    """The most frequent values of a column over both sides, ties in their own order."""
    counted = (
        f"SELECT v, count(*) AS c FROM ({sides.relation(view_name(name))}) WHERE later IS NOT NULL AND v IS NOT NULL GROUP BY v"
    )
    return [row[0] for row in dataset.sql(f"SELECT v FROM ({counted}) ORDER BY c DESC, v LIMIT {most}").fetchall()]
