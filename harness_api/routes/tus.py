"""Uploads in pieces: the core of tus 1.0 with creation, checksum (SHA-256), expiration and termination."""

import base64
import binascii
from email.utils import formatdate
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response

from harness_api.bodies import with_body
from harness_api.documents import partial_document
from harness_api.models import PartialUpload
from harness_api.routes.uploads import binary_body
from harness_api.service import service_of
from harness_core.domain.errors import UsageError
from harness_core.services.resumable import Partial

VERSION = "1.0.0"
EXTENSIONS = "creation,checksum,expiration,termination"
PIECE_TYPE = "application/offset+octet-stream"
router = APIRouter(prefix="/api/v1/tus", tags=["uploads in pieces"])
Version = Annotated[str | None, Header(alias="Tus-Resumable", description="`1.0.0`; needed.")]


class VersionRefused(UsageError):
    """Another version of tus than 1.0.0, or none."""

    http_status = 412


class PieceTypeRefused(UsageError):
    """A piece is sent as another media type."""

    http_status = 415


@router.options("", status_code=204, response_class=Response, summary="What is spoken")
def capabilities(request: Request) -> Response:
    """The version of tus, its extensions, and the largest file."""
    headers = {
        "tus-resumable": VERSION, "tus-version": VERSION, "tus-extension": EXTENSIONS, "tus-checksum-algorithm": "sha256",
        "tus-max-size": str(service_of(request).resumable.max_bytes),
    }  # fmt: skip
    return Response(status_code=204, headers=headers)


@router.post("", status_code=201, response_class=Response, summary="Begin an upload in pieces")
def begin(
    request: Request,
    version: Version = None,
    length: Annotated[str, Header(alias="Upload-Length", description="The file's size in bytes; needed.")] = "",
    metadata: Annotated[str, Header(alias="Upload-Metadata", description="`filename` and its name in base 64; needed.")] = "",
) -> Response:
    """Checks the size and the disk first; `Location` is where the pieces go."""
    _check_version(version)
    partial = service_of(request).resumable.begin(_filename(metadata), _number("Upload-Length", length))
    return Response(status_code=201, headers={"location": f"/api/v1/tus/{partial.id}", **_headers(partial)})


@router.head("/{partial_id}", status_code=200, response_class=Response, summary="Ask for the offset")
def offset_of(request: Request, partial_id: str, version: Version = None) -> Response:
    """`Upload-Offset` says how many bytes are safe; `Upload-Id` is there when the file is whole."""
    _check_version(version)
    return Response(status_code=200, headers=_headers(service_of(request).resumable.state(partial_id)))


@router.get("/{partial_id}", response_model=PartialUpload, summary="Show an upload in pieces")
def show(request: Request, partial_id: str) -> dict[str, Any]:
    """The same as JSON."""
    return partial_document(service_of(request).resumable.state(partial_id))


@router.patch(
    "/{partial_id}", status_code=204, response_class=Response, openapi_extra=binary_body(PIECE_TYPE), summary="Send a piece"
)
async def append(
    request: Request,
    partial_id: str,
    version: Version = None,
    offset: Annotated[str, Header(alias="Upload-Offset", description="Where the piece begins; needed.")] = "",
    checksum: Annotated[str, Header(alias="Upload-Checksum", description="`sha256` and the digest in base 64.")] = "",
) -> Response:
    """A piece at the wrong offset is refused with 409, one with another checksum with 460. The last one makes the upload."""
    _check_version(version)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != PIECE_TYPE:
        raise PieceTypeRefused("unsupported_media_type", f"A piece is sent as {PIECE_TYPE}.", next_step="Set Content-Type so.")
    resumable, place, digest = service_of(request).resumable, _number("Upload-Offset", offset), _digest(checksum)
    partial = await with_body(request, lambda pieces: resumable.append(partial_id, place, pieces, digest))
    return Response(status_code=204, headers=_headers(partial))


@router.delete("/{partial_id}", status_code=204, response_class=Response, summary="Drop an upload in pieces")
def end(request: Request, partial_id: str, version: Version = None) -> Response:
    """Its bytes are deleted. An upload that is whole stays."""
    _check_version(version)
    service_of(request).resumable.end(partial_id)
    return Response(status_code=204, headers={"tus-resumable": VERSION})


def _headers(partial: Partial) -> dict[str, str]:
    headers = {
        "tus-resumable": VERSION, "upload-offset": str(partial.offset), "upload-length": str(partial.length),
        "upload-expires": formatdate(partial.expires_at, usegmt=True),
    }  # fmt: skip
    return headers | ({"upload-id": partial.upload_id} if partial.upload_id else {})


def _check_version(version: str | None) -> None:
    if version != VERSION:
        raise VersionRefused("tus_version", f"This service speaks tus {VERSION}.", why="The header Tus-Resumable says otherwise.",
                             next_step=f"Send Tus-Resumable: {VERSION}.")  # fmt: skip


def _number(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise UsageError("invalid_request", f"{name} must be a number of bytes.", next_step=f"Send {name} as a whole number.")
    return int(text)


def _filename(metadata: str) -> str:
    """The entry ``filename`` of Upload-Metadata; raises UsageError when there is none that can be read."""
    for pair in metadata.split(","):
        key, _, value = pair.strip().partition(" ")
        if key == "filename":
            try:
                return base64.b64decode(value, validate=True).decode("utf-8")
            except (binascii.Error, UnicodeDecodeError):
                break
    raise UsageError("no_filename", "The file's name is missing.", why="Its suffix says how to read it.",
                     next_step="Send Upload-Metadata: filename and the name in base 64.")  # fmt: skip


def _digest(checksum: str) -> bytes | None:
    if not checksum:
        return None
    algorithm, _, value = checksum.partition(" ")
    try:
        digest = base64.b64decode(value, validate=True)
    except binascii.Error:
        digest = b""
    if algorithm != "sha256" or len(digest) != 32:
        raise UsageError("bad_checksum", "Upload-Checksum is not a SHA-256 in base 64.",
                         next_step="Send sha256, a space, and the digest in base 64.")  # fmt: skip
    return digest
