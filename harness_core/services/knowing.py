"""What is known before a run: the layers of settings that an ERP, a raw format, a dataset, decisions and presets bring to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness_core.domain.errors import Problem, UsageError
from harness_core.domain.formats import Header, RawFormat, fingerprint_of, header_of
from harness_core.domain.memory import Scope
from harness_core.domain.plugins import Plugin, PluginId
from harness_core.domain.presets import refuse_other_schemas
from harness_core.domain.remembered import settings_filled_from
from harness_core.domain.runs import AGAINST, Input, RunId
from harness_core.domain.settings_layers import SettingsLayer
from harness_core.domain.settings_resolution import merge
from harness_core.domain.suggestions import did_you_mean
from harness_core.ports.knowledge import Knowledge, Memory
from harness_core.ports.world import Clock
from harness_core.sdk.canonical import digest_of

MAX_COLUMNS = 20_000
EARLIER_INPUTS = "earlier_inputs"
EARLIER_LEFT_OUT = "earlier_inputs_left_out"  # the same files, for plugins that leave them out rather than compare
Plugins = Mapping[PluginId, Plugin]


@dataclass(frozen=True)
class Sources:
    """Where settings may come from besides the request itself."""

    input_sha256: str
    erp: str | None = None
    presets: Sequence[str] = ()


@dataclass(frozen=True)
class EarlierVersion:
    """The first file of an earlier run, to be compared with."""

    run_id: RunId
    input: Input


class Knowing:
    """Looks up what is remembered, and turns it into layers of settings, weak to strong."""

    def __init__(self, knowledge: Knowledge, memory: Memory, clock: Clock) -> None:
        self._knowledge, self._memory, self._clock = knowledge, memory, clock

    def layers(self, sources: Sources, plugins: Plugins, raw_format: RawFormat | None) -> list[SettingsLayer]:
        """ERP, raw format, dataset, decisions about insights, presets. ``plugins`` are all that are installed.

        Raises NotFound for an ERP or preset that is not there, Conflict for a preset made for other schemas, UsageError for
        settings of plugins that are not installed.
        """
        found = [
            *self._erp(sources.erp, plugins),
            *_of_format(raw_format, plugins),
            SettingsLayer("dataset", _filled(plugins, "column_roles", self._knowledge.dataset_roles(sources.input_sha256))),
            self._suppressed(sources, raw_format, plugins),
            *(self._preset(name, plugins) for name in sources.presets),
        ]
        kept = [layer for layer in found if layer.settings]
        if problems := [problem for layer in kept for problem in _not_installed(layer, plugins)]:
            raise UsageError("bad_configuration", "Remembered settings speak of plugins that are not installed.", problems=problems,
                             next_step="Install them, or take their settings out.")  # fmt: skip
        return kept

    def earlier_versions(self, earlier: EarlierVersion, filename: str, plugins: Plugins) -> SettingsLayer:
        """What tells plugins which of the inputs is an earlier version of the file called ``filename``; empty where none asks."""
        item = earlier.input
        told = {"sha256": item.sha256, "filename": item.filename if item.filename != filename else ""}
        settings = merge(_filled(plugins, EARLIER_INPUTS, [told]), _filled(plugins, EARLIER_LEFT_OUT, [told]))
        return SettingsLayer(f"{AGAINST}{earlier.run_id}", settings)

    def recognised(self, previews: Sequence[Mapping[str, Any]]) -> RawFormat | None:
        """The raw format of the first file, where one like it was seen before."""
        header = header_in(previews)
        return self._knowledge.format_of(fingerprint_of(header)) if header else None

    def seen(self, previews: Sequence[Mapping[str, Any]], filename: str) -> RawFormat | None:
        """The same, recorded under a name made from the file's where it is new."""
        header = header_in(previews)
        return self._knowledge.see_format(header, filename) if header else None

    def _erp(self, name: str | None, plugins: Plugins) -> list[SettingsLayer]:
        if name is None:
            return []
        erp = self._knowledge.erp(name)
        issues = [issue.as_dict() for issue in erp.known_issues]
        settings = merge(
            erp.settings, _filled(plugins, "column_roles", erp.roles), _filled(plugins, "known_issues", issues),
            _filled(plugins, "erp_name", erp.name if issues else ""),
        )  # fmt: skip
        return [SettingsLayer(f"erp:{name}", settings)]

    def _suppressed(self, sources: Sources, raw_format: RawFormat | None, plugins: Plugins) -> SettingsLayer:
        scopes = [Scope("dataset", sources.input_sha256)]
        scopes += [Scope("format", raw_format.format_id)] if raw_format else []
        scopes += [Scope("erp", sources.erp)] if sources.erp else []
        now = self._clock.now()
        decided = [item for item in self._memory.decisions(scopes) if item.state == "suppressed" and item.holds(now)]
        rules = {digest_of(item.rule()): item.rule() for item in decided}
        return SettingsLayer("insights", _filled(plugins, "suppressed_insights", [rules[key] for key in sorted(rules)]))

    def _preset(self, name: str, plugins: Plugins) -> SettingsLayer:
        preset = self._knowledge.preset(name)
        refuse_other_schemas(preset, plugins)
        return SettingsLayer(f"preset:{name}", merge(preset.settings, _filled(plugins, "column_roles", preset.roles)))

    def records(self, layers: Sequence[SettingsLayer], sources: Sources, raw_format: RawFormat | None) -> list[dict[str, str]]:
        """Each layer with the hash of what it was, for the record of the run."""
        hashes = {f"preset:{name}": self._knowledge.preset(name).sha256 for name in sources.presets}
        if sources.erp is not None:
            hashes[f"erp:{sources.erp}"] = self._knowledge.erp(sources.erp).sha256
        if raw_format is not None:
            hashes[f"format:{raw_format.name}"] = raw_format.sha256
        return [{"origin": layer.origin, "sha256": hashes.get(layer.origin) or digest_of(layer.settings)} for layer in layers]


def header_in(previews: Sequence[Mapping[str, Any]]) -> Header | None:
    """The header of the first file as the look at it gave it; None where the reader tells no columns."""
    columns = previews[0].get("columns") if previews else None
    if not isinstance(columns, list) or not 0 < len(columns) <= MAX_COLUMNS:
        return None
    if not all(
        isinstance(item, Mapping) and isinstance(item.get("name"), str) and isinstance(item.get("type"), str) for item in columns
    ):
        return None
    return header_of(columns)


def _of_format(raw_format: RawFormat | None, plugins: Plugins) -> list[SettingsLayer]:
    if raw_format is None:
        return []
    return [
        SettingsLayer(f"format:{raw_format.name}", merge(raw_format.settings, _filled(plugins, "column_roles", raw_format.roles)))
    ]


def _filled(plugins: Plugins, source: str, value: Any) -> dict[str, dict[str, Any]]:
    """``value`` as the setting of every plugin that takes what is remembered under ``source``."""
    if not value:
        return {}
    found = {name: settings_filled_from(plugin.config_schema, source) for name, plugin in plugins.items()}
    return {str(name): dict.fromkeys(settings, value) for name, settings in found.items() if settings}


def _not_installed(layer: SettingsLayer, plugins: Plugins) -> list[Problem]:
    return [
        Problem(layer.origin, name, "there is no such plugin", did_you_mean(name, plugins))
        for name in layer.settings
        if name not in plugins
    ]
