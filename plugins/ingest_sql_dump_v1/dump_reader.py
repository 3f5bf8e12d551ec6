"""Reads a dump from its first byte to its last: statements judged, tables found, rows handed on in batches. Nothing is executed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from dump_batches import Batch
from dump_copy import scan_copy
from dump_inserts import Head, copy_head, insert_head
from dump_modes import Modes
from dump_policy import alters_columns, judge
from dump_rows import Rows, exact_rows
from dump_scan import scan_rows
from dump_schema import NotUnderstood, RowsFromQuery
from dump_statements import HEAD_BYTES, Statements
from dump_tables import DumpTable
from dump_tokens import SPACE_OR_COMMENT, Token, qualified, tokens
from dump_window import Incomplete
from dump_words import refused, rejected, shown, syntax, truncated

from harness_core.sdk import InputRejected

LEAST_REACH = 8 << 10
FIRST_REACH = 256 << 10
LOOKS_NEARBY = 256
PENDING_ROWS, PENDING_BYTES = 4096, 1 << 20
MAX_JOINT = 4096
Take = Callable[[DumpTable, Batch], None]
Progress = Callable[[int], None]


@dataclass
class _Last:
    """The INSERT before: its head as written, and where its last row ended; how far ahead it is worth looking for rows; whether it
    passes over rows that are there."""

    written: bytes = b""
    head: Head | None = None
    end: int = -1
    reach: int = FIRST_REACH
    looks: int = 0
    passes_over: bool = False


@dataclass
class DumpReader(Statements):
    """One pass over one file. ``take`` is given each batch of rows, in order."""

    take: Take
    progress: Progress
    last: _Last = field(default_factory=_Last)
    pending: dict[int, tuple[DumpTable, Batch]] = field(default_factory=dict)
    pending_bytes: int = 0
    modes: Modes = field(default_factory=Modes)

    def read(self) -> None:
        """Read the file; raises InputRejected."""
        while self.to_statement():
            self._statement()
            self.progress(self.window.offset)
        self.flush()

    def _statement(self) -> None:
        window, last = self.window, self.last
        if last.head is not None and window.data.startswith(last.written, window.at) and self.delimiter == b";":
            self._insert(last.head, len(last.written))
            return
        found, end = self.whole()
        if not found:
            window.skip(end - window.at)
            return
        first = found[0].upper
        if any(token.kind == "ticked" for token in found) and self.dialect.name == "postgresql":
            raise self.mixed("names in backticks, as MySQL writes them")
        if first in ("INSERT", "REPLACE") and not self.is_system(found):
            head = insert_head(found, self.dialect, window.line)
            self._insert(head, found[-1].end - window.at, to_remember=True)
            return
        line = window.line
        if first in ("INSERT", "REPLACE"):
            window.skip(end - window.at)
            return
        if first == "COPY":
            head = copy_head(found, self.dialect, line)
            if self.dialect.name != "postgresql":
                raise self.mixed("COPY … FROM stdin, as PostgreSQL writes it")
            window.skip(end - window.at)
            self._copy(head)
            return
        self._judged(found, line)
        window.skip(end - window.at)

    def _judged(self, found: list[Token], line: int) -> None:
        words = [token.upper for token in found[:6]]
        if words[0] in ("CREATE", "ALTER", "DROP") and "TABLE" in words[1:5] and "FOREIGN" not in words[:3]:
            at = words.index("TABLE") + 1
            while at < len(found) and found[at].upper in ("IF", "NOT", "EXISTS", "ONLY"):
                at += 1
            self._table_statement(words[0], found, at, line)
            return
        self.catalog.listen(found, self.dialect)
        self.dialect = self.modes.dialect_after(found, self.dialect)
        verdict = judge(found)
        if verdict.fate == "refused":
            raise refused(line, verdict.what, verdict.why)
        if verdict.fate == "left_out":
            self.catalog.leave_out(verdict.what, verdict.why, line)

    def _table_statement(self, first: str, found: list[Token], at: int, line: int) -> None:
        if first == "CREATE":
            try:
                self.catalog.create(found, at, self.dialect, line)
            except RowsFromQuery:
                self.catalog.leave_out("CREATE TABLE … AS SELECT", "queries are never run", line)
            except NotUnderstood as reason:
                raise syntax(line, f"A CREATE TABLE cannot be read: {reason}.") from reason
        elif first == "DROP":
            while at < len(found):
                parts, behind = qualified(found, at, self.dialect)
                self.catalog.drop(parts, line)
                at = max(behind, at) + 1
        else:
            what = alters_columns(found[at:])
            if what:
                raise refused(line, "ALTER TABLE", f"it {what}, and rows are read as they were written")
            parts, behind = qualified(found, at, self.dialect)
            self.catalog.constrain(parts, found, behind, self.dialect)

    def _insert(self, head: Head, size: int, *, to_remember: bool = False) -> None:
        """Rows of an INSERT whose head is ``size`` bytes long."""
        window, last = self.window, self.last
        line = window.line
        written = window.data[window.at : window.at + size]
        window.skip(size)
        self._to_bracket()
        table = self.catalog.table_for(head, lambda: self._width(), line)
        between = window.offset - last.end
        if last.head == head and last.end >= 0 and between <= min(window.at, MAX_JOINT):
            table.joint = window.data[window.at - between : window.at]
            if table.joint[:1] != b";" or table.joint[1:].strip() != last.written:
                table.joint = None  # something else was between them
        columns = self.catalog.columns_of(table, head.columns, line)
        before, last.passes_over = table.row_count, False
        while self._rows(table, columns):
            self.progress(window.offset)
        if head.may_drop or last.passes_over:
            self.catalog.note_may_drop(table, table.row_count - before, line)
        if to_remember:
            last.written, last.head = written, head

    def _to_bracket(self) -> None:
        """From VALUES to the bracket that opens the first row."""
        window = self.window
        self._skip_space()
        if window.data[window.at : window.at + 1] != b"(":
            raise syntax(window.line, "An INSERT has no row in brackets after VALUES.")

    def _skip_space(self) -> None:
        window = self.window
        while True:
            found = SPACE_OR_COMMENT[self.dialect.name].match(window.data, window.at)
            window.skip(found.end() - window.at if found else 0)
            head = window.data[window.at : window.at + 3]
            if len(head) == 3 and not head.startswith((b"--", b"/*", b"#")):
                return
            if window.ended:
                if not window.left:
                    raise truncated(window.line, "inside an INSERT")
                return
            self.grow("inside an INSERT")

    def _width(self) -> int:
        """The number of values in the row that begins here, of a table that nothing describes."""
        window = self.window
        while True:
            try:
                depth, width = 0, 1
                for token in tokens(window.data, window.at, self.dialect, ended=window.ended):
                    depth += token.is_sign(b"(") - token.is_sign(b")")
                    width += depth == 1 and token.is_sign(b",")
                    if depth == 0:
                        return width
                raise Incomplete
            except Incomplete:
                self.grow("inside a row")

    def _rows(self, table: DumpTable, columns: Sequence[int]) -> bool:
        """Some rows, from the bracket that opens one; False where the INSERT ends after them."""
        window, last = self.window, self.last
        line = window.line
        rows = self._scanned(table, len(columns))
        self._hand_on(table, Batch(rows, columns, line, self.dialect))
        window.jump(rows.size, rows.lines)
        last.end = window.offset
        return self._goes_on()

    def _scanned(self, table: DumpTable, width: int) -> Rows:
        window, last = self.window, self.last
        last.looks += 1
        if last.reach <= LEAST_REACH and last.looks % LOOKS_NEARBY == 0:
            last.reach = FIRST_REACH
        window.fill(last.reach)
        while True:
            block = window.data[window.at : window.at + max(last.reach, 1)]
            is_end = window.ended and len(block) == window.left
            try:
                if last.reach <= LEAST_REACH:
                    rows = exact_rows(block, self.dialect, width, ended=is_end)
                else:
                    rows = scan_rows(block, self.dialect, width, table.joint, ended=is_end)
            except Incomplete:
                if is_end:
                    raise truncated(window.line, f"inside a row of “{table.title}” that begins here") from None
                if len(block) > self.settings.max_row_bytes:
                    raise _too_long(self.settings.max_row_bytes, window.line) from None
                last.reach = 2 * max(last.reach, len(block))
                window.fill(last.reach)
                continue
            except InputRejected as reason:
                raise _placed(reason, window.line) from None
            if rows.size * 2 > len(block):
                last.reach = min(max(FIRST_REACH, 4 * last.reach), max(self.settings.block_bytes, FIRST_REACH))
            elif rows.size * 8 < len(block):
                last.reach = max(LEAST_REACH, last.reach // 4)
            return rows

    def _hand_on(self, table: DumpTable, batch: Batch) -> None:
        """Rows found one by one are collected into batches worth casting."""
        self.catalog.count(table, batch.rows.count, self.settings.max_rows)
        table.escapes = batch.dialect.escapes
        if batch.rows.is_columnar:
            self.flush(table)
            self.take(table, batch)
            return
        self.pending_bytes += batch.rows.size
        waiting = self.pending.get(id(table))
        if waiting is not None and waiting[1].columns != batch.columns:
            self.flush(table)
            waiting = None
        if waiting is None:
            self.pending[id(table)] = (table, batch)
        else:
            rows = waiting[1].rows
            rows.fields += batch.rows.fields
            rows.count += batch.rows.count
            rows.size += batch.rows.size
            if rows.count >= PENDING_ROWS:
                self.flush(table)
        if self.pending_bytes > PENDING_BYTES:
            self.flush()

    def flush(self, table: DumpTable | None = None) -> None:
        """Hand on the rows that wait, of one table or of all."""
        for key in [id(table)] if table is not None else list(self.pending):
            if key in self.pending:
                self.pending_bytes -= self.pending[key][1].rows.size
                self.take(*self.pending.pop(key))

    def _goes_on(self) -> bool:
        """After a row: whether another follows."""
        window = self.window
        window.fill(HEAD_BYTES)
        self._skip_space()
        sign = window.data[window.at : window.at + 1]
        if sign == b",":
            window.skip(1)
            self._to_bracket()
            return True
        if self.dialect.name == "mysql" and window.data.startswith(b"*/", window.at):
            window.skip(2)  # of a version comment, whose content counts as written
            return self._goes_on()
        if sign == b";" or window.data.startswith(self.delimiter, window.at):
            window.skip(1 if sign == b";" else len(self.delimiter))
            return False
        found, end = self.whole()
        words = [token.upper for token in found]
        if words[:2] == ["ON", "CONFLICT"] and words[-2:] == ["DO", "NOTHING"]:
            window.skip(end - window.at)
            self.last.passes_over = True
            return False
        if not words or words[0] in ("ON", "RETURNING", "AS"):
            raise refused(window.line, "INSERT … " + " ".join(words[:3]), "it changes rows that were written before")
        raise syntax(window.line, f"“{shown(window.data[window.at : end])}” stands after a row.")

    def _copy(self, head: Head) -> None:
        window = self.window
        line = window.line
        while b"\n" not in window.data[window.at :] and not window.ended:
            window.grow()
        rest = window.data[window.at : window.data.find(b"\n", window.at) + 1]
        if rest.strip():
            raise syntax(line, "COPY data begin on the line after the statement.")
        window.skip(len(rest))
        table = self.catalog.table_for(head, lambda: self._copy_width(head), line)
        columns = self.catalog.columns_of(table, head.columns, line)
        ended = False
        while not ended:
            window.fill(self.settings.block_bytes)
            block = window.data[window.at :]
            try:
                rows, ended = scan_copy(block, len(columns), head.delimiter.encode(), ended=window.ended)
            except Incomplete:
                if window.ended:
                    raise truncated(window.line, f"inside the rows of “{table.title}”, before their end mark \\.") from None
                if len(block) > self.settings.max_row_bytes:
                    raise _too_long(self.settings.max_row_bytes, window.line) from None
                window.grow()
                continue
            except InputRejected as reason:
                raise _placed(reason, window.line) from None
            rows.count = rows.count or len(rows.fields)
            if rows.count:
                self._hand_on(table, Batch(rows, columns, window.line, self.dialect, True, head.delimiter, head.null))
            window.jump(rows.size, rows.lines)
            self.progress(window.offset)
        self.flush(table)

    def _copy_width(self, head: Head) -> int:
        window = self.window
        end = window.data.find(b"\n", window.at)
        return window.data.count(head.delimiter.encode(), window.at, end if end >= 0 else len(window.data)) + 1


def _placed(reason: InputRejected, line: int) -> InputRejected:
    """A refusal whose line was counted from the first of its block."""
    reason.line = line + (reason.line or 0)
    return reason


def _too_long(limit: int, line: int) -> Exception:
    return rejected("row_too_long", f"A row is longer than {limit:,} bytes.", "If the dump is sound, raise max_row_bytes.", line)
