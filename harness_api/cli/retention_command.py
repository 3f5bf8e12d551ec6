"""`harness retention`: what the policy would end, and, when told to, ending it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness_api.cli import options
from harness_api.cli.console import Console, paint
from harness_api.cli.datasets_commands import show_sweep
from harness_api.cli.exits import Exit
from harness_api.cli.failures import lines_of
from harness_api.cli.session import Session
from harness_core.domain.errors import UsageError

if TYPE_CHECKING:
    from harness_core.services.retaining import Retention

ApplyOption = Annotated[bool, typer.Option("--apply", help="Do it; without this nothing is changed.", show_default=False)]
NewestOption = Annotated[
    int | None, typer.Option("--newest", metavar="N", min=0, help="Instead of HARNESS_RETENTION_NEWEST: so many runs never expire.")
]
MaxRunsOption = Annotated[
    int | None,
    typer.Option("--max-runs", metavar="N", min=0, help="Instead of HARNESS_RETENTION_RUNS: runs beyond so many expire."),
]
MaxBytesOption = Annotated[
    int | None,
    typer.Option("--max-bytes", metavar="N", min=0, help="Instead of HARNESS_RETENTION_BYTES: runs beyond so many bytes expire."),
]
ExportOption = Annotated[
    Path | None,
    typer.Option("--export", metavar="DIR", help="Write each run that is purged there as a pack first; one that cannot be stays."),
]
IncludeRawOption = Annotated[
    bool, typer.Option("--include-raw", help="With --export: put the files, the data and the logs in as well.", show_default=False)
]
SHOWN = 20


def retention(
    session: Session,
    apply: ApplyOption = False,
    days: options.DaysOption = None,
    newest: NewestOption = None,
    max_runs: MaxRunsOption = None,
    max_bytes: MaxBytesOption = None,
    grace_days: options.GraceOption = None,
    export: ExportOption = None,
    include_raw: IncludeRawOption = False,
) -> Exit:
    """Say what the retention policy would end, and end it with --apply.

    Runs that are too old, too many or too large are deleted, which `runs undelete` takes back. Runs that were deleted longer ago
    than the days of grace are purged: only their record stays. Then what nobody needs any more is collected, as by `datasets gc`.
    Pinned runs, runs under way and the newest ones stay. Exit 5 when a run could not be exported before its end: it stays.
    """
    if include_raw and export is None:
        raise UsageError("contradicting_options", "--include-raw says what an export holds, and there is none.",
                         why="--export names no folder.", next_step="Add --export DIR, or leave --include-raw away.")  # fmt: skip
    with session.core() as core:
        from harness_core.services.retaining import ExportFirst, with_options

        policy = with_options(
            core.retaining.policy, days=days, newest=newest, runs=max_runs, size_bytes=max_bytes, grace_days=grace_days
        )
        first = ExportFirst(export.absolute(), include_raw) if export else None
        done = core.retaining.apply(policy, first) if apply else core.retaining.look(policy)
    session.console.document = done.as_dict()
    _tell(session.console, done)
    return Exit.VERIFICATION_FAILED if done.failures else Exit.OK


def _tell(console: Console, done: "Retention") -> None:
    would = "" if done.applied else "would be "
    for item in done.deleted[:SHOWN]:
        console.say(f"  {paint('delete', 'yellow')}  {item.run.run_id}  {item.run.filename}: {item.reason}")
    for run in done.purged[:SHOWN]:
        console.say(f"  {paint('purge', 'red')}   {run.run_id}  {run.filename}")
    hidden = max(0, len(done.deleted) - SHOWN) + max(0, len(done.purged) - SHOWN)
    if hidden:
        console.say(f"  and {hidden:,} more; see them all with --json")
    for failure in done.failures:
        console.complain(f"{paint('Not ended:', 'red')} run {failure.run_id} could not be exported")
        for line in lines_of(failure.error):
            console.complain(f"    {line}")
    show_sweep(console, done.swept, applied=done.applied)
    kept = ", ".join(f"{count:,} {why}" for why, count in done.kept.items() if count) or "none"
    console.result(
        f"Runs: {len(done.deleted):,} {would}deleted, {len(done.purged):,} {would}purged; kept: {kept}. {done.freed_bytes:,} bytes "
        f"{would}freed."
    )
    if done.deleted:
        console.note(f"What is deleted can be taken back with `harness runs undelete` for {done.policy.grace_days:g} days.")
    if not done.applied and (done.deleted or done.purged or done.swept.collected):
        console.note("Nothing was changed. Do it with --apply.")
