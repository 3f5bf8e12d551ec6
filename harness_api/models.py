"""The shapes of the API for its description, and the one request body that is checked strictly: unknown keys are refused."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

EXAMPLE_RUN: dict[str, JsonValue] = {"upload_id": "upload_01m7xez3exqe1fx0a63tnj", "seed": 0}


class RunRequest(BaseModel):
    """What to run. One of ``upload_id`` and ``upload_ids`` is needed; everything else has a default."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": [EXAMPLE_RUN]})

    upload_id: str | None = Field(None, description="The file to read, as given by POST /api/v1/uploads.")
    upload_ids: list[str] | None = Field(None, description="Several files, for plugins that read several dataset versions.")
    plugins: list[str] | None = Field(
        None, description="The plugins to run, and what they build on; the planner chooses if absent."
    )
    settings: dict[str, dict[str, Any]] = Field(default_factory=dict, description="Settings by plugin id; defaults fill the rest.")
    erp: str | None = Field(None, description="The ERP the files come from: its settings, roles and known issues.")
    presets: list[str] = Field(default_factory=list, description="Settings presets by name; the last is the strongest.")
    sample: float | None = Field(None, gt=0, le=1, description="The share of the rows to read; all if absent.")
    against: str | None = Field(
        None,
        min_length=1,
        description="A run whose first file this one is compared with, or `previous`: the last of the same raw format, else ERP.",
    )
    seed: int = Field(0, ge=0, lt=2**63, description="0 has it derived from the run's fingerprint.")
    reuse: bool | None = Field(None, description="Take results with the same execution fingerprint; true if absent.")
    force: bool | None = Field(None, description="Compute everything again, also with an unhealthy plugin: the opposite of reuse.")
    strict: bool = Field(False, description="Count a run with a failed plugin as failed.")

    @model_validator(mode="after")
    def _is_clear(self) -> "RunRequest":
        if (self.upload_id is None) == (not self.upload_ids):
            raise ValueError("give upload_id, or upload_ids with at least one, not both")
        if self.reuse is not None and self.force is not None and self.reuse == self.force:
            raise ValueError("reuse and force are opposites; give one of them")
        return self

    @property
    def uploads(self) -> list[str]:
        return self.upload_ids or ([self.upload_id] if self.upload_id else [])

    @property
    def reuses(self) -> bool:
        if self.reuse is not None:
            return self.reuse
        return not self.force


class FieldProblem(BaseModel):
    """One mistake: where it is, in which field, what is wrong, and how to mend it."""

    where: str
    field: str
    reason: str
    remedy: str


class Problem(BaseModel):
    """An error (RFC 9457). ``code`` is stable; ``next_step`` says what to do."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:harness:problem:no_such_run", "title": "There is no run 'run_x'.", "status": 404,
                    "detail": "There is no run 'run_x'.", "code": "no_such_run",
                    "next_step": "List the runs with `harness runs list`.", "problems": [],
                }
            ]
        },
    )  # fmt: skip

    type: str
    title: str
    status: int
    detail: str
    code: str
    next_step: str
    problems: list[FieldProblem]


class Open(BaseModel):
    """A shape that may grow: keys are added, never taken away."""

    model_config = ConfigDict(extra="allow")


class Upload(Open):
    """A file that was taken in."""

    upload_id: str
    filename: str
    sha256: str = Field(description="Of the bytes, 64 hexadecimal digits.")
    bytes: int
    created: str


class Times(Open):
    """UTC with milliseconds, or null."""

    queued: str | None
    started: str | None
    first_result: str | None
    ended: str | None


class RunSummary(Open):
    """A run as it stands in a list."""

    run_id: str
    status: str = Field(description="QUEUED, RUNNING, COMPLETED, PARTIAL, FAILED, CANCELLED or ABORTED.")
    ended: bool
    filename: str
    run_fingerprint: str
    dataset_version_id: str | None
    times: Times
    insight_count: int
    finding_count: int
    warning_count: int
    paused_at: str | None = Field(description="Since when nothing new of it is started; null when it is not paused.")
    event_seq: int = Field(description="The number of the run's last event.")
    pinned: bool = Field(description="Nothing deletes it until it is unpinned.")
    deleted_at: str | None = Field(description="Set while it is hidden; undelete takes that back.")
    purged_at: str | None = Field(description="Set when its files are gone and only the record is left.")


class Progress(Open):
    """How far a run is."""

    ended: int = Field(description="Executions that have ended.")
    total: int
    fraction: float = Field(description="Between 0 and 1, running executions counted as far as they say they are.")
    running: list[str]


class ExecutionProgress(Open):
    """How far an execution is by its own account; null where it has said nothing, or where it is too early to tell."""

    done: float | None
    total: float | None
    what: str
    unit: str = Field(description="What is counted, such as rows; empty where it counts steps of its own.")
    rate: float | None = Field(description="Units per second so far, while it runs.")
    remaining_s: float | None = Field(description="The seconds that are left if it goes on so.")


class Execution(Open):
    """One plugin of a run."""

    plugin_id: str
    status: str
    attempts: int
    reused: bool
    progress: ExecutionProgress
    summary: str
    error: dict[str, Any] | None


class Run(RunSummary):
    """A run with its progress and its executions."""

    progress: Progress
    executions: list[Execution]
    waiting_because: str | None = Field(description="Why a run that has not ended does not move; null when it does.")
    error: dict[str, Any] | None


class RunList(Open):
    """A page of runs, newest first."""

    runs: list[RunSummary]
    next: str | None = Field(description="Pass it as `after` for the page that follows; null on the last.")


class Artifact(Open):
    """A file of a run."""

    path: str
    sha256: str
    bytes: int
    media_type: str
    plugin_id: str | None
    url: str


class ArtifactList(Open):
    """The files of a run, by path."""

    artifacts: list[Artifact]


class Dataset(Open):
    """A dataset version."""

    dataset_version_id: str
    filename: str
    row_count: int
    column_count: int
    deleted_at: str | None
    purged_at: str | None


class DatasetList(Open):
    """A page of dataset versions, newest first."""

    datasets: list[Dataset]
    next: str | None


class Rows(Open):
    """Rows of a dataset version as text; null where a value is missing."""

    dataset_version_id: str
    columns: list[dict[str, Any]]
    rows: list[list[str | None]]
    offset: int
    row_count: int


class RunNames(BaseModel):
    """The runs that something is done with: all of them or none."""

    model_config = ConfigDict(extra="forbid", strict=True)

    run_ids: list[str] = Field(min_length=1, max_length=10_000)


class KeptRuns(Open):
    """What became of them."""

    runs: list[RunSummary]
    grace_days: float = Field(description="For so long at least a deletion can be taken back.")


class RoleChanges(BaseModel):
    """Roles by column; null takes one back."""

    model_config = ConfigDict(extra="forbid", strict=True)

    roles: dict[str, str | None]


class Change(Open):
    """What became of something that is remembered."""

    name: str
    state: str = Field(description="saved, unchanged or removed.")


class Decided(BaseModel):
    """Capabilities of a plugin to grant and to revoke, for runs submitted from now on."""

    model_config = ConfigDict(extra="forbid", strict=True)

    grant: list[str] = Field(default_factory=list)
    revoke: list[str] = Field(default_factory=list)


class PluginList(Open):
    """Every plugin folder, valid or not."""

    plugins: list[dict[str, Any]]


class PartialUpload(Open):
    """An upload in pieces."""

    id: str
    filename: str
    offset: int = Field(description="Bytes that are safe; the next piece begins here.")
    length: int
    upload_id: str | None = Field(description="Set when the file is whole.")
    sha256: str | None
    expires: str
