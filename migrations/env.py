"""How Alembic runs our migrations: always within the connection that `harness migrate` opened."""

from alembic import context
from sqlmodel import SQLModel

from harness_core.adapters.db import tables

assert tables  # noqa: S101 - importing it fills the metadata
connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=SQLModel.metadata, render_as_batch=True)
context.run_migrations()
