"""A pack with its data on a machine where nothing of ours is kept: our command, `sha256sum`, and stock DuckDB say the same."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import duckdb
import pytest

from harness_core.domain.evidence import cited, disagreement
from harness_core.sdk.canonical import jsonable

ROOT = Path(__file__).parents[2]
ROWS = 2_000


def command(*arguments: str, home: Path) -> Any:
    """The real command; returns its document."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "harness_api.cli", *arguments, "--home", str(home), "--json"],
        cwd=home.parent, env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the first rows of the example, with all plugins of the product."""
    folder = tmp_path_factory.mktemp("packed")
    lines = (ROOT / "examples" / "sales_orders.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "sales_orders.csv").write_text("".join(lines[: ROWS + 1]), encoding="utf-8")
    run = command("run", "sales_orders.csv", home=folder / "home")
    command("export", run["run_id"], "-o", "run.zip", "--include-raw", home=folder / "home")
    return folder / "run.zip"


def test_our_command_verifies_it(pack: Path, tmp_path: Path) -> None:
    """All of it, leaving no state behind; most numbers in its sentences come from evidence."""
    found = command("verify", str(pack), home=tmp_path / "nothing")
    assert (found["verified"], found["complete"], found["evidence"]["different"]) == (True, True, 0)
    assert found["evidence"]["equal"] == found["evidence"]["checked"] >= 20
    assert found["numbers"]["from_evidence"] >= 0.8 * found["numbers"]["stated"]
    assert not (tmp_path / "nothing").exists()


def test_coreutils_and_stock_duckdb_are_enough(pack: Path, tmp_path: Path) -> None:
    """Every file by its hash, and every query that a finding cites, over the view as the documentation gives it."""
    with zipfile.ZipFile(pack) as archive:
        archive.extractall(tmp_path)
    assert subprocess.run(["sha256sum", "--strict", "--quiet", "-c", "SHA256SUMS"], cwd=tmp_path).returncode == 0
    page = (ROOT / "docs" / "how-to" / "verify-a-report.md").read_text(encoding="utf-8")
    (view,) = re.findall(r"CREATE VIEW data .*;", page)
    assert view.split("FROM")[0] in (tmp_path / "README.txt").read_text()
    (data,) = tmp_path.glob("datasets/*/data.parquet")
    report = json.loads((tmp_path / "run" / "report.json").read_bytes())
    queries = [claim for claim in cited(report) if claim.type == "query"]
    with duckdb.connect() as connection:
        connection.execute(re.sub(r"'datasets/.*'", f"'{data}'", view))
        wrong = [
            (claim.plugin_id, claim.sql, reason)
            for claim in queries
            if (reason := disagreement(claim.item, jsonable(connection.execute(claim.sql).fetchall())))
        ]
    assert wrong == []
    assert len({claim.plugin_id for claim in queries}) >= 5
