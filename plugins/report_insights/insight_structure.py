"""What follows from how the table is built, and is no news whatever its size: cases, running numbers, two times of one record."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from insight_claims import RELATIONS, Claim

from harness_core.sdk import Upstream
from harness_core.sdk.statistics.ordering import counts_the_rows


@dataclass(frozen=True)
class Structure:
    """``case`` numbers the cases of an event log and ``activity`` says what was done; ``running`` columns only count the rows."""

    times: frozenset[str] = frozenset()
    running: frozenset[str] = frozenset()
    measures: frozenset[str] = frozenset()
    case: str | None = None
    activity: str | None = None

    @classmethod
    def of(cls, upstream: Mapping[str, Upstream]) -> "Structure":
        columns = upstream["profile_basic"].metrics.get("columns") or [] if "profile_basic" in upstream else []
        log = upstream["profile_eventlog"].metrics if "profile_eventlog" in upstream else {}
        roles = (log.get("roles") or {}) if log.get("form") == "cases" else {}
        return cls(
            _names(columns, "time"),
            frozenset(str(entry["name"]) for entry in columns if counts_the_rows(entry)),
            _names(columns, "measure"),
            roles.get("case"),
            roles.get("activity"),
        )

    @property
    def order_columns(self) -> frozenset[str]:
        """The columns that say when a row was, or where it stands."""
        return self.times | self.running

    def explains(self, claim: Claim) -> bool:
        """Whether the claim says no more than how the table is built."""
        if claim.kind in ("identity", "duplicate_columns"):
            return bool(claim.columns) and claim.columns <= self.running
        if claim.kind == "dependence" and claim.columns <= self.order_columns:
            return True
        if self.case in claim.columns and claim.kind in RELATIONS:
            return True
        if self.activity not in claim.columns:
            return False
        return claim.kind == "concentration" or (claim.kind == "missingness" and len(claim.columns) > 1)


def _names(columns: Any, role: str) -> frozenset[str]:
    return frozenset(str(entry["name"]) for entry in columns if entry.get("role") == role)
