"""Reading an original file again, behind the process boundary, to see that it gives the very dataset versions of a run."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness_core.domain.errors import InputRefused, Tampered, UsageError
from harness_core.domain.fingerprints import dataset_version_id, plugin_seed
from harness_core.domain.plugins import Plugin
from harness_core.domain.proofs import Documents, Mismatch
from harness_core.domain.redaction import REMOVED
from harness_core.ports.catalog import Catalog
from harness_core.ports.launcher import GuestOutcome, GuestRequest, Launcher
from harness_core.ports.store import RefusedFile, Store
from harness_core.sdk.canonical import canonical_bytes, compact_bytes
from harness_core.services.guests import guest_message, sample_of
from harness_core.services.replaying import SAME_WRITER


@dataclass(frozen=True)
class Reread:
    """Folders with ``data.parquet`` and ``schema.json`` by role, where the files gave the recorded dataset versions."""

    folders: Mapping[str, Path] = field(default_factory=dict)
    mismatches: Sequence[Mismatch] = ()
    notes: Sequence[str] = ()


class Rereading:
    """Asks the ingest plugin of a run to read the run's files once more, with the settings of then."""

    def __init__(self, launcher: Launcher, store: Store, catalog: Catalog, engine: Mapping[str, str]) -> None:
        self._launcher, self._store, self._catalog, self._engine = launcher, store, catalog, engine

    def read(self, documents: Documents, files: Sequence[Path], scratch: Path) -> Reread:
        """Raises Tampered for a file that is none of the run's inputs, UsageError when one of them was not given."""
        inputs = _matched(documents.manifest, files)
        entry = _ingest_entry(documents)
        plugin = self._catalog.planned({entry["plugin_id"]: entry["code_hash"]}).get(entry["plugin_id"]) if entry else None
        if entry is None or plugin is None or plugin.code_hash != entry["code_hash"]:
            return Reread(notes=[_other_plugin(entry, plugin)])
        config = documents.manifest["config"]
        if _has_gap(config["settings"].get(plugin.id)):
            return Reread(
                notes=["A secret was taken out of the settings of its reader: the file cannot be read again in the same way."]
            )
        message = guest_message(
            plugin, settings=config["settings"][plugin.id], seed=plugin_seed(documents.manifest["seeds"]["run_seed"], plugin),
            inputs=inputs, scratch=str(scratch), **_sample(config),
        )  # fmt: skip
        request = GuestRequest(
            message=message, scratch=scratch, stdout_path=scratch / "stdout.log", stderr_path=scratch / "stderr.log",
            timeout_s=plugin.manifest.limits.timeout_s, memory_mb=plugin.manifest.limits.memory_mb,
        )  # fmt: skip
        return self._compared(documents, plugin, self._launcher.run(request), scratch)

    def _compared(self, documents: Documents, plugin: Plugin, outcome: GuestOutcome, scratch: Path) -> Reread:
        answer = outcome.answer or {}
        if outcome.ending != "answered" or answer.get("status") not in ("ok", "na"):
            why = str(answer.get("summary") or outcome.reason)
            return Reread(mismatches=[Mismatch("the original file", f"could not be read again: {why}")])
        reader = f"{plugin.id} {plugin.manifest.version}"
        recorded = {entry["dataset_version_id"]: entry for entry in documents.manifest["datasets"]}
        folders: dict[str, Path] = {}
        found: list[Mismatch] = []
        notes: list[str] = []
        for index, raw in enumerate(outcome.datasets):
            facts = _facts(raw, reader)
            entry = recorded.pop(facts["dataset_version_id"], None)
            if entry is None:
                found.append(
                    Mismatch("the original file", "gives another dataset version", "one of the run's", facts["dataset_version_id"])
                )
                continue
            found += self._content(documents, entry, facts, scratch, index, notes)
            folders[entry["role"]] = _written(scratch / "datasets" / str(index), facts)
        found += [Mismatch("the original file", "does not give this dataset version again", name, "nothing") for name in recorded]
        return Reread(folders, found, notes)

    def _content(
        self, documents: Documents, entry: Mapping[str, Any], facts: Mapping[str, Any], scratch: Path, index: int, notes: list[str]
    ) -> list[Mismatch]:
        """Facts must be equal; the Parquet's bytes too, where the same versions of its writers made them."""
        name = entry["dataset_version_id"]
        try:
            sha256, _ = self._store.parquet_facts(scratch, index)
        except RefusedFile as reason:
            return [Mismatch(f"datasets/{name}/data.parquet", str(reason))]
        found = []
        known = documents.schemas.get(name)
        if known is not None and not _has_gap(known) and canonical_bytes(known) != canonical_bytes(facts):
            found.append(Mismatch(f"datasets/{name}/schema.json", "is another when the file is read again"))
        if sha256 == entry["data_sha256"]:
            return found
        recorded = documents.manifest["config"]["engine"]
        if all(recorded.get(package) == self._engine.get(package) for package in SAME_WRITER):
            return [
                *found,
                Mismatch(
                    f"datasets/{name}/data.parquet", "has other content when the file is read again", entry["data_sha256"], sha256
                ),
            ]
        notes.append(
            f"The Parquet of {name} has other bytes here, where other versions of its writers are installed; the queries decide."
        )
        return found


def _sample(config: Mapping[str, Any]) -> dict[str, Any]:
    return {} if config.get("sample") is None else {"sample": sample_of(config["sample"], config["seed"])}


def _matched(manifest: Mapping[str, Any], files: Sequence[Path]) -> list[dict[str, Any]]:
    """The run's inputs in their order, each with the given file that has its hash."""
    by_hash = {_sha256(path): path for path in files}
    wanted = {item["sha256"] for item in manifest["inputs"]}
    for sha256, path in by_hash.items():
        if sha256 not in wanted:
            raise Tampered(
                "not_the_original", f"{path.name} is not the file that this run read.",
                why=f"Its SHA-256 is {sha256}; the run read {', '.join(sorted(wanted))}.",
                next_step="Give the original file, unchanged, with --data.", expected=sorted(wanted), actual=sha256,
            )  # fmt: skip
    missing = [item["filename"] for item in manifest["inputs"] if item["sha256"] not in by_hash]
    if missing:
        raise UsageError(
            "data_missing", f"The run read further files: {', '.join(missing)}.", next_step="Give each with its own --data."
        )
    given = [(item, by_hash[item["sha256"]]) for item in manifest["inputs"]]
    return [
        {**item, "path": str(path.resolve()), "filename": path.name if _has_gap(item["filename"]) else item["filename"]}
        for item, path in given
    ]


def _has_gap(value: Any) -> bool:
    """Something was taken out of it before it left the house where it was made."""
    return REMOVED in compact_bytes(value).decode("utf-8")


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as reason:
        raise InputRefused("file_unreadable", f"{path} cannot be read.", why=f"{reason.strerror}.",
                           next_step="Give the original file with --data.") from reason  # fmt: skip


def _ingest_entry(documents: Documents) -> Mapping[str, Any] | None:
    types = {name: plugin["type"] for name, plugin in ((documents.report or {}).get("plugins") or {}).items()}
    return next((item for item in documents.manifest["plugins"] if types.get(item["plugin_id"]) == "ingest"), None)


def _other_plugin(entry: Mapping[str, Any] | None, plugin: Plugin | None) -> str:
    if entry is None:
        return "The run has no ingest plugin, so the file cannot be read again."
    here = f"another ({plugin.code_hash[:12]}…)" if plugin else "none"
    return (
        f"The file was read by {entry['plugin_id']} {entry['version']} with the code {str(entry['code_hash'])[:12]}…, "
        f"and there is {here} here: the file cannot be read again in the same way."
    )


def _facts(raw: Mapping[str, Any], reader: str) -> dict[str, Any]:
    return {
        "dataset_version_id": dataset_version_id(raw["input_sha256"], raw["reading"], reader), "input_sha256": raw["input_sha256"],
        "reader": reader, "reading": raw["reading"], "row_count": raw["row_count"], "columns": raw["columns"],
        "repairs": raw["repairs"],
    }  # fmt: skip


def _written(folder: Path, facts: Mapping[str, Any]) -> Path:
    """The guest may have left anything under the name of the schema, a link to elsewhere too: it is not written through."""
    (folder / "schema.json").unlink(missing_ok=True)
    (folder / "schema.json").write_bytes(canonical_bytes(facts))
    return folder
