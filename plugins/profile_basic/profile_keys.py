"""Which columns, alone or together, tell every row apart: candidate keys, minimal, of at most three columns."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from harness_core.sdk import Dataset

MAX_PARTS = 3
TRIED_COLUMNS = 10
FIRST_ROWS = 100_000  # a combination that repeats among these is no key, and needs no look at the rest
PREFERENCE = ("identifier", "category", "time", "flag", "text")
REPEATS_BY_CHANCE = 5  # pairs of equal rows that independent columns would have: fewer may be absent by luck
ROLES = frozenset(PREFERENCE)  # a measure whose values happen to differ in every row is no key


def candidate_keys(
    dataset: Dataset, columns: Sequence[Mapping[str, Any]], sql_of: Mapping[str, str], max_checks: int
) -> list[dict[str, Any]]:
    """Unique columns without nulls; where there is none, minimal combinations of two, else three, columns.

    Only columns that could be part of a key are combined (no measures, no long text), the ten with the most values; at
    most ``max_checks`` combinations are counted over all rows.
    """
    if dataset.row_count < 2:
        return []
    unique = [column for column in columns if column["is_unique"] and column["null_count"] == 0 and column["role"] in ROLES]
    if unique or max_checks == 0:
        return [{"columns": [column["name"]]} for column in sorted(unique, key=lambda column: PREFERENCE.index(column["role"]))]
    parts = _plausible(columns, dataset.row_count)
    for size in range(2, MAX_PARTS + 1):
        found = _combined(dataset, parts, sql_of, size, max_checks)
        if found:
            return found
    return []


def _plausible(columns: Sequence[Mapping[str, Any]], row_count: int) -> list[Mapping[str, Any]]:
    fit = [
        column
        for column in columns
        if column["role"] in ROLES and column["null_count"] == 0 and 1 < column["distinct_count"] <= row_count / 2
        and column.get("lengths", {}).get("max", 0) <= 200
    ]  # fmt: skip
    return sorted(fit, key=lambda column: -column["distinct_count"])[:TRIED_COLUMNS]


def _combined(
    dataset: Dataset, parts: Sequence[Mapping[str, Any]], sql_of: Mapping[str, str], size: int, max_checks: int
) -> list[dict[str, Any]]:
    possible = [chosen for chosen in combinations(parts, size) if _could_be_key(_levels(chosen), dataset.row_count)]
    if not possible:
        return []
    first = f"SELECT * FROM data WHERE row_index < {FIRST_ROWS}"
    dataset.connection.execute(f"CREATE OR REPLACE TEMP TABLE profile_first_rows AS {first}")
    rows = min(dataset.row_count, FIRST_ROWS)
    hopeful = [chosen for chosen in possible if _groups(dataset, "profile_first_rows", chosen, sql_of) == rows]
    if dataset.row_count > FIRST_ROWS:
        hopeful = [chosen for chosen in hopeful[:max_checks] if _groups(dataset, "data", chosen, sql_of) == dataset.row_count]
    return [{"columns": [column["name"] for column in chosen]} for chosen in hopeful]


def _could_be_key(levels: int, row_count: int) -> bool:
    """Enough combinations for every row, and so few that independent columns would repeat some: a key by chance is none."""
    return levels >= row_count and row_count * (row_count - 1) / 2 >= REPEATS_BY_CHANCE * levels


def _levels(chosen: Sequence[Mapping[str, Any]]) -> int:
    product = 1
    for column in chosen:
        product *= int(column["distinct_count"])
    return product


def _groups(dataset: Dataset, relation: str, chosen: Sequence[Mapping[str, Any]], sql_of: Mapping[str, str]) -> int:
    names = ", ".join(sql_of[column["name"]] for column in chosen)
    return int(dataset.sql(f"SELECT count(*) FROM (SELECT 1 FROM {relation} GROUP BY {names})").scalar())
