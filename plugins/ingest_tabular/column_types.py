"""Which types a column's texts allow: proposals that every value seen so far survives, with every choice written down.

A type is proposed only if each text can be told back from the value, up to trivial formatting (padding zeros after the
decimal point, the case of a month's name). Where two readings contradict each other (day or month first, thousands or
decimals) both are returned, and the caller needs more rows, or keeps the text.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from harness_core.sdk.contract import ColumnType

INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,18})\Z")
PLAIN_FLOAT = re.compile(r"-?(0|[1-9][0-9]*)?(\.[0-9]*)?\Z")
SCIENTIFIC = re.compile(r"-?([0-9](\.[0-9]+)[eE][+-]?[0-9]{1,3}|[0-9](\.[0-9]*)?[eE][+-][0-9]{1,3})\Z")
GROUPED = {
    ",": re.compile(r"-?(0|[1-9][0-9]{0,2}(,[0-9]{3})+|[1-9][0-9]*)(\.[0-9]+)?\Z"),
    ".": re.compile(r"-?(0|[1-9][0-9]{0,2}(\.[0-9]{3})+|[1-9][0-9]*)(,[0-9]+)?\Z"),
}
SET_APART = (" ", "\u00a0", "\u202f", "'", "\u2019")
DECIMAL_COMMA = re.compile(r"-?(0|[1-9][0-9]*)?(,[0-9]+)?\Z")
BOOLEANS = frozenset({"true", "false"})
TIME = re.compile(r"([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?\Z")
ISO_TIMESTAMP = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
ISO_ZONED = ISO_TIMESTAMP + r" ?(Z|UTC|[+-][0-9]{2}(:?[0-9]{2})?)"
ISO_TIMESTAMP_TEXT = re.compile(ISO_TIMESTAMP + r"\Z")
ISO_ZONED_TEXT = re.compile(ISO_ZONED + r"\Z")
ISO_DATE_TEXT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
COMPACT_DATE = re.compile(r"(19|20)[0-9]{6}\Z")
COMPACT_DATES = 5  # of so many different numbers of eight digits that begin as a year, not one in a million sets is all days
DATE_SHAPE = re.compile(
    r"(?P<a>[0-9]{1,4}|[A-Za-z]{3,9})(?P<s>[-/. ]|, )(?P<b>[0-9]{1,2}|[A-Za-z]{3,9})(?P<t>[-/. ]|, )(?P<c>[0-9]{1,4})"
    r"(?P<time>(?P<gap>[ T]|, )[0-9]{1,2}:[0-9]{2}(?P<seconds>:[0-9]{2})?(?P<fraction>\.[0-9]{1,6})?(?P<noon> ?[AaPp][Mm])?)?\Z"
)
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
FULL_MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
SPACES = " \t\u00a0"


@dataclass(frozen=True)
class Typing:
    """One way to read a column: the type, what is stored, and the format that turns text into value and back.

    ``scale`` is the most decimal places: of a decimal, those that are kept; of a float, those of the texts seen so far.
    """

    type: ColumnType
    storage: str
    format: str = ""
    decimal: str = "."
    thousands: str = ""
    scale: int = 0
    tokens: tuple[str, ...] = ()
    trim: bool = False
    note: str | None = None

    def as_reading(self) -> dict[str, Any]:
        """The choices that decide the values, for the dataset version's identity; what is usual is left out."""
        raw: dict[str, Any] = {"type": self.type, "storage": self.storage}
        if self.format:
            raw["format"] = self.format
        if self.decimal != ".":
            raw["decimal"] = self.decimal
        if self.thousands:
            raw["thousands"] = self.thousands
        if self.tokens:
            raw["null_tokens"] = sorted(self.tokens)
        if self.trim:
            raw["trim"] = True
        return raw


TEXT = Typing("text", "VARCHAR")


@dataclass(frozen=True)
class TypeRules:
    """The settings that bear on types."""

    null_tokens: frozenset[str] = frozenset()
    decimal: str = "auto"
    date_order: str = "auto"
    forced: Mapping[str, str] = field(default_factory=dict)

    def forced_type(self, name: str) -> str | None:
        """The type that the settings ask for: by the column's name, or for all columns under ``*``."""
        return self.forced.get(name, self.forced.get("*"))


def candidates(values: Iterable[str | None], rules: TypeRules, forced: str | None = None) -> list[Typing]:
    """Every typing that all ``values`` survive, contradicting ones side by side; empty means that it must be text."""
    if forced == "text":
        return []
    seen = {value for value in values if value}
    trimmed = {value: value.strip(SPACES) for value in seen}
    tokens = tuple(sorted(value for value in seen if trimmed[value].lower() in rules.null_tokens or not trimmed[value]))
    texts = {trimmed[value] for value in seen} - {trimmed[token] for token in tokens}
    if not texts:
        return []
    trim = any(trimmed[value] != value for value in seen if value not in tokens)
    found = [replace(typing, tokens=tokens, trim=trim) for typing in _readings(texts, rules)]
    return [typing for typing in found if forced is None or typing.type == forced] or _widened(texts, forced, tokens, trim)


def _widened(texts: set[str], forced: str | None, tokens: tuple[str, ...], trim: bool) -> list[Typing]:
    """A type asked for may be wider than the one the data would get: integers read as floats, dates as timestamps."""
    if forced == "float" and all(INTEGER.match(text) for text in texts):
        return [Typing("float", "DOUBLE", tokens=tokens, trim=trim)]
    if forced == "integer" and all(INTEGER.match(text) for text in texts):
        return [replace(typing, tokens=tokens, trim=trim) for typing in _integer(texts)]
    if forced == "decimal" and all(PLAIN_FLOAT.match(text) for text in texts):
        return [Typing("decimal", f"DECIMAL(38,{_scale(texts)})", scale=_scale(texts), tokens=tokens, trim=trim)]
    return []


def _readings(texts: set[str], rules: TypeRules) -> list[Typing]:
    for attempt in (_boolean, _compact_date, _number, _time, _moment):
        found = attempt(texts, rules)
        if found:
            return found
    return []


def _compact_date(texts: set[str], rules: TypeRules) -> list[Typing]:
    """Days written as one number, 20240131, where there are enough of them to rule out chance."""
    if rules.date_order not in ("auto", "ymd") or len(texts) < COMPACT_DATES:
        return []
    are_days = all(COMPACT_DATE.match(text) and _real_day(f"{text[:4]}-{text[4:6]}-{text[6:]}") for text in texts)
    return [Typing("date", "DATE", "%Y%m%d")] if are_days else []


def _boolean(texts: set[str], rules: TypeRules) -> list[Typing]:
    return [Typing("boolean", "BOOLEAN")] if all(text.lower() in BOOLEANS for text in texts) else []


def _number(texts: set[str], rules: TypeRules) -> list[Typing]:
    if rules.decimal != "," and all(INTEGER.match(text) for text in texts):
        return _integer(texts)
    if rules.decimal != "," and all(_is_float(text) for text in texts):
        return _plain_float(texts)
    found = []
    if rules.decimal != "," and all(GROUPED[","].match(text) for text in texts):
        found.append(_grouped(texts, ".", ","))
    if rules.decimal != "." and all(GROUPED["."].match(text) or DECIMAL_COMMA.match(text) for text in texts):
        found += [_grouped(texts, ",", "." if any("." in text for text in texts) else "")]
    return [typing for typing in found if typing is not None] or _set_apart(texts, rules)


def _integer(texts: Iterable[str]) -> list[Typing]:
    fits = all(-(2**63) <= int(text) < 2**63 and text != "-0" for text in texts)
    return [Typing("integer", "BIGINT")] if fits else []


def _set_apart(texts: set[str], rules: TypeRules) -> list[Typing]:
    """Numbers in groups with blanks or apostrophes between them, as 1 341,2 or 1'341.2.

    Texts of one and the same shape, which phone numbers and article numbers have, stay text.
    """
    decimal = "," if any("," in text for text in texts) else "."
    marks = [mark for mark in SET_APART if any(mark in text for text in texts)]
    if len(marks) != 1 or rules.decimal not in ("auto", decimal) or len({re.sub("[0-9]", "9", text) for text in texts}) < 2:
        return []
    shape = re.compile(rf"-?(0|[1-9][0-9]{{0,2}}({marks[0]}[0-9]{{3}})+|[1-9][0-9]*)([{decimal}][0-9]+)?\Z")
    found = _grouped(texts, decimal, marks[0]) if all(shape.match(text) for text in texts) else None
    return [] if found is None else [found]


def _is_float(text: str) -> bool:
    return bool(PLAIN_FLOAT.match(text) and text.strip("-.")) or bool(SCIENTIFIC.match(text))


def _plain_float(texts: set[str]) -> list[Typing]:
    if all(survives_double(text) for text in texts):
        return [Typing("float", "DOUBLE", scale=_scale(texts))]
    scale = _scale(texts)
    whole = max(len(text.lstrip("-").partition(".")[0]) for text in texts)
    if any(SCIENTIFIC.match(text) for text in texts) or whole + scale > 38 or not any("." in text for text in texts):
        return []
    return [Typing("decimal", f"DECIMAL(38,{scale})", scale=scale)]


def _scale(texts: Iterable[str]) -> int:
    return max(len(text.partition(".")[2]) for text in texts)


def survives_double(text: str) -> bool:
    """Whether the nearest double, written with as many decimals, is the same text again."""
    mantissa, _, exponent = text.lower().partition("e")
    digits = mantissa.strip("-").replace(".", "").strip("0")
    if len(digits) <= 15:
        return abs(float(text)) < float("inf")
    decimals = len(mantissa.partition(".")[2])
    if exponent:
        return f"{float(text):.{decimals}e}" == text.lower()
    return f"{float(text):.{decimals}f}" == re.sub(r"^(-?)\.", r"\g<1>0.", mantissa).rstrip(".")


def _grouped(texts: set[str], decimal: str, thousands: str) -> Typing | None:
    plain = {text.replace(thousands, "").replace(decimal, ".") if thousands else text.replace(decimal, ".") for text in texts}
    whole = all(INTEGER.match(text) for text in plain)
    if whole and all(-(2**63) <= int(text) < 2**63 for text in plain):
        return Typing("integer", "BIGINT", decimal=decimal, thousands=thousands)
    if all(_is_float(text) and len(text.strip("-").replace(".", "").strip("0")) <= 15 for text in plain):
        return Typing("float", "DOUBLE", decimal=decimal, thousands=thousands)
    return None


def _time(texts: set[str], rules: TypeRules) -> list[Typing]:
    return [Typing("time", "TIME")] if all(TIME.match(text) for text in texts) else []


def _moment(texts: set[str], rules: TypeRules) -> list[Typing]:
    if all(ISO_DATE_TEXT.match(text) for text in texts):
        return [Typing("date", "DATE", "iso")] if all(_real_day(text) for text in texts) else []
    if all(ISO_TIMESTAMP_TEXT.match(text) for text in texts):
        return [Typing("timestamp", "TIMESTAMP", "iso")]
    if all(ISO_ZONED_TEXT.match(text) for text in texts):
        note = "Times with an offset are stored as the same instants in UTC; the offset itself is not kept."
        return [Typing("timestamp", "TIMESTAMP", "iso-utc", note=note)]
    return _formatted(texts, rules)


def _real_day(text: str) -> bool:
    year, month, day = int(text[:4]), int(text[5:7]), int(text[8:10])
    return year > 0 and 1 <= month <= 12 and 1 <= day <= _days_in(year, month)


def _days_in(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def _formatted(texts: set[str], rules: TypeRules) -> list[Typing]:
    """Dates in one of the formats of the world: the formats that every text survives."""
    surviving: set[str] | None = None
    for text in sorted(texts):
        formats = set(_date_formats(text, rules.date_order))
        surviving = formats if surviving is None else surviving & formats
        if not surviving:
            return []
    return [_date_typing(found) for found in sorted(surviving or ())]


def _date_typing(found: str) -> Typing:
    note = None
    if "%y" in found:
        note = "Years were written with two digits: 69 to 99 are read as 1969 to 1999, 00 to 68 as 2000 to 2068."
    if "%H" in found or "%I" in found:
        return Typing("timestamp", "TIMESTAMP", found, note=note)
    return Typing("date", "DATE", found, note=note)


def _date_formats(text: str, order: str) -> Iterator[str]:
    match = DATE_SHAPE.match(text)
    if match is None:
        return
    clock = _clock_format(match)
    parts = match["a"], match["b"], match["c"]
    for letters in ("ymd", "dmy", "mdy"):
        if order != "auto" and letters != order and not any(part.isalpha() for part in parts):
            continue
        choices = [_part_formats(letter, part) for letter, part in zip(letters, parts, strict=True)]
        if all(choices) and _is_day(letters, parts):
            for first, second, third in product(*choices):
                yield f"{first}{match['s']}{second}{match['t']}{third}{clock}"


def _clock_format(match: "re.Match[str]") -> str:
    if not match["time"]:
        return ""
    hour = "%I" if match["noon"] else "%H"
    noon = "" if not match["noon"] else " %p" if match["noon"].startswith(" ") else "%p"
    return f"{match['gap']}{hour}:%M{':%S' if match['seconds'] else ''}{'.%f' if match['fraction'] else ''}{noon}"


def _part_formats(letter: str, part: str) -> list[str]:
    """The format codes that a part of a date may have been written with: May is short and long at once."""
    if part.isalpha():
        names = (("%b", MONTHS), ("%B", FULL_MONTHS))
        return [code for code, months in names if letter == "m" and part.lower() in months]
    if letter == "y":
        return {4: ["%Y"], 2: ["%y"]}.get(len(part), [])
    return [f"%{letter}"] if len(part) <= 2 else []


def _is_day(letters: str, parts: Sequence[str]) -> bool:
    named = dict(zip(letters, parts, strict=True))
    month = named["m"].lower()
    number = int(month) if month.isdigit() else [name[:3] for name in MONTHS].index(month[:3]) + 1
    year = int(named["y"]) if len(named["y"]) == 4 else 2000 + int(named["y"]) if int(named["y"]) < 69 else 1900 + int(named["y"])
    return year > 0 and 1 <= number <= 12 and 1 <= int(named["d"]) <= _days_in(year, number)


def nearly(values: Sequence[str], rules: TypeRules, share: float = 0.9) -> Typing | None:
    """The typing that at least ``share`` of the values would have had, for saying what keeps a column text."""
    texts = [value for value in values if value]
    if len(texts) < 10:
        return None
    for attempt in (_boolean, _number, _time, _moment):
        good = [text for text in texts if attempt({text.strip(SPACES)}, rules)]
        if share * len(texts) <= len(good) < len(texts):
            found = candidates(good, rules)
            if len(found) == 1:
                return found[0]
    return None
