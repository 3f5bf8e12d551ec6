"""Whether the service can take work: each thing it needs, looked at now, with the reason and the remedy where it fails."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from harness_core.domain.errors import HarnessError
from harness_core.ports.catalog import Catalog
from harness_core.ports.state import Jobs
from harness_core.services.overview import Overview

Level = Literal["ok", "warning", "failed"]


class Schema(Protocol):
    """What is asked about the state database's schema."""

    def is_current(self) -> bool: ...

    def version(self) -> str | None: ...


class Log(Protocol):
    """What is asked about the state database's write-ahead log."""

    def refuse_unsynced(self) -> None:
        """Raises HarnessError where the disk did not confirm what was written."""


class Disk(Protocol):
    """What is asked about the place where things are kept."""

    def free_bytes(self) -> int: ...


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. A warning does not stop work from being taken."""

    name: str
    level: Level
    reason: str
    next_step: str = ""

    @property
    def ok(self) -> bool:
        return self.level != "failed"

    def as_dict(self) -> dict[str, Any]:
        return {"name": self.name, "ok": self.ok, "level": self.level, "reason": self.reason, "next_step": self.next_step}


@dataclass(frozen=True)
class Readiness:
    """All checks together."""

    checks: Sequence[Check]

    def ready(self, *, strict: bool = False) -> bool:
        """Nothing failed; where ``strict`` is set, nothing is a warning either."""
        return all(check.ok and not (strict and check.level == "warning") for check in self.checks)

    def as_dict(self, *, strict: bool = False) -> dict[str, Any]:
        ready = self.ready(strict=strict)
        return {"ok": ready, "status": "ready" if ready else "not ready", "checks": [check.as_dict() for check in self.checks]}


class Examining:
    """Looks at the database, its schema, the workers, the plugins, the disk, and whether the service is on its way out."""

    def __init__(
        self,
        jobs: Jobs,
        log: Log,
        schema: Schema,
        disk: Disk,
        overview: Overview,
        catalog: Catalog,
        home: Path,
        min_free_bytes: int,
    ) -> None:
        self._jobs, self._log, self._schema, self._disk = jobs, log, schema, disk
        self._overview, self._catalog = overview, catalog
        self._home, self._min_free_bytes = home, min_free_bytes

    def readiness(self, *, draining: bool = False) -> Readiness:
        """The database first: what cannot be asked without it is left out when it does not answer."""
        checks = [self._database()]
        if checks[0].ok:
            checks += [self._migration(), self._workers()]
        return Readiness([*checks, self._plugins(), self._disk_space(), self._writable(), _draining(draining)])

    def _database(self) -> Check:
        try:
            self._jobs.backlog()
            self._log.refuse_unsynced()
        except HarnessError as failure:
            return Check("database", "failed", f"{failure.what} {failure.why}".strip(), failure.next_step)
        except Exception as failure:  # a database that answers nonsense is as bad as one that does not answer
            return Check("database", "failed", f"The state database cannot be read: {failure}.", "Run `harness doctor`.")
        return Check("database", "ok", "The state database answers.")

    def _migration(self) -> Check:
        if self._schema.is_current():
            return Check("migration", "ok", f"The schema is current ({self._schema.version()}).")
        reason = f"The schema is {self._schema.version() or 'empty'}, not the one this program needs."
        return Check("migration", "failed", reason, "Stop the service and run `harness migrate`.")

    def _workers(self) -> Check:
        alive = self._overview.liveness().alive
        if not alive:
            return Check("workers", "warning", "No worker is running; runs wait in the queue.", "Start `harness worker`.")
        places = sum(worker.concurrency for worker in alive)
        noun = "worker" if len(alive) == 1 else "workers"
        return Check("workers", "ok", f"{len(alive)} {noun} with {places} places.")

    def _plugins(self) -> Check:
        plugins, invalid = self._catalog.plugins(), len(self._catalog.problems())
        if not any(plugin.manifest.type == "ingest" for plugin in plugins.values()):
            return Check("plugins", "warning", "No ingest plugin is there, so no file can be read.", "See `harness plugins list`.")
        if invalid:
            reason = "A plugin folder cannot be used." if invalid == 1 else f"{invalid} plugin folders cannot be used."
            return Check("plugins", "warning", reason, "See what is wrong with `harness plugins validate`.")
        return Check("plugins", "ok", f"{len(plugins)} plugins.")

    def _disk_space(self) -> Check:
        try:
            free = self._disk.free_bytes()
        except OSError as failure:
            return Check("disk", "failed", f"The state folder cannot be reached: {failure.strerror}.", "Check that it is mounted.")
        if free < self._min_free_bytes:
            reason = f"{free:,} bytes are free; at least {self._min_free_bytes:,} are needed."
            return Check("disk", "failed", reason, "Free some space, or delete old runs with `harness retention --apply`.")
        return Check("disk", "ok", f"{free:,} bytes are free.")

    def _writable(self) -> Check:
        if os.access(self._home, os.W_OK | os.X_OK):
            return Check("home", "ok", "The state folder can be written.")
        return Check("home", "failed", "The state folder cannot be written.", "Give the service's user the right to write it.")


def _draining(draining: bool) -> Check:
    if draining:
        return Check("draining", "failed", "The service is stopping and takes no new work.", "Use another instance, or wait.")
    return Check("draining", "ok", "The service is not stopping.")
