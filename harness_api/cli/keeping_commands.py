"""`harness check`, `backup` and `restore`: whether everything that is kept is sound, copies of it, and putting one back."""

from pathlib import Path
from typing import Annotated

import typer

from harness_api.cli.console import paint
from harness_api.cli.exits import Exit
from harness_api.cli.session import Session
from harness_core.domain.errors import UsageError

FullOption = Annotated[
    bool, typer.Option("--full", help="Hash every file and compare every record; takes longer.", show_default=False)
]
KeepOption = Annotated[
    int, typer.Option("--keep", metavar="N", min=1, max=1000, help="How many backups stay in the backups folder.")
]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE.zip", help="Write there; nothing is removed from the backups folder.")
]
FileArgument = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="A backup, or a copy of the state database made before a migration.", show_default=False),
]
SHOWN = 20


def check(session: Session, full: FullOption = False) -> Exit:
    """Check everything that is kept: the state database, and every file of every run, dataset version and upload.

    Without --full a file must be there and have its size; with it, it must have its hash, and every record must agree.
    Exit 8 when something is not as recorded.
    """
    with session.core() as core:
        found = core.checking.check(full=full)
    session.console.document = found.as_dict()
    for item in found.mismatches[:SHOWN]:
        session.console.complain(f"{paint('Wrong:', 'red')} {item.path}: {item.reason}")
    if len(found.mismatches) > SHOWN:
        session.console.complain(f"and {len(found.mismatches) - SHOWN} more; see them all with --json")
    for name in found.leftovers:
        session.console.note(f"Left over, and read by nobody: {name}")
    looked = f"{found.runs} runs, {found.datasets} dataset versions, {found.uploads} uploads, {found.files} files"
    if not found.sound:
        session.console.result(f"{len(found.mismatches)} things are not as recorded ({looked}).")
        session.console.complain("Do:   Put back a backup with `harness restore FILE`, or submit the files again.")
        return Exit.NOT_HEALTHY
    session.console.result(f"{paint('Sound:', 'green')} {looked}{'' if full else '; --full compares their hashes'}.")
    return Exit.OK


def backup(session: Session, output: OutputOption = None, keep: KeepOption = 7) -> Exit:
    """Copy everything that is kept into one archive, while runs go on.

    It goes to the backups folder, of which the newest --keep stay, or to --output. Exit 8 when files are not as recorded: they
    are missing in the backup, and named.
    """
    with session.core() as core:
        made = core.backing_up.back_up(output.absolute() if output else None, keep=keep)
    session.console.document = made.as_dict()
    for item in made.damaged:
        session.console.complain(f"{paint('Not in it:', 'red')} {item.path} {item.reason}")
    for path in made.removed:
        session.console.note(f"Removed: {path}")
    counts = f"{made.counts['runs']} runs, {made.counts['datasets']} dataset versions, {made.counts['uploads']} uploads"
    session.console.result(f"Backup: {made.path} ({counts}, {made.size_bytes:,} bytes)\nSHA-256: {made.sha256}")
    return Exit.NOT_HEALTHY if made.damaged else Exit.OK


def restore(session: Session, file: FileArgument) -> Exit:
    """Put back a backup: everything that is kept becomes what it was then.

    Every hash is checked before anything is touched. What is there now is moved to the backups folder, not deleted. Stop all
    workers and services first. A copy of the state database, as made before a migration, puts back the database alone.
    """
    session.configure_logs()
    from harness_core.bootstrap import open_restore

    if file.is_dir():
        raise UsageError("not_a_file", f"{file} is a folder.", next_step="Name a file of the backups folder.")
    restored = open_restore(session.settings).restore(file)
    session.console.document = restored.as_dict()
    what = "The state database alone" if restored.database_only else f"{restored.file_count:,} files"
    session.console.result(f"{paint('Restored:', 'green')} {what} from {restored.source}.")
    if restored.before:
        session.console.note(f"What was there before is in {restored.before}; delete that folder when you do not need it any more.")
    return Exit.OK
