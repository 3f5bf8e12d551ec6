"""Plugins found in folders: read once, watched for change, and never imported.

A root holds one folder per plugin, or is itself the folder of one. Roots are given strongest first: an id that exists already
is refused where it comes again, so nothing on a search path can stand in for a plugin of the product.
"""

import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from harness_core.adapters.catalog.installed import RECORD, active_folders, installed_versions
from harness_core.adapters.catalog.plugin_files import (
    FolderFiles,
    Signature,
    is_settled,
    read_text,
    scan,
    sha256_of_files,
    unreadable,
)
from harness_core.domain.errors import Problem
from harness_core.domain.field_reader import kind_of
from harness_core.domain.manifests import parse_manifest
from harness_core.domain.plugins import Manifest, Plugin, PluginId
from harness_core.domain.schemas import schema_problems, secrets_by_default, validate
from harness_core.domain.suggestions import did_you_mean, shown
from harness_core.domain.yaml_documents import read_yaml
from harness_core.sdk.canonical import NotCanonical, strict_loads
from harness_core.sdk.validation import with_defaults

Source = Literal["product", "path", "bundle"]

MANIFEST = "plugin.yaml"
MISNAMED = ("plugin.yml", "plugin.json", "Plugin.yaml")
DEFAULT_CHECK_INTERVAL_S = 0.5
MAX_READINGS = 3
HEALTH = re.compile(rb"\bhealth\b")


@dataclass(frozen=True)
class _Reading:
    """What one folder held when it looked like ``signature``; None when it may have changed while it was read."""

    signature: Signature | None
    plugin: Plugin | None
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class _Snapshot:
    plugins: Mapping[PluginId, Plugin]
    problems: Mapping[str, tuple[Problem, ...]]
    checked_at_s: float


class FolderCatalog:
    """Fulfils ``ports.catalog.Catalog`` for folders on disk. Safe to use from several threads.

    ``monotonic_s`` and ``wall_ns`` are the clocks; folders are looked at again at most every ``check_interval_s``, and read again
    only where a file's name, size, inode or times are others.
    """

    def __init__(
        self,
        roots: Sequence[tuple[Path, Source]],
        *,
        check_interval_s: float = DEFAULT_CHECK_INTERVAL_S,
        monotonic_s: Callable[[], float] = time.monotonic,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._roots = tuple((Path(root), source) for root, source in roots)
        self._interval_s, self._monotonic_s, self._wall_ns = check_interval_s, monotonic_s, wall_ns
        self._lock = threading.Lock()
        self._readings: dict[Path, _Reading] = {}
        self._snapshot: _Snapshot | None = None

    def plugins(self) -> Mapping[PluginId, Plugin]:
        return self._current().plugins

    def planned(self, code: Mapping[PluginId, str]) -> Mapping[PluginId, Plugin]:
        there = self.plugins()
        return {name: _with_code(there[name], code_hash) for name, code_hash in sorted(code.items()) if name in there}

    def problems(self) -> Mapping[str, Sequence[Problem]]:
        return self._current().problems

    def refresh(self) -> None:
        """Look at the folders now, however recently that was done; a submit calls this, so that it never plans with old code."""
        with self._lock:
            self._snapshot = self._look()

    def _current(self) -> _Snapshot:
        with self._lock:
            now_s = self._monotonic_s()
            if self._snapshot is None or now_s - self._snapshot.checked_at_s >= self._interval_s:
                self._snapshot = self._look()
            return self._snapshot

    def _look(self) -> _Snapshot:
        plugins: dict[PluginId, Plugin] = {}
        problems: dict[str, tuple[Problem, ...]] = {}
        readings: dict[Path, _Reading] = {}
        for root, source in self._roots:
            folders, refused = _folders(root, source)
            problems.update({str(root): (refused,)} if refused else {})
            for folder in folders:
                if folder in readings:  # the same root named twice
                    continue
                reading = readings[folder] = self._read(folder, source)
                found = [*reading.problems, *_clash(reading.plugin, plugins)]
                if found:
                    problems[str(folder)] = tuple(found)
                elif reading.plugin is not None:
                    plugins[reading.plugin.id] = _with_versions(reading.plugin, root)
        self._readings = readings
        ordered = {plugin_id: plugins[plugin_id] for plugin_id in sorted(plugins)}
        return _Snapshot(MappingProxyType(ordered), MappingProxyType(dict(sorted(problems.items()))), self._monotonic_s())

    def _read(self, folder: Path, source: Source) -> _Reading:
        known, files = self._readings.get(folder), scan(folder)
        if known is not None and known.signature == files.signature:
            return known
        for _ in range(MAX_READINGS):
            now_ns = self._wall_ns()
            plugin, problems = read_plugin(folder, source, files)
            before, files = files, scan(folder)
            if files.signature == before.signature:
                return _Reading(files.signature if is_settled(files, now_ns) else None, plugin, tuple(problems))
        return _Reading(
            None, None, (Problem(str(folder), "", "its files change while they are read", "wait until they are written"),)
        )


def read_plugin(folder: Path, source: Source, files: FolderFiles | None = None) -> tuple[Plugin | None, list[Problem]]:
    """The plugin in ``folder``, or everything that is wrong with it."""
    files = files or scan(folder)
    if files.problems:
        return None, list(files.problems)
    text, problems = read_text(folder, MANIFEST, files)
    if text is None:
        return None, problems
    manifest, problems = _manifest(text, folder, source)
    if manifest is None:
        return None, problems
    config, config_problems = _schema(folder, manifest.config_schema, files)
    output, output_problems = _schema(folder, manifest.output_schema, files)
    problems = [*_entry_file(folder, manifest, files), *config_problems, *output_problems]
    if not config_problems:
        problems += _default_problems(config, str(folder / manifest.config_schema))
    try:
        hashes = sha256_of_files(folder, files)
        may_have_health = manifest.module in files.names and bool(HEALTH.search((folder / manifest.module).read_bytes()))
    except OSError as reason:
        return None, [*problems, unreadable(Path(reason.filename or folder), reason)]
    if problems:
        return None, problems
    plugin = Plugin(
        manifest=manifest,
        folder=folder,
        code_hash=hashes.folder,
        manifest_hash=hashes.files[MANIFEST],
        config_schema=config,
        output_schema=output,
        config_schema_hash=hashes.files[manifest.config_schema],
        output_schema_hash=hashes.files[manifest.output_schema],
        source=source,
        may_have_health=may_have_health,
    )
    return plugin, []


def _with_code(plugin: Plugin, code_hash: str) -> Plugin:
    """The installed version of ``plugin`` with that code, or itself where there is none."""
    if plugin.code_hash == code_hash:
        return plugin
    others = (read_plugin(plugin.folder.parent / version, "bundle")[0] for version in reversed(plugin.versions))
    found = next((other for other in others if other is not None and other.code_hash == code_hash), None)
    return replace(found, versions=plugin.versions) if found else plugin


def _with_versions(plugin: Plugin, root: Path) -> Plugin:
    """An installed bundle with the versions that stand beside it; read anew each time, because others come and go."""
    is_installed = plugin.source == "bundle" and plugin.folder.parent.parent == root
    return replace(plugin, versions=installed_versions(root, plugin.id)) if is_installed else plugin


def _folders(root: Path, source: Source) -> tuple[list[Path], Problem | None]:
    """The folders in a root that hold a manifest, sorted by name; the root itself when it does. Of bundles, the active versions."""
    if (root / MANIFEST).is_file():
        return [root], None
    try:
        found = [entry for entry in sorted(root.iterdir()) if not entry.name.startswith(".") and _is_candidate(entry)]
        found += active_folders(root) if source == "bundle" else []
    except ValueError as reason:
        return [], Problem(
            str(root / RECORD), "", f"cannot be read: {reason}", "put it back from a backup, or install the bundles again"
        )
    except OSError as reason:
        missing_is_fine = source != "path" and isinstance(reason, FileNotFoundError)
        why = f"cannot be searched for plugins: {reason.strerror or reason}"
        return [], None if missing_is_fine else Problem(str(root), "", why, "correct HARNESS_PLUGIN_PATH")
    return found, None


def _is_candidate(entry: Path) -> bool:
    return (entry / MANIFEST).exists() or any((entry / name).exists() for name in MISNAMED)


def _clash(plugin: Plugin | None, plugins: Mapping[PluginId, Plugin]) -> list[Problem]:
    first = plugins.get(plugin.id) if plugin else None
    if plugin is None or first is None:
        return []
    reason = f"{plugin.id} is in {first.folder} already, which comes first and is the one that runs"
    return [
        Problem(str(plugin.folder / MANIFEST), "id", reason, f"rename this plugin and its folder {plugin.folder}, or take one away")
    ]


def _manifest(text: str, folder: Path, source: Source) -> tuple[Manifest | None, list[Problem]]:
    where = str(folder / MANIFEST)
    document, problems = read_yaml(text, where)
    if document is None:
        return None, problems
    # A bundle's folder is named by its installer, after id and version; everywhere else the folder has the plugin's name.
    manifest, problems = parse_manifest(document.value, where, folder_name=None if source == "bundle" else folder.name)
    lines = [document.line_of(problem.field) for problem in problems]
    placed = [
        Problem(f"{problem.where}:{line}" if line else problem.where, problem.field, problem.reason, problem.remedy)
        for problem, line in zip(problems, lines, strict=True)
    ]
    return manifest, placed


def _entry_file(folder: Path, manifest: Manifest, files: FolderFiles) -> list[Problem]:
    if manifest.module in files.names:
        return []
    modules = [name for name in files.names if name.endswith(".py")]
    reason = f"{shown(manifest.module)} is not in the folder"
    return [Problem(str(folder / MANIFEST), "entrypoint", reason, did_you_mean(manifest.module, modules) or "put the code there")]


def _schema(folder: Path, name: str, files: FolderFiles) -> tuple[dict[str, Any], list[Problem]]:
    text, problems = read_text(folder, name, files)
    if text is None:
        return {}, problems
    where = str(folder / name)
    try:
        schema = strict_loads(text.encode("utf-8"))
    except NotCanonical as reason:
        return {}, [Problem(where, "", f"this is no JSON: {reason}", "check commas, quotes and braces there")]
    if not isinstance(schema, dict):
        return {}, [Problem(where, "", f"a schema is an object, and this is {kind_of(schema)}", 'begin with {"type": "object"}')]
    return schema, schema_problems(schema, where)


def _default_problems(schema: Mapping[str, Any], where: str) -> list[Problem]:
    """Defaults that their own schema would refuse. A required setting without a default is no mistake: it has to be given.

    A plugin's author may not reach for the environment of whoever runs it: a secret is given, never taken.
    """
    found = validate(schema, with_defaults(schema, {}), where, secrets=True)
    return [
        Problem(
            where,
            "",
            f"a default refers to the environment variable {name}",
            "leave the default out: who runs the plugin refers to a secret in the settings of the run or in a preset",
        )
        for name in sorted(set(secrets_by_default(schema)))
    ] + [
        Problem(where, problem.field, f"the default breaks its own schema: {problem.reason}", problem.remedy)
        for problem in found
        if problem.reason != "missing"
    ]
