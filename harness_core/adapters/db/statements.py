"""Prepared statements: written once in SQLAlchemy's language over the tables, compiled once per dialect, run on the driver itself.

What a worker does many times a second goes this way; the rest of the package uses sessions. The difference is the processor time
of loading, tracking and flushing objects, which is twenty times that of the statement.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import BindParameter, Column, ColumnElement, Delete, Dialect, Insert, Select, Update, bindparam, literal_column
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.types import TypeEngine
from sqlmodel import Session, SQLModel

from harness_core.domain.runs import JobState

Clause = Select[Any] | Insert | Update | Delete
Convert = Callable[[Any], Any] | None

# Written into the SQL as they are: a bound value would hide from SQLite that a partial index answers the question.
READY: ColumnElement[str] = literal_column(f"'{JobState.READY}'")
LEASED: ColumnElement[str] = literal_column(f"'{JobState.LEASED}'")


def new(*columns: str) -> dict[str, BindParameter[Any]]:
    """For ``values(**new("status"))``: the column takes what is given as ``new_status``."""
    return {name: bindparam(f"new_{name}") for name in columns}


def columns(table: type[SQLModel], *names: str) -> Sequence[Column[Any]]:
    """The named columns of a table, in that order."""
    return [table.__table__.c[name] for name in names]  # type: ignore[attr-defined]


class Statement:
    """One statement; its values are the named bind parameters of ``clause``."""

    def __init__(self, clause: Clause) -> None:
        self.clause = clause
        self._compiled: dict[str, _Compiled] = {}

    def on(self, dialect: Dialect) -> "_Compiled":
        if dialect.name not in self._compiled:
            self._compiled[dialect.name] = _Compiled(self.clause, dialect)
        return self._compiled[dialect.name]


class _Compiled:
    """The text for one dialect, and how values go in and come out."""

    def __init__(self, clause: Clause, dialect: Dialect) -> None:
        compiled = clause.compile(dialect=dialect)
        self.sql = str(compiled)
        self._in_order = compiled.positiontup is not None
        binds: Mapping[str, Any] = compiled.binds
        places = [(name, binds[name], _inward(binds[name].type, dialect)) for name in compiled.positiontup or binds]
        self._places = [(name, bind.required, bind.value, convert) for name, bind, convert in places]
        read = [_outward(column.type, dialect) for column in getattr(clause, "exported_columns", ())]
        self._read = [(place, convert) for place, convert in enumerate(read) if convert is not None]

    def values(self, given: Mapping[str, Any]) -> Any:
        """As the driver wants them: in order, or by name."""
        plain = [(name, given[name] if asked else own, convert) for name, asked, own, convert in self._places]
        values = [convert(value) if convert is not None else value for _, value, convert in plain]
        return values if self._in_order else {name: value for (name, *_), value in zip(plain, values, strict=True)}

    def rows(self, found: Sequence[Sequence[Any]]) -> Sequence[Sequence[Any]]:
        """As the tables' types say."""
        if not self._read:
            return found
        rows = [list(row) for row in found]
        for row in rows:
            for place, convert in self._read:
                row[place] = convert(row[place])
        return rows


def _inward(type_: TypeEngine[Any], dialect: Dialect) -> Convert:
    return type_.dialect_impl(dialect).bind_processor(dialect)


def _outward(type_: TypeEngine[Any], dialect: Dialect) -> Convert:
    return type_.dialect_impl(dialect).result_processor(dialect, None)


class Transaction:
    """Runs statements on a connection whose transaction somebody else begins and ends."""

    def __init__(self, cursor: DBAPICursor, dialect: Dialect) -> None:
        self._cursor, self._dialect = cursor, dialect

    @classmethod
    def of(cls, session: Session) -> "Transaction":
        """The session's own, with everything written that the session holds back."""
        session.flush()
        connection = session.connection()
        return cls(connection.connection.cursor(), connection.dialect)

    def run(self, statement: Statement, **values: Any) -> int:
        """How many rows it changed."""
        compiled = statement.on(self._dialect)
        self._cursor.execute(compiled.sql, compiled.values(values))
        return self._cursor.rowcount

    def run_each(self, statement: Statement, all_values: Iterable[Mapping[str, Any]]) -> None:
        compiled = statement.on(self._dialect)
        self._cursor.executemany(compiled.sql, [compiled.values(values) for values in all_values])

    def rows(self, statement: Statement, **values: Any) -> Sequence[Sequence[Any]]:
        """All that it returns."""
        compiled = statement.on(self._dialect)
        self._cursor.execute(compiled.sql, compiled.values(values))
        return compiled.rows(self._cursor.fetchall())

    def row(self, statement: Statement, **values: Any) -> Sequence[Any] | None:
        """The first that it returns."""
        found = self.rows(statement, **values)
        return found[0] if found else None
