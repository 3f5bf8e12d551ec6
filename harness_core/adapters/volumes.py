"""Whether what is written to a place is encrypted on its disk, as far as the kernel tells without asking for rights."""

import os
from fcntl import ioctl
from pathlib import Path

ENCRYPTING = {"ecryptfs", "fuse.cryfs", "fuse.encfs", "fuse.gocryptfs"}
GET_FLAGS, ENCRYPTED_FLAG = 0x80086601, 0x800  # FS_IOC_GETFLAGS and FS_ENCRYPT_FL of linux/fs.h
DM_CRYPT = "CRYPT-"  # how cryptsetup begins the uuid of a device-mapper device


def encrypted(path: Path, mounts: Path = Path("/proc/self/mountinfo"), devices: Path = Path("/sys/dev/block")) -> bool | None:
    """Whether the folder, its file system or every disk below it is encrypted; None where nobody says.

    ``path`` exists. A disk that the machine's host encrypts, such as BitLocker's under WSL2, cannot be told from a plain one.
    """
    if _folder_is(path):
        return True
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    here, best, found = os.path.realpath(path), -1, ("", "", "")
    for line in lines:
        before, _, after = line.partition(" - ")
        number, folder = before.split(" ")[2], before.split(" ")[4].replace("\\040", " ").rstrip("/")
        if (here == folder or here.startswith(folder + "/")) and len(folder) >= best:
            kind, source, *_ = after.split(" ")
            best, found = len(folder), (number, kind, source)
    number, kind, source = found
    if kind in ENCRYPTING:
        return True
    device = devices / (_number_of(source) or number)
    return _device_is(device) if device.is_dir() else None


def _folder_is(path: Path) -> bool:
    """Whether the file system encrypts this folder by itself (ext4, f2fs, ubifs)."""
    try:
        folder = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return bool(int.from_bytes(ioctl(folder, GET_FLAGS, bytes(8)), "little") & ENCRYPTED_FLAG)
    except OSError:  # a file system without such flags
        return False
    finally:
        os.close(folder)


def _number_of(source: str) -> str | None:
    """Major and minor of a device by its name: file systems over several devices have a made-up number of their own."""
    try:
        device = Path(source).stat().st_rdev if source.startswith("/dev/") else 0
    except OSError:
        return None
    return f"{os.major(device)}:{os.minor(device)}" if device else None


def _device_is(device: Path) -> bool:
    try:
        if (device / "dm" / "uuid").read_text(encoding="ascii").startswith(DM_CRYPT):
            return True
    except OSError:
        pass  # no device of the device mapper
    parts = list((device / "slaves").glob("*"))
    return bool(parts) and all(_device_is(part) for part in parts)
