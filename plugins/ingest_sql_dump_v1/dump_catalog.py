"""The tables of a dump by name, as its statements bring them about, and what is to be said of it as a whole."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from dump_dialects import Dialect
from dump_inserts import Head
from dump_schema import Definition, DumpColumn, constraint, create_table
from dump_settings import Settings
from dump_tables import DumpTable
from dump_tokens import NAMES, Token, name_of, qualified
from dump_types import UNKNOWN
from dump_words import Notes, refused, rejected, syntax

DEFAULT_SCHEMAS = ("", "public", "main", "dbo")


@dataclass
class Catalog:
    """``tables`` in the order in which they come up: the same in every pass, so that a second finds those of the first again."""

    settings: Settings
    notes: Notes = field(default_factory=Notes)
    tables: list[DumpTable] = field(default_factory=list)
    schema: str = ""
    source: int = 0
    _by_name: dict[tuple[str, str], DumpTable] = field(default_factory=dict)
    _domains: dict[str, str] = field(default_factory=dict)
    _seen: int = 0
    _rows: int = 0
    _is_first_pass: bool = True

    def begin_next_pass(self) -> bool:
        """Make the tables ready that must be read again: each column as what all its values fit. False where there is none."""
        again = [table for table in self.tables if table.is_spoilt or any(reading.is_open for reading in table.readings)]
        for table in self.tables:
            table.is_active = False
        for table in again:
            table.first_readings = table.first_readings or table.readings
            table.begin_pass([reading.settled() for reading in table.readings])
        self._by_name, self._domains, self.schema = {}, {}, ""
        self._seen, self._is_first_pass = 0, False
        return bool(again)

    def begin_file(self, source: int) -> None:
        self.source, self.schema = source, ""

    # -- what statements say

    def create(self, found: list[Token], at: int, dialect: Dialect, line: int) -> None:
        """CREATE TABLE: a table without rows so far; raises NotUnderstood."""
        definition = create_table(found, at, dialect, self._domains)
        if any(token.upper == "EXISTS" for token in found[:at]) and self._found(definition.name) is not None:
            return
        for parent in definition.parents:
            table = self._found(parent)
            if table is not None:
                own = {column.name for column in definition.columns}
                definition.columns = [column for column in table.columns if column.name not in own] + definition.columns
        key = self._key(definition.name)
        if not definition.columns:
            raise syntax(line, f"The table “{key[1]}” has no columns.")
        known = self._by_name.get(key)
        if known is not None and known.source == self.source and known.row_count:
            raise rejected("table_twice", f"The table “{key[1]}” is created twice.", "Upload the dumps one by one.", line)
        self._check_names(definition, line)
        self._add(lambda: DumpTable.created_by(definition, key, line, self.source), line)

    def drop(self, parts: Sequence[str], line: int) -> None:
        """DROP TABLE: usual before CREATE TABLE; of a table with rows it is refused."""
        table = self._found(parts) if parts else None
        if table is None:
            return
        if table.row_count and table.source == self.source:
            raise refused(line, f"DROP TABLE of “{table.title}”", "its rows were written before")
        if table.source == self.source:
            table.dropped = True
            self._by_name.pop(table.key, None)

    def constrain(self, parts: Sequence[str], found: Sequence[Token], at: int, dialect: Dialect) -> None:
        """ALTER TABLE … ADD: primary and foreign keys are taken in."""
        table = self._found(parts) if parts else None
        if table is None or not self._is_first_pass:
            return
        actions: list[list[Token]] = [[]]
        depth = 0
        for token in found[at:]:
            depth += token.is_sign(b"(") - token.is_sign(b")")
            if depth == 0 and token.is_sign(b","):
                actions.append([])
            else:
                actions[-1].append(token)
        facts = Definition(table.key, [], table.primary_key, table.foreign_keys)
        for action in actions:
            if len(action) > 2 and action[0].upper == "ADD":
                constraint(facts, action[1:], dialect)
        table.primary_key = facts.primary_key

    def listen(self, found: Sequence[Token], dialect: Dialect) -> None:
        """Statements that say in which schema names are, and what PostgreSQL's domains are made of."""
        words = [token.upper for token in found[:3]]
        if words[0] == "USE" and len(found) > 1:
            self.schema = name_of(found[1], dialect) if found[1].kind in NAMES else ""
        elif words[:2] == ["SET", "SEARCH_PATH"] and len(found) > 3 and found[3].kind in NAMES:
            self.schema = name_of(found[3], dialect)
        elif words[:2] == ["CREATE", "DOMAIN"]:
            parts, at = qualified(list(found), 2, dialect)
            base = [token.raw.decode("utf-8", "replace") for token in found[at + (found[at].upper == "AS") :]]
            self._domains[parts[-1].lower()] = " ".join(base)

    def leave_out(self, what: str, why: str, line: int) -> None:
        """Name a statement that is not read; in strict mode it is refused."""
        if self.settings.strict:
            raise refused(line, what, why, "Set strict to false to read the tables without it, or take it out of the file.")
        if self._is_first_pass:
            self.notes.add("refused_statement", f"{{count}} × {what} refused, not read and not run: {why}.", lines=[line])

    def note_may_drop(self, table: DumpTable, rows: int, line: int) -> None:
        if self._is_first_pass:
            is_first = not any(code == "insert_ignore" for code, _ in table.notes.kinds)
            table.notes.add(
                "insert_ignore",
                "{count} rows of INSERTs that would replace or pass over rows with a key that exists: all are kept.",
                count=rows, lines=[line] if is_first else [],
            )  # fmt: skip

    # -- where rows go

    def table_for(self, head: Head, width: Callable[[], int], line: int) -> DumpTable:
        """The table of an INSERT or COPY; of rows that no CREATE TABLE describes, a new one."""
        found = self._found(head.name)
        if found is not None:
            return found
        key = self._key(head.name)
        names = head.columns or tuple(f"column_{place + 1}" for place in range(width()))
        columns = [DumpColumn(name, "", UNKNOWN) for name in names]
        return self._add(lambda: DumpTable(key, line, self.source, False, columns), line)

    def columns_of(self, table: DumpTable, names: tuple[str, ...] | None, line: int) -> list[int]:
        """The places of the columns that rows fill."""
        if names is None:
            return list(range(len(table.columns)))
        exact = table.place_of
        folded = {name.lower(): place for name, place in exact.items()}
        places = [exact.get(name, folded.get(name.lower(), -1)) for name in names]
        if -1 in places or len(set(places)) != len(places):
            wrong = names[places.index(-1)] if -1 in places else next(name for name in names if list(names).count(name) > 1)
            raise rejected(
                "unknown_column", f"An INSERT into “{table.title}” names the column “{wrong}”, which is not there or comes twice.",
                "The dump does not fit together: make it again.", line,
            )  # fmt: skip
        if self._is_first_pass:
            table.left_out |= {
                column.name for column in table.columns if exact[column.name] not in places and column.default is None
            }
        return places

    def count(self, table: DumpTable, rows: int, limit: int) -> None:
        if not self._is_first_pass:
            return
        table.row_count += rows
        table.rows_source = self.source
        self._rows += rows
        if self._rows > limit:
            raise rejected(
                "too_large",
                f"The dump has more than {limit:,} rows.",
                "Dump fewer tables, or raise max_rows if there is room for them.",
            )

    # -- names

    def _key(self, parts: Sequence[str]) -> tuple[str, str]:
        schema = parts[-2] if len(parts) > 1 else self.schema
        return ("" if schema in DEFAULT_SCHEMAS else schema, parts[-1])

    def _found(self, parts: Sequence[str]) -> DumpTable | None:
        key = self._key(parts)
        exact = self._by_name.get(key)
        if exact is not None:
            return exact
        same = [table for known, table in self._by_name.items() if known[1].lower() == key[1].lower()]
        same = [table for table in same if table.key[0] == key[0] or len(parts) < 2] if len(same) > 1 else same
        return same[0] if len(same) == 1 and same[0].key[0] in (key[0], "") else None

    def _add(self, make: Callable[[], DumpTable], line: int) -> DumpTable:
        if self._is_first_pass:
            table = make()
            if len(self.tables) >= self.settings.max_tables:
                raise rejected(
                    "too_many_tables", f"The dump has more than {self.settings.max_tables:,} tables.",
                    "Name those you want in the setting tables, or raise max_tables.", line,
                )  # fmt: skip
            table.begin_pass(None)
            table.is_active = not self.settings.tables or table.is_called(self.settings.tables)
            self.tables.append(table)
        table = self.tables[self._seen]
        self._seen += 1
        self._by_name[table.key] = table
        return table

    def _check_names(self, definition: Definition, line: int) -> None:
        names = [column.name for column in definition.columns]
        if len(names) > self.settings.max_columns:
            raise rejected(
                "too_many_columns", f"The table “{definition.name[-1]}” has {len(names):,} columns; at most "
                f"{self.settings.max_columns:,} are read.", "Raise max_columns if the table is really that wide.", line,
            )  # fmt: skip
        folded = [name.lower() for name in names]
        twice = next((name for name in names if folded.count(name.lower()) > 1), None) if len(set(folded)) < len(folded) else None
        if twice is not None and names.count(twice) > 1:
            raise syntax(line, f"The table “{definition.name[-1]}” has two columns called “{twice}”.")
