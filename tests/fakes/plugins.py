"""Tiny plugin folders made on the spot: real plugins, run by the real launcher, small enough to read in the test."""

import json
from pathlib import Path
from typing import Any

import yaml

from harness_core.adapters.catalog.folders import FolderCatalog

INGEST = """
import csv
import pyarrow
from harness_core.sdk import Column, InputRejected, PluginResult

def run(ctx):
    source = ctx.inputs[0]
    with open(source.path, newline="") as file:
        rows = list(csv.reader(file))
    if not rows:
        raise InputRejected("the file is empty", line=1, remedy="Give a file with a header.", code="empty_file")
    columns = [Column(name, "text", True) for name in rows[0]]
    table = pyarrow.table({name: [row[place] for row in rows[1:]] for place, name in enumerate(rows[0])})
    ctx.write_dataset("data", source=source, columns=columns, row_count=len(rows) - 1, reading={"format": "csv"}, table=table)
    return PluginResult.ok(f"Read {len(rows) - 1} rows.")

def inspect(ctx):
    if ctx.inputs[0].path.stat().st_size == 0:
        raise InputRejected("the file is empty", line=1, remedy="Give a file with a header.", code="empty_file")
    return {"format": "csv"}
"""

COUNT = """
from harness_core.sdk import Finding, PluginResult

def run(ctx):
    evidence = ctx.dataset.evidence("SELECT count(*) FROM data")
    ctx.write_artifact("count.json", {"rows": evidence["result"][0][0]})
    found = Finding("constant", "Rows", f"There are {evidence['result'][0][0]} rows.", evidence=[evidence])
    return PluginResult.ok("Counted.", metrics={"draw": ctx.rng.random(), "seed": ctx.seed}, findings=[found])
"""

REPORT = """
from harness_core.sdk import PluginResult

def run(ctx):
    ctx.write_artifact("report.md", "# " + ctx.report["input"]["filename"] + "\\n")
    ctx.write_artifact("report.html", "<!doctype html><title>r</title>")
    return PluginResult.ok("Written.")
"""

PLANNER = """
from harness_core.sdk import PluginResult

def run(ctx):
    taken = [{"plugin_id": item["plugin_id"], "selected": True, "reason": "all"} for item in ctx.plan if item["type"] == "analysis"]
    return PluginResult.ok("Planned.", metrics={"selection": taken})
"""


def make_plugin(root: Path, plugin_id: str, type_: str, code: str, *, config: dict[str, Any] | None = None, **keys: Any) -> Path:
    """A plugin folder below ``root`` with this code; further manifest keys as given."""
    folder = root / plugin_id
    folder.mkdir(parents=True, exist_ok=True)
    manifest = {
        "id": plugin_id, "name": plugin_id, "version": "1.0.0", "type": type_, "entrypoint": "plugin.py:run", "depends_on": [],
        "capabilities": [], "config_schema": "config.schema.json", "output_schema": "output.schema.json",
        "requires": {"engine": ">=1.0,<2"}, "sandbox": {"no_network": True, "fs_allowlist": ["run_dir"]},
        "limits": {"timeout_s": 60, "memory_mb": 1024, "concurrency": "cpu"}, **keys,
    }  # fmt: skip
    (folder / "plugin.yaml").write_text(yaml.safe_dump(manifest))
    (folder / "config.schema.json").write_text(json.dumps(config or {"type": "object", "additionalProperties": False}))
    (folder / "output.schema.json").write_text(json.dumps({"type": "object"}))
    (folder / "plugin.py").write_text(code)
    return folder


def small_catalog(root: Path, **extra: str) -> FolderCatalog:
    """Ingest, profile, planner, one analysis and a report; ``extra`` maps further analyses to their code."""
    make_plugin(root, "ingest_small", "ingest", INGEST)
    make_plugin(root, "profile_small", "profile", COUNT)
    make_plugin(root, "planner_small", "planner", PLANNER, depends_on=["profile_small"])
    make_plugin(root, "analysis_count", "analysis", COUNT, depends_on=["profile_small"])
    make_plugin(root, "report_small", "report", REPORT)
    for plugin_id, code in extra.items():
        make_plugin(root, plugin_id, "analysis", code)
    return FolderCatalog([(root, "path")], check_interval_s=0.0)
