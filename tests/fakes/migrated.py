"""Databases of the current schema as copies of one that the migrations made: a test that is not about them does not wait for them."""

import tempfile
from functools import cache
from pathlib import Path

from harness_core.adapters.db.engine import Database, open_engine
from harness_core.adapters.db.migrate import Migrations
from harness_core.bootstrap import product_folder


@cache
def empty_database() -> bytes:
    """A state database that the migrations made, and nothing has written to."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.sqlite"
        database = Database(open_engine(f"sqlite:///{path}"))
        Migrations(database.engine, product_folder("migrations")).upgrade()
        database.close()
        return path.read_bytes()


def lay_database(home: Path) -> None:
    """Put one below ``home``, unless a state database is there."""
    path = home / "state.sqlite"
    if not path.exists():
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_bytes(empty_database())
