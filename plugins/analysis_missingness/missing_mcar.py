"""Little's test of values missing completely at random, over numeric columns, from sums per pattern of missing columns.

Source: R. J. A. Little, "A test of missing completely at random for multivariate data with missing values", J. Am. Stat. Assoc. 83
(1988) 1198-1202. Means and covariance are those of maximum likelihood (divisor n), by the EM algorithm.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from missing_patterns import is_missing
from scipy import special

from harness_core.sdk import Column, Dataset
from harness_core.sdk.statistics.axes import view_name
from harness_core.sdk.statistics.effects import FloatArray

MOST_COLUMNS = 10
MOST_PATTERNS = 60
LEAST_ROWS = 30
STEPS = 400
SETTLED = 1e-8
ALMOST_SINGULAR = 1e-10


@dataclass(frozen=True)
class Sums:
    """The rows of one pattern: which columns they have, their number, sums and sums of products of those."""

    seen: tuple[int, ...]
    n: int
    first: FloatArray
    second: FloatArray


def little(dataset: Dataset, columns: Sequence[Column], missing: Mapping[str, int]) -> dict[str, Any] | None:
    """Statistic, degrees of freedom, p-value and number of patterns; None where the test cannot be made.

    At most ten numeric columns take part, those with gaps first; more than 60 patterns, columns that follow from one
    another, or so many gaps that the iteration does not settle, make it impossible.
    """
    ranked = sorted(columns, key=lambda column: (missing[column.name] == 0, columns.index(column)))[:MOST_COLUMNS]
    used = [column for column in columns if column in ranked and missing[column.name] < dataset.row_count]
    if len(used) < 2 or not any(missing[column.name] for column in used):
        return None
    scaled = [_scaled(dataset, column) for column in used]
    if any(term is None for term in scaled):
        return None
    everything = _sums(dataset, used, [str(term) for term in scaled])
    patterns = [pattern for pattern in everything if pattern.seen]
    if not 1 < len(patterns) <= MOST_PATTERNS or sum(p.n for p in patterns) < LEAST_ROWS:
        return None
    fitted = maximum_likelihood(patterns, len(used))
    if fitted is None:
        return None
    statistic, freedom = _statistic(patterns, *fitted), sum(len(p.seen) for p in patterns) - len(used)
    return {
        "test": "Little 1988, covariance by maximum likelihood (divisor n)",
        "columns": [column.name for column in used],
        "statistic": float(f"{statistic:.8g}"),
        "df": freedom,
        "p_value": float(f"{special.chdtrc(freedom, statistic):.4g}") if freedom > 0 else None,
        "patterns": len(everything),
    }


def _scaled(dataset: Dataset, column: Column) -> str | None:
    """The column, centred and scaled so that sums of products keep their digits; None for a constant or an infinite one."""
    plain = f"CAST({view_name(column.name)} AS DOUBLE)"
    query = f"SELECT favg({plain}), stddev_pop({plain}), bool_and(isfinite({plain})) FROM data WHERE NOT ({is_missing(column)})"
    try:
        mean, spread, finite = dataset.sql(query).fetchall()[0]
    except Exception:  # DuckDB refuses a deviation that leaves the range of a double
        return None
    return f"(({plain} - {mean!r}) / {spread!r})" if finite and spread else None


def _sums(dataset: Dataset, used: Sequence[Column], terms: Sequence[str]) -> list[Sums]:
    size = len(used)
    key = " + ".join(f"(({is_missing(column)})::BIGINT << {bit})" for bit, column in enumerate(used))
    pairs = [(i, j) for i in range(size) for j in range(i, size)]
    chosen = [f"sum(x{i})" for i in range(size)] + [f"sum(x{i} * x{j})" for i, j in pairs]
    values = ", ".join(
        f"CASE WHEN NOT ({is_missing(c)}) THEN {term} END AS x{i}" for i, (c, term) in enumerate(zip(used, terms, strict=True))
    )
    summed = f"SELECT k, count(*), {', '.join(chosen)} FROM (SELECT {key} AS k, {values} FROM data) GROUP BY k"
    query = f"{summed} ORDER BY k LIMIT {MOST_PATTERNS + 2}"
    found = []
    for row in dataset.sql(query).fetchall():
        seen = tuple(i for i in range(size) if not int(row[0]) >> i & 1)
        second = np.zeros((size, size))
        for (i, j), value in zip(pairs, row[2 + size :], strict=True):
            second[i, j] = second[j, i] = value or 0.0
        first = np.array([row[2 + i] for i in seen], dtype=np.float64)
        found.append(Sums(seen, int(row[1]), first, second[np.ix_(seen, seen)]))
    return found


def maximum_likelihood(patterns: Sequence[Sums], size: int) -> tuple[FloatArray, FloatArray] | None:
    """Mean and covariance of a normal law with gaps (Dempster, Laird and Rubin 1977); None if singular, or not settling."""
    n = sum(p.n for p in patterns)
    mean, covariance = np.zeros(size), np.eye(size)
    for _ in range(STEPS):
        first, second = np.zeros(size), np.zeros((size, size))
        for pattern in patterns:
            _expect(pattern, mean, covariance, first, second)
        new_mean = first / n
        new_covariance = second / n - np.outer(new_mean, new_mean)
        if np.linalg.eigvalsh(new_covariance)[0] < ALMOST_SINGULAR:
            return None
        moved = max(float(np.abs(new_mean - mean).max()), float(np.abs(new_covariance - covariance).max()))
        mean, covariance = new_mean, new_covariance
        if moved < SETTLED:
            return mean, covariance
    return None


def _expect(pattern: Sums, mean: FloatArray, covariance: FloatArray, first: FloatArray, second: FloatArray) -> None:
    """Add the expected sums and sums of products of one pattern's rows."""
    seen = list(pattern.seen)
    gone = [i for i in range(len(mean)) if i not in pattern.seen]
    first[seen] += pattern.first
    second[np.ix_(seen, seen)] += pattern.second
    if not gone:
        return
    weights = np.linalg.solve(covariance[np.ix_(seen, seen)], covariance[np.ix_(seen, gone)]).T
    offset = mean[gone] - weights @ mean[seen]
    left = covariance[np.ix_(gone, gone)] - weights @ covariance[np.ix_(seen, gone)]
    predicted = weights @ pattern.first
    first[gone] += pattern.n * offset + predicted
    crossed = np.outer(offset, pattern.first) + weights @ pattern.second
    second[np.ix_(gone, seen)] += crossed
    second[np.ix_(seen, gone)] += crossed.T
    second[np.ix_(gone, gone)] += (
        pattern.n * (left + np.outer(offset, offset)) + np.outer(offset, predicted) + np.outer(predicted, offset)
        + weights @ pattern.second @ weights.T
    )  # fmt: skip


def _statistic(patterns: Sequence[Sums], mean: FloatArray, covariance: FloatArray) -> float:
    total = 0.0
    for pattern in patterns:
        seen = list(pattern.seen)
        away = pattern.first / pattern.n - mean[seen]
        total += pattern.n * float(away @ np.linalg.solve(covariance[np.ix_(seen, seen)], away))
    return total
