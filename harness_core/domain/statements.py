"""The numbers that a finding's sentences print, and where each comes from: its evidence, or its statistics, or nowhere.

A printed number is a rounded one. It is bound to a value when it is that value rounded to the digits shown; a share may be shown in
percent, seconds in days, a fall without its sign, a rest as what is missing to the whole, and two values of one row or column by
their difference, sum or ratio. Whole numbers may be rounded to four digits, and a range has its unit behind its end. Names, labels
and text values that happen to hold digits are no numbers. Where few digits are shown a wrong number may be bound by chance: of
numbers with one wrong digit among four or more, one in thirty is.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, permutations
from typing import Any, Literal

Source = Literal["evidence", "statistics", "nothing"]

NUMBER = re.compile(
    r"(?<![\w.,:/-])(?P<sign>[-−+])?(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)(?:[eE](?P<exponent>[-+]?\d{1,4}))?"
    r"(?![\w:/]|-\d|[.,]\d)(?P<percent>\s?%| percentage points?)?(?: (?P<unit>minutes?|hours?|days?|weeks?)\b)?"
)
RANGE_UNIT = re.compile(r" (?:to|and) [-−+]?\d[\d,.]*(?P<percent> ?%)?(?: (?P<unit>minutes?|hours?|days?|weeks?)\b)?")
FEWEST_DIGITS = 4  # to which whole numbers are rounded
SECONDS = {"minute": 60.0, "hour": 3600.0, "day": 86_400.0, "week": 604_800.0}
MOMENT = re.compile(r"(?<!\w)(\d{4}-\d{2}(?:-\d{2})?(?:[ T]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?|\d{1,2}:\d{2}(?::\d{2})?)(?!\w)")
QUOTED = re.compile(r'"[^"]*"')
LEVEL = re.compile(r"\d+(?:\.\d+)? ?% (?:confidence )?interval")  # a convention, not a figure of the data
LITERAL = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w.])")
SHORTEST_LABEL = 2
MOST_COMBINED = 12  # values of one row or column; of more, some two would give any number
MOST_VALUES = 20_000


@dataclass(frozen=True)
class Stated:
    """A number or moment as it is printed in the sentences of a finding, and what yields it."""

    finding_id: str
    plugin_id: str
    printed: str
    source: Source

    def as_dict(self) -> dict[str, str]:
        return dict(vars(self))


def stated(finding: Mapping[str, Any], artifacts: Mapping[str, Any] | None = None) -> Iterator[Stated]:
    """Every number of the finding's title and statement, once each. ``artifacts`` has cited JSON by its path in the finding."""
    evidence = _Values.of_evidence(finding["evidence"], artifacts or {})
    statistics = _Values.of_statistics(finding.get("statistics") or {})
    labels = {*evidence.texts, *statistics.texts, *map(str, finding.get("columns") or ())}
    sources: tuple[tuple[Source, _Values], ...] = (("evidence", evidence), ("statistics", statistics))
    sentences = (str(finding.get("title", "")), str(finding.get("statement", "")))
    for printed, number in {pair[0]: pair for text in sentences for pair in _printed(text, labels)}.values():
        source: Source = next((name for name, values in sources if values.yields(printed, number)), "nothing")
        yield Stated(str(finding["id"]), str(finding["plugin_id"]), printed, source)


@dataclass(frozen=True)
class _Number:
    """What a printed number says: its size, and by how much it may have been rounded."""

    value: float
    half_unit: float
    scales: Sequence[float] = (1.0,)

    def is_rounded(self, value: float) -> bool:
        if not math.isfinite(self.value):
            return False
        room = self.half_unit * (1 + 1e-9)
        return any(abs(abs(value * scale) - abs(self.value)) <= room for scale in self.scales)


def _printed(sentence: str, labels: set[str]) -> Iterator[tuple[str, _Number | None]]:
    """The numbers and moments of a sentence without its names and labels; a moment has no number."""
    text = QUOTED.sub('""', LEVEL.sub("", sentence))
    moments = MOMENT.findall(text)
    named = (
        item
        for item in labels
        if len(item) >= SHORTEST_LABEL and item in text and not _is_number(item) and item.rstrip("s") not in SECONDS
    )
    for label in sorted(named, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(label)}(?!\w)", "", text)
    yield from ((moment, None) for moment in moments)
    text = MOMENT.sub("", text)
    for match in NUMBER.finditer(text):
        digits, exponent = match["digits"].replace(",", ""), int(match["exponent"] or 0)
        value, half_unit = float(f"{digits}e{exponent}"), float(f"0.5e{exponent - _last_place(digits)}")
        percent, unit = match["percent"], match["unit"]
        if not (percent or unit) and (shared := RANGE_UNIT.match(text, match.end())):
            percent, unit = shared["percent"], shared["unit"]
        scales = [1.0, *([100.0] if percent else ()), *([1 / SECONDS[unit.rstrip("s")]] if unit else ())]
        yield match[0].strip(), _Number(value, half_unit, scales)


def _last_place(digits: str) -> int:
    """The place of the last digit shown, counted behind the point; below nought where a whole number ends in rounded digits."""
    whole, _, decimals = digits.partition(".")
    beyond = len(whole) - FEWEST_DIGITS
    if decimals or beyond <= 0:
        return len(decimals)
    return -min(beyond, len(whole) - len(whole.rstrip("0")))


@dataclass(frozen=True)
class _Values:
    """All that a printed number may have come from.

    ``literals`` stand in the queries; ``together`` are rows and columns of results, few enough to be
    combined.
    """

    numbers: Sequence[float]
    texts: frozenset[str]
    literals: frozenset[float] = frozenset()
    together: Sequence[Sequence[float]] = ()

    @classmethod
    def of_evidence(cls, items: Sequence[Mapping[str, Any]], artifacts: Mapping[str, Any]) -> "_Values":
        numbers: list[float] = []
        texts: set[str] = set()
        literals: set[float] = set()
        together: list[list[float]] = []
        for item in items:
            told = [item.get("result"), artifacts.get(str(item.get("path")))]
            leaves = list(islice((leaf for part in told for leaf in _leaves(part)), MOST_VALUES))
            numbers += [leaf for leaf in leaves if isinstance(leaf, float)]
            texts |= {leaf for leaf in leaves if isinstance(leaf, str)}
            if isinstance(item.get("result"), list):
                numbers.append(float(len(item["result"])))
                together += _rows_and_columns(item["result"])
            sql = str(item.get("sql") or "")
            literals |= {float(literal) for literal in LITERAL.findall(sql)}
            texts |= set(re.findall(r"'([^']+)'", sql))
            references = item.get("refs") or ()
            numbers += [float(len(references)), *(float(str(name).rpartition("=")[2]) for name in references if _has_row(name))]
        return cls(numbers, frozenset(texts), frozenset(literals), together)

    @classmethod
    def of_statistics(cls, statistics: Mapping[str, Any]) -> "_Values":
        leaves = list(islice(_leaves(statistics), MOST_VALUES))
        return cls(
            [leaf for leaf in leaves if isinstance(leaf, float)], frozenset(leaf for leaf in leaves if isinstance(leaf, str))
        )

    def yields(self, printed: str, number: _Number | None) -> bool:
        if number is None:
            return any(printed in text or text in printed for text in self.texts if len(text) >= len("0:00"))
        if any(map(number.is_rounded, self.numbers)) or any(map(replace(number, scales=(1.0,)).is_rounded, self.literals)):
            return True
        if any(number.is_rounded(1 - value) for value in self.numbers if 0 < value < 1):
            return True
        return any(number.is_rounded(value) for values in self.together for value in _combined(values))


def _leaves(value: Any) -> Iterator[float | str]:
    """The numbers and texts of a JSON value; a text that is a number is both."""
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, int | float):
        if abs(value) < 1e300:
            yield float(value)
    elif isinstance(value, str):
        yield value
        if _is_number(value):
            yield float(value)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)


def _rows_and_columns(result: Sequence[Any]) -> Iterator[list[float]]:
    rows = [list(row) for row in result if isinstance(row, list)]
    for line in [*rows, *map(list, zip(*rows, strict=False))]:
        values = [leaf for leaf in _leaves(line) if isinstance(leaf, float)]
        if 1 < len(values) <= MOST_COMBINED:
            yield values


def _combined(values: Sequence[float]) -> Iterator[float]:
    yield sum(values)
    for one, other in permutations(values, 2):
        yield from (one - other, one + other)
        if other:
            yield from (one / other, one / other - 1)


def _is_number(text: str) -> bool:
    return LITERAL.fullmatch(text) is not None


def _has_row(reference: Any) -> bool:
    return str(reference).rpartition("=")[2].isdigit()
