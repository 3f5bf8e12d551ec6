"""The statements of a dump one after another: where each begins and ends, and lines that are for a client program and no SQL."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dump_catalog import Catalog
from dump_dialects import Dialect
from dump_policy import HARMLESS_META
from dump_settings import Settings
from dump_tokens import SPACE_OR_COMMENT, Token, tokens
from dump_window import Incomplete, Window
from dump_words import AGAIN, refused, rejected, shown, syntax, truncated

HEAD_BYTES = 64
SANDBOX = re.compile(rb"/\*M?!999999\\- [^*\n]*\*/\s*;?")
DELIMITER_HEAD = re.compile(rb"DELIMITER\b", re.IGNORECASE)
DELIMITER = re.compile(rb"DELIMITER[ \t]+([;$/|@!%&^~]{1,8})[ \t]*\r?(?:\n|\Z)", re.IGNORECASE)
ROUTINES = frozenset({"TRIGGER", "FUNCTION", "PROCEDURE", "EVENT"})
NO_ROUTINES = frozenset({"TABLE", "VIEW", "INDEX", "TYPE", "DOMAIN", "SEQUENCE", "SCHEMA", "DATABASE"})
MOST_TOKENS = 400_000
META = re.compile(rb"\\(?:!|[\w?]+|.)[^\n]*", re.DOTALL)
DOT = re.compile(rb"\.[a-z]+[^\n]*")


@dataclass
class Statements:
    """Stands at a statement of the window, and tells its tokens."""

    window: Window
    dialect: Dialect
    catalog: Catalog
    settings: Settings

    def __post_init__(self) -> None:
        self.delimiter = b";"

    def to_statement(self) -> bool:
        """Move on to the next statement; False at the end of the file."""
        while True:
            self._skip_comments()
            window = self.window
            if not window.left:
                return False
            head = window.data[window.at : window.at + 12]
            is_comment = head.startswith(b"--") or (head.startswith(b"#") and self.dialect.name == "mysql")
            if is_comment and window.ended and b"\n" not in window.data[window.at :]:
                return False
            if is_comment or (head.startswith(b"/*") and not re.match(rb"/\*M?!", head)):
                self.grow("inside a comment")
            elif head.startswith(b";"):
                window.skip(1)
            elif not self._passed_client_command(head):
                return True

    def _skip_comments(self) -> None:
        window = self.window
        while True:
            window.fill(HEAD_BYTES)
            found = SPACE_OR_COMMENT[self.dialect.name].match(window.data, window.at)
            window.skip(found.end() - window.at if found else 0)
            if window.left >= HEAD_BYTES // 4 or window.ended:
                return

    def _passed_client_command(self, head: bytes) -> bool:
        """Whether a line for the client program, and no SQL, was passed over; those that could act are refused, none is run."""
        window, line = self.window, self.window.line
        if head.startswith((b"/*!999999", b"/*M!99999")):
            window.skip(len(self._matched(SANDBOX).group()))
            return True
        if self.dialect.name == "mysql" and DELIMITER_HEAD.match(head):
            found = self._matched(DELIMITER)
            self.delimiter = found[1]
            window.skip(len(found.group()))
            return True
        if head.startswith(b"\\"):
            command = self._matched(META).group()
            name = command.split(None, 1)[0].rstrip(b";").decode("utf-8", "replace")
            tail = command[len(name) :]
            if name not in HARMLESS_META or b"\\" in tail or b"`" in tail or b"|" in tail:
                raise refused(line, f"The client command “{shown(command)}”", "it could run programs or read and write files")
            self.catalog.leave_out(name, "it is for the client program", line)
            window.skip(len(command))
            return True
        if head.startswith(b"."):
            raise refused(
                line, f"The client command “{shown(self._matched(DOT).group())}”", "it could run programs or read and write files"
            )
        return False

    def _matched(self, pattern: re.Pattern[bytes]) -> re.Match[bytes]:
        """The line that begins here, which must be of the form of ``pattern``."""
        window = self.window
        while b"\n" not in window.data[window.at :] and not window.ended:
            self.grow("inside a line")
        found = pattern.match(window.data, window.at)
        if found is None:
            raise syntax(window.line, f"“{shown(window.data[window.at : window.at + 80])}” cannot be read.")
        return found

    def grow(self, where: str) -> bool:
        """Have more of the statement in the window."""
        window = self.window
        if window.ended:
            raise truncated(window.line, f"{where} that begins here")
        if window.left > self.settings.max_statement_bytes:
            raise rejected(
                "statement_too_long", f"A statement is longer than {self.settings.max_statement_bytes:,} bytes.",
                "If the dump is sound, raise max_statement_bytes.", window.line,
            )  # fmt: skip
        window.grow()
        return True

    def mixed(self, what: str) -> Exception:
        remedy = "Set dialect to the database that made the dump; if two made it, upload their parts one by one."
        return rejected("mixed_dialects", f"A {self.dialect.title} dump has {what}.", remedy, self.window.line)

    def is_system(self, found: Sequence[Token]) -> bool:
        """SQLite's own tables: counters and statistics are passed over, its catalogue may not be written."""
        names = [token.raw.strip(b"\"`[]'").lower() for token in found[:6]]
        if any(name in (b"sqlite_master", b"sqlite_schema", b"sqlite_temp_master") for name in names):
            raise refused(self.window.line, "INSERT into SQLite's own catalogue", "it would change the database behind its back")
        return any(name == b"sqlite_sequence" or name.startswith(b"sqlite_stat") for name in names)

    def whole(self) -> tuple[list[Token], int]:
        """The tokens of the statement, without its end; of an INSERT up to VALUES. And where it ends."""
        while True:
            try:
                return self._collected()
            except Incomplete:
                self.grow("inside a statement")

    def _collected(self) -> tuple[list[Token], int]:
        window, found, depth = self.window, list[Token](), 0
        is_insert, is_routine, brackets = False, False, 0
        for token in tokens(window.data, window.at, self.dialect, ended=window.ended):
            end = self._delimiter_in(token)
            if end >= 0 and depth <= 0:
                if end > token.start:
                    found.append(Token(token.kind, window.data[token.start : end], token.start))
                return found, end + len(self.delimiter)
            found.append(token)
            if len(found) > MOST_TOKENS:
                raise rejected(
                    "statement_too_long", f"A statement has more than {MOST_TOKENS:,} words and signs.", AGAIN, window.line
                )
            if len(found) == 1:
                is_insert = token.upper in ("INSERT", "REPLACE")
            if token.kind == "sign":
                brackets += (token.raw == b"(") - (token.raw == b")")
            if is_insert and not brackets and token.upper in ("VALUES", "VALUE") and found[-2].upper != "SYSTEM":
                if self.is_system(found):
                    continue
                return found, token.end
            is_routine = is_routine or (token.upper in ROUTINES and not brackets and _creates_routine(found))
            if is_routine and self.delimiter == b";":
                depth += _nesting(token, found)
        if window.ended:
            raise truncated(window.line, "inside the statement that begins here")
        raise Incomplete

    def _delimiter_in(self, token: Token) -> int:
        """Where the end of a statement stands in or at a token, as in ``END$$``; -1 where it does not."""
        if token.kind not in ("sign", "word", "number"):
            return -1
        return self.window.data.find(self.delimiter, token.start, token.end + len(self.delimiter) - 1)


def _creates_routine(found: Sequence[Token]) -> bool:
    return found[0].upper == "CREATE" and not any(token.upper in NO_ROUTINES for token in found)


def _nesting(token: Token, found: Sequence[Token]) -> int:
    """Blocks of a routine's body, whose semicolons do not end the statement."""
    if token.upper == "BEGIN" or (token.upper == "CASE" and found[-2].upper != "END"):
        return 1
    if token.upper in ("IF", "LOOP", "WHILE", "REPEAT") and found[-2].upper == "END":
        return 1
    return -1 if token.upper == "END" else 0
