"""The likelihood ratio of the scan statistic against recomputed values of a published data set."""

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.reference.folders import reference_folder

pytestmark = pytest.mark.reference

PLUGIN = Path(__file__).parents[2] / "plugins" / "analysis_scan_statistics"


def test_the_likelihood_ratio_of_new_mexico(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ratio of the known cluster is that of the reference to six digits; its window in time is found when its counties are one group."""
    monkeypatch.syspath_prepend(str(PLUGIN))
    from scan_windows import likeliest, log_likelihood_ratio

    folder = reference_folder("08-scan")
    known = json.loads((folder / "expected.json").read_text(encoding="utf-8"))["recomputed_reference"]["NM_spacetime_poisson"]
    with (folder / "NM_popcas.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    years = sorted({int(row["year"]) for row in rows})
    counts, people = np.zeros((2, len(years))), np.zeros((2, len(years)))
    for row in rows:
        place = (0 if row["county"] in known["mlc"] else 1, years.index(int(row["year"])))
        counts[place] += float(row["count"])
        people[place] += float(row["population"])
    total = float(counts.sum())
    ratio = float(log_likelihood_ratio(np.array(known["observed"]), np.array(known["expected"]), total))
    window = likeliest(counts[:1], (people / people.sum() * total)[:1], len(years) // 2)
    found = [years[window.start], years[window.start + window.steps - 1]]
    sys.stdout.write(f"\nNew Mexico: llr {ratio:.9f} (reference {known['llr']:.9f}); window {found} (reference {known['years']})\n")
    assert ratio == pytest.approx(known["llr"], rel=1e-6)
