"""The schema of the state database: which version it has, and the way up and down."""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text

from harness_core.adapters.db.engine import clear_errors
from harness_core.domain.errors import Unhealthy

if TYPE_CHECKING:
    from alembic.config import Config

VERSION_TABLE = "alembic_version"
HEAD = "0007"


class Migrations:
    """Moves a database between the versions of its schema; ``folder`` is the ``migrations`` folder."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine, self._folder = engine, folder

    def version(self) -> str | None:
        """The schema's version; None for an empty database."""
        with clear_errors(), self._engine.connect() as connection:
            if not inspect(connection).has_table(VERSION_TABLE):
                return None
            return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608 - a constant

    @property
    def head(self) -> str:
        return HEAD

    def is_current(self) -> bool:
        return self.version() == self.head

    def check_known(self) -> None:
        """Refuse a database that a newer version of the product made."""
        version = self.version()
        if version is not None and version > self.head:
            raise Unhealthy(
                "state_database_newer", f"The state database has version {version}, this program knows {self.head}.",
                why="A newer version of Statistic Harness has used this folder.",
                next_step="Upgrade this installation, or use another HARNESS_HOME.",
            )  # fmt: skip

    def upgrade(self, target: str = "head") -> None:
        self._run("upgrade", target)

    def downgrade(self, target: str) -> None:
        self._run("downgrade", target)

    def _run(self, direction: str, target: str) -> None:
        from alembic import command

        with clear_errors(), self._engine.connect().execution_options(writes=True) as connection:
            getattr(command, direction)(self._config(connection), target)
            connection.commit()

    def _config(self, connection: Connection) -> "Config":
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(self._folder))
        config.set_main_option("version_path_separator", "os")
        config.attributes["connection"] = connection
        return config


def schema_dump(engine: Engine) -> str:
    """The schema as SQL text, in the order of names: what `migrations/schema.sql` holds."""
    query = text("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'alembic%' ORDER BY type DESC, name")
    with engine.connect() as connection:
        return "".join(f"{statement};\n" for statement in connection.execute(query).scalars())
