"""Collecting what nobody needs: data of dataset versions, bytes of uploads, and what interrupted removals left behind.

What may go is decided by pure rules over counted references, and decided again in the transaction that records it. In that
transaction the files are renamed away, so that nobody can begin to need them in between; dying anywhere leaves what is kept, or
what is gone and nobody needs. The bytes are removed afterwards, by whoever comes next if this process dies.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness_core.domain.retention import Policy, References, dataset_needed_by, needed_by, waiting_since
from harness_core.domain.runs import RunId
from harness_core.ports.keeping import Discards, Facts, Keeping, Kind
from harness_core.ports.world import Clock

TURN = "collector"
COLLECTED: tuple[Kind, ...] = ("dataset", "upload")


@dataclass(frozen=True)
class Stored:
    """A dataset version or the bytes of an upload, as they lie on disk. ``needed_by`` is empty for what nobody needs."""

    kind: Kind
    name: str
    size_bytes: int
    filename: str
    references: References
    needed_by: str

    def as_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind, "name": self.name, "filename": self.filename, "bytes": self.size_bytes,
            "references": self.references.as_dict(), "needed_by": self.needed_by or None,
        }  # fmt: skip


@dataclass
class Sweep:
    """What was collected (or would be), and what stays."""

    collected: list[Stored] = field(default_factory=list)
    kept: list[Stored] = field(default_factory=list)

    @property
    def freed_bytes(self) -> int:
        return sum(item.size_bytes for item in self.collected)

    def as_dict(self) -> dict[str, Any]:
        return {
            "collected": [item.as_dict() for item in self.collected], "kept": [item.as_dict() for item in self.kept],
            "freed_bytes": self.freed_bytes,
        }  # fmt: skip


class Collecting:
    """Collects in one home, by ``policy`` unless another is given."""

    def __init__(self, keeping: Keeping, discards: Discards, clock: Clock, policy: Policy) -> None:
        self._keeping, self._discards, self._clock, self.policy = keeping, discards, clock, policy

    def survey(self, policy: Policy | None = None, without: Collection[RunId] = ()) -> Sweep:
        """What :meth:`collect` would do now, or once the runs ``without`` are purged. Changes nothing."""
        policy, sweep = policy or self.policy, Sweep()
        for kind in COLLECTED:
            recorded = self._recorded(kind, policy, without)
            for name, size in self._discards.stored(kind).items():
                facts = recorded.get(name) or self._unrecorded(kind, name)
                item = Stored(kind, name, size, facts.filename, facts.references, self._needed_by(kind, facts, policy))
                (sweep.kept if item.needed_by else sweep.collected).append(item)
        return sweep

    def collect(self, policy: Policy | None = None) -> Sweep:
        """Collect; what somebody begins to need meanwhile stays."""
        policy = policy or self.policy
        self._finish_interrupted(policy)
        looked = self.survey(policy)
        done = Sweep(kept=looked.kept)
        for item in looked.collected:
            if self._collect(item.kind, item.name, policy):
                self._discards.clear()
                done.collected.append(item)
        return done

    def take_turn(self, every_s: float) -> bool:
        """Whether it is time to collect again; told to one caller only, among all processes."""
        return self._keeping.take_turn(TURN, every_s)

    def last_turn(self) -> float | None:
        """When the janitor last began; None where it never did."""
        return self._keeping.last_turn(TURN)

    def remove_runs(self, run_ids: Collection[str]) -> None:
        """Remove the files of runs that are purged; nothing can take that back, so that the record may come first."""
        for run_id in self._keeping.purged_among(run_ids):
            self._discards.set_aside("run", run_id)
            self._discards.clear()

    def _finish_interrupted(self, policy: Policy) -> None:
        """What those that died had set aside, what they had renamed away without a word, and the files of runs that they purged."""
        self._discards.clear()
        self.remove_runs(self._discards.stored("run"))
        for kind in COLLECTED:
            there = self._discards.stored(kind)
            for name, facts in self._recorded(kind, policy, ()).items():
                if not facts.gone and name not in there and not self._needed_by(kind, facts, policy):
                    self._collect(kind, name, policy)

    def _recorded(self, kind: Kind, policy: Policy, without: Collection[RunId]) -> Mapping[str, Facts]:
        if kind == "dataset":
            return self._keeping.datasets(without)
        return self._keeping.uploads(waiting_since(policy, self._clock.now()), without)

    def _unrecorded(self, kind: Kind, name: str) -> Facts:
        """Bytes without an upload came from a process that died. Data without a record may belong to a reader that is at work."""
        if kind == "upload":
            return Facts()
        return self._keeping.unrecorded_data(self._discards.input_of_dataset(name))

    def _needed_by(self, kind: Kind, facts: Facts, policy: Policy) -> str:
        if kind == "dataset":
            return dataset_needed_by(facts.references, facts.deleted_at, policy, self._clock.now())
        return needed_by(facts.references)

    def _collect(self, kind: Kind, name: str, policy: Policy) -> bool:
        def may_go(facts: Facts) -> bool:
            return not self._needed_by(kind, facts, policy)

        def set_aside() -> None:
            self._discards.set_aside(kind, name)

        if kind == "dataset":
            return self._keeping.collect_dataset(name, self._discards.input_of_dataset(name), may_go, set_aside)
        with self._discards.holding_uploads(name):
            return self._keeping.collect_upload(name, waiting_since(policy, self._clock.now()), may_go, set_aside)
