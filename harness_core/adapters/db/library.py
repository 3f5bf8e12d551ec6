"""Uploads and dataset versions in SQL."""

from collections.abc import Sequence

from sqlalchemy import and_, or_, tuple_
from sqlmodel import Session, col, select

from harness_core.adapters.db.engine import Database
from harness_core.adapters.db.records import record
from harness_core.adapters.db.runs import SHORTEST_PREFIX, decode_cursor, encode_cursor
from harness_core.adapters.db.tables import DatasetVersionRow, RunRow, UploadRow
from harness_core.domain.datasets import DatasetVersion, Upload
from harness_core.domain.errors import NotFound
from harness_core.domain.runs import DatasetVersionId, RunId, UploadId


class SqlLibrary:
    """Fulfils :class:`harness_core.ports.state.Library`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add_upload(self, upload: Upload) -> None:
        with self._db.writing() as session:
            session.add(UploadRow(**vars(upload)))

    def upload(self, upload_id: str) -> Upload:
        with self._db.reading() as session:
            row = session.get(UploadRow, upload_id)
            if row is None:
                raise NotFound("no_such_upload", f"There is no upload {upload_id!r}.", next_step="Upload the file again.")
            return record(Upload, row)

    def uploads(self, limit: int = 100) -> Sequence[Upload]:
        query = select(UploadRow).order_by(col(UploadRow.created_at).desc(), col(UploadRow.upload_id).desc()).limit(limit)
        with self._db.reading() as session:
            return [record(Upload, row) for row in session.exec(query)]

    def dataset_version(self, dataset_version_id: str) -> DatasetVersion:
        with self._db.reading() as session:
            return record(DatasetVersion, find_dataset_version(session, dataset_version_id))

    def dataset_versions(
        self, *, after: str | None = None, limit: int = 50, deleted: bool = False
    ) -> tuple[Sequence[DatasetVersion], str | None]:
        newest = (col(DatasetVersionRow.created_at).desc(), col(DatasetVersionRow.dataset_version_id).desc())
        query = select(DatasetVersionRow).order_by(*newest).limit(limit + 1)
        if not deleted:
            query = query.where(col(DatasetVersionRow.deleted_at).is_(None), col(DatasetVersionRow.purged_at).is_(None))
        if after is not None:
            order = tuple_(col(DatasetVersionRow.created_at), col(DatasetVersionRow.dataset_version_id))
            query = query.where(order < tuple_(*decode_cursor(after)))
        with self._db.reading() as session:
            rows = [record(DatasetVersion, row) for row in session.exec(query)]
        last = rows[limit - 1] if len(rows) > limit else None
        return rows[:limit], encode_cursor(last.created_at, last.dataset_version_id) if last else None

    def dataset_versions_beside(self, version: DatasetVersion, limit: int = 50) -> Sequence[DatasetVersion]:
        newest = (col(DatasetVersionRow.created_at).desc(), col(DatasetVersionRow.dataset_version_id).desc())
        beside = or_(
            col(DatasetVersionRow.input_sha256) == version.input_sha256, col(DatasetVersionRow.filename) == version.filename
        )
        kept = and_(col(DatasetVersionRow.deleted_at).is_(None), col(DatasetVersionRow.purged_at).is_(None))
        with self._db.reading() as session:
            found = session.exec(select(DatasetVersionRow).where(beside, kept).order_by(*newest).limit(limit))
            return [record(DatasetVersion, row) for row in found]

    def runs_of_dataset(self, dataset_version_id: DatasetVersionId) -> Sequence[RunId]:
        query = select(RunRow.run_id).where(col(RunRow.dataset_version_id) == dataset_version_id)
        with self._db.reading() as session:
            return [RunId(name) for name in session.exec(query.order_by(col(RunRow.created_at).desc()))]

    def uploads_of_blob(self, sha256: str) -> Sequence[UploadId]:
        with self._db.reading() as session:
            return [UploadId(name) for name in session.exec(select(UploadRow.upload_id).where(col(UploadRow.sha256) == sha256))]

    def latest_named(self, filename: str, *, other_than: str) -> DatasetVersion | None:
        named = and_(col(DatasetVersionRow.filename) == filename, col(DatasetVersionRow.input_sha256) != other_than)
        newest = (col(DatasetVersionRow.created_at).desc(), col(DatasetVersionRow.dataset_version_id).desc())
        with self._db.reading() as session:
            row = session.exec(select(DatasetVersionRow).where(named).order_by(*newest).limit(1)).first()
            return record(DatasetVersion, row) if row is not None else None


def find_dataset_version(session: Session, name: str) -> DatasetVersionRow:
    """The one of that id, or the only one whose id begins so. Raises NotFound."""
    row = session.get(DatasetVersionRow, name)
    if row is None and len(name) >= SHORTEST_PREFIX:
        starts = col(DatasetVersionRow.dataset_version_id).startswith(name, autoescape=True)
        found = session.exec(select(DatasetVersionRow).where(starts).limit(2)).all()
        row = found[0] if len(found) == 1 else None
    if row is None:
        raise NotFound(
            "no_such_dataset_version", f"There is no dataset version {name!r}.", next_step="List them with `harness datasets list`."
        )
    return row
