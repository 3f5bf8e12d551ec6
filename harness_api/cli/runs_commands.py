"""`harness runs …`: the runs there are, each one in detail, and steering them."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness_api.cli import options
from harness_api.cli.console import paint, table
from harness_api.cli.exits import Exit, Verdict
from harness_api.cli.following import Deadline
from harness_api.cli.outcomes import duration_of, prepare_out
from harness_api.cli.progress import COLOUR_OF, ProgressView, took
from harness_api.cli.run_command import OWN_QUEUE, do_here
from harness_api.cli.session import Session
from harness_api.cli.submit_command import wait_for
from harness_core.domain.runs import RUN_ENDED, Execution, Run, RunStatus

if TYPE_CHECKING:
    from harness_core.bootstrap import Core

COLOUR_OF_STATUS = {"COMPLETED": "green", "PARTIAL": "yellow", "FAILED": "red", "ABORTED": "red", "RUNNING": "blue"}
StatusOption = Annotated[
    list[RunStatus], typer.Option("--status", help="Only runs of this status; may be repeated.", case_sensitive=False)
]
TextOption = Annotated[
    str, typer.Option("--text", metavar="TEXT", help="Only runs whose file name holds this, or whose id begins so.")
]

runs = options.group("runs", "List, show and steer runs.")


@options.command(runs, "list")
def list_runs(
    session: Session,
    status: StatusOption = [],  # noqa: B006 - Typer copies it
    text: TextOption = "",
    limit: options.LimitOption = 50,
    after: options.AfterOption = None,
) -> Exit:
    """List runs, newest first."""
    with session.core() as core:
        from harness_api.documents import run_summary

        page = core.overview.page(after=after, limit=limit, statuses=status, text=text)
        session.console.document = {"runs": [run_summary(run) for run in page.runs], "next": page.next}
        rows = [_row(run) for run in page.runs]
        heads = ("RUN", "STATUS", "QUEUED (UTC)", "TOOK", "INSIGHTS", "FILE")
        session.console.result(table(heads, rows, right=frozenset({3, 4})) if rows else "No runs.")
        if page.next:
            session.console.note(f"There are more: --after {page.next}")
    return Exit.OK


def _row(run: Run) -> tuple[str, ...]:
    status = paint(str(run.status), COLOUR_OF_STATUS.get(run.status, "faint"))
    insights = str(run.insight_count) if run.status in RUN_ENDED else ""
    return run.run_id, status, _utc(run.created_at), duration_of(run), insights, run.filename


def _utc(at: float | None) -> str:
    return "" if at is None else time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at))


@options.command(runs, "show")
def show_run(session: Session, run_id: options.RunArgument) -> Exit:
    """Show a run: its times, its plugins and how each ended, and where its files are."""
    with session.core() as core:
        from harness_api.documents import run_document

        run = core.overview.run(run_id)
        executions, because = core.runs.executions(run.run_id), core.overview.waiting_because(run)
        folder = core.store.run_folder(run.run_id)
        report = folder / "report.json"
        session.console.document = {
            **run_document(run, executions, because),
            "run_dir": str(folder),
            "report": str(report) if report.is_file() else None,
        }
        session.console.result(_shown(run, executions, folder, because, session.console.width))
    return Exit.OK


def _shown(run: Run, executions: Sequence[Execution], folder: Path, because: str | None, width: int | None) -> str:
    facts = {
        "Run": run.run_id,
        "Status": paint(str(run.status), COLOUR_OF_STATUS.get(run.status, "faint")) + (f" — {because}" if because else ""),
        "File": ", ".join(f"{item.filename} (sha256 {item.sha256[:12]}…, {item.size_bytes:,} bytes)" for item in run.config.inputs),
        "Dataset": run.dataset_version_id or "none yet",
        "Fingerprint": run.fingerprint,
        "Seed": f"{run.resolved_seed}" + (" (derived from the fingerprint)" if run.config.seed == 0 else ""),
        "Queued": f"{_utc(run.created_at)} UTC",
        "Started": f"{_utc(run.started_at)} UTC" if run.started_at else "not yet",
        "Ended": f"{_utc(run.ended_at)} UTC, after {duration_of(run)}" if run.ended_at else "not yet",
        "Findings": f"{run.finding_count}, {run.insight_count} of them insights; worst severity: {run.worst_severity or 'none'}",
        "Folder": str(folder),
    }
    head = "\n".join(f"{name + ':':<13}{value}" for name, value in facts.items())
    return f"{head}\n\n{_executions_table(executions, width)}"


def _executions_table(executions: Sequence[Execution], width: int | None) -> str:
    rows = []
    for item in executions:
        seconds = took(item.ended_at - item.started_at) if item.ended_at and item.started_at else ""
        status = paint(str(item.status), COLOUR_OF.get(item.status, "blue" if item.open else "red"))
        rows.append((item.plugin_id, status, str(item.attempts), seconds, " ".join(item.summary.split())))
    return table(("PLUGIN", "STATUS", "ATTEMPTS", "TOOK", "SUMMARY"), rows, right=frozenset({2, 3}), width=width)


@options.command(runs, "watch")
def watch_run(
    session: Session,
    run_id: options.RunArgument,
    strict: options.StrictOption = False,
    allow_partial: options.AllowPartialOption = False,
    fail_on: options.FailOnOption = None,
    out: options.OutOption = None,
    timeout: options.TimeoutOption = None,
) -> Exit:
    """Follow a run to its end, as `submit --wait` does; the exit code says how it ended."""
    verdict = options.verdict_of(strict, allow_partial, fail_on)
    prepare_out(out)
    with session.core() as core:
        run = core.runs.get(run_id)
        return wait_for(session, core, run, ProgressView(session.console), verdict, out, Deadline(timeout))


@options.command(runs, "cancel")
def cancel_run(session: Session, run_id: options.RunArgument) -> Exit:
    """Cancel a run: what has not started never will, what runs is ended within seconds."""
    with session.core() as core:
        core.controlling.cancel(run_id)
        run = core.overview.run(run_id)
        session.console.document = {
            "run_id": run.run_id, "status": str(run.status), "cancel_requested": run.cancel_requested,
        }  # fmt: skip
        asked = "" if run.status in RUN_ENDED else ", and is being cancelled"
        session.console.result(f"Run {run.run_id} is {run.status}{asked}.")
    return Exit.OK


@options.command(runs, "retry")
def retry_run(
    session: Session,
    run_id: options.RunArgument,
    wait: options.WaitOption = False,
    strict: options.StrictOption = False,
    allow_partial: options.AllowPartialOption = False,
    fail_on: options.FailOnOption = None,
    out: options.OutOption = None,
    timeout: options.TimeoutOption = None,
) -> Exit:
    """Run again what did not end well, and the reports.

    A worker that is running takes it over, and --wait follows it there. Without one, this process does it and follows it.
    """
    verdict = options.verdict_of(strict, allow_partial, fail_on)
    return _take_up(session, run_id, "retry", verdict, out, Deadline(timeout), wait=wait)


@options.command(runs, "resume")
def resume_run(
    session: Session,
    run_id: options.RunArgument,
    wait: options.WaitOption = False,
    strict: options.StrictOption = False,
    allow_partial: options.AllowPartialOption = False,
    fail_on: options.FailOnOption = None,
    out: options.OutOption = None,
    timeout: options.TimeoutOption = None,
) -> Exit:
    """Go on with a run that nobody works on; what was committed is not done again.

    A worker that is running takes it over, and --wait follows it there. Without one, this process does it and follows it.
    """
    verdict = options.verdict_of(strict, allow_partial, fail_on)
    return _take_up(session, run_id, "resume", verdict, out, Deadline(timeout), wait=wait)


def _take_up(
    session: Session, run_id: str, verb: str, verdict: Verdict, out: Path | None, deadline: Deadline, *, wait: bool
) -> Exit:
    """Retry or resume: by whoever is there, else here."""
    prepare_out(out)
    view = ProgressView(session.console)
    with session.core() as core:
        before = core.runs.get(run_id)
        if core.overview.liveness().alive:
            run = _steer(core, verb, run_id)
            if wait:
                return wait_for(session, core, run, view, verdict, out, deadline, seen=before.event_seq)
            session.console.document = {"run_id": run.run_id, "status": str(run.status), "run_fingerprint": run.fingerprint}
            session.console.result(f"Run {run.run_id} is {run.status}; a running worker takes it over.")
            return Exit.OK
    with session.core(OWN_QUEUE) as core:
        return do_here(
            session, core, view, lambda runtime: _steer(core, verb, run_id), verdict, out, deadline, seen=before.event_seq
        )


def _steer(core: "Core", verb: str, run_id: str) -> Run:
    return core.controlling.retry(run_id) if verb == "retry" else core.controlling.resume(run_id)
