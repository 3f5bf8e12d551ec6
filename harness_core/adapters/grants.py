"""The operator's grants, and which plugins are disabled, in one file of the state folder.

It is read anew each time, because another process may have changed it.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness_core.adapters.files import make_folder, write_atomically
from harness_core.domain.errors import Unhealthy
from harness_core.domain.grants import ENABLED, Decisions
from harness_core.domain.manifests import CAPABILITIES
from harness_core.sdk.canonical import canonical_bytes

SCHEMA_VERSION = "grants.v1"


class GrantsFile:
    """``grants.json``. A file that is not there grants nothing; one that cannot be read is an error, never a grant."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def decisions(self) -> Decisions:
        """Raises Unhealthy where the file is damaged."""
        try:
            raw = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as reason:
            raise self._unreadable(str(reason)) from reason
        if not _is_sound(raw):
            raise self._unreadable("It does not hold what a file of grants holds.")
        return {plugin_id: dict(entry) for plugin_id, entry in raw["plugins"].items()}

    def write(self, decisions: Decisions) -> None:
        document = {"schema_version": SCHEMA_VERSION, "plugins": {name: dict(entry) for name, entry in decisions.items()}}
        make_folder(self._path.parent)
        write_atomically(self._path, canonical_bytes(document))

    def _unreadable(self, why: str) -> Unhealthy:
        return Unhealthy("grants_unreadable", f"The grants in {self._path} cannot be read.", why=why,
                         next_step="Correct the file, or delete it to have nothing granted.")  # fmt: skip


def _is_sound(raw: Any) -> bool:
    if not isinstance(raw, Mapping) or raw.get("schema_version") != SCHEMA_VERSION or not isinstance(raw.get("plugins"), Mapping):
        return False
    entries = raw["plugins"].values()
    return all(
        isinstance(entry, Mapping)
        and all((name in CAPABILITIES or name == ENABLED) and isinstance(value, bool) for name, value in entry.items())
        for entry in entries
    )
