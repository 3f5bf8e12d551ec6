"""Where plugins come from."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from harness_core.domain.errors import Problem
from harness_core.domain.grants import Decisions
from harness_core.domain.plugins import Plugin, PluginId


class Catalog(Protocol):
    """All plugins that can be found, valid and not. Cheap to ask again: folders are read once and watched for change."""

    def plugins(self) -> Mapping[PluginId, Plugin]:
        """The valid plugins by id, in sorted order."""

    def planned(self, code: Mapping[PluginId, str]) -> Mapping[PluginId, Plugin]:
        """The plugins that a run was planned with, by their code hashes, as far as they can be found.

        Each with the code of then where that version is installed still; otherwise as it is now, with another hash.
        """

    def problems(self) -> Mapping[str, Sequence[Problem]]:
        """For each invalid plugin folder (by its path), everything that is wrong with it."""

    def refresh(self) -> None:
        """Look again now, however recently that was done."""


class Grants(Protocol):
    """The operator's decisions on what plugins ask for, and on whether they run."""

    def decisions(self) -> Decisions:
        """As they are now. Raises Unhealthy where they cannot be read."""

    def write(self, decisions: Decisions) -> None:
        """Replace them all; on disk when this returns."""
