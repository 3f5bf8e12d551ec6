"""Drift against SciPy on published tables, and against chance where a table is split at random."""

import json
import sys
from pathlib import Path

import numpy as np
import pyarrow.csv
import pytest

from harness_core.sdk.testing import run_plugin
from tests.reference.folders import reference_folder

pytestmark = pytest.mark.reference

PLUGINS = Path(__file__).parents[2] / "plugins"
SPLITS, LEVEL = 30, 0.05
NAMES = {"ks": "kolmogorov", "wasserstein": "wasserstein", "jensen_shannon_distance_base2": "jensen_shannon"}


def compare(first: pyarrow.Table, second: pyarrow.Table, seed: int = 1) -> dict:
    profile = run_plugin(PLUGINS / "profile_basic", first)
    answer = run_plugin(
        PLUGINS / "analysis_drift", first, upstream={"profile_basic": profile}, datasets={"later": second}, seed=seed
    )
    return dict(answer["metrics"]["comparisons"][0])


def test_distances_are_those_of_scipy() -> None:
    """Kolmogorov, Wasserstein and Jensen-Shannon distances of all compared columns, to 1e-9."""
    expected = json.loads((reference_folder("26-drift") / "expected.json").read_text())["california"]
    tables = [pyarrow.csv.read_csv(reference_folder("26-drift") / f"california_{part}.csv") for part in ("reference", "analysis")]
    lines, worst, compared = [f"{'column':14}{'distance':>12}{'p':>9}"], 0.0, 0
    for entry in compare(*tables)["columns"]:
        for theirs, ours in NAMES.items():
            if theirs in expected[entry["name"]] and ours in entry:
                worst = max(worst, abs(entry[ours] / expected[entry["name"]][theirs] - 1))
                compared += 1
        lines.append(f"{entry['name']:14}{entry.get('kolmogorov', entry['jensen_shannon']):12.4f}{entry['p_value']:9.5f}")
    sys.stdout.write("\n" + "\n".join(lines) + f"\n{compared} distances, largest relative error {worst:.1e} (SciPy: 0)\n")
    assert compared >= 19
    assert worst <= 1e-9


def test_a_table_split_at_random_does_not_drift() -> None:
    """The share of columns below the level, over random halves of one table, stays near it."""
    table = pyarrow.csv.read_csv(reference_folder("26-drift") / "california_reference.csv").drop_columns(["id", "timestamp"])
    p_values = []
    for seed in range(SPLITS):
        order = np.random.default_rng(seed).permutation(table.num_rows)
        halves = [table.take(order[start::2]) for start in (0, 1)]
        p_values += [entry["p_value"] for entry in compare(*halves, seed=seed + 1)["columns"]]
    share = float(np.mean(np.asarray(p_values) <= LEVEL))
    sys.stdout.write(f"\n{len(p_values)} columns of random halves: {share:.3f} below {LEVEL} (wanted: {LEVEL})\n")
    assert share <= LEVEL + 3 * np.sqrt(LEVEL * (1 - LEVEL) / len(p_values))
