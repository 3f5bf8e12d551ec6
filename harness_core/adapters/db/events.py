"""The events of a run: numbered from 1 without a gap, because each number is counted in the run's own row."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import bindparam, insert, update
from sqlalchemy.orm.attributes import set_committed_value
from sqlmodel import Session, col

from harness_core.adapters.db.statements import Statement, Transaction
from harness_core.adapters.db.tables import EventRow, RunRow

NEXT_EVENTS = Statement(
    update(RunRow)
    .where(col(RunRow.run_id) == bindparam("of_run"))
    .values(event_seq=col(RunRow.event_seq) + bindparam("count"))
    .returning(col(RunRow.event_seq))
)
ADD_EVENT = Statement(insert(EventRow))


class Happening(NamedTuple):
    """An event that has no number yet."""

    type: str
    plugin_id: str | None
    data: Mapping[str, Any]


def happening(type_: str, plugin_id: str | None = None, **data: Any) -> Happening:
    return Happening(type_, plugin_id, data)


def append_events(transaction: Transaction, run_id: str, at: float, happenings: Sequence[Happening]) -> int:
    """Give the run its next events; returns the number of the last."""
    counted = transaction.row(NEXT_EVENTS, of_run=run_id, count=len(happenings))
    if counted is None:
        raise LookupError(f"there is no run {run_id}")
    last = int(counted[0])
    first = last - len(happenings) + 1
    transaction.run_each(
        ADD_EVENT,
        (
            {"run_id": run_id, "seq": seq, "at": at, "type": item.type, "plugin_id": item.plugin_id, "data": item.data}
            for seq, item in enumerate(happenings, first)
        ),
    )
    return last


def append_event(session: Session, run: RunRow, at: float, type_: str, plugin_id: str | None = None, **data: Any) -> None:
    """The same for one event within a session."""
    last = append_events(Transaction.of(session), run.run_id, at, [happening(type_, plugin_id, **data)])
    set_committed_value(run, "event_seq", last)
