"""The queries behind the sentences: plain DuckDB over ``data``, groups as literals, sums that do not depend on row order."""

import math
from collections.abc import Sequence
from typing import Any

from difference_columns import Measure

from harness_core.sdk import Dataset
from harness_core.sdk.statistics.axes import Axis
from harness_core.sdk.statistics.counted import combinations_sql, is_worth_counting, quantiles_of_counts_sql, quantiles_sql

TOLERANCE = 1e-9
DIGITS = 9


def members(grouping: Axis, codes: Sequence[int]) -> str:
    """The condition that a row belongs to one of the groups."""
    return "(" + " OR ".join(grouping.condition(code) for code in codes) + ")"


def rounding(measure: Measure) -> int:
    """The decimal place that is the ninth significant one of the largest value: where means are rounded, so that the order in
    which they were summed cannot show."""
    largest = max(abs(measure.least), abs(measure.axis.highest))
    return max(-300, min(300, DIGITS - 1 - math.floor(math.log10(largest)))) if largest > 0 else DIGITS


def groups(dataset: Dataset, measure: Measure, grouping: Axis, codes: Sequence[int]) -> dict[str, Any]:
    """A row per group, by falling median: its value, rows, median, quartiles, and the ends of the middle nine tenths."""
    values, where = f"SELECT {grouping.sql_name} AS g, {measure.axis.sql_value} AS v", members(grouping, codes)
    if is_worth_counting(dataset, (grouping, measure.axis)):
        source, count = combinations_sql((grouping, measure.axis))
        counted = f"{values}, {count} AS c FROM {source} WHERE {where}"
        told = quantiles_of_counts_sql(f"SELECT g, v, sum(c) AS c FROM ({counted}) GROUP BY g, v")
    else:
        told = quantiles_sql(f"{values} FROM data WHERE {where}")
    return dataset.evidence(
        f"SELECT CAST(g AS VARCHAR) AS shown, n, median, q1, q3, q05, q95 FROM ({told}) ORDER BY median DESC, shown", TOLERANCE
    )


def contrast(dataset: Dataset, measure: Measure, grouping: Axis, inside: str) -> dict[str, Any]:
    """One row about the rows where ``inside`` holds and all others: rows, medians, means, the difference of the means with its
    95 % interval by Welch."""
    sides = _sides_of_counts if is_worth_counting(dataset, (grouping, measure.axis)) else _sides
    place = rounding(measure)
    reach = "1.959963984540054 * sqrt(a.variance / a.n + b.variance / b.n)"
    differences = ", ".join(
        f"round(a.mean - b.mean {sign}, {place}) AS {name}"
        for sign, name in (("", "difference"), (f"- {reach}", "low"), (f"+ {reach}", "high"))
    )
    return dataset.evidence(
        f"WITH sides AS ({sides(measure, grouping, inside)}) SELECT a.n, b.n AS n_others, a.median, b.median AS median_others, "
        f"round(a.mean, {place}) AS mean, round(b.mean, {place}) AS mean_others, {differences} "
        "FROM sides AS a JOIN sides AS b ON a.inside AND NOT b.inside",
        TOLERANCE,
    )


def _sides(measure: Measure, grouping: Axis, inside: str) -> str:
    """Two rows: inside or not, the number of rows, median, mean and variance."""
    return (
        "SELECT inside, count(*) AS n, quantile_disc(v, 0.5) AS median, favg(v) AS mean, var_samp(v) AS variance "
        f"FROM ({_sided(measure, inside)}) GROUP BY inside"
    )


def _sides_of_counts(measure: Measure, grouping: Axis, inside: str) -> str:
    """As :func:`_sides`, from how often each value stands on either side."""
    source, count = combinations_sql((grouping, measure.axis))
    values = f"SELECT {inside} AS inside, {measure.axis.sql_value} AS v, {count} AS c FROM {source}"
    counted = f"SELECT inside, v, sum(c) AS c FROM ({values}) WHERE v IS NOT NULL AND inside IS NOT NULL GROUP BY inside, v"
    ranked = (
        "SELECT *, sum(c) OVER (PARTITION BY inside ORDER BY v) AS upto, sum(c) OVER (PARTITION BY inside) AS n, "
        f"fsum(v * c) OVER (PARTITION BY inside) / sum(c) OVER (PARTITION BY inside) AS mean FROM ({counted})"
    )
    return (
        "SELECT inside, CAST(any_value(n) AS BIGINT) AS n, min(v) FILTER (WHERE upto >= n - floor(n / 2)) AS median, "
        "any_value(mean) AS mean, CASE WHEN any_value(n) > 1 THEN fsum(c * (v - mean) * (v - mean)) / (any_value(n) - 1) END "
        f"AS variance FROM ({ranked}) GROUP BY inside"
    )


def _sided(measure: Measure, inside: str) -> str:
    return (
        f"SELECT inside, v FROM (SELECT {inside} AS inside, {measure.axis.sql_value} AS v FROM data) "
        "WHERE v IS NOT NULL AND inside IS NOT NULL"
    )


def dominance(dataset: Dataset, measure: Measure, inside: str) -> dict[str, Any]:
    """One row: Cliff's delta, and how often a value inside is larger than one of the others, ties counted half."""
    return dataset.evidence(
        "SELECT round(2 * share - 1, 12) AS cliffs_delta, round(share, 12) AS share_larger FROM ("
        "SELECT sum(a * (b_below + b / 2.0)) / (sum(a) * sum(b)) AS share FROM ("
        "SELECT a, b, sum(b) OVER (ORDER BY v) - b AS b_below FROM ("
        "SELECT v, CAST(count(*) FILTER (WHERE inside) AS DOUBLE) AS a, CAST(count(*) FILTER (WHERE NOT inside) AS DOUBLE) AS b "
        f"FROM ({_sided(measure, inside)}) GROUP BY v)))",
        TOLERANCE,
    )


def spreads(dataset: Dataset, measure: Measure, grouping: Axis, codes: Sequence[int], group: int) -> dict[str, Any]:
    """One row: rows, and median distance from the own group's median, in the group and in the others; and their ratio."""
    own = grouping.condition(group)
    sides = ("own", "NOT own")
    parts = [
        *(f"count(*) FILTER (WHERE {side}) AS n{name}" for side, name in zip(sides, ("", "_others"), strict=True)),
        *(f"quantile_disc(d, 0.5) FILTER (WHERE {side}) AS d{name}" for side, name in zip(sides, ("", "_others"), strict=True)),
    ]
    values = (
        f"SELECT {own} AS own, {grouping.sql_name} AS g, {measure.axis.sql_value} AS v FROM data WHERE {members(grouping, codes)}"
    )
    return dataset.evidence(
        f"WITH of_groups AS ({values}), centres AS (SELECT g, quantile_disc(v, 0.5) AS centre FROM of_groups GROUP BY g) "
        f"SELECT n, n_others, d, d_others, round(d / d_others, 9) AS ratio FROM (SELECT {', '.join(parts)} FROM ("
        f"SELECT own, round(abs(v - centre), {rounding(measure)}) AS d FROM of_groups JOIN centres USING (g) WHERE v IS NOT NULL))",
        TOLERANCE,
    )


def four_ways(dataset: Dataset, measure: Measure, first: tuple[Axis, int], second: tuple[Axis, int]) -> dict[str, Any]:
    """Rows and median of the measure where both conditions hold, only the first, only the second, and neither."""
    one, other = (axis.condition(code) for axis, code in (first, second))
    return dataset.evidence(
        "SELECT one, other, count(*) AS n, quantile_disc(v, 0.5) AS median "
        f"FROM (SELECT {one} AS one, {other} AS other, {measure.axis.sql_value} AS v FROM data) "
        "WHERE v IS NOT NULL AND one IS NOT NULL AND other IS NOT NULL GROUP BY one, other ORDER BY one DESC, other DESC",
        TOLERANCE,
    )
