"""What tends the state folder while nothing in it is open: backups, restores, and the step to a newer schema."""

from pathlib import Path
from typing import TYPE_CHECKING

from harness_core.adapters.backups import FolderBackups, database_findings, is_database, schema_version
from harness_core.adapters.clock import SystemClock
from harness_core.adapters.db.engine import Database, open_engine
from harness_core.adapters.db.jobs import SqlJobs
from harness_core.adapters.db.migrate import HEAD, Migrations
from harness_core.adapters.db.runs import SqlRuns
from harness_core.adapters.db.workers import SqlWorkers
from harness_core.adapters.environment import engine_facts
from harness_core.adapters.home import Home
from harness_core.domain.errors import Conflict, Unhealthy
from harness_core.services.overview import Overview
from harness_core.settings import Settings

if TYPE_CHECKING:
    from harness_core.services.backing_up import BackingUp


def folder_backups(settings: Settings) -> FolderBackups:
    return FolderBackups(Home(settings.home), settings.database_url, settings.queue_url)


def backing_up_of(settings: Settings, clock: SystemClock, newest_schema: str = HEAD) -> "BackingUp":
    """What makes and puts back backups of a home."""
    from harness_core.adapters.packs import Archives
    from harness_core.services.backing_up import BackingUp, DatabaseLook

    look = DatabaseLook(database_findings, is_database, schema_version, newest_schema)
    return BackingUp(settings.home, folder_backups(settings), Archives(), look, clock, engine_facts()["harness"])


def refuse_migration_under_workers(settings: Settings, migrations: Migrations) -> None:
    """Raises Conflict while programs of an earlier version are at work: they do not know the tables as they would become."""
    if migrations.version() is None or not workers_alive(settings) or migrations.is_current():
        return
    raise Conflict(
        "older_workers_running", "Workers or a service of an earlier version are running on this state folder.",
        why="The state database must be brought to this version first, and they would go on writing to it as it was.",
        next_step="Stop them, then repeat this; start them again with this version.",
    )  # fmt: skip


def upgrade_with_copy(settings: Settings, migrations: Migrations, clock: SystemClock) -> None:
    """Bring the state database to the current schema; a copy of what was there goes to the backups folder first."""
    folder_backups(settings).copy_before_migration(migrations.version(), clock.now())
    migrations.upgrade()


def open_restore(settings: Settings) -> "BackingUp":
    """What puts a backup back, opening nothing of what it replaces. Raises Conflict while workers are running."""
    from harness_core.services.backing_up import refuse_while_working

    Home(settings.home).make()
    refuse_while_working(workers_alive(settings))
    return backing_up_of(settings, SystemClock())


def workers_alive(settings: Settings) -> int:
    """How many workers are running; 0 where the state database cannot say."""
    path = Path(settings.database_url.removeprefix("sqlite:///"))
    try:
        if not path.exists() or database_findings(path) or schema_version(path) is None:
            return 0
    except Unhealthy:
        return 0
    database, clock = Database(open_engine(settings.database_url)), SystemClock()
    try:
        workers, runs, jobs = (
            SqlWorkers(database, clock),
            SqlRuns(database, clock),
            SqlJobs(database, clock, settings.lease_s, settings.memory_mb),
        )
        return len(Overview(runs, jobs, workers, clock, settings.lease_s).liveness().alive)
    finally:
        database.close()
