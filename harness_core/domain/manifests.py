"""A plugin's manifest, read: a valid ``plugin.yaml`` becomes a :class:`Manifest`, anything else all of its problems at once."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, cast

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from harness_core.domain.errors import Problem
from harness_core.domain.field_reader import FieldReader, kind_of
from harness_core.domain.plugins import PLUGIN_TYPES, Concurrency, Limits, Manifest, PluginId, PluginType
from harness_core.domain.suggestions import did_you_mean, shown

MANIFEST_VERSION = "plugin.v1"
ID = re.compile(r"[a-z][a-z0-9_]{2,63}\Z")
SEMVER = re.compile(
    r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)"
    r"(-(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?\Z"
)
ENTRYPOINT = re.compile(r"(?P<module>[A-Za-z0-9_./-]+\.py):(?P<function>[A-Za-z_][A-Za-z0-9_]*)\Z")
SUFFIX = re.compile(r"(\.[a-z0-9_-]+)+\Z")
MIN_MEMORY_MB = 64
MAX_RETRIES = 5


@dataclass(frozen=True)
class Capability:
    """Something a plugin may ask for beyond reading its dataset and writing its scratch folder."""

    name: str
    sentence: str
    granted_by_default: bool


CAPABILITIES: Mapping[str, Capability] = {
    entry.name: entry
    for entry in (
        Capability("network", "It opens network connections, so data could leave this machine.", granted_by_default=False),
        Capability("gpu", "It computes on a graphics card, where results may differ.", granted_by_default=False),
        Capability("subprocess", "It starts other programs.", granted_by_default=False),
        Capability("state", "It keeps notes between runs, so results depend on earlier ones.", granted_by_default=False),
        Capability("pii", "It reads columns that are marked as personal data.", granted_by_default=True),
        Capability("cross_dataset", "It reads several dataset versions side by side.", granted_by_default=True),
    )
}
DENIED_BY_DEFAULT = frozenset(name for name, entry in CAPABILITIES.items() if not entry.granted_by_default)

REQUIRED_KEYS: Mapping[str, str] = {
    "id": "Names the plugin everywhere; it is also the name of its folder.",
    "name": "What people read, on one line.",
    "version": "A semantic version, such as 1.0.0.",
    "type": f"The part it plays in a run: {', '.join(PLUGIN_TYPES)}.",
    "entrypoint": "The file in the folder and the function in it that is called, as plugin.py:run.",
    "depends_on": "The ids of the plugins whose results it builds on.",
    "capabilities": f"What it needs beyond reading its dataset and writing its scratch folder: any of {', '.join(CAPABILITIES)}.",
    "config_schema": "The file with the JSON Schema of its settings.",
    "output_schema": "The file with the JSON Schema of its result.",
    "requires": 'What it runs on: engine, a range of versions as in pip, such as ">=1.0,<2".',
    "sandbox": "What the wall lets through: no_network, and fs_allowlist, which is advisory.",
    "limits": "Its budget: timeout_s, memory_mb, cpu_s, scratch_mb, scratch_files, output_mb, result_mb; and concurrency.",
}
OPTIONAL_KEYS: Mapping[str, str] = {
    "description": "One sentence: the question it answers.",
    "needs": "What the data must have before it is worth running: the least number of each.",
    "accepts": "For ingest: the lower-case suffixes of the files it reads, such as .csv.",
    "retries": f"How often it is tried again after its process died: 0 to {MAX_RETRIES}, 2 when absent.",
    "uses_seed": "Whether it draws random numbers; true when absent. If not, the seed is 0 and its results serve any run.",
    "derives": "Whether it writes derived columns for those that build on it; false when absent. Runs at once share its result.",
    "schema_version": f"The version of this manifest format, {MANIFEST_VERSION}.",
}
LIMIT_KEYS: Mapping[str, str] = {
    "timeout_s": "Seconds of wall clock, above 0; 600 when absent.",
    "memory_mb": f"Megabytes of memory of the whole process tree, at least {MIN_MEMORY_MB}; 2048 when absent.",
    "cpu_s": "Seconds of processor time, above 0; no limit of its own when absent.",
    "concurrency": "cpu or io: what it mostly waits for; cpu when absent.",
    "scratch_mb": "Megabytes in its scratch folder at any moment; 16384 when absent, and never more than HARNESS_SCRATCH_MB.",
    "scratch_files": "Files and folders in its scratch folder at any moment, 10 to 100000; 10000 when absent.",
    "output_mb": "Megabytes that it prints, 1 to 1024; 64 when absent. Its logs keep the head and the tail.",
    "result_mb": "Megabytes of its result, 1 to 32; 8 when absent. What is larger belongs into an artifact.",
}
LIMIT_BOUNDS: Mapping[str, tuple[int, float]] = {
    "memory_mb": (MIN_MEMORY_MB, math.inf),
    "scratch_mb": (1, math.inf),
    "scratch_files": (10, 100_000),
    "output_mb": (1, 1024),
    "result_mb": (1, 32),
}
"""The least and the most of those that are whole numbers."""
SANDBOX_KEYS: Mapping[str, str] = {
    "no_network": "true unless the plugin has the capability network; true when absent.",
    "fs_allowlist": "Relative places it reads, for people to know: run_dir, dataset, upstream. Only its scratch is ever writable.",
}
NEEDS: Mapping[str, str] = {
    "rows": "rows of data",
    "columns": "columns of any kind",
    "numeric": "columns that hold measures",
    "categorical": "columns that hold categories",
    "temporal": "columns that hold dates or times",
    "text": "columns that hold free text",
    "groups": "groups of rows to compare",
    "event_log": "event logs: 1 where the rows must be events of cases or jobs, 0 where not",
}
CONCURRENCY: tuple[Concurrency, ...] = ("cpu", "io")


def parse_manifest(raw: Any, where: str, *, folder_name: str | None = None) -> tuple[Manifest | None, list[Problem]]:
    """The manifest in ``raw`` (what stood in the YAML), or None and every problem of it.

    ``where`` is the file, for the problems. ``folder_name`` is what the id must equal; None leaves that unchecked.
    """
    if not isinstance(raw, Mapping):
        remedy = f"begin with the keys {', '.join(REQUIRED_KEYS)}"
        return None, [Problem(where, "", f"a manifest is a mapping of keys, and this is {kind_of(raw)}", remedy)]
    reader = FieldReader(raw, where)
    reader.check_keys("", raw, {**REQUIRED_KEYS, **OPTIONAL_KEYS})
    reader.require(REQUIRED_KEYS)
    manifest = _manifest(reader, folder_name)
    return (None, reader.problems) if reader.problems else (manifest, [])


def _manifest(reader: FieldReader, folder_name: str | None) -> Manifest:
    module, function = _entrypoint(reader)
    plugin_type = cast(PluginType, reader.choice("type", PLUGIN_TYPES))
    plugin_id = _id(reader, folder_name)
    capabilities = _capabilities(reader)
    _schema_version(reader)
    return Manifest(
        id=plugin_id,
        name=reader.line("name"),
        version=_version(reader),
        type=plugin_type,
        module=module,
        function=function,
        depends_on=_depends_on(reader, plugin_id),
        capabilities=capabilities,
        config_schema=_schema_file(reader, "config_schema"),
        output_schema=_schema_file(reader, "output_schema"),
        requires_engine=_engine(reader),
        sandbox=_sandbox(reader, capabilities),
        limits=_limits(reader),
        description=reader.line("description", default=""),
        needs=_needs(reader),
        accepts=_accepts(reader, plugin_type),
        retries=int(reader.number("retries", default=2, low=0, high=MAX_RETRIES, whole=True)),
        uses_seed=_flag(reader, "uses_seed", default=True),
        derives=_flag(reader, "derives", default=False),
    )


def _flag(reader: FieldReader, name: str, *, default: bool) -> bool:
    value = reader.get(name)
    if value is not None and not isinstance(value, bool):
        reader.wrong(name, f"{shown(value)} is neither true nor false")
    return value if isinstance(value, bool) else default


def _id(reader: FieldReader, folder_name: str | None) -> PluginId:
    plugin_id = reader.line("id")
    if plugin_id and not ID.match(plugin_id):
        suggestion = re.sub(r"[^a-z0-9]+", "_", plugin_id.lower()).strip("_")
        remedy = f"such as {suggestion}" if ID.match(suggestion) else "begin with a letter"
        reader.wrong("id", f"{shown(plugin_id)} is no id: a lower-case letter, then 2 to 63 letters, digits, underscores", remedy)
    elif plugin_id and folder_name is not None and plugin_id != folder_name:
        reader.wrong("id", f"{plugin_id} stands in a folder called {shown(folder_name)}", "give the folder the name of its plugin")
    return PluginId(plugin_id)


def _version(reader: FieldReader) -> str:
    version = reader.line("version")
    if version and not SEMVER.match(version):
        numbers = [str(int(part)) for part in re.findall(r"[0-9]{1,9}", version)[:3]]
        suggestion = ".".join([*numbers, "0", "0", "0"][:3])
        reader.wrong("version", f"{shown(version)} is no semantic version", f"three numbers with dots, such as {suggestion}")
    return version


def _entrypoint(reader: FieldReader) -> tuple[str, str]:
    text = reader.line("entrypoint")
    if not text:
        return "", ""
    match = ENTRYPOINT.match(text)
    if match is None or not _is_inside(match["module"]):
        reader.wrong(
            "entrypoint",
            f"{shown(text)} names no function in a file of the folder",
            "write file.py:function, such as plugin.py:run",
        )
        return "", ""
    return match["module"], match["function"]


def _schema_file(reader: FieldReader, name: str) -> str:
    text = reader.line(name)
    if text and not (_is_inside(text) and text.endswith(".json")):
        reader.wrong(
            name, f"{shown(text)} is no JSON file in the folder", f"a relative name, such as {name.replace('_', '.')}.json"
        )
    return text


def _is_inside(text: str) -> bool:
    """A plain relative name that cannot lead out of the folder, on any system."""
    path = PurePosixPath(text)
    return (
        bool(path.parts) and str(path) == text and not path.is_absolute() and ".." not in path.parts and not set("\\:") & set(text)
    )


def _depends_on(reader: FieldReader, plugin_id: str) -> tuple[PluginId, ...]:
    found = reader.texts("depends_on")
    for item in found:
        if not ID.match(item):
            reader.wrong("depends_on", f"{shown(item)} is no plugin id", "3 to 64 lower-case letters, digits and underscores")
        elif item == plugin_id:
            reader.wrong("depends_on", f"{item} depends on itself", "take it out")
    return tuple(PluginId(item) for item in found)


def _capabilities(reader: FieldReader) -> tuple[str, ...]:
    found = reader.texts("capabilities")
    for item in found:
        if item not in CAPABILITIES:
            reader.wrong("capabilities", f"{shown(item)} is no capability", did_you_mean(item, CAPABILITIES))
    return tuple(found)


def _engine(reader: FieldReader) -> str:
    if "engine" not in reader.section("requires", ("engine",)):
        if isinstance(reader.get("requires"), Mapping):
            reader.wrong("requires.engine", "missing", 'a range of versions, such as ">=1.0,<2"')
        return ""
    text = reader.line("requires.engine")
    try:
        if not str(SpecifierSet(text)) and text:
            raise InvalidSpecifier(text)
    except InvalidSpecifier:
        reader.wrong("requires.engine", f"{shown(text)} is no range of versions", 'comparisons with commas, such as ">=1.0,<2"')
    return text


def _sandbox(reader: FieldReader, capabilities: Iterable[str]) -> dict[str, Any]:
    section = reader.section("sandbox", SANDBOX_KEYS)
    no_network = section.get("no_network", True)
    if not isinstance(no_network, bool):
        reader.wrong("sandbox.no_network", f"must be true or false, and is {kind_of(no_network)}", "write true, unless it needs it")
    elif not no_network and "network" not in capabilities:
        reader.wrong(
            "sandbox.no_network",
            "is false, but the capability network is not asked for",
            "add network to capabilities, or write true",
        )
    places = reader.texts("sandbox.fs_allowlist") if "fs_allowlist" in section else []
    for place in places:
        if not _is_inside(place):
            reader.wrong(
                "sandbox.fs_allowlist", f"{shown(place)} leads out of what a plugin is given", "such as run_dir or dataset"
            )
    return {"no_network": no_network, "fs_allowlist": places}


def _limits(reader: FieldReader) -> Limits:
    section = reader.section("limits", LIMIT_KEYS)
    default = Limits()
    cpu_s = reader.number("limits.cpu_s", default=0, low=0, above=True)
    return Limits(
        timeout_s=reader.number("limits.timeout_s", default=default.timeout_s, low=0, above=True),
        cpu_s=cpu_s if section.get("cpu_s") is not None else None,
        concurrency=cast(Concurrency, reader.choice("limits.concurrency", CONCURRENCY, default.concurrency)),
        **{
            name: int(reader.number(f"limits.{name}", default=getattr(default, name), low=low, high=high, whole=True))
            for name, (low, high) in LIMIT_BOUNDS.items()
        },
    )


def _needs(reader: FieldReader) -> dict[str, int]:
    section = reader.section("needs", NEEDS)
    return {key: int(reader.number(f"needs.{key}", default=0, low=0, whole=True)) for key in section if key in NEEDS}


def _accepts(reader: FieldReader, plugin_type: str) -> tuple[str, ...]:
    found = reader.texts("accepts")
    if found and plugin_type != "ingest":
        reader.wrong("accepts", f"a plugin of type {plugin_type} reads no files", "leave it out, or make it an ingest plugin")
    for item in found:
        if not SUFFIX.match(item):
            suggestion = "." + item.lower().lstrip("*.")
            remedy = f"write {suggestion}" if SUFFIX.match(suggestion) else "such as .csv"
            reader.wrong("accepts", f"{shown(item)} is no lower-case suffix with its dot", remedy)
    return tuple(found)


def _schema_version(reader: FieldReader) -> None:
    version = reader.get("schema_version")
    if version is not None and version != MANIFEST_VERSION:
        reader.wrong("schema_version", f"{shown(version)} is not read by this engine", f"it reads {MANIFEST_VERSION}")
