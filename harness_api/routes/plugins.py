"""Plugins: what there is, and everything about one."""

from typing import Any

from fastapi import APIRouter, Request

from harness_api.models import Decided, PluginList
from harness_api.service import service_of
from harness_core.bootstrap import Core
from harness_core.domain.plugins import Plugin, PluginId
from harness_core.services.plugins import Health, ask_health, decide, list_plugins, no_such_plugin, show_plugin, switch

router = APIRouter(prefix="/api/v1/plugins", tags=["plugins"])


@router.get("", response_model=PluginList, summary="List plugins")
def plugins(request: Request) -> dict[str, Any]:
    """Every plugin folder: the valid ones by id, then the invalid ones with the number of their problems."""
    core = service_of(request).core
    return {"plugins": list_plugins(core.catalog, core.grants.decisions()), "next": None}


@router.get("/{plugin_id}", response_model=dict[str, Any], summary="Show a plugin")
def plugin(request: Request, plugin_id: str) -> dict[str, Any]:
    """Version, hashes, limits, capabilities, and the schemas of its settings and its result."""
    core = service_of(request).core
    return show_plugin(core.catalog, plugin_id, core.grants.decisions())


@router.post("/{plugin_id}/health", response_model=dict[str, Any], summary="Ask a plugin how it is")
def health(request: Request, plugin_id: str) -> dict[str, Any]:
    """Calls its `health()` in a process of its own: `ok`, `degraded`, `unhealthy`, or `none` where it offers none."""
    core = service_of(request).core
    found = health_of(core, plugin_of(core, plugin_id))
    return {"plugin_id": plugin_id, "state": found.state, "sentence": found.sentence, "loads": found.loads}


@router.post("/{plugin_id}/grants", response_model=dict[str, Any], summary="Grant and revoke capabilities of a plugin")
def grants(request: Request, plugin_id: str, decided: Decided) -> dict[str, Any]:
    """For runs submitted from now on. 422 for a capability that its manifest does not ask for."""
    core = service_of(request).core
    plugin_of(core, plugin_id)
    for names, granted in ((decided.grant, True), (decided.revoke, False)):
        if names:
            decide(core.catalog, core.grants, plugin_id, names, granted=granted)
    return {"plugin_id": plugin_id, "capabilities": show_plugin(core.catalog, plugin_id, core.grants.decisions())["capabilities"]}


@router.post("/{plugin_id}/enable", response_model=dict[str, Any], summary="Enable a plugin")
def enable(request: Request, plugin_id: str) -> dict[str, Any]:
    """It takes part in runs submitted from now on."""
    return _switched(request, plugin_id, enabled=True)


@router.post("/{plugin_id}/disable", response_model=dict[str, Any], summary="Disable a plugin")
def disable(request: Request, plugin_id: str) -> dict[str, Any]:
    """It takes part in no run submitted from now on, and nothing that builds on it is planned."""
    return _switched(request, plugin_id, enabled=False)


def _switched(request: Request, plugin_id: str, *, enabled: bool) -> dict[str, Any]:
    core = service_of(request).core
    switch(core.catalog, core.grants, plugin_id, enabled=enabled)
    return {"plugin_id": plugin_id, "enabled": enabled}


def plugin_of(core: Core, plugin_id: str) -> Plugin:
    """Raises NotFound."""
    found = core.catalog.plugins().get(PluginId(plugin_id))
    if found is None:
        raise no_such_plugin(core.catalog, plugin_id)
    return found


def health_of(core: Core, plugin: Plugin) -> Health:
    """What it says, asked in a scratch folder of its own."""
    return ask_health(plugin, core.launcher, core.store, core.names)
