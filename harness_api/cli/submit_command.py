"""`harness submit`: the same as `run` through the durable queue or a running service, followed with `--wait`."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness_api.cli import options
from harness_api.cli.exits import Exit, Verdict
from harness_api.cli.following import Deadline, WorkerWatch, follow, take_files, tell_of_open_network, tell_of_slow_mounts
from harness_api.cli.outcomes import REPORT_FILES, conclude, prepare_out, run_document, tell_outcome, write_whole
from harness_api.cli.progress import ProgressView
from harness_api.cli.requests import Remembered, Request, read_request
from harness_api.cli.session import Session
from harness_api.cli.stopping import Stopped
from harness_core.domain.runs import Run

if TYPE_CHECKING:
    from harness_api.cli.service_client import Service
    from harness_core.bootstrap import Core

UrlOption = Annotated[
    str | None, typer.Option("--url", metavar="URL", help="Talk to the service there, such as http://127.0.0.1:8765.")
]
ENDED = ("COMPLETED", "PARTIAL", "FAILED", "CANCELLED")
FETCHED = {"report.json": "report", "report.md": "artifacts/report.md", "report.html": "artifacts/report.html",
           "run_manifest.json": "manifest"}  # fmt: skip


def submit(
    session: Session,
    files: options.FilesArgument,
    wait: options.WaitOption = False,
    url: UrlOption = None,
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
    """Queue files for a worker, and print the run id.

    The run is durable once the id is printed: it is done as soon as a worker is there. With --wait the command follows it, and
    gives up after ten seconds without any worker (exit 8); Ctrl-C and --timeout end the waiting only, never the run.
    """
    verdict = options.verdict_of(strict, allow_partial, fail_on)
    known = Remembered(tuple(preset), erp, sample, against)
    request = read_request(files, plugins, assignments, config, seed, known, reuse=reuse, strict=strict)
    prepare_out(out)
    deadline = Deadline(timeout)
    if url is not None:
        from harness_api.cli.service_client import Service

        return _through_service(session, Service(url), request, verdict, out, deadline, wait=wait)
    with session.core() as core:
        view = ProgressView(session.console)
        tell_of_slow_mounts(session.console, request.files)
        uploads = take_files(core, request.files, view)
        run = core.submitting.submit(request.submission([item.upload_id for item in uploads]))
        tell_of_open_network(session.console, run)
        if wait:
            return wait_for(session, core, run, view, verdict, out, deadline)
        _tell_queued(session, run.run_id, {"run_id": run.run_id, "status": str(run.status), "run_fingerprint": run.fingerprint})
        if because := core.overview.waiting_because(run):
            session.console.note(because)
        return Exit.OK


def _tell_queued(session: Session, run_id: str, document: dict[str, Any]) -> None:
    session.console.document = document
    session.console.result(run_id)


def wait_for(
    session: Session,
    core: "Core",
    run: Run,
    view: ProgressView,
    verdict: Verdict,
    out: Path | None,
    deadline: Deadline,
    *,
    seen: int = 0,
) -> Exit:
    """Follow a run that workers do. Leaving it early changes nothing about it."""
    remedy = f"Start `harness worker` or `harness serve`, or do it here with `harness runs resume {run.run_id}`."
    watch = WorkerWatch(lambda: bool(core.overview.liveness().alive), session.console, remedy)

    def waiting(now: Run) -> None:
        if now.paused_at is None:  # a paused run waits for a person, whoever works here
            watch.look(now.run_id, str(now.status))

    try:
        followed = follow(core, run.run_id, view, deadline, seen=seen, waiting=waiting)
    except Stopped as stopped:
        left = core.overview.run(run.run_id)
        session.console.document = run_document(core, left)
        session.console.complain(f"{stopped.exit.name.capitalize()}: {_goes_on(left)}")
        raise
    return conclude(session, core, followed, verdict, out, _goes_on(followed.run))


def _goes_on(run: Run) -> str:
    if run.paused_at is not None:
        return f"The run is paused; go on with it with `harness runs resume {run.run_id}`."
    return f"The run goes on; follow it with `harness runs watch {run.run_id}`."


def _through_service(
    session: Session, service: "Service", request: Request, verdict: Verdict, out: Path | None, deadline: Deadline, *, wait: bool
) -> Exit:
    view = ProgressView(session.console)
    uploads = []
    for file in request.files:
        size = file.stat().st_size
        try:
            uploads.append(service.upload(file, lambda done, name=file.name, size=size: view.reading(name, done, size)))  # type: ignore[misc]  # mypy does not see defaults of lambdas
            view.read(file.name)
        finally:
            view.close()
    run = service.start(request.body([item["upload_id"] for item in uploads]))
    if not wait:
        _tell_queued(session, run["run_id"], run)
        return Exit.OK
    watch = WorkerWatch(service.has_worker, session.console, "Start `harness worker` where the service runs.")
    try:
        run, timed_out = _follow_service(service, run, view, deadline, watch)
    except Stopped as stopped:
        session.console.document = _service_document(service, run, None)
        session.console.complain(f"{stopped.exit.name.capitalize()}: the run {run['run_id']} goes on in the service.")
        raise
    if timed_out:
        session.console.document = _service_document(service, run, None)
        session.console.complain(f"The time of --timeout is over; the run {run['run_id']} goes on in the service.")
        return Exit.TIMEOUT
    return _conclude_from_service(session, service, run, verdict, out)


def _follow_service(
    service: "Service", run: dict[str, Any], view: ProgressView, deadline: Deadline, watch: WorkerWatch
) -> tuple[dict[str, Any], bool]:
    """The run when it has ended, or as it is when the deadline is over."""
    from harness_api.cli.service_client import EventReader

    run_id = str(run["run_id"])
    reader = EventReader(service, run_id)
    try:
        while True:
            event, interrupted = reader.next()
            if event is not None:
                at = datetime.fromisoformat(str(event["at"])).timestamp()
                view.take(str(event["type"]), event.get("plugin_id"), at, event.get("data") or {})
            elif interrupted or deadline.over:
                run = service.run(run_id)
                if run["status"] in ENDED:
                    return run, False
                if deadline.over:
                    return run, True
            else:
                watch.look(run_id, str(run["status"]))
            view.tick()
    finally:
        reader.close()
        view.close()


def _conclude_from_service(session: Session, service: "Service", run: dict[str, Any], verdict: Verdict, out: Path | None) -> Exit:
    import json

    report = service.fetch(run["run_id"], "report")
    if out is not None:
        for name in REPORT_FILES:
            data = service.fetch(run["run_id"], FETCHED[name])
            if data is not None:
                write_whole(out / name, data)
    session.console.document = _service_document(service, run, out)
    tell_outcome(session.console, json.loads(report) if report else {}, out)
    count = run["insight_count"]
    session.console.say(f"{run['status']}: {count} insight{'s' * (count != 1)}. Run {run['run_id']} of {run['filename']}.")
    session.console.say(f"Page: {service.url}/runs/{run['run_id']}")
    return verdict.exit_of(run["status"], run["worst_severity"])


def _service_document(service: "Service", run: dict[str, Any], out: Path | None) -> dict[str, Any]:
    """The contract's object; ``run_dir`` is the service's own business, ``report`` a copy of ``--out`` or its address."""
    copied = out / "report.json" if out is not None else None
    address = f"{service.url}/api/v1/runs/{run['run_id']}/report"
    return {
        "run_id": run["run_id"],
        "status": run["status"],
        "run_fingerprint": run.get("run_fingerprint"),
        "dataset_version_id": run.get("dataset_version_id"),
        "run_dir": run.get("run_dir"),
        "report": str(copied) if copied is not None and copied.is_file() else address,
        "insight_count": run.get("insight_count", 0),
    }
