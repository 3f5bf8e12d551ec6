"""Keeping runs and dataset versions: pinned, deleted so that it can be taken back, and the roles given to columns of a file."""

from typing import Any

from fastapi import APIRouter, Request

from harness_api.documents import dataset_summary, run_summary
from harness_api.models import Dataset, KeptRuns, RoleChanges, RunNames, RunSummary
from harness_api.service import service_of
from harness_core.bootstrap import Core
from harness_core.domain.datasets import DatasetVersion
from harness_core.domain.errors import UsageError
from harness_core.domain.remembered import COLUMN_ROLES, with_roles
from harness_core.domain.suggestions import did_you_mean

router = APIRouter(prefix="/api/v1", tags=["keeping"])


@router.post("/runs/delete", response_model=KeptRuns, summary="Delete several runs")
def delete_runs(request: Request, named: RunNames) -> dict[str, Any]:
    """All or none. 409 when one of them is under way or pinned."""
    retaining = service_of(request).core.retaining
    runs = retaining.delete_runs(named.run_ids)
    return {"runs": [run_summary(run) for run in runs], "grace_days": retaining.policy.grace_days}


@router.post("/runs/undelete", response_model=KeptRuns, summary="Take back the deletion of several runs")
def undelete_runs(request: Request, named: RunNames) -> dict[str, Any]:
    """All or none. 409 when the files of one are no longer kept."""
    retaining = service_of(request).core.retaining
    runs = retaining.undelete_runs(named.run_ids)
    return {"runs": [run_summary(run) for run in runs], "grace_days": retaining.policy.grace_days}


@router.post("/runs/{run_id}/pin", response_model=RunSummary, summary="Pin a run")
def pin_run(request: Request, run_id: str) -> dict[str, Any]:
    """Nothing deletes it, neither a person nor the retention policy, until it is unpinned."""
    return run_summary(service_of(request).core.retaining.pin(run_id))


@router.post("/runs/{run_id}/unpin", response_model=RunSummary, summary="Unpin a run")
def unpin_run(request: Request, run_id: str) -> dict[str, Any]:
    """It may be deleted again."""
    return run_summary(service_of(request).core.retaining.pin(run_id, pinned=False))


@router.delete("/runs/{run_id}", response_model=RunSummary, summary="Delete a run")
def delete_run(request: Request, run_id: str) -> dict[str, Any]:
    """Hidden at once, and kept whole for the days of grace. 409 when it is under way or pinned."""
    return run_summary(service_of(request).core.retaining.delete_runs([run_id])[0])


@router.post("/runs/{run_id}/undelete", response_model=RunSummary, summary="Take back the deletion of a run")
def undelete_run(request: Request, run_id: str) -> dict[str, Any]:
    """409 when its files are no longer kept."""
    return run_summary(service_of(request).core.retaining.undelete_runs([run_id])[0])


@router.delete("/datasets/{dataset_version_id}", response_model=Dataset, summary="Delete a dataset version")
def delete_dataset(request: Request, dataset_version_id: str) -> dict[str, Any]:
    """Hidden at once, and kept for the days of grace. 409 when a run under way or a pinned run needs it."""
    return dataset_summary(service_of(request).core.retaining.delete_datasets([dataset_version_id])[0])


@router.post(
    "/datasets/{dataset_version_id}/undelete", response_model=Dataset, summary="Take back the deletion of a dataset version"
)
def undelete_dataset(request: Request, dataset_version_id: str) -> dict[str, Any]:
    """409 when its data are no longer kept."""
    return dataset_summary(service_of(request).core.retaining.undelete_datasets([dataset_version_id])[0])


@router.get("/datasets/{dataset_version_id}/roles", response_model=dict[str, Any], summary="Roles given to columns of a file")
def show_roles(request: Request, dataset_version_id: str) -> dict[str, Any]:
    """Those that somebody gave to columns of this very file; they win over those of its raw format and its ERP."""
    core = service_of(request).core
    version = core.library.dataset_version(dataset_version_id)
    return _roles_document(core, version)


@router.put("/datasets/{dataset_version_id}/roles", response_model=dict[str, Any], summary="Give roles to columns of a file")
def give_roles(request: Request, dataset_version_id: str, asked: RoleChanges) -> dict[str, Any]:
    """Those that are named change, the others stay. 422 for a column that is not there, or a word that is no role."""
    core = service_of(request).core
    version = core.library.dataset_version(dataset_version_id)
    check_roles(asked.roles, [str(item["name"]) for item in version.columns])
    known = core.knowledge.dataset_roles(version.input_sha256)
    core.knowledge.save_dataset_roles(version.input_sha256, with_roles(known, list(asked.roles.items())))
    return _roles_document(core, version)


def _roles_document(core: Core, version: DatasetVersion) -> dict[str, Any]:
    return {"dataset_version_id": version.dataset_version_id, "roles": dict(core.knowledge.dataset_roles(version.input_sha256))}


def check_roles(roles: dict[str, str | None], columns: list[str]) -> None:
    """Raises UsageError for a column that is not there, or a word that is no role."""
    for column, role in roles.items():
        if column not in columns:
            raise UsageError("no_such_column", f"There is no column {column[:80]!r} in this file.",
                             next_step=_sentence(did_you_mean(column, columns)))  # fmt: skip
        if role is not None and role not in COLUMN_ROLES:
            raise UsageError("bad_role", f"{role[:40]!r} is no role.", why=f"The roles are {', '.join(COLUMN_ROLES)}.",
                             next_step=_sentence(did_you_mean(role, COLUMN_ROLES)))  # fmt: skip


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}" + ("" if words.endswith("?") else ".")
