"""CREATE TABLE and ALTER TABLE as facts: columns with their declared types, primary and foreign keys."""

import re
from dataclasses import dataclass, field

from dump_dialects import Dialect
from dump_tokens import NAMES, Token, name_of, qualified
from dump_types import UNKNOWN, Kind, kind_of

CONSTRAINTS = {"PRIMARY", "UNIQUE", "FOREIGN", "CONSTRAINT", "CHECK", "EXCLUDE", "LIKE"}
INDEXES = {"KEY", "INDEX", "FULLTEXT", "SPATIAL", "PERIOD"}
AFTER_TYPE = {
    "NOT", "NULL", "DEFAULT", "PRIMARY", "UNIQUE", "REFERENCES", "CHECK", "CONSTRAINT", "COLLATE", "AUTO_INCREMENT",
    "AUTOINCREMENT",
    "COMMENT", "GENERATED", "ON", "AS", "KEY", "STORAGE", "COMPRESSION", "INVISIBLE", "VISIBLE", "COLUMN_FORMAT", "ENCODE",
    "DEFERRABLE", "INITIALLY", "SRID", "REF_SYSTEM_ID", "ASC", "DESC", "OPTIONS", "CHARSET", "VIRTUAL", "STORED", "PERSISTENT",
}  # fmt: skip


class NotUnderstood(Exception):
    """A definition that does not have the form it should."""


class RowsFromQuery(NotUnderstood):
    """CREATE TABLE … AS SELECT: the rows are not in the dump."""


@dataclass
class DumpColumn:
    """One column: its name, the type as declared, what it is read as, and the literal that stands where a row leaves it out."""

    name: str
    declared: str
    kind: Kind
    default: bytes | None = None
    generated: bool = False


@dataclass(frozen=True)
class ForeignKey:
    columns: tuple[str, ...]
    table: str
    referenced: tuple[str, ...]


@dataclass
class Definition:
    """What CREATE TABLE says."""

    name: tuple[str, ...]
    columns: list[DumpColumn] = field(default_factory=list)
    primary_key: list[str] = field(default_factory=list)
    foreign_keys: list[ForeignKey] = field(default_factory=list)
    parents: list[tuple[str, ...]] = field(default_factory=list)


def create_table(found: list[Token], at: int, dialect: Dialect, domains: dict[str, str]) -> Definition:
    """The definition in the tokens of a CREATE TABLE, from its name at ``at`` on; raises NotUnderstood."""
    parts, at = qualified(found, at, dialect)
    if not parts:
        raise NotUnderstood("it names no table")
    table = Definition(tuple(parts))
    if at < len(found) and found[at].upper == "PARTITION":  # PARTITION OF parent FOR VALUES …
        parent, _ = qualified(found, at + 2, dialect)
        table.parents.append(tuple(parent))
        return table
    if at < len(found) and found[at].upper in ("AS", "SELECT", "LIKE"):
        raise RowsFromQuery
    if at >= len(found) or not found[at].is_sign(b"("):
        raise NotUnderstood("no list of columns follows its name")
    items, at = _items(found, at)
    for item in items:
        _define(table, item, dialect, domains)
    _trailing(table, found[at:], dialect)
    return table


def _items(found: list[Token], at: int) -> tuple[list[list[Token]], int]:
    """The comma-separated items of the group that opens at ``at``, and the place behind it."""
    items: list[list[Token]] = [[]]
    depth = 0
    for place in range(at, len(found)):
        token = found[place]
        if token.is_sign(b"("):
            depth += 1
            if depth == 1:
                continue
        elif token.is_sign(b")"):
            depth -= 1
            if depth == 0:
                return [item for item in items if item], place + 1
        if depth == 1 and token.is_sign(b","):
            items.append([])
        else:
            items[-1].append(token)
    raise NotUnderstood("its list of columns is not closed")


def _define(table: Definition, item: list[Token], dialect: Dialect, domains: dict[str, str]) -> None:
    if item[0].upper in CONSTRAINTS or _is_index(item, dialect):
        constraint(table, item, dialect)
        return
    if item[0].kind not in (*NAMES, "text"):
        raise NotUnderstood(f"“{item[0].raw.decode('utf-8', 'replace')}” is no column")
    name = name_of(item[0], dialect)
    end = next((place for place in range(1, len(item)) if item[place].upper in AFTER_TYPE or _is_charset(item, place)), len(item))
    declared = _written(item[1:end])
    base = domains.get(declared.split("(")[0].strip('"').split(".")[-1].lower(), declared)
    column = DumpColumn(name, declared, kind_of(base, dialect.name) if declared else UNKNOWN)
    _attributes(table, column, item[end:], dialect)
    table.columns.append(column)


def _is_index(item: list[Token], dialect: Dialect) -> bool:
    """MySQL lists indexes among the columns; elsewhere a column may be called ``key``, and its type follows."""
    if item[0].upper not in INDEXES or dialect.name == "postgresql":
        return False
    return dialect.name == "mysql" or (any(token.is_sign(b"(") for token in item[2:3]) and item[1].kind != "word")


def _is_charset(item: list[Token], place: int) -> bool:
    """``CHARACTER SET x`` ends a type; ``character varying`` is one."""
    return item[place].upper == "CHARACTER" and place + 1 < len(item) and item[place + 1].upper == "SET"


def _written(part: list[Token]) -> str:
    """The type as text: words apart, signs together."""
    text = ""
    for token in part:
        word = token.raw.decode("utf-8", "replace")
        text += f" {word}" if text and token.kind in ("word", "number") and text[-1] not in "(,.[" else word
    return re.sub(r"\s+", " ", text)[:500]


def _attributes(table: Definition, column: DumpColumn, rest: list[Token], dialect: Dialect) -> None:
    """Keys, default and generation that stand behind the type."""
    for place, token in enumerate(rest):
        following = rest[place + 1] if place + 1 < len(rest) else None
        if token.upper == "PRIMARY":
            table.primary_key = [*table.primary_key, column.name]
        elif token.upper == "REFERENCES":
            table.foreign_keys.append(_reference((column.name,), rest, place + 1, dialect))
        elif token.upper == "DEFAULT" and following is not None and column.default is None:
            sign = following.raw if following.raw in (b"-", b"+") else b""
            value = rest[place + 2] if sign and place + 2 < len(rest) else following
            behind = rest[place + (3 if sign else 2) :][:1]
            if value.kind in ("number", "text", "blob") and not any(token.raw in (b"(", b"+", b"-", b"|") for token in behind):
                column.default = sign + value.raw
        elif token.upper in ("GENERATED", "AS") and any(other.is_sign(b"(") for other in rest[place:]):
            column.generated = not any(other.upper == "IDENTITY" for other in rest)


def constraint(table: Definition, item: list[Token], dialect: Dialect) -> bool:
    """Take in a table constraint; False where it says nothing about keys."""
    place = 0
    if item[0].upper == "CONSTRAINT":
        place = 2 if len(item) > 2 and item[1].kind in (*NAMES, "text") and item[1].upper not in CONSTRAINTS else 1
    word = item[place].upper if place < len(item) else ""
    opened = next((at for at in range(place, len(item)) if item[at].is_sign(b"(")), None)
    if word not in ("PRIMARY", "FOREIGN") or opened is None:
        return False
    columns, at = _listed(item, opened, dialect)
    if word == "PRIMARY":
        table.primary_key = list(columns)
        return True
    reference = next((place for place in range(at, len(item)) if item[place].upper == "REFERENCES"), None)
    if reference is None:
        return False
    table.foreign_keys.append(_reference(columns, item, reference + 1, dialect))
    return True


def _reference(columns: tuple[str, ...], found: list[Token], at: int, dialect: Dialect) -> ForeignKey:
    parts, at = qualified(found, at, dialect)
    referenced: tuple[str, ...] = ()
    if at < len(found) and found[at].is_sign(b"("):
        referenced, _ = _listed(found, at, dialect)
    return ForeignKey(columns, ".".join(part for part in parts if part != "public"), referenced)


def _listed(found: list[Token], at: int, dialect: Dialect) -> tuple[tuple[str, ...], int]:
    """The names in the list that opens at ``at`` (lengths of index parts and ASC left out), and the place behind it."""
    items, at = _items(found, at)
    return tuple(name_of(item[0], dialect) for item in items if item[0].kind in (*NAMES, "text")), at


def _trailing(table: Definition, rest: list[Token], dialect: Dialect) -> None:
    """What follows the list of columns: PostgreSQL's INHERITS; table options say nothing here."""
    for place, token in enumerate(rest):
        if token.upper == "INHERITS" and place + 1 < len(rest) and rest[place + 1].is_sign(b"("):
            items, _ = _items(rest, place + 1)
            table.parents += [tuple(qualified(item, 0, dialect)[0]) for item in items]
        if token.upper in ("SELECT", "VALUES"):
            raise RowsFromQuery
