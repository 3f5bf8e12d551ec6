"""The verdict on a report: each line of a ground truth held against its findings, and what is nearest to what is missing.

A pure function of the report and the ground truth: the same two give the same verdict, byte for byte.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from harness_core.domain.ground_truth import Bound, GroundTruth, Line, ReportBounds, read_time
from harness_core.domain.suggestions import did_you_mean, nearest, shown
from harness_core.sdk.contract import KINDS, SEVERITIES

Finding = Mapping[str, Any]
ROW = "#row_index="
AT_TIME, SPANS = ("time", "at"), (("from", "until_before"), ("from", "to"), ("start", "end"))
MOST_NEAR = 3


@dataclass(frozen=True)
class Near:
    """A finding that a line nearly speaks of, and each thing in which it differs."""

    finding_id: str
    statement: str
    differs: Sequence[str]

    def as_dict(self) -> dict[str, Any]:
        return {"finding_id": self.finding_id, "statement": self.statement, "differs": list(self.differs)}


@dataclass(frozen=True)
class LineVerdict:
    """What came of one line. ``hint`` says why there is nothing, or that a line that forbids could not fail."""

    line: Line
    matched: Sequence[Finding]
    near: Sequence[Near] = ()
    hint: str = ""

    @property
    def count(self) -> int:
        return len(self.matched)

    @property
    def met(self) -> bool:
        return self.count >= self.line.min_count and (self.line.max_count is None or self.count <= self.line.max_count)

    def as_dict(self) -> dict[str, Any]:
        line = self.line
        return {
            "name": line.name, "line": line.number, "met": self.met, "plugin": line.plugin or None, "kind": line.kind or None,
            "columns": list(line.columns), "found": self.count, "min_count": line.min_count, "max_count": line.max_count,
            "note": line.note or None, "matched": [item["id"] for item in self.matched],
            "near": [item.as_dict() for item in self.near], "hint": self.hint or None,
        }  # fmt: skip


@dataclass(frozen=True)
class BoundVerdict:
    """What came of one bound on the report as a whole."""

    name: str
    met: bool
    expected: str
    actual: str

    def as_dict(self) -> dict[str, Any]:
        return {"name": self.name, "met": self.met, "expected": self.expected, "actual": self.actual}


@dataclass(frozen=True)
class Evaluation:
    """All of it. ``unexpected`` are the insights that no line of ``expect`` speaks of."""

    expected: Sequence[LineVerdict] = ()
    forbidden: Sequence[LineVerdict] = ()
    report: Sequence[BoundVerdict] = ()
    unexpected: Sequence[Finding] = field(default_factory=tuple)

    @property
    def met(self) -> bool:
        return all(item.met for item in (*self.expected, *self.forbidden)) and all(bound.met for bound in self.report)

    def as_dict(self) -> dict[str, Any]:
        return {
            "met": self.met,
            "counts": {
                "expect": _counts([item.met for item in self.expected]), "forbid": _counts([item.met for item in self.forbidden]),
                "report": _counts([item.met for item in self.report]),
            },
            "expect": [item.as_dict() for item in self.expected], "forbid": [item.as_dict() for item in self.forbidden],
            "report": [item.as_dict() for item in self.report],
            "unexpected": [{"finding_id": item["id"], "statement": item["statement"]} for item in self.unexpected],
        }  # fmt: skip


def _counts(met: Sequence[bool]) -> dict[str, int]:
    return {"met": sum(met), "of": len(met)}


def evaluate(report: Mapping[str, Any], truth: GroundTruth) -> Evaluation:
    """``report`` is a ``report.json``."""
    expected = [_judged(report, line) for line in truth.expect]
    forbidden = [_judged(report, line) for line in truth.forbid]
    spoken_of = {finding["id"] for item in expected for finding in item.matched}
    unexpected = [item for item in report["insights"] if item["id"] not in spoken_of]
    return Evaluation(expected, forbidden, list(_bounds(report, truth.report, len(unexpected))), unexpected)


def _judged(report: Mapping[str, Any], line: Line) -> LineVerdict:
    insights = {name for item in report["insights"] for name in (item["id"], *item.get("alike", ()))}
    matched, near = [], []
    for finding in report["findings"]:
        if not _is_about(finding, line):
            continue
        differs = list(_differences(finding, line, finding["id"] in insights))
        if differs:
            near.append(Near(finding["id"], finding["statement"], differs))
        else:
            matched.append(finding)
    near = sorted(near, key=lambda item: (len(item.differs), item.finding_id))
    verdict = LineVerdict(line, matched)
    if line.forbids:
        return LineVerdict(line, matched, hint="" if matched else _unable(report, line))
    too_few = verdict.count < line.min_count
    hint = _absent(report, line) if too_few and not near and not matched else ""
    return LineVerdict(line, matched, near[:MOST_NEAR] if too_few else (), hint)


def _is_about(finding: Finding, line: Line) -> bool:
    """Plugin, kind and columns: what names a claim."""
    columns = set(line.columns)
    named = columns == set(finding["columns"]) if line.exact_columns else columns <= set(finding["columns"])
    return line.plugin in ("", finding["plugin_id"]) and line.kind in ("", finding["kind"]) and named


def _differences(finding: Finding, line: Line, is_insight: bool) -> Iterator[str]:
    """Everything else: in words, what is not as expected."""
    if line.insight is not None and line.insight != is_insight:
        yield "it is not among the insights" if line.insight else "it is among the insights"
    if line.subject and finding.get("subject") != line.subject:
        yield f"its subject is {shown(finding.get('subject'))}, not {shown(line.subject)}"
    if line.measure and finding["measure"] != line.measure:
        yield f"it is {finding['measure']}, not {line.measure}"
    if line.severity and SEVERITIES.index(finding["severity"]) < SEVERITIES.index(line.severity):
        yield f"its severity is {finding['severity']}, at least {line.severity} was expected"
    yield from _row_differences(finding, line)
    yield from _time_differences(finding, line)
    for bound in line.statistics:
        yield from _statistic_differences(finding["statistics"], bound)


def _row_differences(finding: Finding, line: Line) -> Iterator[str]:
    if not line.rows:
        return
    cited = sorted(set(_cited_rows(finding)))
    missing = [row for row in line.rows if not any(abs(row - other) <= line.within_rows for other in cited)]
    if missing:
        give = f" (± {line.within_rows:,})" if line.within_rows else ""
        there = f"it cites {_listed(cited)}" if cited else "it cites no rows"
        yield f"{there}, not {_listed(missing)}{give}"


def _cited_rows(finding: Finding) -> Iterator[int]:
    """The rows in its evidence, and the place in its statistics."""
    for item in finding["evidence"]:
        for reference in item.get("refs", ()) if item["type"] == "rows" else ():
            number = str(reference).rpartition(ROW)[2]
            if number.isdecimal():
                yield int(number)
    place = finding["statistics"].get("row_index")
    if isinstance(place, int) and not isinstance(place, bool):
        yield place


def _time_differences(finding: Finding, line: Line) -> Iterator[str]:
    if line.time is None:
        return
    spans = list(_spans(finding["statistics"]))
    reach = timedelta(seconds=line.within_time_s)
    if not any(start - reach <= line.time <= end + reach for start, end in spans):
        there = " and ".join(_span_text(*span) for span in spans)
        yield f"{f'it is at {there}' if there else 'it names no time'}, not at {_time_text(line.time)}{_give(line)}"


def _spans(statistics: Mapping[str, Any]) -> Iterator[tuple[datetime, datetime]]:
    """The times a finding names: moments, and stretches from one to another."""
    for name in AT_TIME:
        moment = read_time(statistics.get(name))
        if moment is not None:
            yield moment, moment
    for first, last in SPANS:
        start, end = read_time(statistics.get(first)), read_time(statistics.get(last))
        if start is not None and end is not None:
            yield start, end


def _span_text(start: datetime, end: datetime) -> str:
    return _time_text(start) if start == end else f"{_time_text(start)} to {_time_text(end)}"


def _time_text(moment: datetime) -> str:
    text = moment.isoformat(sep=" ").removesuffix("+00:00")
    return text.removesuffix(" 00:00:00")


def _give(line: Line) -> str:
    if not line.within_time_s:
        return ""
    unit, seconds = next(
        item for item in (("d", 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0)) if line.within_time_s >= item[1]
    )
    return f" (± {line.within_time_s / seconds:g} {unit})"


def _statistic_differences(statistics: Mapping[str, Any], bound: Bound) -> Iterator[str]:
    there, actual = _looked_up(statistics, bound.name)
    if not there:
        yield f"it has no statistic {bound.name}; it has {', '.join(sorted(_names(statistics))) or 'none'}"
        return
    number = isinstance(actual, int | float) and not isinstance(actual, bool)
    if bound.has_value:
        wanted = bound.value
        both = number and isinstance(wanted, int | float) and not isinstance(wanted, bool)
        if not (bound.tolerance.holds(actual, wanted) if both else type(actual) is type(wanted) and actual == wanted):
            give = f" {bound.tolerance}".rstrip() if both else ""
            yield f"{bound.name} is {_value(actual)}, not {_value(wanted)}{give}"
    if bound.low is not None and not (number and actual >= bound.low):
        yield f"{bound.name} is {_value(actual)}, not at least {_value(bound.low)}"
    if bound.high is not None and not (number and actual <= bound.high):
        yield f"{bound.name} is {_value(actual)}, not at most {_value(bound.high)}"


def _looked_up(statistics: Mapping[str, Any], name: str) -> tuple[bool, Any]:
    """A statistic by its name, or by its parts between dots."""
    if name in statistics:
        return True, statistics[name]
    value: Any = statistics
    for part in name.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return False, None
        value = value[part]
    return True, value


def _names(statistics: Mapping[str, Any]) -> Iterator[str]:
    for name, value in statistics.items():
        yield from (f"{name}.{part}" for part in value) if isinstance(value, Mapping) else (name,)


def _value(value: Any) -> str:
    return f"{value!r}" if isinstance(value, float) else shown(value)


def _listed(rows: Sequence[int]) -> str:
    noun = "row" if len(rows) == 1 else "rows"
    more = f" and {len(rows) - 5:,} more" if len(rows) > 5 else ""
    return f"{noun} {', '.join(f'{row:,}' for row in rows[:5])}{more}"


def _unable(report: Mapping[str, Any], line: Line) -> str:
    """Why a forbidden finding could not have been there: then its absence says nothing."""
    plugin, columns = _plugin_hint(report, line), _column_hint(report, line)
    kinds = {item["kind"] for item in report["findings"]}
    known = not line.kind or line.kind in kinds or line.kind in KINDS
    return plugin or columns or ("" if known else f"there is no kind {shown(line.kind)}; {did_you_mean(line.kind, KINDS)}")


def _absent(report: Mapping[str, Any], line: Line) -> str:
    """Why there is nothing at all, as far as the report tells."""
    hint = _plugin_hint(report, line) or _column_hint(report, line)
    if hint:
        return hint
    of_plugin = [item for item in report["findings"] if line.plugin in ("", item["plugin_id"])]
    if not of_plugin:
        return f"{line.plugin or 'no plugin'} has no findings"
    of_kind = [item for item in of_plugin if line.kind in ("", item["kind"])]
    if not of_kind:
        return f"{line.plugin or 'the report'} has findings of the kinds {', '.join(sorted({item['kind'] for item in of_plugin}))}"
    about = sorted({", ".join(item["columns"]) or "no column" for item in of_kind})
    return f"findings of this kind are about: {'; '.join(about[:8])}{'; …' if len(about) > 8 else ''}"


def _plugin_hint(report: Mapping[str, Any], line: Line) -> str:
    if not line.plugin:
        return ""
    entry = report["plugins"].get(line.plugin)
    if entry is None:
        meant = nearest(line.plugin, report["plugins"], cutoff=0.85)
        return f"{line.plugin} took no part in the run{f' (did you mean {meant}?)' if meant else ''}"
    if entry["status"] in ("OK", "REUSED"):
        return ""
    said = (entry.get("error") or {}).get("message") or entry.get("summary") or ""
    return f"{line.plugin} ended as {entry['status']}{f': {said}' if said else ''}"


def _column_hint(report: Mapping[str, Any], line: Line) -> str:
    names = [column["name"] for dataset in report["datasets"] for column in dataset["columns"]]
    unknown = [name for name in line.columns if name not in names]
    return "; ".join(f"no column is called {shown(name)}; {did_you_mean(name, names)}" for name in unknown) if names else ""


def _bounds(report: Mapping[str, Any], bounds: ReportBounds, unexpected: int) -> Iterator[BoundVerdict]:
    if bounds.statuses:
        yield BoundVerdict("status", report["status"] in bounds.statuses, " or ".join(bounds.statuses), report["status"])
    counts = {"insights": len(report["insights"]), "findings": len(report["findings"]), "unexpected": unexpected}
    for name, limit in bounds.limits.items():
        side, _, what = name.partition("_")
        actual = counts[what]
        met = actual >= limit if side == "min" else actual <= limit
        yield BoundVerdict(name, met, f"{'at least' if side == 'min' else 'at most'} {limit:,}", f"{actual:,}")


MALFORMED = (KeyError, TypeError, ValueError, AttributeError, IndexError)
"""What :func:`evaluate` raises for a document that is no report."""
