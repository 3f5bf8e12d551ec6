"""Leading digits against published counts and deviations: corporate payments (Nigrini) and the perimeters of lakes."""

import json
import sys
from pathlib import Path

import pyarrow.compute as compute
import pyarrow.csv
import pytest

from harness_core.sdk.testing import run_plugin
from tests.reference.folders import reference_folder

pytestmark = pytest.mark.reference

PLUGIN = Path(__file__).parents[2] / "plugins" / "analysis_distribution"


def columns():
    """(key in expected.json, table of one column)."""
    folder = reference_folder("18-benford")
    amounts = pyarrow.csv.read_csv(folder / "corporate.payment.csv.gz").select(["Amount"])
    yield "corporate.payment.Amount>0", amounts.filter(compute.greater(amounts["Amount"], 0))
    yield "corporate.payment.Amount>=10", amounts.filter(compute.greater_equal(amounts["Amount"], 10))
    yield "lakes.perimeter", pyarrow.csv.read_csv(folder / "lakes.perimeter.csv")


def test_digits_deviations_and_chi_squared():
    """Digit counts and n exactly, mean absolute deviations to 1e-6, chi-squared within a thousandth, for one and two digits."""
    expected = json.loads((reference_folder("18-benford") / "expected.json").read_text(encoding="utf-8"))
    lines = [f"{'column':32}{'n':>9}{'MAD 1':>12}{'MAD 2':>12}{'published MAD 2':>17}"]
    for key, table in columns():
        (entry,) = run_plugin(PLUGIN, table)["metrics"]["columns"]
        found, known = entry["benford"], expected[key]
        published = known.get("published", {}).get("mad_2digits")
        lines.append(f"{key:32}{found['n']:9}{found['mad_first']:12.6f}{found['mad_first_two']:12.6f}{published or '':>17}")
        assert found["n"] == known["first"]["n"]
        assert found["first"] == known["first"]["counts_first10"]
        assert found["first_two"][:10] == known["first_two"]["counts_first10"]
        for place in ("first", "first_two"):
            assert found[f"mad_{place}"] == pytest.approx(known[place]["mad"], abs=1e-6)
            assert found[f"chi_squared_{place}"] == pytest.approx(known[place]["chi2"], rel=1e-3)
    sys.stdout.write("\n" + "\n".join(lines) + "\n")


def test_payments_that_break_the_law_are_reported():
    """The payments of ten and more: published as nonconforming; the digits most out of line are those of the 50s."""
    table = dict(columns())["corporate.payment.Amount>=10"]
    answer = run_plugin(PLUGIN, table, settings={"benford_deviation": 0.012})
    (finding,) = [finding for finding in answer["findings"] if finding["kind"] == "benford"]
    assert 50 in finding["statistics"]["first_two_digits"]
