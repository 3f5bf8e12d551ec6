"""Ground truth as a person writes it: the findings a report must and must not have. Read strictly, each mistake with its line."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from harness_core.domain.errors import Problem
from harness_core.domain.field_reader import FieldReader, kind_of
from harness_core.domain.suggestions import shown
from harness_core.domain.yaml_documents import YamlDocument, read_yaml
from harness_core.sdk.contract import MEASURES, SEVERITIES

EXAMPLE = "such as: expect: [{plugin: analysis_outliers, kind: outlier, columns: [price]}]"
REPORT_STATUSES = ("COMPLETED", "PARTIAL", "FAILED")
SELECTING = (
    "plugin", "kind", "columns", "exact_columns", "subject", "rows", "within_rows", "time", "within_time", "severity", "measure",
    "insight", "statistics", "note",
)  # fmt: skip
COUNTING = ("min_count", "max_count")
BOUNDING = ("value", "absolute", "relative", "min", "max")
REPORT_KEYS = ("status", "min_insights", "max_insights", "max_unexpected", "min_findings", "max_findings")
TOP_KEYS = ("expect", "forbid", "report", "tolerance", "note")
DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|h|d)\Z")
SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
MOST_ROWS, MOST_LINES = 10_000, 10_000


@dataclass(frozen=True)
class Tolerance:
    """How far a number may be from the expected one: by ``absolute``, or by ``relative`` of its size, whichever is more."""

    absolute: float = 0.0
    relative: float = 1e-9

    def holds(self, actual: float, expected: float) -> bool:
        return abs(actual - expected) <= max(self.absolute, self.relative * abs(expected))

    def __str__(self) -> str:
        parts = [f"± {self.absolute:g}"] if self.absolute else []
        return " or ".join([*parts, f"± {self.relative * 100:.4g} %"] if self.relative > 1e-6 else parts)


@dataclass(frozen=True)
class Bound:
    """What a statistic must be: a value within a tolerance, or between bounds. ``name`` may have dots, as in ``effect.value``."""

    name: str
    value: Any = None
    has_value: bool = False
    tolerance: Tolerance = Tolerance()
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Line:
    """One line of ``expect`` or ``forbid``: which findings it speaks of, and how many of them there may be.

    A forbidden line is one with ``max_count`` 0. ``within_time_s`` in seconds; ``time`` without a zone is UTC.
    """

    name: str
    number: int
    plugin: str = ""
    kind: str = ""
    columns: tuple[str, ...] = ()
    exact_columns: bool = False
    subject: str = ""
    rows: tuple[int, ...] = ()
    within_rows: int = 0
    time: datetime | None = None
    within_time_s: float = 0.0
    severity: str = ""
    measure: str = ""
    insight: bool | None = None
    statistics: tuple[Bound, ...] = ()
    min_count: int = 1
    max_count: int | None = None
    note: str = ""

    @property
    def forbids(self) -> bool:
        return self.max_count == 0


@dataclass(frozen=True)
class ReportBounds:
    """What must hold for the report as a whole. ``max_unexpected`` bounds the insights that no line of ``expect`` speaks of."""

    statuses: tuple[str, ...] = ()
    limits: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class GroundTruth:
    """Everything that was written."""

    expect: tuple[Line, ...] = ()
    forbid: tuple[Line, ...] = ()
    report: ReportBounds = ReportBounds()


def read_ground_truth(text: str, where: str) -> tuple[GroundTruth | None, list[Problem]]:
    """The ground truth in ``text``, or every mistake in it; ``where`` names the file in them."""
    document, problems = read_yaml(text, where)
    if document is None:
        return None, problems
    raw = document.value
    if raw is None:
        return None, [Problem(where, "", "it is empty, and nothing would be checked", EXAMPLE)]
    if not isinstance(raw, Mapping):
        return None, [Problem(f"{where}:1", "", f"it must be a mapping, and is {kind_of(raw)}", EXAMPLE)]
    reading = _Reading(document, where)
    truth = reading.truth(raw)
    if not reading.problems and not (truth.expect or truth.forbid or truth.report != ReportBounds()):
        return None, [Problem(where, "", "nothing is expected, forbidden or bounded, so that nothing would be checked", EXAMPLE)]
    return (None, reading.problems) if reading.problems else (truth, [])


class _Reading:
    """Reads one document; notes each mistake with the line of its field."""

    def __init__(self, document: YamlDocument, where: str) -> None:
        self._document, self._where = document, where
        self._tolerance = Tolerance()
        self.problems: list[Problem] = []

    def truth(self, raw: Mapping[str, Any]) -> GroundTruth:
        fields = FieldReader(raw, "")
        fields.check_keys("", raw, TOP_KEYS)
        self._tolerance = _tolerance(fields, "tolerance", self._tolerance)
        report = _report(fields)
        self._take("", fields)
        return GroundTruth(tuple(self._lines(raw, "expect")), tuple(self._lines(raw, "forbid")), report)

    def _take(self, prefix: str, fields: FieldReader) -> None:
        """Take over what was noted about fields below ``prefix``, with the line each stands on."""
        for problem in fields.problems:
            name = ".".join(part for part in (prefix, problem.field) if part)
            line = self._document.line_of(name)
            self.problems.append(replace(problem, where=f"{self._where}:{line}" if line else self._where, field=name))

    def _lines(self, raw: Mapping[str, Any], key: str) -> list[Line]:
        entries = raw.get(key, [])
        top = FieldReader(raw, "")
        if not isinstance(entries, list) or len(entries) > MOST_LINES:
            top.wrong(key, f"must be a list of at most {MOST_LINES:,} lines, and is {kind_of(entries)}", "write [] for none")
            entries = []
        lines = []
        for index, entry in enumerate(entries):
            name = f"{key}[{index}]"
            if isinstance(entry, Mapping):
                fields = FieldReader(entry, "")
                lines.append(self._line(name, fields, entry, forbids=key == "forbid"))
                self._take(name, fields)
            else:
                top.wrong(name, f"must be a mapping, and is {kind_of(entry)}", "such as {plugin: …, kind: …, columns: […]}")
        self._take("", top)
        return lines

    def _line(self, name: str, fields: FieldReader, raw: Mapping[str, Any], *, forbids: bool) -> Line:
        fields.check_keys("", raw, SELECTING if forbids else (*SELECTING, *COUNTING))
        kind, plugin = fields.line("kind", ""), fields.line("plugin", "")
        if not kind and not plugin and not fields.problems:
            fields.wrong("", "names neither a plugin nor a kind", "write at least one of them")
        low, high = _counts(fields, raw, forbids=forbids)
        return Line(
            name=name, number=self._document.line_of(name) or 0, plugin=plugin, kind=kind, columns=tuple(fields.texts("columns")),
            exact_columns=_flag(fields, "exact_columns") or False, subject=fields.line("subject", ""), rows=_rows(fields),
            within_rows=int(fields.number("within_rows", default=0, low=0, whole=True)), time=_time(fields),
            within_time_s=_duration(fields, "within_time"), severity=_chosen(fields, "severity", SEVERITIES),
            measure=_chosen(fields, "measure", MEASURES), insight=_flag(fields, "insight"),
            statistics=self._statistics(fields), min_count=low, max_count=high, note=fields.line("note", ""),
        )  # fmt: skip

    def _statistics(self, fields: FieldReader) -> tuple[Bound, ...]:
        raw = fields.get("statistics")
        if raw is None:
            return ()
        if not isinstance(raw, Mapping):
            fields.wrong("statistics", f"must be a mapping, and is {kind_of(raw)}", "such as {n: 20000}")
            return ()
        return tuple(self._bound(fields, str(name), value) for name, value in raw.items())

    def _bound(self, fields: FieldReader, name: str, raw: Any) -> Bound:
        place = f"statistics.{name}"
        if isinstance(raw, list):
            fields.wrong(place, "cannot be compared with a list", "name a part of it, such as effect.value")
        if not isinstance(raw, Mapping):
            return Bound(name, raw, has_value=True, tolerance=self._tolerance)
        own = FieldReader(raw, "")
        own.check_keys("", raw, BOUNDING)
        low, high = _number(own, raw, "min"), _number(own, raw, "max")
        value = raw.get("value")
        if not ({"value", "min", "max"} & raw.keys()):
            own.wrong("", "says neither a value nor a bound", "write value, or min, max or both")
        if isinstance(value, list | Mapping):
            own.wrong("value", f"must be a single value, and is {kind_of(value)}")
        if low is not None and high is not None and low > high:
            own.wrong("min", f"{low:g} is above max, {high:g}")
        absolute = own.number("absolute", default=self._tolerance.absolute, low=0)
        relative = own.number("relative", default=self._tolerance.relative, low=0)
        for problem in own.problems:
            fields.wrong(f"{place}.{problem.field}".rstrip("."), problem.reason, problem.remedy)
        return Bound(name, value, "value" in raw, Tolerance(absolute, relative), low, high)


def _tolerance(fields: FieldReader, name: str, default: Tolerance) -> Tolerance:
    fields.section(name, ("absolute", "relative"))
    return Tolerance(
        fields.number(f"{name}.absolute", default=default.absolute, low=0),
        fields.number(f"{name}.relative", default=default.relative, low=0),
    )


def _report(fields: FieldReader) -> ReportBounds:
    section = fields.section("report", REPORT_KEYS)
    given = section.get("status", [])
    statuses = [given] if isinstance(given, str) else given
    if not isinstance(statuses, list) or not all(status in REPORT_STATUSES for status in statuses):
        fields.wrong("report.status", f"{shown(given)} is none of {', '.join(REPORT_STATUSES)}", "write one of them, or a list")
        statuses = []
    named = [name for name in REPORT_KEYS if name != "status" and name in section]
    limits = {name: int(fields.number(f"report.{name}", default=0, low=0, whole=True)) for name in named}
    return ReportBounds(tuple(statuses), limits)


def _counts(fields: FieldReader, raw: Mapping[str, Any], *, forbids: bool) -> tuple[int, int | None]:
    if forbids:
        return 0, 0
    low = int(fields.number("min_count", default=0 if "max_count" in raw else 1, low=0, whole=True))
    high = int(fields.number("max_count", default=0, low=0, whole=True)) if raw.get("max_count") is not None else None
    if high is not None and low > high:
        fields.wrong("min_count", f"{low} is above max_count, {high}")
    return low, high


def _rows(fields: FieldReader) -> tuple[int, ...]:
    raw = fields.get("rows")
    rows = [raw] if isinstance(raw, int) and not isinstance(raw, bool) else raw
    if rows is None:
        return ()
    whole = isinstance(rows, list) and all(isinstance(row, int) and not isinstance(row, bool) and row >= 0 for row in rows)
    if not whole or len(rows) > MOST_ROWS:
        fields.wrong("rows", f"must be a row or a list of at most {MOST_ROWS:,} rows, counted from 0", "such as [11019]")
        return ()
    return tuple(rows)


def _time(fields: FieldReader) -> datetime | None:
    text = fields.line("time", "")
    found = read_time(text)
    if text and found is None:
        fields.wrong("time", f"{shown(text)} is no time", "write it as 2024-03-04 or 2024-03-04 12:30:00")
    return found


def read_time(text: Any) -> datetime | None:
    """A time in ISO 8601, UTC where it names no zone; None for anything else."""
    try:
        found = datetime.fromisoformat(text)
    except (ValueError, TypeError):
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _duration(fields: FieldReader, name: str) -> float:
    text = fields.line(name, "")
    found = DURATION.match(text)
    if text and found is None:
        fields.wrong(name, f"{shown(text)} is no length of time", "write a number and s, min, h or d, such as 3d")
    return float(found[1]) * SECONDS[found[2]] if found else 0.0


def _chosen(fields: FieldReader, name: str, allowed: tuple[str, ...]) -> str:
    return fields.choice(name, ("", *allowed), "")


def _flag(fields: FieldReader, name: str) -> bool | None:
    value = fields.get(name)
    if value is not None and not isinstance(value, bool):
        fields.wrong(name, f"must be true or false, and is {kind_of(value)}")
        return None
    return value


def _number(fields: FieldReader, raw: Mapping[str, Any], name: str) -> float | None:
    return fields.number(name, default=0.0, low=-math.inf) if raw.get(name) is not None else None
