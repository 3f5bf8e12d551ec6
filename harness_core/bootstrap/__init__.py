"""The only place that names adapters: from settings to services that work together."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from harness_core.adapters.backups import database_findings, refuse_damaged_database, refuse_unfinished_restore
from harness_core.adapters.blobs import FolderBlobs
from harness_core.adapters.clock import SystemClock, TimeSortedNames
from harness_core.adapters.db.engine import Database, open_engine
from harness_core.adapters.db.jobs import SqlJobs
from harness_core.adapters.db.knowledge import SqlKnowledge
from harness_core.adapters.db.library import SqlLibrary
from harness_core.adapters.db.memory import SqlMemory
from harness_core.adapters.db.migrate import Migrations
from harness_core.adapters.db.runs import SqlRuns
from harness_core.adapters.db.workers import SqlWorkers
from harness_core.adapters.environment import engine_facts
from harness_core.adapters.grants import GrantsFile
from harness_core.adapters.home import Home
from harness_core.adapters.queue import HueyBell, open_bell
from harness_core.adapters.store import FolderStore
from harness_core.adapters.wall.launcher import ProcessLauncher
from harness_core.bootstrap.parts import environment, launcher_of, open_catalog, open_grants, product_folder, surroundings
from harness_core.bootstrap.tending import (
    backing_up_of,
    folder_backups,
    open_restore,
    refuse_migration_under_workers,
    upgrade_with_copy,
)
from harness_core.domain.errors import LeaseLost
from harness_core.domain.runs import WorkerId
from harness_core.ports.catalog import Catalog
from harness_core.services.advancing import Advancing
from harness_core.services.control import Controlling
from harness_core.services.earlier_versions import EarlierVersions
from harness_core.services.executing import Executing
from harness_core.services.guests import Preparing
from harness_core.services.inspecting import Inspecting
from harness_core.services.knowing import Knowing
from harness_core.services.overview import Overview
from harness_core.services.plugins import ask_health
from harness_core.services.secret_settings import SecretKeeping
from harness_core.services.submitting import Submitting
from harness_core.services.uploads import Uploading
from harness_core.settings import Settings

if TYPE_CHECKING:
    from harness_core.services.backing_up import BackingUp
    from harness_core.services.bundles import Bundling
    from harness_core.services.checking import Checking
    from harness_core.services.collecting import Collecting
    from harness_core.services.comparing import Comparing
    from harness_core.services.diagnosing import Diagnosing
    from harness_core.services.erps import Erps
    from harness_core.services.exporting import Exporting
    from harness_core.services.formats import Formats
    from harness_core.services.insights import Insights
    from harness_core.services.personal_values import PersonalValues
    from harness_core.services.presets import Presets
    from harness_core.services.proving import Proving
    from harness_core.services.repeating import Repeating
    from harness_core.services.replaying import Replaying
    from harness_core.services.resumable import ResumableUploads
    from harness_core.services.retaining import Retaining
    from harness_core.services.verifying import Verifying

__all__ = [
    "Core",
    "backing_up_of",
    "folder_backups",
    "open_bundling",
    "open_catalog",
    "open_core",
    "open_grants",
    "open_pack_tools",
    "open_restore",
    "product_folder",
    "upgrade_with_copy",
]


@dataclass(frozen=True)
class Core:
    """Services and ports of one home folder, opened together. ``close`` ends the connections."""

    settings: Settings
    home: Home
    database: Database
    migrations: Migrations
    clock: SystemClock
    names: TimeSortedNames
    runs: SqlRuns
    jobs: SqlJobs
    library: SqlLibrary
    workers: SqlWorkers
    knowledge: SqlKnowledge
    memory: SqlMemory
    knowing: Knowing
    blobs: FolderBlobs
    store: FolderStore
    catalog: Catalog
    bell: HueyBell
    launcher: ProcessLauncher
    guests: SecretKeeping
    grants: GrantsFile
    uploading: Uploading
    inspecting: Inspecting
    submitting: Submitting
    executing: Executing
    advancing: Advancing
    controlling: Controlling
    overview: Overview

    def close(self) -> None:
        self.launcher.close()
        self.database.close()

    # What proves and keeps is loaded when it is asked for: most commands never do.

    @cached_property
    def replaying(self) -> "Replaying":
        from harness_core.services.replaying import Replaying

        return Replaying(self.settings.home, self.runs, self.library, self.store)

    @cached_property
    def repeating(self) -> "Repeating":
        from harness_core.services.repeating import Repeating

        return Repeating(self.runs, self.store, self.catalog, self.submitting)

    @cached_property
    def erps(self) -> "Erps":
        from harness_core.services.erps import Erps

        return Erps(self.knowledge, self.catalog)

    @cached_property
    def presets(self) -> "Presets":
        from harness_core.services.presets import Presets

        return Presets(self.knowledge, self.catalog, self.knowing)

    @cached_property
    def formats(self) -> "Formats":
        from harness_core.services.formats import Formats

        return Formats(self.knowledge, self.catalog, self.inspecting)

    @cached_property
    def insights(self) -> "Insights":
        from harness_core.services.insights import Insights

        return Insights(self.memory, self.runs, self.library, self.clock, self.names)

    @cached_property
    def verifying(self) -> "Verifying":
        return verifying_with(self.guests, self.store, self.names, self.catalog)

    @cached_property
    def exporting(self) -> "Exporting":
        from harness_core.adapters.packs import Archives
        from harness_core.services.exporting import Exporting

        return Exporting(self.settings.home, self.replaying, Archives(), engine_facts()["harness"], self.personal_values)

    @cached_property
    def personal_values(self) -> "PersonalValues":
        from harness_core.services.personal_values import PersonalValues

        return PersonalValues(self.settings.home, self.verifying.ask)

    @cached_property
    def diagnosing(self) -> "Diagnosing":
        from harness_core.adapters.packs import Archives
        from harness_core.services.diagnosing import Diagnosing

        return Diagnosing(
            self.settings.home, self.runs, self.catalog, self.replaying, Archives(),
            lambda: surroundings(self.settings, self.launcher), os.environ, self.personal_values,
        )  # fmt: skip

    @cached_property
    def resumable(self) -> "ResumableUploads":
        from harness_core.services.resumable import ResumableUploads

        folder, held, free_bytes = self.home.root / "quarantine" / "tus", self.settings, self.store.free_bytes
        limits = {"max_bytes": held.max_upload_bytes, "min_free_bytes": held.min_free_bytes}
        return ResumableUploads(folder, self.blobs, self.uploading, self.clock, self.names, free_bytes, **limits)

    @cached_property
    def collecting(self) -> "Collecting":
        from harness_core.adapters.db.keeping import SqlKeeping
        from harness_core.adapters.discarding import FolderDiscards
        from harness_core.domain.retention import Policy
        from harness_core.services.collecting import Collecting

        held = self.settings
        policy = Policy(
            held.retention_days, held.retention_newest, held.retention_runs, held.retention_bytes, held.retention_grace_days
        )
        return Collecting(SqlKeeping(self.database, self.clock), FolderDiscards(self.home), self.clock, policy)

    @cached_property
    def retaining(self) -> "Retaining":
        from harness_core.adapters.db.keeping import SqlKeeping
        from harness_core.services.retaining import Retaining

        keeping = SqlKeeping(self.database, self.clock)
        return Retaining(keeping, self.collecting, self.store, lambda: self.exporting, self.clock)

    @cached_property
    def comparing(self) -> "Comparing":
        from harness_core.services.comparing import Comparing

        return Comparing(self.runs, self.store)

    @cached_property
    def checking(self) -> "Checking":
        from harness_core.services.checking import Checking

        database = folder_backups(self.settings)
        return Checking(
            self.settings.home,
            self.runs,
            self.library,
            self.replaying,
            lambda full: database_findings(database.database, full=full),
        )

    @cached_property
    def backing_up(self) -> "BackingUp":
        return backing_up_of(self.settings, self.clock)


def open_core(settings: Settings, *, queue_url: str | None = None, migrate: bool = True, catalog: Catalog | None = None) -> Core:
    """Everything for one home folder, which is made and brought to the current schema first (unless ``migrate`` is False).

    Raises HarnessError when the folder is unfit, the database damaged or newer than this program.
    """
    home = Home(settings.home)
    home.make()
    refuse_unfinished_restore(home)
    if migrate:
        refuse_damaged_database(home, settings.database_url)
    database = Database(open_engine(settings.database_url))
    migrations = Migrations(database.engine, product_folder("migrations"))
    migrations.check_known()
    clock = SystemClock()
    if migrate and not migrations.is_current():
        refuse_migration_under_workers(settings, migrations)
        upgrade_with_copy(settings, migrations, clock)
    names = TimeSortedNames(clock)
    runs, jobs = SqlRuns(database, clock), SqlJobs(database, clock, settings.lease_s, settings.memory_mb)
    library, workers = SqlLibrary(database), SqlWorkers(database, clock)
    blobs, store = FolderBlobs(settings.home), FolderStore(home)
    catalog, bell = catalog or open_catalog(settings), open_bell(queue_url or settings.queue_url)
    launcher = launcher_of(settings, warm=settings.warm_start)
    guests, grants = SecretKeeping(launcher, os.environ), open_grants(settings)
    engine = engine_facts()
    inspecting = Inspecting(guests, store, blobs, names)
    knowledge, memory = SqlKnowledge(database, clock), SqlMemory(database)
    knowing = Knowing(knowledge, memory, clock)
    preparing = Preparing(runs, library, catalog, store, blobs)
    advancing = Advancing(runs, jobs, library, catalog, store, engine["harness"], lambda: environment(launcher))

    def close_now(job_id: int) -> None:
        job = jobs.claim(WorkerId(names.fresh("closing")), job_id=job_id)
        if job is not None:
            try:
                advancing.advance(job)
            except LeaseLost:
                return

    return Core(
        settings=settings, home=home, database=database, migrations=migrations, clock=clock, names=names, runs=runs, jobs=jobs,
        library=library, workers=workers, knowledge=knowledge, memory=memory, knowing=knowing, blobs=blobs,
        store=store, catalog=catalog, bell=bell, launcher=launcher, guests=guests, grants=grants,
        uploading=Uploading(blobs, library, clock, names, settings.max_upload_bytes),
        inspecting=inspecting,
        submitting=Submitting(
            runs, library, catalog, inspecting, bell, clock, names, engine, knowing, grants,
            EarlierVersions(runs, library, memory), settings.allow_network,
            lambda plugin: ask_health(plugin, launcher, store, names),
        ),
        executing=Executing(runs, jobs, library, store, guests, preparing, clock),
        advancing=advancing,
        controlling=Controlling(runs, jobs, bell, close_now),
        overview=Overview(runs, jobs, workers, clock, settings.lease_s),
    )  # fmt: skip


def verifying_with(guests: SecretKeeping, store: FolderStore, names: TimeSortedNames, catalog: Catalog) -> "Verifying":
    """What checks evidence, with queries and readers running as guests."""
    from harness_core.services.rereading import Rereading
    from harness_core.services.verifying import Verifying

    return Verifying(guests, store, names, Rereading(guests, store, catalog, engine_facts()))


def open_pack_tools(settings: Settings, folder: Path) -> "tuple[Proving, Verifying]":
    """What verifies packs, working below ``folder``; no state database is needed, nor made."""
    from harness_core.adapters.packs import Archives
    from harness_core.services.proving import Proving

    guests = SecretKeeping(launcher_of(settings), os.environ)
    verifying = verifying_with(guests, FolderStore(Home(folder)), TimeSortedNames(SystemClock()), open_catalog(settings))
    return Proving(Archives(), engine_facts()["harness"]), verifying


def open_bundling(settings: Settings, catalog: Catalog | None = None) -> "Bundling":
    """What installs bundles; the state folder is made where there is none. Raises HarnessError when it is unfit."""
    from harness_core.adapters.bundles import FolderBundles
    from harness_core.services.bundles import Bundling

    home = Home(settings.home)
    home.make()
    refuse_unfinished_restore(home)
    return Bundling(FolderBundles(home), catalog or open_catalog(settings), engine_facts()["harness"])
