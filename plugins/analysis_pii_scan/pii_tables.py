"""The tables of a run: the main one under its columns' plain names, every other one by its role."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from harness_core.sdk import Column, Dataset, PluginContext
from harness_core.sdk.dataset import are_alike
from harness_core.sdk.statistics.axes import view_name

MAIN = "data"


@dataclass(frozen=True)
class Table:
    """A dataset version of the run with the view in which the main one's queries see it; ``alike`` are the roles of those looked at
    before that it shares most of its columns with, as a month does with the months before, or a file with its earlier version."""

    role: str
    view: str
    dataset: Dataset
    alike: frozenset[str] = frozenset()
    profile: Mapping[str, Mapping[str, Any]] | None = None

    @cached_property
    def facts(self) -> Mapping[str, Mapping[str, Any]]:
        """By column what the profile knows of the main table; of another as much of it as is asked here."""
        return _facts(self.dataset) if self.profile is None else self.profile

    @property
    def columns(self) -> Sequence[Column]:
        return self.dataset.columns

    def called(self, column: str) -> str:
        """How findings name a column: as it is in the main table, behind its table's role elsewhere."""
        return column if self.role == MAIN else f"{self.role}.{column}"

    def label(self, column: str) -> str:
        """The column as sentences name it."""
        return f'"{column}"' if self.role == MAIN else f'"{column}" of "{self.role}"'

    def entry(self, column: str) -> dict[str, str]:
        """The column as the metrics name it."""
        return {"name": column} if self.role == MAIN else {"name": column, "table": self.role}


def tables_of(ctx: PluginContext, most: int) -> tuple[list[Table], list[str]]:
    """The main table first, then the others in the order of their names, each shown to the main one's queries, ``most`` in all; and
    the roles of those beyond."""
    main = ctx.dataset
    profile = ctx.upstream["profile_basic"].metrics.get("columns", []) if "profile_basic" in ctx.upstream else []
    tables = [Table(MAIN, MAIN, main, profile={str(entry.get("name")): entry for entry in profile})]
    others = sorted(role for role, dataset in ctx.datasets.items() if dataset is not main)
    for role in others[: most - 1]:
        dataset = ctx.datasets[role]
        names = {column.name for column in dataset.columns}
        alike = frozenset(table.role for table in tables if are_alike(names, {column.name for column in table.columns}))
        tables.append(Table(role, main.show(dataset, role), dataset, alike))
    return tables, others[most - 1 :]


def _facts(dataset: Dataset) -> dict[str, dict[str, Any]]:
    """The range of whole numbers and the longest text."""
    asked = [column for column in dataset.columns if column.type in {"integer", "text"}]
    parts = []
    for column in asked:
        name = view_name(column.name)
        parts.append(f"max(length({name})), NULL" if column.type == "text" else f"max({name}), min({name})")
    row = dataset.sql(f"SELECT {', '.join(parts)} FROM data").fetchall()[0] if parts else ()
    pairs = zip(asked, row[::2], row[1::2], strict=True)
    return {
        column.name: {"lengths": {"max": most or 0}} if column.type == "text" else {"min": least, "max": most}
        for column, most, least in pairs
    }
