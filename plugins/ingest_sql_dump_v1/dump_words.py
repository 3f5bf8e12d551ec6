"""What a person is told: refusals with line and remedy, and the notes on what was left out, kept as text or mended."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from harness_core.sdk import InputRejected

MAX_PLACES = 100
AGAIN = "Make the dump again with mysqldump, pg_dump or sqlite3's .dump, and upload it whole."


@dataclass
class Notes:
    """Notes by kind: counted exactly, with the first hundred places."""

    kinds: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    def add(
        self, code: str, sentence: str, *, count: int = 1, lines: Sequence[int] = (), rows: Sequence[int] = (), **more: Any
    ) -> None:
        """Add to the note of this code and sentence. ``{count}`` in the sentence becomes the number in the end."""
        note = self.kinds.setdefault((code, sentence), {"code": code, "count": 0, "sentence": sentence, **more})
        note["count"] += count
        for key, places in (("lines", lines), ("rows", rows)):
            if places:
                note[key] = (note.get(key, []) + list(places))[:MAX_PLACES]

    def as_list(self) -> list[dict[str, Any]]:
        return [{**note, "sentence": note["sentence"].replace("{count}", f"{note['count']:,}")} for note in self.kinds.values()]


def rejected(code: str, message: str, remedy: str, line: int | None = None) -> InputRejected:
    return InputRejected(message, line=line, remedy=remedy, code=code)


def truncated(line: int, where: str) -> InputRejected:
    return rejected("truncated", f"The file ends {where}.", f"It was cut off. {AGAIN}", line)


def refused(line: int, what: str, why: str, remedy: str | None = None) -> InputRejected:
    """A statement that would act if a database ran the dump, and without which the tables would not be what the dump means."""
    return rejected(
        "refused_statement", f"{what} is refused: {why}.", remedy or f"Take the statement out of the file. {AGAIN}", line
    )


def syntax(line: int, what: str) -> InputRejected:
    return rejected("bad_sql", what, AGAIN, line)


def shown(raw: bytes, limit: int = 60) -> str:
    """A piece of the source for a sentence: one line, cut."""
    text = " ".join(raw[: 4 * limit].decode("utf-8", "replace").split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
