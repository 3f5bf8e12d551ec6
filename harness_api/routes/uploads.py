"""Uploads in one request: the body is the file, whatever its size."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from harness_api.bodies import with_body
from harness_api.documents import prospect_document, upload_document
from harness_api.models import Upload
from harness_api.service import service_of
from harness_core.services.submitting import Submission

router = APIRouter(prefix="/api/v1/uploads", tags=["uploads"])


def binary_body(media_type: str) -> dict[str, Any]:
    """How a body that is bytes is described."""
    return {"requestBody": {"required": True, "content": {media_type: {"schema": {"type": "string", "format": "binary"}}}}}


@router.post(
    "", status_code=201, response_model=Upload, openapi_extra=binary_body("application/octet-stream"), summary="Upload a file"
)
async def create_upload(
    request: Request,
    response: Response,
    filename: Annotated[str, Query(min_length=1, max_length=1000, description="The file's name; its suffix says how to read it.")],
) -> dict[str, Any]:
    """The body is the file. The disk is looked at first.

    It is hashed while it is written and checked from disk; a broken upload leaves nothing behind.
    """
    service = service_of(request)
    promised = request.headers.get("content-length", "")
    service.resumable.check_room(int(promised) if promised.isdigit() else 0)
    uploading = service.core.uploading
    upload = await with_body(request, lambda pieces: uploading.take(pieces, filename, filename))
    response.headers["location"] = f"/api/v1/uploads/{upload.upload_id}"
    return upload_document(upload)


@router.get("/{upload_id}", response_model=Upload, summary="Show an upload")
def show_upload(request: Request, upload_id: str) -> dict[str, Any]:
    """Name, size and hash of a file that was taken in."""
    return upload_document(service_of(request).core.library.upload(upload_id))


@router.get("/{upload_id}/prospect", response_model=dict[str, Any], summary="Look at an upload")
def look_at_upload(request: Request, upload_id: str) -> dict[str, Any]:
    """What the file is, its first rows, and the plan a run with default settings would have. Nothing is recorded."""
    return prospect_document(service_of(request).core.submitting.prospect(Submission([upload_id])))
