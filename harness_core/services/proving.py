"""A pack compared with itself: archive, list of hashes, index, registry and documents must say the same. Nothing executes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from harness_core.domain.errors import UsageError
from harness_core.domain.pack_documents import documents as pack_documents
from harness_core.domain.packs import (
    INDEX,
    MANIFEST,
    README,
    REPORT,
    RUN,
    SUMS,
    PackFile,
    PackIndex,
    read_checksums,
    readme,
)
from harness_core.domain.proofs import Documents, Mismatch, document_mismatches
from harness_core.ports.archives import Archives, BadArchive, OpenArchive
from harness_core.sdk.canonical import NotCanonical, canonical_bytes, strict_loads
from harness_core.services.replaying import MALFORMED, agreement, tampered
from harness_core.services.verifying import Proved, cited_artifacts

OUTPUT = re.compile(r"run/plugins/([^/]+)/output\.json")
SCHEMA = re.compile(r"datasets/([^/]+)/schema\.json")
ASK = "Do not rely on it. Ask whoever made it for another copy, and compare its SHA-256 with theirs."
LARGEST_DOCUMENT = 512 * 1024 * 1024


@dataclass(frozen=True)
class _Pack:
    """An open pack whose every byte is as its list says."""

    archive: OpenArchive
    hashes: Mapping[str, str]
    index: PackIndex
    documents: Documents


class Proving:
    """Looks at packs."""

    def __init__(self, archives: Archives, version: str) -> None:
        self._archives, self._version = archives, version

    def prove(self, path: Path, scratch: Path) -> Proved:
        """The run in a pack, its data unpacked below ``scratch`` where they are in it.

        Raises Tampered, naming everything that is not as the pack itself says, and UsageError for a pack of a later version.
        """
        try:
            with self._archives.open(path) as archive:
                return self._prove(path, archive, scratch)
        except BadArchive as reason:
            raise tampered(f"{path.name} is not a whole pack.", [Mismatch(path.name, str(reason))], ASK) from reason

    def _prove(self, path: Path, archive: OpenArchive, scratch: Path) -> Proved:
        hashes, found = _byte_mismatches(path, archive)
        if found:
            raise tampered(f"{path.name} is not what was packed.", found, ASK)
        pack = _Pack(archive, hashes, _index(path, archive), _documents(path, archive))
        for compare in (_registry, partial(_made_again, self._version), _contents):
            found += agreement(partial(compare, pack), INDEX)
        cleaned = any(item.path == MANIFEST for item in pack.index.redacted)
        found += agreement(lambda: document_mismatches(pack.documents, cleaned=cleaned), MANIFEST)
        if found:
            raise tampered(f"{path.name} contradicts itself.", found, ASK)
        notes = [f"{len(pack.index.redacted)} files were cleaned of what looks personal."] if pack.index.redacted else []
        return Proved(
            path.name, pack.documents, len(hashes), _unpacked(pack, scratch), notes, cleaned=bool(pack.index.redacted),
            artifacts=_artifacts(pack),
        )  # fmt: skip


def _artifacts(pack: _Pack) -> dict[tuple[str, str], Any]:
    """The cited JSON artifacts that are in the pack."""
    there = pack.archive.sizes

    def read(path: str) -> bytes:
        if f"{RUN}{path}" not in there:
            raise FileNotFoundError(path)
        return pack.archive.read(f"{RUN}{path}")

    return cited_artifacts(pack.documents, read)


def _registry(pack: _Pack) -> list[Mismatch]:
    """Every registered file is in the pack as it was, or is named as cleaned or left out with the hash it had."""
    index = pack.index
    cleaned = {item.path: item.sha256 for item in index.redacted}
    left_out = {item.path: item.sha256 for item in index.left_out}
    wanted = {f"{RUN}{item['path']}": item["sha256"] for item in pack.documents.manifest["artifacts"]}
    wanted |= {f"datasets/{item['dataset_version_id']}/data.parquet": item["data_sha256"]
               for item in pack.documents.manifest["datasets"]}  # fmt: skip
    wanted |= {f"inputs/{item['sha256']}": item["sha256"] for item in pack.documents.manifest["inputs"]}
    found = []
    for path, sha256 in wanted.items():
        there = cleaned.get(path) or pack.hashes.get(path) or left_out.get(path)
        if there != sha256:
            found.append(Mismatch(path, "is not the registered file" if there else "is missing", sha256, there))
    known = {*wanted, *(f"datasets/{item['dataset_version_id']}/schema.json" for item in pack.documents.manifest["datasets"])}
    extra = [path for path in pack.hashes if path.startswith((RUN, "datasets/", "inputs/")) and path not in {*known, MANIFEST}]
    return [*found, *(Mismatch(path, "is not registered", "no such file", "a file") for path in extra)]


def _made_again(version: str, pack: _Pack) -> list[Mismatch]:
    """What the same version of this program would have said about these files, byte by byte."""
    if pack.index.made_by != version:
        return []
    sizes, media_types = pack.archive.sizes, pack.index.media_types
    files = [PackFile(path, pack.hashes[path], sizes[path], kind) for path, kind in media_types.items() if path in pack.hashes]
    documents = pack.documents
    again = pack_documents(documents.manifest, documents.report, documents.schemas, files) | {
        README: readme(pack.index), INDEX: canonical_bytes(pack.index.as_dict()),
    }  # fmt: skip
    return [
        Mismatch(name, "is not what this run gives")
        for name, data in again.items()
        if name not in pack.hashes or pack.archive.read(name) != data
    ]


def _byte_mismatches(path: Path, archive: OpenArchive) -> tuple[dict[str, str], list[Mismatch]]:
    """The hashes that the pack lists, and every entry that has another, is not listed or is not there."""
    sizes = archive.sizes
    if SUMS not in sizes:
        return {}, [Mismatch(path.name, f"it has no {SUMS}, so it is no pack")]
    if sizes[SUMS] > LARGEST_DOCUMENT:
        return {}, [Mismatch(SUMS, "is too large to be a list of hashes")]
    try:
        listed = read_checksums(archive.read(SUMS))
    except ValueError as reason:
        return {}, [Mismatch(SUMS, f"cannot be read: {reason}")]
    found = []
    for name in sorted(listed.keys() | sizes.keys() - {SUMS}):
        actual = archive.sha256(name) if name in sizes else None
        if actual != listed.get(name):
            what = "is missing" if actual is None else "has changed" if name in listed else "is not listed"
            found.append(Mismatch(name, what, listed.get(name), actual))
    if not found and not archive.is_in_form():
        found.append(Mismatch(path.name, "its entries are as listed, but the archive is not as it was written"))
    return listed, found


def _index(path: Path, archive: OpenArchive) -> PackIndex:
    try:
        return PackIndex.from_dict(_json(archive, INDEX))
    except (NotCanonical, KeyError, TypeError, AttributeError) as reason:
        raise tampered(f"{path.name} is not a whole pack.", [Mismatch(INDEX, f"cannot be read: {reason!r}")], ASK) from reason
    except ValueError as reason:
        raise UsageError("unknown_pack", f"{path.name} was made by another version.", why=f"{reason}.",
                         next_step="Verify it with a later version, or with `sha256sum -c SHA256SUMS`.") from reason  # fmt: skip


def _documents(path: Path, archive: OpenArchive) -> Documents:
    try:
        outputs = {match[1]: _json(archive, name) for name in archive.sizes if (match := OUTPUT.fullmatch(name))}
        schemas = {match[1]: _json(archive, name) for name in archive.sizes if (match := SCHEMA.fullmatch(name))}
        report = _json(archive, REPORT) if REPORT in archive.sizes else None
        manifest = _json(archive, MANIFEST)
        if isinstance(manifest, Mapping):
            return Documents(manifest, report, outputs, schemas)
    except (NotCanonical, *MALFORMED) as reason:
        raise tampered(f"{path.name} is not a whole pack.", [Mismatch(RUN, f"cannot be read: {reason}")], ASK) from reason
    raise tampered(f"{path.name} is not a whole pack.", [Mismatch(MANIFEST, "is no manifest")], ASK)


def _json(archive: OpenArchive, name: str) -> Any:
    if archive.sizes[name] > LARGEST_DOCUMENT:
        raise NotCanonical(f"{name} is too large to be a document")
    return strict_loads(archive.read(name))


def _contents(pack: _Pack) -> list[Mismatch]:
    """The index speaks of the run in the pack."""
    manifest, index = pack.documents.manifest, pack.index
    pairs = {"run_id": (manifest["run_id"], index.run_id), "run_fingerprint": (manifest["run_fingerprint"], index.run_fingerprint)}
    return [Mismatch(INDEX, f"{name} differs", told, here) for name, (told, here) in pairs.items() if told != here]


def _unpacked(pack: _Pack, scratch: Path) -> dict[str, Path]:
    """A folder per role for every dataset version whose data are in the pack."""
    folders = {}
    for entry in pack.documents.manifest["datasets"]:
        name = f"datasets/{entry['dataset_version_id']}"
        if f"{name}/data.parquet" in pack.hashes:
            for part in ("data.parquet", "schema.json"):
                pack.archive.extract(f"{name}/{part}", scratch / name / part)
            folders[str(entry["role"])] = scratch / name
    return folders
