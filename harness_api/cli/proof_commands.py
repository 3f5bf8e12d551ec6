"""`harness replay`, `verify`, `export` and `diag`: what a run was, whether it still is, and how to show that to others."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness_api.cli import options
from harness_api.cli.console import paint
from harness_api.cli.exits import Exit
from harness_api.cli.outcomes import tell_outcome
from harness_api.cli.progress import ProgressView
from harness_api.cli.run_command import OWN_QUEUE
from harness_api.cli.session import Session
from harness_core.domain.errors import InputRefused, NotFound

if TYPE_CHECKING:
    from harness_core.services.exporting import Export
    from harness_core.services.replaying import Replay
    from harness_core.services.verifying import Verification

SubjectArgument = Annotated[str, typer.Argument(metavar="RUN|PACK.zip", help="A run id, or its beginning, or the file of a pack.")]
DataOption = Annotated[
    list[Path], typer.Option("--data", metavar="FILE", help="The file that was read, to read it again; repeat it for several.")
]
AgainOption = Annotated[
    bool, typer.Option("--again", help="Make the run once more as well, and compare every byte.", show_default=False)
]
PackOption = Annotated[Path, typer.Option("--output", "-o", metavar="PACK.zip", help="The file to write.", show_default=False)]
DiagnosticsOption = Annotated[
    Path, typer.Option("--output", "-o", metavar="FILE.zip", help="The file to write.", show_default=False)
]
IncludeRawOption = Annotated[
    bool,
    typer.Option(
        "--include-raw", help="Put the files, the data and the logs in as well, and remove nothing from texts.", show_default=False
    ),
]
SHOWN = 10
SHOWN_SQL = 200


def replay(session: Session, run_id: options.RunArgument, again: AgainOption = False) -> Exit:
    """Check every hash and record of a run, then show its report.

    Nothing is executed. One altered byte, one file too many or too few, or a changed record is refused (exit 5) and named. With
    --again the run is then made once more, with nothing reused, and compared byte by byte: exit 5 when anything differs.
    """
    with session.core() as core:
        replayed = core.replaying.replay(run_id)
        folder = core.store.run_folder(replayed.run.run_id)
    session.console.document = replayed.as_dict()
    tell_outcome(session.console, replayed.report, folder)
    for path in replayed.not_kept:
        session.console.note(f"No longer kept, so not checked: {path}")
    head = paint("Verified:", "green")
    session.console.result(f"{head} {len(replayed.checked)} files and all records of run {replayed.run.run_id} are as recorded.")
    return _repeat(session, replayed) if again else Exit.OK


def _repeat(session: Session, replayed: "Replay") -> Exit:
    """Make the run again in this process, and say whether it is the same."""
    from harness_api.cli.following import Deadline, embedded_worker, follow, give

    first, console = replayed.run, session.console
    with session.core(OWN_QUEUE) as core:
        core.repeating.submission(first)  # what cannot be repeated is told before anything is recorded
        with embedded_worker(core) as runtime:
            second = core.repeating.repeat(first, runtime.worker_id)
            give(core, runtime, second)
            follow(core, second.run_id, ProgressView(console), Deadline(None))
        different = core.repeating.differences(first.run_id, second.run_id)
    again = {"run_id": second.run_id, "identical": not different, "differences": [item.as_dict() for item in different]}
    console.document = {**replayed.as_dict(), "again": again}
    for item in different[:SHOWN]:
        console.complain(f"{paint('Differs:', 'red')} {item.path} {item.reason}")
    if different:
        console.result(f"Not the same: {len(different)} files of run {second.run_id} differ from those of {first.run_id}.")
        return Exit.VERIFICATION_FAILED
    console.result(f"{paint('Identical:', 'green')} run {second.run_id} gave every byte of {first.run_id} again.")
    return Exit.OK


def verify(session: Session, subject: SubjectArgument, data: DataOption = []) -> Exit:  # noqa: B006 - Typer copies it
    """Check a run or a pack as replay does, then run every query of its evidence again and compare.

    Exit 5 when a byte, a record or an answer differs. A pack without raw data is checked by its hashes; --data gives it the file.
    How many numbers in sentences come from the evidence cited is said too; --verbose names the others.
    """
    _check_given(data)
    path = Path(subject)
    if path.is_file() or path.suffix.lower() == ".zip":
        found = _verify_pack(session, path, data)
    else:
        with session.core() as core:
            found = core.verifying.verify_run(core.replaying, subject, data)
    session.console.document = found.as_dict()
    _tell(session, found)
    return Exit.OK if found.verified else Exit.VERIFICATION_FAILED


def _check_given(data: Sequence[Path]) -> None:
    for path in data:
        if not path.is_file():
            raise InputRefused("no_such_file", f"{path} is not a file.", next_step="Give the original file with --data.")


def _verify_pack(session: Session, path: Path, data: Sequence[Path]) -> "Verification":
    """With a working folder of its own, so that it works where this program has never kept anything."""
    if not path.is_file():
        raise NotFound("no_such_pack", f"There is no file {path}.", next_step="Give the path of a pack, or the id of a run.")
    session.configure_logs()
    from harness_core.bootstrap import open_pack_tools

    with tempfile.TemporaryDirectory(prefix="harness-verify-") as folder:
        proving, verifying = open_pack_tools(session.settings, Path(folder))
        return verifying.verify(proving.prove(path, Path(folder) / "pack"), data)


def _tell(session: Session, found: "Verification") -> None:
    console, words = session.console, found.as_dict()["evidence"]
    for item in found.differences[:SHOWN]:
        console.complain(f"{paint('Differs:', 'red')} {item.finding_id} of {item.plugin_id}: {item.reason}")
        console.complain(f"         {_short(item.sql)}\n         claimed {_short(item.expected)}, found {_short(item.actual)}")
    if len(found.differences) > SHOWN:
        console.complain(f"and {len(found.differences) - SHOWN} more; see them all with --json")
    for item in found.not_checkable[: None if console.verbose else SHOWN]:
        console.note(f"Not checked: {item.finding_id} of {item.plugin_id}, because {item.reason}: {_short(item.sql)}")
    if len(found.not_checkable) > SHOWN and not console.verbose:
        console.note(f"and {len(found.not_checkable) - SHOWN} more; see them all with --verbose or --json")
    for note in found.notes:
        console.note(note)
    _tell_numbers(session, found)
    head = paint("Verified:", "green") if found.verified else paint("Not verified:", "red")
    later = f", {words['not_checkable']} could not be tried here" if words["not_checkable"] else ""
    console.result(
        f"{head} {found.subject}: {found.files_checked} files are as recorded; "
        f"{words['equal']} of {words['checked']} pieces of evidence hold{later}."
    )


def _tell_numbers(session: Session, found: "Verification") -> None:
    """How many of the numbers in sentences come from evidence; --verbose names the others."""
    if not found.stated:
        return
    stated, unbound = len(found.stated), found.unbound
    more = "" if session.console.verbose or not unbound else "; see which with --verbose or --json"
    session.console.note(f"Numbers in sentences: {stated - len(unbound)} of {stated} come from the evidence cited{more}.")
    for item in unbound if session.console.verbose else ():
        other = "its statistics do" if item.source == "statistics" else "nor do its statistics"
        session.console.note(f"No evidence yields {item.printed} in {item.finding_id} of {item.plugin_id}; {other}.")


def _short(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= SHOWN_SQL else text[: SHOWN_SQL - 1] + "…"


def export(session: Session, run_id: options.RunArgument, output: PackOption, include_raw: IncludeRawOption = False) -> Exit:
    """Write a run as one archive that others can check without this program's database.

    Every hash is checked first. Rows, uploads and logs stay out, what looks personal and the values of columns found personal are
    removed, unless --include-raw is given.
    The same run gives the same bytes.
    """
    with session.core() as core:
        made = core.exporting.export(run_id, output.absolute(), include_raw=include_raw)
    session.console.document = made.as_dict()
    session.console.result(_written(made))
    for reason, count in _counted(made.as_dict()["left_out"]).items():
        session.console.note(f"Left out: {count} file{'s' * (count != 1)}, because {reason}.")
    for item in made.index.redacted:
        session.console.note(f"Cleaned: {item.path} ({item.removed} texts that look personal were removed).")
    return Exit.OK


def _written(made: "Export") -> str:
    return f"Pack: {made.path} ({made.file_count} files, {made.size_bytes:,} bytes)\nSHA-256: {made.sha256}"


def _counted(left_out: Sequence[Mapping[str, str]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for item in left_out:
        counts[item["reason"]] = counts.get(item["reason"], 0) + 1
    return counts


def diag(session: Session, run_id: options.RunArgument, output: DiagnosticsOption) -> Exit:
    """Write what is needed to understand a run from afar: records, reports, logs, environment, schemas, the state of every file.

    However the run went, and also while it is under way. Secrets and what looks personal are removed; the data stay here.
    """
    with session.core() as core:
        made = core.diagnosing.write(run_id, output.absolute())
    session.console.document = made.as_dict()
    session.console.result(f"Diagnostics: {made.path} ({len(made.names)} files, {made.size_bytes:,} bytes)\nSHA-256: {made.sha256}")
    if made.removed:
        session.console.note(f"{made.removed} texts that look secret or personal were removed. Read it before you send it.")
    return Exit.OK
