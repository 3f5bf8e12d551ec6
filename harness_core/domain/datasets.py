"""Uploads and dataset versions as recorded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness_core.domain.runs import DatasetVersionId, UploadId


@dataclass(frozen=True)
class Upload:
    """A file that was taken in, verified and stored by its hash. From ``purged_at`` on its bytes are gone; this record is left."""

    upload_id: UploadId
    filename: str
    original_path: str
    sha256: str
    size_bytes: int
    created_at: float
    purged_at: float | None = None


@dataclass(frozen=True)
class DatasetVersion:
    """Immutable Parquet in source order, made from an input by a reading. ``columns`` are as in its ``schema.json``.

    ``deleted_at`` can be undone; from ``purged_at`` on its data are gone, until the same bytes are read in the same way again.
    """

    dataset_version_id: DatasetVersionId
    input_sha256: str
    role: str
    filename: str
    reader: str
    reading: Mapping[str, Any]
    columns: Sequence[Mapping[str, Any]]
    row_count: int
    data_sha256: str
    data_bytes: int
    created_at: float
    repairs: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    deleted_at: float | None = None
    purged_at: float | None = None

    @property
    def column_count(self) -> int:
        return len(self.columns)

    @property
    def sample(self) -> dict[str, Any] | None:
        """How the rows were chosen where they are a sample (``fraction``, ``method``, ``seed``, ``rows_total``); None for all."""
        if "sample_fraction" not in self.reading:
            return None
        return {name: self.reading.get(f"sample_{name}") for name in ("fraction", "method", "seed", "rows_total")}

    def facts(self) -> dict[str, Any]:
        """The content of ``schema.json``: nothing in it but what the bytes and the reading decide."""
        return {
            "dataset_version_id": self.dataset_version_id,
            "input_sha256": self.input_sha256,
            "reader": self.reader,
            "reading": dict(self.reading),
            "row_count": self.row_count,
            "columns": [dict(column) for column in self.columns],
            "repairs": [dict(repair) for repair in self.repairs],
        }
