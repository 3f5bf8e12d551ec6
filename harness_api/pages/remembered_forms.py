"""Forms for what is remembered: settings by plugin as fields, roles of columns as pairs, and back again without a loss."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness_api.pages.forms import settings_in
from harness_api.pages.setting_fields import SETTING, Field, field_text, fields_of, problems_by_field, settings_from, value_of
from harness_core.bootstrap import Core
from harness_core.domain.errors import HarnessError
from harness_core.domain.plugins import Plugin, PluginId
from harness_core.domain.remembered import COLUMN_ROLES, FILLED_FROM, yaml_text
from harness_core.domain.runs import Run
from harness_core.domain.settings_layers import leaves
from harness_core.domain.settings_resolution import merge

LOOKED_AT = 500
MOST_ROLES = 300
Fields = Sequence[tuple[str, str]]
RoleChanges = list[tuple[str, str | None]]


@dataclass(frozen=True)
class KeptForm:
    """What stands in the form: a field for each setting of each plugin, the rest as YAML, and a role for each column."""

    settings: Sequence[tuple[Plugin, Sequence[Field], bool]]
    settings_text: str
    roles: Sequence[Mapping[str, str]]
    notes: str
    role_names: Sequence[str] = COLUMN_ROLES


def kept_form(
    core: Core, settings: Mapping[str, Any], roles: Mapping[str, str], notes: str, columns: Iterable[str] = ()
) -> KeptForm:
    """The form for something that is there. ``columns`` are those of its header, which have a row each although without a role."""
    plugins = core.catalog.plugins()
    given, rest = _as_fields(settings, plugins)
    return KeptForm(_fields(plugins, given, None), yaml_text(rest) if rest else "", _role_rows(roles, columns), notes)


def typed_form(core: Core, fields: Fields, refused: HarnessError) -> KeptForm:
    """The form as it was sent, with what is wrong at the fields."""
    last = dict(fields)
    roles = {column: role or "" for column, role in roles_from(fields)}
    return KeptForm(_fields(core.catalog.plugins(), last, refused), last.get("settings", ""), _role_rows(roles, roles),
                    last.get("notes", ""))  # fmt: skip


def settings_of_form(core: Core, fields: Fields) -> dict[str, dict[str, Any]]:
    """Raises UsageError where the YAML cannot be read."""
    found = merge(settings_in(dict(fields).get("settings", "")), settings_from(fields, core.catalog.plugins()))
    return {name: dict(values) for name, values in found.items() if values}


def roles_from(fields: Fields) -> RoleChanges:
    """Column and role in the order of the form; a role that was left empty is taken back."""
    columns = [value.strip() for name, value in fields if name == "role_column"]
    roles = [value for name, value in fields if name == "role"]
    return [(column, role or None) for column, role in zip(columns, roles, strict=False) if column]


def setting_rows(settings: Mapping[str, Any]) -> list[tuple[str, str, Any]]:
    """Plugin, setting and value, one row each."""
    return [(plugin, key, value) for plugin in sorted(settings) for key, value in leaves(settings[plugin]).items()]


def recent_runs(core: Core) -> Sequence[Run]:
    """Among which it is looked for where something was used."""
    return core.runs.page(limit=LOOKED_AT).runs


def _as_fields(settings: Mapping[str, Any], plugins: Mapping[PluginId, Plugin]) -> tuple[dict[str, str], dict[str, Any]]:
    """What a field gives back as it is, by the field's name, and everything else."""
    given: dict[str, str] = {}
    rest: dict[str, dict[str, Any]] = {}
    for name, values in settings.items():
        plugin = plugins.get(PluginId(name))
        properties = plugin.config_schema.get("properties") or {} if plugin else {}
        for key, value in values.items():
            schema, text = properties.get(key), field_text(value)
            if isinstance(schema, Mapping) and FILLED_FROM not in schema and text.strip() and value_of(text, schema) == value:
                given[f"{SETTING}{name}.{key}"] = text
            else:
                rest.setdefault(name, {})[key] = value
    return given, rest


def _fields(
    plugins: Mapping[PluginId, Plugin], given: Mapping[str, str], refused: HarnessError | None
) -> list[tuple[Plugin, Sequence[Field], bool]]:
    """Every plugin that has settings; those of which something is set, or wrong, first and open."""
    wrong = problems_by_field(refused.problems if refused else ())
    shown: list[tuple[Plugin, Sequence[Field], bool]] = []
    for plugin in plugins.values():
        filled = {key for key, part in (plugin.config_schema.get("properties") or {}).items() if FILLED_FROM in (part or {})}
        fields = [field for field in fields_of(plugin, given, wrong) if field.key not in filled]
        if fields:
            shown.append((plugin, fields, any(field.value or field.wrong for field in fields)))
    return sorted(shown, key=lambda item: (not item[2], item[0].id))


def _role_rows(roles: Mapping[str, str], columns: Iterable[str]) -> list[dict[str, str]]:
    names = list(dict.fromkeys([*(name for name in columns if name in roles), *roles, *columns]))
    return [{"name": name, "role": roles.get(name, "")} for name in names[: max(MOST_ROLES, len(roles))]]
