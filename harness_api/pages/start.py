"""Before a run: the file as it would be read, the plan as it would be executed, and the button that starts it."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from harness_api.pages.forms import StartForm, chosen, command_line, posted, start_form
from harness_api.pages.previews import Preview, shown_preview
from harness_api.pages.rendering import pages_of
from harness_api.service import Service, service_of
from harness_core.domain.datasets import Upload
from harness_core.domain.errors import HarnessError, InputRefused, UsageError
from harness_core.domain.plugins import Plugin
from harness_core.services.submitting import Prospect

router = APIRouter()


@router.get("/uploads/{upload_id}", response_class=HTMLResponse)
def upload(request: Request, upload_id: str) -> RedirectResponse:
    """An upload is looked at where a run of it is started."""
    found = service_of(request).core.library.upload(upload_id)
    return RedirectResponse(f"/start?upload={found.upload_id}", status_code=303)


@router.get("/start", response_class=HTMLResponse)
def start(request: Request) -> HTMLResponse:
    """The address holds the whole form: it can be kept, sent, and gone back to."""
    return _start_page(request, start_form(request.query_params.multi_items()))


@router.post("/runs", response_class=HTMLResponse)
async def create_run(request: Request) -> Any:
    """Starts the run; what stands against it is shown on the same page, with the form as it was."""
    from starlette.concurrency import run_in_threadpool

    fields = await posted(request)
    return await run_in_threadpool(_create, request, start_form(fields), dict(fields).get("key"))


def _create(request: Request, form: StartForm, key: str | None) -> Any:
    service = service_of(request)
    try:
        run = service.core.submitting.submit(form.submission(key or None))
    except (UsageError, InputRefused) as refused:
        return _start_page(request, form, refused)
    return RedirectResponse(f"/runs/{run.run_id}", status_code=303)


def _start_page(request: Request, form: StartForm, refused: HarnessError | None = None) -> HTMLResponse:
    service = service_of(request)
    if not form.upload_ids:
        raise UsageError("no_input", "There is no file to read.", next_step="Upload one on the overview.")
    uploads = [service.core.library.upload(upload_id) for upload_id in form.upload_ids]
    prospect: Prospect | None = None
    try:
        prospect = service.core.submitting.prospect(form.submission())
    except (UsageError, InputRefused) as failure:
        refused = refused or failure
    selectable = [
        plugin for plugin in service.core.catalog.plugins().values() if plugin.manifest.type in ("analysis", "transform", "llm")
    ]
    name = uploads[0].filename
    return pages_of(request).page(
        request,
        "start.html",
        f"{'Cannot be started' if refused else 'Ready to start'} · {name}",
        http_status=refused.http_status if refused else 200,
        form=form,
        uploads=uploads,
        files=_files(uploads, prospect),
        refused=refused,
        key=service.core.names.fresh("form"),
        selectable=selectable,
        chosen=chosen(form, [plugin.id for plugin in selectable]),
        **_prospect(service, form, prospect, uploads, selectable),
    )


def _files(uploads: Sequence[Upload], prospect: Prospect | None) -> list[tuple[Upload, Preview | None]]:
    """Each file with what its reader saw in it, where one looked."""
    previews = [shown_preview(item) for item in prospect.previews] if prospect else []
    return list(zip_longest(uploads, previews[: len(uploads)]))


def _prospect(
    service: Service, form: StartForm, prospect: Prospect | None, uploads: Sequence[Upload], selectable: Sequence[Plugin]
) -> dict[str, Any]:
    """What is shown of a run that could be started."""
    if prospect is None:
        return {"prospect": None, "command": "", "planned": [], "later": []}
    plugins = service.core.catalog.plugins()
    planned = [(step, plugins[step.plugin_id]) for step in prospect.plan.steps]
    there = {step.plugin_id for step in prospect.plan.steps}
    later = [plugin for plugin in selectable if plugin.id not in there] if form.choice == "auto" else []
    return {
        "prospect": prospect,
        "command": command_line(form.submission(), [item.filename for item in uploads]),
        "planned": planned,
        "later": later,
    }
