"""Runs: start, list, show, cancel, pause, retry, resume."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import JSONResponse

from harness_api.documents import run_document, run_summary
from harness_api.models import Run as RunModel
from harness_api.models import RunList, RunRequest, RunSummary
from harness_api.service import Service, service_of
from harness_core.domain.errors import UsageError
from harness_core.domain.runs import Run, RunStatus
from harness_core.domain.suggestions import did_you_mean
from harness_core.ports.state import RunPage
from harness_core.services.submitting import Submission

MAX_LIMIT = 500
router = APIRouter(prefix="/api/v1/runs", tags=["runs"])


@router.post("", status_code=202, response_model=RunSummary, summary="Start a run")
def create_run(
    request: Request,
    response: Response,
    asked: RunRequest,
    idempotency_key: Annotated[
        str | None, Header(min_length=1, max_length=200, description="The same key and body give the same run, not a second one.")
    ] = None,
) -> dict[str, Any]:
    """Checks the plan, every setting and the file first; what is refused leaves nothing recorded. `Location` is the run."""
    run = service_of(request).core.submitting.submit(_submission(asked, idempotency_key))
    response.headers["location"] = f"/api/v1/runs/{run.run_id}"
    return run_summary(run)


@router.get("", response_model=RunList, summary="List runs")
def list_runs(
    request: Request,
    after: Annotated[str | None, Query(max_length=300, description="The `next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 50,
    status: Annotated[str | None, Query(max_length=200, description="One or several statuses, with commas.")] = None,
    q: Annotated[str, Query(max_length=200, description="Part of the file's name, or the beginning of a run id.")] = "",
    deleted: Annotated[bool, Query(description="Deleted ones too.")] = False,
) -> Response:
    """Newest first, page by page."""
    page = find_runs(service_of(request), after=after, limit=limit, status=status, text=q, deleted=deleted)
    return JSONResponse({"runs": [run_summary(run) for run in page.runs], "next": page.next})  # ours: not validated again


@router.get("/{run_id}", response_model=RunModel, summary="Show a run")
def show_run(request: Request, run_id: str) -> dict[str, Any]:
    """Status, times, progress, executions, and why it waits when it waits. A unique beginning of the id is enough."""
    return full_document(service_of(request), service_of(request).core.overview.run(run_id))


@router.post("/{run_id}/cancel", status_code=202, response_model=RunModel, summary="Cancel a run")
def cancel_run(request: Request, run_id: str) -> dict[str, Any]:
    """What has not started is cancelled at once, what runs is told to stop. 409 when the run has ended."""
    service = service_of(request)
    return full_document(service, service.core.controlling.cancel(run_id))


@router.post("/{run_id}/pause", status_code=202, response_model=RunModel, summary="Pause a run")
def pause_run(request: Request, run_id: str) -> dict[str, Any]:
    """Nothing new of it is started until it is resumed; what runs is finished and committed, so cancel to stop at once.

    Asking twice is asking once. 409 when the run has ended or is being cancelled.
    """
    service = service_of(request)
    return full_document(service, service.core.controlling.pause(run_id))


@router.post("/{run_id}/retry", status_code=202, response_model=RunModel, summary="Retry a run")
def retry_run(request: Request, run_id: str) -> dict[str, Any]:
    """Runs again what did not end well. 409 when the run is under way or has nothing to retry."""
    service = service_of(request)
    return full_document(service, service.core.controlling.retry(run_id))


@router.post("/{run_id}/resume", status_code=202, response_model=RunModel, summary="Resume a run")
def resume_run(request: Request, run_id: str) -> dict[str, Any]:
    """Goes on with a run that is paused or that nobody works on. 409 when the run has ended."""
    service = service_of(request)
    return full_document(service, service.core.controlling.resume(run_id))


def full_document(service: Service, run: Run) -> dict[str, Any]:
    core = service.core
    return run_document(run, core.runs.executions(run.run_id), core.overview.waiting_because(run), core.clock.now())


def find_runs(
    service: Service, *, after: str | None, limit: int, status: str | None, text: str, deleted: bool = False
) -> RunPage:  # fmt: skip
    """A page of runs by the words of a query. Raises UsageError for a status that does not exist.

    ABORTED is never stored: it is looked for among the running ones.
    """
    names = statuses_named(status)
    stored = {RunStatus.RUNNING if name is RunStatus.ABORTED else name for name in names}
    page = service.core.overview.page(after=after or None, limit=limit, statuses=sorted(stored), text=text, deleted=deleted)
    kept = [run for run in page.runs if not names or run.status in names]
    return RunPage(kept, page.next)


def statuses_named(text: str | None) -> list[RunStatus]:
    names = [part.strip().upper() for part in (text or "").split(",") if part.strip()]
    unknown = next((name for name in names if name not in RunStatus.__members__), None)
    if unknown is not None:
        raise UsageError(
            "bad_status", f"There is no status {unknown[:40]}.", next_step=did_you_mean(unknown, RunStatus.__members__)
        )
    return [RunStatus(name) for name in names]


def _submission(asked: RunRequest, idempotency_key: str | None) -> Submission:
    return Submission(
        upload_ids=asked.uploads,
        plugins=asked.plugins,
        settings=asked.settings,
        seed=asked.seed,
        reuse=asked.reuses,
        strict=asked.strict,
        idempotency_key=idempotency_key,
        erp=asked.erp,
        presets=asked.presets,
        sample=asked.sample,
        against=asked.against,
    )
