"""The overview: what is going on, what went before, and one clear thing to do."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from harness_api.documents import progress_of
from harness_api.pages.rendering import pages_of
from harness_api.pages.twins import twins_of
from harness_api.pages.words import pace
from harness_api.service import Service, service_of
from harness_core.domain.runs import Execution, RunStatus
from harness_core.services.metrics import latest_ttfr_s

LAST_RUNS = 10
UNDER_WAY = (RunStatus.RUNNING, RunStatus.QUEUED)
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
    now = core.clock.now()
    running = {run.run_id: _running(core.runs.executions(run.run_id), now) for run in runs if run.status in UNDER_WAY}
    return {
        "runs": runs,
        "counts": [(status, counts.get(status, 0)) for status in RunStatus if counts.get(status, 0)],
        "running": running,
        "twins": twins_of(core.runs, runs),
        "alerts": [check for check in readiness.checks if check.level != "ok"],
        "backlog": backlog,
        "ttfr_s": latest_ttfr_s(runs),
        "now": now,
    }


def _running(executions: Sequence[Execution], now: float) -> dict[str, Any]:
    """How far a run is, and the pace of what runs now."""
    paces = [f"{item.plugin_id}: {said}" for item in executions if item.status == "RUNNING" and (said := pace(item, now))]
    return {**progress_of(executions), "pace": paces[:2]}


def signature(state: dict[str, Any]) -> tuple[Any, ...]:
    """What must differ for the overview to be worth sending again."""
    runs = tuple((run.run_id, run.status, run.event_seq) for run in state["runs"])
    alerts = tuple(check.reason for check in state["alerts"] if check.name != "disk")
    return runs, tuple(state["counts"]), alerts, state["backlog"]["ready"], state["backlog"]["dead"]


def _title(state: dict[str, Any]) -> str:
    running = sum(number for status, number in state["counts"] if status == RunStatus.RUNNING)
    return f"{running} running · Overview" if running else "Overview"
