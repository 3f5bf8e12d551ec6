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


def hashes(table: Table, columns: Sequence[Field], deciding: Sequence[Field] = ()) -> list[dict[str, Hashes]]:
    """A hash per cell of each column for sampled rows, 0 where there is no value; numbers of any type hash by value.

    First for rows chosen by their number, then, for each of ``deciding``, for all rows of some of its values, at most twice as
    many. The table is read once for all of them.
    """
    if not columns:
        return [{} for _ in range(1 + len(deciding))]
    rows = sample_rows(columns)
    one_in = max(1, table.row_count // rows)
    chosen = [table.sampled(rows), *(f"hash({column.sql}) % {one_in} = 0" for column in deciding)]
    cells = [
        f"CASE WHEN {column.sql} IS NULL THEN 0 ELSE hash({comparable(column)}) END AS c{i}" for i, column in enumerate(columns)
    ]
    marks = [f"{condition} AS m{k}" for k, condition in enumerate(chosen)]
    left = [table.row_count, *(2 * rows for _ in deciding)]
    parts: list[list[Hashes]] = [[np.empty((len(columns), 0), dtype=np.uint64)] for _ in chosen]
    for batch in table.dataset.sql(f"SELECT {', '.join([*cells, *marks])} FROM data WHERE {' OR '.join(chosen)}").to_arrow_reader():
        for k in range(len(chosen)):
            found = np.flatnonzero(batch.column(len(columns) + k).to_numpy(zero_copy_only=False))[: left[k]]
            left[k] -= len(found)
            if len(found):
                parts[k].append(np.array([batch.column(i).to_numpy()[found] for i in range(len(columns))]))
        if not any(left):
            break
    together = [np.concatenate(part, axis=1) for part in parts]
    return [{column.name: sample[i] for i, column in enumerate(columns)} for sample in together]


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
