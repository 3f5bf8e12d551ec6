"""What a table offers to analyses, counted from its profile, and whether that is what an analysis needs, said in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

NUMERIC = frozenset({"integer", "float", "decimal"})
TEMPORAL = frozenset({"date", "timestamp"})
NAMED = 3  # so many columns are named in a reason

# how each need is called when it is one, and when it is another number
WORDS = {
    "rows": ("row", "rows"),
    "columns": ("column", "columns"),
    "numeric": ("numeric measure", "numeric measures"),
    "categorical": ("column of categories", "columns of categories"),
    "temporal": ("date or time column", "date or time columns"),
    "text": ("text column", "text columns"),
    "groups": ("column with groups", "columns with groups"),
    "event_log": ("event log", "event logs"),
}
NUMERALS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


@dataclass(frozen=True)
class Offer:
    """What the table has: the number of rows, and the columns that serve each need; ``why_none`` is the reason why one has none."""

    row_count: int
    columns: Mapping[str, Sequence[str]]
    why_none: Mapping[str, str] = field(default_factory=dict)

    def count(self, need: str) -> int:
        if need == "event_log":  # one, of several columns, or none
            return int(bool(self.columns[need]))
        return self.row_count if need == "rows" else len(self.columns[need])

    @classmethod
    def of(
        cls, profile: Mapping[str, Any], roles: Mapping[str, str], levels: tuple[int, int], log: Mapping[str, Any] | None = None
    ) -> "Offer":
        """From the profile's metrics, with roles as corrected; ``levels`` bounds what counts as a column with groups; ``log`` is
        the result of the event log profile, where there is one."""
        found: dict[str, list[str]] = {need: [] for need in WORDS if need != "rows"}
        for column in profile["columns"]:
            for need in _serves(column, roles[column["name"]], levels):
                found[need].append(column["name"])
        found["event_log"] = _event_columns(log or {})
        why = str((log or {}).get("summary") or "No profile looked for one").rstrip(".")
        return cls(int(profile["row_count"]), found, {} if found["event_log"] else {"event_log": why})


def _event_columns(log: Mapping[str, Any]) -> list[str]:
    """The columns with a role in the event log that was found, without repeats; none where there is no event log."""
    metrics = log.get("metrics") or {}
    roles = metrics.get("roles") or {} if metrics.get("is_event_log") else {}
    named = (roles.get(role) for role in ("case", "activity", "time", "queued", "started", "ended", "resource"))
    return list(dict.fromkeys(str(name) for name in named if name))


def _serves(column: Mapping[str, Any], role: str, levels: tuple[int, int]) -> list[str]:
    needs = ["columns"]
    if role == "measure" and column["type"] in NUMERIC:
        needs.append("numeric")
    if role in {"category", "flag"}:
        needs.append("categorical")
        if levels[0] <= column["distinct_count"] <= levels[1]:
            needs.append("groups")
    if role == "time" and (column["type"] in TEMPORAL or column.get("semantic_type") == "year_month"):
        needs.append("temporal")
    if role == "text" and column["type"] == "text":
        needs.append("text")
    return needs


def shortfall(needs: Mapping[str, int], offer: Offer) -> str | None:
    """Why the table cannot feed an analysis with these needs, naming the columns there are; ``None`` when it can."""
    for need, least in needs.items():
        if need not in WORDS:
            return f'it asks for "{need}", which no profile offers'
        if offer.count(need) < least:
            return f"needs {counted(least, need, at_least=True)}; {_there_is(need, offer)}"
    return None


def sufficiency(needs: Mapping[str, int], offer: Offer) -> str:
    """What of the table meets the needs, most specific first."""
    met = [need for need in needs if need not in {"rows", "columns"}] or [need for need in needs if need == "columns"]
    parts = [f"{counted(offer.count(need), need)}{_named(need, offer)}" for need in met]
    return (
        f"there {_is_are(offer.count(met[0]))} {' and '.join(parts)}"
        if parts
        else f"there {_is_are(offer.row_count)} {counted(offer.row_count, 'rows')}"
    )


def counted(number: int, need: str, *, at_least: bool = False) -> str:
    one, many = WORDS[need]
    numeral = NUMERALS[number] if number < len(NUMERALS) else f"{number:,}"
    return f"{'at least ' if at_least and number > 1 else ''}{numeral} {one if number == 1 else many}"


def _there_is(need: str, offer: Offer) -> str:
    number = offer.count(need)
    if number == 0:
        if need in offer.why_none:
            return f"there is none. {offer.why_none[need]}"
        return "there is none" if need != "rows" else "the table is empty"
    if need in {"rows", "columns"}:
        return f"there {_is_are(number)} {number:,}"
    return f"there {_is_are(number)} {NUMERALS[number] if number < len(NUMERALS) else f'{number:,}'}{_named(need, offer)}"


def _named(need: str, offer: Offer) -> str:
    if need in {"rows", "columns"} or not offer.columns[need]:
        return ""
    names = [f'"{name}"' for name in offer.columns[need]]
    if len(names) == 1:
        return f", {names[0]}"
    shown = names[:NAMED]
    rest = len(names) - len(shown)
    return f" ({', '.join(shown)}{f' and {rest:,} more' if rest else ''})"


def _is_are(number: int) -> str:
    return "is" if number == 1 else "are"
