"""Plugins as records without a folder, for rules that never look at files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness_core.domain.plugins import Limits, Manifest, Plugin, PluginId, PluginType


def plugin_record(
    plugin_id: str,
    depends_on: Sequence[str] = (),
    *,
    plugin_type: PluginType = "analysis",
    capabilities: Sequence[str] = (),
    engine: str = ">=1.0,<2",
    config_schema: Mapping[str, Any] | None = None,
) -> Plugin:
    manifest = Manifest(
        id=PluginId(plugin_id), name=plugin_id, version="1.0.0", type=plugin_type, module="plugin.py", function="run",
        depends_on=tuple(PluginId(name) for name in depends_on), capabilities=tuple(capabilities),
        config_schema="config.schema.json", output_schema="output.schema.json", requires_engine=engine, sandbox={}, limits=Limits(),
    )  # fmt: skip
    return Plugin(manifest, Path(plugin_id), "c" * 64, "m" * 64, config_schema or {"type": "object"}, {}, "s" * 64, "o" * 64)


def catalog_of(*plugins: Plugin) -> dict[PluginId, Plugin]:
    return {plugin.id: plugin for plugin in plugins}
