"""Which columns are compared: the measures, cut into fine classes, and the columns of groups, with their groups."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness_core.sdk import Column, Dataset
from harness_core.sdk.statistics.axes import Axis, Floats, categories, centres, cut

FINE_CLASSES = 256
LEAST_SHARE = 0.001
GROUP_ROLES = frozenset({"category", "flag"})
GROUP_TYPES = frozenset({"text", "boolean"})
FEW_VALUES = 3


@dataclass(frozen=True)
class Measure:
    """A numeric column: its classes, and a value that stands for each of them."""

    axis: Axis
    values: Floats
    least: float

    @property
    def name(self) -> str:
        return self.axis.name


@dataclass
class Chosen:
    """The columns that are used, and (name, reason) of those that could have been."""

    measures: list[Measure] = field(default_factory=list)
    groupings: list[Axis] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)


def choose(dataset: Dataset, profile: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> Chosen:
    """Measures and groupings in column order, each up to its limit."""
    known = {entry.get("name"): entry for entry in profile}
    chosen = Chosen()
    least = max(settings["min_group_rows"], int(LEAST_SHARE * dataset.row_count))
    for column in dataset.columns:
        entry = known.get(column.name, {})
        if _is_grouping(column, entry):
            if column.is_numeric and entry.get("distinct_count", 0) > settings["max_groups"]:
                chosen.left_out.append((column.name, "its numbers are too many to be groups"))
                continue
            _add_grouping(chosen, dataset, column, least, settings)
        elif column.is_numeric and entry.get("role", "measure") == "measure":
            _add_measure(chosen, dataset, column, entry, settings["max_measures"])
    return chosen


def _is_grouping(column: Column, entry: Mapping[str, Any]) -> bool:
    if "role" in entry:
        return entry["role"] in GROUP_ROLES and column.type not in {"binary", "nested", "time", "timestamp", "date"}
    return column.type in GROUP_TYPES


def _add_grouping(chosen: Chosen, dataset: Dataset, column: Column, least: int, settings: Mapping[str, Any]) -> None:
    if len(chosen.groupings) >= settings["max_categories"]:
        chosen.left_out.append((column.name, "beyond the limit of columns with groups"))
        return
    axis = categories(dataset, column, settings["max_groups"], least)
    if axis is None or axis.size < 2:
        chosen.left_out.append((column.name, "it has no two groups of enough rows"))
    else:
        chosen.groupings.append(axis)


def _add_measure(chosen: Chosen, dataset: Dataset, column: Column, entry: Mapping[str, Any], limit: int) -> None:
    if len(chosen.measures) >= limit:
        chosen.left_out.append((column.name, "beyond the limit of measures"))
        return
    axis = cut(dataset, column, FINE_CLASSES, entry)
    if axis is None or axis.size < FEW_VALUES:
        chosen.left_out.append((column.name, f"it has fewer than {FEW_VALUES} different values"))
        return
    least = entry.get("min")
    if not isinstance(least, int | float):  # each query opens the file again, so the profile is asked first
        least = dataset.sql(f"SELECT min(v) FROM (SELECT {axis.sql_value} AS v FROM data)").scalar()
    chosen.measures.append(Measure(axis, centres(axis, float(least)), float(least)))
