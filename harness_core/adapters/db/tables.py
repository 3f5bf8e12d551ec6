"""The tables of the state database. They hold rows, not rules; the migrations make them, a test compares the two."""

from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, text
from sqlmodel import Field, SQLModel


def _json(nullable: bool = False) -> Any:
    return Column(JSON(none_as_null=True), nullable=nullable)


class UploadRow(SQLModel, table=True):
    """One file taken in."""

    __tablename__ = "upload"
    upload_id: str = Field(primary_key=True)
    filename: str
    original_path: str
    sha256: str = Field(index=True)
    size_bytes: int = Field(sa_type=BigInteger)
    created_at: float
    purged_at: float | None = None


class DatasetVersionRow(SQLModel, table=True):
    """One dataset version."""

    __tablename__ = "dataset_version"
    __table_args__ = (Index("ix_dataset_version_newest", text("created_at DESC"), text("dataset_version_id DESC")),)
    dataset_version_id: str = Field(primary_key=True)
    input_sha256: str
    role: str
    filename: str
    reader: str
    reading: dict[str, Any] = Field(sa_column=_json())
    columns: list[dict[str, Any]] = Field(sa_column=_json())
    repairs: list[dict[str, Any]] = Field(sa_column=_json())
    row_count: int = Field(sa_type=BigInteger)
    data_sha256: str
    data_bytes: int = Field(sa_type=BigInteger)
    created_at: float
    deleted_at: float | None = None
    purged_at: float | None = None


class RunRow(SQLModel, table=True):
    """One run."""

    __tablename__ = "run"
    __table_args__ = (
        Index("ix_run_newest", text("created_at DESC"), text("run_id DESC")),
        Index("ix_run_kept", "status", sqlite_where=text("deleted_at IS NULL")),
        Index("ix_run_paused", "run_id", sqlite_where=text("paused_at IS NOT NULL")),
        Index("ix_run_status_newest", "status", text("created_at DESC"), text("run_id DESC")),
    )
    run_id: str = Field(primary_key=True)
    status: str
    fingerprint: str = Field(index=True)
    filename: str
    config: dict[str, Any] = Field(sa_column=_json())
    resolved_seed: int = Field(sa_type=BigInteger)
    created_at: float
    started_at: float | None = None
    first_result_at: float | None = None
    ended_at: float | None = None
    cancel_requested: bool = False
    paused_at: float | None = None
    expanded: bool = False
    dataset_version_id: str | None = Field(default=None, index=True)
    datasets: list[dict[str, str]] = Field(default_factory=list, sa_column=_json())
    insight_count: int = 0
    finding_count: int = 0
    warning_count: int = 0
    worst_severity: str | None = None
    event_seq: int = 0
    error: dict[str, Any] | None = Field(default=None, sa_column=_json(nullable=True))
    reserved_for: str | None = None
    idempotency_key: str | None = Field(default=None, unique=True)
    idempotency_digest: str = ""
    pinned: bool = Field(default=False, sa_column_kwargs={"server_default": "0"})
    deleted_at: float | None = None
    purged_at: float | None = None


class RunInputRow(SQLModel, table=True):
    """A run needs the bytes of an upload."""

    __tablename__ = "run_input"
    run_id: str = Field(primary_key=True, foreign_key="run.run_id")
    upload_id: str = Field(primary_key=True, index=True)
    sha256: str = Field(index=True)


class RunDatasetRow(SQLModel, table=True):
    """A run has read a dataset version."""

    __tablename__ = "run_dataset"
    run_id: str = Field(primary_key=True, foreign_key="run.run_id")
    dataset_version_id: str = Field(primary_key=True, index=True)


class ExecutionRow(SQLModel, table=True):
    """One plugin of one run."""

    __tablename__ = "execution"
    __table_args__ = (
        Index("ix_execution_run", "run_id", "layer", "plugin_id"),
        Index("ix_execution_reusable", "fingerprint", "ended_at", sqlite_where=text("status IN ('OK', 'NA')")),
    )
    execution_id: str = Field(primary_key=True)
    run_id: str = Field(foreign_key="run.run_id")
    plugin_id: str
    plugin_type: str
    version: str
    layer: int
    depends_on: list[str] = Field(sa_column=_json())
    required: bool
    status: str
    attempts: int = 0
    fence: int | None = None
    fingerprint: str | None = None
    output_sha256: str | None = None
    reused_from: str | None = None
    summary: str = ""
    error: dict[str, Any] | None = Field(default=None, sa_column=_json(nullable=True))
    finding_count: int = 0
    queued_at: float | None = None
    started_at: float | None = None
    ended_at: float | None = None
    progress_done: float | None = None
    progress_total: float | None = None
    progress_what: str = ""
    progress_unit: str = Field(default="", sa_column_kwargs={"server_default": ""})
    memory_mb: int = Field(default=0, sa_column_kwargs={"server_default": "0"})


class JobRow(SQLModel, table=True):
    """One piece of work with its lease."""

    __tablename__ = "job"
    __table_args__ = (
        Index("ix_job_ready", text("priority DESC"), "job_id", sqlite_where=text("state = 'READY'")),
        Index("ix_job_leased", "lease_until", sqlite_where=text("state = 'LEASED'")),
        Index("ix_job_dead", "job_id", sqlite_where=text("state = 'DEAD'")),
        Index("ix_job_run", "run_id", "state"),
        Index("ix_job_execution", "execution_id"),
    )
    job_id: int | None = Field(default=None, primary_key=True)
    kind: str
    run_id: str = Field(foreign_key="run.run_id")
    execution_id: str | None = Field(default=None, foreign_key="execution.execution_id")
    state: str
    priority: int = 0
    created_at: float
    not_before: float
    attempt: int = 0
    crashes: int = 0
    fence: int = 0
    reserved_for: str | None = None
    lease_owner: str | None = None
    lease_until: float | None = None
    lease_boot_id: str | None = None
    memory_mb: int = Field(default=0, sa_column_kwargs={"server_default": "0"})


class AttemptRow(SQLModel, table=True):
    """The audit row of one attempt; never changed."""

    __tablename__ = "attempt"
    execution_id: str = Field(primary_key=True)
    fence: int = Field(primary_key=True)
    run_id: str = Field(index=True)
    plugin_id: str
    worker_id: str
    started_at: float
    ended_at: float
    status: str
    reason: str
    exit_code: int | None = None
    signal: int | None = None
    wall_s: float
    cpu_user_s: float
    cpu_system_s: float
    peak_rss_bytes: int = Field(sa_type=BigInteger)
    rows_read: int = Field(sa_type=BigInteger)
    rows_written: int = Field(sa_type=BigInteger)
    findings: int
    warnings: int
    stdout_tail: str
    stderr_tail: str
    truncated: bool
    wall_level: str


class EventRow(SQLModel, table=True):
    """Something that happened to a run."""

    __tablename__ = "event"
    run_id: str = Field(primary_key=True, foreign_key="run.run_id")
    seq: int = Field(primary_key=True)
    at: float
    type: str
    plugin_id: str | None = None
    data: dict[str, Any] = Field(sa_column=_json())


class ArtifactRow(SQLModel, table=True):
    """A file of a run and what its bytes must be."""

    __tablename__ = "artifact"
    run_id: str = Field(primary_key=True, foreign_key="run.run_id")
    path: str = Field(primary_key=True)
    plugin_id: str
    sha256: str
    size_bytes: int = Field(sa_type=BigInteger)
    media_type: str


class WorkerRow(SQLModel, table=True):
    """A process that takes jobs."""

    __tablename__ = "worker"
    worker_id: str = Field(primary_key=True)
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


class JanitorRow(SQLModel, table=True):
    """A janitor that takes turns among the workers, and when it last began."""

    __tablename__ = "janitor"
    name: str = Field(primary_key=True)
    ran_at: float


class ErpRow(SQLModel, table=True):
    """One ERP; ``document`` is what is exported."""

    __tablename__ = "erp"
    name: str = Field(primary_key=True)
    document: dict[str, Any] = Field(sa_column=_json())
    sha256: str
    created_at: float
    updated_at: float


class PresetContentRow(SQLModel, table=True):
    """What presets say, each content once."""

    __tablename__ = "preset_content"
    sha256: str = Field(primary_key=True)
    content: dict[str, Any] = Field(sa_column=_json())


class PresetRow(SQLModel, table=True):
    """A name for a content."""

    __tablename__ = "preset"
    name: str = Field(primary_key=True)
    sha256: str = Field(foreign_key="preset_content.sha256", index=True)
    notes: str
    created_at: float


class RawFormatRow(SQLModel, table=True):
    """One raw format and what is remembered of it."""

    __tablename__ = "raw_format"
    format_id: str = Field(primary_key=True)
    name: str = Field(unique=True)
    notes: str
    roles: dict[str, str] = Field(sa_column=_json())
    settings: dict[str, Any] = Field(sa_column=_json())
    filename: str
    created_at: float
    updated_at: float


class RawFormatHeaderRow(SQLModel, table=True):
    """One header by which a raw format is recognised."""

    __tablename__ = "raw_format_header"
    fingerprint: str = Field(primary_key=True)
    format_id: str = Field(foreign_key="raw_format.format_id", index=True)
    header: list[list[str]] = Field(sa_column=_json())
    seen_at: float


class DatasetRolesRow(SQLModel, table=True):
    """The roles that somebody gave to columns of one file's content."""

    __tablename__ = "dataset_roles"
    input_sha256: str = Field(primary_key=True)
    roles: dict[str, str] = Field(sa_column=_json())
    updated_at: float


class RunScopeRow(SQLModel, table=True):
    """What a run belongs to: the content of its file, its raw format, its ERP."""

    __tablename__ = "run_scope"
    kind: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    run_id: str = Field(primary_key=True, foreign_key="run.run_id", index=True)


class InsightRow(SQLModel, table=True):
    """An insight of an ended run, kept when its report is not."""

    __tablename__ = "insight"
    run_id: str = Field(primary_key=True, foreign_key="run.run_id")
    finding_id: str = Field(primary_key=True)
    rank: int
    plugin_id: str
    kind: str
    columns: list[str] = Field(sa_column=_json())
    severity: str
    title: str
    statement: str
    effect: dict[str, Any] | None = Field(default=None, sa_column=_json(nullable=True))


class DecisionRow(SQLModel, table=True):
    """An insight that somebody accepted or suppressed."""

    __tablename__ = "insight_decision"
    decision_id: str = Field(primary_key=True)
    state: str
    reason: str
    kind: str
    columns: list[str] = Field(sa_column=_json())
    pattern: str
    scope_kind: str
    scope_name: str
    created_at: float
    expires_at: float | None = None
