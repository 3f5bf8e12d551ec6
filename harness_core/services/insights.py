"""What a run says that earlier runs of the same dataset, raw format or ERP did not, and what was decided about it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from harness_core.domain.memory import (
    Decision,
    Novelty,
    RememberedInsight,
    Scope,
    ScopeKind,
    Seen,
    check_decision,
    novelties,
    scopes_of,
)
from harness_core.domain.runs import Run, RunId
from harness_core.ports.knowledge import Memory
from harness_core.ports.state import Library, Runs
from harness_core.ports.world import Clock, Names

WORDS: dict[ScopeKind, str] = {"dataset": "the same file", "format": "the same raw format", "erp": "the same ERP"}


@dataclass(frozen=True)
class Retrospect:
    """A run held against the earlier ones of a scope (None: there are none), and what was suppressed in it."""

    run_id: RunId
    scope: Scope | None
    earlier: Sequence[RunId]
    insights: Sequence[Seen]

    def count(self, novelty: Novelty) -> int:
        return sum(item.novelty is novelty for item in self.insights)

    @property
    def sentence(self) -> str:
        if self.scope is None:
            return "There is no earlier run of this file, raw format or ERP to compare with: every insight is new."
        counted = [(self.count(novelty), str(novelty)) for novelty in Novelty]
        said = ", ".join(f"{number} {word}" for number, word in counted if number) or "no insights"
        runs = f"{len(self.earlier)} earlier run{'s' * (len(self.earlier) != 1)}"
        return f"Against {runs} of {WORDS[self.scope.kind]}: {said}."

    def as_dict(self) -> dict[str, Any]:
        return {
            "run_id": self.run_id,
            "scope": {"kind": self.scope.kind, "name": self.scope.name} if self.scope else None,
            "earlier_runs": list(self.earlier),
            "counts": {str(novelty): self.count(novelty) for novelty in Novelty},
            "insights": [item.as_dict() for item in self.insights],
        }


class Insights:
    """Looks back, and keeps decisions."""

    def __init__(self, memory: Memory, runs: Runs, library: Library, clock: Clock, names: Names) -> None:
        self._memory, self._runs, self._library, self._clock, self._names = memory, runs, library, clock, names

    def retrospect(self, run: Run, scope_kind: ScopeKind | None = None) -> Retrospect:
        """``scope_kind`` None takes the narrowest scope that has earlier runs: the file, its raw format, its ERP."""
        now = self._memory.insights_of(run.run_id)
        for scope in scopes_of(run.config):
            earlier = self._earlier(run, scope) if scope_kind in (None, scope.kind) else []
            if earlier:
                before = [self._memory.insights_of(run_id) for run_id in earlier]
                return Retrospect(run.run_id, scope, earlier, self._decided(run, novelties(now, before, self._columns(run))))
        return Retrospect(run.run_id, None, [], self._decided(run, novelties(now, [], [])))

    def _earlier(self, run: Run, scope: Scope) -> list[RunId]:
        """Runs that read the same share of the rows: what a sample does not show is not gone."""
        found = self._memory.earlier_runs(scope, run.run_id)
        return [run_id for run_id in found if self._runs.get(run_id).config.sample == run.config.sample]

    def _decided(self, run: Run, seen: Sequence[Seen]) -> list[Seen]:
        at = self._clock.now()
        holding = [item for item in self._memory.decisions(scopes_of(run.config)) if item.holds(at)]
        return [replace(item, decision=_of(item.insight, holding)) for item in seen]

    def _columns(self, run: Run) -> list[str]:
        return [
            str(column["name"])
            for item in run.datasets
            for column in self._library.dataset_version(item["dataset_version_id"]).columns
        ]

    def decide(
        self,
        state: Literal["accepted", "suppressed"],
        reason: str,
        *,
        kind: str,
        columns: Sequence[str],
        pattern: str,
        scope: Scope | None,
        expires_at: float | None,
    ) -> Decision:
        """Record a decision; the same one again is the one there is. Raises UsageError for one that says nothing."""
        check_decision(kind, columns, pattern, reason)
        made = Decision(
            self._names.fresh("decision"), state, reason.strip(), kind, tuple(sorted(set(columns))), pattern, scope,
            self._clock.now(), expires_at,
        )  # fmt: skip
        return self._memory.add_decision(made)

    def decisions(self) -> list[tuple[Decision, bool]]:
        """Every decision, and whether it still holds."""
        at = self._clock.now()
        return [(item, item.holds(at)) for item in self._memory.decisions()]

    def remembered(self, run_id: RunId) -> Sequence[RememberedInsight]:
        return self._memory.insights_of(run_id)


def _of(insight: RememberedInsight, decisions: Sequence[Decision]) -> Decision | None:
    """The latest that covers it."""
    return next((item for item in reversed(decisions) if item.covers(insight)), None)
