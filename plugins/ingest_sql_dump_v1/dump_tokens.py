"""One statement as its words, and names as the database knows them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from dump_dialects import COMMENT, NESTED_COMMENT, Dialect
from dump_window import Incomplete

NAMES = frozenset({"word", "quoted", "ticked", "bracketed"})
ENDS = b";,()"


@dataclass(frozen=True, slots=True)
class Token:
    """``raw`` as written, at ``start`` in the window; ``upper`` compares keywords."""

    kind: str
    raw: bytes
    start: int

    @property
    def upper(self) -> str:
        return self.raw.decode("latin-1").upper() if self.kind == "word" else ""

    @property
    def end(self) -> int:
        return self.start + len(self.raw)

    def is_sign(self, sign: bytes) -> bool:
        return self.kind == "sign" and self.raw == sign


def tokens(data: bytes, at: int, dialect: Dialect, *, ended: bool) -> Iterator[Token]:
    """The tokens from ``at`` on, without space and comments (what is in a version comment counts as written).

    Raises Incomplete at a token that may go on behind the end of ``data``, unless the file has ``ended``; and at one that is not
    closed in any case.
    """
    match, size = dialect.tokens.match, len(data)
    while at < size:
        found = match(data, at)
        if found is None or found.lastgroup is None:
            raise Incomplete
        kind, end = found.lastgroup, found.end()
        if kind == "tag":
            kind = "dollar"
        if kind == "unclosed" or (end == size and not ended and data[at] not in ENDS):
            raise Incomplete
        if kind not in ("space", "comment", "version"):
            yield Token(kind, data[at:end], at)
        at = end


def name_of(token: Token, dialect: Dialect) -> str:
    """A name as the database knows it: quotes off, doubled quotes single; PostgreSQL folds unquoted names to lower case."""
    raw = token.raw
    if token.kind == "word":
        text = raw.decode("utf-8", "replace")
        return text.lower() if dialect.name == "postgresql" else text
    quote = {"quoted": b'"', "ticked": b"`", "bracketed": b"]", "text": b"'"}[token.kind]
    return raw[1:-1].replace(quote + quote, quote).decode("utf-8", "replace")


def qualified(found: list[Token], at: int, dialect: Dialect) -> tuple[list[str], int]:
    """The parts of ``a.b.c`` from token ``at`` on, and the token behind; no part where there is no name."""
    parts: list[str] = []
    while at < len(found) and found[at].kind in (*NAMES, "text"):
        parts.append(name_of(found[at], dialect))
        if at + 2 < len(found) and found[at + 1].is_sign(b"."):
            at += 2
            continue
        return parts, at + 1
    return parts, at


SPACE_OR_COMMENT = {
    "mysql": re.compile(rb"(?:\s++|--(?=\s)[^\n]*+\n|\#[^\n]*+\n|(?!/\*M?!)" + COMMENT + rb")*+"),
    "postgresql": re.compile(rb"(?:\s++|--[^\n\r]*+[\n\r]|" + NESTED_COMMENT + rb")*+"),
    "sqlite": re.compile(rb"(?:\s++|--[^\n]*+\n|" + COMMENT + rb")*+"),
}
