"""The plugins there are, and each one's settings, limits and hashes."""

from collections.abc import Sequence
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from harness_api.pages.forms import posted
from harness_api.pages.rendering import pages_of
from harness_api.routes.plugins import health_of, plugin_of
from harness_api.service import service_of
from harness_core.bootstrap import Core
from harness_core.services.plugins import Health, decide, list_plugins, show_plugin

STATES = {"ok": "Well", "none": "Loads", "degraded": "Degraded", "unhealthy": "Unhealthy"}
router = APIRouter()


@router.get("/plugins", response_class=HTMLResponse)
def plugins(request: Request) -> HTMLResponse:
    found = list_plugins(service_of(request).core.catalog)
    invalid = sum(1 for item in found if not item["valid"])
    title = f"{invalid} invalid · Plugins" if invalid else "Plugins"
    return pages_of(request).page(request, "plugins.html", title, plugins=found, health={})


@router.post("/plugins", response_class=HTMLResponse)
def plugins_health(request: Request) -> HTMLResponse:
    """The same list, each valid plugin asked how it is: imported and called in a process of its own."""
    core = service_of(request).core
    asked = {name: health_of(core, plugin) for name, plugin in core.catalog.plugins().items()}
    unwell = sum(item.state in ("degraded", "unhealthy") for item in asked.values())
    title = f"{unwell} unwell · Plugins" if unwell else "All well · Plugins"
    return pages_of(request).page(request, "plugins.html", title, plugins=list_plugins(core.catalog), health=asked)


@router.get("/plugins/{plugin_id}", response_class=HTMLResponse)
def plugin(request: Request, plugin_id: str) -> HTMLResponse:
    return _shown(request, plugin_id, None)


@router.post("/plugins/{plugin_id}/health", response_class=HTMLResponse)
def plugin_health(request: Request, plugin_id: str) -> HTMLResponse:
    """The same page, with what the plugin says of itself."""
    core = service_of(request).core
    return _shown(request, plugin_id, health_of(core, plugin_of(core, plugin_id)))


@router.post("/plugins/{plugin_id}/grants", response_class=HTMLResponse)
async def plugin_grants(request: Request, plugin_id: str) -> Response:
    """``grant`` or ``revoke`` names the capability; the other button undoes it."""
    fields = await posted(request)
    return await run_in_threadpool(_decide, service_of(request).core, plugin_id, fields)


def _decide(core: Core, plugin_id: str, fields: Sequence[tuple[str, str]]) -> RedirectResponse:
    plugin_of(core, plugin_id)
    for name, capability in fields:
        if name in ("grant", "revoke"):
            decide(core.catalog, core.grants, plugin_id, [capability], granted=name == "grant")
    return RedirectResponse(f"/plugins/{quote(plugin_id)}", status_code=303)


def _shown(request: Request, plugin_id: str, health: Health | None) -> HTMLResponse:
    core = service_of(request).core
    found = show_plugin(core.catalog, plugin_id, core.grants.decisions())
    title = f"{plugin_id} · Plugins" if health is None else f"{STATES[health.state]} · {plugin_id} · Plugins"
    return pages_of(request).page(request, "plugin.html", title, plugin=found, health=health)
