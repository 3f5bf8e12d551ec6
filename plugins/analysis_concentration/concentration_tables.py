"""Who holds how much: rows and sums per group, and the indices of their concentration with intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from harness_core.sdk import Column, Dataset
from harness_core.sdk.statistics.axes import view_name
from harness_core.sdk.statistics.effects import FloatArray
from harness_core.sdk.statistics.inequality import gini, herfindahl

DRAWS = 200
MOST_DRAWN = 20_000
KEY_ROLES = frozenset({"category", "identifier", "flag"})
KEY_TYPES = frozenset({"text", "boolean", "integer"})
REPEATS = 0.5
DIGITS = 12
LARGEST = 1e120  # sums of squares of larger amounts could leave the range of a double


@dataclass(frozen=True)
class Holding:
    """What each group of ``key`` holds of ``measure`` (None: of the rows): ascending ``amounts``, with the sum of squares of the
    rows' own amounts, which says how far chance moves them."""

    key: Column
    measure: Column | None
    amounts: FloatArray
    squares: FloatArray
    rows: int

    @property
    def groups(self) -> int:
        return len(self.amounts)

    @cached_property
    def gini(self) -> float:
        return gini(self.amounts)

    @cached_property
    def herfindahl(self) -> float:
        return herfindahl(self.amounts)

    @cached_property
    def p_value(self) -> float:
        """Dispersion test: are the groups' amounts farther apart than rows that fall to each group with equal chance would be?"""
        expected = float(self.amounts.mean())
        variance = float(self.squares.sum()) / self.groups
        if variance <= 0:
            return 1.0
        return float(special.chdtrc(self.groups - 1, float(((self.amounts - expected) ** 2).sum()) / variance))

    def head(self, share: float) -> int:
        """The least number of groups that hold ``share`` of everything."""
        descending = np.cumsum(self.amounts[::-1])
        return int(np.searchsorted(descending, share * descending[-1] * (1 - 1e-12))) + 1

    def intervals(self, rng: np.random.Generator) -> dict[str, tuple[float, float]]:
        """95 % percentile intervals of Gini coefficient, Herfindahl index and share of the largest group, where each row counts as
        often as a Poisson draw says (normal per group). Chance also widens the draws, so both ends are moved back by their bias."""
        drawn = []
        for _ in range(DRAWS if self.groups <= MOST_DRAWN else 0):
            moved = np.sort(np.maximum(self.amounts + np.sqrt(self.squares) * rng.standard_normal(self.groups), 0.0))
            drawn.append((gini(moved), herfindahl(moved), float(moved[-1] / moved.sum())) if moved[-1] > 0 else (0.0, 0.0, 0.0))
        own = (self.gini, self.herfindahl, float(self.amounts[-1] / self.amounts.sum()))
        if not drawn:
            return {}
        table = np.sort(np.array(drawn), axis=0)
        ends = table[[round(0.025 * DRAWS), round(0.975 * DRAWS) - 1]] - (np.median(table, axis=0) - np.array(own))
        return {
            name: (max(0.0, min(value, float(ends[0, k]))), min(1.0, max(value, float(ends[1, k]))))
            for k, (name, value) in enumerate(zip(("gini", "herfindahl", "largest"), own, strict=True))
        }


def keys(
    dataset: Dataset, profile: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]
) -> tuple[list[Column], list[tuple[str, str]]]:
    """Columns whose values are holders: categories, and identifiers that stand in several rows; and (name, reason) of others."""
    known = {entry.get("name"): entry for entry in profile}
    found: list[Column] = []
    left_out: list[tuple[str, str]] = []
    for column in dataset.columns:
        entry = known.get(column.name, {})
        distinct = entry.get("distinct_count")
        if column.type not in KEY_TYPES or entry.get("role", "category" if column.type == "text" else "measure") not in KEY_ROLES:
            continue
        distinct = _distinct(dataset, column) if distinct is None else distinct
        if distinct < settings["min_groups"] or distinct > REPEATS * dataset.row_count:
            continue
        if len(found) >= settings["max_columns"] or distinct > settings["max_groups"]:
            left_out.append((column.name, "beyond the limit of columns or of groups"))
        else:
            found.append(column)
    return found, left_out


def _distinct(dataset: Dataset, column: Column) -> int:
    return int(dataset.sql(f"SELECT count(DISTINCT {view_name(column.name)}) FROM data").scalar())


def measures(dataset: Dataset, profile: Sequence[Mapping[str, Any]], limit: int) -> tuple[list[Column], list[tuple[str, str]]]:
    """Numeric columns of which no value is negative and some are above nought: only such amounts can be held."""
    known = {entry.get("name"): entry for entry in profile}
    found: list[Column] = []
    left_out: list[tuple[str, str]] = []
    for column in dataset.numeric_columns:
        entry = known.get(column.name, {})
        if entry.get("role", "measure") != "measure":
            continue
        if len(found) >= limit:
            left_out.append((column.name, "beyond the limit of measures"))
            continue
        low, high = _ends(dataset, column, entry)
        if low is None or low < 0 or high <= 0 or high > LARGEST:
            left_out.append((column.name, "it has negative values, or none above nought"))
        else:
            found.append(column)
    return found, left_out


def _ends(dataset: Dataset, column: Column, entry: Mapping[str, Any]) -> tuple[Any, Any]:
    """The least and largest finite value; the profile's where there is one, for each query opens the file again."""
    if isinstance(entry.get("min"), int | float) and isinstance(entry.get("max"), int | float):
        return entry["min"], entry["max"]
    low, high = dataset.sql(f"SELECT min(v), max(v) FROM (SELECT {amount(column)} AS v FROM data)").fetchall()[0]
    return low, high


def amount(column: Column) -> str:
    """The measure as a double in SQL; NULL where it is missing or not finite."""
    name = view_name(column.name)
    return f"CASE WHEN isfinite({name}) THEN CAST({name} AS DOUBLE) END" if column.type == "float" else f"CAST({name} AS DOUBLE)"


def holdings(dataset: Dataset, key: Column, of: Sequence[Column]) -> list[Holding]:
    """The rows per group, then each measure; rows without the key, or without the measure, are left aside. One pass."""
    name = view_name(key.name)
    sums = ", ".join(f"fsum(v{k}), fsum(v{k} * v{k}), count(v{k})" for k in range(len(of)))
    values = ", ".join(f"{amount(column)} AS v{k}" for k, column in enumerate(of))
    grouped = f"FROM (SELECT {name} AS g, {values or 'NULL AS v'} FROM data) WHERE g IS NOT NULL GROUP BY g"
    query = f"SELECT count(*), {sums or 'NULL'} {grouped}"
    table = dataset.sql(query).to_arrow_table()
    arrays = [np.asarray(column.to_numpy(), dtype=np.float64) for column in table.columns]
    found = [_holding(key, None, arrays[0], arrays[0], arrays[0])]
    for k, column in enumerate(of):
        found.append(_holding(key, column, *arrays[1 + 3 * k : 4 + 3 * k]))
    return [holding for holding in found if holding is not None]


def _holding(key: Column, measure: Column | None, amounts: FloatArray, squares: FloatArray, rows: FloatArray) -> Holding | None:
    filled = rows > 0
    amounts, squares = _settled(amounts[filled]), _settled(squares[filled])
    if not len(amounts) or not amounts.sum() > 0:
        return None
    order = np.lexsort((squares, amounts))
    return Holding(key, measure, amounts[order], squares[order], int(rows.sum()))


def _settled(values: FloatArray) -> FloatArray:
    """The leading twelve digits, so that the order in which rows were added up cannot show."""
    exponents: NDArray[np.float64] = np.floor(np.log10(np.where(values > 0, values, 1.0)))
    scale = 10.0 ** np.clip(DIGITS - 1 - exponents, -300, 300)
    return np.asarray(np.round(values * scale) / scale)
