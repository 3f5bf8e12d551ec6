"""A small product whose reader shows columns, and whose analysis hands back the settings it was given."""

from pathlib import Path

import pytest

from harness_core.bootstrap import Core
from tests.cli.conftest import harness, tiny_plugins  # noqa: F401 - fixtures
from tests.conftest import OpenCore
from tests.fakes.plugins import INGEST, make_plugin, small_catalog

SHOWS_COLUMNS = (
    INGEST
    + """

def inspect(ctx):
    with open(ctx.inputs[0].path, newline="") as file:
        names = next(csv.reader(file), [])
    return {"format": "csv", "columns": [{"name": name, "type": "integer" if name == "a" else "text"} for name in names]}
"""
)
TOLD = """
from harness_core.sdk import Finding, PluginResult

def run(ctx):
    rows = ctx.dataset.evidence("SELECT count(*) FROM data")
    found = Finding("outlier", "Rows", f"There are {rows['result'][0][0]} rows.", columns=["a"], evidence=[rows], severity="notice")
    return PluginResult.ok("Told.", metrics={"settings": dict(ctx.settings)}, findings=[found])
"""
TOLD_CONFIG = {
    "type": "object", "additionalProperties": False,
    "properties": {
        "depth": {"type": "integer", "default": 1}, "width": {"type": "integer", "default": 1},
        "roles": {"type": "object", "default": {}, "x-filled-from": "column_roles"},
        "issues": {"type": "array", "default": [], "x-filled-from": "known_issues"},
        "quiet": {"type": "array", "default": [], "x-filled-from": "suppressed_insights"},
    },
}  # fmt: skip
INSIGHTS = """
from harness_core.sdk import PluginResult

def run(ctx):
    findings = [item for name in sorted(ctx.upstream) for item in ctx.upstream[name].findings]
    entries = [{"finding_id": item["id"], "rank": place, "score": 0.5, "why": "it is", "symptoms": []}
               for place, item in enumerate(findings, 1)]
    ctx.write_artifact("report.md", "# report\\n")
    return PluginResult.ok("Ranked.", metrics={"insights": entries, "q_values": {}})
"""


@pytest.fixture
def told(open_home: OpenCore, tmp_path: Path) -> Core:
    folder = tmp_path / "plugins"
    catalog = small_catalog(folder)
    make_plugin(folder, "ingest_small", "ingest", SHOWS_COLUMNS)
    make_plugin(folder, "analysis_told", "analysis", TOLD, config=TOLD_CONFIG)
    make_plugin(folder, "report_small", "report", INSIGHTS)
    catalog.refresh()
    return open_home(catalog, queue_url="memory://")
