"""The queries behind the sentences: plain DuckDB over ``data``, with every class boundary as a literal."""

from collections.abc import Sequence
from typing import Any

from harness_core.sdk import Dataset
from harness_core.sdk.statistics.axes import Axis, literal
from harness_core.sdk.statistics.counted import (
    combinations_sql,
    is_worth_counting,
    quantiles_of_counts_sql,
    quantiles_sql,
    repeats,
)

QUARTERS = 4
FEW_CLASSES = 6
TOLERANCE = 1e-9


def coarse_cuts(axis: Axis) -> list[int]:
    """The class of each fine class when an axis is told in words: all of a few, else about a quarter of the classes each."""
    if axis.kind == "category" or axis.size <= FEW_CLASSES:
        return list(range(axis.size))
    return [min(QUARTERS - 1, code * QUARTERS // axis.size) for code in range(axis.size)]


def correlation(a: Axis, b: Axis, scores: tuple[Sequence[float], Sequence[float]], *, exact: bool) -> str:
    """One row: rank correlation, Pearson's correlation and the number of rows with both values.

    ``exact`` ranks all values (Spearman's coefficient); otherwise each value has the score of its class.
    """
    first, second = as_number(a), as_number(b)
    if exact:
        ranked = (
            "SELECT a, b, rank() OVER (ORDER BY a) + (count(*) OVER (PARTITION BY a) - 1) / 2.0 AS ra, "
            "rank() OVER (ORDER BY b) + (count(*) OVER (PARTITION BY b) - 1) / 2.0 AS rb "
            f"FROM (SELECT {first} AS a, {second} AS b FROM data) WHERE a IS NOT NULL AND b IS NOT NULL"
        )
    else:
        ranked = (
            f"SELECT * FROM (SELECT {first} AS a, {second} AS b, {a.sql_choice(scores[0])} AS ra, {b.sql_choice(scores[1])} AS rb "
            "FROM data) WHERE a IS NOT NULL AND b IS NOT NULL"
        )
    return f"SELECT round(corr(ra, rb), 12) AS rank_correlation, round(corr(a, b), 12) AS pearson, count(*) AS n FROM ({ranked})"


def as_number(axis: Axis) -> str:
    """The axis as a number: itself, or 0 and 1 for the two values of a category."""
    return axis.sql_value if axis.kind != "category" else axis.sql_choice(list(range(axis.size)))


def medians(dataset: Dataset, by: Axis, of: Axis) -> tuple[str, bool]:
    """A row per class of ``by``: its number, rows, quartiles and fences of ``of``, and where it begins and ends; and whether values
    are counted first, which makes it fast."""
    counts = True
    classes = f"{by.sql_choice(coarse_cuts(by))} AS g, {of.sql_value} AS v"
    ends = f"min({by.sql_name}) AS low, max({by.sql_name}) AS high"
    bounds = ("CAST(min(low) AS VARCHAR)", "CAST(max(high) AS VARCHAR)")
    if by.kind != "category" and repeats(dataset, (max(coarse_cuts(by)) + 1) * of.distinct):
        told = quantiles_of_counts_sql(f"SELECT {classes}, {ends}, count(*) AS c FROM data GROUP BY 1, 2", bounds)
    elif is_worth_counting(dataset, (by, of)):
        source, count = combinations_sql((by, of))
        told = quantiles_of_counts_sql(f"SELECT {classes}, {ends}, sum({count}) AS c FROM {source} GROUP BY 1, 2", bounds)
    else:
        counts = False
        told = quantiles_sql(f"SELECT {classes}, {by.sql_name} AS low, {by.sql_name} AS high FROM data", bounds)
    return f"SELECT g AS class, n, median, q1, q3, q05, q95, m0 AS least, m1 AS most FROM ({told}) ORDER BY class", counts


def ends(by: Axis, of: Axis) -> str:
    """A row per class of ``by``: its number, and where it begins and ends in the rows that have a value of ``of``."""
    shown, choice = by.sql_name, by.sql_choice(coarse_cuts(by))
    return (
        f"SELECT {choice} AS g, CAST(min({shown}) AS VARCHAR), CAST(max({shown}) AS VARCHAR) "
        f"FROM data WHERE {of.sql_value} IS NOT NULL GROUP BY g HAVING g IS NOT NULL"
    )


def _rows(dataset: Dataset, a: Axis, b: Axis) -> tuple[str, str]:
    """Where both columns are read from: the rows, or their combinations and the name of the count."""
    return combinations_sql((a, b)) if is_worth_counting(dataset, (a, b)) else ("data", "")


def cell(dataset: Dataset, a: Axis, b: Axis, codes: tuple[int, int]) -> dict[str, Any]:
    """One row about a cell of the coarse table: rows in it, in its row, column and in all, and the bounds of both classes."""
    first, second = (axis.sql_name for axis in (a, b))
    source, count = _rows(dataset, a, b)
    rows = f"CAST(coalesce(sum({count}) {{}}, 0) AS BIGINT)" if count else "count(*) {}"
    parts = [f"ca = {codes[0]} AND cb = {codes[1]}", f"ca = {codes[0]}", f"cb = {codes[1]}"]
    both, one, other = (rows.format(f"FILTER (WHERE {part})") for part in parts)
    n = rows.format("")
    bounds = ", ".join(
        f"CAST({literal(axis.values[code])} AS VARCHAR)"
        if axis.kind == "category"  # a class that is told has one value
        else f"CAST({edge}(v{side}) FILTER (WHERE c{side} = {code}) AS VARCHAR)"
        for side, axis, code in (("a", a, codes[0]), ("b", b, codes[1]))
        for edge in ("min", "max")
    )
    return dataset.evidence(
        f"SELECT {both} AS both, {one} AS first, {other} AS second, {n} AS n, {one} * {other} / {n} AS expected, {bounds} "
        f"FROM (SELECT {a.sql_choice(coarse_cuts(a))} AS ca, {b.sql_choice(coarse_cuts(b))} AS cb, {first} AS va, {second} AS vb"
        f"{', ' + count if count else ''} FROM {source}) WHERE ca IS NOT NULL AND cb IS NOT NULL",
        TOLERANCE,
    )


def rates(dataset: Dataset, by: Axis, of: Axis, code: int) -> dict[str, Any]:
    """A row per class of ``by``: its number, rows, those in the class ``code`` of ``of``, their share, its first and last value."""
    source, count = _rows(dataset, by, of)
    rows = f"sum({count})" if count else "count(*)"
    classes = f"{by.sql_choice(coarse_cuts(by))} AS class, {of.condition(code)} AS hit, {by.sql_name} AS shown"
    return dataset.evidence(
        f"SELECT class, CAST({rows} AS BIGINT) AS n, CAST(coalesce({rows} FILTER (WHERE hit), 0) AS BIGINT) AS hits, "
        "hits / n AS share, CAST(min(shown) AS VARCHAR) AS least, CAST(max(shown) AS VARCHAR) AS most "
        f"FROM (SELECT {classes}{', ' + count if count else ''} FROM {source}) "
        "WHERE class IS NOT NULL AND hit IS NOT NULL GROUP BY class ORDER BY class",
        TOLERANCE,
    )


def within_groups(a: Axis, b: Axis, given: Axis) -> str:
    """A row per class of ``given``: its number, its bounds, rows, and Pearson's correlation inside it."""
    shown, group = given.sql_name, given.sql_choice(list(range(given.size)))
    return (
        "SELECT class, CAST(min(shown) AS VARCHAR), CAST(max(shown) AS VARCHAR), count(*) AS n, "
        "CASE WHEN count(*) > 2 AND min(a) < max(a) AND min(b) < max(b) THEN round(corr(a, b), 12) END AS correlation "
        f"FROM (SELECT {group} AS class, {shown} AS shown, {as_number(a)} AS a, {as_number(b)} AS b "
        "FROM data) WHERE class IS NOT NULL AND a IS NOT NULL AND b IS NOT NULL GROUP BY class ORDER BY class"
    )


def all_within_groups(pairs: Sequence[tuple[Axis, Axis]], given: Axis, missing: Sequence[bool]) -> str:
    """A row per class of ``given``: its number, and for each of ``pairs`` its bounds and the correlation, which are those of
    :func:`within_groups` where both columns vary; ``missing`` says whether one of the two lacks values."""
    names = {axis: f"v{place}" for place, axis in enumerate(dict.fromkeys(axis for pair in pairs for axis in pair))}
    numbers = ", ".join(f"{as_number(axis)} AS {name}" for axis, name in names.items())
    told = []
    for (a, b), lacks in zip(pairs, missing, strict=True):
        both = f" FILTER (WHERE {names[a]} IS NOT NULL AND {names[b]} IS NOT NULL)" if lacks else ""
        bounds = [f"CAST({edge}(shown){both} AS VARCHAR)" for edge in ("min", "max")]
        told += [*bounds, f"round(corr({names[a]}, {names[b]}), 12)"]
    group = given.sql_choice(list(range(given.size)))
    return (
        f"SELECT class, {', '.join(told)} FROM (SELECT {group} AS class, {given.sql_name} AS shown, {numbers} FROM data) "
        "WHERE class IS NOT NULL GROUP BY class"
    )
