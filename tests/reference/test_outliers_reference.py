"""The outliers plugin against published answers: Rosner's test, anomaly labels, and 200 tables with nothing to find."""

import csv
import importlib
import json
import math
import sys
from pathlib import Path

import numpy as np
import pyarrow.csv
import pytest
from scipy import stats

from harness_core.sdk.statistics.robust import generalized_esd
from harness_core.sdk.testing import run_plugin
from tests.plugins.null_tables import null_table
from tests.reference.folders import reference_folder

pytestmark = pytest.mark.reference

PLUGINS = Path(__file__).parents[2] / "plugins"
PUBLISHED = {"isolation forest": 0.783, "largest robust z": 0.778, "5 nearest neighbours": 0.777, "ECOD": 0.721, "LOF": 0.620}
FLOOR_AUROC = 0.77
NULL_TABLES, MOST_LOUD = 200, 10


def show(lines):
    """What was measured, for `pytest -s`."""
    sys.stdout.write("\n" + "\n".join(lines) + "\n")


def dataplot(path):
    """The numbers below the ruled line of a Dataplot file."""
    _, _, body = path.read_text(encoding="latin-1").partition("\n-----")
    return np.array([float(word) for line in body.splitlines()[1:] for word in line.split()])


@pytest.fixture(scope="module")
def distance():
    """The plugin's own module of joint distances."""
    sys.path.insert(0, str(PLUGINS / "analysis_outliers"))
    yield importlib.import_module("outlier_distance")
    sys.path.remove(str(PLUGINS / "analysis_outliers"))
    del sys.modules["outlier_distance"]


def test_rosners_test_to_the_published_digits():
    """Statistics and critical values to three decimals, and exactly the three published outliers, in the plugin too."""
    folder = reference_folder("09-outliers") / "nist_handbook"
    published = json.loads((folder / "expected.json").read_text(encoding="utf-8"))["ROSNER"]
    values = dataplot(folder / "ROSNER.DAT")
    assert len(values) == published["n"]
    result = generalized_esd(values, 10, 0.05)
    assert [round(step.statistic, 3) for step in result.steps] == pytest.approx(published["R"], abs=1.01e-3)
    assert [round(step.critical, 3) for step in result.steps] == pytest.approx(published["lambda"], abs=1.01e-3)
    assert sorted(step.value for step in result.steps[: result.outliers]) == sorted(published["values"])
    (finding,) = run_plugin(PLUGINS / "analysis_outliers", {"y": values})["findings"]
    assert finding["statistics"]["count"] == published["outliers"]
    show([f"Rosner 1983: {result.outliers} outliers {published['values']}, as published"])


def test_data_sets_without_outliers_get_none():
    """Normal random numbers and a beam's deflections, in which the handbook finds none, have no finding above info."""
    folder = reference_folder("09-outliers") / "nist_handbook"
    for name in ("RANDN", "LEW"):
        answer = run_plugin(PLUGINS / "analysis_outliers", {"y": dataplot(folder / f"{name}.DAT")})
        assert [f["title"] for f in answer["findings"] if f["severity"] != "info"] == [], name


def auroc(scores, labels):
    """The chance that an anomaly scores higher than an ordinary row, ties counted half."""
    ranks, positive = stats.rankdata(scores), labels == 1
    count = int(positive.sum())
    return float((ranks[positive].sum() - count * (count + 1) / 2) / (count * (len(labels) - count)))


def average_precision(scores, labels):
    order = np.argsort(-scores, kind="stable")
    hits = labels[order] == 1
    return float((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean())


def test_anomalies_rank_high(distance):
    """Joint distances on the labelled tables: mean area under the ROC curve beside the measured competitors."""
    folder = reference_folder("09-outliers") / "adbench"
    lines, areas = [f"{'table':14}{'rows':>7}{'columns':>9}{'AUROC':>8}{'AP':>8}"], []
    for path in sorted(folder.glob("*.labels.csv")):
        name = path.name.removesuffix(".labels.csv")
        labels = np.array([int(row["anomaly"]) for row in csv.DictReader(path.open(encoding="utf-8"))])
        table = pyarrow.csv.read_csv(folder / f"{name}.csv").drop_columns("row_id")
        matrix = np.column_stack([column.to_numpy().astype(float) for column in table.columns])
        scores = distance.joint_distances(matrix)
        areas.append(auroc(scores, labels))
        lines.append(f"{name:14}{len(labels):7}{matrix.shape[1]:9}{areas[-1]:8.3f}{average_precision(scores, labels):8.3f}")
    mean = math.fsum(areas) / len(areas)
    lines.append(f"mean AUROC {mean:.3f}; measured: " + ", ".join(f"{name} {value:.3f}" for name, value in PUBLISHED.items()))
    show(lines)
    assert mean >= FLOOR_AUROC


def test_tables_with_nothing_to_find_are_quiet():
    """Of 200 tables of noise at most one in twenty has a finding above info from outliers or dependence, both together."""
    loud = {"analysis_outliers": set(), "analysis_dependence": set()}
    for seed in range(1000, 1000 + NULL_TABLES):
        for plugin, seeds in loud.items():
            answer = run_plugin(PLUGINS / plugin, null_table(seed))
            if any(finding["severity"] != "info" for finding in answer["findings"]):
                seeds.add(seed)
    together = set.union(*loud.values())
    show([f"{NULL_TABLES} tables of noise: {len(together)} with a finding above info (at most {MOST_LOUD})"])
    assert len(together) <= MOST_LOUD, loud
