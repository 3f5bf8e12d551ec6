"""The state folder: where each thing is kept, and whether the place is fit to keep it."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from harness_core.domain.errors import Unhealthy, UsageError
from harness_core.domain.plugins import PluginId
from harness_core.domain.runs import DatasetVersionId, RunId

FOLDERS = ("blobs", "quarantine", "datasets", "runs", "scratch", "plugins", "backups")
UNFIT_FILESYSTEMS = {"9p": "a Windows drive under WSL", "drvfs": "a Windows drive under WSL", "v9fs": "a Windows drive under WSL",
                     "nfs": "a network drive", "nfs4": "a network drive", "cifs": "a network drive", "smb3": "a network drive",
                     "fuse.sshfs": "a network drive"}  # fmt: skip
STAGED = ".staged"


@dataclass(frozen=True)
class Home:
    """The layout below the state folder."""

    root: Path

    def run(self, run_id: RunId) -> Path:
        return self.root / "runs" / run_id

    def plugin(self, run_id: RunId, plugin_id: PluginId | str) -> Path:
        return self.run(run_id) / "plugins" / plugin_id

    def staged(self, run_id: RunId, plugin_id: PluginId, fence: int) -> Path:
        """Where an attempt's files stand until its commit: nobody reads them there."""
        return self.run(run_id) / STAGED / f"{plugin_id}.{fence}"

    def dataset(self, dataset_version_id: DatasetVersionId | str) -> Path:
        return self.root / "datasets" / dataset_version_id

    def scratch(self, name: str) -> Path:
        return self.root / "scratch" / name

    @property
    def bundles(self) -> Path:
        return self.root / "plugins"

    @property
    def grants(self) -> Path:
        """The operator's grants to plugins; not there until the first one."""
        return self.root / "grants.json"

    @property
    def backups(self) -> Path:
        return self.root / "backups"

    def make(self) -> None:
        """Create the folders; raises a HarnessError with the remedy where that cannot work.

        A new or empty folder becomes its owner's alone; one that holds something keeps its mode, because it may be ``/tmp``.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            if not any(self.root.iterdir()):
                self.root.chmod(0o700)
            self.check_filesystem()
            for name in FOLDERS:
                (self.root / name).mkdir(exist_ok=True)
        except OSError as reason:
            raise UsageError(
                "home_unusable", f"The state folder {self.root} cannot be used.", why=f"{reason.strerror or reason}.",
                next_step="Set HARNESS_HOME (or --home) to a folder you may write to.",
            ) from reason  # fmt: skip

    def check_filesystem(self) -> None:
        """SQLite's locks are not reliable on Windows mounts and network drives: refuse them."""
        kind = filesystem_of(self.root)
        if kind in UNFIT_FILESYSTEMS:
            raise Unhealthy(
                "home_on_unfit_filesystem", f"The state folder {self.root} lies on {UNFIT_FILESYSTEMS[kind]} ({kind}).",
                why="SQLite cannot lock files there reliably, so that a run could be damaged.",
                next_step="Set HARNESS_HOME to a folder on a Linux file system, for instance ~/.local/share/statistic-harness.",
            )  # fmt: skip

    def free_bytes(self) -> int:
        return shutil.disk_usage(self.root).free


def filesystem_of(path: Path, mounts: Path = Path("/proc/self/mounts")) -> str:
    """The type of the file system that holds ``path``; "unknown" where the system does not say."""
    try:
        table = [line.split(" ") for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines()]
    except OSError:
        return "unknown"
    here = os.path.realpath(path)
    best, kind = "", "unknown"
    for _, mount, type_, *_ in table:
        folder = mount.replace("\\040", " ").rstrip("/")
        if (here == folder or here.startswith(folder + "/")) and len(folder) >= len(best):
            best, kind = folder, type_
    return kind
