"""Which columns can have outliers, and their values, sorted, a few million at a time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness_core.sdk import Column, Dataset
from harness_core.sdk.statistics.robust import FloatArray
from harness_core.sdk.statistics.series import numbers

EXAMINED_ROLES = frozenset({"measure", None})
MIN_VALUES = 20
MIN_DISTINCT = 5


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


def ordered_columns(dataset: Dataset, columns: Sequence[Column]) -> Iterator[tuple[Column, FloatArray]]:
    """Each column with all its finite values, ascending, in the order given."""
    by_name = {column.name: column for column in columns}
    for name, values in numbers(dataset, list(by_name)):
        ordered = values[np.isfinite(values)]
        ordered.sort()
        yield by_name[name], ordered


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
