"""The plugins there are: each one's settings, limits and hashes, whether it is well, where it ran, and whether it may run."""

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
from harness_core.domain.runs import Execution, Run
from harness_core.services.plugin_validation import Validation, validate_plugins
from harness_core.services.plugins import Health, decide, list_plugins, show_plugin, switch

LOOKED_AT = 40
STATES = {"ok": "Well", "none": "Loads", "degraded": "Degraded", "unhealthy": "Unhealthy"}
router = APIRouter()


@router.get("/plugins", response_class=HTMLResponse)
def plugins(request: Request) -> HTMLResponse:
    core = service_of(request).core
    found = list_plugins(core.catalog, core.grants.decisions())
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
    found = list_plugins(core.catalog, core.grants.decisions())
    return pages_of(request).page(request, "plugins.html", title, plugins=found, health=asked)


@router.get("/plugins/{plugin_id}", response_class=HTMLResponse)
def plugin(request: Request, plugin_id: str) -> HTMLResponse:
    return _shown(request, plugin_id)


@router.post("/plugins/{plugin_id}/health", response_class=HTMLResponse)
def plugin_health(request: Request, plugin_id: str) -> HTMLResponse:
    """The same page, with what the plugin says of itself."""
    core = service_of(request).core
    return _shown(request, plugin_id, health=health_of(core, plugin_of(core, plugin_id)))


@router.post("/plugins/{plugin_id}/validate", response_class=HTMLResponse)
def plugin_validation(request: Request, plugin_id: str) -> HTMLResponse:
    """The same page, with everything that `harness plugins validate` looks at."""
    core = service_of(request).core
    plugin_of(core, plugin_id)
    scratch = core.store.scratch(core.names.fresh("inspect"))
    try:
        (verdict,) = validate_plugins(core.catalog, core.launcher, [plugin_id], scratch)
    finally:
        core.store.drop_scratch(scratch.name)
    return _shown(request, plugin_id, validation=verdict)


@router.get("/plugins/{plugin_id}/disable", response_class=HTMLResponse)
def plugin_disable_question(request: Request, plugin_id: str) -> HTMLResponse:
    """Asks before it is disabled."""
    core = service_of(request).core
    plugin_of(core, plugin_id)
    found = show_plugin(core.catalog, plugin_id, core.grants.decisions())
    return pages_of(request).page(request, "plugin_disable.html", f"Disable this plugin? · {plugin_id}", plugin=found)


@router.post("/plugins/{plugin_id}/disable", response_class=HTMLResponse)
def plugin_disable(request: Request, plugin_id: str) -> RedirectResponse:
    """Does it; the plugin's page undoes it."""
    return _switched(request, plugin_id, enabled=False)


@router.post("/plugins/{plugin_id}/enable", response_class=HTMLResponse)
def plugin_enable(request: Request, plugin_id: str) -> RedirectResponse:
    return _switched(request, plugin_id, enabled=True)


def _switched(request: Request, plugin_id: str, *, enabled: bool) -> RedirectResponse:
    core = service_of(request).core
    switch(core.catalog, core.grants, plugin_id, enabled=enabled)
    return RedirectResponse(f"/plugins/{quote(plugin_id)}", status_code=303)


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


def _shown(
    request: Request, plugin_id: str, health: Health | None = None, validation: Validation | None = None
) -> HTMLResponse:  # fmt: skip
    core = service_of(request).core
    found = show_plugin(core.catalog, plugin_id, core.grants.decisions())
    title = f"{plugin_id} · Plugins" if health is None else f"{STATES[health.state]} · {plugin_id} · Plugins"
    if validation is not None:
        title = f"{'Valid' if validation.ok else 'Invalid'} · {title}"
    looked_at, ran = _where_it_ran(core, plugin_id)
    return pages_of(request).page(
        request, "plugin.html", title, plugin=found, health=health, validation=validation, ran=ran, looked_at=looked_at
    )


def _where_it_ran(core: Core, plugin_id: str) -> tuple[int, list[tuple[Run, Execution]]]:
    """How many of the newest runs were looked at, and those that planned it, with what became of it there."""
    newest = core.runs.page(limit=LOOKED_AT).runs
    found = ((run, item) for run in newest for item in core.runs.executions(run.run_id) if item.plugin_id == plugin_id)
    return len(newest), list(found)
