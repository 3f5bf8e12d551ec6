"""What is kept on disk for runs and dataset versions: staged by attempts, published after their commit, whole or not there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from harness_core.domain.datasets import DatasetVersion
from harness_core.domain.plugins import PluginId
from harness_core.domain.runs import Artifact, RunId


class RefusedFile(Exception):
    """A guest declared a file that cannot be taken: a link, a pipe, outside its folder, too large, or not there."""


@dataclass(frozen=True)
class Stage:
    """The folder an attempt fills; it becomes the plugin's folder of the run when that attempt is the one that committed."""

    run_id: RunId
    plugin_id: PluginId
    fence: int
    folder: Path

    @property
    def stdout(self) -> Path:
        return self.folder / "stdout.log"

    @property
    def stderr(self) -> Path:
        return self.folder / "stderr.log"


class Store(Protocol):
    """Every write is durable when it returns."""

    def scratch(self, name: str) -> Path:
        """A fresh, empty folder for a guest, held by this process until :meth:`drop_scratch`."""

    def drop_scratch(self, name: str) -> None: ...

    def drop_abandoned(self) -> int:
        """Remove every scratch folder that no living process holds; returns how many."""

    def hold(self, name: str, waits: Callable[[], bool]) -> bool:
        """Be the only one on this machine who holds ``name``, until :meth:`let_go` or this process dies.

        While another has it, ``waits`` is asked several times a second; False gives up, and then False is returned.
        """

    def let_go(self, name: str) -> None: ...

    def stage(self, run_id: RunId, plugin_id: PluginId, fence: int) -> Stage:
        """A fresh staging folder."""

    def drop_stage(self, stage: Stage) -> None: ...

    def harvest(self, scratch: Path, declared: Sequence[Mapping[str, Any]], stage: Stage) -> Sequence[Artifact]:
        """Move the declared artifacts of a guest that has ended into the stage, hashed. Raises RefusedFile."""

    def write_output(self, stage: Stage, output: bytes) -> Sequence[Artifact]:
        """Write ``output.json`` and make the whole stage durable; returns it and the logs as artifacts."""

    def reuse(self, source: Path, artifacts: Sequence[Artifact], stage: Stage) -> Sequence[Artifact]:
        """Fill the stage from an earlier execution's folder; raises RefusedFile where a byte differs from the record."""

    def publish(self, run_id: RunId, plugin_id: PluginId, fence: int) -> Path:
        """Make the committed stage the plugin's folder of the run; doing it again changes nothing."""

    def plugin_folder(self, run_id: RunId, plugin_id: PluginId) -> Path: ...

    def run_folder(self, run_id: RunId) -> Path: ...

    def write_run_file(self, run_id: RunId, name: str, data: bytes, media_type: str, plugin_id: str = "") -> Artifact:
        """Write a file at the top of the run's folder, atomically."""

    def stages(self, run_id: RunId) -> Sequence[Path]:
        """The stages of the run that are there: of attempts at work, committed and not yet published, or left by the dead."""

    def drop_half_written(self, run_id: RunId, stages: Sequence[Path] = ()) -> None:
        """Remove what a writer that died left at the top of the run's folder, and these of its stages."""

    def parquet_facts(self, scratch: Path, index: int) -> tuple[str, int]:
        """SHA-256 and size of the dataset a guest wrote as its ``index``-th. Raises RefusedFile."""

    def keep_dataset(self, scratch: Path, index: int, version: DatasetVersion) -> None:
        """Move a dataset into its place with its ``schema.json``; one that is there already stays."""

    def drop_dataset(self, dataset_version_id: str) -> None: ...

    def dataset_folder(self, dataset_version_id: str) -> Path:
        """Raises NotFound."""

    def read_json(self, path: Path) -> Any:
        """Read one of our own JSON files; raises Tampered when it is not there or not JSON."""

    def sha256_of(self, path: Path) -> str: ...

    def free_bytes(self) -> int: ...
