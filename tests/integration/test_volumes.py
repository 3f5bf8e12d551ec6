"""Whether the disk below a folder is encrypted, told from what the kernel shows of its devices."""

from pathlib import Path

import pytest

from harness_core.adapters.volumes import encrypted
from harness_core.services.doctor import Filesystems, check_home

LUKS, LVM = "CRYPT-LUKS2-0123-home", "LVM-0123"


def device(blocks: Path, number: str, uuid: str | None = None, *, on: tuple[str, ...] = ()) -> None:
    """A block device as /sys/dev/block shows it, with those that it lies on."""
    (blocks / number / "slaves").mkdir(parents=True)
    if uuid is not None:
        (blocks / number / "dm").mkdir()
        (blocks / number / "dm" / "uuid").write_text(f"{uuid}\n")
    for other in on:
        (blocks / number / "slaves" / other.replace(":", "-")).symlink_to(blocks / other)


def mounted(folder: Path, kind: str, number: str, source: str = "made-up") -> Path:
    """A mount table in which ``folder`` has a file system of its own; the root's is plain."""
    table = folder.parent / "mountinfo"
    lines = ["22 1 8:1 / / rw - ext4 made-up rw", f"27 22 {number} / {folder} rw,relatime shared:1 - {kind} {source} rw"]
    table.write_text("\n".join(lines) + "\n")
    return table


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    device(tmp_path / "block", "8:1")
    return folder


@pytest.mark.parametrize(
    ("layers", "found"),
    [
        ([("253:0", LUKS, ("8:1",))], True),
        ([("253:1", LUKS, ("8:1",)), ("253:0", LVM, ("253:1",))], True),
        ([("253:0", LVM, ("8:1",))], False),
        ([("253:1", LUKS, ("8:1",)), ("253:0", LVM, ("253:1", "8:1"))], False),
        ([], None),
    ],
    ids=["LUKS", "LVM on LUKS", "LVM on a plain disk", "LVM half on LUKS", "no device"],
)
def test_every_disk_below_must_be_encrypted(home: Path, layers: list, found: bool | None) -> None:
    """One plain disk is enough for a warning; where no device is shown, nothing is claimed."""
    blocks = home.parent / "block"
    for number, uuid, on in layers:
        device(blocks, number, uuid, on=on)
    assert encrypted(home, mounted(home, "ext4", "253:0"), blocks) is found


def test_a_plain_disk_and_an_encrypting_file_system(home: Path) -> None:
    """A folder takes the answer of the mount that holds it, not of the root."""
    blocks = home.parent / "block"
    assert encrypted(home, mounted(home, "ext4", "8:1"), blocks) is False
    assert encrypted(home, mounted(home, "fuse.gocryptfs", "0:50"), blocks) is True
    assert encrypted(home.parent, mounted(home, "fuse.gocryptfs", "0:50"), blocks) is False
    assert encrypted(home, home / "no mount table", blocks) is None


@pytest.mark.parametrize(("found", "state"), [(True, "ok"), (None, "ok"), (False, "warning")])
def test_the_doctor_warns_only_where_no_encryption_is_seen(home: Path, found: bool | None, state: str) -> None:
    """A warning with the way out; never a failure."""
    checks = {item.name: item for item in check_home(home, 0, Filesystems(lambda path: "ext4", (), lambda path: found))}
    assert checks["encryption"].state == state
    assert ("HARNESS_HOME" in checks["encryption"].next_step) == (state == "warning")
