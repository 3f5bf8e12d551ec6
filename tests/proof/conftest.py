"""What the tests of proofs start from: homes with one ended run, made once, and copies of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness_core.bootstrap import Core
from harness_core.domain.runs import RunId
from tests.fakes.ended_homes import EndedHome, make_ended_home

# A cell that stands nowhere but in the data, and findings that cite what looks personal and what does not.
SECRET_CELL = "a-cell-that-nobody-cites"
TABLE = f"a,b\n1,x\n2,y\n3,x\n4,{SECRET_CELL}\n"
PERSONAL = """
from harness_core.sdk import Finding, PluginResult

def run(ctx):
    print("row 3 is", ctx.dataset.sql("SELECT b FROM data").fetchall())
    ctx.write_artifact("rows.csv", b"a,b\\n1,x\\n")
    ctx.write_artifact("notes.json", {"contact": "jane.roe@example.org", "rows": 4})
    counted = ctx.dataset.evidence("SELECT count(*) FROM data WHERE b <> 'jane.roe@example.org'")
    written = "The writer is jane.roe@example.org, +49 170 1234567, DE89 3704 0044 0532 0130 00."
    found = Finding("pii", "A contact", written, evidence=[counted])
    return PluginResult.ok("Counted.", findings=[found])
"""


@pytest.fixture(scope="session")
def ended_home(tmp_path_factory: pytest.TempPathFactory) -> EndedHome:
    """A home with one run of three analyses' findings, one of them personal."""
    return make_ended_home(tmp_path_factory.mktemp("ended"), {"analysis_contacts": PERSONAL}, TABLE)


@pytest.fixture
def core(ended_home: EndedHome, home: Path) -> Iterator[Core]:
    """A core on a copy of that home."""
    opened = ended_home.copy(home)
    yield opened
    opened.close()


@pytest.fixture
def run_id(ended_home: EndedHome) -> RunId:
    return ended_home.run_id
