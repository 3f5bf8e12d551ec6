"""What a pack is: which files of a run go into it, what is left out and taken out, its index and its list of hashes."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness_core.domain.runs import Artifact

SCHEMA_VERSION = "pack.v1"
INDEX, SUMS, README = "pack.json", "SHA256SUMS", "README.txt"
RUN = "run/"
MANIFEST = "run/run_manifest.json"
REPORT = "run/report.json"

LARGEST_TEXT = 64 * 1024 * 1024
TEXTS = (".json", ".jsonl", ".md", ".html", ".svg", ".txt", ".yaml", ".yml", ".sql")
LOGS = ("stdout.log", "stderr.log")
MAY_HOLD_ROWS = "it may hold rows"
LOG_MAY_QUOTE = "a log may quote rows"
TOO_LARGE = "it is too large to be looked through for personal data"
RAW = "it is the data themselves"
GONE = "it is no longer kept"
WRITTEN_ANEW = "another version of the Parquet writer has written it anew; the uploaded file gives it again"


@dataclass(frozen=True)
class PackFile:
    """A file in a pack: its path there, what its bytes are, and the hash in the run's registry where it has one."""

    path: str
    sha256: str
    size_bytes: int
    media_type: str


@dataclass(frozen=True)
class LeftOut:
    """A file of the run that is not in the pack; with its hash, so that whoever has it can tell that it is the one."""

    path: str
    sha256: str
    reason: str

    def as_dict(self) -> dict[str, str]:
        return dict(vars(self))


@dataclass(frozen=True)
class Redacted:
    """A file from which personal data was removed; ``sha256`` is that of the file as recorded."""

    path: str
    sha256: str
    removed: int

    def as_dict(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass(frozen=True)
class PackIndex:
    """``pack.json``: what this pack is about, and what it does not have."""

    run_id: str
    run_fingerprint: str
    made_by: str
    include_raw: bool
    left_out: Sequence[LeftOut] = ()
    redacted: Sequence[Redacted] = ()
    media_types: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return {
            "schema_version": SCHEMA_VERSION, "run_id": self.run_id, "run_fingerprint": self.run_fingerprint,
            "made_by": self.made_by, "include_raw": self.include_raw, "left_out": [item.as_dict() for item in self.left_out],
            "redacted": [item.as_dict() for item in self.redacted], "media_types": dict(self.media_types),
        }  # fmt: skip

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "PackIndex":
        """Raises KeyError or TypeError for a document of another shape, ValueError for another version."""
        if raw["schema_version"] != SCHEMA_VERSION:
            raise ValueError(f"its schema is {raw['schema_version']}, this program knows {SCHEMA_VERSION}")
        return cls(
            str(raw["run_id"]), str(raw["run_fingerprint"]), str(raw["made_by"]), bool(raw["include_raw"]),
            [LeftOut(**item) for item in raw["left_out"]], [Redacted(**item) for item in raw["redacted"]], dict(raw["media_types"]),
        )  # fmt: skip


def reason_to_leave_out(artifact: Artifact) -> str | None:
    """Why a file of the run stays out of a pack that is to hold no rows; None for texts, which are looked through."""
    if artifact.path.endswith(LOGS):
        return LOG_MAY_QUOTE
    if not artifact.path.lower().endswith(TEXTS):
        return MAY_HOLD_ROWS
    return TOO_LARGE if artifact.size_bytes > LARGEST_TEXT else None


def checksums(files: Sequence[PackFile]) -> bytes:
    """``SHA256SUMS`` as coreutils write and read it, in the order of paths."""
    return "".join(_sum_line(item.sha256, item.path) for item in sorted(files, key=lambda item: item.path)).encode("utf-8")


def _sum_line(sha256: str, path: str) -> str:
    escaped = path.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return f"{chr(92) * (escaped != path)}{sha256}  {escaped}\n"


def read_checksums(data: bytes) -> dict[str, str]:
    """Path to SHA-256. Raises ValueError for a line that is none, and for a path that stands twice."""
    found: dict[str, str] = {}
    for sha256, path in _sum_lines(data.decode("utf-8")):
        if path in found:
            raise ValueError(f"{path} stands twice")
        found[path] = sha256
    return found


def _sum_lines(text: str) -> Iterator[tuple[str, str]]:
    for line in text.removesuffix("\n").split("\n"):
        match = re.fullmatch(r"(\\?)([0-9a-f]{64})  (.+)", line)
        if match is None:
            raise ValueError(f"{line[:100]!r} is no line of a list of hashes")
        yield match[2], _unescaped(match[3]) if match[1] else match[3]


def _unescaped(path: str) -> str:
    return re.sub(r"\\(.)", lambda match: {"n": "\n", "r": "\r"}.get(match[1], match[1]), path)


def readme(index: PackIndex) -> bytes:
    """How to check a pack, for whoever opens it."""
    view = "CREATE VIEW data AS SELECT *, file_row_number AS row_index FROM 'datasets/DATASET_VERSION_ID/data.parquet';"
    asked = [
        "Without any of our programs: DuckDB runs each query of run/report.json over this view",
        f"    {view}",
        "and, where it names further tables, one like it for each, called by its role (datasets in run/run_manifest.json).",
        "",
    ]
    missing = f"{len(index.left_out)} files of the run are not in here; pack.json names them with their hashes and the reasons."
    lines = [
        f"A run of Statistic Harness: {index.run_id}", f"Run fingerprint: {index.run_fingerprint}", "",
        "Check the bytes:             sha256sum -c SHA256SUMS", "Check everything:            harness verify PACK.zip",
        "Check the figures too:       harness verify PACK.zip --data FILE   (the file that was read)", "",
        *(asked if index.include_raw else ()),
        "run/                         the run's reports, results and manifest, as recorded",
        "datasets/                    how the files were read: columns, types, repairs",
        "pack.json                    what is in here, what was left out, and why",
        "datapackage.json             Data Package 2.0", "ro-crate-metadata.json       RO-Crate 1.1, Process Run Crate 0.5",
        "lineage.openlineage.jsonl    OpenLineage events, one per line",
        "statement.intoto.json        in-toto Statement 1 with SLSA provenance 1; it is not signed", "", missing,
    ]  # fmt: skip
    return ("\n".join(lines) + "\n").encode("utf-8")
