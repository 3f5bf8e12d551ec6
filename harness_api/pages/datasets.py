"""Dataset versions and their rows."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from harness_api.pages.file_tables import tables_of, title_of
from harness_api.pages.previews import SHOWN_COLUMNS, headings, repair_words
from harness_api.pages.rendering import pages_of
from harness_api.service import Service, service_of
from harness_core.domain.datasets import DatasetVersion
from harness_core.domain.errors import HarnessError
from harness_core.domain.runs import RunId
from harness_core.services.previewing import preview_rows

PAGE_ROWS = 50
LOOKED_AT = 5
LOOKED_FOR = 200
router = APIRouter()


@router.get("/datasets", response_class=HTMLResponse)
def datasets(request: Request, after: str = "") -> HTMLResponse:
    """``deleted`` in the address shows those too that are hidden."""
    core, deleted = service_of(request).core, "deleted" in request.query_params
    versions, following = core.library.dataset_versions(after=after or None, limit=PAGE_ROWS, deleted=deleted)
    return pages_of(request).page(
        request, "datasets.html", "Datasets", versions=versions, next=following, later=bool(after), now=core.clock.now(),
        deleted=deleted,
    )  # fmt: skip


@router.get("/datasets/{dataset_version_id}", response_class=HTMLResponse)
def dataset(request: Request, dataset_version_id: str, offset: Annotated[int, Query(ge=0, lt=2**53)] = 0) -> HTMLResponse:
    """Columns, how it was read, and a window of rows; only that window is read."""
    core = service_of(request).core
    version = core.library.dataset_version(dataset_version_id)
    rows: list[list[str | None]] = []
    failure = None
    try:
        rows = preview_rows(core.launcher, core.store, core.names, version, offset, PAGE_ROWS, SHOWN_COLUMNS)["rows"]
    except HarnessError as reason:
        failure = reason
    run_ids = core.library.runs_of_dataset(version.dataset_version_id)
    known = core.library.dataset_versions_beside(version, LOOKED_FOR)
    tables = tables_of(version, known)
    beside = {item.version.dataset_version_id for item in tables} | {version.dataset_version_id}
    return pages_of(request).page(
        request, "dataset.html", f"{version.row_count:,} rows · {_named(version)}", version=version, rows=rows, failure=failure,
        title_of_table=title_of(version),
        offset=offset, page_rows=PAGE_ROWS, caption=_caption(offset, len(rows), version.row_count),
        headings=headings(version.columns), noted=any(column.get("note") for column in version.columns),
        repairs=[repair_words(item) for item in version.repairs],
        grace_days=core.retaining.policy.grace_days, tables=tables,
        others=[item for item in known if item.filename == version.filename and item.dataset_version_id not in beside],
        run_ids=run_ids, profiled=_profiled(service_of(request), run_ids),
    )  # fmt: skip


def _named(version: DatasetVersion) -> str:
    title = title_of(version)
    return f"{title} in {version.filename}" if title else version.filename


def _profiled(service: Service, run_ids: Sequence[RunId]) -> RunId | None:
    """The newest of the last few runs whose report has a profile of the columns."""
    for run_id in run_ids[:LOOKED_AT]:
        if service.reports.of(service.core.runs.get(run_id)).columns:
            return run_id
    return None


def _caption(offset: int, shown: int, total: int) -> str:
    if not shown:
        return f"No rows from {offset:,} on"
    return f"Rows {offset:,} to {offset + shown - 1:,} of {total:,}, counted from 0"
