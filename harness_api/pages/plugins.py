"""The plugins there are, and each one's settings, limits and hashes."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from harness_api.pages.rendering import pages_of
from harness_api.service import service_of
from harness_core.bootstrap import Core
from harness_core.domain.plugins import Plugin
from harness_core.services.plugins import Health, list_plugins, plugin_health, show_plugin

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
    asked = {name: _health(core, plugin) for name, plugin in core.catalog.plugins().items()}
    unwell = sum(item.state in ("degraded", "unhealthy") for item in asked.values())
    title = f"{unwell} unwell · Plugins" if unwell else "All well · Plugins"
    return pages_of(request).page(request, "plugins.html", title, plugins=list_plugins(core.catalog), health=asked)


def _health(core: Core, plugin: Plugin) -> Health:
    name = core.names.fresh("health")
    try:
        return plugin_health(plugin, core.launcher, core.store.scratch(name))
    finally:
        core.store.drop_scratch(name)


@router.get("/plugins/{plugin_id}", response_class=HTMLResponse)
def plugin(request: Request, plugin_id: str) -> HTMLResponse:
    core = service_of(request).core
    found = show_plugin(core.catalog, plugin_id, core.grants.decisions())
    return pages_of(request).page(request, "plugin.html", f"{plugin_id} · Plugins", plugin=found)
