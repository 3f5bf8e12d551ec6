"""Presets: listed, compared, written, changed and removed; what was removed can be put back."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from harness_api.pages.forms import posted
from harness_api.pages.remembered import removed_page
from harness_api.pages.remembered_forms import (
    LOOKED_AT,
    Fields,
    kept_form,
    recent_runs,
    roles_from,
    setting_rows,
    settings_of_form,
    typed_form,
)
from harness_api.pages.rendering import pages_of
from harness_api.pages.run_frame import param
from harness_api.remembering import preset_record
from harness_api.service import service_of
from harness_core.domain.errors import HarnessError, UsageError
from harness_core.domain.presets import Preset
from harness_core.domain.remembered import with_roles

router = APIRouter()


@router.get("/presets", response_class=HTMLResponse)
def presets_page(request: Request) -> HTMLResponse:
    core = service_of(request).core
    runs = recent_runs(core)
    found = [
        {**preset_record(core, item), "used": sum(item.name in run.config.presets for run in runs)}
        for item in core.knowledge.presets()
    ]
    names = {item.format_id: item.name for item in core.knowledge.formats()}
    return pages_of(request).page(request, "presets.html", "Presets", presets=found, names=names, most=LOOKED_AT)


@router.get("/new/preset", response_class=HTMLResponse)
def new_preset(request: Request) -> HTMLResponse:
    """An empty form, or one with the settings of the run that the address names."""
    core = service_of(request).core
    run_id = param(request, "run", 60)
    settings = core.presets.settings_of_run(core.runs.get(run_id)) if run_id else {}
    return _edit(request, Preset("", settings), is_new=True)


@router.get("/presets/{name}", response_class=HTMLResponse)
def preset_page(request: Request, name: str) -> HTMLResponse:
    """What it holds and what it changes: against the defaults, another preset, or with an ERP beneath, as the address says."""
    core = service_of(request).core
    found = core.knowledge.preset(name)
    record = preset_record(core, found)
    against, erp = param(request, "against", 64) or None, param(request, "erp", 64) or None
    changes = core.presets.diff(name, against=against, erp=erp) if record["usable"] else None
    return pages_of(request).page(
        request, "preset.html", f"{name} · Presets", preset=record, changes=changes, against=against, erp=erp,
        rows=setting_rows(found.settings), others=[item.name for item in core.knowledge.presets() if item.name != name],
        erps=[item.name for item in core.knowledge.erps()], most=LOOKED_AT,
        format_name=core.knowledge.raw_format(found.raw_format).name if found.raw_format else None,
        runs=[run for run in recent_runs(core) if name in run.config.presets],
    )  # fmt: skip


@router.get("/presets/{name}/edit", response_class=HTMLResponse)
def edit_preset(request: Request, name: str) -> HTMLResponse:
    return _edit(request, service_of(request).core.knowledge.preset(name), is_new=False)


def _edit(
    request: Request, preset: Preset, *, is_new: bool, fields: Fields = (), refused: HarnessError | None = None
) -> HTMLResponse:
    core = service_of(request).core
    form = typed_form(core, fields, refused) if refused else kept_form(core, preset.settings, preset.roles, preset.notes)
    chosen = dict(fields).get("format", preset.raw_format)
    return pages_of(request).page(
        request, "preset_edit.html", "New preset" if is_new else f"Change {preset.name} · Presets", form=form, is_new=is_new,
        name=preset.name, refused=refused, formats=[(item.format_id, item.name) for item in core.knowledge.formats()],
        chosen=chosen, http_status=refused.http_status if refused else 200,
    )  # fmt: skip


@router.post("/presets", response_class=HTMLResponse)
async def create_preset(request: Request) -> Response:
    fields = await posted(request)
    return await run_in_threadpool(_save, request, dict(fields).get("name", "").strip(), fields, is_new=True)


@router.post("/presets/{name}", response_class=HTMLResponse)
async def save_preset(request: Request, name: str) -> Response:
    """In its place, with the hashes of the schemas as they are now."""
    return await run_in_threadpool(_save, request, name, await posted(request), is_new=False)


def _save(request: Request, name: str, fields: Fields, *, is_new: bool) -> Response:
    core = service_of(request).core
    before = Preset(name) if is_new else core.knowledge.preset(name)
    last = dict(fields)
    try:
        settings, roles = settings_of_form(core, fields), with_roles(before.roles, roles_from(fields))
        if not settings and not roles:
            raise UsageError("empty_preset", "A preset without settings changes nothing.",
                             next_step="Set at least one setting, or give a column a role.")  # fmt: skip
        core.presets.save(name, settings, roles, last.get("notes", ""), last.get("format", ""), replace=not is_new)
    except UsageError as refused:
        return _edit(request, before, is_new=is_new, fields=fields, refused=refused)
    return RedirectResponse(f"/presets/{name}", status_code=303)


@router.post("/presets/{name}/remove", response_class=HTMLResponse)
def remove_preset(request: Request, name: str) -> HTMLResponse:
    knowledge = service_of(request).core.knowledge
    document: dict[str, Any] = knowledge.preset(name).document()
    knowledge.remove_preset(name)
    return removed_page(request, "preset", "/presets", document)
