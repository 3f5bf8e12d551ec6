"""Installed bundles on disk: unpacked beside their place, moved there by one rename, and a record of which ones are active.

A process that dies leaves a staged folder, which the next change removes, or an installed version that nobody uses yet.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from harness_core.adapters.bundle_zips import unpack
from harness_core.adapters.catalog.folders import read_plugin
from harness_core.adapters.catalog.installed import RECORD, SCHEMA_VERSION, installed_versions, read_record
from harness_core.adapters.catalog.plugin_files import scan
from harness_core.adapters.claims import locked
from harness_core.adapters.files import make_folder, remove_tree, replace, sync_folder, write_atomically
from harness_core.adapters.home import STAGED, Home
from harness_core.adapters.packs import Archives
from harness_core.domain.bundles import SUMS, Activations
from harness_core.domain.errors import Problem, Unhealthy
from harness_core.domain.packs import PackFile, checksums
from harness_core.domain.plugins import Plugin
from harness_core.sdk.canonical import canonical_bytes


class FolderBundles:
    """Fulfils :class:`harness_core.ports.bundles.Bundles` below a home folder."""

    def __init__(self, home: Home) -> None:
        self._root = home.bundles

    @contextmanager
    def changing(self) -> Iterator[None]:
        make_folder(self._root)
        with locked(self._root):
            for left in self._root.glob(f"{STAGED}-*"):
                remove_tree(left)
            yield

    @contextmanager
    def unpacked(self, bundle: Path) -> Iterator[Path]:
        folder = Path(tempfile.mkdtemp(prefix=f"{STAGED}-", dir=self._root))
        try:
            folder.chmod(0o755)
            unpack(bundle, folder)
            yield folder
        finally:
            remove_tree(folder)

    def read(self, folder: Path) -> tuple[Plugin | None, Sequence[Problem]]:
        return read_plugin(folder, "bundle")

    def installed(self, plugin_id: str, version: str) -> Path:
        return self._root / plugin_id / version

    def versions(self, plugin_id: str) -> Sequence[str]:
        return installed_versions(self._root, plugin_id)

    def publish(self, folder: Path, plugin_id: str, version: str) -> None:
        make_folder(self._root / plugin_id)
        replace(folder, self.installed(plugin_id, version))
        sync_folder(self._root / plugin_id)

    def record(self) -> Activations:
        try:
            return read_record(self._root)
        except (OSError, ValueError) as reason:
            raise Unhealthy(
                "bundles_unreadable", f"The record of installed bundles in {self._root / RECORD} cannot be read.", why=f"{reason}.",
                next_step="Put it back from a backup; or delete it, and install the bundles again.",
            ) from reason  # fmt: skip

    def write(self, record: Activations) -> None:
        document = {"schema_version": SCHEMA_VERSION, "plugins": {name: list(versions) for name, versions in record.items()}}
        write_atomically(self._root / RECORD, canonical_bytes(document))

    def pack(self, plugin: Plugin, target: Path) -> tuple[str, int]:
        archives = Archives()
        entries = [archives.measured(name, plugin.folder / name) for name in scan(plugin.folder).names if name != SUMS]
        listed = checksums([PackFile(entry.path, entry.sha256, entry.size_bytes, "") for entry in entries])
        return archives.write(target, [*entries, archives.measured(SUMS, listed)])
