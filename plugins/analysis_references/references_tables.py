"""The tables of a run: how each is called, which views hold them, what keys a dump declares, and which are parts of one export."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from references_names import table_stems, words

from harness_core.sdk import Column, Dataset, PluginContext
from harness_core.sdk.dataset import view_sql

ALIKE = 0.6
LONGEST_LABEL = 60
FIRST = "the first table"
_NO_EVENT = "birth born dob due expiry expires updated update modified changed valid until end ended hire hired"
NO_EVENT = frozenset(_NO_EVENT.split())


@dataclass(frozen=True)
class Table:
    """A dataset version of the run: ``data`` is the view of the main one, every other has its role as view.

    ``title`` is its name as people know it: of the file, or of the table in the dump.
    """

    role: str
    view: str
    title: str
    dataset: Dataset
    columns: tuple[Column, ...]

    @property
    def label(self) -> str:
        """The title in quotes, as sentences have it."""
        if self.title == FIRST:
            return FIRST
        title = self.title if len(self.title) <= LONGEST_LABEL else self.title[: LONGEST_LABEL - 1] + "…"
        return '"' + title.replace('"', "'") + '"'

    @property
    def view_sql(self) -> str:
        return view_sql(self.view)

    @property
    def stems(self) -> frozenset[str]:
        name = PurePath(self.title).name
        known = name.rpartition(".")[2] if "table" in self.reading else name.partition(".")[0]
        return table_stems(known)

    @property
    def reading(self) -> Mapping[str, Any]:
        return dict(self.dataset.facts.get("reading") or {})

    def called(self, column: str) -> str:
        """How findings name a column: as it is in the main table, behind its table's name elsewhere."""
        return column if self.view == "data" else f"{self.role}.{column}"

    def column(self, name: str) -> Column | None:
        """The column of that name, whatever its case, among all that the table has."""
        found = [column for column in self.dataset.columns if column.name.lower() == name.lower()]
        return next((column for column in found if column.name == name), found[0] if found else None)

    @property
    def time(self) -> Column | None:
        """The first column with a date or time that says when a row came about, by its name."""
        return next((item for item in self.columns if item.is_temporal and not NO_EVENT & {*words(item.name)}), None)


def tables_of(ctx: PluginContext) -> tuple[list[Table], list[dict[str, str]]]:
    """The tables that are looked at, the main one first, each shown to the main one's queries; and what is left out, and why."""
    earlier = {entry["sha256"] for entry in ctx.settings["earlier_inputs"]}
    titles, main = _titles(ctx), ctx.dataset
    kept = [role for role, item in ctx.datasets.items() if item is main or item.facts.get("input_sha256") not in earlier]
    roles = sorted(kept, key=lambda role: (ctx.datasets[role] is not main, role))
    most, columns = ctx.settings["max_tables"], ctx.settings["max_columns"]
    left_out = [{"name": titles[role], "reason": f"beyond the first {most:,} tables"} for role in roles[most:]]
    tables = []
    for role in roles[:most]:
        dataset = ctx.datasets[role]
        view = "data" if dataset is main else role
        if view != "data":
            main.show(dataset, role)
        if (beyond := len(dataset.columns) - columns) > 0:
            left_out.append({"name": titles[role], "reason": f"its last {beyond:,} columns" if beyond > 1 else "its last column"})
        tables.append(Table(role, view, titles[role], dataset, dataset.columns[:columns]))
    return tables, left_out


def _titles(ctx: PluginContext) -> dict[str, str]:
    """By role: the table's name in a dump, else the name of the file, with the sheet where a file has several; else the role."""
    read = [entry for item in ctx.upstream.values() for entry in item.metrics.get("datasets") or [] if isinstance(entry, Mapping)]
    files = {str(entry.get("role")): str(entry["filename"]) for entry in read if entry.get("filename")}
    found = {}
    for role, dataset in ctx.datasets.items():
        reading = dataset.facts.get("reading") or {}
        name = str(reading.get("table") or files.get(role) or "")
        sheet, same = reading.get("sheet"), [other for other, file in files.items() if file == files.get(role)]
        if sheet and len(same) > 1:
            name = str(sheet)
        found[role] = name or (FIRST if dataset is ctx.dataset else role)
    names = list(found.values())
    return {role: title if names.count(title) == 1 else role for role, title in found.items()}


def are_alike(one: Table, two: Table) -> bool:
    """Whether two tables share so many columns that they are parts of one: months of an export, versions of a list."""
    names = [{"".join(words(column.name)) or column.name for column in table.dataset.columns} for table in (one, two)]
    common = names[0] & names[1]
    return len(common) >= 2 and len(common) / len(names[0] | names[1]) >= ALIKE


def declared_in(tables: Sequence[Table]) -> list[tuple[Table, list[str], Table, list[str]]]:
    """The foreign keys that a dump declares between tables of the run: from which columns, to which."""
    by_name = {str(table.reading["table"]).lower(): table for table in reversed(tables) if "table" in table.reading}
    found = []
    for table in tables:
        for key in table.reading.get("foreign_keys") or []:
            target = by_name.get(str(key["table"]).lower())
            if target is None:
                continue
            referenced = list(key["referenced"]) or list(target.reading.get("primary_key") or [])
            own, others = [table.column(name) for name in key["columns"]], [target.column(name) for name in referenced]
            if own and len(own) == len(others) and all(own) and all(others):
                found.append((table, [item.name for item in own if item], target, [item.name for item in others if item]))
    return found
