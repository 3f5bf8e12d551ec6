"""`harness run`: ingest, plan, execute and report in this process tree, with live progress."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from harness_api.cli import options
from harness_api.cli.exits import Exit, Verdict
from harness_api.cli.following import (
    Deadline,
    Followed,
    embedded_worker,
    follow,
    give,
    take_files,
    tell_of_open_network,
    tell_of_slow_mounts,
)
from harness_api.cli.outcomes import conclude, prepare_out, run_document
from harness_api.cli.progress import ProgressView
from harness_api.cli.requests import Remembered, read_request
from harness_api.cli.session import Session
from harness_api.cli.stopping import Stopped
from harness_core.domain.runs import RUN_ENDED, Run

if TYPE_CHECKING:
    from harness_core.bootstrap import Core
    from harness_worker.runtime import WorkerRuntime

OWN_QUEUE = "memory://"


def run(
    session: Session,
    files: options.FilesArgument,
    plugins: options.PluginsOption = None,
    assignments: options.SetOption = [],  # noqa: B006 - Typer copies it
    config: options.ConfigOption = None,
    preset: options.PresetOption = [],  # noqa: B006 - Typer copies it
    erp: options.ErpOption = None,
    sample: options.SampleOption = None,
    against: options.AgainstOption = None,
    seed: options.SeedOption = None,
    strict: options.StrictOption = False,
    allow_partial: options.AllowPartialOption = False,
    fail_on: options.FailOnOption = None,
    reuse: options.ReuseOption = True,
    out: options.OutOption = None,
    timeout: options.TimeoutOption = None,
) -> Exit:
    """Read files, run the plugins that apply, and write a report.

    Everything happens in this process tree. Ctrl-C hands back what is running and exits; the run can be resumed. With --timeout
    the same happens when the time is over.
    """
    verdict = options.verdict_of(strict, allow_partial, fail_on)
    known = Remembered(tuple(preset), erp, sample, against)
    request = read_request(files, plugins, assignments, config, seed, known, reuse=reuse, strict=strict)
    prepare_out(out)
    deadline = Deadline(timeout)
    with session.core(OWN_QUEUE) as core:
        view = ProgressView(session.console)

        def start(runtime: "WorkerRuntime") -> Run:
            tell_of_slow_mounts(session.console, request.files)
            uploads = take_files(core, request.files, view)
            asked = request.submission([item.upload_id for item in uploads], runtime.worker_id)
            return core.submitting.submit(asked)

        return do_here(session, core, view, start, verdict, out, deadline)


def do_here(
    session: Session,
    core: "Core",
    view: ProgressView,
    start: Callable[["WorkerRuntime"], Run],
    verdict: Verdict,
    out: Path | None,
    deadline: Deadline,
    *,
    seen: int = 0,
) -> Exit:
    """Start a run (or take one up) with a worker of our own, and see it to its end. Events up to ``seen`` are not shown."""
    run: Run | None = None
    try:
        with embedded_worker(core) as runtime:
            run = start(runtime)
            tell_of_open_network(session.console, run)
            give(core, runtime, run)
            followed = follow(core, run.run_id, view, deadline, seen=seen)
    except Stopped as stopped:
        if run is not None:
            left = core.overview.run(run.run_id)
            session.console.document = run_document(core, left)
            session.console.complain(f"{stopped.exit.name.capitalize()}: run {run.run_id} is left {left.status}. {_resume(run)}")
        raise
    if followed.timed_out:
        # Seen again now that our worker is gone: what was left may have been handed back, or may have ended on the last stretch.
        left = core.overview.run(followed.run.run_id)
        followed = Followed(left, timed_out=left.status not in RUN_ENDED)
    return conclude(session, core, followed, verdict, out, _resume(followed.run))


def _resume(run: Run) -> str:
    return f"Go on with `harness runs resume {run.run_id}`; nothing that was done is done again."
