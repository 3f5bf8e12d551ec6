"""What is remembered beyond one run: ERPs, presets, raw formats, roles, insights and what was decided about them."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

MADE = (
    "erp", "preset_content", "preset", "raw_format", "raw_format_header", "dataset_roles", "run_scope", "insight",
    "insight_decision",
)  # fmt: skip


def _text(name: str, *keys: sa.ForeignKey, primary_key: bool = False, unique: bool | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.String(), *keys, nullable=False, primary_key=primary_key, unique=unique)


def _json(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.JSON(), nullable=nullable)


def _time(name: str, *, nullable: bool = False) -> sa.Column[float]:
    return sa.Column(name, sa.Float(), nullable=nullable)


def upgrade() -> None:
    _make_what_people_write_down()
    op.create_table(
        "run_scope", _text("kind", primary_key=True), _text("name", primary_key=True),
        _text("run_id", sa.ForeignKey("run.run_id"), primary_key=True),
    )  # fmt: skip
    op.create_index("ix_run_scope_run_id", "run_scope", ["run_id"])
    op.create_table(
        "insight", _text("run_id", sa.ForeignKey("run.run_id"), primary_key=True), _text("finding_id", primary_key=True),
        sa.Column("rank", sa.Integer(), nullable=False), _text("plugin_id"), _text("kind"), _json("columns"), _text("severity"),
        _text("title"), _text("statement"), _json("effect", nullable=True),
    )  # fmt: skip
    op.create_table(
        "insight_decision", _text("decision_id", primary_key=True), _text("state"), _text("reason"), _text("kind"),
        _json("columns"), _text("pattern"), _text("scope_kind"), _text("scope_name"), _time("created_at"),
        _time("expires_at", nullable=True),
    )  # fmt: skip


def _make_what_people_write_down() -> None:
    op.create_table(
        "erp", _text("name", primary_key=True), _json("document"), _text("sha256"), _time("created_at"), _time("updated_at")
    )
    op.create_table("preset_content", _text("sha256", primary_key=True), _json("content"))
    op.create_table(
        "preset", _text("name", primary_key=True), _text("sha256", sa.ForeignKey("preset_content.sha256")), _text("notes"),
        _time("created_at"),
    )  # fmt: skip
    op.create_index("ix_preset_sha256", "preset", ["sha256"])
    op.create_table(
        "raw_format", _text("format_id", primary_key=True), _text("name", unique=True), _text("notes"), _json("roles"),
        _json("settings"), _text("filename"), _time("created_at"), _time("updated_at"),
    )  # fmt: skip
    op.create_table(
        "raw_format_header", _text("fingerprint", primary_key=True), _text("format_id", sa.ForeignKey("raw_format.format_id")),
        _json("header"), _time("seen_at"),
    )  # fmt: skip
    op.create_index("ix_raw_format_header_format_id", "raw_format_header", ["format_id"])
    op.create_table("dataset_roles", _text("input_sha256", primary_key=True), _json("roles"), _time("updated_at"))


def downgrade() -> None:
    for table in reversed(MADE):
        op.drop_table(table)
