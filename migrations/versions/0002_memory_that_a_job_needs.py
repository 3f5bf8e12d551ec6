"""What an execution may use of the machine's memory, so that claims never promise more than there is."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    for table in ("execution", "job"):
        op.add_column(table, sa.Column("memory_mb", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    for table in ("execution", "job"):
        op.drop_column(table, "memory_mb")
