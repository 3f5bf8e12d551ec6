"""Some rows in memory, as hashes or numbers: where relations are looked for, before they are counted on all rows."""

from collections.abc import Sequence

import numpy as np
import pyarrow.compute as compute
from numpy.typing import NDArray
from quality_table import Field, Table

CELLS = 6_000_000
MAX_ROWS = 20_000

Hashes = NDArray[np.uint64]
Codes = NDArray[np.int64]


def hashes(table: Table, columns: Sequence[Field], condition: str = "") -> dict[str, Hashes]:
    """A hash per cell of each column for the sampled rows, 0 where there is no value; numbers of any type hash by value."""
    if not columns:
        return {}
    rows = sample_rows(columns)
    cells = [
        f"CASE WHEN {column.sql} IS NULL THEN 0 ELSE hash({comparable(column)}) END AS c{i}" for i, column in enumerate(columns)
    ]
    query = (
        table.sample(cells, rows) if not condition else f"SELECT {', '.join(cells)} FROM data WHERE {condition} LIMIT {2 * rows}"
    )
    found = table.dataset.sql(query).to_arrow_table()
    return {column.name: found.column(i).to_numpy() for i, column in enumerate(columns)}


def sample_rows(columns: Sequence[Field]) -> int:
    """How many rows of so many columns are held at once."""
    return max(500, min(MAX_ROWS, CELLS // max(1, len(columns))))


def comparable(column: Field) -> str:
    """SQL for the value as it is compared and hashed: numbers of any type by value."""
    return f"CAST({column.sql} AS DOUBLE)" if column.is_numeric else column.sql


def codes(values: Hashes) -> Codes:
    """The same column as small integers from 0, missing values as -1."""
    distinct, inverse = np.unique(values, return_inverse=True)
    inverse = inverse.astype(np.int64)
    return inverse - 1 if len(distinct) and distinct[0] == 0 else inverse


def numbers(table: Table, expressions: Sequence[str], rows: int) -> NDArray[np.float64]:
    """The sampled rows of SQL expressions as a matrix of doubles, columns first; nulls and infinities become NaN."""
    chosen = [f"CAST({expression} AS DOUBLE) AS c{i}" for i, expression in enumerate(expressions)]
    found = table.dataset.sql(table.sample(chosen, rows)).to_arrow_table()
    matrix = np.empty((len(expressions), found.num_rows))
    for index in range(len(expressions)):
        matrix[index] = compute.fill_null(found.column(index), np.nan).to_numpy()
    matrix[~np.isfinite(matrix)] = np.nan
    return matrix
