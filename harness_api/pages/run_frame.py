"""What every page about a run begins with: its name, its state, and the way to its other pages."""

from typing import Any

from starlette.requests import Request

from harness_api.reports import Report
from harness_api.service import Service
from harness_core.domain.errors import NotFound
from harness_core.domain.runs import RUN_ENDED, Run


def run_frame(service: Service, run: Run, tab: str, report: Report | None = None) -> dict[str, Any]:
    """What the header of a run's pages needs; ``tab`` is the page that is shown."""
    if report is None and run.status in RUN_ENDED:
        report = service.reports.of(run)
    has_report = report is not None and report.document is not None
    base = f"/runs/{run.run_id}"
    tabs: list[tuple[str, str, int | None]] = [("", "Results", None)]
    if report is not None and has_report:
        tabs += [("findings", "Findings", len(report.findings)), ("columns", "Columns", len(report.columns))]
    tabs += [("logs", "Logs", None)]
    tabs += [("files", "Files", None)] if run.status in RUN_ENDED else []
    tabs += [("config", "Configuration", None)]
    tabs += [("lineage", "Lineage", None)] if has_report else []
    tabs += [("proof", "Proof", None)] if run.status in RUN_ENDED and run.purged_at is None else []
    return {
        "run": run,
        "tab": tab,
        "tabs": [(f"{base}/{name}" if name else base, title, count, name == tab) for name, title, count in tabs],
        "now": service.core.clock.now(),
    }


def ended_report(service: Service, run_id: str) -> tuple[Run, Report]:
    """A run with its report. Raises NotFound while there is none, Tampered where its bytes are not as recorded."""
    run = service.core.overview.run(run_id)
    report = service.reports.of(run)
    if report.tampered is not None:
        raise report.tampered
    if report.document is None:
        why = "It has ended without one." if run.status in RUN_ENDED else "It has not ended."
        raise NotFound("no_report", f"The run {run.run_id} has no report to read.", why=why,
                       next_step="See the run's own page for what happened.")  # fmt: skip
    return run, report


def param(request: Request, name: str, most: int = 300) -> str:
    """A parameter of the address as text, never longer than ``most`` characters."""
    return request.query_params.get(name, "")[:most]
