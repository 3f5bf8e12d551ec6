"""Proof on the pages: one claim checked again, a whole run verified, a pack for others, diagnostics with what is in them."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from harness_api.pages.findings import finding_context
from harness_api.pages.rendering import pages_of
from harness_api.pages.run_frame import ended_report, run_frame
from harness_api.proofs import check_claim, sent
from harness_api.service import service_of
from harness_core.domain.errors import HarnessError, Tampered

DIAGNOSED = (
    ("run.json, executions.json, attempts.json, events.json", "the record of the run as the database has it"),
    ("artifacts.json, replay.json", "every file with its hash, and whether it is as recorded"),
    ("environment.json", "versions, settings with their sources, the wall, the disk"),
    ("run/…", "its reports, manifest and logs, with secrets and what looks personal taken out"),
    ("plugins/….json", "the schemas of its plugins, as they are now"),
)
router = APIRouter()


@router.get("/runs/{run_id}/proof", response_class=HTMLResponse)
def proof_page(request: Request, run_id: str) -> HTMLResponse:
    """What can be done to prove a run, and what the archives hold before they are made."""
    service = service_of(request)
    run = service.core.overview.run(run_id)
    return pages_of(request).page(
        request, "proof.html", f"Proof · {run.filename}", **run_frame(service, run, "proof"), verified=None, refused=None,
        diagnosed=DIAGNOSED,
    )  # fmt: skip


@router.post("/runs/{run_id}/verify", response_class=HTMLResponse)
def verify(request: Request, run_id: str) -> HTMLResponse:
    """Every hash and record compared, then every query of the evidence run again behind the wall."""
    service = service_of(request)
    run = service.core.overview.run(run_id)
    verified, refused = None, None
    try:
        verified = service.core.verifying.verify_run(service.core.replaying, run.run_id)
    except Tampered as failure:
        refused = failure
    word = "Verified" if verified is not None and verified.verified else "Not verified"
    return pages_of(request).page(
        request, "proof.html", f"{word} · {run.filename}", **run_frame(service, run, "proof"), verified=verified, refused=refused,
        diagnosed=DIAGNOSED,
    )  # fmt: skip


@router.post("/runs/{run_id}/export")
def export(request: Request, run_id: str) -> Response:
    """The pack as a download; with the files and the data where the button says so."""
    service = service_of(request)
    run = service.core.runs.get(run_id)
    whole = "include_raw" in request.query_params
    return sent(service, f"{run.run_id}.zip", lambda path: service.core.exporting.export(run.run_id, path, include_raw=whole))


@router.post("/runs/{run_id}/diagnostics")
def diagnostics(request: Request, run_id: str) -> Response:
    service = service_of(request)
    run = service.core.runs.get(run_id)
    return sent(service, f"{run.run_id}-diagnostics.zip", lambda path: service.core.diagnosing.write(run.run_id, path))


@router.post("/runs/{run_id}/findings/{finding_id}", response_class=HTMLResponse)
def check(request: Request, run_id: str, finding_id: str) -> HTMLResponse:
    """The finding's page, with what came of running its evidence again."""
    service = service_of(request)
    run, report = ended_report(service, run_id)
    finding = report.finding(finding_id)
    checked, refused = None, None
    try:
        checked = check_claim(service, run, report, finding)
    except HarnessError as failure:
        refused = failure
    context = finding_context(service, run, report, finding)
    word = "Holds" if checked is not None and checked.verified else "Does not hold"
    return pages_of(request).page(
        request, "finding.html", f"{word} · {finding['title']}", **{**context, "checked": checked, "refused": refused}
    )
