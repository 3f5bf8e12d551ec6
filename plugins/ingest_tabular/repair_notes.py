"""What was mended or set aside while reading, counted exactly, with the first hundred places and one sentence each."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

MAX_PLACES = 100


@dataclass
class _Note:
    code: str
    count: int
    sentence: str
    column: str | None
    rows: list[int]
    lines: list[int]


@dataclass
class Repairs:
    """The repairs of one dataset version, in the order in which they were noticed."""

    notes: list[_Note] = field(default_factory=list)

    def add(
        self,
        code: str,
        count: int,
        sentence: str,
        *,
        column: str | None = None,
        rows: Sequence[int] = (),
        lines: Sequence[int] = (),
    ) -> None:
        """Note ``count`` repairs of one kind; ``rows`` count from 0 in the dataset version, ``lines`` from 1 in the source."""
        self.notes.append(_Note(code, count, sentence, column, list(rows[:MAX_PLACES]), list(lines[:MAX_PLACES])))

    def as_list(self) -> list[dict[str, Any]]:
        listed = []
        for note in self.notes:
            raw: dict[str, Any] = {"code": note.code, "count": note.count, "sentence": note.sentence}
            if note.column is not None:
                raw["column"] = note.column
            if note.rows:
                raw["rows"] = note.rows
            if note.lines:
                raw["lines"] = note.lines
            listed.append(raw)
        return listed


def counted(count: int, one: str, many: str) -> str:
    """``1 row was`` or ``1,234 rows were``: the count with the words that go with it."""
    return f"{count:,} {one if count == 1 else many}"
