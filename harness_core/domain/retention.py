"""What is kept, what is deleted and what may be collected: rules over facts, without a clock, a database or a disk."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness_core.domain.runs import RunId

DAY_S = 86_400.0
SHORTEST_WAIT_S = 3_600.0  # between an upload and the run that it was made for, whatever the policy says


@dataclass(frozen=True)
class Policy:
    """How long things stay. ``runs`` and ``size_bytes`` are bounds for what is kept together; 0 means none.

    ``days`` count from the end of a run, or from an upload that no run has used. The ``newest`` runs stay whatever their age.
    ``grace_days`` lie between a deletion and the end of the files: so long it can be taken back.
    """

    days: float = 60.0
    newest: int = 10
    runs: int = 0
    size_bytes: int = 0
    grace_days: float = 7.0

    def as_dict(self) -> dict[str, Any]:
        return {
            "days": self.days, "newest": self.newest, "runs": self.runs, "size_bytes": self.size_bytes,
            "grace_days": self.grace_days,
        }  # fmt: skip


@dataclass(frozen=True)
class KeptRun:
    """A run whose files are kept; ``at`` is when it ended or, before that, began to wait.

    ``parts`` are the bytes it needs by name; runs may share a part, such as an upload.
    """

    run_id: RunId
    filename: str
    at: float
    ended: bool
    pinned: bool = False
    deleted_at: float | None = None
    parts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Expiry:
    """A run to be deleted, and why."""

    run: KeptRun
    reason: str


@dataclass(frozen=True)
class Plan:
    """Which runs expire now, which were deleted long enough ago to be purged, and how many stay by what."""

    expire: Sequence[Expiry]
    purge: Sequence[KeptRun]
    kept: Mapping[str, int]


def plan(runs: Collection[KeptRun], policy: Policy, now: float) -> Plan:
    """Newest first, each run is held against the policy; what is under way, pinned or among the newest stays in any case.

    A bound on number or size takes the oldest: from the first run beyond it on all older ones go, so that age alone decides.
    """
    expire: list[Expiry] = []
    kept = {"under way": 0, "pinned": 0, "newest": 0, "within the policy": 0, "deleted": 0}
    counted, size, parts, full = 0, 0, set[str](), ""
    for place, run in enumerate(_newest_first(run for run in runs if run.deleted_at is None)):
        held = _held_by(run, place, policy)
        added = sum(bytes_ for name, bytes_ in run.parts.items() if name not in parts)
        full = full or ("" if held else _bound(policy, counted + 1, size + added))
        reason = "" if held else _age(run, policy, now) or full
        if reason:
            expire.append(Expiry(run, reason))
            continue
        kept[held or "within the policy"] += 1
        counted, size = counted + 1, size + added
        parts |= run.parts.keys()
    deleted = _newest_first(run for run in runs if run.deleted_at is not None)
    purge = [run for run in deleted if grace_is_over(run.deleted_at, policy, now)]
    return Plan(expire, purge, kept | {"deleted": len(deleted) - len(purge)})


def _newest_first(runs: Iterable[KeptRun]) -> list[KeptRun]:
    return sorted(runs, key=lambda run: (-run.at, run.run_id))


def _held_by(run: KeptRun, place: int, policy: Policy) -> str:
    return "under way" if not run.ended else "pinned" if run.pinned else "newest" if place < policy.newest else ""


def _age(run: KeptRun, policy: Policy, now: float) -> str:
    return f"older than {policy.days:g} days" if run.at < now - policy.days * DAY_S else ""


def _bound(policy: Policy, counted: int, size: int) -> str:
    if policy.runs and counted > policy.runs:
        return f"beyond the newest {policy.runs:,} runs"
    return f"beyond {policy.size_bytes:,} bytes" if policy.size_bytes and size > policy.size_bytes else ""


def grace_is_over(deleted_at: float | None, policy: Policy, now: float) -> bool:
    """Whether something was deleted long enough ago to be gone for good."""
    return deleted_at is not None and deleted_at <= now - policy.grace_days * DAY_S


def waiting_since(policy: Policy, now: float) -> float:
    """An upload that was made later than this may still be waiting for its run."""
    return now - max(policy.days * DAY_S, SHORTEST_WAIT_S)


@dataclass(frozen=True)
class References:
    """Who needs a dataset version or the bytes of an upload: runs under way, pinned ones, others whose files are kept (also deleted
    ones: that can be taken back), and uploads that no run has used yet and that are young enough to wait for one."""

    under_way: int = 0
    pinned: int = 0
    kept: int = 0
    waiting: int = 0

    @property
    def count(self) -> int:
        return self.under_way + self.pinned + self.kept + self.waiting

    def as_dict(self) -> dict[str, int]:
        return {"under_way": self.under_way, "pinned": self.pinned, "kept": self.kept, "waiting": self.waiting}


def needed_by(references: References) -> str:
    """Why something that nobody deleted stays; empty where nothing needs it."""
    counts = {
        "a run under way": references.under_way, "a pinned run": references.pinned, "a run": references.kept,
        "an upload that no run has used yet": references.waiting,
    }  # fmt: skip
    return next((who for who, count in counts.items() if count), "")


def dataset_needed_by(references: References, deleted_at: float | None, policy: Policy, now: float) -> str:
    """The same for a dataset version: one that was deleted goes after its grace even where ended runs have read it."""
    if deleted_at is None or references.under_way or references.pinned:
        return needed_by(references)
    return "" if grace_is_over(deleted_at, policy, now) else "its deletion can still be taken back"
