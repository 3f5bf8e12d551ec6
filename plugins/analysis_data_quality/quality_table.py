"""The table as the checks see it: facts from the profile, names as SQL, evidence, and numbers in words."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from harness_core.sdk import Dataset, Finding, PluginContext
from harness_core.sdk.canonical import jsonable
from harness_core.sdk.contract import query_evidence
from harness_core.sdk.view_columns import ViewColumn, view_columns

ROWS_CITED = 20
NAMED_AT_MOST = 20  # columns in one sentence
SHARE_ROWS = 5_000
KEPT_CELLS = 25_000_000  # so many are kept in memory: opening a wide file for every small question costs more than the answers
COLUMNS_AT_ONCE = 50  # asked about in one query
NUMERIC = frozenset({"integer", "float", "decimal"})
QUOTED_REPEATS = 5  # a value that stands in fewer rows is not quoted: it may be somebody's


@dataclass(frozen=True)
class Field:
    """One column: how SQL calls it, and what the profile found."""

    view: ViewColumn
    facts: Mapping[str, Any]
    position: int

    @property
    def name(self) -> str:
        return self.view.name

    @property
    def sql(self) -> str:
        return self.view.sql

    @property
    def role(self) -> str:
        return str(self.facts["role"])

    @property
    def count(self) -> int:
        """Rows that have a value."""
        return int(self.facts["count"])

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing in it but empty texts and blanks."""
        return 0 < self.count == self.facts.get("blank_count")

    @property
    def distinct(self) -> int:
        """How many different values it has; of blanks none."""
        return 0 if self.is_blank else int(self.facts["distinct_count"])

    @property
    def levels(self) -> dict[Any, int] | None:
        """All values with their rows, where the profile lists them all: many questions need no query then."""
        top = self.facts.get("top_values") or []
        is_complete = self.facts.get("distinct_exact") and len(top) == self.distinct
        return {entry["value"]: int(entry["count"]) for entry in top} if is_complete else None

    @property
    def is_numeric(self) -> bool:
        return self.view.column.type in NUMERIC and "min" in self.facts

    @property
    def is_text(self) -> bool:
        return self.view.storage == "VARCHAR"

    @property
    def is_plain(self) -> bool:
        """Values that can be compared and grouped: neither binary nor nested."""
        return self.view.column.type not in {"binary", "nested"}

    @property
    def may_quote(self) -> bool:
        return self.facts.get("top_values_withheld") != "may_be_personal"


@dataclass
class Table:
    """The dataset version with its profile.

    ``tell`` says how far the work is (``PluginContext.progress_in_rows``). ``shadows`` are columns that repeat another one and are
    left out of later checks. ``suspects`` are columns with a query for the rows in which their cell breaks a rule. ``looks`` counts
    the dependencies tried on sampled rows, ``left_out`` what was not looked at because the table is too wide.
    """

    dataset: Dataset
    settings: Mapping[str, Any]
    fields: Sequence[Field]
    tell: Callable[[float, float, str], None]
    shadows: set[str] = field(default_factory=set)
    suspects: list[tuple[str, str]] = field(default_factory=list)
    looks: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    _answers: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)

    @classmethod
    def of(cls, ctx: PluginContext) -> "Table":
        facts = {column["name"]: column for column in ctx.upstream["profile_basic"].metrics["columns"]}
        views = [view for view in view_columns(ctx.dataset) if view.name in facts]
        fields = [Field(view, facts[view.name], position) for position, view in enumerate(views)]
        if ctx.dataset.row_count * len(views) <= KEPT_CELLS:
            ctx.dataset.hold()
        return cls(ctx.dataset, ctx.settings, fields, ctx.progress_in_rows)

    @property
    def row_count(self) -> int:
        return self.dataset.row_count

    def varied(self) -> list[Field]:
        """Columns with at least two values that repeat no other column."""
        return [column for column in self.fields if column.distinct >= 2 and column.is_plain and column.name not in self.shadows]

    def answer(self, query: str) -> list[tuple[Any, ...]]:
        """The rows that a query returns; asked again, as evidence is, it is not run again."""
        if query not in self._answers:
            self._answers[query] = self.dataset.sql(query).fetchall()
        return self._answers[query]

    @property
    def questions(self) -> int:
        """How many different queries were answered."""
        return len(self._answers)

    def counts(self, query: str) -> tuple[int, ...]:
        """The only row of a query that counts; a sum over no rows is 0."""
        return tuple(int(value or 0) for value in self.answer(query)[0])

    def evidence(self, query: str) -> dict[str, Any]:
        """Query evidence without its result yet: most findings of a wide table are never told (see ``settled``)."""
        return {"type": "query", "sql": query}

    def rows(self, condition: str, suspect: Field | None = None) -> dict[str, Any]:
        """The first rows that meet a condition, as evidence to be settled."""
        return self.rows_of(f"SELECT row_index FROM data WHERE {condition} ORDER BY row_index", suspect)

    def rows_of(self, query: str, suspect: Field | None = None) -> dict[str, Any]:
        """The first rows that a query over ``row_index`` names, as evidence to be settled.

        In all of them the cell of the column ``suspect`` is listed as one that breaks a rule.
        """
        if suspect is not None:
            self.suspects.append((suspect.name, query))
        return {"type": "rows", "sql": query}

    def settled(self, finding: Finding) -> Finding:
        """The finding with the results of its queries."""
        return replace(finding, evidence=[self._settled(item["type"], item["sql"]) for item in finding.evidence])

    def _settled(self, kind: str, query: str) -> dict[str, Any]:
        if kind == "rows":
            return self.dataset.row_evidence([int(row[0]) for row in self.answer(f"{query} LIMIT {ROWS_CITED}")])
        return query_evidence(query, jsonable(self.answer(query)))

    def sampled_share(self, column: Field, condition: str) -> float:
        """Among some rows with a value, the share that meets a condition: to spare the look at all rows where it is hopeless."""
        rows = self.sample([f"{condition} AS met, {column.sql} AS v"], SHARE_ROWS)
        share = self.answer(f"SELECT avg(CAST(met AS INTEGER)) FROM ({rows}) WHERE v IS NOT NULL")[0][0]
        return float(share or 0.0)

    def sample(self, columns: Iterable[str], rows: int) -> str:
        """SQL for about so many rows, chosen by a hash of their number: only to look for what is then checked on all rows."""
        return f"SELECT {', '.join(columns)} FROM data WHERE {self.sampled(rows)} ORDER BY row_index"

    def sampled(self, rows: int) -> str:
        """SQL for: the row is one of about so many."""
        return "TRUE" if self.row_count <= rows else f"hash(row_index) % {-(-self.row_count // rows)} = 0"


def named(*names: str) -> str:
    """``"a"``, ``"a" and "b"``, ``"a", "b" and "c"``."""
    quoted = [f'"{name}"' for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"


def listed(names: Sequence[str]) -> str:
    """All names as ``named`` has them, or the first ones and how many others there are."""
    rest = len(names) - NAMED_AT_MOST
    if rest <= 1:
        return named(*names)
    return f"{', '.join(named(name) for name in names[:NAMED_AT_MOST])} and {rest:,} others"


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun if number == 1 else noun + 's'}"


def percent(part: int, whole: int) -> str:
    """A share with at most four significant digits, two of a tiny one, that never rounds to nothing or to all."""
    share = 100 * part / whole if whole else 0.0
    if 0 < share < 0.01:
        return f"{Decimal(f'{share:.2g}'):f} %"
    if 99.99 < share < 100:
        return "almost 100 %"
    return f"{share:.4g} %"


def literal(value: Any) -> str:
    """A value from the profile as a SQL literal."""
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value) if not isinstance(value, bool) else str(value).lower()


def shown(value: Any) -> str:
    """A value as a statement quotes it."""
    return f'"{value}"' if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)
