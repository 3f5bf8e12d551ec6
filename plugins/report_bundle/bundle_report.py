"""The report document as the writers read it: every part is there, if only empty, whatever failed on the way."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

SEVERITIES = ("critical", "warning", "notice", "info")
OK_STATUSES = frozenset({"OK", "NA", "REUSED"})
NOT_OVER = frozenset({"PENDING", "RUNNING"})
QUALITY_KINDS = frozenset({
    "constant", "key", "duplicate_rows", "duplicate_columns", "identity", "functional_dependency", "missingness", "mixed_type",
    "format_violation", "sentinel",
})  # fmt: skip

Finding = Mapping[str, Any]


@dataclass(frozen=True)
class Plugin:
    """One planned plugin, and what became of it."""

    id: str
    type: str
    version: str
    status: str
    summary: str
    finding_count: int

    @property
    def name(self) -> str:
        return spoken_name(self.id)

    @property
    def is_ok(self) -> bool:
        return self.status in OK_STATUSES

    @property
    def found_nothing(self) -> bool:
        return self.is_ok and self.finding_count == 0 and self.type in ("analysis", "llm", "transform")


@dataclass(frozen=True)
class Problem:
    """One cause of failure, and all that failed from it."""

    message: str
    remedy: str
    plugins: tuple[str, ...]


class Report:
    """``ctx.report`` with typed access; nothing here raises for a part that a failed run does not have."""

    def __init__(self, document: Mapping[str, Any], findings_per_plugin: int = 60) -> None:
        self.document = document
        self.findings_per_plugin = findings_per_plugin

    def _part(self, key: str) -> Mapping[str, Any]:
        found = self.document.get(key)
        return found if isinstance(found, Mapping) else {}

    def _list(self, key: str) -> list[Mapping[str, Any]]:
        found = self.document.get(key)
        return [item for item in found if isinstance(item, Mapping)] if isinstance(found, Sequence) else []

    @property
    def status(self) -> str:
        return str(self.document.get("status") or "FAILED")

    @property
    def fingerprint(self) -> str:
        return str(self.document.get("run_fingerprint") or "")

    @property
    def open_network(self) -> list[str]:
        """The plugins to which the operator had opened the network."""
        found = self.document.get("open_network")
        return [str(item) for item in found] if isinstance(found, list) else []

    @property
    def filename(self) -> str:
        return str(self._part("input").get("filename") or "no file")

    @property
    def input(self) -> Mapping[str, Any]:
        return self._part("input")

    @property
    def inputs(self) -> list[Mapping[str, Any]]:
        return self._list("inputs") or ([self.input] if self.input else [])

    @property
    def dataset(self) -> Mapping[str, Any]:
        return self._part("dataset")

    @property
    def datasets(self) -> list[Mapping[str, Any]]:
        return self._list("datasets") or ([self.dataset] if self.dataset else [])

    @property
    def coverage(self) -> Mapping[str, Any]:
        return self._part("coverage")

    @property
    def row_count(self) -> int | None:
        count = self.dataset.get("row_count")
        return count if isinstance(count, int) else None

    @cached_property
    def columns(self) -> list[Mapping[str, Any]]:
        """Per column of the dataset what ingest knows, and on top of it what the profile knows, where there is one."""
        profile = self._part("plugins").get("profile_basic") or {}
        described = (profile.get("metrics") or {}).get("columns") or []
        by_name = {str(column.get("name")): column for column in described if isinstance(column, Mapping)}
        known = [column for column in self.dataset.get("columns") or () if isinstance(column, Mapping)]
        return [{**column, **by_name.get(str(column.get("name")), {})} for column in known] or list(by_name.values())

    @property
    def insights(self) -> list[Finding]:
        return self._list("insights")

    @property
    def findings(self) -> list[Finding]:
        return self._list("findings")

    @cached_property
    def by_id(self) -> dict[str, Finding]:
        return {str(finding.get("id")): finding for finding in self.findings}

    @cached_property
    def insight_ids(self) -> frozenset[str]:
        return frozenset(str(insight.get("id")) for insight in self.insights)

    @cached_property
    def told_ids(self) -> frozenset[str]:
        """The findings that the page tells in full, so that one can be led to them."""
        shown = (finding for found in self.by_plugin.values() for finding in found[: self.findings_per_plugin])
        return self.insight_ids | {str(finding.get("id")) for finding in shown}

    @cached_property
    def by_plugin(self) -> dict[str, list[Finding]]:
        """Findings by plugin id, the most severe first, then by id."""
        groups: dict[str, list[Finding]] = defaultdict(list)
        for finding in self.findings:
            groups[str(finding.get("plugin_id"))].append(finding)
        return {name: sorted(groups[name], key=weight) for name in sorted(groups)}

    @cached_property
    def by_column(self) -> dict[str, list[Finding]]:
        groups: dict[str, list[Finding]] = defaultdict(list)
        for finding in sorted(self.findings, key=weight):
            for name in finding.get("columns") or ():
                groups[str(name)].append(finding)
        return groups

    @cached_property
    def plugins(self) -> list[Plugin]:
        """Every planned plugin that is over; the one that writes this report is not."""
        counts = Counter(str(finding.get("plugin_id")) for finding in self.findings)
        entries = self._part("plugins")
        found = [_plugin(name, entries[name] or {}, counts[name]) for name in sorted(entries)]
        return [plugin for plugin in found if plugin.status not in NOT_OVER]

    @property
    def not_chosen(self) -> list[tuple[str, str]]:
        """The analyses that the planner left out, with its reason."""
        selection = [entry for entry in self._part("plan").get("selection") or () if isinstance(entry, Mapping)]
        left_out = [
            (str(entry.get("plugin_id")), str(entry.get("reason") or "")) for entry in selection if not entry.get("selected")
        ]
        return sorted(left_out)

    @cached_property
    def problems(self) -> list[Problem]:
        """The errors, those of one cause together, the one that hit most plugins first."""
        causes: dict[tuple[str, str], list[str]] = defaultdict(list)
        for entry in self._list("errors"):
            message = str(entry.get("message") or entry.get("type") or "an error without a message")
            hit = [entry.get("plugin_id"), *(entry.get("skipped") or ())]
            causes[message, str(entry.get("remedy") or "")] += [str(name) for name in hit if name]
        found = [Problem(message, remedy, tuple(dict.fromkeys(names))) for (message, remedy), names in causes.items()]
        return sorted(found, key=lambda problem: (-len(problem.plugins), problem.message, problem.remedy))

    @property
    def repairs(self) -> list[Mapping[str, Any]]:
        return [item for item in self.dataset.get("repairs") or () if isinstance(item, Mapping)]

    @property
    def quality(self) -> list[Finding]:
        return sorted((finding for finding in self.findings if finding.get("kind") in QUALITY_KINDS), key=weight)


def weight(finding: Finding) -> tuple[int, str]:
    """Sorts findings: the most severe first, then by id."""
    severity = finding.get("severity")
    return (SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES), str(finding.get("id")))


def _plugin(name: str, entry: Mapping[str, Any], finding_count: int) -> Plugin:
    error = entry.get("error")
    words = str(entry.get("summary") or (error.get("message") if isinstance(error, Mapping) else "") or "")
    return Plugin(
        id=name,
        type=str(entry.get("type") or name.partition("_")[0]),
        version=str(entry.get("version") or ""),
        status=str(entry.get("status") or "PENDING").upper(),
        summary=words,
        finding_count=finding_count,
    )


def spoken_name(plugin_id: str) -> str:
    """A plugin's id as a heading: analysis_group_differences is Group differences."""
    kind, _, rest = plugin_id.partition("_")
    words = (rest if kind in ("analysis", "llm") and rest else plugin_id).replace("_", " ")
    return (words[:1].upper() + words[1:]).replace("Pii ", "PII ")
