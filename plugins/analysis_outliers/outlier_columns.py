"""Which columns can have outliers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness_core.sdk import Column, Dataset
from harness_core.sdk.statistics.ordered import Ordered

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


def unusable(ordered: Ordered) -> str | None:
    """Why nothing can be said about these values, or None."""
    if ordered.n < MIN_VALUES:
        return f"it has only {ordered.n} values"
    if len(ordered.runs[0]) < MIN_DISTINCT:
        return f"it has fewer than {MIN_DISTINCT} different values"
    places = (0.25 * (ordered.n - 1), 0.75 * (ordered.n - 1))
    low, high = ordered.at(np.array([math.floor(places[0]), math.ceil(places[1])]))
    if low == high:
        return "the middle half of its values is one and the same number"
    return None
