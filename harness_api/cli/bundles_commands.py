"""`harness plugins install`, `update`, `rollback` and `pack`: plugins from bundles, side by side by version."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness_api.cli.exits import Exit
from harness_api.cli.plugins_commands import PluginArgument
from harness_api.cli.session import Session

if TYPE_CHECKING:
    from harness_core.services.bundles import Change

BundleArgument = Annotated[Path, typer.Argument(metavar="BUNDLE.zip", help="A bundle, as `harness plugins pack` makes them.")]
SourceArgument = Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of a plugin.")]
OutOption = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Where to write it; ID-VERSION.zip otherwise.")]
ToOption = Annotated[
    str | None, typer.Option("--to", metavar="VERSION", help="An installed version; the one active before otherwise.")
]


def install_bundle(session: Session, bundle: BundleArgument) -> Exit:
    """Install a plugin from a bundle, beside its other versions, and make this version the active one.

    Every file must be listed with its SHA-256 in the bundle's SHA256SUMS. Nothing of the plugin runs while it is installed.
    """
    from harness_core.bootstrap import open_bundling

    return _told(session, open_bundling(session.settings).install(bundle.absolute()))


def update_bundle(session: Session, bundle: BundleArgument) -> Exit:
    """Install another version of an installed plugin and make it the active one; the version before stays for a rollback."""
    from harness_core.bootstrap import open_bundling

    return _told(session, open_bundling(session.settings).update(bundle.absolute()))


def roll_back(session: Session, plugin: PluginArgument, to: ToOption = None) -> Exit:
    """Make the version that was active before the active one again; its fingerprints, and so its results, are those of before."""
    from harness_core.bootstrap import open_bundling

    return _told(session, open_bundling(session.settings).roll_back(plugin, to))


def _told(session: Session, change: "Change") -> Exit:
    plugin = change.plugin
    before = f", before: {change.before}" if change.before not in ("", plugin.manifest.version) else ""
    session.console.document = change.as_dict()
    installed = ", ".join(change.versions)
    session.console.result(
        f"{plugin.id} {plugin.manifest.version} is active for runs submitted from now on{before} (installed: {installed})."
    )
    if plugin.manifest.capabilities:
        session.console.note(f"It asks for {', '.join(plugin.manifest.capabilities)}: see `harness plugins show {plugin.id}`.")
    if change.is_new:
        session.console.note(f"Next: `harness plugins validate {plugin.id}` tries it behind the wall.")
    return Exit.OK


def pack_folder(session: Session, folder: SourceArgument, out: OutOption = None) -> Exit:
    """Make a bundle of a plugin's folder: a ZIP file with its files and their SHA-256; the same folder gives the same bytes."""
    from harness_core.bootstrap import open_bundling

    path, sha256, size = open_bundling(session.settings).pack(folder.absolute(), out.absolute() if out else None)
    session.console.document = {"path": str(path), "sha256": sha256, "size_bytes": size}
    session.console.result(f"Bundle: {path} ({size:,} bytes)\nSHA-256: {sha256}")
    return Exit.OK
