"""Plugins from bundles: installed side by side by version, updated, rolled back; and the bundle of a plugin's folder, made."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness_core.domain.bundles import Activations, activated, rolled_back
from harness_core.domain.errors import Conflict, HarnessError, NotFound, Unhealthy, UsageError
from harness_core.domain.plans import engine_problems
from harness_core.domain.plugins import Plugin
from harness_core.domain.suggestions import did_you_mean
from harness_core.ports.bundles import Bundles
from harness_core.ports.catalog import Catalog
from harness_core.services.exporting import check_target


@dataclass(frozen=True)
class Change:
    """Which version is active now, and which one was before (empty where none was). ``is_new``: it was not installed yet."""

    plugin: Plugin
    before: str
    versions: Sequence[str]
    is_new: bool

    def as_dict(self) -> dict[str, Any]:
        return {
            "plugin_id": str(self.plugin.id), "version": self.plugin.manifest.version, "before": self.before or None,
            "versions": list(self.versions), "is_new": self.is_new, "code_hash": self.plugin.code_hash,
            "folder": str(self.plugin.folder), "capabilities": list(self.plugin.manifest.capabilities),
        }  # fmt: skip


class Bundling:
    """Changes what is installed, for runs submitted from now on; each change is whole or not there, whenever the process dies."""

    def __init__(self, bundles: Bundles, catalog: Catalog, engine_version: str) -> None:
        self._bundles, self._catalog, self._engine_version = bundles, catalog, engine_version

    def install(self, bundle: Path) -> Change:
        """Install a bundle and make its version the active one.

        Raises InputRefused, Tampered, UsageError or Conflict for a bundle that is refused, with nothing changed.
        """
        return self._install(bundle, update=False)

    def update(self, bundle: Path) -> Change:
        """Install another version of a plugin that is installed. Raises as :meth:`install`; NotFound where it is not installed."""
        return self._install(bundle, update=True)

    def _install(self, bundle: Path, *, update: bool) -> Change:
        if not bundle.is_file():
            raise NotFound("no_such_bundle", f"There is no file {bundle}.", next_step="Give the path of a bundle, a ZIP file.")
        try:
            with self._bundles.changing(), self._bundles.unpacked(bundle) as folder:
                plugin = self._fit(folder, "this bundle")
                active = self._active(plugin.id)
                self._check_id(plugin, active, update=update)
                return self._activate(folder, plugin, active)
        except OSError as reason:
            raise _not_written(reason) from reason

    def _fit(self, folder: Path, what: str) -> Plugin:
        """The plugin in ``folder``; raises UsageError with everything that is wrong with it."""
        plugin, problems = self._bundles.read(folder)
        problems = [*problems, *(engine_problems({plugin.id: plugin}, self._engine_version) if plugin else ())]
        if plugin is not None and not problems:
            return plugin
        inside = [replace(problem, where=problem.where.removeprefix(f"{folder}/")) for problem in problems]
        raise UsageError("invalid_plugin", f"The plugin in {what} cannot be used.", why=f"{inside[0]}.", problems=inside,
                         next_step="Correct its folder, see `harness plugins validate FOLDER`, and pack it again.")  # fmt: skip

    def _check_id(self, plugin: Plugin, active: str, *, update: bool) -> None:
        """Nothing takes the place of a plugin of the product or of the plugin path, and an update is of something else."""
        self._catalog.refresh()
        there = self._catalog.plugins().get(plugin.id)
        if there is not None and there.source != "bundle":
            owner = "one of the product's own plugins" if there.source == "product" else f"a plugin in {there.folder} already"
            raise Conflict("id_taken", f"{plugin.id} is {owner}.", why="A bundle cannot take its place.",
                           next_step="Give the plugin another id, and pack it again.")  # fmt: skip
        if update and not active:
            raise NotFound("not_installed", f"No bundle of {plugin.id} is installed, so there is nothing to update.",
                           why=_nearest(plugin.id, self._bundles.record()),
                           next_step="Install it with `harness plugins install`.")  # fmt: skip
        if update and active == plugin.manifest.version:
            raise Conflict("same_version", f"{plugin.id} {active} is the active version already.",
                           next_step="Give another version in plugin.yaml, and pack it again.")  # fmt: skip

    def _activate(self, folder: Path, plugin: Plugin, active: str) -> Change:
        version = plugin.manifest.version
        is_new = version not in self._bundles.versions(plugin.id)
        if is_new:
            self._bundles.publish(folder, plugin.id, version)
        elif (there := self._bundles.read(self._bundles.installed(plugin.id, version))[0]) is None or (
            there.code_hash != plugin.code_hash
        ):
            raise Conflict("version_taken", f"{plugin.id} {version} is installed with other bytes.",
                           why="One version is always the same code: fingerprints and a rollback rely on it.",
                           next_step="Give the plugin another version, and pack it again.")  # fmt: skip
        self._bundles.write(activated(self._bundles.record(), plugin.id, version))
        return self._changed(plugin, active, is_new=is_new)

    def roll_back(self, plugin_id: str, version: str | None = None) -> Change:
        """Make the version before the active one active again, or ``version``. Raises NotFound, Conflict or UsageError."""
        try:
            with self._bundles.changing():
                active = self._active(plugin_id)
                wanted = self._earlier(plugin_id, active, version)
                plugin = self._fit(self._bundles.installed(plugin_id, wanted), f"{plugin_id} {wanted}")
                self._bundles.write(rolled_back(self._bundles.record(), plugin_id, wanted))
                return self._changed(plugin, active, is_new=False)
        except OSError as reason:
            raise _not_written(reason) from reason

    def _earlier(self, plugin_id: str, active: str, version: str | None) -> str:
        record = self._bundles.record()
        if not active:
            raise NotFound("not_installed", f"No bundle of {plugin_id} is installed.", why=_nearest(plugin_id, record),
                           next_step="Only what was installed from a bundle is rolled back.")  # fmt: skip
        there = self._bundles.versions(plugin_id)
        if version is None and len(record[plugin_id]) > 1:
            return record[plugin_id][-2]
        if version is None:
            raise Conflict("never_updated", f"No version of {plugin_id} was active before {active}.",
                           why=f"Installed: {', '.join(there)}.", next_step="Name an installed version with --to.")  # fmt: skip
        if version not in there:
            raise NotFound("no_such_version", f"{plugin_id} {version} is not installed.", why=f"Installed: {', '.join(there)}.",
                           next_step="Name one of these with --to, or install its bundle.")  # fmt: skip
        return version

    def _active(self, plugin_id: str) -> str:
        """The active version; empty where none is installed."""
        return next(iter(reversed(self._bundles.record().get(plugin_id, ()))), "")

    def _changed(self, plugin: Plugin, before: str, *, is_new: bool) -> Change:
        folder = self._bundles.installed(plugin.id, plugin.manifest.version)
        versions = self._bundles.versions(plugin.id)
        self._catalog.refresh()
        return Change(replace(plugin, folder=folder), before, versions, is_new)

    def pack(self, folder: Path, target: Path | None) -> tuple[Path, str, int]:
        """Write the bundle of a plugin's folder; returns the file, its SHA-256 and its size. The same bytes every time."""
        plugin = self._fit(folder, str(folder))
        path = target or Path(f"{plugin.id}-{plugin.manifest.version}.zip").absolute()
        check_target(path)
        try:
            return (path, *self._bundles.pack(plugin, path))
        except OSError as reason:
            raise _not_written(reason) from reason


def _nearest(plugin_id: str, record: Activations) -> str:
    """What is installed and most like it, as a sentence."""
    remedy = did_you_mean(plugin_id, record)
    return remedy[:1].upper() + remedy[1:] + ("." if remedy and not remedy.endswith("?") else "")


def _not_written(reason: OSError) -> HarnessError:
    return Unhealthy("not_written", "Nothing could be written there.", why=f"{reason.strerror or reason}.",
                     next_step="Make room on that disk, or check your rights to it; then try again.")  # fmt: skip
