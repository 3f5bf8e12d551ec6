"""Columns that say little: the same value throughout or almost, nothing at all, or much missing."""

from collections.abc import Iterator
from typing import Any

from quality_formats import trimmed
from quality_table import Field, Table, counted, literal, named, percent, shown

from harness_core.sdk import Finding


def constants(table: Table) -> Iterator[Finding]:
    """Columns without a value, with one value, or with one value in nearly all rows."""
    if table.row_count < table.settings["min_rows"]:
        return
    for column in table.fields:
        if column.distinct == 0:
            yield _empty(table, column)
        elif column.distinct == 1 and column.facts["null_count"] == 0:
            yield _constant(table, column)
        elif column.distinct >= 2:
            yield from _almost_constant(table, column)


def _empty(table: Table, column: Field) -> Finding:
    held, counts = "", f"count(*), count({column.sql})"
    if column.is_blank:
        what = "nothing but blanks" if column.facts["lengths"]["max"] else "an empty text"
        where = "all of them hold" if column.count == table.row_count else _holding(column.count)
        held = f"; {where} {what}"
        counts += f", count(*) FILTER (WHERE {trimmed(column)} <> '')"
    return Finding(
        kind="constant",
        title=f"{named(column.name)} is empty",
        statement=f"{named(column.name)} has no value in any of the {table.row_count:,} rows{held}.",
        columns=[column.name],
        severity="notice",
        subject="empty",
        statistics={"n": table.row_count, "empty": table.row_count},
        recommendation="Ask whether the export left it out, or drop the column.",
        evidence=[table.evidence(f"SELECT {counts} FROM data")],
    )


def _holding(rows: int) -> str:
    return f"{rows:,} of them {'holds' if rows == 1 else 'hold'}"


def _constant(table: Table, column: Field) -> Finding:
    value = _quoted_top(column)
    return Finding(
        kind="constant",
        title=f"{named(column.name)} never changes",
        statement=f"{named(column.name)} holds {f'the value {value}' if value else 'the same value'} "
        f"in all {table.row_count:,} rows.",
        columns=[column.name],
        severity="info",
        subject="constant",
        statistics={"n": table.row_count},
        recommendation="It cannot explain any difference between rows; leave it out of comparisons.",
        evidence=[table.evidence(f"SELECT count(*), count({column.sql}), count(DISTINCT {column.sql}) FROM data")],
    )


def _almost_constant(table: Table, column: Field) -> Iterator[Finding]:
    top = (column.facts.get("top_values") or [{"count": 0}])[0]
    others = column.count - top["count"]
    if column.count < table.settings["min_rows"] * 4 or top["count"] < table.settings["almost_constant_share"] * column.count:
        return
    value = _quoted_top(column) or "one value"
    same = (
        f"CAST({column.sql} AS VARCHAR) = CAST({literal(top['value'])} AS VARCHAR)"
        if column.is_text
        else _equals(column, top["value"])
    )
    yield Finding(
        kind="constant",
        title=f"{named(column.name)} is almost constant",
        statement=f"{named(column.name)} is {value} in {top['count']:,} of {counted(column.count, 'row')} that have a value "
        f"({percent(top['count'], column.count)}); {counted(others, 'row')} {'differs' if others == 1 else 'differ'}.",
        columns=[column.name],
        severity="info",
        subject="almost_constant",
        statistics={"n": column.count, "same": top["count"], "others": others},
        recommendation="Look at the few rows that differ: they are either the interesting ones or mistakes.",
        evidence=[
            table.evidence(f"SELECT count({column.sql}), count(*) FILTER (WHERE {same}) FROM data"),
            table.rows(f"{column.sql} IS NOT NULL AND NOT ({same})"),
        ],
    )


def _equals(column: Field, value: Any) -> str:
    if isinstance(value, str):
        return f"{column.sql} = CAST({literal(value)} AS {column.view.storage})"
    return f"{column.sql} = {literal(value)}"


def _quoted_top(column: Field) -> str | None:
    top = column.facts.get("top_values") or []
    return shown(top[0]["value"]) if top and column.may_quote else None


def missing(table: Table) -> Iterator[Finding]:
    """Columns of which a good part is missing: the bare fact."""
    if table.row_count < table.settings["min_rows"]:
        return
    for column in table.fields:
        gone = int(column.facts["null_count"])
        if column.distinct == 0 or gone < table.settings["missing_share_floor"] * table.row_count:
            continue
        yield Finding(
            kind="missingness",
            title=f"{named(column.name)} is missing in {percent(gone, table.row_count)} of the rows",
            statement=f"{named(column.name)} has no value in {gone:,} of "
            f"{table.row_count:,} rows ({percent(gone, table.row_count)}).",
            columns=[column.name],
            severity="notice" if gone >= table.row_count / 2 else "info",
            subject="share",
            statistics={
                "n": table.row_count,
                "missing": gone,
                "effect": {"name": "missing share", "value": gone / table.row_count},
            },
            recommendation="Find out whether an empty cell means no, unknown or not yet before averaging over the rest.",
            evidence=[table.evidence(f"SELECT count(*), count(*) - count({column.sql}) FROM data")],
        )
