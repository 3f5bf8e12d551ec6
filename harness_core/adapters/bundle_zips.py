"""Bundles that somebody hands us, unpacked: ZIP files that are trusted with nothing, each entry of which must have its hash.

Nothing is unpacked before all names, kinds and sizes have been looked at, and nothing written before every hash holds.
"""

import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from harness_core.adapters.catalog.plugin_files import MAX_DEPTH, MAX_FILES, MAX_FOLDER_BYTES
from harness_core.adapters.files import sync_file, sync_folder
from harness_core.adapters.packs import is_plain
from harness_core.domain.bundles import HOW_TO_MAKE, SUMS, hash_problems, listed_hashes, top_folder
from harness_core.domain.errors import InputRefused, Problem, Tampered
from harness_core.domain.suggestions import shown
from harness_core.sdk.canonical import sha256_hex

MAX_BUNDLE_BYTES = 64 * 1024 * 1024
MAX_DIRECTORY_BYTES = 4 * 1024 * 1024
MAX_ENTRIES = 2 * MAX_FILES  # folders are entries too
MAX_SUMS_BYTES = 2 * 1024 * 1024
MAX_RATIO = 200
RATIO_FROM_BYTES = 1024 * 1024  # what unpacks to less than this may be packed as tightly as it likes
READ_ERRORS = (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError, ValueError, struct.error)

END, END_FORMAT, END_BYTES = b"PK\x05\x06", "<4sHHHHIIH", 22
ZIP64_LOCATOR, ZIP64_LOCATOR_BYTES = b"PK\x06\x07", 20
MAX_COMMENT_BYTES = 65_535


def unpack(bundle: Path, target: Path) -> None:
    """Write the plugin's files below the empty folder ``target``, synced.

    Raises InputRefused or Tampered, with nothing written; and OSError where ``target`` cannot be written.
    """
    contents = _contents(bundle)
    for name, data in contents.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        sync_file(path)
    for folder in sorted({folder for name in contents for folder in (target / name).parents if folder.is_relative_to(target)}):
        sync_folder(folder)


def _contents(bundle: Path) -> dict[str, bytes]:
    """The plugin's files by their path in its folder, each as its hash says."""
    try:
        _check_size(bundle)
        with zipfile.ZipFile(bundle) as archive:
            files = {name: archive.read(info) for name, info in _checked(archive.infolist()).items()}
    except READ_ERRORS as reason:
        raise _unreadable(reason) from reason
    folder = top_folder(list(files))
    place = next((prefix for prefix in ("", folder) if f"{prefix}{SUMS}" in files), None)
    if place is None:
        raise _without_hashes(f"This bundle has no {SUMS}.", "Without it nobody can tell whether the bundle is whole.")
    try:
        listed = listed_hashes(files.pop(f"{place}{SUMS}"), place)
    except ValueError as reason:
        raise _without_hashes(f"The {SUMS} of this bundle cannot be read.", f"{reason}.") from reason
    problems = hash_problems(listed, {name: sha256_hex(data) for name, data in files.items()})
    if problems:
        raise Tampered("bundle_differs", f"This bundle is not what its {SUMS} says.", problems=problems,
                       why=f"{problems[0].where} {problems[0].reason}.", next_step="Get it again from where it came.")  # fmt: skip
    return {name.removeprefix(folder): data for name, data in sorted(files.items())}


def _without_hashes(what: str, why: str) -> InputRefused:
    return InputRefused("bundle_without_hashes", what, why=why, next_step=HOW_TO_MAKE)


def _unreadable(reason: object) -> InputRefused:
    said = reason.strerror if isinstance(reason, OSError) and reason.strerror else str(reason)
    return InputRefused("bundle_unreadable", "This file cannot be read as a bundle.", why=f"It is no sound ZIP archive: {said}.",
                        next_step=HOW_TO_MAKE)  # fmt: skip


def _too_large(why: str) -> InputRefused:
    return InputRefused("bundle_too_large", "This bundle is larger than a plugin may be.", why=why,
                        next_step="Keep data and environments out of a plugin's folder, and pack it again.")  # fmt: skip


def _check_size(bundle: Path) -> None:
    """Before the list of entries is read into memory: how long the file and that list are."""
    size = bundle.stat().st_size
    if size > MAX_BUNDLE_BYTES:
        raise _too_large(f"It has {size:,} bytes; at most {MAX_BUNDLE_BYTES:,} are read.")
    with bundle.open("rb") as file:
        file.seek(max(0, size - MAX_COMMENT_BYTES - END_BYTES - ZIP64_LOCATOR_BYTES))
        tail = file.read()
    at = tail.rfind(END)
    if at < 0:
        raise _unreadable("it has no list of entries")
    _, _, _, _, count, length, _, _ = struct.unpack_from(END_FORMAT, tail, at)
    if count > MAX_ENTRIES or length > MAX_DIRECTORY_BYTES or tail[max(0, at - ZIP64_LOCATOR_BYTES) : at].startswith(ZIP64_LOCATOR):
        raise _too_large(f"It says that it has {count:,} entries; at most {MAX_ENTRIES:,} are read, and no ZIP64.")


def _checked(entries: Sequence[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """The files by name. Raises InputRefused with everything that may not be unpacked."""
    problems = [Problem(shown(info.orig_filename), "", reason) for info in entries if (reason := _unsafe(info))]
    times = Counter(info.filename.removesuffix("/") for info in entries)
    problems += [Problem(shown(name), "", "stands in it twice") for name, count in sorted(times.items()) if count > 1]
    above = {str(parent) for info in entries for parent in PurePosixPath(info.filename).parents}
    files = {info.filename: info for info in entries if not info.is_dir()}
    problems += [Problem(shown(name), "", "is a file and a folder in it") for name in sorted(above & files.keys())]
    if problems:
        raise InputRefused("bundle_unsafe", "This bundle holds what is not unpacked.", problems=problems,
                           why=f"{problems[0].where} {problems[0].reason}.", next_step=HOW_TO_MAKE)  # fmt: skip
    unpacked, packed = sum(info.file_size for info in files.values()), sum(info.compress_size for info in files.values())
    if len(files) > MAX_FILES + 1 or unpacked > MAX_FOLDER_BYTES + MAX_SUMS_BYTES:
        raise _too_large(f"It unpacks to {len(files):,} files of {unpacked:,} bytes; at most {MAX_FILES:,} files of "
                         f"{MAX_FOLDER_BYTES:,} bytes are unpacked.")  # fmt: skip
    if unpacked > RATIO_FROM_BYTES and unpacked > MAX_RATIO * max(1, packed):
        raise _too_large(f"It unpacks to more than {MAX_RATIO} times its size.")
    return files


def _unsafe(info: zipfile.ZipInfo) -> str:
    """Why an entry is not unpacked; empty where nothing stands against it."""
    name = info.orig_filename
    parts = name.removesuffix("/").split("/")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if not is_plain(name.removesuffix("/")) or not name.isprintable() or "\\" in name or "" in parts:
        return "is no relative path that stays within the bundle"
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or a device, where only files and folders are unpacked"
    if any(part.startswith(".") or part == "__pycache__" for part in parts):
        return "is hidden or a cache, which no hash of a plugin covers"
    if len(parts) > MAX_DEPTH:
        return f"is nested deeper than {MAX_DEPTH} folders"
    if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is encrypted, or packed in a way other than deflate"
    return ""
