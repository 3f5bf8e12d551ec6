"""What is installed below ``<home>/plugins``: folders ``<id>/<version>``, and the record of which versions are active."""

import json
from pathlib import Path

from harness_core.domain.bundles import MANIFEST, Activations, in_order
from harness_core.domain.manifests import ID, SEMVER

RECORD = "active.json"
SCHEMA_VERSION = "bundles.v1"


def read_record(root: Path) -> Activations:
    """The record below ``root``; empty where nothing was ever installed. Raises OSError, and ValueError for a damaged one."""
    try:
        raw = json.loads((root / RECORD).read_bytes())
    except FileNotFoundError:
        return {}
    if not isinstance(raw, dict) or raw.get("schema_version") != SCHEMA_VERSION or not isinstance(raw.get("plugins"), dict):
        raise ValueError("it does not hold what a record of bundles holds")
    for plugin_id, versions in raw["plugins"].items():
        sound = isinstance(versions, list) and versions and all(isinstance(name, str) and SEMVER.match(name) for name in versions)
        if not ID.match(plugin_id) or not sound:
            raise ValueError(f"what it says of {plugin_id[:64]!r} is no list of versions")
    return {plugin_id: list(versions) for plugin_id, versions in raw["plugins"].items()}


def active_folders(root: Path) -> list[Path]:
    """The folder of the active version of each installed plugin, by id. Raises as :func:`read_record` does."""
    return [root / plugin_id / versions[-1] for plugin_id, versions in sorted(read_record(root).items())]


def installed_versions(root: Path, plugin_id: str) -> tuple[str, ...]:
    """Every version of a plugin that is installed, the oldest first."""
    return in_order(folder.parent.name for folder in (root / plugin_id).glob(f"*/{MANIFEST}") if SEMVER.match(folder.parent.name))
