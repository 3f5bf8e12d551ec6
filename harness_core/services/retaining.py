"""Retention: pins, deletions that can be taken back, and the policy that ends what is old, beyond a number or beyond a size.

A run goes in two steps. Deleted, it is hidden and everything of it stays; when its grace is over it is purged: its files are gone,
and what remains is its record with the original path, the time and the SHA-256 of its upload.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness_core.domain.datasets import DatasetVersion
from harness_core.domain.errors import Conflict, HarnessError, NotFound, Tampered, UsageError
from harness_core.domain.retention import DAY_S, Expiry, KeptRun, Plan, Policy, grace_is_over, plan
from harness_core.domain.runs import Run, RunId
from harness_core.ports.keeping import Keeping
from harness_core.ports.store import Store
from harness_core.ports.world import Clock
from harness_core.services.collecting import Collecting, Sweep
from harness_core.services.exporting import Exporting


@dataclass(frozen=True)
class Failure:
    """A run that was to be exported before its files go, and could not be: it stays as it is."""

    run_id: RunId
    error: HarnessError

    def as_dict(self) -> dict[str, Any]:
        return {"run_id": self.run_id, "error": self.error.as_dict()}


@dataclass
class Retention:
    """What retention did, or would do."""

    policy: Policy
    applied: bool
    deleted: list[Expiry] = field(default_factory=list)
    purged: list[KeptRun] = field(default_factory=list)
    kept: dict[str, int] = field(default_factory=dict)
    exported: list[Path] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    swept: Sweep = field(default_factory=Sweep)

    @property
    def freed_bytes(self) -> int:
        return self.swept.freed_bytes + sum(run.parts.get(run.run_id, 0) for run in self.purged)

    def as_dict(self) -> dict[str, Any]:
        return {
            "applied": self.applied, "policy": self.policy.as_dict(), "kept": self.kept,
            "deleted": [
                {"run_id": item.run.run_id, "filename": item.run.filename, "reason": item.reason} for item in self.deleted
            ],
            "purged": [{"run_id": run.run_id, "filename": run.filename} for run in self.purged],
            "exported": [str(path) for path in self.exported], "failures": [item.as_dict() for item in self.failures],
            "collected": [item.as_dict() for item in self.swept.collected], "freed_bytes": self.freed_bytes,
        }  # fmt: skip


@dataclass(frozen=True)
class ExportFirst:
    """Where the packs of runs go before their files do."""

    folder: Path
    include_raw: bool = False


class Retaining:
    """Keeps and ends the runs and dataset versions of one home."""

    def __init__(
        self, keeping: Keeping, collecting: Collecting, store: Store, exporting: Callable[[], Exporting], clock: Clock
    ) -> None:
        self._keeping, self._collecting, self._store = keeping, collecting, store
        self._exporting, self._clock = exporting, clock

    @property
    def policy(self) -> Policy:
        return self._collecting.policy

    def pin(self, run_id: str, *, pinned: bool = True) -> Run:
        """Raises NotFound, Conflict."""
        return self._keeping.pin(run_id, pinned=pinned)

    def delete_runs(self, run_ids: Sequence[str]) -> Sequence[Run]:
        """All or none; deleting again changes nothing. Raises NotFound; Conflict for one under way or pinned."""
        return self._keeping.delete_runs(run_ids)

    def undelete_runs(self, run_ids: Sequence[str]) -> Sequence[Run]:
        """All or none. Raises NotFound; Conflict for one whose files are no longer kept."""
        return self._keeping.undelete_runs(run_ids)

    def delete_datasets(self, names: Sequence[str]) -> Sequence[DatasetVersion]:
        """All or none; deleting again changes nothing. Raises NotFound; Conflict for one that a run under way or a pin needs."""
        return self._keeping.delete_datasets(names)

    def undelete_datasets(self, names: Sequence[str]) -> Sequence[DatasetVersion]:
        """All or none. Raises NotFound; Conflict for one whose data are no longer kept."""
        return self._keeping.undelete_datasets(names, self._has_data)

    def _has_data(self, name: str) -> bool:
        try:
            return bool(self._store.dataset_folder(name))
        except NotFound:
            return False

    def look(self, policy: Policy | None = None) -> Retention:
        """What :meth:`apply` would do now. Changes nothing."""
        policy = policy or self.policy
        planned = self._plan(policy)
        at_once = [item.run for item in planned.expire if policy.grace_days == 0]
        purged = [*planned.purge, *at_once]
        swept = self._collecting.survey(policy, {run.run_id for run in purged})
        return Retention(policy, applied=False, deleted=list(planned.expire), purged=purged, kept=dict(planned.kept), swept=swept)

    def overdue(self) -> Plan:
        """What the policy has wanted for a day and nobody did: a timer that calls :meth:`apply` daily leaves nothing here."""
        yesterday = self._clock.now() - DAY_S
        there = [run for run in self._keeping.kept_runs() if run.at <= yesterday]
        return plan(there, self.policy, yesterday)

    def apply(self, policy: Policy | None = None, export: ExportFirst | None = None) -> Retention:
        """Delete what expired, purge what was deleted long enough ago (exported first, if asked for), collect what nobody needs.

        Each step is decided again where it is recorded, so that this may be interrupted anywhere and run again, also side by side.
        """
        policy = policy or self.policy
        _check_folder(export)
        planned = self._plan(policy)
        done = Retention(policy, applied=True, kept=dict(planned.kept))
        done.deleted = [item for item in planned.expire if self._keeping.expire(item.run.run_id, item.reason)]
        for run in self._plan(policy).purge if done.deleted else planned.purge:
            self._end(run, policy, export, done)
        done.swept = self._collecting.collect(policy)
        return done

    def _plan(self, policy: Policy) -> Plan:
        return plan(self._keeping.kept_runs(), policy, self._clock.now())

    def _end(self, run: KeptRun, policy: Policy, export: ExportFirst | None, done: Retention) -> None:
        if export is not None:
            try:
                made = self._exporting().export(run.run_id, export.folder / f"{run.run_id}.zip", include_raw=export.include_raw)
            except (Tampered, Conflict) as error:
                done.failures.append(Failure(run.run_id, error))
                return
            done.exported.append(made.path)
        if self._keeping.purge(run.run_id, lambda deleted_at: grace_is_over(deleted_at, policy, self._clock.now())):
            self._collecting.remove_runs([run.run_id])
            done.purged.append(run)


def _check_folder(export: ExportFirst | None) -> None:
    if export is not None and not export.folder.is_dir():
        raise UsageError("no_such_folder", f"There is no folder {export.folder}.", next_step="Make it, or name another place.")


def with_options(policy: Policy, **given: float | None) -> Policy:
    """``policy`` with what was given instead; None leaves a value as it is."""
    return replace(policy, **{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
