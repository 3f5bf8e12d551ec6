"""Indices of concentration against the reference output of the R package ineq."""

import json
import sys
from pathlib import Path

import pyarrow.csv
import pytest

from harness_core.sdk.testing import run_plugin
from tests.reference.folders import reference_folder

pytestmark = pytest.mark.reference

PLUGIN = Path(__file__).parents[2] / "plugins" / "analysis_concentration"
NAMES = {"gini": "gini", "atkinson_0.5": "atkinson", "herfindahl(conc,param 1)": "herfindahl", "rosenbluth": "rosenbluth"}


def test_indices_agree_with_ineq():
    """Gini, Atkinson, Herfindahl and Rosenbluth of ten incomes to 1e-6, as far as the reference prints them."""
    folder = reference_folder("22-trend-concentration")
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))["incomes"]
    (found,) = run_plugin(PLUGIN, pyarrow.csv.read_csv(folder / "incomes.csv"))["metrics"]["rows"]
    for published, name in NAMES.items():
        sys.stdout.write(f"\n{name:12} {found[name]:.7f}  ineq {expected[published]:.7f}")
        assert found[name] == pytest.approx(expected[published], rel=1e-6)
    sys.stdout.write("\n")
