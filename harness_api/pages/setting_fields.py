"""Settings as fields of a form: one per key of a plugin's schema, with its default, its limits and its words; and back again.

A field that is left empty is not given: the default holds. What was typed is read by the type that the schema names.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness_core.domain.plugins import Plugin

SETTING = "set."
MOST_CHOICES = 40
KINDS = {"integer": "number", "number": "number", "boolean": "choice", "string": "text"}


@dataclass(frozen=True)
class Field:
    """One setting of one plugin: ``name`` is the field's, ``value`` what stands in it ("" is the default)."""

    name: str
    key: str
    kind: str
    description: str
    default: str
    limits: str
    choices: Sequence[str]
    value: str
    wrong: str = ""

    @property
    def id(self) -> str:
        return self.name.replace(".", "-")


def fields_of(plugin: Plugin, given: Mapping[str, str], wrong: Mapping[tuple[str, str], str]) -> list[Field]:
    """The fields of one plugin, in the order of its schema; ``given`` holds what was typed by the names of fields."""
    properties = plugin.config_schema.get("properties")
    if not isinstance(properties, Mapping):
        return []
    return [_field(plugin, key, schema, given, wrong) for key, schema in properties.items() if isinstance(schema, Mapping)]


def _field(
    plugin: Plugin, key: str, schema: Mapping[str, Any], given: Mapping[str, str], wrong: Mapping[tuple[str, str], str]
) -> Field:
    name = f"{SETTING}{plugin.id}.{key}"
    type_ = schema.get("type")
    choices = [field_text(value) for value in schema.get("enum", ())] or (["true", "false"] if type_ == "boolean" else [])
    choices = list(dict.fromkeys(choices))
    kind = "choice" if choices and len(choices) <= MOST_CHOICES else KINDS.get(str(type_), "json")
    kind = "text" if isinstance(type_, list) and "string" in type_ and not choices else kind
    default = schema.get("default")
    return Field(
        name, key, kind, str(schema.get("description", "")), "" if default is None else field_text(default), _limits(schema),
        choices, given.get(name, ""), wrong.get((str(plugin.id), key), ""),
    )  # fmt: skip


def _limits(schema: Mapping[str, Any]) -> str:
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    if low is not None and high is not None:
        return f"{low:,} to {high:,}" if isinstance(low, int | float) and isinstance(high, int | float) else f"{low} to {high}"
    if low is not None:
        return f"above {low}" if "exclusiveMinimum" in schema else f"at least {low}"
    return f"at most {high}" if high is not None else ""


def field_text(value: Any) -> str:
    """A value as it stands in a field: a text as it is, unless it would be read as something else."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def settings_from(fields: Iterable[tuple[str, str]], plugins: Mapping[Any, Plugin]) -> dict[str, dict[str, Any]]:
    """The settings that were given by fields, by plugin; what is no field of a plugin stays, to be refused by its name."""
    found: dict[str, dict[str, Any]] = {}
    for name, text in fields:
        plugin_id, dot, key = name.removeprefix(SETTING).partition(".")
        if not name.startswith(SETTING) or not dot or not text.strip():
            continue
        plugin = plugins.get(plugin_id)
        schema = (plugin.config_schema.get("properties") or {}).get(key, {}) if plugin else {}
        found.setdefault(plugin_id, {})[key] = value_of(text, schema if isinstance(schema, Mapping) else {})
    return found


def value_of(text: str, schema: Mapping[str, Any]) -> Any:
    """What was typed, by the schema's type; what cannot be read so stays a text, for the schema to refuse."""
    for choice in schema.get("enum", ()):
        if field_text(choice) == text:
            return choice
    types = schema.get("type", "string")
    types = types if isinstance(types, list) else [types]
    if "string" in types and (len(types) == 1 or not _is_number(text)):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _is_number(text: str) -> bool:
    return text.strip().lstrip("-").isdigit()


def problems_by_field(problems: Iterable[Any]) -> dict[tuple[str, str], str]:
    """What is wrong with which setting, by plugin and key."""
    found: dict[tuple[str, str], str] = {}
    for problem in problems:
        plugin_id = problem.where.removeprefix("settings of ")
        key = problem.field.split(".")[0].split("[")[0]
        if plugin_id != problem.where and key:
            found.setdefault((plugin_id, key), problem.reason)
    return found
