"""Executing one plugin: prepare, reuse or run, check, stage, commit once, publish.

If the process dies before the commit, nothing of it is part of the run and the job is given to somebody else. If it dies between
the commit and the publication, whoever next reads the result publishes it.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from harness_core.domain.datasets import DatasetVersion
from harness_core.domain.errors import NotFound, PolicyRefused, Problem
from harness_core.domain.fingerprints import dataset_version_id
from harness_core.domain.grants import NETWORK
from harness_core.domain.plugins import Plugin
from harness_core.domain.results import committed_output, result_problems
from harness_core.domain.runs import (
    Artifact,
    Attempt,
    Execution,
    ExecutionStatus,
    Job,
    Run,
)
from harness_core.domain.schemas import validate
from harness_core.domain.settling import retry_decision
from harness_core.ports.launcher import GuestOutcome, Launcher, Progress
from harness_core.ports.state import Commit, Jobs, Library, Runs
from harness_core.ports.store import RefusedFile, Stage, Store
from harness_core.ports.world import Clock
from harness_core.sdk.canonical import canonical_bytes, sha256_hex
from harness_core.services.computing import Computing
from harness_core.services.guests import NotRunnable, Prepared, Preparing
from harness_core.services.run_datasets import dataset_versions_of

Stop = Literal["cancel", "drain", "lost"]
TAIL_CHARACTERS = 4000
PROGRESS_INTERVAL_S = 0.25
NOTED_LEVELS = ("warning", "error")
MOST_NOTED = 20
NOTED_CHARACTERS = 500
SHOWN_PROBLEMS = 20
NO_GUEST = "none"
MAKES_DATASETS = ("ingest", "transform")

ENDED_AS: Mapping[str, tuple[ExecutionStatus, str, str]] = {
    "timeout": (
        ExecutionStatus.TIMEOUT,
        "Timeout",
        "Give it more time with limits.timeout_s in its plugin.yaml, or a smaller task.",
    ),
    "cpu": (ExecutionStatus.TIMEOUT, "CpuLimit", "Raise limits.cpu_s in its plugin.yaml, or give it a smaller task."),
    "memory": (ExecutionStatus.MEMORY, "MemoryLimit", "Raise limits.memory_mb in its plugin.yaml, if this machine has the memory."),
    "disk": (
        ExecutionStatus.SANDBOX,
        "DiskLimit",
        "Raise limits.scratch_mb in its plugin.yaml, and HARNESS_SCRATCH_MB where that is less; or make it write less.",
    ),
    "files": (
        ExecutionStatus.SANDBOX,
        "FilesLimit",
        "Raise limits.scratch_files in its plugin.yaml, or make it write fewer files.",
    ),
    "sandbox": (
        ExecutionStatus.SANDBOX,
        "SandboxViolation",
        "A plugin reads what it is given and writes its scratch; report this to its author.",
    ),
    "output": (
        ExecutionStatus.ERROR,
        "OutputLimit",
        "Make it print less (see its stdout.log), or raise limits.output_mb in its plugin.yaml.",
    ),
    "result": (
        ExecutionStatus.ERROR,
        "ResultLimit",
        "Raise limits.result_mb in its plugin.yaml, or make it write what is large with ctx.write_artifact.",
    ),
    "broken": (ExecutionStatus.ERROR, "BrokenAnswer", "The plugin must answer through the SDK only; see its stderr.log."),
    "crashed": (ExecutionStatus.ERROR, "Crashed", "See its stderr.log; report it to the plugin's author."),
}


OPENING_THE_NETWORK = "The network is closed to every plugin; for development HARNESS_ALLOW_NETWORK=1 opens it to those granted it."


class Executing:
    """Takes a claimed job of kind *execute* to its end."""

    def __init__(
        self, runs: Runs, jobs: Jobs, library: Library, store: Store, launcher: Launcher, preparing: Preparing, clock: Clock
    ) -> None:
        self._runs, self._jobs, self._library, self._store = runs, jobs, library, store
        self._launcher, self._preparing, self._clock = launcher, preparing, clock
        self._computing = Computing(runs, store, clock)

    def execute(self, job: Job, stop: Callable[[], Stop | None]) -> Sequence[int]:
        """Returns the jobs to ring for. Raises LeaseLost when somebody else has taken over; then nothing was changed."""
        if job.execution_id is None:
            raise ValueError("an execute job without an execution")
        run, execution, started = self._runs.get(job.run_id), self._runs.execution(job.execution_id), self._clock.now()
        stage = self._store.stage(run.run_id, execution.plugin_id, job.fence)
        try:
            prepared = self._preparing.prepare(run, execution)
            earlier = self._earlier(run, prepared)
            reused = self._reuse(run, execution, prepared, job, stage, started, earlier)
            if reused is not None:
                return reused
            with self._computing.once(run, execution, prepared, job, lambda: stop() is not None) as may_be_there:
                newer = self._earlier(run, prepared) if may_be_there else earlier
                if newer != earlier:
                    reused = self._reuse(run, execution, prepared, job, stage, started, newer)
                return reused if reused is not None else self._run(run, execution, prepared, job, stage, started, stop)
        except NotRunnable as reason:
            attempt = self._attempt(job, execution, started, "error", str(reason), None)
            return self._commit(job, stage, Commit(ExecutionStatus.ERROR, attempt, summary=str(reason), error=reason.error))

    def _earlier(self, run: Run, prepared: Prepared) -> Execution | None:
        """The newest result with the same fingerprint, where this run takes such."""
        return self._runs.reusable(prepared.fingerprint) if run.config.reuse and not prepared.network else None

    def _reuse(
        self, run: Run, execution: Execution, prepared: Prepared, job: Job, stage: Stage, started: float, earlier: Execution | None
    ) -> Sequence[int] | None:
        """Commit an earlier result, if there is one and every byte of it is as recorded."""
        if earlier is None or earlier.fence is None:
            return None
        source = self._store.publish(earlier.run_id, earlier.plugin_id, earlier.fence)
        kept = [item for item in self._runs.artifacts(earlier.run_id) if item.plugin_id == earlier.plugin_id and "/" in item.path]
        if not kept:  # retention took them a moment ago
            return None
        try:
            artifacts = self._store.reuse(source, kept, stage)
            datasets = self._datasets_of(earlier) if execution.plugin_type == "ingest" else ()
        except RefusedFile as reason:
            self._runs.note(run.run_id, "execution.reuse_refused", execution.plugin_id, reason=str(reason))
            return None
        attempt = self._attempt(job, execution, started, "reused", f"the result of run {earlier.run_id}", None)
        return self._commit(
            job,
            stage,
            Commit(
                ExecutionStatus.REUSED, attempt, summary=earlier.summary, fingerprint=prepared.fingerprint,
                output_sha256=earlier.output_sha256, reused_from=earlier.run_id, artifacts=artifacts, datasets=datasets,
                finding_count=earlier.finding_count,
            ),
        )  # fmt: skip

    def _datasets_of(self, earlier: Execution) -> Sequence[DatasetVersion]:
        """Raises RefusedFile where their data are no longer kept, or not as recorded: everything downstream would read them."""
        versions = dataset_versions_of(self._library, self._runs.get(earlier.run_id).datasets)
        for version in versions:
            if self._state_of_data(version) != "whole":
                raise RefusedFile(f"the data of {version.dataset_version_id} are not kept as recorded")
        return versions

    def _state_of_data(self, version: DatasetVersion) -> Literal["whole", "gone", "damaged"]:
        try:
            folder = self._store.dataset_folder(version.dataset_version_id)
        except NotFound:
            return "gone"
        return "whole" if self._store.sha256_of(folder / "data.parquet") == version.data_sha256 else "damaged"

    def _run(
        self,
        run: Run,
        execution: Execution,
        prepared: Prepared,
        job: Job,
        stage: Stage,
        started: float,
        stop: Callable[[], Stop | None],
    ) -> Sequence[int]:
        name = f"{execution.execution_id}.{job.fence}"
        scratch = self._store.scratch(name)
        try:
            self._refuse_damaged_inputs(prepared)
            try:
                outcome = self._launcher.run(
                    prepared.request(scratch, stage),
                    on_progress=self._progress_notes(execution),
                    on_log=self._log_notes(execution),
                    cancelled=stop,
                )
            except PolicyRefused as reason:
                raise NotRunnable(reason.code, f"{reason.what} {reason.why}", reason.next_step) from reason
            return self._conclude(run, execution, prepared, job, stage, started, outcome, stop, scratch)
        finally:
            self._store.drop_scratch(name)

    def _refuse_damaged_inputs(self, prepared: Prepared) -> None:
        """What is read must be what was received, because results are recorded under its hash."""
        for item in prepared.message["inputs"]:
            if self._store.sha256_of(Path(item["path"])) != item["sha256"]:
                raise NotRunnable(
                    "upload_damaged", f"The stored bytes of {item['filename']} are not those that were received.",
                    "Upload the file again, which mends it; or restore a backup with `harness restore`.",
                )  # fmt: skip

    def _progress_notes(self, execution: Execution) -> Callable[[Progress], None]:
        """At most four notes a second, and always the last step."""
        last = 0.0

        def note(progress: Progress) -> None:
            nonlocal last
            now = self._clock.steady()
            if now - last >= PROGRESS_INTERVAL_S or progress.done >= progress.total:
                last = now
                self._runs.note_progress(execution.execution_id, progress)

        return note

    def _log_notes(self, execution: Execution) -> Callable[[Mapping[str, Any]], None]:
        """What a person should hear while it runs: the first warnings and errors. All entries stand in its stderr.log."""
        noted = 0

        def note(entry: Mapping[str, Any]) -> None:
            nonlocal noted
            if entry["level"] in NOTED_LEVELS and noted < MOST_NOTED:
                noted += 1
                said = str(entry["message"])[:NOTED_CHARACTERS]
                self._runs.note(execution.run_id, "execution.log", execution.plugin_id, level=entry["level"], message=said)

        return note

    def _conclude(
        self,
        run: Run,
        execution: Execution,
        prepared: Prepared,
        job: Job,
        stage: Stage,
        started: float,
        outcome: GuestOutcome,
        stop: Callable[[], Stop | None],
        scratch: Path,
    ) -> Sequence[int]:
        attempt = self._attempt(job, execution, started, outcome.ending, outcome.reason, outcome, stage)
        if outcome.ending == "cancelled":
            return self._stopped(job, stage, attempt, stop())
        decision = retry_decision(outcome.ending, job.attempt, prepared.plugin.manifest.retries)
        if decision is not None:
            self._store.drop_stage(stage)
            self._jobs.retry_execution(job, attempt, decision.delay_s)
            return ()
        answer, status, error = self._judged(prepared.plugin, outcome)
        try:
            artifacts = self._store.harvest(scratch, outcome.artifacts, stage) if status in _GOOD else ()
            datasets = self._kept_datasets(run, prepared.plugin, outcome, scratch) if status in _GOOD else ()
        except RefusedFile as reason:
            status, error = ExecutionStatus.ERROR, {"type": "RefusedFile", "message": str(reason), "remedy": _ASK_AUTHOR}
            answer, artifacts, datasets = _failed_answer(error), (), ()
        output = committed_output(execution.plugin_id, answer, [_relative(item) for item in artifacts])
        data = canonical_bytes(output)
        registered = [*artifacts, *self._store.write_output(stage, data)]
        return self._commit(
            job,
            stage,
            Commit(
                status, attempt_with(attempt, status, len(output["findings"])), summary=str(output["summary"]), error=error,
                fingerprint=prepared.fingerprint, output_sha256=sha256_hex(data), artifacts=registered, datasets=datasets,
                finding_count=len(output["findings"]),
            ),
        )  # fmt: skip

    def _stopped(self, job: Job, stage: Stage, attempt: Attempt, why: Stop | None) -> Sequence[int]:
        self._store.drop_stage(stage)
        if why == "cancel":
            commit = Commit(ExecutionStatus.CANCELLED, attempt_with(attempt, ExecutionStatus.CANCELLED, 0), summary="Cancelled.")
            return self._jobs.commit_execution(job, commit)
        if why == "drain":
            self._jobs.release(job)
        return ()

    def _judged(self, plugin: Plugin, outcome: GuestOutcome) -> tuple[Mapping[str, Any], ExecutionStatus, Mapping[str, Any] | None]:
        """The answer that is kept, what it makes of the execution, and the error for the record."""
        if outcome.ending != "answered" or outcome.answer is None:
            status, type_, remedy = ENDED_AS.get(outcome.ending, ENDED_AS["broken"])
            if outcome.ending == "sandbox" and NETWORK in plugin.manifest.capabilities:
                remedy = OPENING_THE_NETWORK
            error = {"type": type_, "message": outcome.reason, "remedy": remedy}
            return _failed_answer(error), status, error
        answer = {"artifacts": [], **outcome.answer}
        problems = [Problem("result", "", text) for text in result_problems(plugin.id, answer)]
        problems += validate(plugin.output_schema, answer, "result")
        if problems:
            shown = "; ".join(str(problem) for problem in problems[:SHOWN_PROBLEMS])
            error = {
                "type": "InvalidOutput",
                "message": f"The result is not what the plugin promised: {shown}",
                "remedy": _ASK_AUTHOR,
            }
            return _failed_answer(error), ExecutionStatus.ERROR, error
        if answer["status"] == "error":
            error = {"remedy": "See its stderr.log for the details.", **answer["error"]}
            return answer, ExecutionStatus.ERROR, error
        return answer, ExecutionStatus.OK if answer["status"] == "ok" else ExecutionStatus.NA, None

    def _kept_datasets(self, run: Run, plugin: Plugin, outcome: GuestOutcome, scratch: Path) -> Sequence[DatasetVersion]:
        if outcome.datasets and plugin.manifest.type not in MAKES_DATASETS:
            raise RefusedFile(f"a plugin of type {plugin.manifest.type} declared a dataset version")
        names = {item.sha256: item.filename for item in run.config.inputs}
        return [
            self._standing(scratch, index, self._version(plugin, raw, names, *self._store.parquet_facts(scratch, index)))
            for index, raw in enumerate(outcome.datasets)
        ]

    def _standing(self, scratch: Path, index: int, version: DatasetVersion) -> DatasetVersion:
        """The dataset version whose data now stand in its folder.

        Data that are whole stay, whichever writer made them. Where they are gone or damaged the new ones take their place, and the
        record follows: another version of the Parquet writer gives other bytes for the same values.
        """
        with suppress(NotFound):
            recorded = self._library.dataset_version(version.dataset_version_id)
            state = self._state_of_data(recorded)
            if state == "whole":
                return replace(recorded, role=version.role)
            if state == "damaged":
                self._store.drop_dataset(version.dataset_version_id)
        self._store.keep_dataset(scratch, index, version)
        return version

    def _version(self, plugin: Plugin, raw: Mapping[str, Any], names: Mapping[str, str], sha256: str, size: int) -> DatasetVersion:
        reader = f"{plugin.id} {plugin.manifest.version}"
        try:
            return DatasetVersion(
                dataset_version_id=dataset_version_id(raw["input_sha256"], raw["reading"], reader),
                input_sha256=raw["input_sha256"], role=str(raw["role"]), filename=names[raw["input_sha256"]], reader=reader,
                reading=raw["reading"], columns=list(raw["columns"]), row_count=int(raw["row_count"]), data_sha256=sha256,
                data_bytes=size, created_at=self._clock.now(), repairs=list(raw["repairs"]),
            )  # fmt: skip
        except (KeyError, TypeError, ValueError) as reason:
            raise RefusedFile(f"a dataset version was declared without {reason}") from reason

    def _commit(self, job: Job, stage: Stage, commit: Commit) -> Sequence[int]:
        rings = self._jobs.commit_execution(job, commit)
        self._store.publish(job.run_id, stage.plugin_id, job.fence)
        return rings

    def _attempt(
        self, job: Job, execution: Execution, started: float, status: str, reason: str, outcome: GuestOutcome | None,
        stage: Stage | None = None,
    ) -> Attempt:  # fmt: skip
        measured = outcome or GuestOutcome("answered", reason)
        return Attempt(
            run_id=job.run_id, execution_id=execution.execution_id, plugin_id=execution.plugin_id, fence=job.fence,
            worker_id=job.owner, started_at=started, ended_at=self._clock.now(), status=status, reason=reason[:1000],
            exit_code=measured.exit_code, signal=measured.signal, wall_s=measured.wall_s, cpu_user_s=measured.cpu_user_s,
            cpu_system_s=measured.cpu_system_s, peak_rss_bytes=measured.peak_rss_bytes, rows_read=measured.rows_read,
            rows_written=sum(int(item.get("row_count", 0)) for item in measured.datasets), findings=0,
            warnings=measured.warnings, stdout_tail=_tail(stage.stdout) if stage else "",
            stderr_tail=_tail(stage.stderr) if stage else "", truncated=measured.truncated,
            wall_level=outcome.wall_level if outcome else NO_GUEST,
        )  # fmt: skip


_GOOD = (ExecutionStatus.OK, ExecutionStatus.NA)
_ASK_AUTHOR = "Report this to the plugin's author; `harness plugins validate` shows the same."


def attempt_with(attempt: Attempt, status: ExecutionStatus, findings: int) -> Attempt:
    """The audit row with what only the check of the answer could tell."""
    return replace(attempt, status=str(status), findings=findings)


def _failed_answer(error: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "status": "error", "summary": str(error["message"]), "metrics": {}, "findings": [], "artifacts": [], "budget": {},
        "error": dict(error), "references": [], "debug": {},
    }  # fmt: skip


def _relative(artifact: Artifact) -> dict[str, Any]:
    return {**artifact.as_dict(), "path": artifact.path.split("/", 2)[2]}


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - TAIL_CHARACTERS))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""
