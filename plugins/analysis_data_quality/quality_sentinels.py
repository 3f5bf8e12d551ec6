"""Numbers and dates that stand in for a missing value: a repeated technical value, far away from all others."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from quality_table import COLUMNS_AT_ONCE, Field, Table, counted, literal, named, percent

from harness_core.sdk import Finding

NINES = tuple(int("9" * digits) for digits in range(2, 11))
STAND_INS = frozenset({-1, 0, *NINES, *(-value for value in (9, *NINES)), -(2**31), 2**31 - 1, 1_234_567, 123_456_789})
NEGATIVE_MARKS = frozenset({-1, -9, *(-value for value in NINES)})
_DATES = """
0001-01-01 1753-01-01 1899-12-30 1899-12-31 1900-01-01 1901-01-01 1970-01-01
1999-09-09 2099-12-31 2199-12-31 2999-12-31 9999-01-01 9999-12-31
"""
DATES = frozenset(_DATES.split())
FAR = 1.5  # so many interquartile ranges from the nearest other value, as Tukey's fences
DAYS_APART = 366
MANY_LEVELS = 30  # among fewer a -1 is rather one more level, as in a score from -1 to 10


def sentinels(table: Table) -> Iterator[Finding]:
    """Extremes that are technical values, repeated, with nothing near them."""
    numbers: list[tuple[Field, int]] = []
    for column in table.fields:
        if column.name in table.shadows or column.distinct < 10 or column.count < table.settings["min_rows"] * 2:
            continue
        if column.is_numeric:
            numbers += [(column, int(value)) for value in sorted({column.facts["min"], column.facts["max"]} & STAND_INS)]
        elif column.view.column.is_temporal and "min" in column.facts:
            for text in sorted({str(column.facts["min"]), str(column.facts["max"])}):
                if text[:10] in DATES and text[10:] in {"", "T00:00:00"}:
                    yield from _date(table, column, text)
    for start in range(0, len(numbers), COLUMNS_AT_ONCE):
        yield from _numbers(table, numbers[start : start + COLUMNS_AT_ONCE])


def _numbers(table: Table, suspects: Sequence[tuple[Field, int]]) -> Iterator[Finding]:
    """Those of the suspects that stand apart; one query for all, because each takes its time to bind in a wide table."""
    looks = []
    for column, value in suspects:
        other = f"CASE WHEN {_others(column, value)} THEN {column.sql} END"  # a FILTER would take ten times as long
        looks.append(
            f"struct_pack(rows := count_if({column.sql} = {value}), low := min({other}), high := max({other}), "
            f"quartiles := quantile_cont(CAST({other} AS DOUBLE), [0.25, 0.75]))"
        )
    (found,) = table.answer(f"SELECT {', '.join(looks)} FROM data")
    for (column, value), facts in zip(suspects, found, strict=True):
        low, high = facts["low"], facts["high"]
        if facts["rows"] < table.settings["sentinel_min_rows"] or low is None or low < value < high:
            continue
        first, third = facts["quartiles"]
        gap = float(low) - value if value < low else value - float(high)
        if gap > FAR * (third - first) or (value in NEGATIVE_MARKS and low >= 0 and column.distinct >= MANY_LEVELS):
            others = _others(column, value)
            query = (
                f"SELECT count(*) FILTER (WHERE {column.sql} = {value}), min({column.sql}) FILTER (WHERE {others}), "
                f"max({column.sql}) FILTER (WHERE {others}), count({column.sql}) FROM data"
            )
            rows, low, high, _ = table.answer(query)[0]
            told = (int(rows), _plain(low), _plain(high))
            yield _finding(table, column, f"{column.sql} = {literal(value)}", f"{value:,}", query, told)


def _others(column: Field, value: int) -> str:
    """The condition of the column's other values."""
    finite = f" AND isfinite({column.sql})" if column.view.storage in {"DOUBLE", "FLOAT"} else ""
    return f"{column.sql} <> {value}{finite}"


def _plain(value: Any) -> str:
    return f"{value:,.6g}" if isinstance(value, float) else f"{value:,}"


def _date(table: Table, column: Field, text: str) -> Iterator[Finding]:
    same = f"CAST({column.sql} AS DATE) = DATE '{text[:10]}'"
    query = (
        f"SELECT count(*) FILTER (WHERE {same}), CAST(min({column.sql}) FILTER (WHERE NOT ({same})) AS VARCHAR), "
        f"CAST(max({column.sql}) FILTER (WHERE NOT ({same})) AS VARCHAR), count({column.sql}) FROM data"
    )
    rows, low, high, _ = table.answer(query)[0]
    if rows < 2 or low is None:
        return
    value, first, last = (date.fromisoformat(moment[:10]).toordinal() for moment in (text, low, high))
    gap = first - value if value < first else value - last
    if gap > max(DAYS_APART, FAR * (last - first) / 2):
        yield _finding(table, column, same, text[:10], query, (int(rows), low[:10], high[:10]))


def _finding(table: Table, column: Field, same: str, value: str, query: str, facts: tuple[int, str, str]) -> Finding:
    rows, low, high = facts
    return Finding(
        kind="sentinel",
        title=f"{named(column.name)} seems to write missing values as {value}",
        statement=f"{counted(rows, 'row')} of {column.count:,} ({percent(rows, column.count)}) "
        f"{'has' if rows == 1 else 'have'} {value} in {named(column.name)}; "
        f"all other values lie from {low} to {high}, with nothing near it. It looks like a stand-in for a missing value.",
        columns=[column.name],
        severity="warning",
        confidence=0.9,
        subject=f"value {value}",
        statistics={"n": column.count, "rows": rows, "effect": {"name": "share of stand-ins", "value": rows / column.count}},
        recommendation="If it means missing, empty these cells: they pull every mean, total and range towards them.",
        evidence=[table.evidence(query), table.rows(same)],
    )
