"""The plugins there are, and each one's settings, limits and hashes."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from harness_api.pages.rendering import pages_of
from harness_api.service import service_of
from harness_core.services.plugins import list_plugins, show_plugin

router = APIRouter()


@router.get("/plugins", response_class=HTMLResponse)
def plugins(request: Request) -> HTMLResponse:
    found = list_plugins(service_of(request).core.catalog)
    invalid = sum(1 for item in found if not item["valid"])
    title = f"{invalid} invalid · Plugins" if invalid else "Plugins"
    return pages_of(request).page(request, "plugins.html", title, plugins=found)


@router.get("/plugins/{plugin_id}", response_class=HTMLResponse)
def plugin(request: Request, plugin_id: str) -> HTMLResponse:
    found = show_plugin(service_of(request).core.catalog, plugin_id)
    return pages_of(request).page(request, "plugin.html", f"{plugin_id} · Plugins", plugin=found)
