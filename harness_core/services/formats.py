"""Raw formats as people keep them: recognised, named, taught further headers, given roles and settings."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness_core.domain.datasets import DatasetVersion
from harness_core.domain.errors import InputRefused
from harness_core.domain.formats import Header, RawFormat, fingerprint_of, format_id_of, header_difference, header_of
from harness_core.domain.presets import Preset
from harness_core.domain.remembered import check_name, with_roles
from harness_core.domain.runs import Input, UploadId
from harness_core.domain.settings_resolution import resolve_settings
from harness_core.ports.catalog import Catalog
from harness_core.ports.knowledge import Knowledge
from harness_core.services.erps import SettingsChange, changed_settings, check_settings
from harness_core.services.inspecting import Inspecting, choose_ingest
from harness_core.services.knowing import header_in


@dataclass(frozen=True)
class Recognition:
    """What a file looks like: its header, the raw format it is of (None: of none), what that offers, and what comes near."""

    header: Header
    raw_format: RawFormat | None
    presets: Sequence[Preset]
    nearest: tuple[RawFormat, Sequence[str]] | None

    def as_dict(self) -> dict[str, Any]:
        near = self.nearest
        return {
            "fingerprint": fingerprint_of(self.header),
            "columns": [{"name": name, "type": family} for name, family in self.header],
            "format": format_document(self.raw_format) if self.raw_format else None,
            "presets": [preset.name for preset in self.presets],
            "nearest": {"name": near[0].name, "differences": list(near[1])} if near else None,
        }


class Formats:
    """Keeps raw formats."""

    def __init__(self, knowledge: Knowledge, catalog: Catalog, inspecting: Inspecting) -> None:
        self._knowledge, self._catalog, self._inspecting = knowledge, catalog, inspecting

    def recognise(self, header: Header) -> Recognition:
        """Which raw format a header belongs to; where it is none, the one that differs least."""
        known = self._knowledge.format_of(fingerprint_of(header))
        if known is not None:
            presets = [item for item in self._knowledge.presets() if item.raw_format == known.format_id]
            return Recognition(header, known, presets, None)
        candidates = [
            (header_difference(other, header), item) for item in self._knowledge.formats() for other in item.headers
        ]  # fmt: skip
        near = min(candidates, key=lambda pair: (len(pair[0]), pair[1].name), default=None)
        close = near is not None and len(near[0]) <= max(1, len(header) // 4)
        return Recognition(header, None, [], (near[1], near[0]) if near and close else None)

    def header_of_path(self, path: Path) -> Header:
        """Looks at a file as a run would. Raises InputRefused for one that cannot be read or shows no columns."""
        item = _as_input(path)
        ingest = choose_ingest(list(self._catalog.plugins().values()), [item])
        preview = self._inspecting.inspect(ingest, item, resolve_settings(ingest, {})[0], path) if ingest else {}
        header = header_in([preview])
        if header is None:
            raise InputRefused("no_header", f"{item.filename} shows no columns.", why="Its reader tells nothing of them.",
                               next_step="Read it with `harness run`, then name the dataset version instead.")  # fmt: skip
        return header

    def header_of_dataset(self, version: DatasetVersion) -> Header:
        return header_of(version.columns)

    def teach(self, name: str, header: Header, filename: str) -> tuple[RawFormat, bool]:
        """Give a header a name, or a named format a further header; whether anything changed.

        Raises Conflict where the header belongs to another format of which something is remembered.
        """
        check_name(name, "a raw format")
        named = next((item for item in self._knowledge.formats() if item.name == name), None)
        known = self._knowledge.format_of(fingerprint_of(header))
        if named is None and known is not None and known.is_plain and len(known.headers) == 1:
            wanted = replace(known, name=name)  # seen before under a made-up name
        elif named is None:
            wanted = RawFormat(format_id_of(fingerprint_of(header)), name, (header,), filename=filename)
        else:
            wanted = replace(named, headers=tuple(dict.fromkeys([*named.headers, header])))
        changed = self._knowledge.save_format(wanted, replace=True)
        return self._knowledge.raw_format(name), changed

    def change(self, name: str, change: SettingsChange) -> tuple[RawFormat, bool]:
        known = self._knowledge.raw_format(name)
        wanted = replace(
            known, settings=changed_settings(known.settings, change), roles=with_roles(known.roles, change.roles),
            notes=known.notes if change.notes is None else change.notes.strip(),
        )  # fmt: skip
        return wanted, self.save(wanted, replace_=True)

    def save(self, raw_format: RawFormat, *, replace_: bool) -> bool:
        check_settings(raw_format.settings, self._catalog.plugins(), f"raw format {raw_format.name}")
        return self._knowledge.save_format(raw_format, replace=replace_)


def _as_input(path: Path) -> Input:
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return Input(UploadId(""), path.name, sha256, path.stat().st_size)
    except OSError as reason:
        raise InputRefused("file_unreadable", f"{path} cannot be read.", why=f"{reason.strerror}.",
                           next_step="Give the path of a file that you may read.") from reason  # fmt: skip


def format_document(raw_format: RawFormat) -> dict[str, Any]:
    """A raw format as programs see it."""
    body: Mapping[str, Any] = raw_format.document()
    return {
        "format_id": raw_format.format_id, **{key: body[key] for key in ("name", "notes", "roles", "settings", "headers")},
        "fingerprints": list(raw_format.fingerprints), "filename": raw_format.filename,
    }  # fmt: skip
