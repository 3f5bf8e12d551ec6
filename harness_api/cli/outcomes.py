"""What came of a run: the contract's JSON object, the insights in words, the copies for ``--out``, and the exit code."""

import json
import os
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness_api.cli.console import Console, paint
from harness_api.cli.exits import Exit, Verdict
from harness_api.cli.following import Followed
from harness_api.cli.progress import took
from harness_api.cli.session import Session
from harness_core.domain.errors import UsageError
from harness_core.domain.runs import EXECUTION_OK, Execution, Run

if TYPE_CHECKING:
    from harness_core.bootstrap import Core

REPORT_FILES = ("report.json", "report.md", "report.html", "run_manifest.json")
COLOUR_OF_SEVERITY = {"info": "faint", "notice": "blue", "warning": "yellow", "critical": "red"}
MAX_WIDTH = 100


def run_document(core: "Core", run: Run) -> dict[str, Any]:
    """The object that `run` and `submit --wait` print; ``report`` is None while there is none."""
    folder = core.store.run_folder(run.run_id)
    report = folder / "report.json"
    return {
        "run_id": run.run_id,
        "status": str(run.status),
        "run_fingerprint": run.fingerprint,
        "dataset_version_id": run.dataset_version_id,
        "run_dir": str(folder),
        "report": str(report) if report.is_file() else None,
        "insight_count": run.insight_count,
    }


def conclude(session: Session, core: "Core", followed: Followed, verdict: Verdict, out: Path | None, unfinished: str) -> Exit:
    """Say how a followed run ended, copy what ``--out`` wants, and decide the exit code.

    ``unfinished`` is said of a run that has not ended when the time is over.
    """
    run, console = followed.run, session.console
    console.document = run_document(core, run)
    if followed.timed_out:
        console.complain(f"The time of --timeout is over; run {run.run_id} is {run.status}. {unfinished}")
        return Exit.TIMEOUT
    folder = core.store.run_folder(run.run_id)
    if out is not None:
        copy_reports(folder, out)
    tell_outcome(console, read_report(folder), folder)
    executions = core.runs.executions(run.run_id)
    console.say(summary_line(run, executions))
    if (known := core.insights.retrospect(run)).scope is not None:
        console.say(f"{known.sentence} See `harness insights show {run.run_id}`.")
    if executions and all(item.status == "REUSED" for item in executions):
        console.say("Nothing was computed: an earlier run had the same fingerprints. `--force` computes everything again.")
    return verdict.exit_of(run.status, run.worst_severity)


def read_report(folder: Path) -> Mapping[str, Any]:
    """The run's report.json, or nothing where a cancelled run has none."""
    path = folder / "report.json"
    return json.loads(path.read_bytes()) if path.is_file() else {}


def tell_outcome(console: Console, report: Mapping[str, Any], folder: Path | None) -> None:
    """The insights, most valuable first, what went wrong, and where in ``folder`` to read on."""
    width = min(MAX_WIDTH, max(40, shutil.get_terminal_size().columns))
    if report.get("coverage", {}).get("sampled"):
        console.say(paint(sampled_line(report["coverage"]), "yellow") + "\n")
    for rank, insight in enumerate(report.get("insights", ()), 1):
        console.say("\n".join(insight_lines(rank, insight, width)) + "\n")
    if report and not report["insights"]:
        console.say("Nothing in this table is worth a person's time, as far as the plugins that ran can tell.\n")
    for error in report.get("errors", ()):
        for line in error_lines(error):
            console.complain(line)
    found = [folder / name for name in ("report.html", "report.md") if (folder / name).is_file()] if folder else []
    if found:
        console.say(f"Report: {found[0]}")


def sampled_line(coverage: Mapping[str, Any]) -> str:
    """What is said above everything else of a run that read a part of the rows."""
    read, total = coverage["rows_analyzed"], coverage["rows_total"]
    return f"SAMPLED: {read:,} of {total:,} rows were read (fraction {coverage['fraction']:g}, seed {coverage['seed']})."


def insight_lines(rank: int, insight: Mapping[str, Any], width: int) -> list[str]:
    severity = str(insight["severity"])
    head = (
        f"{rank:>2}. {paint(severity.upper(), COLOUR_OF_SEVERITY.get(severity, 'bold'))}  {paint(_flat(insight['title']), 'bold')}"
    )
    body = [_flat(insight["statement"])]
    if insight.get("recommendation"):
        body.append(f"Next: {_flat(insight['recommendation'])}")
    wrapped = [line for text in body for line in textwrap.wrap(text, width - 4, break_long_words=False)]
    return [head, *(f"    {line}" for line in wrapped)]


def error_lines(error: Mapping[str, Any]) -> list[str]:
    skipped = error.get("skipped") or ()
    because = f" Not run because of it: {', '.join(skipped)}." if skipped else ""
    return [
        f"{paint('What:', 'red')} {error.get('plugin_id') or error['type']} did not end well ({error['type']}).{because}",
        f"Why:  {_flat(error['message'])}",
        f"Do:   {_flat(error.get('remedy') or 'See the report.')}",
    ]


def _flat(text: Any) -> str:
    return " ".join(str(text).split())


def summary_line(run: Run, executions: Sequence[Execution]) -> str:
    """One line about an ended run."""
    well = sum(item.status in EXECUTION_OK for item in executions)
    reused = sum(item.status == "REUSED" for item in executions)
    seconds = duration_of(run)
    plugins = f"{well} of {len(executions)} plugins ok" + (f" ({reused} reused)" if reused else "")
    insights = f"{run.insight_count} insight{'s' * (run.insight_count != 1)}"
    return f"{run.status}: {insights}, {plugins}" + (f", {seconds}" if seconds else "") + f". Run {run.run_id} of {run.filename}."


def duration_of(run: Run) -> str:
    """From the start to the end; empty while that is not known."""
    if run.started_at is None or run.ended_at is None:
        return ""
    return took(run.ended_at - run.started_at)


def prepare_out(out: Path | None) -> None:
    """Make the folder of ``--out`` before anything runs; raises UsageError where that cannot be."""
    if out is None:
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as reason:
        raise UsageError("out_unusable", f"The folder {out} of --out cannot be made.", why=f"{reason.strerror}.",
                         next_step="Name a folder you may write to.") from reason  # fmt: skip


def copy_reports(folder: Path, out: Path) -> None:
    """Copy the report files, each whole or not at all."""
    for name in REPORT_FILES:
        if (folder / name).is_file():
            write_whole(out / name, (folder / name).read_bytes())


def write_whole(path: Path, data: bytes) -> None:
    """Write beside, then rename: nobody sees half a file. Raises UsageError where the place cannot be written."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(data)
        beside.replace(path)
    except OSError as reason:
        beside.unlink(missing_ok=True)
        raise UsageError("out_unusable", f"{path} cannot be written.", why=f"{reason.strerror}.",
                         next_step="Name another folder with --out; the report stays in the run's folder.") from reason  # fmt: skip
