"""Pins, soft deletion, what is no longer kept, and which runs need which uploads and dataset versions."""

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

TIMES = (
    ("run", "deleted_at"),
    ("run", "purged_at"),
    ("dataset_version", "deleted_at"),
    ("dataset_version", "purged_at"),
    ("upload", "purged_at"),
)
BATCH = 500


def upgrade() -> None:
    op.add_column("run", sa.Column("pinned", sa.Boolean(), nullable=False, server_default="0"))
    for table, name in TIMES:
        op.add_column(table, sa.Column(name, sa.Float(), nullable=True))
    inputs = op.create_table(
        "run_input",
        sa.Column("run_id", sa.String(), sa.ForeignKey("run.run_id"), nullable=False),
        sa.Column("upload_id", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "upload_id"),
    )
    datasets = op.create_table(
        "run_dataset",
        sa.Column("run_id", sa.String(), sa.ForeignKey("run.run_id"), nullable=False),
        sa.Column("dataset_version_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "dataset_version_id"),
    )
    op.create_index("ix_run_input_upload_id", "run_input", ["upload_id"])
    op.create_index("ix_run_input_sha256", "run_input", ["sha256"])
    op.create_index("ix_run_dataset_dataset_version_id", "run_dataset", ["dataset_version_id"])
    for run_id, config, named in _recorded_runs():
        uploads = {item["upload_id"]: item["sha256"] for item in config["inputs"]}
        op.bulk_insert(inputs, [{"run_id": run_id, "upload_id": name, "sha256": sha256} for name, sha256 in uploads.items()])
        versions = {item["dataset_version_id"] for item in named}
        op.bulk_insert(datasets, [{"run_id": run_id, "dataset_version_id": name} for name in sorted(versions)])


def _recorded_runs() -> Iterator[tuple[str, dict[str, Any], list[dict[str, Any]]]]:
    """Each run's id, configuration and datasets, a few at a time: a configuration may hold much."""
    after = ""
    while True:
        query = sa.text("SELECT run_id, config, datasets FROM run WHERE run_id > :after ORDER BY run_id LIMIT :n")
        rows = op.get_bind().execute(query, {"after": after, "n": BATCH}).all()
        for run_id, config, named in rows:
            yield run_id, _value(config), _value(named)
        if len(rows) < BATCH:
            return
        after = rows[-1][0]


def _value(column: Any) -> Any:
    return json.loads(column) if isinstance(column, str) else column


def downgrade() -> None:
    op.drop_table("run_dataset")
    op.drop_table("run_input")
    for table, name in reversed(TIMES):
        op.drop_column(table, name)
    op.drop_column("run", "pinned")
