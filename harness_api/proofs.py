"""Proof on request: one claim of a run checked again, and archives of a run that are sent and forgotten."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from fastapi.responses import StreamingResponse

from harness_api.checked_files import open_checked
from harness_api.reports import Finding, Report
from harness_api.service import Service
from harness_core.bootstrap import Core
from harness_core.domain.errors import NotFound, Tampered
from harness_core.domain.proofs import MANIFEST, Documents
from harness_core.domain.runs import Run
from harness_core.services.verifying import Proved, Verification

PIECE_BYTES = 1 << 20


def check_claim(service: Service, run: Run, report: Report, finding: Finding) -> Verification:
    """Every piece of evidence of one finding, tried again behind the wall on data whose bytes are as recorded.

    ``report`` was compared with its hash when it was read. Raises Tampered where the manifest or the data are not as recorded.
    """
    core = service.core
    record = next((item for item in core.runs.artifacts(run.run_id) if item.path == MANIFEST), None)
    if record is None:
        raise NotFound("no_manifest", f"The run {run.run_id} has no manifest.", next_step="Retry the run, which writes it anew.")
    with open_checked(core.store.run_folder(run.run_id) / record.path, record) as file:
        manifest = json.loads(file.read())
    documents = Documents(manifest, {**(report.document or {}), "findings": [finding]}, {}, {})
    return core.verifying.verify(Proved(run.run_id, documents, 1, dict(_folders(core, run, finding))))


def _folders(core: Core, run: Run, finding: Finding) -> Iterator[tuple[str, Path]]:
    """The folders of the run's dataset versions, by role; their bytes are compared where a query reads them."""
    reads = any(item["type"] == "query" for item in finding["evidence"])
    for item in run.datasets:
        version = core.library.dataset_version(item["dataset_version_id"])
        try:
            folder = core.store.dataset_folder(version.dataset_version_id)
        except NotFound:
            continue
        if reads:
            with (folder / "data.parquet").open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if digest != version.data_sha256:
                raise Tampered("tampered", f"The data of {version.dataset_version_id} are not what was read from the file.",
                               why=f"Their SHA-256 is {digest[:12]}…, the record says {version.data_sha256[:12]}….",
                               next_step="Restore a backup, or upload the file again.")  # fmt: skip
        yield str(item["role"]), folder


def sent(service: Service, name: str, write: Callable[[Path], object]) -> StreamingResponse:
    """The file that ``write`` makes, as a download; it lies in a scratch folder until it is sent."""
    core = service.core
    scratch = core.names.fresh("archive")
    folder = core.store.scratch(scratch)
    try:
        write(folder / name)
        size = (folder / name).stat().st_size
    except BaseException:
        core.store.drop_scratch(scratch)
        raise
    headers: Mapping[str, str] = {
        "content-disposition": f'attachment; filename="{name}"', "content-length": str(size), "cache-control": "no-store",
    }  # fmt: skip
    pieces = _pieces(folder / name, lambda: core.store.drop_scratch(scratch))
    return StreamingResponse(pieces, media_type="application/zip", headers=dict(headers))


def _pieces(path: Path, end: Callable[[], None]) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield piece
    finally:
        end()
