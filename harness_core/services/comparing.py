"""Two runs side by side: a verdict in words, then only what differs: configuration, schema, columns, insights, findings, times."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness_core.domain.runs import Execution, Run
from harness_core.ports.state import Runs
from harness_core.ports.store import Store
from harness_core.services.recorded_reports import recorded_report

COLUMN_FACTS = ("row_count", "null_count", "distinct_count", "min", "max", "mean", "std")


@dataclass(frozen=True)
class Side:
    """One of the two: the run, its executions, and its report (None where it has none)."""

    run: Run
    executions: Sequence[Execution]
    report: Mapping[str, Any] | None


@dataclass(frozen=True)
class Change:
    """Something that is not the same: where it is, and what it was and is (None: not there)."""

    where: str
    name: str
    before: Any
    after: Any

    def as_dict(self) -> dict[str, Any]:
        return {"where": self.where, "name": self.name, "before": self.before, "after": self.after}


@dataclass(frozen=True)
class ChangedFinding:
    """The same claim in both, in other words or numbers."""

    before: Mapping[str, Any]
    after: Mapping[str, Any]


@dataclass(frozen=True)
class Claims:
    """What became of the claims of a first report in a second one; those that are equal are only counted."""

    added: Sequence[Mapping[str, Any]] = ()
    removed: Sequence[Mapping[str, Any]] = ()
    changed: Sequence[ChangedFinding] = ()
    same: int = 0

    @property
    def equal(self) -> bool:
        return not (self.added or self.removed or self.changed)

    def as_dict(self) -> dict[str, Any]:
        return {
            "new": [_claim(item) for item in self.added], "gone": [_claim(item) for item in self.removed],
            "changed": [{"before": _claim(item.before), "after": _claim(item.after)} for item in self.changed], "same": self.same,
        }  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """What differs between a first and a second run; everything that was compared and is equal is only counted."""

    verdict: str
    compared: Mapping[str, int]
    configuration: Sequence[Change] = ()
    schema: Sequence[Change] = ()
    columns: Sequence[Change] = ()
    changed_columns: Sequence[str] = ()
    added: Sequence[Mapping[str, Any]] = ()
    removed: Sequence[Mapping[str, Any]] = ()
    changed: Sequence[ChangedFinding] = ()
    same_findings: int = 0
    times: Sequence[tuple[str, float | None, float | None]] = field(default=())
    insights: Claims = field(default_factory=Claims)

    @property
    def equal(self) -> bool:
        claims = self.added or self.removed or self.changed or not self.insights.equal
        return not (self.configuration or self.schema or self.columns or claims)

    def as_dict(self) -> dict[str, Any]:
        return {
            "verdict": self.verdict, "equal": self.equal, "compared": dict(self.compared),
            "configuration": [item.as_dict() for item in self.configuration], "schema": [item.as_dict() for item in self.schema],
            "columns": [item.as_dict() for item in self.columns],
            "insights": self.insights.as_dict(),
            "findings": {
                "added": [_claim(item) for item in self.added], "removed": [_claim(item) for item in self.removed],
                "changed": [{"before": _claim(item.before), "after": _claim(item.after)} for item in self.changed],
                "same": self.same_findings,
            },
            "times": [{"plugin_id": name, "before_s": before, "after_s": after} for name, before, after in self.times],
        }  # fmt: skip


class Comparing:
    """Compares ended runs of one home."""

    def __init__(self, runs: Runs, store: Store) -> None:
        self._runs, self._store = runs, store

    def compare(self, first_id: str, second_id: str) -> tuple[Run, Run, Comparison]:
        """What was and what is. Raises NotFound, Conflict for a run that has no report, Tampered for one that has changed since."""
        first, second = self._side(first_id), self._side(second_id)
        return first.run, second.run, compare(first, second)

    def _side(self, run_id: str) -> Side:
        run = self._runs.get(run_id)
        return Side(run, self._runs.executions(run.run_id), recorded_report(self._runs, self._store, run))


def compare(first: Side, second: Side) -> Comparison:
    """``first`` is what was, ``second`` what is."""
    configuration = list(_configuration(first.run, second.run))
    both = first.report is not None and second.report is not None
    schema, columns = (list(_schema(first, second)), list(_columns(first, second))) if both else ([], [])
    findings, insights = (_claims(first, second, which) if both else Claims() for which in ("findings", "insights"))
    added, removed, changed, same = findings.added, findings.removed, findings.changed, findings.same
    compared = {
        "settings": sum(len(values) for values in second.run.config.settings.values()),
        "plugins": len(second.run.config.code),
        "columns": len(_column_types(second)),
        "column figures": sum(len(facts) for facts in _column_facts(second).values()),
        "findings": same + len(changed) + len(added),
    }
    counts = (len(configuration), len(schema) + len(columns), len(added), len(removed), len(changed))
    return Comparison(
        _verdict(first, second, counts), compared, configuration, schema, columns,
        list(dict.fromkeys(item.where for item in columns)), added, removed, changed, same, _times(first, second), insights,
    )  # fmt: skip


def _verdict(first: Side, second: Side, counts: tuple[int, int, int, int, int]) -> str:
    missing = [side.run.run_id for side in (first, second) if side.report is None]
    configuration, data, added, removed, changed = counts
    if first.run.fingerprint == second.run.fingerprint:
        opening = "The same file, settings, plugins and engine: the same fingerprint."
    elif first.run.config.inputs and [i.sha256 for i in first.run.config.inputs] == [i.sha256 for i in second.run.config.inputs]:
        opening = f"The same file, computed in another way: {_counted(configuration, 'difference')} in the configuration."
    else:
        opening = "Two different files" + (f", and {_counted(configuration, 'difference')} in the configuration." if configuration
                                           else ", read and computed in the same way.")  # fmt: skip
    if missing:
        return f"{opening} {' and '.join(missing)} {'has' if len(missing) == 1 else 'have'} no report, so results are not compared."
    if not (data or added or removed or changed):
        return f"{opening} Every result is the same."
    parts = [f"{_counted(number, noun)} {word}" for number, noun, word in (
        (added, "finding", "new"), (removed, "finding", "gone"), (changed, "finding", "changed")) if number]  # fmt: skip
    findings = ", ".join(parts) if parts else "the findings are the same"
    return f"{opening} {findings[0].upper()}{findings[1:]}; {_counted(data, 'figure')} of the columns differ{'s' * (data == 1)}."


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _configuration(first: Run, second: Run) -> Iterator[Change]:
    one, two = first.config, second.config
    yield from _changes("input", {"file": first.filename}, {"file": second.filename})
    yield from _changes("input", *({"sha256": [item.sha256[:12] for item in config.inputs]} for config in (one, two)))
    yield from _changes("run", *({"seed": c.seed, "strict": c.strict, "plugins asked for": c.selection} for c in (one, two)))
    yield from _changes("engine", one.engine, two.engine)
    yield from _changes("plugin", *({str(name): code[:12] for name, code in config.code.items()} for config in (one, two)))
    for name in sorted(one.settings.keys() & two.settings.keys()):
        yield from _changes(f"settings of {name}", one.settings[name], two.settings[name])


def _changes(where: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield Change(where, str(name), before.get(name), after.get(name))


def _schema(first: Side, second: Side) -> Iterator[Change]:
    one, two = _column_types(first), _column_types(second)
    for name in [*one, *(name for name in two if name not in one)]:
        if one.get(name) != two.get(name):
            yield Change("schema", name, one.get(name), two.get(name))
    if list(one) != list(two) and sorted(one) == sorted(two):
        yield Change("schema", "order of the columns", ", ".join(one), ", ".join(two))


def _column_types(side: Side) -> dict[str, str]:
    dataset = (side.report or {}).get("dataset") or {}
    return {str(column["name"]): str(column["type"]) for column in dataset.get("columns", ())}


def _columns(first: Side, second: Side) -> Iterator[Change]:
    """Rows of the table, then each figure of each column that both have."""
    rows = [(side.report or {}).get("dataset") or {} for side in (first, second)]
    yield from _changes("the table", *({"rows": item.get("row_count")} for item in rows))
    one, two = _column_facts(first), _column_facts(second)
    for name in one:
        if name in two:
            yield from _changes(name, one[name], two[name])


def _column_facts(side: Side) -> dict[str, dict[str, Any]]:
    return {name: {key: column[key] for key in COLUMN_FACTS if key in column} for name, column in profiled(side.report).items()}


def profiled(report: Mapping[str, Any] | None) -> dict[str, Mapping[str, Any]]:
    """What a profile says of each column by its name, in the order of the table; empty where there is none."""
    for entry in ((report or {}).get("plugins") or {}).values():
        columns = entry.get("metrics", {}).get("columns") if entry.get("type") == "profile" else None
        if isinstance(columns, list) and all(isinstance(item, Mapping) and "name" in item for item in columns):
            return {str(item["name"]): item for item in columns}
    return {}


def _claims(first: Side, second: Side, which: str) -> Claims:
    """Equal by id, sentence and severity; the same claim by plugin, kind, columns and subject; else new or gone."""
    one = list((first.report or {}).get(which, ()))
    two = list((second.report or {}).get(which, ()))
    by_id = {item["id"]: item for item in one}
    same = {item["id"] for item in two if item["id"] in by_id and _said(by_id[item["id"]]) == _said(item)}
    before: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for item in one:
        if item["id"] not in same:
            before.setdefault(_about(item), []).append(item)
    added, changed = [], []
    for item in two:
        if item["id"] in same:
            continue
        earlier = before.get(_about(item))
        if earlier:
            changed.append(ChangedFinding(earlier.pop(0), item))
        else:
            added.append(item)
    removed = [item for items in before.values() for item in items]
    return Claims(added, removed, changed, len(same))


def _said(finding: Mapping[str, Any]) -> tuple[Any, ...]:
    return finding["statement"], finding["severity"]


def _about(finding: Mapping[str, Any]) -> tuple[Any, ...]:
    return finding["plugin_id"], finding["kind"], tuple(sorted(finding["columns"])), finding.get("subject")


def _claim(finding: Mapping[str, Any]) -> dict[str, Any]:
    return {key: finding.get(key) for key in ("id", "plugin_id", "kind", "severity", "columns", "title", "statement")}


def _times(first: Side, second: Side) -> list[tuple[str, float | None, float | None]]:
    """The whole run, then each plugin: seconds from start to end."""
    one, two = ({str(item.plugin_id): _seconds(item) for item in side.executions} for side in (first, second))
    rows = [("the whole run", _seconds(first.run), _seconds(second.run))]
    return [*rows, *((name, one.get(name), two.get(name)) for name in sorted(one.keys() | two.keys()))]


def _seconds(item: Run | Execution) -> float | None:
    return None if item.started_at is None or item.ended_at is None else round(max(0.0, item.ended_at - item.started_at), 3)
