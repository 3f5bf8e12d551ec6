"""Which columns are paired, and into which classes they are cut; the classes themselves are the SDK's."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness_core.sdk import Column, Dataset
from harness_core.sdk.statistics.axes import Axis, categories, cut, literal

BINS = 12
CATEGORIES = 15
LEAST_COUNT = 5
LEAST_SHARE = 0.002
LEAST_HELD = 0.2
UNUSABLE_ROLES = frozenset({"identifier", "text", "constant", "empty"})


def build_axes(
    dataset: Dataset, profile: Sequence[Mapping[str, Any]], limit: int, case: str | None = None
) -> tuple[list[Axis], list[tuple[str, str]]]:
    """The axes of the usable columns in column order, at most ``limit``, and (name, reason) of those left out; ``case`` numbers the
    cases of an event log."""
    known = {entry.get("name"): entry for entry in profile}
    axes: list[Axis] = []
    left_out: list[tuple[str, str]] = []
    for column in dataset.columns:
        entry = known.get(column.name, {})
        reason = "it numbers the cases" if column.name == case else _unusable(column, entry)
        axis = None if reason or len(axes) >= limit else _axis(dataset, column, entry)
        if axis is not None and axis.size >= 2 and _is_mostly_rare(dataset, axis):
            left_out.append((column.name, "its frequent values hold less than a fifth of the rows"))
        elif axis is not None and axis.size >= 2:
            axes.append(axis)
        else:
            left_out.append((column.name, reason or ("beyond the limit of columns" if len(axes) >= limit else "no two classes")))
    return axes, left_out


def _is_mostly_rare(dataset: Dataset, axis: Axis) -> bool:
    """Whether most rows have a rare value, as of surnames: what goes together there are the records of one person."""
    if axis.kind != "category" or not axis.has_other:
        return False
    held = f"SELECT avg(CAST(coalesce({axis.sql_name} IN ({', '.join(map(literal, axis.values))}), FALSE) AS INTEGER)) FROM data "
    return float(dataset.sql(f"{held} WHERE {axis.sql_name} IS NOT NULL").scalar() or 0.0) < LEAST_HELD


def _unusable(column: Column, entry: Mapping[str, Any]) -> str | None:
    role = entry.get("role")
    if role in UNUSABLE_ROLES:
        return f"its role is {role}"
    if column.type in {"binary", "nested", "time"}:
        return f"its type is {column.type}"
    return None


def _axis(dataset: Dataset, column: Column, entry: Mapping[str, Any]) -> Axis | None:
    """Classes of equal counts or one per value; the most frequent values of a category, None for a text that is none."""
    if column.is_numeric or column.is_temporal:
        return cut(dataset, column, BINS, entry)
    return categories(dataset, column, CATEGORIES, max(LEAST_COUNT, int(LEAST_SHARE * dataset.row_count)))
