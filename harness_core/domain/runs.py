"""Runs, executions and jobs: their states, what each means if the process dies in it, and the rules between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NewType

from harness_core.domain.plugins import PluginId, PluginType

RunId = NewType("RunId", str)
ExecutionId = NewType("ExecutionId", str)
WorkerId = NewType("WorkerId", str)
UploadId = NewType("UploadId", str)
DatasetVersionId = NewType("DatasetVersionId", str)


class RunStatus(StrEnum):
    """Where a run is. If the process dies in a state, this is what happens.

    QUEUED: any worker starts it. RUNNING: leases run out, another worker goes on; while there is none it shows as ABORTED.
    COMPLETED, PARTIAL, FAILED, CANCELLED: ended, nothing happens. ABORTED is never stored: it is what RUNNING looks like when
    every worker is gone and nobody resumed.
    """

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    PARTIAL = "PARTIAL"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    ABORTED = "ABORTED"


class ExecutionStatus(StrEnum):
    """Where an execution is. PENDING: waits for others or a worker. RUNNING: leased; back to PENDING when the lease runs out."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    OK = "OK"
    NA = "NA"
    REUSED = "REUSED"
    ERROR = "ERROR"
    TIMEOUT = "TIMEOUT"
    MEMORY = "MEMORY"
    SANDBOX = "SANDBOX"
    BLOCKED = "BLOCKED"
    SKIPPED = "SKIPPED"
    CANCELLED = "CANCELLED"


class JobKind(StrEnum):
    ADVANCE = "advance"
    EXECUTE = "execute"


class JobState(StrEnum):
    """READY: anybody may claim it. LEASED: somebody has it until the lease runs out. DONE, DEAD, CANCELLED: ended.

    DEAD is the visible dead letter: its worker was lost too often, or its own handling failed too often.
    """

    READY = "READY"
    LEASED = "LEASED"
    DONE = "DONE"
    DEAD = "DEAD"
    CANCELLED = "CANCELLED"


RUN_ENDED = frozenset({RunStatus.COMPLETED, RunStatus.PARTIAL, RunStatus.FAILED, RunStatus.CANCELLED})
EXECUTION_OK = frozenset({ExecutionStatus.OK, ExecutionStatus.NA, ExecutionStatus.REUSED})
EXECUTION_OPEN = frozenset({ExecutionStatus.PENDING, ExecutionStatus.RUNNING})
EXECUTION_ENDED = frozenset(ExecutionStatus) - EXECUTION_OPEN
REQUIRED_TYPES: frozenset[PluginType] = frozenset({"ingest", "profile", "planner", "report"})
NOT_RETRIED = EXECUTION_OK | {ExecutionStatus.BLOCKED}  # what a run may do is configuration, which a retry keeps

AGAINST = "against:"
"""The origin of the settings that say which input is an earlier version begins so; the id of its run follows."""

MAX_CRASHES = 3
LAST_TRY = MAX_CRASHES - 1  # after so many, a job is alone in its worker: should that die too, no neighbour was the cause


@dataclass(frozen=True)
class Input:
    """One file of a run, as uploaded."""

    upload_id: UploadId
    filename: str
    sha256: str
    size_bytes: int

    def as_dict(self) -> dict[str, Any]:
        return {"upload_id": self.upload_id, "filename": self.filename, "sha256": self.sha256, "size_bytes": self.size_bytes}


@dataclass(frozen=True)
class RunConfig:
    """Everything that was decided before the run began, defaults included: what the run fingerprint covers.

    ``selection`` None means the planner plugin chooses among ``settings``' plugins; otherwise the named ones and what they need.
    How the settings came about is recorded beside them and not covered: ``layers`` names each source with its hash, ``origins``
    gives by plugin and setting the source that decided it (a setting that is not there has its default). ``grants`` are the
    operator's decisions on capabilities that these plugins ask for, where they differ from the default; they are covered.
    ``open_network`` are the plugins to which the operator's override opens the network; it is covered, too.
    """

    inputs: tuple[Input, ...]
    selection: tuple[PluginId, ...] | None
    settings: Mapping[PluginId, Mapping[str, Any]]
    code: Mapping[PluginId, str]
    seed: int
    engine: Mapping[str, str]
    reuse: bool = True
    strict: bool = False
    sample: float | None = None
    erp: str | None = None
    presets: tuple[str, ...] = ()
    raw_format: str = ""
    layers: tuple[Mapping[str, str], ...] = ()
    origins: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    grants: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    open_network: tuple[PluginId, ...] = ()

    @property
    def against(self) -> str | None:
        """The run whose first file was appended to the inputs to be compared with; None where there is none."""
        origins = (str(layer["origin"]) for layer in self.layers)
        return next((origin.removeprefix(AGAINST) for origin in origins if origin.startswith(AGAINST)), None)

    @property
    def asked_inputs(self) -> tuple[Input, ...]:
        """The files that were given: what was appended to compare with comes last and is not among them."""
        return self.inputs[:-1] if self.against else self.inputs

    def as_dict(self) -> dict[str, Any]:
        came_about = {
            "raw_format": self.raw_format,
            "layers": [dict(item) for item in self.layers],
            "origins": {name: dict(places) for name, places in self.origins.items()},
        }
        return {
            "inputs": [item.as_dict() for item in self.inputs],
            "selection": None if self.selection is None else list(self.selection),
            "settings": {name: dict(values) for name, values in self.settings.items()},
            "code": dict(self.code),
            "seed": self.seed,
            "engine": dict(self.engine),
            "reuse": self.reuse,
            "strict": self.strict,
            "sample": self.sample,
            "erp": self.erp,
            "presets": list(self.presets),
            **{key: value for key, value in came_about.items() if value},
            **({"grants": {name: dict(entry) for name, entry in self.grants.items()}} if self.grants else {}),
            **({"open_network": list(self.open_network)} if self.open_network else {}),
        }

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "RunConfig":
        selection = raw["selection"]
        return cls(
            inputs=tuple(Input(**item) for item in raw["inputs"]),
            selection=None if selection is None else tuple(PluginId(name) for name in selection),
            settings=raw["settings"],
            code=raw["code"],
            seed=raw["seed"],
            engine=raw["engine"],
            reuse=raw["reuse"],
            strict=raw["strict"],
            sample=raw["sample"],
            erp=raw["erp"],
            presets=tuple(raw["presets"]),
            raw_format=raw.get("raw_format", ""),
            layers=tuple(raw.get("layers", ())),
            origins=raw.get("origins", {}),
            grants=raw.get("grants", {}),
            open_network=tuple(PluginId(name) for name in raw.get("open_network", ())),
        )


@dataclass(frozen=True)
class Run:
    """A run as recorded. Times are seconds since the epoch; ``reserved_for`` is the worker of a ``harness run`` while it lives.

    While ``paused_at`` is set, none of its jobs is given to anybody; what was given before is finished and committed.
    ``deleted_at`` can be undone; from ``purged_at`` on its files are gone and only the record is left. A pinned run is neither.
    """

    run_id: RunId
    status: RunStatus
    fingerprint: str
    config: RunConfig
    resolved_seed: int
    created_at: float
    started_at: float | None = None
    ended_at: float | None = None
    cancel_requested: bool = False
    paused_at: float | None = None
    dataset_version_id: DatasetVersionId | None = None
    datasets: Sequence[Mapping[str, str]] = ()
    insight_count: int = 0
    worst_severity: str | None = None
    finding_count: int = 0
    warning_count: int = 0
    event_seq: int = 0
    expanded: bool = False
    error: Mapping[str, Any] | None = None
    reserved_for: WorkerId | None = None
    first_result_at: float | None = None
    pinned: bool = False
    deleted_at: float | None = None
    purged_at: float | None = None

    @property
    def filename(self) -> str:
        return self.config.inputs[0].filename if self.config.inputs else ""


@dataclass(frozen=True)
class Execution:
    """One plugin of one run. ``attempts`` are those that were charged; ``fence`` is the number of the attempt that committed.

    ``memory_mb`` is what it may use: as much of the machine's memory is kept for it while it runs.
    """

    execution_id: ExecutionId
    run_id: RunId
    plugin_id: PluginId
    plugin_type: PluginType
    version: str
    layer: int
    depends_on: tuple[PluginId, ...]
    required: bool
    status: ExecutionStatus = ExecutionStatus.PENDING
    attempts: int = 0
    fingerprint: str | None = None
    output_sha256: str | None = None
    fence: int | None = None
    reused_from: str | None = None
    summary: str = ""
    error: Mapping[str, Any] | None = None
    queued_at: float | None = None
    started_at: float | None = None
    ended_at: float | None = None
    progress_done: float | None = None
    progress_total: float | None = None
    progress_what: str = ""
    progress_unit: str = ""
    finding_count: int = 0
    memory_mb: int = 0

    @property
    def ok(self) -> bool:
        return self.status in EXECUTION_OK

    @property
    def open(self) -> bool:
        return self.status in EXECUTION_OPEN


@dataclass(frozen=True)
class Job:
    """A claimed job: the right to do one thing until the lease runs out. ``fence`` must be shown with every commit."""

    job_id: int
    kind: JobKind
    run_id: RunId
    execution_id: ExecutionId | None
    fence: int
    owner: WorkerId
    attempt: int
    crashes: int


@dataclass(frozen=True)
class Event:
    """Something that happened to a run; ``seq`` counts from 1 without a gap."""

    run_id: RunId
    seq: int
    at: float
    type: str
    plugin_id: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return {
            "run_id": self.run_id, "seq": self.seq, "at": self.at, "type": self.type, "plugin_id": self.plugin_id,
            "data": dict(self.data),
        }  # fmt: skip


@dataclass(frozen=True)
class Artifact:
    """A file that belongs to a run: its path below the run's folder, and what its bytes must be."""

    run_id: RunId
    plugin_id: str
    path: str
    sha256: str
    size_bytes: int
    media_type: str

    def as_dict(self) -> dict[str, Any]:
        return {"path": self.path, "sha256": self.sha256, "bytes": self.size_bytes, "media_type": self.media_type}


@dataclass(frozen=True)
class Attempt:
    """The audit row of one attempt at one execution: measured from outside, never told by the guest."""

    run_id: RunId
    execution_id: ExecutionId
    plugin_id: PluginId
    fence: int
    worker_id: WorkerId
    started_at: float
    ended_at: float
    status: str
    reason: str
    exit_code: int | None
    signal: int | None
    wall_s: float
    cpu_user_s: float
    cpu_system_s: float
    peak_rss_bytes: int
    rows_read: int
    rows_written: int
    findings: int
    warnings: int
    stdout_tail: str
    stderr_tail: str
    truncated: bool
    wall_level: str
