"""A home with one ended run, made once and copied for every test that wants to damage it.

``python -m tests.fakes.ended_homes FILE.sql`` writes the state database of such a home as SQL, for the tests of later migrations.
"""

import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from harness_core.bootstrap import Core, open_core
from harness_core.domain.runs import Run, RunId
from harness_core.settings import read_settings
from tests.fakes.plugins import small_catalog
from tests.fakes.running import run_to_end

TABLE = "a,b\n1,x\n2,y\n3,x\n"


@dataclass(frozen=True)
class EndedHome:
    """The home, the folder of its plugins, the table that was read, and the run."""

    home: Path
    plugins: Path
    table: Path
    run_id: RunId

    def copy(self, target: Path) -> Core:
        """A core on a copy of the home, with the same plugins and a queue nobody else hears."""
        shutil.copytree(self.home, target)
        return self.open(target)

    def open(self, home: Path) -> Core:
        return open_core(read_settings({}, home=home), queue_url="memory://", catalog=small_catalog(self.plugins))

    def run(self, core: Core) -> Run:
        return core.runs.get(self.run_id)


def make_ended_home(folder: Path, analyses: Mapping[str, str] | None = None, table: str = TABLE) -> EndedHome:
    """Run ``table`` to its end with the small plugins and ``analyses`` (their code by id)."""
    home, plugins, path = folder / "home", folder / "plugins", folder / "table.csv"
    path.write_text(table, encoding="utf-8")
    core = open_core(read_settings({}, home=home), queue_url="memory://", catalog=small_catalog(plugins, **(analyses or {})))
    try:
        run = run_to_end(core, path)
    finally:
        core.close()
    return EndedHome(home, plugins, path, run.run_id)


def dump_database(target: Path) -> None:
    """The state database of a fresh home with one ended run, without anything of this machine in it."""
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(sqlite3.connect(make_ended_home(Path(folder)).home / "state.sqlite")) as made,
    ):
        made.execute("DELETE FROM worker")
        made.execute("UPDATE upload SET original_path = '/data/table.csv'")
        made.commit()
        target.write_text("\n".join(made.iterdump()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    dump_database(Path(sys.argv[1]))
