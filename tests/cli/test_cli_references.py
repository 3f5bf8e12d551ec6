"""Several files in one run: what points to nothing in another file stands on the first page, and verifies."""

import html
import json
import re
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from harness_core.domain.evidence import cited, disagreement
from harness_core.sdk.canonical import jsonable
from tests.cli.conftest import Harness


def run_as_pasted(page: Path, report: dict[str, Any], home: Path) -> int:
    """What the page says to run first, pasted into stock DuckDB in the folder that it names, and then every query of the report."""
    (statements,) = re.findall(
        r"above `datasets`\. Run this first:\n\n```sql\n(.*?)\n```", page.read_text(encoding="utf-8"), re.DOTALL
    )
    assert statements in html.unescape(page.with_suffix(".html").read_text(encoding="utf-8"))
    queries = [claim for claim in cited(report) if claim.type == "query"]
    with duckdb.connect(config={"file_search_path": str(home)}) as connection:
        connection.execute(statements)
        for claim in queries:
            assert disagreement(claim.item, jsonable(connection.execute(claim.sql).fetchall())) is None, claim.sql
    return sum("customers" in claim.sql for claim in queries)


def test_two_files_that_belong_together(harness: Harness) -> None:
    """Guards the way from two files to the insight: planned by default, named by file, proved by queries over both tables."""
    rng = np.random.default_rng(1)
    known = "".join(f"C{k:04d},{('Rome', 'Oslo', 'Bern')[k % 3]}\n" for k in range(300))
    customers = harness.file(f"customer_id,city\n{known}", "customers.csv")
    points = [f"C{k:04d}" for k in rng.integers(0, 300, 1_000)]
    points[900::5] = [f"X{k:03d}" for k in range(20)]
    rows = "".join(
        f"{5000 + k},{point},{amount:.2f}\n" for k, (point, amount) in enumerate(zip(points, rng.normal(50, 9, 1_000), strict=True))
    )
    invoices = harness.file(f"invoice_no,Customer ID,amount\n{rows}", "invoices.csv")
    own = {"HARNESS_PLUGIN_PATH": ""}  # the product's plugins alone
    run = harness("run", invoices, customers, "--json", env=own)
    assert run.code == 0, run.err
    report = json.loads(Path(run.document["report"]).read_text(encoding="utf-8"))
    assert {"plugin_id": "analysis_references", "selected": True} in [
        {key: entry[key] for key in ("plugin_id", "selected")}
        for entry in report["plugins"]["planner_basic"]["metrics"]["selection"]
    ]
    finding = next(item for item in report["findings"] if item["plugin_id"] == "analysis_references")
    assert finding["title"] == '20 rows of "invoices.csv" have a "Customer ID" that is not in "customers.csv"'
    assert report["insights"][0]["id"] == finding["id"]
    assert finding["title"] in (Path(run.document["run_dir"]) / "report.md").read_text(encoding="utf-8")
    assert run_as_pasted(Path(run.document["run_dir"]) / "report.md", report, harness.home) >= 2
    verified = harness("verify", run.document["run_id"], env=own)
    assert verified.code == 0, verified.out + verified.err
