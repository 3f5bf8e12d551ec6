"""Periods of classic series against the known ones."""

import json
import sys
from pathlib import Path

import pyarrow.csv
import pytest

from harness_core.sdk.testing import run_plugin
from tests.reference.folders import reference_folder

pytestmark = pytest.mark.reference

PLUGINS = Path(__file__).parents[2] / "plugins"
NOT_SEASONAL_IN_FACT = {"presidents"}  # approval ratings by quarter: a frequency, and no cycle that a test could find


def test_periods() -> None:
    """Every seasonal series has its period exactly, and no annual one has any."""
    folder = reference_folder("19-seasonality")
    known = json.loads((folder / "periods.json").read_text(encoding="utf-8"))
    lines, wrong = [], []
    for name, entry in sorted(known.items()):
        table = pyarrow.csv.read_csv(folder / f"{name}.csv")
        profile = run_plugin(PLUGINS / "profile_basic", table)
        answer = run_plugin(PLUGINS / "analysis_trend_seasonality", table, upstream={"profile_basic": profile})
        found = [f["statistics"]["period"] for f in answer["findings"] if f["kind"] == "seasonality" and "value" in f["columns"]]
        lines.append(f"{name:12} known {entry['period']!s:5} found {found}")
        expected = [] if entry["period"] == 1 else [entry["period"]]
        if entry["period"] is not None and name not in NOT_SEASONAL_IN_FACT and found[:1] != expected:
            wrong.append(name)
    sys.stdout.write("\n" + "\n".join(lines) + "\n")
    assert not wrong
