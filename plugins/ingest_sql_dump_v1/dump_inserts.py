"""INSERT and COPY: from their heads to batches of rows."""

from collections.abc import Sequence
from dataclasses import dataclass

from dump_dialects import Dialect
from dump_tokens import NAMES, Token, name_of, qualified
from dump_words import refused, rejected

MODIFIERS = {"LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "INTO", "OR", "REPLACE", "IGNORE", "ABORT", "FAIL", "ROLLBACK", "ONLY"}
COPY_OPTIONS = {"WITH", "FORMAT", "TEXT", "FREEZE", "TRUE", "ON", "DELIMITER", "DELIMITERS", "AS", "NULL"}
MAY_DROP = {"REPLACE", "IGNORE"}


@dataclass(frozen=True)
class Head:
    """Where rows go: the table's name in parts, and the columns named (None for all)."""

    name: tuple[str, ...]
    columns: tuple[str, ...] | None
    may_drop: bool = False
    delimiter: str = "\t"
    null: str = "\\N"


def insert_head(found: Sequence[Token], dialect: Dialect, line: int) -> Head:
    """Of the tokens of an INSERT up to VALUES; raises InputRejected where its rows are not written out."""
    at = 1
    while at < len(found) and found[at].upper in MODIFIERS:
        at += 1
    may_drop = bool(MAY_DROP & {token.upper for token in found[:at]})
    parts, at = qualified(list(found), at, dialect)
    columns: tuple[str, ...] | None = None
    if at < len(found) and found[at].is_sign(b"("):
        columns, at = _columns(found, at, dialect)
    words = {token.upper for token in found[at:]}
    if not parts or not words & {"VALUES", "VALUE"} or words & {"SELECT", "SET", "DEFAULT", "WITH", "TABLE"}:
        raise refused(line, f"{found[0].upper} without written rows", "its rows come from a query or are not written as VALUES (…)")
    return Head(tuple(parts), columns, may_drop)


def _columns(found: Sequence[Token], at: int, dialect: Dialect) -> tuple[tuple[str, ...], int]:
    names = []
    at += 1
    while at < len(found) and not found[at].is_sign(b")"):
        if found[at].kind in (*NAMES, "text"):
            names.append(name_of(found[at], dialect))
        at += 1
    return tuple(names), at + 1


def copy_head(found: Sequence[Token], dialect: Dialect, line: int) -> Head:
    """Of the tokens of a COPY; raises InputRejected unless it is text from stdin."""
    parts, at = qualified(list(found), 1, dialect)
    columns: tuple[str, ...] | None = None
    if at < len(found) and found[at].is_sign(b"("):
        columns, at = _columns(found, at, dialect)
    words = [token.upper for token in found[at : at + 2]]
    if not parts or words != ["FROM", "STDIN"]:
        raise refused(line, "COPY other than FROM stdin", "it would read or write a file, or run a program")
    options, delimiter, null = found[at + 2 :], "\t", "\\N"
    texts = {token.raw[1:-1].decode("utf-8", "replace").upper() for token in options if token.kind in ("text", "quoted")}
    strange = {token.upper for token in options if token.kind == "word"} - COPY_OPTIONS | texts & {"CSV", "BINARY"}
    if strange:
        raise rejected(
            "unsupported_copy", f"COPY data with the option {min(strange)} are not read: they may mean something else.",
            "Dump with pg_dump's own COPY or with --inserts, or upload CSV data as a .csv file.", line,
        )  # fmt: skip
    for place, token in enumerate(options):
        values = [other for other in options[place + 1 : place + 3] if other.kind in ("text", "escaped")]
        if token.upper in ("DELIMITER", "DELIMITERS", "NULL") and values:
            text = values[0].raw[1 if values[0].kind == "text" else 2 : -1].decode()
            text = {"\\t": "\t"}.get(text, text) if values[0].kind == "escaped" else text
            delimiter, null = (text, null) if token.upper != "NULL" else (delimiter, text)
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter.isalnum() or delimiter in "\\\r\n.":
        raise rejected(
            "unsupported_copy", f"COPY data with the delimiter {delimiter!r} are not read.", "Dump with the usual tab.", line
        )
    return Head(tuple(parts), columns, False, delimiter, null)
