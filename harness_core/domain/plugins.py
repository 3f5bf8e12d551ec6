"""What a plugin is to the kernel: an immutable record made from its manifest, its schemas and the hash of its code."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NewType

PluginId = NewType("PluginId", str)
PluginType = Literal["ingest", "profile", "planner", "transform", "analysis", "report", "llm"]
Concurrency = Literal["cpu", "io"]

PLUGIN_TYPES: tuple[PluginType, ...] = ("ingest", "profile", "planner", "transform", "analysis", "report", "llm")
CONCLUDING_TYPES: frozenset[PluginType] = frozenset({"report", "llm"})  # they speak of all the others, however those ended


@dataclass(frozen=True)
class Limits:
    """The budget of one execution, its whole process tree together.

    Seconds of wall clock and of CPU, megabytes of resident memory, megabytes and files in its scratch folder at any moment,
    megabytes that it prints, megabytes of its result.
    """

    timeout_s: float = 600.0
    memory_mb: int = 2048
    cpu_s: float | None = None
    concurrency: Concurrency = "cpu"
    scratch_mb: int = 16 * 1024
    scratch_files: int = 10_000
    output_mb: int = 64
    result_mb: int = 8


@dataclass(frozen=True)
class Manifest:
    """A valid ``plugin.yaml``. ``needs`` says what a planner must see before this plugin is worth running (see the reference)."""

    id: PluginId
    name: str
    version: str
    type: PluginType
    module: str
    function: str
    depends_on: tuple[PluginId, ...]
    capabilities: tuple[str, ...]
    config_schema: str
    output_schema: str
    requires_engine: str
    sandbox: Mapping[str, Any]
    limits: Limits
    description: str = ""
    needs: Mapping[str, int] = field(default_factory=dict)
    accepts: tuple[str, ...] = ()
    retries: int = 2
    uses_seed: bool = True
    derives: bool = False


@dataclass(frozen=True)
class Plugin:
    """A plugin as found on disk. ``code_hash`` covers every file of the folder by relative path and bytes, manifest included.

    ``versions`` are those that are installed side by side, where it comes from a bundle. ``may_have_health`` is false where its
    entry file does not even hold the word: then there is no ``health()``, and nobody needs to start a guest to ask.
    """

    manifest: Manifest
    folder: Path
    code_hash: str
    manifest_hash: str
    config_schema: Mapping[str, Any]
    output_schema: Mapping[str, Any]
    config_schema_hash: str
    output_schema_hash: str
    source: Literal["product", "path", "bundle"] = "product"
    versions: tuple[str, ...] = ()
    may_have_health: bool = False

    @property
    def id(self) -> PluginId:
        return self.manifest.id
