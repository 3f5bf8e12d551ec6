"""Migrations and tables agree, up and down, and a newer database is refused."""

import re
import sqlite3
from pathlib import Path

import pytest
from sqlmodel import SQLModel

from harness_core.adapters.db import tables
from harness_core.adapters.db.engine import open_engine
from harness_core.adapters.db.migrate import Migrations, schema_dump
from harness_core.bootstrap import product_folder
from harness_core.domain.errors import Unhealthy

FOLDER = product_folder("migrations")


def lines(dump: str) -> list[str]:
    """The parts of a dump in one order: SQLAlchemy lists constraints as it likes."""
    parts = re.split(r"[(),\n]", dump)
    return sorted(part.strip() for part in parts if part.strip())


@pytest.fixture
def migrations(tmp_path: Path) -> Migrations:
    return Migrations(open_engine(f"sqlite:///{tmp_path / 'state.sqlite'}"), FOLDER)


def test_the_reviewed_schema_is_what_the_migrations_make(migrations: Migrations) -> None:
    """A migration that changes the schema without its reviewed dump is noticed."""
    migrations.upgrade()
    assert schema_dump(migrations._engine) == (FOLDER / "schema.sql").read_text()


def test_the_tables_are_what_the_migrations_make(migrations: Migrations, tmp_path: Path) -> None:
    """Code and migrations describe the same database."""
    assert tables
    migrations.upgrade()
    direct = open_engine(f"sqlite:///{tmp_path / 'direct.sqlite'}")
    SQLModel.metadata.create_all(direct)
    assert lines(schema_dump(direct)) == lines(schema_dump(migrations._engine))


def test_down_undoes_up(migrations: Migrations) -> None:
    """Every migration can be taken back, and made again."""
    migrations.upgrade()
    migrations.downgrade("base")
    assert schema_dump(migrations._engine) == ""
    migrations.upgrade()
    assert migrations.is_current()


def test_head_is_the_newest_migration() -> None:
    """The version that the program expects is the last one in the folder, told without loading Alembic."""
    newest = max(path.name.split("_")[0] for path in (FOLDER / "versions").glob("[0-9]*.py"))
    assert newest == Migrations(open_engine("sqlite://"), FOLDER).head


def test_a_newer_database_is_refused(migrations: Migrations, tmp_path: Path) -> None:
    """An older program does not touch what a newer one made."""
    migrations.upgrade()
    with sqlite3.connect(tmp_path / "state.sqlite") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Unhealthy) as refused:
        migrations.check_known()
    assert refused.value.code == "state_database_newer"
