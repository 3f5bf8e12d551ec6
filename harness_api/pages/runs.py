"""A run, and what is asked before it is changed."""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from harness_api.pages.rendering import pages_of
from harness_api.pages.run_frame import run_frame
from harness_api.pages.views import last_events, run_results, run_state
from harness_api.routes.files import run_file
from harness_api.service import Service, service_of
from harness_core.domain.runs import RUN_ENDED, Run

QUESTIONS = {
    "cancel": ("Cancel this run?", "What has not started is dropped, what runs is stopped. Results so far stay.", "Cancel the run"),
    "pause": (
        "Pause this run?",
        "Nothing new of it is started until it is resumed. What runs now is finished and committed; to stop at once, cancel it.",
        "Pause the run",
    ),
    "retry": ("Retry this run?", "What did not end well runs again, then the reports are written anew.", "Retry the run"),
    "resume": ("Resume this run?", "Any worker goes on with it from what was already done.", "Resume the run"),
}
router = APIRouter()


@router.get("/runs/{run_id}", response_class=HTMLResponse)
def run(request: Request, run_id: str) -> Response:
    """The run now; scripts go on from ``seq`` with what happens next, so nothing is lost and nothing comes twice."""
    service = service_of(request)
    found = service.core.overview.run(run_id)
    if found.run_id != run_id:
        return RedirectResponse(f"/runs/{found.run_id}", status_code=303)
    context = run_page(service, found)
    return pages_of(request).page(request, "run.html", str(context.pop("title")), **context)


def run_page(service: Service, found: Run) -> dict[str, Any]:
    events, seq = last_events(service, found)
    results = run_results(service, found) if found.status in RUN_ENDED else None
    return {**run_frame(service, found, ""), **run_state(service, found), "events": events, "seq": seq, "results": results}


@router.get("/runs/{run_id}/report", response_class=HTMLResponse)
def report_page(request: Request, run_id: str) -> Response:
    """The report as one self-contained page, in its own sandbox."""
    return run_file(request, run_id, "report.html")


@router.get("/runs/{run_id}/{action}", response_class=HTMLResponse)
def confirm(request: Request, run_id: str, action: str) -> HTMLResponse:
    """Asks before anything is changed."""
    if action not in QUESTIONS:
        raise HTTPException(404)
    found = service_of(request).core.overview.run(run_id)
    question, meaning, button = QUESTIONS[action]
    return pages_of(request).page(request, "confirm.html", f"{question} · {found.filename}", run=found, action=action,
                                  question=question, meaning=meaning, button=button)  # fmt: skip


@router.post("/runs/{run_id}/{action}", response_class=HTMLResponse)
def act(request: Request, run_id: str, action: str) -> RedirectResponse:
    """Does it, and goes back to the run. What is kept is not asked about first: the run's page undoes it."""
    controlling, retaining = service_of(request).core.controlling, service_of(request).core.retaining
    known: Mapping[str, Callable[[str], Run]] = {
        "cancel": controlling.cancel, "pause": controlling.pause, "retry": controlling.retry, "resume": controlling.resume,
        "pin": retaining.pin, "unpin": lambda name: retaining.pin(name, pinned=False),
        "delete": lambda name: retaining.delete_runs([name])[0], "undelete": lambda name: retaining.undelete_runs([name])[0],
    }  # fmt: skip
    if action not in known:
        raise HTTPException(404)
    changed = known[action](run_id)
    return RedirectResponse(f"/runs/{changed.run_id}", status_code=303)
