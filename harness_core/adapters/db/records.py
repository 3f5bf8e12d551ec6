"""From rows to records and back; the only place where the two shapes meet."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from functools import cache
from typing import Any, TypeVar

from sqlmodel import col

from harness_core.adapters.db.tables import ExecutionRow, RunRow
from harness_core.domain.plugins import PluginId
from harness_core.domain.runs import Execution, ExecutionStatus, Run, RunConfig, RunStatus

Record = TypeVar("Record")


@cache
def _names(shape: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(shape))


def record(shape: type[Record], row: Any, /, **changed: Any) -> Record:
    """A frozen record from a row with fields of the same names."""
    values = {name: getattr(row, name) for name in _names(shape) if name not in changed}  # type: ignore[arg-type]
    return shape(**values, **changed)


def run_record(row: RunRow) -> Run:
    return record(Run, row, status=RunStatus(row.status), config=RunConfig.from_dict(row.config))


# What a list shows of a configuration. All of it, the settings of every plugin, would be nearly all the time that a page takes;
# what can be had as a plain value is, because each decoding of JSON counts with 500 runs.
CONFIG = col(RunRow.config)
LISTED_CONFIG: Mapping[str, Any] = {
    "inputs": CONFIG["inputs"], "selection": CONFIG["selection"], "presets": CONFIG["presets"], "seed": CONFIG["seed"].as_integer(),
    "reuse": CONFIG["reuse"].as_boolean(), "strict": CONFIG["strict"].as_boolean(), "sample": CONFIG["sample"].as_float(),
    "erp": CONFIG["erp"].as_string(), "raw_format": CONFIG["raw_format"].as_string(),
}  # fmt: skip
LISTED = [
    *(column for name, column in RunRow.__table__.columns.items() if name != "config"),  # type: ignore[attr-defined]
    *(part.label(f"config_{name}") for name, part in LISTED_CONFIG.items()),
]
NOT_LISTED: Mapping[str, Any] = {"settings": {}, "code": {}, "engine": {}}


def listed_run(row: Any) -> Run:
    """A run from the columns ``LISTED``: settings, code, engine and origins of its configuration are empty."""
    values = row._mapping
    parts = {name: values[f"config_{name}"] for name in LISTED_CONFIG}
    config = RunConfig.from_dict({**parts, **NOT_LISTED, "raw_format": parts["raw_format"] or ""})
    kept = {name: values[name] for name in _names(Run) if name not in ("config", "status")}
    return Run(**kept, status=RunStatus(values["status"]), config=config)


def execution_record(row: ExecutionRow) -> Execution:
    depends_on = tuple(PluginId(name) for name in row.depends_on)
    return record(Execution, row, status=ExecutionStatus(row.status), depends_on=depends_on)


def run_row(run: Run, idempotency_key: str | None, idempotency_digest: str) -> RunRow:
    values = {field.name: getattr(run, field.name) for field in fields(Run) if field.name not in ("config", "datasets")}
    return RunRow(
        **values,
        config=run.config.as_dict(),
        datasets=[dict(item) for item in run.datasets],
        filename=run.filename,
        idempotency_key=idempotency_key,
        idempotency_digest=idempotency_digest,
    )


def execution_row(execution: Execution) -> ExecutionRow:
    return ExecutionRow(**{**asdict(execution), "depends_on": list(execution.depends_on)})
