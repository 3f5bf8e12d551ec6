"""The tables of one file side by side: the sheets of a workbook, or the tables of a dump with the keys that it declares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness_core.domain.datasets import DatasetVersion


@dataclass(frozen=True)
class Reference:
    """A foreign key as the file declares it; ``target`` is the dataset version of the other table, where it was read."""

    columns: Sequence[str]
    table: str
    referenced: Sequence[str]
    target: DatasetVersion | None


@dataclass(frozen=True)
class FileTable:
    """One table of a file; ``referred`` are the titles of those that refer to it."""

    version: DatasetVersion
    title: str
    primary_key: Sequence[str]
    references: Sequence[Reference]
    referred: Sequence[str]


def tables_of(version: DatasetVersion, known: Sequence[DatasetVersion]) -> list[FileTable]:
    """All tables that were read of the same file, by title, each as it was read last; [] where the file has but one.

    What a reader says of keys is free-form: what is of another form is left out.
    """
    latest: dict[str, DatasetVersion] = {}
    for item in (version, *known):
        title = title_of(item)
        if title and item.input_sha256 == version.input_sha256:
            latest.setdefault(title, item)
    if len(latest) < 2:
        return []
    keys = {title: _references(item, latest) for title, item in latest.items()}
    referred = {title: sorted(other for other, found in keys.items() if title in {key.table for key in found}) for title in latest}
    return [
        FileTable(item, title, _names(item.reading.get("primary_key")), keys[title], referred[title])
        for title, item in sorted(latest.items())
    ]


def title_of(version: DatasetVersion) -> str:
    """What the table is called within its file; empty where the file is the table."""
    title = version.reading.get("table") or version.reading.get("sheet")
    return title if isinstance(title, str) else ""


def _references(version: DatasetVersion, known: Mapping[str, DatasetVersion]) -> list[Reference]:
    found = version.reading.get("foreign_keys")
    entries = [item for item in found if isinstance(item, Mapping)] if isinstance(found, list | tuple) else []
    return [
        Reference(
            _names(item.get("columns")), str(item.get("table")), _names(item.get("referenced")), known.get(str(item.get("table")))
        )
        for item in entries
    ]


def _names(value: Any) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list | tuple) else []
