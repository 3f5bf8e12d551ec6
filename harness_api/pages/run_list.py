"""The list of runs: filter, search and page stand in the address; what is done with many at once begins here."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from harness_api.documents import run_summary
from harness_api.pages.rendering import pages_of
from harness_api.pages.run_frame import param
from harness_api.pages.twins import twins_of
from harness_api.routes.runs import find_runs
from harness_api.service import service_of
from harness_api.tables import csv_response
from harness_core.domain.runs import Run, RunStatus

PAGE_ROWS = 50
MOST_AT_ONCE = 10_000
BATCH = 500
COLUMNS = ("run_id", "status", "filename", "submitted", "duration_s", "ttfr_s", "insights", "findings", "warnings",
           "worst_severity", "input_sha256", "run_fingerprint", "dataset_version_id", "pinned", "deleted")  # fmt: skip
router = APIRouter()


@router.get("/runs", response_class=HTMLResponse)
def runs(request: Request) -> HTMLResponse:
    return list_page(request)


def list_page(request: Request, notice: Mapping[str, Any] | None = None) -> HTMLResponse:
    """``notice`` says what was just done to runs of the view, and how to undo it."""
    service = service_of(request)
    status, q, after, deleted = (
        param(request, "status", 200),
        param(request, "q", 200),
        param(request, "after"),
        "deleted" in request.query_params,
    )
    page = find_runs(service, after=after or None, limit=PAGE_ROWS, status=status, text=q.strip(), deleted=deleted)
    kept = {name: value for name, value in (("status", status), ("q", q), ("deleted", "1" if deleted else "")) if value}
    view = f"?{urlencode(kept)}" if kept else ""
    return pages_of(request).page(
        request, "runs.html", _title(status, q), runs=page.runs, status=status.upper(), q=q, statuses=list(RunStatus),
        counts=dict(service.core.runs.counts()), later=bool(after), now=service.core.clock.now(), deleted=deleted,
        twins=twins_of(service.core.runs, page.runs), notice=notice, view=view,
        next_url=f"/runs?{urlencode({**kept, 'after': page.next})}" if page.next else None,
    )  # fmt: skip


def all_shown(request: Request) -> list[Run]:
    """Every run that the filter in the address lets through, newest first, at most ten thousand."""
    service, query = service_of(request), request.query_params
    found, after = list[Run](), None
    while len(found) < MOST_AT_ONCE:
        page = find_runs(
            service,
            after=after,
            limit=BATCH,
            status=query.get("status"),
            text=query.get("q", "").strip(),
            deleted="deleted" in query,
        )
        found += page.runs
        after = page.next
        if after is None:
            break
    return found[:MOST_AT_ONCE]


@router.get("/runs.csv")
def runs_table(request: Request) -> Response:
    """The view of the address as a table, all its pages."""
    return csv_response("runs", COLUMNS, [_row(run) for run in all_shown(request)])


def _row(run: Run) -> list[Any]:
    told = run_summary(run)
    return [
        run.run_id, told["status"], run.filename, told["times"]["queued"], told["duration_s"], told["ttfr_s"], run.insight_count,
        run.finding_count, run.warning_count, run.worst_severity, told["input_sha256"], run.fingerprint, run.dataset_version_id,
        run.pinned, told["deleted_at"],
    ]  # fmt: skip


def _title(status: str, q: str) -> str:
    words = [status.capitalize()] if status else []
    return " ".join([*words, "runs"]).capitalize() + (f" matching “{q[:40]}”" if q else "")
