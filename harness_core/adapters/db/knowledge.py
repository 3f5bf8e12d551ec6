"""ERPs, presets, raw formats and roles of datasets in SQL."""

from collections.abc import Mapping, Sequence
from dataclasses import replace as with_changes

from sqlalchemy import func
from sqlmodel import Session, col, select

from harness_core.adapters.db.engine import Database
from harness_core.adapters.db.runs import SHORTEST_PREFIX
from harness_core.adapters.db.tables import (
    DatasetRolesRow,
    ErpRow,
    PresetContentRow,
    PresetRow,
    RawFormatHeaderRow,
    RawFormatRow,
)
from harness_core.domain.erp import Erp, erp_of
from harness_core.domain.errors import Conflict, NotFound
from harness_core.domain.formats import Header, RawFormat, fingerprint_of, format_id_of, name_from_file
from harness_core.domain.presets import Preset
from harness_core.domain.suggestions import did_you_mean
from harness_core.ports.world import Clock


class SqlKnowledge:
    """Fulfils :class:`harness_core.ports.knowledge.Knowledge`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db, self._clock = database, clock

    def erps(self) -> Sequence[Erp]:
        with self._db.reading() as session:
            return [_erp(row) for row in session.exec(select(ErpRow).order_by(col(ErpRow.name)))]

    def erp(self, name: str) -> Erp:
        with self._db.reading() as session:
            row = session.get(ErpRow, name)
            if row is None:
                raise _unknown("erp", "ERP", name, session.exec(select(ErpRow.name)).all())
            return _erp(row)

    def save_erp(self, erp: Erp, *, replace: bool) -> bool:
        now = self._clock.now()
        with self._db.writing() as session:
            row = session.get(ErpRow, erp.name)
            if row is None:
                session.add(ErpRow(name=erp.name, document=erp.document(), sha256=erp.sha256, created_at=now, updated_at=now))
                return True
            if row.sha256 == erp.sha256:
                return False
            _refuse_unless(replace, "ERP", erp.name)
            row.document, row.sha256, row.updated_at = erp.document(), erp.sha256, now
            session.add(row)
            return True

    def remove_erp(self, name: str) -> None:
        with self._db.writing() as session:
            row = session.get(ErpRow, name)
            if row is None:
                raise _unknown("erp", "ERP", name, session.exec(select(ErpRow.name)).all())
            session.delete(row)

    def presets(self) -> Sequence[Preset]:
        query = select(PresetRow, PresetContentRow).join(PresetContentRow).order_by(col(PresetRow.name))
        with self._db.reading() as session:
            return [_preset(row, content) for row, content in session.exec(query)]

    def preset(self, name: str) -> Preset:
        with self._db.reading() as session:
            row = session.get(PresetRow, name)
            if row is None:
                raise _unknown("preset", "preset", name, session.exec(select(PresetRow.name)).all())
            return _preset(row, session.get_one(PresetContentRow, row.sha256))

    def save_preset(self, preset: Preset, *, replace: bool) -> bool:
        with self._db.writing() as session:
            row = session.get(PresetRow, preset.name)
            if row is not None and (row.sha256, row.notes) == (preset.sha256, preset.notes):
                return False
            if row is not None:
                _refuse_unless(replace, "preset", preset.name)
            if session.get(PresetContentRow, preset.sha256) is None:
                session.add(PresetContentRow(sha256=preset.sha256, content=preset.content()))
                session.flush()
            before = row.sha256 if row is not None else None
            row = row or PresetRow(name=preset.name, sha256="", notes="", created_at=self._clock.now())
            row.sha256, row.notes = preset.sha256, preset.notes
            session.add(row)
            session.flush()
            if before is not None:
                _drop_unnamed(session, before)
            return True

    def remove_preset(self, name: str) -> None:
        with self._db.writing() as session:
            row = session.get(PresetRow, name)
            if row is None:
                raise _unknown("preset", "preset", name, session.exec(select(PresetRow.name)).all())
            sha256 = row.sha256
            session.delete(row)
            session.flush()
            _drop_unnamed(session, sha256)

    def formats(self) -> Sequence[RawFormat]:
        with self._db.reading() as session:
            rows = session.exec(select(RawFormatRow).order_by(col(RawFormatRow.name))).all()
            return [_raw_format(session, row) for row in rows]

    def raw_format(self, name: str) -> RawFormat:
        with self._db.reading() as session:
            return _raw_format(session, _find_format(session, name))

    def format_of(self, fingerprint: str) -> RawFormat | None:
        with self._db.reading() as session:
            header = session.get(RawFormatHeaderRow, fingerprint)
            return _raw_format(session, session.get_one(RawFormatRow, header.format_id)) if header else None

    def see_format(self, header: Header, filename: str) -> RawFormat:
        fingerprint = fingerprint_of(header)
        known = self.format_of(fingerprint)  # the usual case takes no write lock
        if known is not None:
            return known
        now = self._clock.now()
        with self._db.writing() as session:
            seen = session.get(RawFormatHeaderRow, fingerprint)
            if seen is not None:
                return _raw_format(session, session.get_one(RawFormatRow, seen.format_id))
            name = name_from_file(filename, session.exec(select(RawFormatRow.name)).all())
            row = _format_row(
                RawFormat(format_id_of(fingerprint), name, (header,), filename=filename, created_at=now, updated_at=now)
            )
            session.add(row)
            session.flush()
            session.add(_header_row(row.format_id, header, now))
            session.flush()
            return _raw_format(session, row)

    def save_format(self, raw_format: RawFormat, *, replace: bool) -> bool:
        now = self._clock.now()
        with self._db.writing() as session:
            row = session.get(RawFormatRow, raw_format.format_id)
            named = session.exec(select(RawFormatRow).where(col(RawFormatRow.name) == raw_format.name)).first()
            if named is not None and row is not None and named.format_id != row.format_id:
                raise _taken("raw format", raw_format.name)
            row = row or named
            if row is not None:
                known = _raw_format(session, row)
                raw_format = with_changes(raw_format, format_id=row.format_id)
                if known.document() == raw_format.document():
                    return False
                if not known.is_plain or known.name == raw_format.name:
                    _refuse_unless(replace, "raw format", known.name)
            row = row or _format_row(with_changes(raw_format, created_at=now, updated_at=now))
            row.name, row.notes, row.updated_at = raw_format.name, raw_format.notes, now
            row.roles, row.settings = dict(raw_format.roles), {name: dict(item) for name, item in raw_format.settings.items()}
            session.add(row)
            session.flush()
            _set_headers(session, row, raw_format.headers, now)
            return True

    def remove_format(self, name: str) -> None:
        with self._db.writing() as session:
            row = _find_format(session, name)
            for header in _header_rows(session, row.format_id):
                session.delete(header)
            session.flush()
            session.delete(row)

    def dataset_roles(self, input_sha256: str) -> Mapping[str, str]:
        with self._db.reading() as session:
            row = session.get(DatasetRolesRow, input_sha256)
            return dict(row.roles) if row else {}

    def save_dataset_roles(self, input_sha256: str, roles: Mapping[str, str]) -> None:
        with self._db.writing() as session:
            row = session.get(DatasetRolesRow, input_sha256) or DatasetRolesRow(input_sha256=input_sha256, roles={}, updated_at=0.0)
            row.roles, row.updated_at = dict(roles), self._clock.now()
            session.add(row)


def _erp(row: ErpRow) -> Erp:
    return with_changes(erp_of(row.document, f"ERP {row.name}"), created_at=row.created_at, updated_at=row.updated_at)


def _preset(row: PresetRow, content: PresetContentRow) -> Preset:
    return Preset(row.name, notes=row.notes, created_at=row.created_at, **content.content)


def _drop_unnamed(session: Session, sha256: str) -> None:
    """A content that no name has any more."""
    names = session.exec(select(func.count()).select_from(PresetRow).where(col(PresetRow.sha256) == sha256)).one()
    content = session.get(PresetContentRow, sha256)
    if not names and content is not None:
        session.delete(content)


def _find_format(session: Session, name: str) -> RawFormatRow:
    row = session.exec(select(RawFormatRow).where(col(RawFormatRow.name) == name)).first() or session.get(RawFormatRow, name)
    if row is None and len(name) >= SHORTEST_PREFIX:
        starts = col(RawFormatRow.format_id).startswith(name, autoescape=True)
        found = session.exec(select(RawFormatRow).where(starts).limit(2)).all()
        row = found[0] if len(found) == 1 else None
    if row is None:
        raise _unknown("format", "raw format", name, session.exec(select(RawFormatRow.name)).all())
    return row


def _header_rows(session: Session, format_id: str) -> Sequence[RawFormatHeaderRow]:
    query = select(RawFormatHeaderRow).where(col(RawFormatHeaderRow.format_id) == format_id)
    return session.exec(query.order_by(col(RawFormatHeaderRow.seen_at), col(RawFormatHeaderRow.fingerprint))).all()


def _raw_format(session: Session, row: RawFormatRow) -> RawFormat:
    headers = tuple(tuple((name, kind) for name, kind in item.header) for item in _header_rows(session, row.format_id))
    return RawFormat(
        row.format_id, row.name, headers, row.notes, dict(row.roles), dict(row.settings), row.filename, row.created_at,
        row.updated_at,
    )  # fmt: skip


def _format_row(raw_format: RawFormat) -> RawFormatRow:
    return RawFormatRow(
        format_id=raw_format.format_id, name=raw_format.name, notes=raw_format.notes, roles=dict(raw_format.roles),
        settings=dict(raw_format.settings), filename=raw_format.filename, created_at=raw_format.created_at,
        updated_at=raw_format.updated_at,
    )  # fmt: skip


def _header_row(format_id: str, header: Header, now: float) -> RawFormatHeaderRow:
    listed = [list(item) for item in header]
    return RawFormatHeaderRow(fingerprint=fingerprint_of(header), format_id=format_id, header=listed, seen_at=now)


def _set_headers(session: Session, row: RawFormatRow, headers: Sequence[Header], now: float) -> None:
    wanted = {fingerprint_of(header): header for header in headers}
    for known in _header_rows(session, row.format_id):
        if known.fingerprint not in wanted:
            session.delete(known)
    for fingerprint, header in wanted.items():
        known_row = session.get(RawFormatHeaderRow, fingerprint)
        if known_row is None:
            session.add(_header_row(row.format_id, header, now))
        elif known_row.format_id != row.format_id:
            _take_over(session, known_row, row)
    session.flush()


def _take_over(session: Session, header: RawFormatHeaderRow, row: RawFormatRow) -> None:
    """Move a header here from a format of which nothing is remembered; that one goes with its last header."""
    other = session.get_one(RawFormatRow, header.format_id)
    if not _raw_format(session, other).is_plain:
        raise Conflict(
            "header_of_another_format", f"This header belongs to the raw format {other.name}.",
            why="Its roles, settings or notes would be lost.",
            next_step=f"Remove it first with `harness formats remove {other.name}`, or use that one.",
        )  # fmt: skip
    header.format_id = row.format_id
    session.add(header)
    session.flush()
    if not _header_rows(session, other.format_id):
        session.delete(other)


def _refuse_unless(replace: bool, noun: str, name: str) -> None:
    if not replace:
        raise _taken(noun, name)


def _taken(noun: str, name: str) -> Conflict:
    return Conflict(
        "name_taken", f"There is another {noun} of the name {name} already.", why="Its content is not the same.",
        next_step="Choose another name, or say --replace.",
    )  # fmt: skip


def _unknown(code: str, noun: str, name: str, names: Sequence[str]) -> NotFound:
    remedy = did_you_mean(name, names) or "there is none yet"
    why = f"{remedy[0].upper()}{remedy[1:]}" + ("" if remedy.endswith("?") else ".")
    group = {"erp": "erp", "preset": "presets", "format": "formats"}[code]
    return NotFound(
        f"no_such_{code}", f"There is no {noun} {name!r}.", why=why, next_step=f"List them with `harness {group} list`."
    )
