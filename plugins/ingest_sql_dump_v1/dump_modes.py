"""What SET changes about texts: whether a backslash in them escapes, from that statement on."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from dump_dialects import MYSQL, MYSQL_PLAIN, POSTGRESQL, POSTGRESQL_OLD, Dialect
from dump_tokens import Token

SQL_MODES = frozenset({"SQL_MODE", "@@SQL_MODE"})
OFF = frozenset({"OFF", "FALSE", "NO", "0"})
CONFORMING = "STANDARD_CONFORMING_STRINGS"


@dataclass
class Modes:
    """``saved``: by the name of a variable of MySQL, whether a backslash escaped when the mode was put into it."""

    saved: dict[str, bool] = field(default_factory=dict)

    def dialect_after(self, found: Sequence[Token], dialect: Dialect) -> Dialect:
        """The dialect of the texts behind a statement."""
        escapes = dialect.escapes
        if dialect.name == "mysql" and found[0].upper == "SET":
            for assignment in _assignments(found[1:]):
                escapes = self._assigned(assignment, escapes)
            spoken = MYSQL if escapes else MYSQL_PLAIN
        elif dialect.name == "postgresql" and found[0].upper in ("SET", "SELECT", "RESET"):
            spoken = POSTGRESQL_OLD if _is_old(found, is_old=escapes) else POSTGRESQL
        else:
            return dialect
        return replace(spoken, blob_encoding=dialect.blob_encoding)

    def _assigned(self, assignment: Sequence[Token], escapes: bool) -> bool:
        at = next((place for place, token in enumerate(assignment) if token.is_sign(b"=")), 0)
        names, value = [token.upper for token in assignment[:at] if token.kind == "word"], assignment[at + 1 :]
        if not names or not value:
            return escapes
        if names[-1].startswith("@") and names[-1] not in SQL_MODES:
            if any(token.upper in SQL_MODES for token in value):
                self.saved[names[-1]] = escapes
            return escapes
        if names[-1] not in SQL_MODES:
            return escapes
        if value[0].upper in self.saved:
            return self.saved[value[0].upper]
        if any(b"NO_BACKSLASH_ESCAPES" in token.raw.upper() for token in value):
            return any(token.upper == "REPLACE" for token in value)
        return escapes if any(token.upper in SQL_MODES for token in value) else True


def _assignments(found: Sequence[Token]) -> list[list[Token]]:
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in found:
        depth += token.is_sign(b"(") - token.is_sign(b")")
        if depth == 0 and token.is_sign(b","):
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _is_old(found: Sequence[Token], *, is_old: bool) -> bool:
    """Of ``SET standard_conforming_strings = off``, the call of set_config that does the same, and what takes them back."""
    words = [token.upper or token.raw.strip(b"'\"").decode("utf-8", "replace").upper() for token in found]
    if words[0] == "RESET":
        return is_old and not {CONFORMING, "ALL"} & set(words)
    if CONFORMING not in words or (words[0] == "SELECT" and "SET_CONFIG" not in words):
        return is_old
    values = words[words.index(CONFORMING) + 1 :]
    return any(word in OFF for word in values[:3])
