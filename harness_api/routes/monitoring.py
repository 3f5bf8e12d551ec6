"""What monitors ask: alive, ready, measured; and the token for changes that a browser asks for from elsewhere."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from harness_api.guards import COOKIE, fresh_token
from harness_api.problems import as_response, problem_document
from harness_api.service import service_of
from harness_core import __version__
from harness_core.services.health import Readiness
from harness_core.services.metrics import exposition

router = APIRouter(tags=["monitoring"])
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
NOT_READY = {503: {"description": "Not ready: a problem whose `checks` say why."}}


@router.get("/healthz", response_model=dict[str, Any], summary="Alive")
async def healthz() -> dict[str, Any]:
    """The process is alive: it answers without any input or output."""
    return {"ok": True, "status": "alive", "version": __version__}


@router.get("/readyz", response_model=dict[str, Any], responses=dict(NOT_READY), summary="Ready")  # type: ignore[arg-type]
def readyz(
    request: Request, strict: Annotated[bool, Query(description="Count warnings, such as no worker, as not ready.")] = False
) -> Response:
    """Whether work can be taken: the database answers, its schema is current, there is disk, and the service is not stopping."""
    service = service_of(request)
    readiness = service.examining.readiness(draining=service.draining)
    if readiness.ready(strict=strict):
        return JSONResponse(readiness.as_dict(strict=strict))
    return as_response(_not_ready(readiness, strict))


def _not_ready(readiness: Readiness, strict: bool) -> dict[str, Any]:
    """The same as a problem: every check that stands against being ready is one of its ``problems``."""
    against = [check for check in readiness.checks if check.level == "failed" or (strict and check.level == "warning")]
    document = problem_document(
        503, "not_ready", "The service cannot take work now.",
        detail=" ".join(check.reason for check in against), next_step=against[0].next_step,
        problems=[{"where": check.name, "field": "", "reason": check.reason, "remedy": check.next_step} for check in against],
    )  # fmt: skip
    return {**readiness.as_dict(strict=strict), **document}


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"description": "Prometheus text.", "content": {"text/plain": {"schema": {"type": "string"}}}}},
    summary="Metrics",
)
def metrics(request: Request) -> Response:
    """Prometheus text; each family explains itself."""
    service = service_of(request)
    return Response(exposition([*service.measuring.metrics(), *service.meter.metrics()]), media_type=PROMETHEUS)


@router.get("/api/v1/csrf-token", response_model=dict[str, str], summary="A token for changes")
def csrf_token(request: Request, response: Response) -> dict[str, str]:
    """Send it as X-CSRF-Token, together with the cookie that comes with it."""
    nonce, token = fresh_token(service_of(request).csrf_secret)
    response.set_cookie(COOKIE, nonce, httponly=True, samesite="strict", path="/")
    return {"token": token}
