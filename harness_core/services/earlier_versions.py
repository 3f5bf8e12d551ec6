"""Which earlier file a run is compared with: that of a run somebody names, or of the last run of the same raw format or ERP."""

from collections.abc import Sequence

from harness_core.domain.errors import UsageError
from harness_core.domain.memory import Scope
from harness_core.domain.runs import Input, Run
from harness_core.domain.suggestions import shown
from harness_core.ports.knowledge import Memory
from harness_core.ports.state import Library, Runs
from harness_core.services.knowing import EarlierVersion
from harness_core.services.uploads import as_input

PREVIOUS = "previous"
NO_FILE_TO_COMPARE = "Name another run (`harness runs list`), or give the earlier file itself beside the new one."


class EarlierVersions:
    """Looks up files of earlier runs that are still kept."""

    def __init__(self, runs: Runs, library: Library, memory: Memory) -> None:
        self._runs, self._library, self._memory = runs, library, memory

    def find(
        self, asked: str, inputs: Sequence[Input], *, raw_format: str | None, erp: str | None, sample: float | None
    ) -> EarlierVersion:
        """The version that ``asked`` means: ``previous``, or a run by its id or the beginning of it.

        Raises NotFound for a run that is not there, UsageError where there is no file to compare with.
        """
        if asked != PREVIOUS:
            return self._of_run(self._runs.get(asked), inputs)
        found = self.previous(inputs, raw_format=raw_format, erp=erp, sample=sample)
        if found is not None:
            return found
        kind = "raw format or ERP" if erp else "raw format"
        share = "" if sample is None else f" that read {sample:g} of the rows"
        raise UsageError(
            "no_earlier_version", f"No earlier run{share} has another file like {shown(inputs[0].filename)} to compare with.",
            why=f"There is none of the same {kind} with other bytes that ended well and whose file is kept.",
            next_step=f"Leave --against out. {NO_FILE_TO_COMPARE}",
        )  # fmt: skip

    def previous(
        self, inputs: Sequence[Input], *, raw_format: str | None, erp: str | None, sample: float | None
    ) -> EarlierVersion | None:
        """The first file of the newest run of the same raw format, else of the same ERP, that has other bytes and is still kept."""
        scopes = [Scope("format", raw_format)] if raw_format else []
        scopes += [Scope("erp", erp)] if erp else []
        for scope in scopes:
            for run_id in self._memory.other_versions(scope, than=inputs[0].sha256, sample=sample):
                run = self._runs.get(run_id)
                kept = self._kept(run.config.inputs[0])
                if kept is not None and kept.sha256 not in {item.sha256 for item in inputs}:
                    return EarlierVersion(run.run_id, kept)
        return None

    def _of_run(self, run: Run, inputs: Sequence[Input]) -> EarlierVersion:
        first = run.config.inputs[0]
        if first.sha256 in {item.sha256 for item in inputs}:
            raise UsageError(
                "same_file", f"Run {run.run_id} read the very same file, so there is nothing to compare.",
                why=f"Its {shown(first.filename)} has the SHA-256 {first.sha256[:12]}…, too.", next_step=NO_FILE_TO_COMPARE,
            )  # fmt: skip
        kept = self._kept(first)
        if kept is None:
            raise UsageError(
                "earlier_file_gone", f"The file of run {run.run_id}, {shown(first.filename)}, is no longer kept.",
                why="Only the record is left of a run whose files have ended.", next_step=NO_FILE_TO_COMPARE,
            )  # fmt: skip
        return EarlierVersion(run.run_id, kept)

    def _kept(self, item: Input) -> Input | None:
        """The input itself, or the same bytes under an upload that is kept."""
        if self._library.upload(item.upload_id).purged_at is None:
            return item
        others = map(self._library.upload, self._library.uploads_of_blob(item.sha256))
        return next((as_input(other) for other in others if other.purged_at is None), None)
