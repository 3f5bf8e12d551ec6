"""`harness migrate`: the state database to another version of its schema, never without a copy of what was there."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness_api.cli.exits import Exit
from harness_api.cli.session import Session
from harness_core.domain.errors import Conflict, UsageError

if TYPE_CHECKING:
    from harness_core.bootstrap import Core

CheckOption = Annotated[
    bool, typer.Option("--check", help="Only say whether the schema is current (exit 8 if not).", show_default=False)
]
ToOption = Annotated[str, typer.Option("--to", metavar="REV", help="The version to go to, up or down; the newest unless given.")]


def migrate(session: Session, check: CheckOption = False, to: ToOption = "head") -> Exit:
    """Bring the state database to another schema.

    That is the one this program uses, unless --to names another. A copy of the database is put into the backups folder before
    anything is changed. Stop all workers and services first.
    """
    from harness_core.adapters.backups import refuse_damaged_database
    from harness_core.adapters.home import Home
    from harness_core.bootstrap import folder_backups

    refuse_damaged_database(Home(session.settings.home), session.settings.database_url)
    with session.core(migrate=False) as core:
        before, target = core.migrations.version(), core.migrations.head if to == "head" else to
        if check:
            return _tell_version(session, before, core.migrations.head)
        if before == target:
            return _tell_moved(session, before, target, None)
        if before is not None and core.overview.liveness().alive:
            raise Conflict("workers_running", "The schema cannot be changed while workers are running.",
                           why="They would write to tables that are no longer there.", next_step="Stop them first.")  # fmt: skip
        copy = folder_backups(core.settings).copy_before_migration(before, core.clock.now())
        _move(core, before, target)
        return _tell_moved(session, before, core.migrations.version(), copy)


def _tell_version(session: Session, version: str | None, head: str) -> Exit:
    current = version == head
    session.console.document = {"version": version, "head": head, "current": current}
    session.console.result(f"The schema is {'current' if current else version or 'not there yet'}; this program uses {head}.")
    if not current:
        session.console.note("Run `harness migrate`; a copy of the database is made first.")
    return Exit.OK if current else Exit.NOT_HEALTHY


def _tell_moved(session: Session, before: str | None, after: str | None, copy: Path | None) -> Exit:
    session.console.document = {"from": before, "to": after, "changed": before != after, "backup": str(copy) if copy else None}
    moved = f"The schema went from {before or 'nothing'} to {after}." if before != after else f"The schema is {after} already."
    session.console.result(moved + (f" The database as it was is {copy}." if copy else ""))
    return Exit.OK


def _move(core: "Core", before: str | None, target: str) -> None:
    from alembic.util import CommandError

    down = before is not None and (target == "base" or target < before)
    try:
        if down:
            core.migrations.downgrade(target)
        else:
            core.migrations.upgrade(target)
    except CommandError as reason:
        raise UsageError("no_such_version", f"There is no version {target} of the schema to go to.", why=f"{reason}.",
                         next_step=f"Use --to {core.migrations.head}, or leave --to away.") from reason  # fmt: skip
