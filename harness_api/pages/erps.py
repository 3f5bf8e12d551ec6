"""ERPs: the systems that files come from, with known issues, settings and roles for all of their files."""

from dataclasses import replace
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
from harness_api.service import service_of
from harness_core.domain.erp import Erp, KnownIssue
from harness_core.domain.errors import HarnessError, NotFound, UsageError
from harness_core.domain.remembered import with_roles
from harness_core.sdk.contract import KINDS, SEVERITIES

NEW_ISSUE = KnownIssue("", "", "")
ISSUE_TEXTS = ("id", "kind", "title", "condition", "pattern", "severity", "note", "recommendation")
router = APIRouter()


@router.get("/erps", response_class=HTMLResponse)
def erps_page(request: Request) -> HTMLResponse:
    core = service_of(request).core
    runs = recent_runs(core)
    used = {item.name: sum(run.config.erp == item.name for run in runs) for item in core.knowledge.erps()}
    return pages_of(request).page(request, "erps.html", "ERPs", erps=core.knowledge.erps(), used=used, most=LOOKED_AT)


@router.get("/new/erp", response_class=HTMLResponse)
def new_erp(request: Request) -> HTMLResponse:
    return _edit(request, Erp(""), is_new=True)


@router.get("/erps/{name}", response_class=HTMLResponse)
def erp_page(request: Request, name: str) -> HTMLResponse:
    core = service_of(request).core
    found = core.knowledge.erp(name)
    return pages_of(request).page(
        request, "erp.html", f"{found.title or name} · ERPs", erp=found, rows=setting_rows(found.settings), most=LOOKED_AT,
        runs=[run for run in recent_runs(core) if run.config.erp == name],
    )  # fmt: skip


@router.get("/erps/{name}/edit", response_class=HTMLResponse)
def edit_erp(request: Request, name: str) -> HTMLResponse:
    return _edit(request, service_of(request).core.knowledge.erp(name), is_new=False)


def _edit(request: Request, erp: Erp, *, is_new: bool, fields: Fields = (), refused: HarnessError | None = None) -> HTMLResponse:
    core = service_of(request).core
    form = typed_form(core, fields, refused) if refused else kept_form(core, erp.settings, erp.roles, erp.notes)
    return pages_of(request).page(
        request, "erp_edit.html", "New ERP" if is_new else f"Change {erp.name} · ERPs", form=form, is_new=is_new, name=erp.name,
        title_=dict(fields).get("title", erp.title), refused=refused, http_status=refused.http_status if refused else 200,
    )  # fmt: skip


@router.post("/erps", response_class=HTMLResponse)
async def create_erp(request: Request) -> Response:
    fields = await posted(request)
    return await run_in_threadpool(_save, request, dict(fields).get("name", "").strip(), fields, is_new=True)


@router.post("/erps/{name}", response_class=HTMLResponse)
async def save_erp(request: Request, name: str) -> Response:
    return await run_in_threadpool(_save, request, name, await posted(request), is_new=False)


def _save(request: Request, name: str, fields: Fields, *, is_new: bool) -> Response:
    core, last = service_of(request).core, dict(fields)
    before = Erp(name) if is_new else core.knowledge.erp(name)
    try:
        changed = replace(
            before, title=last.get("title", "").strip(), notes=last.get("notes", "").strip(),
            settings=settings_of_form(core, fields), roles=with_roles(before.roles, roles_from(fields)),
        )  # fmt: skip
        core.erps.add(changed) if is_new else core.erps.save(changed, replace_=True)
    except UsageError as refused:
        return _edit(request, before, is_new=is_new, fields=fields, refused=refused)
    return RedirectResponse(f"/erps/{name}", status_code=303)


@router.post("/erps/{name}/remove", response_class=HTMLResponse)
def remove_erp(request: Request, name: str) -> HTMLResponse:
    knowledge = service_of(request).core.knowledge
    document: dict[str, Any] = knowledge.erp(name).document()
    knowledge.remove_erp(name)
    return removed_page(request, "ERP", "/erps", document)


@router.get("/erps/{name}/issue", response_class=HTMLResponse)
def issue_page(request: Request, name: str, id: str = "") -> HTMLResponse:  # noqa: A002 - the word of the URL
    """A known issue to be changed, or an empty form for a new one."""
    erp = service_of(request).core.knowledge.erp(name)
    found = next((item for item in erp.known_issues if item.id == id), None)
    if id and found is None:
        raise NotFound("no_such_issue", f"The ERP {name} has no known issue {id[:64]!r}.",
                       next_step="See the issues of the ERP.")  # fmt: skip
    return _issue_form(request, erp, found or NEW_ISSUE)


def _issue_form(request: Request, erp: Erp, issue: KnownIssue, refused: HarnessError | None = None) -> HTMLResponse:
    return pages_of(request).page(
        request, "issue_edit.html", f"{issue.id or 'New known issue'} · {erp.name}", erp=erp, issue=issue, kinds=KINDS,
        severities=SEVERITIES, refused=refused, is_new=all(item.id != issue.id for item in erp.known_issues),
        http_status=refused.http_status if refused else 200,
    )  # fmt: skip


@router.post("/erps/{name}/issue", response_class=HTMLResponse)
async def save_issue(request: Request, name: str) -> Response:
    return await run_in_threadpool(_save_issue, request, name, await posted(request))


def _save_issue(request: Request, name: str, fields: Fields) -> Response:
    core, last = service_of(request).core, dict(fields)
    columns = [line.strip() for line in last.get("columns", "").splitlines() if line.strip()]
    raw: dict[str, Any] = {key: last[key].strip() for key in ISSUE_TEXTS if last.get(key, "").strip()}
    raw |= {"columns": columns} if columns else {}
    try:
        core.erps.put_issue(name, raw)
    except NotFound:
        raise
    except UsageError as refused:
        typed = KnownIssue(**{key: last.get(key, "") for key in ISSUE_TEXTS}, columns=tuple(columns))
        return _issue_form(request, core.knowledge.erp(name), typed, refused)
    return RedirectResponse(f"/erps/{name}#issues-title", status_code=303)


@router.post("/erps/{name}/issue/remove", response_class=HTMLResponse)
async def remove_issue(request: Request, name: str) -> HTMLResponse:
    """Gone from the ERP; the page that says so has the form that puts it back."""
    issue_id = dict(await posted(request)).get("id", "")
    return await run_in_threadpool(_remove_issue, request, name, issue_id)


def _remove_issue(request: Request, name: str, issue_id: str) -> HTMLResponse:
    core = service_of(request).core
    issue = next((item for item in core.knowledge.erp(name).known_issues if item.id == issue_id), NEW_ISSUE)
    erp, _ = core.erps.drop_issue(name, issue_id)
    return pages_of(request).page(request, "issue_removed.html", f"Removed {issue_id} · {name}", erp=erp, issue=issue)
