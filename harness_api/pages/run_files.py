"""The files of a run: what there is, who made it, and a look into each without downloading it; only bytes that are as recorded."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from harness_api.checked_files import open_checked
from harness_api.pages.rendering import pages_of
from harness_api.pages.run_frame import run_frame
from harness_api.routes.files import registered
from harness_api.service import Service, service_of
from harness_core.domain.datasets import DatasetVersion
from harness_core.domain.errors import NotFound
from harness_core.domain.runs import Artifact, Run

HEAD_BYTES = 64 << 10
SHOWN_ROWS, SHOWN_COLUMNS, SHOWN_LINES = 50, 50, 200
LINE_CHARS, CELL_CHARS = 2_000, 200
TEXTS = ("text/plain", "text/markdown", "text/csv", "application/json")
router = APIRouter()


@dataclass(frozen=True)
class Group:
    """The files that one plugin made, or the run itself (without an id): those with something in them, and the empty ones."""

    plugin_id: str
    files: Sequence[Artifact]
    empty: Sequence[Artifact]


@dataclass(frozen=True)
class Look:
    """The beginning of a file: as a table, as lines of text, or a picture that the browser fetches; ``rest``: there is more."""

    kind: str
    rows: Sequence[Sequence[str]] = ()
    lines: Sequence[str] = ()
    rest: bool = False


@router.get("/runs/{run_id}/files", response_class=HTMLResponse)
def files_page(request: Request, run_id: str) -> HTMLResponse:
    """The files that were read, the dataset versions made of them, and every file that the run wrote."""
    service = service_of(request)
    run = service.core.overview.run(run_id)
    artifacts = sorted(service.core.runs.artifacts(run.run_id), key=lambda item: item.path)
    return pages_of(request).page(
        request, "files.html", f"{len(artifacts):,} files · {run.filename}", **run_frame(service, run, "files"),
        groups=groups_of(artifacts), versions=versions_of(service, run), count=len(artifacts),
        size_bytes=sum(item.size_bytes for item in artifacts),
    )  # fmt: skip


@router.get("/runs/{run_id}/files/{path:path}", response_class=HTMLResponse)
def file_page(request: Request, run_id: str, path: str) -> HTMLResponse:
    """One file with its facts and its beginning. Raises NotFound, or Tampered where its bytes are not as recorded."""
    service = service_of(request)
    run = service.core.overview.run(run_id)
    found = registered(service, run, path)
    if run.purged_at is not None:
        raise NotFound("file_not_kept", f"{path} is no longer kept.", why="Only the record of this run is.",
                       next_step="Run the same file with the same settings again: it gives the same bytes.")  # fmt: skip
    with open_checked(service.core.store.run_folder(run.run_id) / found.path, found) as file:
        look = look_into(file, found)
    return pages_of(request).page(
        request, "file.html", f"{path.rpartition('/')[2]} · {run.filename}", **run_frame(service, run, "files"), file=found,
        look=look,
    )  # fmt: skip


def groups_of(artifacts: Sequence[Artifact]) -> list[Group]:
    """The files of the run before those of its plugins."""
    by_maker: dict[str, list[Artifact]] = {"": []}
    for item in artifacts:
        by_maker.setdefault(item.plugin_id if item.path.startswith("plugins/") else "", []).append(item)
    return [
        Group(maker, [item for item in items if item.size_bytes], [item for item in items if not item.size_bytes])
        for maker, items in sorted(by_maker.items())
        if items
    ]


def versions_of(service: Service, run: Run) -> list[tuple[str, DatasetVersion]]:
    """The dataset versions that the run reads, by role."""
    library = service.core.library
    return [(str(item.get("role", "data")), library.dataset_version(item["dataset_version_id"])) for item in run.datasets]


def look_into(file: BinaryIO, found: Artifact) -> Look:
    """What can be shown of a file: nothing of it is ever taken for markup."""
    if found.media_type.startswith("image/"):
        return Look("picture")
    if not found.size_bytes:
        return Look("empty")
    if not found.media_type.startswith(TEXTS):
        return Look("none")
    text = file.read(HEAD_BYTES).decode("utf-8", "replace")
    whole = found.size_bytes <= HEAD_BYTES
    lines = text.splitlines() if whole else text.splitlines()[:-1] or [text]
    if found.media_type.startswith("text/csv"):
        rows = [[cell[:CELL_CHARS] for cell in row[:SHOWN_COLUMNS]] for row in islice(csv.reader(lines), SHOWN_ROWS + 1)]
        return Look("table", rows=rows, rest=not whole or len(lines) > len(rows))
    return Look("text", lines=[line[:LINE_CHARS] for line in lines[:SHOWN_LINES]], rest=not whole or len(lines) > SHOWN_LINES)
