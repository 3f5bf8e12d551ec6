"""What is looked for: a known issue as two queries of plain SQL, one that counts over all rows and one that names the rows."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness_core.sdk.dataset import quote_name, quote_text

WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")


@dataclass(frozen=True)
class Check:
    """``counted`` returns one row: how many rows speak for (``whole``: against) the issue, and how many there are.

    ``rows`` gives their row indices in order, where single rows can be named; ``said`` is the test in words.
    """

    counted: str
    rows: str | None
    said: str
    whole: bool = False

    def confirmed(self, affected: int, total: int) -> bool:
        return total > 0 and (affected == 0 if self.whole else affected > 0)


def check_of(issue: Mapping[str, Any], names: Mapping[str, str]) -> Check | None:
    """The check of an issue over columns that are there; ``names`` maps each column to its quoted name in the view.

    None where neither a condition nor a pattern nor the kind says what to look for.
    """
    columns = list(issue.get("columns") or ())
    quoted = [names[column] for column in columns]
    condition, pattern = issue.get("condition") or "", issue.get("pattern") or ""
    if condition or pattern:
        return _of_rows(_condition(condition, pattern, quoted), _said(condition, pattern, columns))
    makers = {
        "missingness": _missingness, "constant": _constant, "key": _key, "duplicate_rows": _duplicate_rows,
        "duplicate_columns": _duplicate_columns, "functional_dependency": _dependency,
    }  # fmt: skip
    maker = makers.get(str(issue["kind"]))
    return maker(columns, quoted, list(names.values())) if maker else None


def _condition(condition: str, pattern: str, quoted: Sequence[str]) -> str:
    """On lines of its own, so that a comment in it ends where it should."""
    parts = [f"(\n{condition}\n)"] if condition else []
    if pattern:
        parts.append("(" + " OR ".join(f"regexp_matches(CAST({name} AS VARCHAR), {quote_text(pattern)})" for name in quoted) + ")")
    return " AND ".join(parts)


def _said(condition: str, pattern: str, columns: Sequence[str]) -> str:
    parts = [f"where {' '.join(condition.split())}"] if condition else []
    if pattern:
        parts.append(f"{'and ' if condition else 'where '}{' or '.join(_named(columns))} matches {pattern}")
    return " ".join(parts)


def _of_rows(condition: str, said: str) -> Check:
    return Check(
        f"SELECT count(*) FILTER (WHERE {condition}) AS affected, count(*) AS n FROM data",
        f"SELECT row_index FROM data WHERE {condition} ORDER BY row_index",
        said,
    )


def _missingness(columns: Sequence[str], quoted: Sequence[str], everything: Sequence[str]) -> Check:
    return _of_rows(" OR ".join(f"{name} IS NULL" for name in quoted), f"where {' or '.join(_named(columns))} is missing")


def _constant(columns: Sequence[str], quoted: Sequence[str], everything: Sequence[str]) -> Check:
    others = " + ".join(f"greatest(count(DISTINCT {name}) - 1, 0)" for name in quoted)
    return Check(
        f"SELECT {others} AS further_values, count(*) AS n FROM data",
        None,
        f"{_and(columns)} never change{_s(columns)}",
        whole=True,
    )


def _key(columns: Sequence[str], quoted: Sequence[str], everything: Sequence[str]) -> Check:
    key, present = ", ".join(quoted), " AND ".join(f"{name} IS NOT NULL" for name in quoted)
    counted = f"SELECT count(*) AS times FROM data WHERE {present} GROUP BY {key}"
    return Check(
        f"SELECT CAST(coalesce(sum(times) FILTER (WHERE times > 1), 0) AS BIGINT) AS affected, "
        f"(SELECT count(*) FROM data) AS n FROM ({counted})",
        f"SELECT row_index FROM data WHERE {present} QUALIFY count(*) OVER (PARTITION BY {key}) > 1 ORDER BY row_index",
        f"where another row has the same {_and(columns)}",
    )


def _duplicate_rows(columns: Sequence[str], quoted: Sequence[str], everything: Sequence[str]) -> Check:
    key = ", ".join(quoted or everything)
    return Check(
        f"SELECT CAST(coalesce(sum(times - 1), 0) AS BIGINT) AS affected, (SELECT count(*) FROM data) AS n "
        f"FROM (SELECT count(*) AS times FROM data GROUP BY {key})",
        f"SELECT row_index FROM data QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY row_index) > 1 ORDER BY row_index",
        f"where an earlier row has the same {_and(columns)}" if columns else "where an earlier row is the same",
    )


def _duplicate_columns(columns: Sequence[str], quoted: Sequence[str], everything: Sequence[str]) -> Check:
    first, *others = (f"CAST({name} AS VARCHAR)" for name in quoted)
    differ = " OR ".join(f"{first} IS DISTINCT FROM {other}" for other in others)
    return Check(
        f"SELECT count(*) FILTER (WHERE {differ}) AS rows_that_differ, count(*) AS n FROM data", None,
        f"{_and(columns)} hold the same in every row", whole=True,
    )  # fmt: skip


def _dependency(columns: Sequence[str], quoted: Sequence[str], everything: Sequence[str]) -> Check:
    *given, decided = quoted
    key, present = ", ".join(given), " AND ".join(f"{name} IS NOT NULL" for name in given)
    pairs = f"SELECT {key}, {decided}, count(*) AS times FROM data WHERE {present} GROUP BY {key}, {decided}"
    groups = f"SELECT sum(times) - max(times) AS others FROM ({pairs}) GROUP BY {key}"
    return Check(
        f"SELECT CAST(coalesce(sum(others), 0) AS BIGINT) AS affected, (SELECT count(*) FROM data) AS n FROM ({groups})", None,
        f"where {_and([columns[-1]])} is not what {_and(columns[:-1])} usually come{_s(columns[:-1])} with",
    )  # fmt: skip


def _named(columns: Sequence[str]) -> list[str]:
    return [quote_name(column) for column in columns]


def _and(columns: Sequence[str]) -> str:
    return " and ".join(_named(columns))


def _s(columns: Sequence[str]) -> str:
    return "s" if len(columns) == 1 else ""


def unsteady_word(condition: str, unsteady: frozenset[str], columns: frozenset[str]) -> str | None:
    """The first word of a condition that means something else at another time or in another run, such as ``now`` or ``random``."""
    words = (word.lower() for word in WORD.findall(QUOTED.sub(" ", condition)))
    return next((word for word in words if word in unsteady and word not in columns), None)
