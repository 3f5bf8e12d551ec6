"""A preset: settings under a name, with the hashes of the schemas they were written for. Equal contents have one hash."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from harness_core.domain.errors import Conflict, Problem
from harness_core.domain.field_reader import FieldReader, kind_of
from harness_core.domain.plugins import Plugin, PluginId
from harness_core.domain.remembered import PluginSettings, name_of, notes_of, read_document, roles_of, settings_of, unreadable
from harness_core.domain.settings_layers import leaves
from harness_core.domain.suggestions import did_you_mean
from harness_core.sdk.canonical import digest_of

SCHEMA_VERSION = "preset.v1"
KEYS = ("schema_version", "name", "notes", "settings", "roles", "schemas", "raw_format")


@dataclass(frozen=True)
class Preset:
    """``schemas`` has the hash of the settings' schema of each plugin named; ``raw_format`` the format it was made for, or ""."""

    name: str
    settings: PluginSettings = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    schemas: Mapping[str, str] = field(default_factory=dict)
    raw_format: str = ""
    notes: str = ""
    created_at: float = 0.0

    def content(self) -> dict[str, Any]:
        """What it says, apart from its name and notes: equal contents are kept once."""
        return {
            "settings": {name: dict(values) for name, values in self.settings.items()}, "roles": dict(self.roles),
            "schemas": dict(self.schemas), "raw_format": self.raw_format,
        }  # fmt: skip

    def document(self) -> dict[str, Any]:
        return {"schema_version": SCHEMA_VERSION, "name": self.name, "notes": self.notes, **self.content()}

    @cached_property
    def sha256(self) -> str:
        return digest_of(self.content())


def read_preset(text: str, where: str) -> Preset:
    """The preset in a YAML text; raises UsageError with every problem."""
    raw = read_document(text, where, SCHEMA_VERSION)
    fields = FieldReader(raw, where)
    fields.check_keys("", raw, KEYS)
    fields.require({"name": "the name that --preset takes", "schemas": "the hash of each plugin's settings schema"})
    settings, schemas = settings_of(fields), raw.get("schemas")
    if not isinstance(schemas, Mapping) or not all(isinstance(value, str) for value in schemas.values()):
        if "schemas" in raw:
            fields.wrong("schemas", f"must map plugins to hashes, and is {kind_of(schemas)}", "export the preset again")
        schemas = {}
    for name in settings:
        if name not in schemas and "schemas" in raw:
            fields.wrong(f"schemas.{name}", "missing", "without it nobody can tell whether the settings still mean the same")
    raw_format = raw.get("raw_format") or ""
    if not isinstance(raw_format, str):
        fields.wrong("raw_format", f"must be a text, and is {kind_of(raw_format)}")
    preset = Preset(
        name=name_of(fields, "a preset"), settings=settings, roles=roles_of(fields),
        schemas={str(name): str(schemas[name]) for name in sorted(settings) if name in schemas},
        raw_format=str(raw_format), notes=notes_of(fields),
    )  # fmt: skip
    if fields.problems:
        raise unreadable(where, fields.problems)
    return preset


def schema_problems_of(preset: Preset, plugins: Mapping[PluginId, Plugin]) -> list[Problem]:
    """Every plugin of the preset that is not here, or whose settings have another schema than the preset was written for."""
    where, problems = f"preset {preset.name}", []
    for name in preset.settings:
        plugin = plugins.get(PluginId(name))
        if plugin is None:
            problems.append(Problem(where, name, "there is no such plugin here", did_you_mean(name, plugins)))
        elif preset.schemas.get(name) != plugin.config_schema_hash:
            then, now = preset.schemas.get(name, "")[:12], plugin.config_schema_hash[:12]
            problems.append(
                Problem(
                    where, name, f"its settings have another schema: then {then}, now {now}", f"see `harness plugins show {name}`"
                )
            )
    return problems


def refuse_other_schemas(preset: Preset, plugins: Mapping[PluginId, Plugin]) -> None:
    """Raises Conflict, naming every plugin whose schema is not the one the preset was written for."""
    if problems := schema_problems_of(preset, plugins):
        raise Conflict(
            "preset_schema_mismatch", f"The preset {preset.name} was made for other versions of its plugins.", problems=problems,
            why="Its settings might mean something else now.",
            next_step=f"Look at it with `harness presets show {preset.name}`, and save it anew with `harness presets save`.",
        )  # fmt: skip


@dataclass(frozen=True)
class SettingChange:
    """One setting that is not the same; what is not there is None."""

    plugin_id: str
    setting: str
    before: Any
    after: Any

    def as_dict(self) -> dict[str, Any]:
        return {"plugin_id": self.plugin_id, "setting": self.setting, "before": self.before, "after": self.after}


def settings_diff(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[SettingChange]:
    """Setting by setting what changes from ``before`` to ``after``, in the order of plugin and setting."""
    return list(_changes(before, after))


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[SettingChange]:
    for plugin_id in sorted(before.keys() | after.keys()):
        old, new = leaves(before.get(plugin_id, {})), leaves(after.get(plugin_id, {}))
        for setting in sorted(old.keys() | new.keys()):
            if setting not in old or setting not in new or old[setting] != new[setting]:
                yield SettingChange(plugin_id, setting, old.get(setting), new.get(setting))
