"""Which cells are missing: counts per column, patterns of columns per row, and columns that are missing together or in turn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness_core.sdk import Column, Dataset
from harness_core.sdk.statistics.axes import view_name
from harness_core.sdk.statistics.effects import Counts, FloatArray

COLUMNS_AT_ONCE = 200
BITS = 60


@dataclass(frozen=True)
class Patterns:
    """``columns`` have missing values; ``together[i, j]`` rows lack both; ``frequent`` are (positions of the missing columns, rows)
    by falling count; ``complete_rows`` lack none of ``columns``."""

    columns: tuple[Column, ...]
    row_count: int
    together: Counts
    frequent: tuple[tuple[tuple[int, ...], int], ...]
    pattern_count: int
    complete_rows: int

    @property
    def missing(self) -> NDArray[np.int64]:
        """Rows without a value, per column."""
        return np.diag(self.together)

    def phi(self) -> FloatArray:
        """The correlation of the gaps of each two columns."""
        shares = self.missing / self.row_count
        spread = np.sqrt(shares * (1 - shares))
        covariance = self.together / self.row_count - np.outer(shares, shares)
        scale = np.outer(spread, spread)
        return np.asarray(np.divide(covariance, scale, out=np.zeros_like(covariance), where=scale > 0))


def is_missing(column: Column) -> str:
    """SQL for: there is no value; not-a-number is none either.

    Over Parquet whose least and largest values are numbers, DuckDB takes isnan() for false unseen; the other two it looks up.
    """
    name = view_name(column.name)
    return f"({name} IS NULL OR NOT (isfinite({name}) OR isinf({name})))" if column.type == "float" else f"{name} IS NULL"


def missing_counts(dataset: Dataset) -> list[int]:
    """Rows without a value, per column, in column order."""
    found: list[int] = []
    for start in range(0, len(dataset.columns), COLUMNS_AT_ONCE):
        group = dataset.columns[start : start + COLUMNS_AT_ONCE]
        counts = ", ".join(_missing_count(column) for column in group)
        found += [int(count) for count in dataset.sql(f"SELECT {counts} FROM data").fetchall()[0]]
    return found


def _missing_count(column: Column) -> str:
    if column.type == "float":
        return f"count(*) FILTER (WHERE {is_missing(column)})"
    return f"count(*) - count({view_name(column.name)})"  # DuckDB counts what is there without looking at it


def read_patterns(dataset: Dataset, columns: Sequence[Column], listed: int) -> Patterns:
    """One grouping of the rows by which of ``columns`` are missing, streamed: whole numbers, whatever the order of the rows."""
    words = [columns[start : start + BITS] for start in range(0, len(columns), BITS)]
    keys = [" + ".join(f"(({is_missing(c)})::BIGINT << {bit})" for bit, c in enumerate(word)) for word in words]
    chosen = ", ".join(f"{key} AS k{position}" for position, key in enumerate(keys))
    names = ", ".join(f"k{position}" for position in range(len(keys)))
    query = f"SELECT {names}, count(*) AS n FROM (SELECT {chosen} FROM data) GROUP BY {names} ORDER BY n DESC, {names}"
    together = np.zeros((len(columns), len(columns)), dtype=np.int64)
    frequent: list[tuple[tuple[int, ...], int]] = []
    patterns = complete = 0
    for batch in dataset.sql(query).to_arrow_reader():
        gone = _bits([batch.column(position).to_numpy() for position in range(len(keys))], len(columns))
        rows = batch.column(len(keys)).to_numpy().astype(np.float64)
        together += (gone.T @ (gone * rows[:, None])).astype(np.int64)
        complete += int(rows[gone.sum(axis=1) == 0].sum())
        frequent += [(tuple(np.flatnonzero(gone[k]).tolist()), int(rows[k])) for k in range(min(len(rows), listed - len(frequent)))]
        patterns += len(rows)
    return Patterns(tuple(columns), dataset.row_count, together, tuple(frequent), patterns, complete)


def _bits(words: Sequence[NDArray[np.int64]], width: int) -> FloatArray:
    """One row per pattern, 1 where the column is missing."""
    parts = [((word[:, None] >> np.arange(BITS)) & 1).astype(np.float64) for word in words]
    return np.concatenate(parts, axis=1)[:, :width]


def blocks(patterns: Patterns, phi: FloatArray, least: float, fewest: int) -> list[tuple[int, ...]]:
    """Groups of two or more columns whose gaps go together pair by pair (complete linkage, strongest first)."""
    usable = (patterns.missing >= fewest) & (patterns.row_count - patterns.missing >= fewest)
    groups = [[k] for k in np.flatnonzero(usable).tolist()]
    links = phi[np.ix_(*[[group[0] for group in groups]] * 2)] if groups else np.zeros((0, 0))
    links = np.where(np.tri(len(groups), dtype=bool), -1.0, links)
    while len(groups) > 1:
        a, b = (int(k) for k in np.unravel_index(int(np.argmax(links)), links.shape))
        if links[a, b] < least:
            break
        merged = np.minimum(np.maximum(links[a], links[:, a]), np.maximum(links[b], links[:, b]))
        links[a, a + 1 :], links[:a, a] = merged[a + 1 :], merged[:a]
        links = np.delete(np.delete(links, b, axis=0), b, axis=1)
        groups[a] += groups.pop(b)
    return sorted(tuple(sorted(group)) for group in groups if len(group) > 1)


def exclusive_pairs(phi: FloatArray, least: float, homes: Mapping[int, int]) -> list[tuple[int, int]]:
    """Pairs of columns of which one is missing where the other is there; of a block only its first column takes part."""
    found = [(int(i), int(j)) for i, j in np.argwhere(np.triu(phi, 1) <= -least)]
    return [(i, j) for i, j in found if homes.get(i, i) == i and homes.get(j, j) == j]
