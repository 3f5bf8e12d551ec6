"""Insights of ended runs, and decisions about insights, in SQL."""

from collections.abc import Sequence

from sqlalchemy import and_, or_, tuple_
from sqlmodel import col, select

from harness_core.adapters.db.engine import Database
from harness_core.adapters.db.records import LISTED_CONFIG
from harness_core.adapters.db.runs import SHORTEST_PREFIX
from harness_core.adapters.db.tables import DecisionRow, InsightRow, RunRow, RunScopeRow
from harness_core.domain.errors import NotFound
from harness_core.domain.memory import Decision, RememberedInsight, Scope
from harness_core.domain.runs import RunId, RunStatus

WITH_REPORT = (RunStatus.COMPLETED, RunStatus.PARTIAL)


class SqlMemory:
    """Fulfils :class:`harness_core.ports.knowledge.Memory`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def insights_of(self, run_id: RunId) -> Sequence[RememberedInsight]:
        query = select(InsightRow).where(col(InsightRow.run_id) == run_id).order_by(col(InsightRow.rank))
        with self._db.reading() as session:
            return [_insight(row) for row in session.exec(query)]

    def earlier_runs(self, scope: Scope, run_id: RunId, limit: int = 50) -> Sequence[RunId]:
        with self._db.reading() as session:
            this = session.get(RunRow, run_id)
            if this is None:
                return []
            before = or_(
                col(RunRow.created_at) < this.created_at,
                and_(col(RunRow.created_at) == this.created_at, col(RunRow.run_id) < this.run_id),
            )
            query = (
                select(RunRow.run_id)
                .join(RunScopeRow, col(RunScopeRow.run_id) == col(RunRow.run_id))
                .where(col(RunScopeRow.kind) == scope.kind, col(RunScopeRow.name) == scope.name)
                .where(before, col(RunRow.status).in_(WITH_REPORT))
                .order_by(col(RunRow.created_at).desc(), col(RunRow.run_id).desc())
                .limit(limit)
            )
            return [RunId(name) for name in session.exec(query)]

    def other_versions(self, scope: Scope, *, than: str, sample: float | None, limit: int = 50) -> Sequence[RunId]:
        same_bytes = select(RunScopeRow.run_id).where(col(RunScopeRow.kind) == "dataset", col(RunScopeRow.name) == than)
        share = LISTED_CONFIG["sample"]
        query = (
            select(RunRow.run_id)
            .join(RunScopeRow, col(RunScopeRow.run_id) == col(RunRow.run_id))
            .where(col(RunScopeRow.kind) == scope.kind, col(RunScopeRow.name) == scope.name)
            .where(col(RunRow.status).in_(WITH_REPORT), col(RunRow.deleted_at).is_(None))
            .where(col(RunRow.run_id).not_in(same_bytes), share.is_(None) if sample is None else share == sample)
            .order_by(col(RunRow.created_at).desc(), col(RunRow.run_id).desc())
            .limit(limit)
        )
        with self._db.reading() as session:
            return [RunId(name) for name in session.exec(query)]

    def decisions(self, scopes: Sequence[Scope] | None = None) -> Sequence[Decision]:
        query = select(DecisionRow).order_by(col(DecisionRow.created_at), col(DecisionRow.decision_id))
        if scopes is not None:
            wanted = [("", ""), *((scope.kind, scope.name) for scope in scopes)]
            query = query.where(tuple_(col(DecisionRow.scope_kind), col(DecisionRow.scope_name)).in_(wanted))
        with self._db.reading() as session:
            return [_decision(row) for row in session.exec(query)]

    def add_decision(self, decision: Decision) -> Decision:
        with self._db.writing() as session:
            for row in session.exec(select(DecisionRow)):
                known = _decision(row)
                if known.as_dict() | {"decision_id": ""} == decision.as_dict() | {"decision_id": ""}:
                    return known
            scope = decision.scope
            session.add(
                DecisionRow(
                    decision_id=decision.decision_id, state=decision.state, reason=decision.reason, kind=decision.kind,
                    columns=list(decision.columns), pattern=decision.pattern, scope_kind=scope.kind if scope else "",
                    scope_name=scope.name if scope else "", created_at=decision.created_at, expires_at=decision.expires_at,
                )
            )  # fmt: skip
        return decision

    def remove_decision(self, decision_id: str) -> Decision:
        with self._db.writing() as session:
            row = session.get(DecisionRow, decision_id)
            if row is None and len(decision_id) >= SHORTEST_PREFIX:
                starts = col(DecisionRow.decision_id).startswith(decision_id, autoescape=True)
                found = session.exec(select(DecisionRow).where(starts).limit(2)).all()
                row = found[0] if len(found) == 1 else None
            if row is None:
                raise NotFound("no_such_decision", f"There is no decision {decision_id!r}.",
                               next_step="List them with `harness insights decisions`.")  # fmt: skip
            decision = _decision(row)
            session.delete(row)
            return decision


def _insight(row: InsightRow) -> RememberedInsight:
    return RememberedInsight(
        row.run_id, row.finding_id, row.rank, row.plugin_id, row.kind, tuple(row.columns), row.severity, row.title, row.statement,
        row.effect,
    )  # fmt: skip


def _decision(row: DecisionRow) -> Decision:
    scope = Scope(row.scope_kind, row.scope_name) if row.scope_kind else None  # type: ignore[arg-type]  # one of the three kinds
    return Decision(
        row.decision_id, row.state, row.reason, row.kind, tuple(row.columns), row.pattern, scope, row.created_at, row.expires_at,  # type: ignore[arg-type]  # one of the two states
    )  # fmt: skip
