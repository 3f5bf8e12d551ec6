"""The queries behind the sentences: plain DuckDB over ``data``, groups as literals, sums that do not depend on row order."""

import math
from collections.abc import Sequence
from typing import Any

from difference_columns import Measure

from harness_core.sdk import Dataset
from harness_core.sdk.statistics.axes import Axis

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
    return dataset.evidence(
        "SELECT CAST(g AS VARCHAR) AS shown, n, q[3] AS median, q[2] AS q1, q[4] AS q3, q[1] AS q05, q[5] AS q95 FROM ("
        "SELECT g, count(*) AS n, quantile_disc(v, [0.05, 0.25, 0.5, 0.75, 0.95]) AS q "
        f"FROM (SELECT {grouping.sql_name} AS g, {measure.axis.sql_value} AS v FROM data WHERE {members(grouping, codes)}) "
        "WHERE v IS NOT NULL GROUP BY g) ORDER BY median DESC, shown",
        TOLERANCE,
    )


def contrast(dataset: Dataset, measure: Measure, inside: str, within: str) -> dict[str, Any]:
    """One row about the rows where ``inside`` holds and all others: rows, medians, means, the difference of the means with its
    95 % interval by Welch."""
    place = rounding(measure)
    sides = ("inside", "NOT inside")
    parts = [
        *(f"count(*) FILTER (WHERE {side})" for side in sides),
        *(f"quantile_disc(v, 0.5) FILTER (WHERE {side})" for side in sides),
        *(f"round(favg(v) FILTER (WHERE {side}), {place})" for side in sides),
    ]
    difference = "favg(v) FILTER (WHERE inside) - favg(v) FILTER (WHERE NOT inside)"
    reach = "1.959963984540054 * sqrt(" + " + ".join(
        f"var_samp(v) FILTER (WHERE {side}) / count(*) FILTER (WHERE {side})" for side in sides
    ) + ")"  # fmt: skip
    parts += [f"round({difference} {sign}, {place})" for sign in ("", f"- {reach}", f"+ {reach}")]
    names = ("n", "n_others", "median", "median_others", "mean", "mean_others", "difference", "low", "high")
    chosen = ", ".join(f"{part} AS {name}" for part, name in zip(parts, names, strict=True))
    return dataset.evidence(f"SELECT {chosen} FROM ({_sided(measure, inside, within)})", TOLERANCE)


def _sided(measure: Measure, inside: str, within: str) -> str:
    return (
        f"SELECT {inside} AS inside, v FROM (SELECT *, {measure.axis.sql_value} AS v FROM data) "
        f"WHERE v IS NOT NULL AND {within} AND {inside} IS NOT NULL"
    )


def dominance(dataset: Dataset, measure: Measure, inside: str, within: str) -> dict[str, Any]:
    """One row: Cliff's delta, and how often a value inside is larger than one of the others, ties counted half."""
    return dataset.evidence(
        "SELECT round(2 * share - 1, 12) AS cliffs_delta, round(share, 12) AS share_larger FROM ("
        "SELECT sum(a * (b_below + b / 2.0)) / (sum(a) * sum(b)) AS share FROM ("
        "SELECT a, b, sum(b) OVER (ORDER BY v) - b AS b_below FROM ("
        "SELECT v, CAST(count(*) FILTER (WHERE inside) AS DOUBLE) AS a, CAST(count(*) FILTER (WHERE NOT inside) AS DOUBLE) AS b "
        f"FROM ({_sided(measure, inside, within)}) GROUP BY v)))",
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
