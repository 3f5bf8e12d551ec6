"""The parts that several commands need without all the rest: where the product's folders stand, plugins, guests, surroundings."""

from pathlib import Path
from typing import Any

from harness_core.adapters.catalog.folders import FolderCatalog
from harness_core.adapters.db.migrate import HEAD
from harness_core.adapters.environment import engine_facts, system
from harness_core.adapters.grants import GrantsFile
from harness_core.adapters.home import Home
from harness_core.adapters.wall.launcher import ProcessLauncher
from harness_core.settings import NAMES, Settings


def launcher_of(settings: Settings, *, warm: bool = False) -> ProcessLauncher:
    """What runs guests, as the operator wants it."""
    return ProcessLauncher(
        warm=warm, max_scratch_bytes=settings.scratch_mb * 1024**2,
        allow_unwalled=settings.allow_unwalled, allow_network=settings.allow_network,
    )  # fmt: skip


def open_catalog(settings: Settings) -> FolderCatalog:
    """The product's own plugins, then those on the plugin path, then installed bundles."""
    return FolderCatalog(
        [
            (product_folder("plugins"), "product"),
            *((folder, "path") for folder in settings.plugin_path),
            (settings.home / "plugins", "bundle"),
        ]
    )


def open_grants(settings: Settings) -> GrantsFile:
    return GrantsFile(Home(settings.home).grants)


def product_folder(name: str) -> Path:
    """``plugins``, ``migrations``, ``ui_static`` or ``docs``: within the wheel, or at the top of a checkout."""
    package = Path(__file__).resolve().parent.parent
    bundled = package / "_bundled" / name
    return bundled if bundled.is_dir() else package.parent / name


def surroundings(settings: Settings, launcher: ProcessLauncher) -> dict[str, Any]:
    """Everything around a run as it is now, for diagnostics."""
    return {
        "environment": environment(launcher),
        "settings": {name: {"value": getattr(settings, name), "source": settings.sources.get(name)} for name in NAMES},
        "unknown_variables": [problem.as_dict() for problem in settings.warnings],
        "free_bytes": Home(settings.home).free_bytes(),
        "schema": HEAD,
    }


def environment(launcher: ProcessLauncher) -> dict[str, Any]:
    """Where a run happened, for its manifest, and how strong the wall around its plugins was."""
    wall = launcher.level
    shown = {"level": wall.level, "controls": list(wall.controls), "residuals": [item.name for item in wall.residuals]}
    return {**system(engine_facts()), "wall": shown}
