"""Runs that pause, and when each janitor last worked."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("run", sa.Column("paused_at", sa.Float(), nullable=True))
    op.create_index("ix_run_paused", "run", ["run_id"], sqlite_where=sa.text("paused_at IS NOT NULL"))
    op.create_table(
        "janitor",
        sa.Column("name", sa.String(), nullable=False, primary_key=True),
        sa.Column("ran_at", sa.Float(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("janitor")
    op.drop_index("ix_run_paused", "run")
    op.drop_column("run", "paused_at")
