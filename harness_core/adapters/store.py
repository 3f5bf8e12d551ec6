"""Runs and dataset versions as folders below the home: staged, synced, and published by rename."""

import json
import os
import re
import shutil
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from harness_core.adapters.claims import claimed, locked
from harness_core.adapters.files import make_folder, remove_tree, sha256_of, sync_file, sync_folder, write_atomically
from harness_core.adapters.home import STAGED, Home
from harness_core.domain.datasets import DatasetVersion
from harness_core.domain.errors import NotFound, Tampered
from harness_core.domain.plugins import PluginId
from harness_core.domain.runs import Artifact, RunId
from harness_core.ports.store import RefusedFile, Stage
from harness_core.sdk.canonical import canonical_bytes

MAX_ARTIFACT_BYTES = 2 * 1024**3
MAX_ARTIFACTS = 1000
LOGS = ("stdout.log", "stderr.log")
LOOK_AGAIN_S = 0.05
MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,60}/[a-z0-9][a-z0-9.+-]{0,80}(; charset=utf-8)?")


class FolderStore:
    """Fulfils :class:`harness_core.ports.store.Store`."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._claims: dict[str, int] = {}

    def scratch(self, name: str) -> Path:
        path = self._home.scratch(name)
        remove_tree(path)
        while not self._claimed(name):  # whoever clears away abandoned folders may take a new one before it is claimed
            pass
        return path

    def hold(self, name: str, waits: Callable[[], bool]) -> bool:
        while not self._claimed(name):
            if not waits():
                return False
            time.sleep(LOOK_AGAIN_S)
        return True

    def let_go(self, name: str) -> None:
        self.drop_scratch(name)

    def _claimed(self, name: str) -> bool:
        """Whether the folder of that name, made where it is not there, is now this process's own."""
        path = self._home.scratch(name)
        path.mkdir(parents=True, exist_ok=True)
        claim = claimed(path)
        if claim is not None:
            self._claims[name] = claim
        return claim is not None

    def drop_scratch(self, name: str) -> None:
        remove_tree(self._home.scratch(name))
        claim = self._claims.pop(name, None)
        if claim is not None:
            os.close(claim)

    def drop_abandoned(self) -> int:
        dropped = 0
        for entry in (self._home.root / "scratch").iterdir():
            claim = claimed(entry)
            if claim is not None:
                remove_tree(entry)
                os.close(claim)
                dropped += 1
        return dropped

    def stage(self, run_id: RunId, plugin_id: PluginId, fence: int) -> Stage:
        folder = self._home.staged(run_id, plugin_id, fence)
        remove_tree(folder)
        (folder / "artifacts").mkdir(parents=True)
        return Stage(run_id, plugin_id, fence, folder)

    def drop_stage(self, stage: Stage) -> None:
        remove_tree(stage.folder)

    def harvest(self, scratch: Path, declared: Sequence[Mapping[str, Any]], stage: Stage) -> Sequence[Artifact]:
        if len(declared) > MAX_ARTIFACTS:
            raise RefusedFile(f"{len(declared):,} artifacts were declared; at most {MAX_ARTIFACTS:,} are taken")
        taken = []
        for entry in declared:
            name = entry.get("name")
            source = checked_file(scratch / "artifacts", name, MAX_ARTIFACT_BYTES)
            target = stage.folder / "artifacts" / str(name)
            target.parent.mkdir(parents=True, exist_ok=True)
            source.replace(target)
            target.chmod(0o644)
            media_type = str(entry.get("media_type"))
            if not MEDIA_TYPE.fullmatch(media_type):
                media_type = "application/octet-stream"
            taken.append(self._artifact(stage, f"artifacts/{name}", media_type))
        return taken

    def write_output(self, stage: Stage, output: bytes) -> Sequence[Artifact]:
        (stage.folder / "output.json").write_bytes(output)
        for name in LOGS:
            (stage.folder / name).touch()
        _sync_all(stage.folder)
        kept = [("output.json", "application/json"), *((name, "text/plain") for name in LOGS)]
        return [self._artifact(stage, name, media_type) for name, media_type in kept]

    def reuse(self, source: Path, artifacts: Sequence[Artifact], stage: Stage) -> Sequence[Artifact]:
        copied = []
        for artifact in artifacts:
            relative = artifact.path.split("/", 2)[2]
            target = stage.folder / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copyfile(source / relative, target)
            except OSError as reason:
                raise RefusedFile(f"{relative} of the earlier execution cannot be read: {reason.strerror}") from reason
            made = self._artifact(stage, relative, artifact.media_type)
            if made.sha256 != artifact.sha256:
                raise RefusedFile(f"{relative} of the earlier execution is not what was recorded")
            copied.append(made)
        _sync_all(stage.folder)
        return copied

    def _artifact(self, stage: Stage, relative: str, media_type: str) -> Artifact:
        path = stage.folder / relative
        full = f"plugins/{stage.plugin_id}/{relative}"
        return Artifact(stage.run_id, stage.plugin_id, full, sha256_of(path), path.stat().st_size, media_type)

    def publish(self, run_id: RunId, plugin_id: PluginId, fence: int) -> Path:
        staged, final = self._home.staged(run_id, plugin_id, fence), self._home.plugin(run_id, plugin_id)
        if not staged.exists():
            return final
        make_folder(final.parent)
        with locked(final.parent):  # the committer and every reader may come at once: only one moves, and only while it is there
            if staged.exists():
                if final.exists():
                    old = staged.with_name(f"{staged.name}.old")
                    remove_tree(old)
                    final.replace(old)
                    remove_tree(old)
                staged.replace(final)
                sync_folder(final.parent)
        self._drop_stale_stages(run_id, plugin_id, fence)
        return final

    def _drop_stale_stages(self, run_id: RunId, plugin_id: PluginId, fence: int) -> None:
        folder = self._home.run(run_id) / STAGED
        with suppress(OSError):
            for entry in folder.iterdir():
                name, _, number = entry.name.rpartition(".")
                if name == plugin_id and number.isdigit() and int(number) < fence:
                    remove_tree(entry)
        with suppress(OSError):
            folder.rmdir()

    def plugin_folder(self, run_id: RunId, plugin_id: PluginId) -> Path:
        return self._home.plugin(run_id, plugin_id)

    def run_folder(self, run_id: RunId) -> Path:
        return self._home.run(run_id)

    def write_run_file(self, run_id: RunId, name: str, data: bytes, media_type: str, plugin_id: str = "") -> Artifact:
        path = self._home.run(run_id) / name
        make_folder(path.parent)
        write_atomically(path, data)
        return Artifact(run_id, plugin_id, name, sha256_of(path), len(data), media_type)

    def stages(self, run_id: RunId) -> Sequence[Path]:
        folder = self._home.run(run_id) / STAGED
        return sorted(folder.iterdir()) if folder.is_dir() else ()

    def drop_half_written(self, run_id: RunId, stages: Sequence[Path] = ()) -> None:
        for stage in stages:
            remove_tree(stage)
        with suppress(OSError):
            (self._home.run(run_id) / STAGED).rmdir()
        with suppress(FileNotFoundError):
            for entry in self._home.run(run_id).iterdir():
                if entry.name.startswith(".") and entry.name != STAGED:
                    remove_tree(entry)

    def parquet_facts(self, scratch: Path, index: int) -> tuple[str, int]:
        path = checked_file(scratch / "datasets", f"{index}/data.parquet", 1 << 62)
        return sha256_of(path), path.stat().st_size

    def keep_dataset(self, scratch: Path, index: int, version: DatasetVersion) -> None:
        final = self._home.dataset(version.dataset_version_id)
        if final.exists():
            return
        source = scratch / "datasets" / str(index)
        parquet = checked_file(source, "data.parquet", 1 << 62)
        parquet.chmod(0o444)
        for entry in source.iterdir():  # whatever else a guest left there, of whatever kind
            if entry.name != "data.parquet":
                remove_tree(entry)
        (source / "schema.json").write_bytes(canonical_bytes(version.facts()))
        _sync_all(source)
        with suppress(FileExistsError, OSError):
            source.replace(final)
        if not final.exists():
            raise RefusedFile("the dataset version could not be moved into its place")
        sync_folder(final.parent)

    def drop_dataset(self, dataset_version_id: str) -> None:
        remove_tree(self._home.dataset(dataset_version_id))

    def dataset_folder(self, dataset_version_id: str) -> Path:
        folder = self._home.dataset(dataset_version_id)
        if not (folder / "data.parquet").exists():
            raise NotFound(
                "dataset_version_gone", f"The data of {dataset_version_id} are no longer kept.",
                next_step="Upload the file again; the same bytes give the same dataset version.",
            )  # fmt: skip
        return folder

    def read_json(self, path: Path) -> Any:
        try:
            return json.loads(path.read_bytes())
        except (OSError, ValueError) as reason:
            raise Tampered("file_unreadable", f"{path.name} is missing or not JSON.", why=str(reason)) from reason

    def sha256_of(self, path: Path) -> str:
        return sha256_of(path)

    def free_bytes(self) -> int:
        return self._home.free_bytes()


def checked_file(folder: Path, name: Any, max_bytes: int) -> Path:
    """The file a guest declared below ``folder``; RefusedFile unless every part of the way is plain and the file is its own.

    Called only when the guest's whole process tree is gone, so nothing changes between the check and the use.
    """
    relative = PurePosixPath(str(name))
    if (
        not isinstance(name, str)
        or not name
        or relative.is_absolute()
        or ".." in relative.parts
        or str(relative) != name
        or not name.isprintable()
        or not relative.parts
    ):
        raise RefusedFile(f"{str(name)[:200]!r} is no plain relative path")
    path = folder
    for part in relative.parts[:-1]:
        path /= part
        if not stat.S_ISDIR(_lstat(path).st_mode):
            raise RefusedFile(f"{name!r} leads through something that is no folder")
    path /= relative.parts[-1]
    facts = _lstat(path)
    if not stat.S_ISREG(facts.st_mode) or facts.st_nlink != 1:
        raise RefusedFile(f"{name!r} is not a regular file of its own")
    if facts.st_size > max_bytes:
        raise RefusedFile(f"{name!r} has {facts.st_size:,} bytes; at most {max_bytes:,} are taken")
    return path


def _lstat(path: Path) -> os.stat_result:
    try:
        return path.lstat()
    except (OSError, ValueError) as reason:
        raise RefusedFile(f"{path.name!r} was declared but is not there") from reason


def _sync_all(folder: Path) -> None:
    for root, _, files in os.walk(folder):
        for name in files:
            sync_file(Path(root) / name)
        sync_folder(Path(root))
