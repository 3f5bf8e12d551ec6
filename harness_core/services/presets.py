"""Presets as people keep them: saved from settings or from a run, compared before they are applied, exported and imported."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness_core.domain.plugins import PluginId
from harness_core.domain.presets import Preset, SettingChange, refuse_other_schemas, settings_diff
from harness_core.domain.remembered import PluginSettings, Roles, check_name
from harness_core.domain.runs import Run
from harness_core.domain.settings_layers import leaves, stack
from harness_core.domain.settings_resolution import merge, resolve_settings
from harness_core.ports.catalog import Catalog
from harness_core.ports.knowledge import Knowledge
from harness_core.services.erps import check_settings
from harness_core.services.knowing import Knowing, Sources

NO_FILE = ""


@dataclass(frozen=True)
class Saved:
    """The preset, whether anything changed, and the other names that the same content has."""

    preset: Preset
    changed: bool
    same_as: Sequence[str]


class Presets:
    """Keeps presets."""

    def __init__(self, knowledge: Knowledge, catalog: Catalog, knowing: Knowing) -> None:
        self._knowledge, self._catalog, self._knowing = knowledge, catalog, knowing

    def save(
        self, name: str, settings: PluginSettings, roles: Roles, notes: str, raw_format: str = "", *, replace: bool = False
    ) -> Saved:
        """Under the schemas of the plugins as they are installed now. ``raw_format`` is a name or an id, or empty."""
        check_name(name, "a preset")
        check_settings(settings, self._catalog.plugins(), f"preset {name}")
        plugins = self._catalog.plugins()
        kept = {plugin_id: dict(values) for plugin_id, values in sorted(settings.items()) if values}
        schemas = {plugin_id: plugins[PluginId(plugin_id)].config_schema_hash for plugin_id in kept}
        format_id = self._knowledge.raw_format(raw_format).format_id if raw_format else ""
        return self._keep(Preset(name, kept, dict(sorted(roles.items())), schemas, format_id, notes.strip()), replace=replace)

    def take_in(self, preset: Preset, *, replace: bool = False) -> Saved:
        """An imported preset. Raises Conflict where a schema hash does not match, UsageError where a setting does not fit."""
        refuse_other_schemas(preset, self._catalog.plugins())
        check_settings(preset.settings, self._catalog.plugins(), f"preset {preset.name}")
        return self._keep(preset, replace=replace)

    def _keep(self, preset: Preset, *, replace: bool) -> Saved:
        changed = self._knowledge.save_preset(preset, replace=replace)
        return Saved(preset, changed, self.names_of(preset, other=True))

    def names_of(self, preset: Preset, *, other: bool = False) -> list[str]:
        """The names under which this content is kept."""
        names = [item.name for item in self._knowledge.presets() if item.sha256 == preset.sha256]
        return [name for name in names if name != preset.name] if other else names

    def for_format(self, format_id: str) -> list[Preset]:
        """The presets that were made for a raw format."""
        return [preset for preset in self._knowledge.presets() if preset.raw_format == format_id]

    def settings_of_run(self, run: Run) -> dict[str, dict[str, Any]]:
        """The settings of a run that are not their defaults, of plugins that are installed."""
        plugins = self._catalog.plugins()
        kept: dict[str, dict[str, Any]] = {}
        for name, values in run.config.settings.items():
            if name in plugins:
                defaults, _ = resolve_settings(plugins[name], {})
                kept[str(name)] = {key: value for key, value in values.items() if value != defaults.get(key)}
        return {name: values for name, values in sorted(kept.items()) if values}

    def diff(self, name: str, *, erp: str | None = None, against: str | None = None) -> list[SettingChange]:
        """What applying the preset changes: against the defaults with an ERP's settings, or against another preset.

        Raises Conflict where a schema hash does not match: what it changes cannot be told then.
        """
        plugins = self._catalog.plugins()
        before = self._knowing.layers(Sources(NO_FILE, erp, [against] if against else []), plugins, None)
        after = self._knowing.layers(Sources(NO_FILE, erp, [name]), plugins, None)
        old, new = (stack(layers)[0] for layers in (before, after))
        return settings_diff(self._whole(old, new), self._whole(new, old))

    def _whole(self, settings: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
        """With the defaults of every plugin that either side speaks of, so that a change from a default shows the default."""
        plugins = self._catalog.plugins()
        return {name: resolve_settings(plugins[PluginId(name)], settings.get(name, {}))[0] for name in sorted({*settings, *others})}


def preset_document(preset: Preset, problems: Sequence[str], names: Sequence[str]) -> dict[str, Any]:
    """A preset as programs see it."""
    return {
        "name": preset.name, "sha256": preset.sha256, "notes": preset.notes, "raw_format": preset.raw_format or None,
        "settings": merge(preset.settings), "roles": dict(preset.roles), "schemas": dict(preset.schemas),
        "setting_count": len(leaves(preset.settings)), "usable": not problems, "problems": list(problems), "same_as": list(names),
    }  # fmt: skip
