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
from dump_words import refused, rejected, shown, syntax, truncated

HEAD_BYTES = 64
SANDBOX = re.compile(rb"/\*M?!999999\\- [^*\n]*\*/\s*;?")
DELIMITER = re.compile(rb"DELIMITER[ \t]+(\S+)[ \t]*\r?(?:\n|\Z)", re.IGNORECASE)
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
        window = self.window
        while True:
            window.fill(HEAD_BYTES)
            found = SPACE_OR_COMMENT[self.dialect.name].match(window.data, window.at)
            window.skip(found.end() - window.at if found else 0)
            if window.left >= HEAD_BYTES // 4 or window.ended:
                break
        if not window.left:
            return False
        head = window.data[window.at : window.at + 12]
        is_comment = head.startswith(b"--") or (head.startswith(b"#") and self.dialect.name == "mysql")
        if is_comment and window.ended and b"\n" not in window.data[window.at :]:
            return False
        if is_comment or (head.startswith(b"/*") and not re.match(rb"/\*M?!", head)):
            return self.grow("inside a comment") and self.to_statement()
        if head.startswith(b";"):
            window.skip(1)
            return self.to_statement()
        return self._client_command(head)

    def _client_command(self, head: bytes) -> bool:
        """Lines that are for the client program and no SQL: passed over or refused, never run."""
        window, line = self.window, self.window.line
        if head.startswith((b"/*!999999", b"/*M!99999")):
            return self._passed_over(SANDBOX)
        if self.dialect.name == "mysql" and head[:9].upper() == b"DELIMITER":
            found = self._matched(DELIMITER)
            self.delimiter = found[1]
            window.skip(len(found.group()))
            return self.to_statement()
        if head.startswith(b"\\"):
            command = self._matched(META).group()
            name = command.split(None, 1)[0].rstrip(b";").decode("utf-8", "replace")
            tail = command[len(name) :]
            if name not in HARMLESS_META or b"\\" in tail or b"`" in tail or b"|" in tail:
                raise refused(line, f"The client command “{shown(command)}”", "it could run programs or read and write files")
            self.catalog.leave_out(name, "it is for the client program", line)
            window.skip(len(command))
            return self.to_statement()
        if head.startswith(b"."):
            raise refused(
                line, f"The client command “{shown(self._matched(DOT).group())}”", "it could run programs or read and write files"
            )
        return True

    def _passed_over(self, pattern: re.Pattern[bytes]) -> bool:
        self.window.skip(len(self._matched(pattern).group()))
        return self.to_statement()

    def _matched(self, pattern: re.Pattern[bytes]) -> re.Match[bytes]:
        """The line that begins here, which must be of the form of ``pattern``."""
        window = self.window
        while b"\n" not in window.data[window.at :] and not window.ended:
            self.grow("inside a line")
        found = pattern.match(window.data, window.at)
        if found is None:
            raise syntax(window.line, f"“{shown(window.data[window.at : window.at + 80])}” is no SQL.")
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
            is_end = token.kind in ("sign", "word") and window.data.startswith(self.delimiter, token.start)
            if is_end and depth <= 0:
                return found, token.start + len(self.delimiter)
            found.append(token)
            if len(found) == 1:
                is_insert = token.upper in ("INSERT", "REPLACE")
            if token.kind == "sign":
                brackets += (token.raw == b"(") - (token.raw == b")")
            if is_insert and not brackets and token.upper in ("VALUES", "VALUE") and not self.is_system(found):
                return found, token.end
            is_routine = is_routine or (token.upper in ("TRIGGER", "FUNCTION", "PROCEDURE", "EVENT") and found[0].upper == "CREATE")
            if is_routine and self.delimiter == b";":
                depth += _nesting(token, found)
        if window.ended:
            raise truncated(window.line, "inside the statement that begins here")
        raise Incomplete


def _nesting(token: Token, found: Sequence[Token]) -> int:
    """Blocks of a routine's body, whose semicolons do not end the statement."""
    if token.upper == "BEGIN" or (token.upper == "CASE" and found[-2].upper != "END"):
        return 1
    if token.upper in ("IF", "LOOP", "WHILE", "REPEAT") and found[-2].upper == "END":
        return 1
    return -1 if token.upper == "END" else 0
