"""Keeping on the pages: pin, delete and its undoing for one run or dataset version, and for all runs that a view shows."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from harness_api.pages.forms import posted
from harness_api.pages.rendering import pages_of
from harness_api.pages.run_list import MOST_AT_ONCE, all_shown, list_page
from harness_api.service import Service, service_of
from harness_core.bootstrap import Core
from harness_core.domain.errors import Conflict
from harness_core.domain.runs import RUN_ENDED, Run, RunStatus

DONE = {"delete": "deleted", "undelete": "there again", "pin": "pinned", "unpin": "no longer pinned", "cancel": "being cancelled",
        "retry": "tried again"}  # fmt: skip
UNDONE_BY = {"delete": "undelete", "undelete": "delete", "pin": "unpin", "unpin": "pin"}
ASKED_FIRST = {
    "cancel": ("Cancel {}?", "What has not started is dropped, what runs is stopped. Results so far stay."),
    "retry": ("Retry {}?", "What did not end well runs again, then the reports are written anew."),
}
FITS: Mapping[str, Callable[[Run], bool]] = {
    "delete": lambda run: run.status in RUN_ENDED and not run.pinned and run.deleted_at is None,
    "undelete": lambda run: run.deleted_at is not None and run.purged_at is None,
    "pin": lambda run: not run.pinned and run.deleted_at is None,
    "unpin": lambda run: run.pinned,
    "cancel": lambda run: run.status not in RUN_ENDED and not run.cancel_requested,
    "retry": lambda run: run.status in (RunStatus.FAILED, RunStatus.PARTIAL, RunStatus.CANCELLED) and run.deleted_at is None,
}
router = APIRouter()


@router.get("/runs/bulk")
def bulk_again(request: Request) -> RedirectResponse:
    """Where a reload of what follows a bulk action leads: to the same view."""
    return RedirectResponse(f"/runs?{request.url.query}" if request.url.query else "/runs", status_code=303)


@router.post("/runs/bulk", response_class=HTMLResponse)
async def bulk(request: Request) -> Response:
    """For the chosen runs, or all that the view of the address shows. What cannot be undone is asked about first."""
    fields = await posted(request)
    return await run_in_threadpool(_bulk, request, fields)


def _bulk(request: Request, fields: Sequence[tuple[str, str]]) -> HTMLResponse:
    service, last = service_of(request), dict(fields)
    action = last.get("action", "")
    if action not in FITS:
        raise HTTPException(404)
    runs = _chosen(request, service, fields)
    fitting = [run for run in runs if FITS[action](run)]
    if action in ASKED_FIRST and fitting and "sure" not in last:
        question, meaning = ASKED_FIRST[action]
        noun = f"{len(fitting):,} run{'s' * (len(fitting) != 1)}"
        return pages_of(request).page(
            request, "bulk_confirm.html", question.format(noun), question=question.format(noun), meaning=meaning, action=action,
            ids=" ".join(run.run_id for run in fitting), query=request.url.query,
        )  # fmt: skip
    done = _apply(service.core, action, [run.run_id for run in fitting])
    return list_page(request, notice=_notice(action, done, len(runs) - len(done)))


def _chosen(request: Request, service: Service, fields: Sequence[tuple[str, str]]) -> list[Run]:
    if "all" in dict(fields):
        return all_shown(request)
    ids = [part for name, value in fields if name in ("run", "ids") for part in value.split()]
    return [service.core.runs.get(run_id) for run_id in dict.fromkeys(ids[:MOST_AT_ONCE])]


def _apply(core: Core, action: str, ids: Sequence[str]) -> list[str]:
    """The runs it was done to. Deletions are one change; of the others each run is one, and what has changed meanwhile is left."""
    if action in ("delete", "undelete"):
        change = core.retaining.delete_runs if action == "delete" else core.retaining.undelete_runs
        return [run.run_id for run in change(ids)] if ids else []
    done = []
    for run_id in ids:
        try:
            if action in ("pin", "unpin"):
                core.retaining.pin(run_id, pinned=action == "pin")
            else:
                getattr(core.controlling, action)(run_id)
        except Conflict:
            continue
        done.append(run_id)
    return done


def _notice(action: str, done: Sequence[str], left: int) -> dict[str, Any]:
    words = f"{len(done):,} run{'s are' if len(done) != 1 else ' is'} {DONE[action]}." if done else "Nothing was changed."
    kept = (
        f" {left:,} {'are' if left != 1 else 'is'} left as {'they were' if left != 1 else 'it was'}: this does not fit their state."
    )
    undo = (UNDONE_BY[action], " ".join(done)) if done and action in UNDONE_BY else None
    return {"words": words + (kept if left else ""), "undo": undo}


@router.post("/datasets/{dataset_version_id}/{action}", response_class=HTMLResponse)
def keep_dataset(request: Request, dataset_version_id: str, action: str) -> RedirectResponse:
    """Delete and undelete: done at once, because each can be undone on the page it leads to."""
    retaining = service_of(request).core.retaining
    known = {"delete": retaining.delete_datasets, "undelete": retaining.undelete_datasets}
    if action not in known:
        raise HTTPException(404)
    found = known[action]([dataset_version_id])[0].dataset_version_id
    return RedirectResponse(f"/datasets/{found}", status_code=303)
