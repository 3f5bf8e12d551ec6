"""The application: routes, pages, the gate before them, and one way to answer for errors. No state outlives an app."""

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from harness_api.description import KNOWN_KEYS, described
from harness_api.gate import Gate
from harness_api.guards import Hosts
from harness_api.pages import pages
from harness_api.pages.rendering import Pages
from harness_api.problems import as_response, document_of, wants_page
from harness_api.routes import datasets, events, files, keeping, knowledge, monitoring, plugins, proof, results, runs, tus, uploads
from harness_api.service import Service, open_service
from harness_core import __version__
from harness_core.bootstrap import Core, product_folder

if TYPE_CHECKING:
    from harness_worker.runtime import WorkerRuntime

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
ROUTERS: tuple[APIRouter, ...] = (
    uploads.router,
    tus.router,
    runs.router,
    events.router,
    files.router,
    results.router,
    datasets.router,
    proof.router,
    keeping.router,
    knowledge.router,
    plugins.router,
    monitoring.router,
)


def create_app(core: Core, runtime: "WorkerRuntime | None" = None, *, host: str | None = None) -> FastAPI:
    """An application over ``core``.

    ``runtime`` is the embedded worker, for what is said about draining; it is not started. ``host`` is the address that is
    listened on, which decides the names it answers to; the setting's unless given.
    """
    app = api_routes()
    service = open_service(core, runtime)
    app.state.service = service
    app.state.pages = Pages(product_folder("ui_static"))
    for router in pages():
        app.include_router(router, include_in_schema=False)
    _answer_for_errors(app, service, Hosts(core.settings.host if host is None else host))
    return app


def api_routes() -> FastAPI:
    """The API alone, with its description and nothing behind it."""
    app = FastAPI(
        title="Statistic Harness",
        version=__version__,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    for router in ROUTERS:
        app.include_router(router)
    app.openapi = described(app)  # type: ignore[method-assign]
    return app


def _methods_taken(app: FastAPI, request: Request) -> list[str]:
    """What the address takes by all its routes; the framework would name those of the first alone."""
    return [
        method
        for method in METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in app.routes)
    ]


def _answer_for_errors(app: FastAPI, service: Service, hosts: Hosts) -> None:
    """Whatever is raised anywhere is told in one place: what handlers raise inside, what the gate refuses outside."""

    def explain(request: Request, failure: Exception) -> Response:
        document, headers = document_of(failure, KNOWN_KEYS)
        if document["status"] == HTTPStatus.METHOD_NOT_ALLOWED:
            headers = {"allow": ", ".join(_methods_taken(app, request))}
        if wants_page(request):
            shown: Response = app.state.pages.error(request, document)
            shown.headers.update(headers)
            return shown
        return as_response(document, headers)

    def in_handler(request: Request, failure: Any) -> Response:
        return explain(request, failure)

    from fastapi.exceptions import RequestValidationError
    from starlette.exceptions import HTTPException

    for kind in (HTTPException, RequestValidationError):
        app.add_exception_handler(kind, in_handler)
    app.add_middleware(Gate, service=service, hosts=hosts, explain=explain)
