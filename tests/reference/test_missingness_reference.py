"""The missingness plugin against published answers: counts, patterns and Little's test on the New York air quality data."""

import json
import sys
from pathlib import Path

import pyarrow.csv
import pytest

from harness_core.sdk.testing import run_plugin
from tests.reference.folders import reference_folder

pytestmark = pytest.mark.reference

PLUGIN = Path(__file__).parents[2] / "plugins" / "analysis_missingness"
LARGEST_DIFFERENCE = 1e-4


def test_counts_patterns_and_littles_test():
    """Counts and patterns exactly; Little's statistic, with the covariance of maximum likelihood, to 1e-4."""
    folder = reference_folder("21-missingness")
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))["airquality"]
    options = pyarrow.csv.ConvertOptions(null_values=["", "NA"], strings_can_be_null=True)
    table = pyarrow.csv.read_csv(folder / "airquality.csv", convert_options=options).drop_columns(["rownames"])
    metrics = run_plugin(PLUGIN, table)["metrics"]
    assert metrics["missing"] == {name: count for name, count in expected["missing_by_column"].items() if count}
    assert metrics["cells_missing"] == expected["cells_missing"]
    assert metrics["complete_rows"] == expected["rows_complete"]
    published, found = expected["published"]["mcar_test"], metrics["mcar"]
    sys.stdout.write(f"\nLittle's test: {found['statistic']} on {found['df']} df, p {found['p_value']}; published {published}\n")
    assert metrics["pattern_count"] == found["patterns"] == published["missing_patterns"]
    assert found["df"] == published["df"]
    assert found["statistic"] == pytest.approx(published["statistic"], abs=LARGEST_DIFFERENCE)
    assert found["p_value"] == pytest.approx(published["p"], rel=1e-3)
