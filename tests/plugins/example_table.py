"""The example table as the analyses of a run see it: ingested, profiled, and its marking scheme."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow.parquet
import yaml

from harness_core.sdk.testing import run_plugin

ROOT = Path(__file__).parents[2]
PLUGINS = ROOT / "plugins"


@cache
def example() -> tuple[Any, Mapping[str, Any]]:
    """(the table, the profile's answer)."""
    ingested = run_plugin(PLUGINS / "ingest_tabular", inputs=[ROOT / "examples" / "sales_orders.csv"])
    table = pyarrow.parquet.read_table(Path(ingested["scratch"]) / "datasets" / "0" / "data.parquet")
    return table, run_plugin(PLUGINS / "profile_basic", table)


def analysed(plugin: str) -> dict[str, Any]:
    table, profile = example()
    return run_plugin(PLUGINS / plugin, table, upstream={"profile_basic": profile})


def misses(plugin: str, findings: list[dict[str, Any]]) -> list[Mapping[str, Any]]:
    """The lines of ``ground_truth.yaml`` about ``plugin`` that the findings do not meet."""
    truth = yaml.safe_load((ROOT / "examples" / "ground_truth.yaml").read_text(encoding="utf-8"))
    missed = []
    for verdict in ("expect", "forbid"):
        for line in truth[verdict]:
            if line["plugin"] != plugin:
                continue
            found = sum(f["kind"] == line["kind"] and set(line["columns"]) <= set(f["columns"]) for f in findings)
            if found < line["min_count"] if verdict == "expect" else found:
                missed.append(line)
    return missed
