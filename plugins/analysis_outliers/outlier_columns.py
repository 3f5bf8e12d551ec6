"""Which columns can have outliers, and their values, sorted, a few million at a time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow
import pyarrow.compute

from harness_core.sdk import Column, Dataset
from harness_core.sdk.dataset import quote_name
from harness_core.sdk.statistics.robust import FloatArray

EXAMINED_ROLES = frozenset({"measure", None})
MIN_VALUES = 20
MIN_DISTINCT = 5
VALUES_TOGETHER = 4_000_000


@dataclass(frozen=True)
class Skipped:
    """A numeric column that is not examined, and why, as the rest of a sentence."""

    name: str
    reason: str


def numeric_candidates(dataset: Dataset, profile: Sequence[Mapping[str, Any]]) -> tuple[list[Column], list[Skipped]]:
    """The numeric columns that measure something, and those left aside, both in column order."""
    known = {entry.get("name"): entry for entry in profile}
    taken: list[Column] = []
    skipped: list[Skipped] = []
    for column in dataset.numeric_columns:
        role = known.get(column.name, {}).get("role")
        if role in EXAMINED_ROLES:
            taken.append(column)
        else:
            skipped.append(Skipped(column.name, f"it is not a measure but its role is {role}"))
    return taken, skipped


def view_name(name: str) -> str:
    """A column's quoted name in the view ``data``, which keeps ``row_index`` for itself."""
    return quote_name("row_index_source" if name.lower() == "row_index" else name)


def as_floats(array: pyarrow.Array) -> FloatArray:
    """An Arrow array of any numeric type as doubles; nulls become NaN."""
    if array.type != pyarrow.float64():
        array = pyarrow.compute.cast(array, pyarrow.float64(), safe=False)
    return np.asarray(array.to_numpy(zero_copy_only=False), dtype=np.float64)


def ordered_columns(dataset: Dataset, columns: Sequence[Column]) -> Iterator[tuple[Column, FloatArray]]:
    """Each column with all its finite values, ascending, in the order given.

    As many columns are read at once as have four million values together, at least one: opening a file of thousands of columns
    once for each of them would take longer than all the rest.
    """
    together = max(1, VALUES_TOGETHER // max(1, dataset.row_count))
    for start in range(0, len(columns), together):
        group = columns[start : start + together]
        parts: list[list[FloatArray]] = [[] for _ in group]
        for batch in dataset.iter_batches([column.name for column in group]):
            for part, column in zip(parts, group, strict=True):
                values = as_floats(batch.column(column.name))
                part.append(values[np.isfinite(values)])
        for position, column in enumerate(group):
            ordered = np.concatenate(parts[position]) if parts[position] else np.empty(0)
            parts[position] = []
            ordered.sort()
            yield column, ordered


def unusable(ordered: FloatArray) -> str | None:
    """Why nothing can be said about these sorted values, or None."""
    if len(ordered) < MIN_VALUES:
        return f"it has only {len(ordered)} values"
    if np.count_nonzero(np.diff(ordered)) + 1 < MIN_DISTINCT:
        return f"it has fewer than {MIN_DISTINCT} different values"
    q25, q75 = np.quantile(ordered, [0.25, 0.75])
    if q25 == q75:
        return "the middle half of its values is one and the same number"
    return None
