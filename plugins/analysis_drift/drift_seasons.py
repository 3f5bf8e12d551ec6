"""Two tables of different months of the year differ by season too: which months each covers, and the words for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drift_sides import Tables

from harness_core.sdk import Dataset
from harness_core.sdk.canonical import jsonable
from harness_core.sdk.dataset import view_sql
from harness_core.sdk.statistics.series import view_name

IN_COMMON = 0.75  # so many of all months that either covers must be in both for them to be the same part of the year


@dataclass(frozen=True)
class Seasons:
    """That the two tables cover different parts of the year: the sentence, and the query that its dates come from."""

    sentence: str
    evidence: Mapping[str, Any]


def seasons_of(dataset: Dataset, tables: Tables, profile: Sequence[Mapping[str, Any]]) -> Seasons | None:
    """By the first column that is a time in both tables; None where there is none, or where both cover the same months."""
    others = {column.name: column for column in tables.second.columns}
    times = {str(entry.get("name")) for entry in profile if entry.get("role") == "time"}
    shared = [
        column
        for column in tables.first.columns
        if column.name in times and column.is_temporal and column.name in others and others[column.name].is_temporal
    ]
    if not shared:
        return None
    time = view_name(shared[0].name)
    first, last = (f"CAST(CAST({end}({time}) AS DATE) AS VARCHAR)" for end in ("min", "max"))
    months = f"list_sort(list(DISTINCT month({time})) FILTER (WHERE {time} IS NOT NULL))"
    parts = (
        f"SELECT {place} AS side, {first} AS first, {last} AS last, {months} AS months FROM {view_sql(view)}"
        for place, view in enumerate(tables.views)
    )
    evidence = dataset.evidence(" UNION ALL ".join(parts) + " ORDER BY side")
    (_, *one), (_, *two) = jsonable(evidence["result"])
    covered = [set(side[2] or ()) for side in (one, two)]
    if not all(covered) or len(covered[0] & covered[1]) >= IN_COMMON * len(covered[0] | covered[1]):
        return None
    sentence = (
        f' By "{shared[0].name}" the rows {tables.earlier} are from {one[0]} to {one[1]}, those {tables.later} from {two[0]} to '
        f"{two[1]}: other months of the year, so that a season may be all that is behind it."
    )
    return Seasons(sentence, evidence)
