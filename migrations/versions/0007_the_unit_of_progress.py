"""What the progress of an execution is counted in."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("execution", sa.Column("progress_unit", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("execution", "progress_unit")
