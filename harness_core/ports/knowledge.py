"""What is remembered beyond one run: ERPs, presets, raw formats, roles, insights and decisions about them."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from harness_core.domain.erp import Erp
from harness_core.domain.formats import Header, RawFormat
from harness_core.domain.memory import Decision, RememberedInsight, Scope
from harness_core.domain.presets import Preset
from harness_core.domain.runs import RunId


class Knowledge(Protocol):
    """What people wrote down. Lists are in the order of names."""

    def erps(self) -> Sequence[Erp]: ...

    def erp(self, name: str) -> Erp:
        """Raises NotFound."""

    def save_erp(self, erp: Erp, *, replace: bool) -> bool:
        """Whether anything changed: the same content again is nothing. Raises Conflict for another content without ``replace``."""

    def remove_erp(self, name: str) -> None:
        """Raises NotFound."""

    def presets(self) -> Sequence[Preset]: ...

    def preset(self, name: str) -> Preset:
        """Raises NotFound."""

    def save_preset(self, preset: Preset, *, replace: bool) -> bool:
        """As :meth:`save_erp`. A content that another name has already is not kept a second time."""

    def remove_preset(self, name: str) -> None:
        """Raises NotFound. The content goes with its last name."""

    def formats(self) -> Sequence[RawFormat]: ...

    def raw_format(self, name: str) -> RawFormat:
        """By name, id, or the beginning of an id. Raises NotFound."""

    def format_of(self, fingerprint: str) -> RawFormat | None: ...

    def see_format(self, header: Header, filename: str) -> RawFormat:
        """The format of this header; recorded under a name made from the file's, where it was never seen."""

    def save_format(self, raw_format: RawFormat, *, replace: bool) -> bool:
        """As :meth:`save_erp`. Headers that belonged to a format of which nothing is remembered move here.

        Raises Conflict for a header of another format that something is remembered of.
        """

    def remove_format(self, name: str) -> None:
        """Raises NotFound."""

    def dataset_roles(self, input_sha256: str) -> Mapping[str, str]:
        """Empty where nobody gave any."""

    def save_dataset_roles(self, input_sha256: str, roles: Mapping[str, str]) -> None: ...


class Memory(Protocol):
    """The insights of ended runs, and what was decided about insights."""

    def insights_of(self, run_id: RunId) -> Sequence[RememberedInsight]:
        """By rank."""

    def earlier_runs(self, scope: Scope, run_id: RunId, limit: int = 50) -> Sequence[RunId]:
        """Runs of the scope that were recorded before this one and ended with a report, newest first."""

    def other_versions(self, scope: Scope, *, than: str, sample: float | None, limit: int = 50) -> Sequence[RunId]:
        """Runs of the scope that ended with a report and are not deleted, newest first: of another first file than the one with
        that SHA-256, and of the same share of the rows."""

    def decisions(self, scopes: Sequence[Scope] | None = None) -> Sequence[Decision]:
        """All, or those that hold everywhere or in one of ``scopes``; in the order in which they were made."""

    def add_decision(self, decision: Decision) -> Decision:
        """The decision, or the earlier one that says exactly the same."""

    def remove_decision(self, decision_id: str) -> Decision:
        """Raises NotFound. A unique beginning of the id is enough."""
