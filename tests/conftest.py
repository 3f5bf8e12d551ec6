"""What most tests start from: a home folder of their own, and a core opened on it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness_core.bootstrap import Core, open_core
from harness_core.ports.catalog import Catalog
from harness_core.settings import read_settings
from tests.fakes.migrated import lay_database
from tests.fakes.plugins import small_catalog

OpenCore = Callable[..., Core]
LONG_FIRST = ("crash/test_crash", "determinism", "browser", "crash", "cli", "knowledge", "proof", "evaluate", "keeping", "wall")
"""Folders and files below this one that take long: what begins last should end soon, so that no processor waits for one file."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    names = {item.path: str(item.path.relative_to(here)) for item in items if item.path.is_relative_to(here)}

    def place(item: pytest.Item) -> int:
        return next((at for at, long in enumerate(LONG_FIRST) if names.get(item.path, "").startswith(long)), len(LONG_FIRST))

    items.sort(key=place)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def open_home(home: Path) -> Iterator[OpenCore]:
    """Opens cores on ``home``, and closes them at the end; settings may be given by name."""
    opened: list[Core] = []

    def open_one(catalog: Catalog | None = None, queue_url: str | None = None, **environ: str) -> Core:
        settings = read_settings({f"HARNESS_{name.upper()}": value for name, value in environ.items()}, home=home)
        lay_database(home)
        core = open_core(settings, queue_url=queue_url, catalog=catalog)
        opened.append(core)
        return core

    yield open_one
    for core in opened:
        core.close()


@pytest.fixture
def core(open_home: OpenCore, tmp_path: Path) -> Core:
    """A core whose catalog is the small one of the tests, with a queue nobody else hears."""
    return open_home(small_catalog(tmp_path / "plugins"), queue_url="memory://")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    path.write_text("a,b\n1,x\n2,y\n3,x\n")
    return path
