"""The state database, as the services need it: named changes, each one transaction, each true or not at all."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from harness_core.domain.datasets import DatasetVersion, Upload
from harness_core.domain.memory import RememberedInsight
from harness_core.domain.runs import (
    Artifact,
    Attempt,
    DatasetVersionId,
    Event,
    Execution,
    ExecutionId,
    ExecutionStatus,
    Job,
    Run,
    RunId,
    RunStatus,
    UploadId,
    WorkerId,
)
from harness_core.ports.launcher import Progress

Held = Literal["held", "lost", "cancel"]


@dataclass(frozen=True)
class Commit:
    """What one attempt leaves behind when it ends an execution."""

    status: ExecutionStatus
    attempt: Attempt
    summary: str = ""
    error: Mapping[str, Any] | None = None
    fingerprint: str | None = None
    output_sha256: str | None = None
    reused_from: str | None = None
    artifacts: Sequence[Artifact] = ()
    datasets: Sequence[DatasetVersion] = ()
    finding_count: int = 0


@dataclass(frozen=True)
class Closing:
    """How a run ends, the files it leaves at the top of its folder, and the insights that later runs are held against."""

    status: RunStatus
    artifacts: Sequence[Artifact] = ()
    insight_count: int = 0
    finding_count: int = 0
    worst_severity: str | None = None
    error: Mapping[str, Any] | None = None
    insights: Sequence[RememberedInsight] = ()


@dataclass(frozen=True)
class MemoryShortage:
    """An execution that is ready and waits for memory: what it needs, what is promised to others, what there is (megabytes)."""

    plugin_id: str
    needed_mb: int
    promised_mb: int
    budget_mb: int


@dataclass(frozen=True)
class RunPage:
    """Runs, newest first, and the cursor of the page that follows (None on the last)."""

    runs: Sequence[Run]
    next: str | None


@dataclass(frozen=True)
class Worker:
    """A process that takes jobs. It is alive while it beats (seconds of a clock that does not jump, within one boot)."""

    worker_id: WorkerId
    kind: str
    host: str
    boot_id: str
    pid: int
    process_started: float
    started_at: float
    beat_at: float
    concurrency: int
    draining: bool = False
    version: str = ""


class Runs(Protocol):
    """Runs with their executions, events and artifacts."""

    def create(
        self, run: Run, executions: Sequence[Execution], *, idempotency_key: str | None = None, idempotency_digest: str = ""
    ) -> tuple[Run, Sequence[int]]:
        """Record a run, its first executions and the jobs that are ready; returns it and the ids of jobs to ring for.

        With a key that was used before, that run is returned and nothing is written; raises Conflict where its digest differs,
        and NotFound where the bytes of an input are no longer kept.
        """

    def get(self, run_id: str) -> Run:
        """Raises NotFound. A unique prefix of at least six characters is enough."""

    def page(
        self,
        *,
        after: str | None = None,
        limit: int = 50,
        statuses: Collection[RunStatus] = (),
        text: str = "",
        deleted: bool = False,
    ) -> RunPage:
        """Newest first; deleted runs only where ``deleted`` asks for them too.

        Of their configurations the settings, code, engine and origins are left out: :meth:`get` has them.
        """

    def counts(self) -> Mapping[str, int]:
        """Runs that are not deleted, by stored status."""

    def alike(self, fingerprint: str, limit: int = 20) -> Sequence[Run]:
        """Runs with that fingerprint, newest first."""

    def report_hashes(self, fingerprints: Collection[str]) -> Mapping[str, Mapping[tuple[str, str], int]]:
        """By fingerprint: how many of up to twenty runs with it ended in a status with a ``report.json`` of a SHA-256."""

    def executions(self, run_id: RunId) -> Sequence[Execution]:
        """In order of layer, then plugin id."""

    def execution(self, execution_id: ExecutionId) -> Execution: ...

    def artifacts(self, run_id: RunId) -> Sequence[Artifact]:
        """In order of path."""

    def attempts(self, run_id: RunId) -> Sequence[Attempt]: ...

    def events(self, run_id: RunId, *, after: int = 0, limit: int = 500, type: str | None = None) -> Sequence[Event]:  # noqa: A002
        """Those beyond the number ``after``, in order; only of one ``type`` where it is given."""

    def reusable(self, fingerprint: str) -> Execution | None:
        """The latest execution that ended OK or NA with that fingerprint, of a run whose files are kept."""

    def note_progress(self, execution_id: ExecutionId, progress: Progress) -> None: ...

    def note(self, run_id: RunId, type: str, plugin_id: str | None = None, **data: Any) -> None:  # noqa: A002
        """Append an event."""

    def request_cancel(self, run_id: RunId) -> tuple[Run, Sequence[int]]:
        """Ask a run to end: what has not started is cancelled at once. Raises Conflict for a run that has ended."""

    def pause(self, run_id: RunId) -> Run:
        """Give none of the run's jobs to anybody any more, until it is resumed; asking twice is asking once.

        Raises Conflict for a run that has ended or is being cancelled.
        """

    def retry(self, run_id: RunId) -> tuple[Run, Sequence[int]]:
        """Open an ended run again from what failed. Raises Conflict for one that is under way, deleted, or has nothing to retry."""

    def resume(self, run_id: RunId) -> tuple[Run, Sequence[int]]:
        """Give a run that nobody works on to whoever comes: it is no longer paused, no longer reserved."""


class Jobs(Protocol):
    """The right to work: claims by compare-and-set, leases, fences."""

    def claim(
        self, worker_id: WorkerId, *, job_id: int | None = None, run_id: RunId | None = None, reserved_only: bool = False
    ) -> Job | None:
        """Take one READY, due job, or None: a given one, one of a given run, or only one reserved for this worker.

        Nothing is taken of a paused run, nor for which the machine has no memory left beside what runs, and a job's last try is
        alone in its worker. The execution becomes RUNNING, the run too.
        """

    def claim_several(
        self, worker_id: WorkerId, count: int, *, run_id: RunId | None = None, reserved_only: bool = False
    ) -> Sequence[Job]:
        """Take up to ``count`` jobs at once, each as :meth:`claim` would, one after another."""

    def heartbeat(self, worker_id: WorkerId, held: Sequence[Job]) -> Mapping[int, Held]:
        """Renew the leases of ``held`` and hear about each: still held, lost, or held and to be cancelled."""

    def release(self, job: Job) -> None:
        """Hand a job back without charging the attempt; nothing happens when the lease was lost."""

    def commit_execution(self, job: Job, commit: Commit) -> Sequence[int]:
        """End an execution, open what waited for it, in one transaction; returns jobs to ring for. Raises LeaseLost."""

    def retry_execution(self, job: Job, attempt: Attempt, delay_s: float) -> None:
        """Charge the attempt and make the job due again after ``delay_s``. Raises LeaseLost."""

    def commit_expansion(self, job: Job, executions: Sequence[Execution], run_changes: Mapping[str, Any]) -> Sequence[int]:
        """Add executions that the planner chose and end the advance job; returns jobs to ring for. Raises LeaseLost."""

    def begin_closing(self, job: Job) -> Run:
        """Fix the time at which the run ended, once; closing again gives the same. Raises LeaseLost."""

    def commit_closing(self, job: Job, closing: Closing) -> None:
        """End the run and the advance job. Raises LeaseLost."""

    def settle(self, job: Job) -> Sequence[int]:
        """End an advance job whose run has more to execute; returns jobs to ring for. Raises LeaseLost."""

    def reap(self, dead_workers: Collection[WorkerId]) -> Sequence[int]:
        """Give back expired leases and those of workers known to be dead; too many crashes make a dead letter.

        What is due only in a far future, because the clock on the wall was set back, is due now.
        """

    def stumble(self, job: Job, reason: str) -> Sequence[int]:
        """Give back a job whose handling failed in the worker itself: it is due again later, or dead after too many times."""

    def due(self, limit: int = 100, *, run_id: RunId | None = None) -> Sequence[int]:
        """READY jobs (of one run) whose time has come, in the order of claiming; none of a paused run."""

    def short_of_memory(self, run_id: RunId) -> MemoryShortage | None:
        """The first execution of the run that is ready and waits for memory; None where there is none."""

    def dead(self, limit: int = 100) -> Sequence[Mapping[str, Any]]:
        """The dead letters."""

    def backlog(self) -> Mapping[str, float]:
        """``ready``, ``leased``, ``dead``, and ``oldest_ready_s``: how long the oldest READY job has been due.

        Jobs of paused runs wait for a person, not for a worker: they are not counted as ready.
        """

    def has_open(self, run_id: RunId) -> bool:
        """Whether any job of the run is READY or LEASED."""


class Library(Protocol):
    """Uploads and dataset versions."""

    def add_upload(self, upload: Upload) -> None: ...

    def upload(self, upload_id: str) -> Upload:
        """Raises NotFound."""

    def uploads(self, limit: int = 100) -> Sequence[Upload]: ...

    def dataset_version(self, dataset_version_id: str) -> DatasetVersion:
        """Raises NotFound. A unique prefix is enough."""

    def dataset_versions(
        self, *, after: str | None = None, limit: int = 50, deleted: bool = False
    ) -> tuple[Sequence[DatasetVersion], str | None]:
        """Newest first, with the cursor of the next page; deleted and collected ones only where ``deleted`` asks for them too."""

    def dataset_versions_beside(self, version: DatasetVersion, limit: int = 50) -> Sequence[DatasetVersion]:
        """Those of the same bytes or of a file of the same name, newest first, itself included; no deleted or collected ones."""

    def runs_of_dataset(self, dataset_version_id: DatasetVersionId) -> Sequence[RunId]: ...

    def uploads_of_blob(self, sha256: str) -> Sequence[UploadId]: ...

    def latest_named(self, filename: str, *, other_than: str) -> DatasetVersion | None:
        """The newest dataset version read from a file of this name whose bytes do not hash to ``other_than``."""


class Workers(Protocol):
    """Who takes jobs."""

    def register(self, worker: Worker) -> None: ...

    def beat(self, worker_id: WorkerId, *, draining: bool = False) -> None: ...

    def remove(self, worker_id: WorkerId) -> None: ...

    def all(self) -> Sequence[Worker]: ...
