"""Dataset versions: list, show, rows."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from harness_api.documents import dataset_document, dataset_summary
from harness_api.models import Dataset, DatasetList, Rows
from harness_api.service import service_of
from harness_core.services.previewing import MAX_ROWS, preview_rows

router = APIRouter(prefix="/api/v1/datasets", tags=["datasets"])


@router.get("", response_model=DatasetList, summary="List dataset versions")
def list_datasets(
    request: Request,
    after: Annotated[str | None, Query(max_length=300, description="The `next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    deleted: Annotated[bool, Query(description="Deleted ones too.")] = False,
) -> dict[str, Any]:
    """Newest first, page by page."""
    versions, following = service_of(request).core.library.dataset_versions(after=after, limit=limit, deleted=deleted)
    return {"datasets": [dataset_summary(version) for version in versions], "next": following}


@router.get("/{dataset_version_id}", response_model=Dataset, summary="Show a dataset version")
def show_dataset(request: Request, dataset_version_id: str) -> dict[str, Any]:
    """Its columns, how it was read, what was repaired, and the runs that read it."""
    library = service_of(request).core.library
    version = library.dataset_version(dataset_version_id)
    return dataset_document(version, library.runs_of_dataset(version.dataset_version_id))


@router.get("/{dataset_version_id}/rows", response_model=Rows, summary="Rows of a dataset version")
def rows(
    request: Request,
    dataset_version_id: str,
    offset: Annotated[int, Query(ge=0, lt=2**53, description="The number of the first row; rows count from 0.")] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_ROWS)] = 50,
) -> dict[str, Any]:
    """Rows as text, in the order of the source. They are read in a process of their own."""
    core = service_of(request).core
    return preview_rows(core.launcher, core.store, core.names, core.library.dataset_version(dataset_version_id), offset, limit)
