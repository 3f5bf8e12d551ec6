"""Which columns may point to which keys, by declaration or by name alone: nothing is read for it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from references_names import BARE, SAME_NAME, agreement, heads, says_number, stems, words
from references_tables import Table, are_alike, declared_in

from harness_core.sdk import Column
from harness_core.sdk.statistics.series import view_name

DECLARED = 0
NUMBERS = frozenset({"integer", "decimal"})


@dataclass(frozen=True)
class Pair:
    """Columns of ``child`` that may point to the key ``keys`` of ``parents``: one table, or the parts of one.

    ``rank`` says how plainly: 0 is declared, 1 to 4 as in :mod:`references_names`.
    """

    child: Table
    columns: tuple[str, ...]
    parents: tuple[Table, ...]
    keys: tuple[str, ...]
    rank: int

    @property
    def parent(self) -> Table:
        return self.parents[0]

    @property
    def is_within(self) -> bool:
        """Whether it points to rows of its own table."""
        return self.child.role == self.parent.role

    @cached_property
    def as_text(self) -> bool:
        """Whether the two sides have different types, so that only what is written can be compared."""
        kinds = [
            [_kind(table.column(name)) for name in names] for table, names in ((self.child, self.columns), (self.parent, self.keys))
        ]
        return len(self.columns) > 1 or kinds[0] != kinds[1]

    @property
    def has_text(self) -> bool:
        """Whether a side is text, in which the same can be written in several ways."""
        sides = (self.child.column(self.columns[0]), self.parent.column(self.keys[0]))
        return len(self.columns) == 1 and any(column is not None and column.type == "text" for column in sides)

    @property
    def is_weak(self) -> bool:
        """Whether two columns of numbers only have the same name, one that says nothing of numbers of something."""
        return self.rank == SAME_NAME and not self.has_text and not says_number(self.columns[0])

    def own_sql(self) -> str:
        """A SELECT of ``v``, what the columns of the child hold (NULL where they point nowhere), and its ``row_index``."""
        return f"SELECT {_value(self.columns, self.as_text)} AS v, row_index FROM {self.child.view_sql}"

    def key_sql(self) -> str:
        """A SELECT of ``v``, the values of the key, some perhaps twice."""
        value = _value(self.keys, self.as_text)
        return " UNION ALL ".join(f"SELECT {value} AS v FROM {table.view_sql}" for table in self.parents)


def candidates(tables: Sequence[Table]) -> list[Pair]:
    """Every pair that is declared or that names make likely, the plainest first, then in the order of tables and columns."""
    declared = [Pair(child, tuple(own), (parent,), tuple(keys), DECLARED) for child, own, parent, keys in declared_in(tables)]
    settled = {(pair.child.role, pair.columns) for pair in declared}
    named = [pair for pair in _named(tables) if (pair.child.role, pair.columns) not in settled]
    return sorted([*declared, *named], key=lambda pair: pair.rank)


def _named(tables: Sequence[Table]) -> Iterator[Pair]:
    index = _Index(tables)
    for child in tables:
        for column in child.columns:
            found: dict[tuple[int, str], list[Table]] = defaultdict(list)
            if _kind(column) is None:
                continue
            for parent, key in index.near(child, column):
                rank = agreement(column.name, key.name, parent.stems, same_table=parent is child)
                if rank is not None and _comparable(column, key) and (parent is child or not are_alike(child, parent)):
                    found[rank, key.name].append(parent)
            for (rank, key_name), parents in found.items():
                for group in _parts(parents):
                    yield Pair(child, (column.name,), group, (key_name,), rank)


class _Index:
    """Keys by what a name that points to them would hold, so that not every column is compared with every other."""

    def __init__(self, tables: Sequence[Table]) -> None:
        self._by_stem: Mapping[str, list[Table]] = defaultdict(list)
        self._by_name: Mapping[str, list[tuple[Table, Column]]] = defaultdict(list)
        self._keys: dict[str, list[Column]] = {}
        for table in tables:
            own = table.stems
            for stem in own:
                self._by_stem[stem].append(table)
            for column in table.columns:
                self._by_name["".join(words(column.name))].append((table, column))
            self._keys[table.role] = [column for column in table.columns if _may_be_key(column, own)]

    def near(self, child: Table, column: Column) -> list[tuple[Table, Column]]:
        said = words(column.name)
        found: dict[tuple[str, str], tuple[Table, Column]] = {}
        for start in range(len(said)):
            name = "".join(said[start:])
            tables = [
                table for head in (name, *heads(name)) for stem in sorted(stems(head)) for table in self._by_stem.get(stem, ())
            ]
            near = [(table, key) for table in tables for key in self._keys[table.role] if table is not child]
            near += [(table, key) for table, key in self._by_name.get(name, ()) if table is not child]
            found |= {(table.role, key.name): (table, key) for table, key in near}
        within = [(child, key) for key in child.columns if says_number(key.name) and key is not column]
        return [*found.values(), *within]


def _may_be_key(column: Column, own: frozenset[str]) -> bool:
    name = "".join(words(column.name))
    return name in BARE or any(stems(head) & own for head in (name, *heads(name)))


def _parts(parents: Sequence[Table]) -> list[tuple[Table, ...]]:
    """The tables in groups: those that are parts of one go together."""
    groups: list[list[Table]] = []
    for table in parents:
        group = next((group for group in groups if are_alike(group[0], table)), None)
        if group is None:
            groups.append([table])
        else:
            group.append(table)
    return [tuple(group) for group in groups]


def _kind(column: Column | None) -> str | None:
    if column is None or column.type not in {*NUMBERS, "text"}:
        return None
    return "text" if column.type == "text" else "number"


def _comparable(column: Column, key: Column) -> bool:
    """Numbers with numbers, text with text, and whole numbers with text, as in 7 and 007."""
    if _kind(key) is None:
        return False
    return _kind(column) == _kind(key) or "decimal" not in {column.type, key.type}


def _value(names: Sequence[str], as_text: bool) -> str:
    quoted = [view_name(name) for name in names]
    texts = [f"CAST({name} AS VARCHAR)" for name in quoted]
    if len(names) == 1:
        return texts[0] if as_text else quoted[0]
    return f"CASE WHEN {' AND '.join(f'{name} IS NOT NULL' for name in quoted)} THEN concat_ws(' / ', {', '.join(texts)}) END"
