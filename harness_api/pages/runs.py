"""The list of runs, a run, and what is asked before it is changed."""

from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from harness_api.pages.rendering import pages_of
from harness_api.pages.run_frame import run_frame
from harness_api.pages.views import last_events, run_results, run_state
from harness_api.routes.files import run_file
from harness_api.routes.runs import find_runs
from harness_api.service import Service, service_of
from harness_core.domain.runs import RUN_ENDED, Run, RunStatus

PAGE_ROWS = 50
QUESTIONS = {
    "cancel": ("Cancel this run?", "What has not started is dropped, what runs is stopped. Results so far stay.", "Cancel the run"),
    "retry": ("Retry this run?", "What did not end well runs again, then the reports are written anew.", "Retry the run"),
    "resume": ("Resume this run?", "Any worker goes on with it from what was already done.", "Resume the run"),
}
router = APIRouter()


@router.get("/runs", response_class=HTMLResponse)
def runs(request: Request, after: str = "", status: str = "", q: str = "") -> HTMLResponse:
    """Filters, search and page stand in the address."""
    service = service_of(request)
    page = find_runs(service, after=after or None, limit=PAGE_ROWS, status=status, text=q.strip())
    kept = {name: value for name, value in (("status", status), ("q", q)) if value}
    return pages_of(request).page(
        request, "runs.html", _list_title(status, q), runs=page.runs, status=status.upper(), q=q, statuses=list(RunStatus),
        counts=dict(service.core.runs.counts()), later=bool(after), now=service.core.clock.now(),
        first_url=f"/runs?{urlencode(kept)}" if kept else "/runs",
        next_url=f"/runs?{urlencode({**kept, 'after': page.next})}" if page.next else None,
    )  # fmt: skip


def _list_title(status: str, q: str) -> str:
    words = [status.capitalize()] if status else []
    return " ".join([*words, "runs"]).capitalize() + (f" matching “{q[:40]}”" if q else "")


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
    """Does it, and goes back to the run."""
    controlling = service_of(request).core.controlling
    known = {"cancel": controlling.cancel, "retry": controlling.retry, "resume": controlling.resume}
    if action not in known:
        raise HTTPException(404)
    changed = known[action](run_id)
    return RedirectResponse(f"/runs/{changed.run_id}", status_code=303)
