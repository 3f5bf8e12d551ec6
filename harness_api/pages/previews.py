"""An ingest plugin's look at a file, as far as a page can show it: whatever a plugin hands over, the page stands.

What ``inspect`` answers is free-form and comes from a guest; it is read once, here, and what is of another kind is left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SHOWN_ROWS = 50
SHOWN_COLUMNS = 200
SHOWN_REPAIRS = 50
NUMBERS = frozenset({"integer", "float", "decimal"})


@dataclass(frozen=True)
class Heading:
    """A column as a table shows it."""

    name: str
    type: str

    @property
    def is_number(self) -> bool:
        return self.type in NUMBERS


@dataclass(frozen=True)
class Preview:
    """What is shown of a file: facts as pairs of a word and its value, headings, rows as text (None is missing), repairs."""

    facts: Sequence[tuple[str, str]]
    column_count: int
    headings: Sequence[Heading]
    rows: Sequence[Sequence[str | None]]
    repairs: Sequence[str]
    repair_count: int
    sheets: Sequence[str] = ()


def shown_preview(answer: Mapping[str, Any]) -> Preview:
    columns = [item for item in _list(answer.get("columns")) if isinstance(item, Mapping)]
    rows = [row for row in _list(answer.get("rows")) if isinstance(row, list)]
    repairs = _list(answer.get("repairs"))
    return Preview(
        facts=_facts(answer, len(columns)),
        column_count=len(columns),
        headings=headings(columns),
        rows=[[_text(value) for value in row[: min(SHOWN_COLUMNS, len(columns))]] for row in rows[:SHOWN_ROWS]],
        repairs=[repair_words(item) for item in repairs[:SHOWN_REPAIRS]],
        repair_count=len(repairs),
        sheets=[str(name) for name in _list(answer.get("sheets"))][:SHOWN_COLUMNS],
    )


def headings(columns: Sequence[Mapping[str, Any]]) -> list[Heading]:
    """The columns that are shown."""
    return [Heading(str(item.get("name", "")), str(item.get("type", ""))) for item in columns[:SHOWN_COLUMNS]]


def repair_words(repair: Any) -> str:
    """What a reader says that it mended, in its own sentence."""
    if not isinstance(repair, Mapping):
        return str(repair)
    return str(repair.get("sentence") or repair.get("message") or repair.get("code") or "Something was repaired.")


def _facts(answer: Mapping[str, Any], column_count: int) -> list[tuple[str, str]]:
    names = (("Format", "format"), ("Encoding", "encoding"), ("Delimiter", "delimiter"), ("Quote", "quote"))
    found = [(word, str(answer[key])) for word, key in names if isinstance(answer.get(key), str) and answer[key]]
    if isinstance(answer.get("header"), bool):
        found.append(("First row", "names the columns" if answer["header"] else "is data"))
    sheets = _list(answer.get("sheets"))
    found += [("Sheets", ", ".join(map(str, sheets)))] if sheets else []
    estimate = answer.get("row_estimate")
    if isinstance(estimate, int | float):
        found.append(("Rows", f"{'' if answer.get('row_estimate_exact') else 'about '}{estimate:,.0f}"))
    return found + ([("Columns", f"{column_count:,}")] if column_count else [])


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
