"""The files of a run: only what the registry names, and only with the bytes it names."""

import base64
import hashlib
import re
from collections.abc import Iterator
from typing import Annotated, Any, BinaryIO, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from harness_api.checked_files import open_checked
from harness_api.documents import artifact_document
from harness_api.models import ArtifactList
from harness_api.service import Service, service_of
from harness_core.domain.errors import NotFound, UsageError
from harness_core.domain.runs import Artifact, Run
from harness_core.domain.suggestions import did_you_mean

PIECE_BYTES = 1 << 20
SANDBOX_POLICY = "sandbox; default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
STYLE = re.compile(rb"<style[^>]*>(.*?)</style>", re.DOTALL | re.IGNORECASE)
MAX_STYLED_BYTES = 64 << 20
REPORTS = {"json": "report.json", "md": "report.md", "html": "report.html"}
SHOWN_TYPES = frozenset({"application/json", "text/plain", "text/markdown", "text/html", "text/csv", "image/png", "image/svg+xml"})
router = APIRouter(prefix="/api/v1/runs", tags=["files of runs"])
BYTES = {200: {"description": "The bytes, as recorded.", "content": {"application/octet-stream": {}}}}


class RangeRefused(UsageError):
    """The part asked for lies outside the file."""

    http_status = 416


@router.get("/{run_id}/report", response_class=Response, responses=dict(BYTES), summary="The report")  # type: ignore[arg-type]
def report(
    request: Request, run_id: str, format: Annotated[Literal["json", "md", "html"], Query()] = "json"  # noqa: A002 - the word of the URL
) -> Response:  # fmt: skip
    """`report.json`, or the same as Markdown or as one self-contained page. 404 while the run has not ended."""
    return run_file(request, run_id, REPORTS[format])


@router.get("/{run_id}/manifest", response_class=Response, responses=dict(BYTES), summary="The manifest")  # type: ignore[arg-type]
def manifest(request: Request, run_id: str) -> Response:
    """`run_manifest.json`: times, versions, seeds, hashes and attempts of an ended run."""
    return run_file(request, run_id, "run_manifest.json")


@router.get("/{run_id}/artifacts", response_model=ArtifactList, summary="List the files")
def artifacts(request: Request, run_id: str) -> dict[str, Any]:
    """Every file of the run with its hash."""
    core = service_of(request).core
    run = core.runs.get(run_id)
    return {"run_id": run.run_id, "artifacts": [artifact_document(item) for item in core.runs.artifacts(run.run_id)]}


@router.get("/{run_id}/artifacts/{path:path}", response_class=Response, responses=dict(BYTES), summary="Get a file")  # type: ignore[arg-type]
def artifact(request: Request, run_id: str, path: str) -> Response:
    """The bytes, checked against the registry before they are sent; 409 `tampered` when they differ. `ETag` is the hash."""
    return run_file(request, run_id, path)


def run_file(request: Request, run_id: str, path: str) -> Response:
    """A registered file as a response: 304, a part, or the whole. Raises NotFound, Tampered, RangeRefused."""
    service = service_of(request)
    run = service.core.runs.get(run_id)
    found = registered(service, run, path)
    etag = f'"{found.sha256}"'
    file = open_checked(service.core.store.run_folder(run.run_id) / found.path, found)
    try:
        # a 304 carries the policy too: a browser takes its headers for those of what it has
        headers = {**_headers(found, etag), "content-security-policy": content_policy(file, found)}
        if _names(request.headers.get("if-none-match", ""), etag):
            file.close()
            return Response(status_code=304, headers=headers)
        start, end = _range(request, etag, found.size_bytes)
    except RangeRefused:
        file.close()
        raise
    return _part(file, found, headers, start, end)


def registered(service: Service, run: Run, path: str) -> Artifact:
    """The record of a run's file. Raises NotFound."""
    known = {item.path: item for item in service.core.runs.artifacts(run.run_id)}
    if path in known:
        return known[path]
    if path in (*REPORTS.values(), "run_manifest.json") and run.ended_at is None:
        raise NotFound("not_yet", f"Run {run.run_id} has no {path} yet.", why="It has not ended.",
                       next_step="Follow it at /events, or ask again later.")  # fmt: skip
    what = f"Run {run.run_id} has no file {path[:200]!r}."
    raise NotFound("no_such_artifact", what, why=did_you_mean(path, known), next_step="GET /artifacts lists them.")


def _names(header: str, etag: str) -> bool:
    named = [part.strip().removeprefix("W/") for part in header.split(",")]
    return etag in named or "*" in named


def _range(request: Request, etag: str, size: int) -> tuple[int, int]:
    """The part asked for as [start, end); the whole where none is, where it is several, or where If-Range names other bytes."""
    header, condition = request.headers.get("range", ""), request.headers.get("if-range")
    unit, _, asked = header.partition("=")
    if unit.strip() != "bytes" or "," in asked or (condition is not None and condition != etag):
        return 0, size
    first, dash, last = (part.strip() for part in asked.partition("-"))
    if not dash or not (first + last).isdigit() or not (first + last).isascii():
        return 0, size
    start = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    if start >= end:
        raise RangeRefused("range_not_satisfiable", f"The file has {size:,} bytes; the part asked for lies outside.",
                           next_step="Ask for a part within the file.", size=size)  # fmt: skip
    return start, end


def content_policy(file: BinaryIO, found: Artifact) -> str:
    """What a browser may do with the file: nothing but show it, with the style sheets that are in it.

    A page's sheets are named by their hashes, so that nothing else may style it: no attribute, nothing injected. In drawings,
    where plotting libraries write style attributes, any style is taken: there is nothing it could load.
    """
    if found.media_type.startswith("image/svg"):
        return f"{SANDBOX_POLICY}; style-src 'unsafe-inline'"
    if not found.media_type.startswith("text/html") or found.size_bytes > MAX_STYLED_BYTES:
        return SANDBOX_POLICY
    file.seek(0)
    digests = {base64.b64encode(hashlib.sha256(sheet).digest()).decode() for sheet in STYLE.findall(file.read())}
    named = " ".join(f"'sha256-{digest}'" for digest in sorted(digests))
    return f"{SANDBOX_POLICY}; style-src {named}" if named else SANDBOX_POLICY


def _part(file: BinaryIO, found: Artifact, headers: dict[str, str], start: int, end: int) -> Response:
    headers["content-length"] = str(end - start)
    whole = (start, end) == (0, found.size_bytes)
    if not whole:
        headers["content-range"] = f"bytes {start}-{end - 1}/{found.size_bytes}"
    return StreamingResponse(_pieces(file, start, end), status_code=200 if whole else 206, headers=headers)


def _pieces(file: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    with file:
        file.seek(start)
        left = end - start
        while left and (piece := file.read(min(PIECE_BYTES, left))):
            left -= len(piece)
            yield piece


def _headers(found: Artifact, etag: str) -> dict[str, str]:
    shown = found.media_type.partition(";")[0].strip() in SHOWN_TYPES
    media_type = found.media_type if shown else "application/octet-stream"
    charset = "; charset=utf-8" if media_type.startswith("text/") and "charset" not in media_type else ""
    name = re.sub(r"[^A-Za-z0-9._-]", "_", found.path.rpartition("/")[2])
    return {
        "content-type": media_type + charset,
        "content-disposition": f'{"inline" if shown else "attachment"}; filename="{name}"',
        "etag": etag,
        "accept-ranges": "bytes",
        "cache-control": "no-cache",
    }
