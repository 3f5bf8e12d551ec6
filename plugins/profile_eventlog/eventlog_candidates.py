"""Which columns could be the case, the activity and the time: judged by their types, values and gaps, never by their names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow
import pyarrow.compute
from eventlog_order import Integers
from numpy.typing import NDArray

from harness_core.sdk import Column, Dataset
from harness_core.sdk.statistics.series import view_name

LEAST_CASES = 3
LEAST_EVENTS_PER_CASE = 1.2
MOST_EVENTS_PER_CASE = 1000
LEAST_ACTIVITIES, MOST_ACTIVITIES = 3, 1000
MOST_TIMES = 6
MOST_TIMES_MISSING = 0.5
CATEGORY_ROLES = frozenset({"category", "flag"})


@dataclass(frozen=True)
class Candidates:
    """The columns considered for each part, in column order, and the names of those beyond the bound."""

    cases: list[Column]
    activities: list[Column]
    times: list[Column]
    complete_times: list[Column]
    not_considered: Mapping[str, list[str]]


def candidates(dataset: Dataset, profile: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> Candidates:
    known = {entry["name"]: entry for entry in profile}
    rows, given = dataset.row_count, settings["roles"]
    most_missing = settings["max_missing"] * rows

    def keep(role: str, fits: Sequence[Column]) -> list[Column]:
        return [dataset.column(given[role])] if role in given else list(fits)

    present = [column for column in dataset.columns if column.name in known and known[column.name]["null_count"] <= most_missing]
    cases = keep("case", [column for column in present if _may_be_case(column, known[column.name], rows)])
    activities = keep("activity", [column for column in present if _may_be_activity(column, known[column.name])])
    times = [column for column in dataset.columns if column.is_temporal and _varies(known.get(column.name, {}), rows)]
    complete = keep("time", [column for column in times if known[column.name]["null_count"] <= most_missing])
    most = settings["max_candidates"]
    beyond = {"case": cases[most:], "activity": activities[most:], "time": times[MOST_TIMES:]}
    names = {role: [column.name for column in columns] for role, columns in beyond.items() if columns}
    return Candidates(cases[:most], activities[:most], times[:MOST_TIMES], complete[:MOST_TIMES], names)


def _may_be_case(column: Column, entry: Mapping[str, Any], rows: int) -> bool:
    distinct = entry["distinct_count"]
    few_enough = distinct >= LEAST_CASES and LEAST_EVENTS_PER_CASE * distinct <= rows
    return column.type in ("text", "integer") and few_enough and distinct * MOST_EVENTS_PER_CASE >= rows


def _may_be_activity(column: Column, entry: Mapping[str, Any]) -> bool:
    is_label = column.type == "text" or (column.type == "integer" and entry["role"] in CATEGORY_ROLES)
    return is_label and LEAST_ACTIVITIES <= int(entry["distinct_count"]) <= MOST_ACTIVITIES


def _varies(entry: Mapping[str, Any], rows: int) -> bool:
    return int(entry.get("distinct_count", 0)) > 1 and int(entry["null_count"]) <= MOST_TIMES_MISSING * rows


@dataclass(frozen=True)
class Slice:
    """Whole cases of one candidate in row order: the number of the case of each row, and the other columns beside it by name."""

    case: Integers
    columns: Mapping[str, pyarrow.ChunkedArray]

    def times(self, column: Column) -> tuple[Integers, NDArray[np.bool_]]:
        """Microseconds since 1970 (0 where there is no time), and where there is one."""
        stamps = pyarrow.compute.cast(self.columns[column.name], pyarrow.timestamp("us"), safe=False)
        whole = pyarrow.compute.fill_null(pyarrow.compute.cast(stamps, pyarrow.int64()), 0)
        return np.asarray(whole.to_numpy(), dtype=np.int64), np.asarray(stamps.is_valid().to_numpy(), dtype=bool)

    def labels(self, column: Column) -> Integers:
        """The number of the value of each row, by first appearance; -1 where it is missing."""
        return coded(self.columns[column.name])


def coded(values: pyarrow.ChunkedArray) -> Integers:
    encoded = pyarrow.compute.dictionary_encode(values).combine_chunks()
    return np.asarray(pyarrow.compute.fill_null(pyarrow.compute.cast(encoded.indices, pyarrow.int64()), -1).to_numpy())


def whole_cases(dataset: Dataset, case: Column, columns: Sequence[Column], about_rows: int) -> Slice:
    """All cases, or those whose hash falls into one of k classes where the table has far more than ``about_rows`` rows."""
    classes = max(1, dataset.row_count // about_rows)
    name = view_name(case.name)
    chosen = f" AND hash(CAST({name} AS VARCHAR)) % {classes} = 0" if classes > 1 else ""
    listed = "".join(f", {view_name(column.name)} AS c{index}" for index, column in enumerate(columns))
    answer = dataset.sql(f"SELECT {name} AS c{listed} FROM data WHERE {name} IS NOT NULL{chosen} ORDER BY row_index")
    table = answer.to_arrow_table()
    return Slice(coded(table.column(0)), {column.name: table.column(index + 1) for index, column in enumerate(columns)})
