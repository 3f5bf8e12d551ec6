"""The shapes that cross the border between a plugin and the kernel: columns, findings, evidence, results.

They are plain frozen records. The kernel validates what arrives again, because a guest may send anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

Severity = Literal["info", "notice", "warning", "critical"]
Measure = Literal["MEASURED", "MODELED"]
ResultStatus = Literal["ok", "na", "error"]
ColumnType = Literal["integer", "float", "decimal", "boolean", "date", "timestamp", "time", "text", "binary", "nested"]

SEVERITIES: tuple[Severity, ...] = ("info", "notice", "warning", "critical")
MEASURES: tuple[Measure, ...] = ("MEASURED", "MODELED")
RESULT_KEYS = ("status", "summary", "metrics", "findings", "artifacts", "budget", "error", "references", "debug")
NUMERIC_TYPES: frozenset[ColumnType] = frozenset({"integer", "float", "decimal"})
TEMPORAL_TYPES: frozenset[ColumnType] = frozenset({"date", "timestamp"})

KINDS: tuple[str, ...] = (
    "constant", "key", "duplicate_rows", "duplicate_columns", "identity", "functional_dependency", "missingness",
    "mixed_type", "format_violation", "sentinel", "outlier", "anomaly", "distribution_shape", "heavy_tail",
    "multimodality", "digit_preference", "benford", "concentration", "dependence", "group_difference", "interaction",
    "association_rule", "trend", "seasonality", "changepoint", "scan_cluster", "control_signal", "gap", "burst", "drift",
    "process_variant", "bottleneck", "rework", "waiting_time", "concurrency", "queueing", "period_effect", "pii",
    "known_issue",
)  # fmt: skip


class InputRejected(Exception):
    """The uploaded file cannot be read: the sentence, the line where it shows (1-based), and what to do about it."""

    def __init__(self, message: str, *, line: int | None = None, remedy: str = "", code: str = "unreadable") -> None:
        super().__init__(message)
        self.message, self.line, self.remedy, self.code = message, line, remedy, code


@dataclass(frozen=True)
class Column:
    """One column of a dataset version. ``type`` is the logical type, ``storage_type`` DuckDB's name for what is stored."""

    name: str
    type: ColumnType
    nullable: bool
    storage_type: str = "VARCHAR"
    note: str | None = None

    def __getitem__(self, key: str) -> Any:
        return getattr(self, key)

    def as_dict(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "note" or self.note}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "Column":
        return cls(**{f.name: raw[f.name] for f in fields(cls) if f.name in raw})

    @property
    def is_numeric(self) -> bool:
        return self.type in NUMERIC_TYPES

    @property
    def is_temporal(self) -> bool:
        return self.type in TEMPORAL_TYPES


def row_reference(dataset_version_id: str, row_index: int) -> str:
    """How a row is cited: ``db://<dataset_version_id>#row_index=<n>``, with n counted from 0 in source order."""
    return f"db://{dataset_version_id}#row_index={row_index}"


def row_evidence(dataset_version_id: str, row_indices: Sequence[int]) -> dict[str, Any]:
    return {"type": "rows", "refs": [row_reference(dataset_version_id, index) for index in row_indices]}


def query_evidence(sql: str, result: Sequence[Sequence[Any]], tolerance: float | None = None) -> dict[str, Any]:
    """SQL over the view ``data``, and the rows it returns as lists of values; ``tolerance`` is relative, for floats."""
    return {"type": "query", "sql": sql, "result": [list(row) for row in result], "tolerance": tolerance}


def artifact_evidence(path: str, locator: str) -> dict[str, Any]:
    """A place in an artifact that this plugin wrote; the SDK adds its hash."""
    return {"type": "artifact", "path": path, "locator": locator}


@dataclass(frozen=True)
class Finding:
    """One claim about the data.

    ``subject`` tells apart claims of one kind about the same columns (a group, a threshold, a period): the finding's id is
    derived from plugin, kind, columns and subject, so put nothing in it that moves in the last digits. ``statistics`` holds
    ``effect`` (with ``name``, ``value``, ``low``, ``high``), ``test``, ``p_value``, ``n`` and whatever the statement quotes;
    the q-value is added by the run. ``figure`` is a small description that the report draws (see ``docs/reference/figures.md``).
    """

    kind: str
    title: str
    statement: str
    columns: Sequence[str] = ()
    severity: Severity = "info"
    measure: Measure = "MEASURED"
    confidence: float | None = None
    confidence_note: str | None = None
    statistics: Mapping[str, Any] = field(default_factory=dict)
    recommendation: str | None = None
    evidence: Sequence[Mapping[str, Any]] = ()
    evidence_note: str | None = None
    subject: Any = None
    figure: Mapping[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        raw = {f.name: getattr(self, f.name) for f in fields(self)}
        raw["columns"], raw["evidence"] = list(self.columns), [dict(item) for item in self.evidence]
        return {key: value for key, value in raw.items() if value is not None or key in _ALWAYS}


_ALWAYS = frozenset({"confidence", "recommendation"})


@dataclass(frozen=True)
class PluginResult:
    """What ``run`` returns. ``ok`` with findings, ``na`` with a ``reason_code`` and a sentence, or ``error``."""

    status: ResultStatus
    summary: str
    metrics: Mapping[str, Any] = field(default_factory=dict)
    findings: Sequence[Finding | Mapping[str, Any]] = ()
    artifacts: Sequence[Mapping[str, Any]] = ()
    budget: Mapping[str, Any] = field(default_factory=dict)
    error: Mapping[str, Any] | None = None
    references: Sequence[str] = ()
    debug: Mapping[str, Any] = field(default_factory=dict)
    reason_code: str | None = None

    @classmethod
    def ok(cls, summary: str, **parts: Any) -> "PluginResult":
        return cls("ok", summary, **parts)

    @classmethod
    def na(cls, reason_code: str, sentence: str, **parts: Any) -> "PluginResult":
        """It does not apply here, or found nothing to say: the code for programs, the sentence for people."""
        return cls("na", sentence, reason_code=reason_code, **parts)

    @classmethod
    def failed(cls, error_type: str, message: str, **parts: Any) -> "PluginResult":
        return cls("error", message, error={"type": error_type, "message": message}, **parts)

    def as_dict(self) -> dict[str, Any]:
        raw = {f.name: getattr(self, f.name) for f in fields(self)}
        raw["findings"] = [item.as_dict() if isinstance(item, Finding) else dict(item) for item in self.findings]
        if self.reason_code is None:
            del raw["reason_code"]
        return raw
