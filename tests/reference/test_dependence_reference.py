"""Coefficients against SciPy's and NIST's, and the published facts about data sets made to mislead."""

import importlib
import json
import math
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

from harness_core.sdk.testing import run_plugin
from tests.reference.folders import reference_folder

pytestmark = pytest.mark.reference

PLUGIN = Path(__file__).parents[2] / "plugins" / "analysis_dependence"
TOLERANCE = 1e-9


def show(lines):
    """What was measured, for `pytest -s`."""
    sys.stdout.write("\n" + "\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def exact():
    """The plugin's own modules: the axes of a table, and its exact coefficients."""
    sys.path.insert(0, str(PLUGIN))
    before = set(sys.modules)
    yield importlib.import_module("dependence_exact")
    sys.path.remove(str(PLUGIN))
    for name in set(sys.modules) - before:
        if name.startswith("dependence_"):
            del sys.modules[name]


def read(path, weight=None):
    """The table, read as the published figures were: NA and None are missing; with ``weight`` each row that many times."""
    table = pyarrow.csv.read_csv(
        path, convert_options=pyarrow.csv.ConvertOptions(null_values=["", "NA", "None"], strings_can_be_null=True)
    )
    if weight is None:
        return table
    times = table.column(weight).to_numpy()
    return table.take(pa.array(np.repeat(np.arange(len(table)), times)))


def listed(table):
    pairs = run_plugin(PLUGIN, table, settings={"max_columns": 400, "max_pairs_listed": 5000})["metrics"].get("pairs", [])
    return {frozenset(pair["columns"]): pair for pair in pairs}


def error(measured, expected):
    return abs(measured - expected) / max(abs(expected), 1e-300) if measured != expected else 0.0


def test_coefficients_agree_with_scipy():
    """Pearson and Spearman of every numeric pair, chi-squared and V of every pair of categories: 1e-9 relative."""
    folder = reference_folder("20-association")
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))["tables"]
    lines, compared, worst = [], 0, 0.0
    for name, answer in sorted(expected.items()):
        found = listed(read(folder / name))
        errors = []
        for pair in answer["pairs"]:
            here = found.get(frozenset({pair["a"], pair["b"]}), {})
            errors += [error(here[k], pair[k]) for k in ("pearson", "spearman") if here.get(k) is not None and pair.get(k)]
        for pair in answer["categorical_pairs"]:
            weighted = listed(read(folder / name, pair["weight"])) if "weight" in pair else found
            here = weighted[frozenset({pair["a"], pair["b"]})]
            errors += [error(here["chi_squared"], pair["chi2"]), error(here["cramers_v"], pair["cramers_v"])]
        compared += len(errors)
        worst = max([worst, *errors])
        lines.append(f"{name:24}{len(errors):6} coefficients, largest relative error {max(errors, default=0):.1e}")
    show([*lines, f"{compared} coefficients beside SciPy's, largest relative error {worst:.1e}"])
    assert compared >= 150
    assert worst <= TOLERANCE


def test_correlations_to_the_certified_digits(exact):
    """Of a line with one predictor R squared is the squared correlation: NIST certifies it to fifteen digits."""
    folder = reference_folder("01-nist-strd")
    certified = json.loads((folder / "certified.json").read_text(encoding="utf-8"))["Norris"]["certified"]
    table = pyarrow.csv.read_csv(folder / "Norris.csv")
    first, second = (exact.centred(table.column(name).to_numpy().astype(float)) for name in ("x", "y"))
    squared = exact.correlation(first, second) ** 2
    gap = abs(Decimal(squared) - Decimal(certified["r_squared"])) / Decimal(certified["r_squared"])
    digits = 15.0 if not gap else min(15.0, -math.log10(gap))
    show([f"Norris: R squared {squared!r}, {digits:.1f} certified digits (NumPy {np.corrcoef(*table.columns)[0, 1] ** 2!r})"])
    assert digits >= 13


def test_shapes_behind_one_correlation_are_told_apart():
    """The thirteen data sets share r = -0.06; a dependence of another shape is found in most, and none is called a line."""
    table = read(reference_folder("20-association") / "datasaurus_dozen.csv")
    names, found, lines = sorted(set(table.column("dataset").to_pylist())), set(), []
    for name in names:
        part = table.filter(pa.compute.equal(table.column("dataset"), name)).select(["x", "y"])
        answer = run_plugin(PLUGIN, part)
        strengths = [f["statistics"]["effect"]["value"] for f in answer["findings"]]
        if strengths:
            found.add(name)
        assert not any("rises with" in f["title"] or "falls with" in f["title"] for f in answer["findings"]), name
        lines.append(f"{name:12} strength {answer['metrics']['pairs'][0]['effect']:.2f}{'' if strengths else ', not told'}")
    show([*lines, f"{len(found)} of {len(names)} told; Pearson's r is -0.06 in all"])
    assert len(found) >= 8
