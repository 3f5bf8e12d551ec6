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
class Doubt:
    """Why a column did not become what it looks like, and the first values that kept it from that, with their rows."""

    name: str
    note: str
    examples: Sequence[tuple[int, str]]


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
    doubts: Sequence[Doubt] = ()


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
        doubts=doubts(columns),
    )


def doubts(columns: Sequence[Mapping[str, Any]]) -> list[Doubt]:
    """The columns of which the reader has something to say."""
    told = [(str(item.get("name", "")), item["note"], _list(item.get("counter_examples"))) for item in columns if item.get("note")]
    return [Doubt(name, str(note), [pair for item in items if (pair := _example(item))]) for name, note, items in told][
        :SHOWN_REPAIRS
    ]


def _example(item: Any) -> tuple[int, str] | None:
    known = isinstance(item, Mapping) and isinstance(item.get("row"), int) and item.get("value") is not None
    return (item["row"], str(item["value"])) if known else None


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
