"""Raw formats: files with the same header, with what is remembered of them; taught, named, changed and removed."""

from dataclasses import replace
from typing import Any
from urllib.parse import quote

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
from harness_api.service import service_of
from harness_core.bootstrap import Core
from harness_core.domain.errors import HarnessError, UsageError
from harness_core.domain.formats import RawFormat
from harness_core.domain.remembered import check_name, with_roles

MOST_DATASETS = 100
router = APIRouter()


@router.get("/formats", response_class=HTMLResponse)
def formats_page(request: Request) -> HTMLResponse:
    core = service_of(request).core
    runs = recent_runs(core)
    found = core.knowledge.formats()
    used = {item.format_id: sum(run.config.raw_format == item.format_id for run in runs) for item in found}
    datasets, _ = core.library.dataset_versions(limit=MOST_DATASETS)
    return pages_of(request).page(
        request, "formats.html", "Raw formats", formats=found, used=used, most=LOOKED_AT, datasets=datasets
    )


@router.post("/formats", response_class=HTMLResponse)
async def teach(request: Request) -> Response:
    """Give the columns of a dataset version a name; a name that is there learns them too."""
    fields = dict(await posted(request))
    return await run_in_threadpool(_teach, service_of(request).core, fields.get("name", "").strip(), fields.get("dataset", ""))


def _teach(core: Core, name: str, dataset: str) -> RedirectResponse:
    version = core.library.dataset_version(dataset)
    found, _ = core.formats.teach(name, core.formats.header_of_dataset(version), version.filename)
    return RedirectResponse(f"/formats/{quote(found.name)}", status_code=303)


@router.get("/formats/{name}", response_class=HTMLResponse)
def format_page(request: Request, name: str) -> HTMLResponse:
    core = service_of(request).core
    found = core.knowledge.raw_format(name)
    return pages_of(request).page(
        request, "format.html", f"{found.name} · Raw formats", raw_format=found, rows=setting_rows(found.settings), most=LOOKED_AT,
        presets=[item.name for item in core.presets.for_format(found.format_id)],
        runs=[run for run in recent_runs(core) if run.config.raw_format == found.format_id],
    )  # fmt: skip


@router.get("/formats/{name}/edit", response_class=HTMLResponse)
def edit_format(request: Request, name: str) -> HTMLResponse:
    return _edit(request, service_of(request).core.knowledge.raw_format(name))


def _edit(request: Request, raw_format: RawFormat, fields: Fields = (), refused: HarnessError | None = None) -> HTMLResponse:
    core = service_of(request).core
    columns = [column for header in raw_format.headers for column, _ in header]
    form = (
        typed_form(core, fields, refused)
        if refused
        else kept_form(core, raw_format.settings, raw_format.roles, raw_format.notes, columns)
    )
    return pages_of(request).page(
        request, "format_edit.html", f"Change {raw_format.name} · Raw formats", form=form, raw_format=raw_format, refused=refused,
        name=dict(fields).get("name", raw_format.name), http_status=refused.http_status if refused else 200,
    )  # fmt: skip


@router.post("/formats/{name}", response_class=HTMLResponse)
async def save_format(request: Request, name: str) -> Response:
    return await run_in_threadpool(_save, request, name, await posted(request))


def _save(request: Request, name: str, fields: Fields) -> Response:
    core, last = service_of(request).core, dict(fields)
    before = core.knowledge.raw_format(name)
    called = last.get("name", "").strip() or before.name
    try:
        changed = replace(
            before, name=check_name(called, "a raw format"), notes=last.get("notes", "").strip(),
            settings=settings_of_form(core, fields), roles=with_roles(before.roles, roles_from(fields)),
        )  # fmt: skip
        core.formats.save(changed, replace_=True)
    except UsageError as refused:
        return _edit(request, before, fields, refused)
    return RedirectResponse(f"/formats/{quote(called)}", status_code=303)


@router.post("/formats/{name}/remove", response_class=HTMLResponse)
def remove_format(request: Request, name: str) -> HTMLResponse:
    knowledge = service_of(request).core.knowledge
    found = knowledge.raw_format(name)
    document: dict[str, Any] = found.document()
    knowledge.remove_format(found.format_id)
    return removed_page(request, "raw format", "/formats", document)
