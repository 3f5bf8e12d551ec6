"""What people write down once and use again (ERPs, presets, raw formats): names, roles and settings, strictly read and hashed."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import yaml

from harness_core.domain.errors import Problem, UsageError
from harness_core.domain.field_reader import FieldReader, kind_of
from harness_core.domain.suggestions import did_you_mean, shown
from harness_core.domain.yaml_documents import read_yaml

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\Z")
NAME_WORDS = "use up to 64 letters, digits, dots, dashes and underscores, beginning with a letter or digit"
COLUMN_ROLES = ("measure", "category", "identifier", "time", "flag", "text", "constant", "empty")
MAX_NOTES = 10_000
MAX_ROLES = 10_000

FILLED_FROM = "x-filled-from"
"""A plugin's setting that takes what is remembered says so in its schema: ``"x-filled-from": "column_roles"``."""

Roles = Mapping[str, str]
PluginSettings = Mapping[str, Mapping[str, Any]]
Made = TypeVar("Made")


def check_name(name: str, noun: str) -> str:
    """The name itself; raises UsageError where it cannot be one."""
    if NAME.match(name):
        return name
    raise UsageError(
        "bad_name", f"{shown(name)} cannot be the name of {noun}.", next_step=f"{NAME_WORDS[0].upper()}{NAME_WORDS[1:]}."
    )


def read_document(text: str, where: str, schema_version: str) -> Mapping[str, Any]:
    """The mapping in a YAML text that says ``schema_version``; raises UsageError with what is wrong."""
    document, problems = read_yaml(text, where)
    if document is not None:
        if not isinstance(document.value, Mapping):
            problems = [
                Problem(
                    where,
                    "",
                    f"must be a mapping, and is {kind_of(document.value)}",
                    f"begin with schema_version: {schema_version}",
                )
            ]
        elif (said := document.value.get("schema_version")) != schema_version:
            reason = "missing" if said is None else f"{shown(said)} is not read here"
            problems = [Problem(where, "schema_version", reason, f"write schema_version: {schema_version}")]
        else:
            return document.value
    raise unreadable(where, problems)


def unreadable(where: str, problems: Sequence[Problem]) -> UsageError:
    return UsageError("invalid_document", f"{where} cannot be used.", problems=problems, next_step="Correct what is named above.")


class _Writer(yaml.SafeDumper):
    """Writes what :func:`read_yaml` reads back as the very same value."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(writer: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text and text.strip() == text and " \n" not in text else None if _reads_as_itself(text) else '"'
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _reads_as_itself(text: str) -> bool:
    document, _ = read_yaml(text, "")
    return document is not None and document.value == text


_Writer.add_representer(str, _text)


def yaml_text(document: Mapping[str, Any]) -> str:
    """A document as YAML for people: its keys in order, one value per line, nothing that could be read as something else."""
    return str(yaml.dump(document, Dumper=_Writer, sort_keys=False, allow_unicode=True, width=120, default_flow_style=False))


def name_of(fields: FieldReader, noun: str, *, key: str = "name") -> str:
    name = fields.line(key)
    if name and not NAME.match(name):
        fields.wrong(key, f"{shown(name)} cannot be the name of {noun}", NAME_WORDS)
    return name


def notes_of(fields: FieldReader) -> str:
    """Free text, perhaps on many lines; empty where there is none."""
    value = fields.get("notes")
    if value is None:
        return ""
    if not isinstance(value, str):
        fields.wrong("notes", f"must be a text, and is {kind_of(value)}")
        return ""
    if len(value) > MAX_NOTES:
        fields.wrong("notes", f"has {len(value):,} characters", f"write at most {MAX_NOTES:,}")
    return value.strip()


def roles_of(fields: FieldReader) -> dict[str, str]:
    """Column name to role, sorted by name."""
    value = fields.get("roles")
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        fields.wrong("roles", f"must be a mapping, and is {kind_of(value)}", "write {column: role}")
        return {}
    if len(value) > MAX_ROLES:
        fields.wrong("roles", f"names {len(value):,} columns", f"name at most {MAX_ROLES:,}")
    for column, role in value.items():
        if role not in COLUMN_ROLES:
            fields.wrong(f"roles.{column}", f"{shown(role)} is no role", did_you_mean(str(role), COLUMN_ROLES))
    return {str(column): str(role) for column, role in sorted(value.items())}


def settings_of(fields: FieldReader) -> dict[str, dict[str, Any]]:
    """Settings by plugin id, sorted; whether they fit the plugins' schemas is asked elsewhere."""
    value = fields.get("settings")
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        fields.wrong("settings", f"must be a mapping, and is {kind_of(value)}", "write a plugin's id, and its settings beneath")
        return {}
    for plugin_id, values in value.items():
        if not isinstance(values, Mapping):
            fields.wrong(f"settings.{plugin_id}", f"must be a mapping, and is {kind_of(values)}", "write {key: value}")
    return {str(name): dict(values) for name, values in sorted(value.items()) if isinstance(values, Mapping)}


def settings_filled_from(schema: Mapping[str, Any], source: str) -> list[str]:
    """The settings of a plugin that take what is remembered under ``source``."""
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return []
    return sorted(name for name, part in properties.items() if isinstance(part, Mapping) and part.get(FILLED_FROM) == source)


def read_role(text: str) -> tuple[str, str | None]:
    """``COLUMN=ROLE`` as a pair; ``COLUMN=`` takes the role back (None). Raises UsageError."""
    column, equals, role = text.rpartition("=")
    if not equals or not column:
        raise UsageError(
            "bad_role", f"{shown(text)} names no column and role.", next_step="Write COLUMN=ROLE, such as store=category."
        )
    if role and role not in COLUMN_ROLES:
        raise UsageError("bad_role", f"{shown(role)} is no role.", why=f"The roles are {', '.join(COLUMN_ROLES)}.",
                         next_step=f"{did_you_mean(role, COLUMN_ROLES).capitalize()}.")  # fmt: skip
    return column, role or None


def with_roles(roles: Roles, changes: Sequence[tuple[str, str | None]]) -> dict[str, str]:
    """The roles with the changes made; a role of None is taken away."""
    changed = dict(roles)
    for column, role in changes:
        if role is None:
            changed.pop(column, None)
        else:
            changed[column] = role
    return dict(sorted(changed.items()))
