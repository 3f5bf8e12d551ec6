"""A raw format: files with the same header and kinds of values, recognised by a fingerprint, with what is remembered of them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from harness_core.domain.field_reader import FieldReader, kind_of
from harness_core.domain.remembered import (
    NAME,
    PluginSettings,
    Roles,
    name_of,
    notes_of,
    read_document,
    roles_of,
    settings_of,
    unreadable,
)
from harness_core.sdk.canonical import digest_of

SCHEMA_VERSION = "raw_format.v1"
KEYS = ("schema_version", "name", "notes", "roles", "settings", "headers")
FAMILIES: Mapping[str, str] = {
    "integer": "number", "float": "number", "decimal": "number", "date": "time", "timestamp": "time", "time": "time",
}  # fmt: skip

Header = tuple[tuple[str, str], ...]
"""The columns in order, each with the family of its type: next month's file may have decimals where there were none."""


def header_of(columns: Sequence[Mapping[str, Any]]) -> Header:
    """From columns with ``name`` and ``type``; their order counts."""
    return tuple((str(column["name"]), FAMILIES.get(str(column["type"]), str(column["type"]))) for column in columns)


def fingerprint_of(header: Header) -> str:
    return digest_of([list(item) for item in header])


def format_id_of(fingerprint: str) -> str:
    """``rf_`` and 16 hex of the fingerprint of the first header that was seen."""
    return f"rf_{fingerprint[:16]}"


def name_from_file(filename: str, taken: Sequence[str]) -> str:
    """A name for a format nobody has named: the file's, without what tells this file from its like (digits, dates)."""
    stem = re.sub(r"[^A-Za-z0-9]+", "_", filename.rsplit("/", 1)[-1].split(".")[0])
    stem = re.sub(r"_?\d+(?=_|$)", "", stem).strip("_").lower()[:48] or "format"
    stem = stem if NAME.match(stem) else "format"
    if stem not in taken:
        return stem
    number = 2
    while f"{stem}_{number}" in taken:
        number += 1
    return f"{stem}_{number}"


@dataclass(frozen=True)
class RawFormat:
    """``headers`` are all that were taught as being of this format; ``filename`` is that of the first file seen."""

    format_id: str
    name: str
    headers: tuple[Header, ...]
    notes: str = ""
    roles: Roles = field(default_factory=dict)
    settings: PluginSettings = field(default_factory=dict)
    filename: str = ""
    created_at: float = 0.0
    updated_at: float = 0.0

    @cached_property
    def fingerprints(self) -> tuple[str, ...]:
        return tuple(fingerprint_of(header) for header in self.headers)

    @property
    def is_plain(self) -> bool:
        """Nothing is remembered of it but that it was seen."""
        return not (self.notes or self.roles or self.settings)

    def document(self) -> dict[str, Any]:
        return {
            "schema_version": SCHEMA_VERSION, "name": self.name, "notes": self.notes, "roles": dict(self.roles),
            "settings": {name: dict(values) for name, values in self.settings.items()},
            "headers": [[{"name": name, "type": family} for name, family in header] for header in self.headers],
        }  # fmt: skip

    @cached_property
    def sha256(self) -> str:
        return digest_of(self.document())


def read_format(text: str, where: str) -> RawFormat:
    """The raw format in a YAML text; raises UsageError with every problem."""
    raw = read_document(text, where, SCHEMA_VERSION)
    fields = FieldReader(raw, where)
    fields.check_keys("", raw, KEYS)
    fields.require({"name": "what it is called", "headers": "the headers it is recognised by"})
    headers = _headers(fields, raw.get("headers")) if "headers" in raw else ()
    name, notes, roles, settings = name_of(fields, "a raw format"), notes_of(fields), roles_of(fields), settings_of(fields)
    if fields.problems:
        raise unreadable(where, fields.problems)
    return RawFormat(format_id_of(fingerprint_of(headers[0])), name, headers, notes, roles, settings)


def _headers(fields: FieldReader, raw: Any) -> tuple[Header, ...]:
    if not isinstance(raw, list) or not raw:
        fields.wrong("headers", f"must be a list of headers, and is {kind_of(raw) if raw else 'empty'}", "export the format again")
        return ()
    found = []
    for index, header in enumerate(raw):
        if isinstance(header, list) and header and all(_is_column(item) for item in header):
            found.append(header_of(header))
        else:
            fields.wrong(f"headers[{index}]", "must be a list of columns", "write each as {name: …, type: …}")
    return tuple(dict.fromkeys(found))


def _is_column(item: Any) -> bool:
    return isinstance(item, Mapping) and isinstance(item.get("name"), str) and isinstance(item.get("type"), str)


def header_difference(known: Header, header: Header) -> list[str]:
    """What keeps a header from being the known one, in words; empty when it is."""
    names, other = [name for name, _ in known], [name for name, _ in header]
    missing, added = [name for name in names if name not in other], [name for name in other if name not in names]
    said = [f"no column {name}" for name in missing] + [f"a further column {name}" for name in added]
    if not said and names != other:
        return ["another order of the columns"]
    types = dict(known)
    return said or [f"{name} holds {kind}, not {types[name]}" for name, kind in header if types[name] != kind]
