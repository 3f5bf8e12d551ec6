"""Pieces of work in time: when each was asked for, begun and ended, by whom; how many were under way at any moment.

Times are microseconds since 1970. The same SQL brings the rows and stands in the evidence, so both speak of the same work.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pyarrow
from numpy.typing import NDArray

from harness_core.sdk.canonical import digest_of
from harness_core.sdk.dataset import Dataset, quote_text
from harness_core.sdk.statistics.events import Floats, Integers, Roles, levels
from harness_core.sdk.statistics.series import codes, view_name

RARELY = 0.001
NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Work:
    """One entry per piece of work that has a beginning and an end, by beginning, then row.

    ``queued`` is when it could have begun (``NEVER`` where nothing says so: the first step of a case, or a time after the
    beginning); ``resource`` and ``activity`` are positions in their names, -1 where missing or not known.
    """

    queued: Integers
    start: Integers
    end: Integers
    rows: Integers
    resource: Integers
    activity: Integers
    resources: tuple[str, ...]
    activities: tuple[str, ...]
    left_out: int

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def waited(self) -> NDArray[np.bool_]:
        """Which pieces of work say since when they waited."""
        return np.asarray(self.queued != NEVER)

    @property
    def waiting(self) -> Integers:
        """How long each waited; 0 where that is not known."""
        return np.asarray(np.where(self.waited, self.start - np.where(self.waited, self.queued, self.start), 0))

    @property
    def service(self) -> Integers:
        return np.asarray(self.end - self.start)

    def of(self, chosen: NDArray[np.bool_] | Integers) -> "Work":
        """The chosen pieces of work, or all in the order given."""
        parts = ("queued", "start", "end", "rows", "resource", "activity")
        return replace(self, **{name: getattr(self, name)[chosen] for name in parts})


def work_sql(roles: Roles) -> str:
    """A common table expression ``work`` (q, s, e in microseconds, r, a, row_index), one row per piece of work."""
    if roles.started and roles.ended:
        return f"WITH work AS ({_from_columns(roles)})"
    case, activity, time = roles.sequence
    if roles.lifecycle is None:
        raise LookupError("work needs the columns of its beginning and end, or one that marks them")
    marks = (
        f"SELECT {view_name(case)} AS c, {_text(activity)} AS a, {_text(roles.resource)} AS r, epoch_us({view_name(time)}) AS t, "
        f"row_index, {view_name(roles.lifecycle)} AS mark FROM data "
        f"WHERE {view_name(case)} IS NOT NULL AND {view_name(activity)} IS NOT NULL AND {view_name(time)} IS NOT NULL"
    )
    return (
        f"WITH marks AS ({marks}), pairs AS (SELECT *, lead(t) OVER w AS e, lead(mark) OVER w AS after FROM marks "
        "WINDOW w AS (PARTITION BY c, a ORDER BY t, row_index)), "
        f"steps AS (SELECT c, a, r, t AS s, e, row_index FROM pairs WHERE mark = {quote_text(str(roles.start_mark))} "
        f"AND after = {quote_text(str(roles.end_mark))}), work AS ({_after_previous('steps')})"
    )


def _from_columns(roles: Roles) -> str:
    start, end = f"epoch_us({view_name(str(roles.started))})", f"epoch_us({view_name(str(roles.ended))})"
    case = view_name(roles.case) if roles.case else "NULL"
    queued = f"epoch_us({view_name(roles.queued)})" if roles.queued else "NULL"
    steps = (
        f"SELECT {case} AS c, {_text(roles.activity)} AS a, {_text(roles.resource)} AS r, {queued} AS q, {start} AS s, {end} AS e, "
        f"row_index FROM data WHERE {start} IS NOT NULL AND {end} >= {start}"
    )
    if roles.queued or not roles.case:
        return f"SELECT CASE WHEN q <= s THEN q END AS q, s, e, r, a, row_index FROM ({steps})"
    return _after_previous(f"({steps})")


def _after_previous(steps: str) -> str:
    """Work that could begin when all earlier steps of its case had ended."""
    return (
        "SELECT CASE WHEN before IS NOT NULL THEN least(s, before) END AS q, s, e, r, a, row_index FROM (SELECT *, "
        "max(e) OVER (PARTITION BY c ORDER BY s, row_index ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before "
        f"FROM {steps})"
    )


def _text(name: str | None) -> str:
    return f"CAST({view_name(name)} AS VARCHAR)" if name else "NULL::VARCHAR"


def read_work(dataset: Dataset, roles: Roles) -> Work:
    """All pieces of work by their beginning. Where their times were derived before, nothing is paired or sorted again."""
    queued, start, end, rows = _kept_pieces(dataset, roles) or _pieces(dataset, roles)
    resource, resources = _named(dataset, roles.resource, rows)
    activity, activities = _named(dataset, roles.activity, rows)
    left = dataset.row_count - len(rows)
    return Work(queued, start, end, rows, resource, activity, resources, activities, left)


def work_columns(dataset: Dataset, roles: Roles) -> dict[str, Any]:
    """What :func:`read_work` finds, as columns to be derived: in the row of each piece of work its place and its times."""
    queued, start, end, rows = _pieces(dataset, roles)
    places = np.full(dataset.row_count, -1, dtype=np.int32)
    places[rows] = np.arange(len(rows), dtype=np.int32)
    columns, missing = [places], places < 0
    for values in (queued, start, end):
        columns.append(np.full(dataset.row_count, NEVER, dtype=np.int64))
        columns[-1][rows] = values
    return {name: pyarrow.array(column, mask=missing) for name, column in zip(_names(roles), columns, strict=True)}


def _names(roles: Roles) -> list[str]:
    """The derived columns of work in these roles."""
    which = digest_of(asdict(roles))[:8]
    return [f"{part} of work {which}" for part in ("place", "queued", "start", "end")]


def _kept_pieces(dataset: Dataset, roles: Roles) -> tuple[Integers, Integers, Integers, Integers] | None:
    places, queued, start, end = (dataset.derived.numpy(name) for name in _names(roles))
    if places is None or queued is None or start is None or end is None:
        return None
    found = np.flatnonzero(places >= 0)
    rows = np.empty(len(found), dtype=np.int64)
    rows[places[found]] = found
    return queued[rows], start[rows], end[rows], rows


def _pieces(dataset: Dataset, roles: Roles) -> tuple[Integers, Integers, Integers, Integers]:
    """(earliest possible start, start, end, row) of each piece of work, by start and row."""
    # an earliest possible start of NULL is told apart by a number that no time has
    reader = dataset.sql(f"{work_sql(roles)} SELECT coalesce(q, {int(NEVER)}), s, e, row_index FROM work").to_arrow_reader()
    parts: list[list[Integers]] = [[], [], [], []]
    for batch in reader:
        for part, column in zip(parts, batch.columns, strict=True):
            part.append(np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.int64))
    queued, start, end, rows = (np.concatenate(part) if part else np.empty(0, dtype=np.int64) for part in parts)
    order = np.lexsort((rows, start))
    return queued[order], start[order], end[order], rows[order]


def _named(dataset: Dataset, name: str | None, rows: Integers) -> tuple[Integers, tuple[str, ...]]:
    if name is None:
        return np.full(len(rows), -1, dtype=np.int64), ()
    values = levels(dataset, name)
    return codes(dataset, name, values)[rows], tuple(str(value) for value in values)


def under_way(start: Integers, end: Integers, at: Integers) -> Integers:
    """How many pieces of work had begun and not ended just before each moment ``at``."""
    return np.asarray(np.searchsorted(np.sort(start), at, side="left") - np.searchsorted(np.sort(end), at, side="left"))


def time_at_level(start: Integers, end: Integers) -> Integers:
    """Microseconds during which 0, 1, 2 … pieces of work were under way, from the first beginning to the last end."""
    moments = np.concatenate((start, end))
    change = np.concatenate((np.ones(len(start), dtype=np.int64), -np.ones(len(end), dtype=np.int64)))
    order = np.argsort(moments, kind="stable")
    level = np.cumsum(change[order])[:-1]
    held = np.diff(moments[order])
    present = held > 0
    if not present.any():
        return np.zeros(1, dtype=np.int64)
    found = np.zeros(int(level[present].max()) + 1, dtype=np.int64)
    np.add.at(found, level[present], held[present])
    return found


def servers(levels_held: Sequence[int] | Integers) -> int:
    """The number of pieces of work that can be under way at once: the highest level, but for a thousandth of the busy time."""
    held = np.asarray(levels_held, dtype=np.float64)
    busy = float(held[1:].sum())
    above = busy - np.cumsum(np.concatenate(([0.0], held[1:])))
    return int(np.flatnonzero(above <= RARELY * busy)[0]) if busy else 0


def busy_time(start: Integers, end: Integers) -> int:
    """Microseconds in which at least one piece of work was under way; ``start`` ascends."""
    if not len(start):
        return 0
    reach = np.maximum.accumulate(end)
    idle = np.maximum(start[1:] - reach[:-1], 0)
    return int(reach[-1] - start[0] - idle.sum())


def total_s(values: Integers) -> float:
    """The sum in seconds of microseconds, added as whole numbers in two halves, which no number of rows makes overflow."""
    return ((int((values >> 20).sum()) << 20) + int((values & 0xFFFFF).sum())) / 1e6


def seconds(values: Integers) -> Floats:
    return np.asarray(values / 1e6, dtype=np.float64)
