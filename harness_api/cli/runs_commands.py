"""`harness runs …`: the runs there are, each one in detail, steering, keeping and comparing them."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness_api.cli import options
from harness_api.cli.console import paint, table
from harness_api.cli.exits import Exit, Verdict
from harness_api.cli.following import Deadline
from harness_api.cli.outcomes import duration_of, prepare_out
from harness_api.cli.progress import COLOUR_OF, COLOUR_OF_LEVEL, ProgressView, took
from harness_api.cli.run_command import OWN_QUEUE, do_here
from harness_api.cli.session import Session
from harness_api.cli.submit_command import wait_for
from harness_core.domain.datasets import Upload
from harness_core.domain.runs import RUN_ENDED, Event, Execution, ExecutionStatus, Run, RunStatus

if TYPE_CHECKING:
    from harness_core.bootstrap import Core

COLOUR_OF_STATUS = {"COMPLETED": "green", "PARTIAL": "yellow", "FAILED": "red", "ABORTED": "red", "RUNNING": "blue"}
SHOWN_ENTRIES = 20
StatusOption = Annotated[
    list[RunStatus], typer.Option("--status", help="Only runs of this status; may be repeated.", case_sensitive=False)
]
DeletedOption = Annotated[
    bool,
    typer.Option("--deleted", help="Also runs that are deleted, and those of which only the record is kept.", show_default=False),
]
OffOption = Annotated[bool, typer.Option("--off", help="Unpin it.", show_default=False)]
FirstArgument = Annotated[str, typer.Argument(metavar="BEFORE", help="The id of the run that was, or its beginning.")]
SecondArgument = Annotated[str, typer.Argument(metavar="AFTER", help="The id of the run that is, or its beginning.")]
TextOption = Annotated[
    str, typer.Option("--text", metavar="TEXT", help="Only runs whose file name holds this, or whose id begins so.")
]

runs = options.group("runs", "List, show, steer, compare, pin and delete runs.")


@options.command(runs, "list")
def list_runs(
    session: Session,
    status: StatusOption = [],  # noqa: B006 - Typer copies it
    text: TextOption = "",
    deleted: DeletedOption = False,
    limit: options.LimitOption = 50,
    after: options.AfterOption = None,
) -> Exit:
    """List runs, newest first."""
    with session.core() as core:
        from harness_api.documents import run_summary

        page = core.overview.page(after=after, limit=limit, statuses=status, text=text, deleted=deleted)
        session.console.document = {"runs": [run_summary(run) | kept_document(run) for run in page.runs], "next": page.next}
        rows = [_row(run) for run in page.runs]
        heads = ("RUN", "STATUS", "QUEUED (UTC)", "TOOK", "INSIGHTS", "FILE")
        session.console.result(table(heads, rows, right=frozenset({3, 4})) if rows else "No runs.")
        if page.next:
            session.console.note(f"There are more: --after {page.next}")
    return Exit.OK


def _row(run: Run) -> tuple[str, ...]:
    insights = str(run.insight_count) if run.status in RUN_ENDED else ""
    kept = _kept(run)
    file = run.filename + (f" ({kept})" if kept else "")
    return run.run_id, _status(run), _utc(run.created_at), duration_of(run), insights, file


def _status(run: Run) -> str:
    """The status in its colour, and that the run is paused, which is no status of its own."""
    return paint(str(run.status), COLOUR_OF_STATUS.get(run.status, "faint")) + (", paused" if run.paused_at is not None else "")


def _kept(run: Run) -> str:
    """What somebody or the policy decided about it."""
    if run.purged_at is not None:
        return "only the record is kept"
    return "deleted" if run.deleted_at is not None else "pinned" if run.pinned else ""


def kept_document(run: Run) -> dict[str, Any]:
    """The same for programs."""
    from harness_core.domain.run_manifests import iso_time

    return {"pinned": run.pinned, "deleted_at": iso_time(run.deleted_at), "purged_at": iso_time(run.purged_at)}


def _utc(at: float | None) -> str:
    return "" if at is None else time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at))


@options.command(runs, "show")
def show_run(session: Session, run_id: options.RunArgument) -> Exit:
    """Show a run: its times, its plugins and how each ended, and where its files are."""
    with session.core() as core:
        from harness_api.documents import run_document
        from harness_core.domain.run_manifests import iso_time

        run = core.overview.run(run_id)
        executions, because = core.runs.executions(run.run_id), core.overview.waiting_because(run)
        uploads = [core.library.upload(item.upload_id) for item in run.config.inputs]
        folder = core.store.run_folder(run.run_id)
        report, said = folder / "report.json", core.runs.events(run.run_id, type="execution.log")
        session.console.document = {
            **run_document(run, executions, because, core.clock.now()),
            "log": [{"at": iso_time(item.at), "plugin_id": item.plugin_id, **item.data} for item in said],
            **kept_document(run),
            "uploads": [upload_record(item) for item in uploads],
            "run_dir": str(folder),
            "report": str(report) if report.is_file() else None,
        }
        session.console.result(_shown(run, executions, uploads, folder, because, session.console.width))
        for line in _logged_lines(said):
            session.console.result(line)
    return Exit.OK


def _logged_lines(said: Sequence[Event]) -> Iterator[str]:
    """What plugins logged as a warning or an error, the newest of them."""
    if said:
        yield "\nWarnings and errors that plugins logged; all entries stand in their stderr.log:"
    for item in said[-SHOWN_ENTRIES:]:
        level, message = str(item.data.get("level", "")), " ".join(str(item.data.get("message", "")).split())
        yield f"{_utc(item.at)}  {paint(level.ljust(7), COLOUR_OF_LEVEL.get(level, 'faint'))}  {item.plugin_id}: {message}"


def upload_record(upload: Upload) -> dict[str, Any]:
    """What is known of an upload as long as there is a record at all."""
    from harness_core.domain.run_manifests import iso_time

    return {
        "upload_id": upload.upload_id, "filename": upload.filename, "original_path": upload.original_path or None,
        "uploaded_at": iso_time(upload.created_at), "sha256": upload.sha256, "bytes": upload.size_bytes,
        "purged_at": iso_time(upload.purged_at),
    }  # fmt: skip


def _shown(
    run: Run, executions: Sequence[Execution], uploads: Sequence[Upload], folder: Path, because: str | None, width: int | None
) -> str:
    sources = [f"{item.original_path or item.filename}, uploaded {_utc(item.created_at)} UTC" for item in uploads]
    facts = {
        "Run": run.run_id,
        "Status": _status(run) + (f" — {because}" if because else ""),
        "File": ", ".join(f"{item.filename} (sha256 {item.sha256}, {item.size_bytes:,} bytes)" for item in run.config.inputs),
        "From": "; ".join(sources),
        "Dataset": run.dataset_version_id or "none yet",
        "Fingerprint": run.fingerprint,
        "Seed": f"{run.resolved_seed}" + (" (derived from the fingerprint)" if run.config.seed == 0 else ""),
        "Queued": f"{_utc(run.created_at)} UTC",
        "Started": f"{_utc(run.started_at)} UTC" if run.started_at else "not yet",
        "Ended": f"{_utc(run.ended_at)} UTC, after {duration_of(run)}" if run.ended_at else "not yet",
        "Findings": f"{run.finding_count}, {run.insight_count} of them insights; worst severity: {run.worst_severity or 'none'}",
        "Folder": str(folder),
        **({"Kept": _kept(run)} if _kept(run) else {}),
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


@options.command(runs, "pause")
def pause_run(session: Session, run_id: options.RunArgument) -> Exit:
    """Pause a run: nothing new of it is started until `resume`; what runs now is finished and committed.

    It stays paused when workers and services are started anew. To stop what runs at once, cancel it.
    """
    from harness_core.domain.run_manifests import iso_time

    with session.core() as core:
        core.controlling.pause(run_id)
        run = core.overview.run(run_id)
        running = [item.plugin_id for item in core.runs.executions(run.run_id) if item.status is ExecutionStatus.RUNNING]
    session.console.document = {
        "run_id": run.run_id, "status": str(run.status), "paused_at": iso_time(run.paused_at), "running": running,
    }  # fmt: skip
    finished = f" {', '.join(running)} {'is' if len(running) == 1 else 'are'} being finished." if running else ""
    session.console.result(f"Run {run.run_id} is paused.{finished} Go on with `harness runs resume {run.run_id}`.")
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

    A worker that is running takes it over, and --wait follows it there. Without one, this process does it and follows it;
    the process of another `harness run` is none.
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
    """Go on with a run that is paused or that nobody works on; what was committed is not done again.

    A worker that is running takes it over, and --wait follows it there. Without one, this process does it and follows it;
    the process of another `harness run` is none.
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
        if core.overview.takers(before):
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


@options.command(runs, "pin")
def pin_run(session: Session, run_id: options.RunArgument, off: OffOption = False) -> Exit:
    """Pin a run: nothing deletes it, neither the retention policy nor a person, until it is unpinned with --off."""
    with session.core() as core:
        run = core.retaining.pin(run_id, pinned=not off)
    session.console.document = {"run_id": run.run_id, **kept_document(run)}
    session.console.result(f"Run {run.run_id} is {'pinned' if run.pinned else 'not pinned'}.")
    return Exit.OK


@options.command(runs, "delete")
def delete_runs(session: Session, run_ids: options.RunsArgument) -> Exit:
    """Delete runs, all of those named or none; `undelete` takes it back.

    They are hidden at once, and everything of them stays for the days of grace. `harness retention --apply` ends them after that.
    """
    with session.core() as core:
        deleted = core.retaining.delete_runs(run_ids)
        grace = core.retaining.policy.grace_days
    session.console.document = {"runs": [{"run_id": run.run_id, **kept_document(run)} for run in deleted], "grace_days": grace}
    for run in deleted:
        session.console.result(f"Run {run.run_id} is deleted.")
    gone = [run for run in deleted if run.purged_at is None]
    if gone:
        names = " ".join(run.run_id for run in gone[:3]) + (" …" if len(gone) > 3 else "")
        session.console.note(f"For at least {grace:g} days it can be taken back: harness runs undelete {names}")
    return Exit.OK


@options.command(runs, "undelete")
def undelete_runs(session: Session, run_ids: options.RunsArgument) -> Exit:
    """Take back the deletion of runs, all of those named or none."""
    with session.core() as core:
        back = core.retaining.undelete_runs(run_ids)
    session.console.document = {"runs": [{"run_id": run.run_id, **kept_document(run)} for run in back]}
    for run in back:
        session.console.result(f"Run {run.run_id} is there.")
    return Exit.OK


@options.command(runs, "compare")
def compare_runs(session: Session, before: FirstArgument, after: SecondArgument) -> Exit:
    """Compare two runs and show only what differs: configuration, code, data, insights and findings.

    Exit 0 whether they differ or not; with --json, `equal` says it.
    """
    from harness_api.cli.comparison import show_comparison

    with session.core() as core:
        first, second, found = core.comparing.compare(before, after)
    session.console.document = {"before": first.run_id, "after": second.run_id, **found.as_dict()}
    show_comparison(session.console, found)
    return Exit.OK
