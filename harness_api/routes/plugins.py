"""Plugins: what there is, and everything about one."""

from typing import Any

from fastapi import APIRouter, Request

from harness_api.models import PluginList
from harness_api.service import service_of
from harness_core.services.plugins import list_plugins, show_plugin

router = APIRouter(prefix="/api/v1/plugins", tags=["plugins"])


@router.get("", response_model=PluginList, summary="List plugins")
def plugins(request: Request) -> dict[str, Any]:
    """Every plugin folder: the valid ones by id, then the invalid ones with the number of their problems."""
    return {"plugins": list_plugins(service_of(request).core.catalog), "next": None}


@router.get("/{plugin_id}", response_model=dict[str, Any], summary="Show a plugin")
def plugin(request: Request, plugin_id: str) -> dict[str, Any]:
    """Version, hashes, limits, capabilities, and the schemas of its settings and its result."""
    core = service_of(request).core
    return show_plugin(core.catalog, plugin_id, core.grants.decisions())
