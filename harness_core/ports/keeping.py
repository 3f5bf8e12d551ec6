"""What keeping needs: named changes of the record, each one transaction, and files that are set aside before they are removed."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Literal, Protocol

from harness_core.domain.datasets import DatasetVersion
from harness_core.domain.retention import KeptRun, References
from harness_core.domain.runs import Run, RunId

Kind = Literal["run", "dataset", "upload"]


@dataclass(frozen=True)
class Facts:
    """What decides whether a dataset version or the bytes of an upload may be collected; ``gone`` says that they were."""

    filename: str = ""
    references: References = field(default_factory=References)
    deleted_at: float | None = None
    gone: bool = False


class Keeping(Protocol):
    """Pins, deletions, and what may be collected. Everything is checked again in the transaction that changes it."""

    def pin(self, run_id: str, *, pinned: bool) -> Run:
        """Raises NotFound; Conflict for a run that is deleted."""

    def delete_runs(self, run_ids: Sequence[str]) -> Sequence[Run]:
        """All of them or none; one that is deleted already stays so. Raises NotFound; Conflict for one under way or pinned."""

    def undelete_runs(self, run_ids: Sequence[str]) -> Sequence[Run]:
        """All of them or none. Raises NotFound; Conflict for one whose files are no longer kept."""

    def delete_datasets(self, names: Sequence[str]) -> Sequence[DatasetVersion]:
        """All of them or none. Raises NotFound; Conflict for one that a run under way or a pinned run needs."""

    def undelete_datasets(self, names: Sequence[str], is_there: Callable[[str], bool]) -> Sequence[DatasetVersion]:
        """All of them or none. Raises NotFound; Conflict for one whose data are no longer kept."""

    def take_turn(self, janitor: str, every_s: float) -> bool:
        """Whether it is time for that janitor again, told to one caller only: from then on the next turn is ``every_s`` away."""

    def last_turn(self, janitor: str) -> float | None:
        """When somebody last took the turn; None where nobody ever has."""

    def kept_runs(self) -> Sequence[KeptRun]:
        """Every run that is not purged."""

    def expire(self, run_id: RunId, reason: str) -> bool:
        """Delete a run because of the policy; False where it was pinned, deleted or taken up again since."""

    def purge(self, run_id: RunId, may_go: Callable[[float | None], bool]) -> bool:
        """End a deleted run for good, as ``may_go`` allows for the time of its deletion: only its record stays."""

    def purged_among(self, run_ids: Collection[str]) -> Collection[str]:
        """Those of which only the record is left."""

    def datasets(self, without: Collection[RunId] = ()) -> Mapping[str, Facts]:
        """Every recorded dataset version by its id, as if the runs ``without`` were purged."""

    def unrecorded_data(self, input_sha256: str | None) -> Facts:
        """Of data without a record, made from those bytes (None where nobody knows): which runs under way may be making them."""

    def uploads(self, waiting_since: float, without: Collection[RunId] = ()) -> Mapping[str, Facts]:
        """Every recorded upload by its SHA-256; one younger than ``waiting_since`` that no run has used waits for one."""

    def collect_dataset(
        self, name: str, input_sha256: str | None, may_go: Callable[[Facts], bool], set_aside: Callable[[], None]
    ) -> bool:
        """Record that the data are gone, and have them gone, while nobody can begin to need them.

        ``input_sha256`` counts where the data have no record, as for :meth:`unrecorded_data`.
        """

    def collect_upload(
        self, sha256: str, waiting_since: float, may_go: Callable[[Facts], bool], set_aside: Callable[[], None]
    ) -> bool:
        """The same for the bytes of uploads."""


class Discards(Protocol):
    """What lies on disk, and its removal in two steps: a rename, after which it is gone for everybody, then the bytes."""

    def stored(self, kind: Kind) -> Mapping[str, int]:
        """What is there by name, with its size in bytes (0 for runs, which are only named)."""

    def input_of_dataset(self, name: str) -> str | None:
        """The SHA-256 of the file that a dataset version on disk was read from; None where it does not say."""

    def set_aside(self, kind: Kind, name: str) -> None:
        """Rename it away; what is not there is fine."""

    def clear(self) -> None:
        """Remove the bytes of everything that was set aside, also by those that died."""

    def holding_uploads(self, sha256: str) -> AbstractContextManager[None]:
        """Keep everybody from taking in these bytes meanwhile."""
