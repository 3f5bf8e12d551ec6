"""Proof over HTTP: every hash of a run, every query of its evidence, and archives that others can check."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from harness_api.pages.run_frame import ended_report
from harness_api.proofs import check_claim, sent
from harness_api.service import service_of

router = APIRouter(prefix="/api/v1/runs", tags=["proof"])
ARCHIVE = {200: {"description": "The archive.", "content": {"application/zip": {}}}}


@router.post("/{run_id}/replay", response_model=dict[str, Any], summary="Compare every byte of a run with the record")
def replay(request: Request, run_id: str) -> dict[str, Any]:
    """Nothing executes. What differs is in `mismatches`. 409 while the run is under way."""
    found = service_of(request).core.replaying.look(run_id).as_dict()
    return {key: value for key, value in found.items() if key != "insights"}


@router.post("/{run_id}/verify", response_model=dict[str, Any], summary="Run the evidence of a run again")
def verify(
    request: Request,
    run_id: str,
    finding: Annotated[str, Query(max_length=40, description="Only the evidence of this finding.")] = "",
) -> dict[str, Any]:
    """The queries run behind the wall, and their answers are compared; before that every hash: 409 `tampered`."""
    service = service_of(request)
    if finding:
        run, report = ended_report(service, run_id)
        return check_claim(service, run, report, report.finding(finding)).as_dict()
    return service.core.verifying.verify_run(service.core.replaying, run_id).as_dict()


@router.post("/{run_id}/export", response_class=Response, responses=dict(ARCHIVE), summary="A pack of a run")  # type: ignore[arg-type]
def export(
    request: Request,
    run_id: str,
    include_raw: Annotated[bool, Query(description="Put the files, the data and the logs in too.")] = False,
) -> Response:
    """One archive that verifies itself. 409 `tampered` for a run that is not as recorded."""
    service = service_of(request)
    run = service.core.runs.get(run_id)
    exporting = service.core.exporting
    return sent(service, f"{run.run_id}.zip", lambda path: exporting.export(run.run_id, path, include_raw=include_raw))


@router.post("/{run_id}/diagnostics", response_class=Response, responses=dict(ARCHIVE), summary="Diagnostics of a run")  # type: ignore[arg-type]
def diagnostics(request: Request, run_id: str) -> Response:
    """What is needed to understand a run from afar, without secrets and without the data, however the run went."""
    service = service_of(request)
    run = service.core.runs.get(run_id)
    return sent(service, f"{run.run_id}-diagnostics.zip", lambda path: service.core.diagnosing.write(run.run_id, path))


@router.get("/{run_id}/insights", response_model=dict[str, Any], summary="What is new in a run")
def insights(request: Request, run_id: str) -> dict[str, Any]:
    """Each insight held against earlier runs of the same file, raw format or ERP: new, known, changed or gone."""
    core = service_of(request).core
    return core.insights.retrospect(core.runs.get(run_id)).as_dict()
