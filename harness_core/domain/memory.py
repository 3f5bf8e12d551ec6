"""The memory of insights: what a run says that earlier ones did not, and what somebody decided about it. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

from harness_core.domain.errors import UsageError
from harness_core.domain.patterns import matches, pattern_problem
from harness_core.domain.runs import RunConfig
from harness_core.domain.suggestions import did_you_mean, shown
from harness_core.sdk.contract import KINDS

DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
MOVED = 0.1  # an effect without an interval has changed when it moved by more than a tenth of what it was

ScopeKind = Literal["dataset", "format", "erp"]


@dataclass(frozen=True)
class Scope:
    """What runs have in common: ``dataset`` with the SHA-256 of the file, ``format`` with a format id, ``erp`` with a name."""

    kind: ScopeKind
    name: str


def scopes_of(config: RunConfig) -> list[Scope]:
    """From the narrowest to the widest."""
    found = [Scope("dataset", config.inputs[0].sha256)] if config.inputs else []
    found += [Scope("format", config.raw_format)] if config.raw_format else []
    return found + ([Scope("erp", config.erp)] if config.erp else [])


@dataclass(frozen=True)
class RememberedInsight:
    """An insight as it is kept for later runs. ``finding_id`` is the same for the same claim in another run."""

    run_id: str
    finding_id: str
    rank: int
    plugin_id: str
    kind: str
    columns: tuple[str, ...]
    severity: str
    title: str
    statement: str
    effect: Mapping[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        return {
            "finding_id": self.finding_id, "rank": self.rank, "plugin_id": self.plugin_id, "kind": self.kind,
            "columns": list(self.columns), "severity": self.severity, "title": self.title, "statement": self.statement,
        }  # fmt: skip


def insights_to_remember(run_id: str, report: Mapping[str, Any]) -> list[RememberedInsight]:
    """The insights of a report, in their order."""
    return [_remembered(run_id, rank, raw) for rank, raw in enumerate(report["insights"], 1)]


def _remembered(run_id: str, rank: int, raw: Mapping[str, Any]) -> RememberedInsight:
    severity, title, statement = (str(raw[key]) for key in ("severity", "title", "statement"))
    columns = tuple(str(name) for name in raw["columns"])
    return RememberedInsight(
        run_id, str(raw["id"]), rank, str(raw["plugin_id"]), str(raw["kind"]), columns, severity, title, statement,
        _effect(raw.get("statistics")),
    )  # fmt: skip


def _effect(statistics: Any) -> Mapping[str, Any] | None:
    effect = statistics.get("effect") if isinstance(statistics, Mapping) else None
    if not isinstance(effect, Mapping) or not _is_number(effect.get("value")):
        return None
    return {key: effect[key] for key in ("name", "value", "low", "high") if key in effect}


class Novelty(StrEnum):
    NEW = "new"
    KNOWN = "known"
    CHANGED = "changed"
    GONE = "gone"


@dataclass(frozen=True)
class Seen:
    """An insight of the run, or one that is gone from it; ``why`` says what changed, ``first_run`` where it was first seen."""

    insight: RememberedInsight
    novelty: Novelty
    why: str = ""
    first_run: str | None = None
    decision: "Decision | None" = None

    def as_dict(self) -> dict[str, Any]:
        decision = self.decision.as_dict() if self.decision else None
        return {
            **self.insight.as_dict(), "novelty": str(self.novelty), "why": self.why, "first_run_id": self.first_run,
            "decision": decision,
        }  # fmt: skip


def novelties(
    now: Sequence[RememberedInsight], before: Sequence[Sequence[RememberedInsight]], columns: Sequence[str]
) -> list[Seen]:
    """Each insight of a run held against those of earlier runs (newest first), then those that are gone.

    Gone is what the run just before said and this one does not; what speaks of columns that are not in this table (``columns``)
    is another table's, and says nothing about this one.
    """
    latest: dict[str, RememberedInsight] = {}
    first: dict[str, str] = {}
    for insights in before:
        for insight in insights:
            latest.setdefault(insight.finding_id, insight)
            first[insight.finding_id] = insight.run_id
    seen = []
    for insight in now:
        earlier = latest.get(insight.finding_id)
        why = what_changed(earlier, insight) if earlier else ""
        novelty = Novelty.NEW if earlier is None else Novelty.CHANGED if why else Novelty.KNOWN
        seen.append(Seen(insight, novelty, why, first.get(insight.finding_id)))
    here = {insight.finding_id for insight in now}
    gone = [item for item in (before[0] if before else ()) if item.finding_id not in here and set(item.columns) <= set(columns)]
    return seen + [Seen(insight, Novelty.GONE, "", first[insight.finding_id]) for insight in gone]


def what_changed(before: RememberedInsight, now: RememberedInsight) -> str:
    """In words, what is not as it was; empty where nothing that matters is."""
    if before.severity != now.severity:
        return f"it was {before.severity}, and is {now.severity}"
    if before.effect is None or now.effect is None:
        return "" if before.statement == now.statement else "its numbers are others"
    old, new = float(before.effect["value"]), float(now.effect["value"])
    low, high = _interval(before.effect)
    if low <= new <= high:
        return ""
    name = str(now.effect.get("name") or "its effect").replace("_", " ")
    return f"{name} was {old:.4g}, and is {new:.4g}"


def _interval(effect: Mapping[str, Any]) -> tuple[float, float]:
    """The stated one; without it, a tenth on either side."""
    value, low, high = float(effect["value"]), effect.get("low"), effect.get("high")
    if isinstance(low, int | float) and isinstance(high, int | float) and low < high:
        return float(low), float(high)
    return value - MOVED * abs(value), value + MOVED * abs(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True)
class Decision:
    """Insights of a kind, about columns, or whose words match a pattern are ``accepted`` or ``suppressed``, until a time (UTC).

    ``scope`` None means everywhere. What is suppressed becomes a setting of the run, and so part of its fingerprint; what is
    accepted is only told beside the insight.
    """

    decision_id: str
    state: Literal["accepted", "suppressed"]
    reason: str
    kind: str = ""
    columns: tuple[str, ...] = ()
    pattern: str = ""
    scope: Scope | None = None
    created_at: float = 0.0
    expires_at: float | None = None

    def holds(self, now: float) -> bool:
        return self.expires_at is None or now < self.expires_at

    def covers(self, insight: RememberedInsight) -> bool:
        return (
            (not self.kind or self.kind == insight.kind)
            and set(self.columns) <= set(insight.columns)
            and (not self.pattern or matches(self.pattern, insight.title) or matches(self.pattern, insight.statement))
        )

    def rule(self) -> dict[str, Any]:
        """The decision as a plugin's setting. Its id and times are left out: the same rule is the same setting."""
        return {"kind": self.kind, "columns": list(self.columns), "pattern": self.pattern, "reason": self.reason}

    def as_dict(self) -> dict[str, Any]:
        scope = {"kind": self.scope.kind, "name": self.scope.name} if self.scope else None
        return {
            "decision_id": self.decision_id, "state": self.state, **self.rule(), "scope": scope, "until": day_of(self.expires_at),
        }  # fmt: skip


def check_decision(kind: str, columns: Sequence[str], pattern: str, reason: str) -> None:
    """Raises UsageError for a decision that says nothing, or what cannot be."""
    if not (kind or columns or pattern):
        raise UsageError("decision_too_wide", "This would cover every insight.",
                         next_step="Name at least one of --kind, --column and --pattern.")  # fmt: skip
    if kind and kind not in KINDS:
        raise UsageError("bad_kind", f"{shown(kind)} is no kind of insight.", next_step=f"{did_you_mean(kind, KINDS)}.")
    if pattern and (problem := pattern_problem(pattern)):
        raise UsageError("bad_pattern", f"{shown(pattern)} is no regular expression.", why=f"{problem}.",
                         next_step="Use RE2's syntax, and put the pattern in quotes.")  # fmt: skip
    if not reason.strip():
        raise UsageError("no_reason", "A decision needs its reason.", next_step="Say why with --reason.")


def end_of_day(text: str) -> float | None:
    """``2027-03-31`` as the end of that day (UTC, in seconds since the epoch), ``never`` as None; raises UsageError."""
    if text == "never":
        return None
    try:
        if not DAY.match(text):
            raise ValueError
        return (datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=1)).timestamp()
    except (ValueError, OverflowError) as reason:
        raise UsageError("bad_date", f"{shown(text)} is no day.", next_step="Write it like 2027-03-31, or never.") from reason


def day_of(expires_at: float | None) -> str | None:
    """The last day on which something holds; None for ever."""
    return None if expires_at is None else (datetime.fromtimestamp(expires_at, UTC) - timedelta(days=1)).date().isoformat()
