"""Where installed bundles are kept: side by side by version, with a record of which ones are active."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from harness_core.domain.bundles import Activations
from harness_core.domain.errors import Problem
from harness_core.domain.plugins import Plugin


class Bundles(Protocol):
    """A version is installed whole or not at all, whenever the process dies; the record names only what is installed."""

    def changing(self) -> AbstractContextManager[None]:
        """Hold the bundles alone; what an install that died has left is gone."""

    def unpacked(self, bundle: Path) -> AbstractContextManager[Path]:
        """A folder with the plugin's files, every hash checked; gone afterwards unless published.

        Raises InputRefused for what is no bundle or unsafe to unpack, Tampered where a file differs from its hash.
        """

    def read(self, folder: Path) -> tuple[Plugin | None, Sequence[Problem]]:
        """The plugin in a folder, or everything that is wrong with it."""

    def installed(self, plugin_id: str, version: str) -> Path:
        """Where that version stands, or would."""

    def versions(self, plugin_id: str) -> Sequence[str]:
        """Every installed version, the oldest first."""

    def publish(self, folder: Path, plugin_id: str, version: str) -> None:
        """Move an unpacked folder to its place, on disk when this returns. Raises OSError."""

    def record(self) -> Activations:
        """Raises Unhealthy where it cannot be read."""

    def write(self, record: Activations) -> None:
        """Replace the record; on disk when this returns."""

    def pack(self, plugin: Plugin, target: Path) -> tuple[str, int]:
        """Write the bundle of a plugin's folder, the same bytes every time; returns SHA-256 and size."""
