"""Serves the static files: for good when asked for by their version, else to be asked for again."""

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

router = APIRouter()


@router.get("/static/{name:path}")
async def static_file(request: Request, name: str, v: str = "") -> Response:
    asset = request.app.state.pages.assets.get(name)
    if asset is None:
        raise HTTPException(404)
    etag = f'"{asset.sha256}"'
    lasting = "public, max-age=31536000, immutable" if v == asset.version else "no-cache"
    headers = {"etag": etag, "cache-control": lasting, "vary": "accept-encoding"}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(asset.packed, media_type=asset.media_type, headers={**headers, "content-encoding": "gzip"})
    return Response(asset.data, media_type=asset.media_type, headers=headers)


@router.get("/favicon.ico")
async def favicon(request: Request) -> Response:
    return await static_file(request, "icon.svg")
