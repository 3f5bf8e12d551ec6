"""Bundles for tests: ZIP files with a plugin's files and their list of hashes, whole or spoiled as a test needs it."""

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from tests.fakes.plugins import COUNT, make_plugin

SUMS = "SHA256SUMS"


def files_of(
    root: Path, version: str = "1.0.0", code: str = COUNT, plugin_id: str = "analysis_extra", **keys: object
) -> dict[str, bytes]:
    """The files of a plugin that is made below ``root``, by name."""
    folder = make_plugin(root / f"source-{version}", plugin_id, str(keys.pop("type_", "analysis")), code, version=version, **keys)  # type: ignore[arg-type]
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def with_sums(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files and their list of hashes, as `sha256sum` writes it."""
    lines = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items()]
    return {**files, SUMS: "".join(lines).encode()}


def zipped(path: Path, files: Mapping[str | zipfile.ZipInfo, bytes] | Mapping[str, bytes]) -> Path:
    """A deflated ZIP file, as everybody's tools write it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data, compress_type=None if isinstance(name, zipfile.ZipInfo) else zipfile.ZIP_DEFLATED)
    path.write_bytes(buffer.getvalue())
    return path


def bundle_of(root: Path, version: str = "1.0.0", code: str = COUNT, **keys: object) -> Path:
    """A sound bundle of ``analysis_extra`` in that version."""
    return zipped(root / f"extra-{version}.zip", with_sums(files_of(root, version, code, **keys)))
