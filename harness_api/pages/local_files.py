"""Files on this machine: browsing the folders that the settings allow, and reading one in without sending it over HTTP."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from harness_api.pages.forms import posted
from harness_api.pages.rendering import pages_of
from harness_api.service import service_of

router = APIRouter()


@router.get("/files", response_class=HTMLResponse)
def files_page(request: Request, folder: Annotated[int, Query(ge=0, le=999)] = 0, path: str = "") -> HTMLResponse:
    """One folder; where several are allowed, the others stand beside it."""
    service = service_of(request)
    local = service.local_files
    entries = local.entries(folder, path) if local.folders else []
    parts = [part for part in path.split("/") if part]
    crumbs = [(part, "/".join(parts[: place + 1])) for place, part in enumerate(parts)]
    return pages_of(request).page(
        request, "local_files.html", "Files on this machine", folders=local.folders, folder=folder, path=path, crumbs=crumbs,
        entries=entries, now=service.core.clock.now(),
    )  # fmt: skip


@router.post("/files", response_class=HTMLResponse)
async def take_file(request: Request) -> Response:
    """Copies the file into the store, hashed on the way, and goes to where a run of it is started."""
    fields = await posted(request)
    return await run_in_threadpool(_take, request, fields)


def _take(request: Request, fields: list[tuple[str, str]]) -> Response:
    service = service_of(request)
    folder = next((value for name, value in fields if name == "folder"), "")
    chosen = [value for name, value in fields if name == "path"]
    number = int(folder) if folder.isascii() and folder.isdigit() else -1
    paths = [service.local_files.file(number, path) for path in chosen]
    for path in paths:
        service.resumable.check_room(path.stat().st_size)
    uploads = [service.core.uploading.take_file(path) for path in paths]
    if not uploads:
        return RedirectResponse("/files", status_code=303)
    return RedirectResponse("/start?" + urlencode([("upload", item.upload_id) for item in uploads]), status_code=303)
