"""The measures of a table, each with its finite values sorted, and the step between neighbouring values that its source knows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness_core.sdk import Column, Dataset
from harness_core.sdk.statistics.axes import Floats, as_numbers, view_name
from harness_core.sdk.statistics.description import run_lengths

VALUES_TOGETHER = 4_000_000
MOST_DECIMALS = 4
NEARLY_ALL = 0.999
LARGEST_STEPS = 2.0**52


@dataclass(frozen=True)
class Values:
    """A measure: ``ordered`` holds all its finite values, ascending."""

    column: Column
    ordered: Floats

    @property
    def name(self) -> str:
        return self.column.name

    @property
    def n(self) -> int:
        return len(self.ordered)

    @cached_property
    def runs(self) -> tuple[Floats, NDArray[np.int64]]:
        """The distinct values and how often each stands there."""
        values, counts = run_lengths(self.ordered)
        return np.asarray(values, dtype=np.float64), counts

    @cached_property
    def step(self) -> "Step | None":
        return resolution(*self.runs, self.n)

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
    for decimals in range(MOST_DECIMALS + 1):
        scaled = values * 10.0**decimals
        if float(np.abs(scaled[[0, -1]]).max()) >= LARGEST_STEPS:
            return None
        near = np.round(scaled)
        fits = np.abs(scaled - near) <= 1e-6 * np.maximum(1.0, np.abs(near) * 1e-6)
        if counts[fits].sum() >= NEARLY_ALL * n:
            return _coarsened(decimals, near[fits].astype(np.int64), counts[fits])
    return None


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


def read(dataset: Dataset, columns: Sequence[Column]) -> Iterator[Values]:
    """Each column's finite values, sorted, in the order given; as many columns at once as have four million values together."""
    together = max(1, VALUES_TOGETHER // max(1, dataset.row_count))
    for start in range(0, len(columns), together):
        group = columns[start : start + together]
        parts: list[list[Floats]] = [[] for _ in group]
        for batch in dataset.iter_batches([column.name for column in group]):
            for part, column in zip(parts, group, strict=True):
                values = as_numbers(batch.column(column.name))
                part.append(values[np.isfinite(values)])
        for position, column in enumerate(group):
            ordered = np.concatenate(parts[position]) if parts[position] else np.empty(0)
            parts[position] = []
            ordered.sort()
            yield Values(column, ordered)
