"""Files of runs: hostile artifacts are refused, publication happens once, tampering is seen."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from harness_core.adapters.home import STAGED, Home, filesystem_of
from harness_core.adapters.store import FolderStore, checked_file
from harness_core.domain.errors import Unhealthy
from harness_core.domain.plugins import PluginId
from harness_core.domain.runs import RunId
from harness_core.ports.store import RefusedFile

RUN, PLUGIN = RunId("run_a"), PluginId("analysis_x")


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    home = Home(tmp_path / "home")
    home.make()
    return FolderStore(home)


def _link(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


def _hard_link(path: Path) -> None:
    other = path.with_name("other")
    other.write_text("x")
    path.hardlink_to(other)


HOSTILE: dict[str, tuple[str, Callable[[Path], None]]] = {
    "above its folder": ("../secret", lambda path: path.parent.parent.joinpath("secret").write_text("x") and None),
    "absolute": ("/etc/hostname", lambda path: None),
    "a link": ("link", _link("/etc/hostname")),
    "a link that leads nowhere": ("link", _link("/nowhere")),
    "a pipe": ("pipe", lambda path: os.mkfifo(path)),
    "a hard link": ("hard", _hard_link),
    "a folder": ("folder", lambda path: path.mkdir()),
    "not there": ("missing", lambda path: None),
    "empty": ("", lambda path: None),
    "not normal": ("a//b", lambda path: None),
    "a null byte": ("a\0b", lambda path: None),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_artifacts_are_refused(store: FolderStore, case: str) -> None:
    """Only a regular file of the guest's own, inside its folder, is ever taken."""
    name, make = HOSTILE[case]
    scratch = store.scratch("x")
    (scratch / "artifacts").mkdir()
    if name and "\0" not in name and not name.startswith("/"):
        make(scratch / "artifacts" / name)
    with pytest.raises(RefusedFile):
        store.harvest(scratch, [{"name": name}], store.stage(RUN, PLUGIN, 1))


def test_a_link_on_the_way_is_refused(tmp_path: Path) -> None:
    """A folder that is really a link leads out of the scratch folder."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "file").write_text("x")
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "folder").symlink_to(tmp_path / "real")
    with pytest.raises(RefusedFile):
        checked_file(tmp_path / "inside", "folder/file", 100)


def test_a_sparse_giant_is_refused(tmp_path: Path) -> None:
    """A file that claims a terabyte is refused by its size, without being read."""
    with (tmp_path / "giant").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(RefusedFile):
        checked_file(tmp_path, "giant", 1 << 30)


def _stage(store: FolderStore, fence: int, content: bytes) -> None:
    scratch = store.scratch(f"s{fence}")
    (scratch / "artifacts").mkdir()
    (scratch / "artifacts" / "a.txt").write_bytes(content)
    stage = store.stage(RUN, PLUGIN, fence)
    store.harvest(scratch, [{"name": "a.txt", "media_type": "text/plain"}], stage)
    store.write_output(stage, content)


def test_publishing_is_done_once_and_can_be_repeated(store: FolderStore) -> None:
    """Whoever comes after a crash between commit and publication finishes it; doing it again changes nothing."""
    _stage(store, 1, b"one")
    folder = store.publish(RUN, PLUGIN, 1)
    assert (folder / "output.json").read_bytes() == b"one"
    assert store.publish(RUN, PLUGIN, 1) == folder
    assert (folder / "artifacts" / "a.txt").read_bytes() == b"one"
    assert not (store.run_folder(RUN) / STAGED).exists()


def test_many_may_publish_at_once(store: FolderStore) -> None:
    """The committer and whoever reads the result next publish the same attempt together: it is there, whole, for all of them."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        for fence in range(1, 101):
            stage = store.stage(RUN, PLUGIN, fence)
            store.write_output(stage, b"%d" % fence)
            read = pool.map(lambda _, fence=fence: (store.publish(RUN, PLUGIN, fence) / "output.json").read_bytes(), range(8))  # type: ignore[misc]
            assert set(read) == {b"%d" % fence}


def test_a_later_attempt_replaces_an_earlier_one_and_a_stale_one_never_shows(store: FolderStore) -> None:
    """A retry's files replace the old ones whole; a zombie's stage is thrown away."""
    _stage(store, 1, b"one")
    _stage(store, 2, b"two")
    store.publish(RUN, PLUGIN, 2)
    assert (store.plugin_folder(RUN, PLUGIN) / "output.json").read_bytes() == b"two"
    assert not (store.run_folder(RUN) / STAGED).exists()


def test_reuse_refuses_a_changed_byte(store: FolderStore) -> None:
    """A result is taken over from an earlier run only if every byte is as recorded."""
    scratch = store.scratch("s")
    (scratch / "artifacts").mkdir()
    (scratch / "artifacts" / "a.txt").write_bytes(b"good")
    stage = store.stage(RUN, PLUGIN, 1)
    artifacts = [*store.harvest(scratch, [{"name": "a.txt"}], stage), *store.write_output(stage, b"{}\n")]
    folder = store.publish(RUN, PLUGIN, 1)
    copied = store.reuse(folder, artifacts, store.stage(RunId("run_b"), PLUGIN, 1))
    assert sorted(item.path for item in copied) == sorted(item.path for item in artifacts)
    (folder / "artifacts" / "a.txt").write_bytes(b"evil")
    with pytest.raises(RefusedFile):
        store.reuse(folder, artifacts, store.stage(RunId("run_c"), PLUGIN, 1))


def test_a_windows_mount_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite must not lie on a Windows drive: refused, with the remedy."""
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nC:\\134 {tmp_path / 'mnt'} 9p rw 0 0\n")
    (tmp_path / "mnt" / "c").mkdir(parents=True)
    assert filesystem_of(tmp_path / "mnt" / "c", mounts) == "9p"
    assert filesystem_of(tmp_path, mounts) == "ext4"
    monkeypatch.setattr("harness_core.adapters.home.filesystem_of", lambda path: filesystem_of(path, mounts))
    with pytest.raises(Unhealthy) as refused:
        Home(tmp_path / "mnt" / "c" / "home").make()
    assert "HARNESS_HOME" in refused.value.next_step
