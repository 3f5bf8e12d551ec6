"""The measures of a table, each with its finite values in order, and the step between neighbouring values that its source knows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness_core.sdk import Column, Dataset
from harness_core.sdk.statistics.axes import Floats, view_name
from harness_core.sdk.statistics.ordered import Ordered, in_order

MOST_DECIMALS = 4
NEARLY_ALL = 0.999
SPARSE = 100
LARGEST_STEPS = 2.0**52


@dataclass(frozen=True)
class Values:
    """A measure with its finite values in order."""

    column: Column
    in_order: Ordered

    @property
    def name(self) -> str:
        return self.column.name

    @property
    def n(self) -> int:
        return self.in_order.n

    @property
    def ordered(self) -> Floats:
        """All finite values, ascending."""
        return self.in_order.whole

    @property
    def runs(self) -> tuple[Floats, NDArray[np.int64]]:
        """The distinct values and how often each stands there."""
        return self.in_order.runs

    @cached_property
    def step(self) -> "Step | None":
        return resolution(*self.runs, self.n)

    @property
    def counted_sql(self) -> str | None:
        """A SELECT of each different value ``v`` and its number ``c``, where that is much shorter than the column; else None."""
        if self.in_order.counts is None:
            return None
        return f"SELECT {self.sql} AS v, count(*) AS c FROM data WHERE {self.known} GROUP BY 1"

    @property
    def sql(self) -> str:
        """The column as a double in SQL."""
        return f"CAST({view_name(self.column.name)} AS DOUBLE)"

    @property
    def known(self) -> str:
        """The condition, as SQL, that there is a finite value."""
        name = view_name(self.column.name)
        return f"isfinite({name})" if self.column.type == "float" else f"{name} IS NOT NULL"


@dataclass(frozen=True)
class Step:
    """Values are multiples of ``unit`` / 10 ** ``decimals``; ``whole`` are the distinct values in units, with their counts."""

    decimals: int
    unit: int
    whole: NDArray[np.int64]
    counts: NDArray[np.int64]

    @property
    def size(self) -> float:
        return float(self.unit) / 10.0**self.decimals


def resolution(values: Floats, counts: NDArray[np.int64], n: int) -> Step | None:
    """The coarsest step of which 99.9 % of all values are multiples; None for a continuum."""
    few, of_few = values[::SPARSE], counts[::SPARSE]
    for decimals in range(MOST_DECIMALS + 1):
        if max(abs(float(values[0])), abs(float(values[-1]))) * 10.0**decimals >= LARGEST_STEPS:
            return None
        if n - of_few[~_fits(few * 10.0**decimals)].sum() < NEARLY_ALL * n:
            continue  # one value in a hundred shows already that too many are no multiples
        scaled = values * 10.0**decimals
        fits = _fits(scaled)
        if counts[fits].sum() >= NEARLY_ALL * n:
            return _coarsened(decimals, np.round(scaled[fits]).astype(np.int64), counts[fits])
    return None


def _fits(scaled: Floats) -> NDArray[np.bool_]:
    """Which of the values are whole, but for the error of their last digits."""
    near = np.round(scaled)
    return np.abs(scaled - near) <= 1e-6 * np.maximum(1.0, np.abs(near) * 1e-6)


def _coarsened(decimals: int, whole: NDArray[np.int64], counts: NDArray[np.int64]) -> Step:
    unit = 1
    for factor in (10, 10, 10, 10, 5, 2):
        fits = whole % factor == 0
        if np.any(whole[fits]) and counts[fits].sum() >= NEARLY_ALL * counts.sum():
            whole, counts, unit = whole[fits] // factor, counts[fits], unit * factor
    return Step(decimals, unit, whole, counts)


def measures(dataset: Dataset, profile: Sequence[Mapping[str, Any]], limit: int) -> tuple[list[Column], list[str]]:
    """The numeric columns that measure something, in column order, at most ``limit``; and the names of those beyond it."""
    roles = {entry.get("name"): entry.get("role") for entry in profile}
    found = [column for column in dataset.numeric_columns if roles.get(column.name, "measure") == "measure"]
    return found[:limit], [column.name for column in found[limit:]]


def read(dataset: Dataset, columns: Sequence[Column], profile: Sequence[Mapping[str, Any]]) -> Iterator[Values]:
    """Each column's finite values in order, in the order given."""
    return (Values(column, values) for column, values in in_order(dataset, columns, profile))
