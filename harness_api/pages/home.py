"""The overview: what is going on, what went before, and one clear thing to do."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from harness_api.documents import progress_of
from harness_api.pages.rendering import pages_of
from harness_api.service import Service, service_of
from harness_core.domain.runs import RunStatus
from harness_core.services.metrics import latest_ttfr_s

LAST_RUNS = 10
router = APIRouter()


@router.get("/", response_class=HTMLResponse)
def home(request: Request) -> HTMLResponse:
    service = service_of(request)
    state = home_state(service)
    return pages_of(request).page(
        request,
        "home.html",
        _title(state),
        **state,
        max_upload_bytes=service.core.settings.max_upload_bytes,
        has_folders=bool(service.local_files.folders),
    )


def home_state(service: Service) -> dict[str, Any]:
    """Everything on the overview that changes by itself."""
    core = service.core
    runs = core.overview.page(limit=LAST_RUNS).runs
    backlog = core.jobs.backlog()
    readiness = service.examining.readiness(draining=service.draining)
    counts = dict(core.runs.counts())
    running = {
        run.run_id: progress_of(core.runs.executions(run.run_id))
        for run in runs
        if run.status in (RunStatus.RUNNING, RunStatus.QUEUED)
    }
    return {
        "runs": runs,
        "counts": [(status, counts.get(status, 0)) for status in RunStatus if counts.get(status, 0)],
        "running": running,
        "alerts": [check for check in readiness.checks if check.level != "ok"],
        "backlog": backlog,
        "ttfr_s": latest_ttfr_s(runs),
        "now": core.clock.now(),
    }


def signature(state: dict[str, Any]) -> tuple[Any, ...]:
    """What must differ for the overview to be worth sending again."""
    runs = tuple((run.run_id, run.status, run.event_seq) for run in state["runs"])
    alerts = tuple(check.reason for check in state["alerts"] if check.name != "disk")
    return runs, tuple(state["counts"]), alerts, state["backlog"]["ready"], state["backlog"]["dead"]


def _title(state: dict[str, Any]) -> str:
    running = sum(number for status, number in state["counts"] if status == RunStatus.RUNNING)
    return f"{running} running · Overview" if running else "Overview"
