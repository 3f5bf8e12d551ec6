"""What a transaction writes down for later runs: what a run belongs to when it is recorded, its insights when it ends."""

from collections.abc import Sequence

from sqlalchemy import delete
from sqlmodel import Session, col

from harness_core.adapters.db.tables import InsightRow, RunScopeRow
from harness_core.domain.memory import RememberedInsight, scopes_of
from harness_core.domain.runs import Run


def note_scopes(session: Session, run: Run) -> None:
    """Within the transaction that records the run: what it belongs to."""
    for scope in scopes_of(run.config):
        session.add(RunScopeRow(kind=scope.kind, name=scope.name, run_id=run.run_id))


def keep_insights(session: Session, run_id: str, insights: Sequence[RememberedInsight]) -> None:
    """Within the transaction that ends the run: its insights in place of those of an earlier ending."""
    session.exec(delete(InsightRow).where(col(InsightRow.run_id) == run_id))
    for insight in insights:
        session.add(InsightRow(**{**vars(insight), "columns": list(insight.columns), "effect": _plain(insight)}))


def _plain(insight: RememberedInsight) -> dict[str, object] | None:
    return dict(insight.effect) if insight.effect is not None else None
