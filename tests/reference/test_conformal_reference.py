"""Conformal anomalies against labels: tables of ADBench, series of the Numenta benchmark, and the guaranteed rate of alarms."""

import csv
import importlib
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow.csv
import pytest
from scipy import stats

from tests.reference.folders import reference_folder

pytestmark = pytest.mark.reference

FOLDER = Path(__file__).parents[2] / "plugins" / "analysis_conformal_anomaly"
MODULES = ("conformal_scores", "conformal_units", "conformal_series", "conformal_words", "conformal_rows", "conformal_gap")
ADBENCH = {"isolation forest": 0.783, "largest robust z": 0.778, "5 nearest neighbours": 0.777, "ECOD": 0.721, "LOF": 0.620}
NUMENTA = {"HTM": 73.6, "CAD OSE": 71.6, "ARTime": 71.1, "windowed Gaussian": 35.0, "random": 17.0}
FLOOR_AUROC, FLOOR_NUMENTA = 0.75, 40.0
FALSE_ALARM, QUIET = 0.11, 100


@pytest.fixture(scope="module")
def plugin() -> Iterator[Any]:
    """The plugin's own modules, forgotten afterwards."""
    sys.path.insert(0, str(FOLDER))
    yield SimpleNamespace(**{name: importlib.import_module(name) for name in MODULES})
    sys.path.remove(str(FOLDER))
    for name in MODULES:
        del sys.modules[name]


def row_scores(plugin: Any, matrix: np.ndarray, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    units = [
        plugin.conformal_units.unit_of(str(k), column, plugin.conformal_units.FARTHEST_IN_ROWS) for k, column in enumerate(matrix.T)
    ]
    kept = [k for k, unit in enumerate(units) if not isinstance(unit, str)]
    scaled = plugin.conformal_units.score_matrix([units[k] for k in kept], [matrix[:, k] for k in kept])
    turn = plugin.conformal_units.decorrelation([scaled], len(kept))
    references = plugin.conformal_scores.choose(lambda: iter([scaled]), turn, plugin.conformal_scores.by_hash, seed)
    fold = plugin.conformal_scores.by_hash(0, plugin.conformal_scores.hashed(scaled, seed))
    scores = references.scores(scaled, fold)
    return plugin.conformal_scores.alike(scores, fold), plugin.conformal_scores.p_values(scores, fold)


def auroc(scores: np.ndarray, labels: np.ndarray) -> float:
    """The chance that an anomaly scores higher than an ordinary row, ties counted half."""
    ranks, count = stats.rankdata(scores), int((labels == 1).sum())
    return float((ranks[labels == 1].sum() - count * (count + 1) / 2) / (count * (len(labels) - count)))


def test_labelled_rows_score_high(plugin: Any) -> None:
    """Mean area under the ROC curve on the labelled tables, beside the measured competitors."""
    folder, areas = reference_folder("09-outliers") / "adbench", []
    for path in sorted(folder.glob("*.labels.csv")):
        labels = np.array([int(row["anomaly"]) for row in csv.DictReader(path.open(encoding="utf-8"))])
        table = pyarrow.csv.read_csv(str(path).replace(".labels", "")).drop_columns("row_id")
        matrix = np.column_stack([column.to_numpy().astype(float) for column in table.columns])
        areas.append(auroc(row_scores(plugin, matrix)[0], labels))
    mean = math.fsum(areas) / len(areas)
    sys.stdout.write(f"\nmean AUROC {mean:.3f}; measured: {ADBENCH}\n")
    assert mean >= FLOOR_AUROC


def sigmoid(place: float) -> float:
    return -1.0 if place > 3 else 2 / (1 + math.exp(5 * place)) - 1


def numenta(alarms: list[int], windows: list[tuple[int, int]], probation: int) -> float:
    """The raw standard score of one series (Lavin and Ahmad 2015): early alarms in a window earn up to 1, misses and others cost."""
    alarms, score = [alarm for alarm in alarms if alarm >= probation], 0.0
    for low, high in windows:
        inside = [alarm for alarm in alarms if low <= alarm <= high]
        score += sigmoid(-(high - min(inside) + 1) / (high - low + 1)) / sigmoid(-1) if inside else -1.0
    for alarm in alarms:
        if not any(low <= alarm <= high for low, high in windows):
            before = [(low, high) for low, high in windows if high < alarm]
            score += FALSE_ALARM * (sigmoid((alarm - before[-1][1]) / max(1, before[-1][1] - before[-1][0])) if before else -1.0)
    return score


def stretches(plugin: Any, path: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Times, and per stretch where its largest score is and that score."""
    rows = list(csv.reader(path.open(encoding="utf-8")))[1:]
    values = np.array([float(row[1]) for row in rows])
    unit = plugin.conformal_units.unit_of("value", values, plugin.conformal_units.FARTHEST_IN_SERIES)
    if isinstance(unit, str):
        unit = plugin.conformal_units.Unit("value", False, float(np.median(values)), float(values.std()) or 1.0, 8.0)
    width = plugin.conformal_series.automatic_width(len(values))
    scores, part = plugin.conformal_series.window_scores(unit.scores(values), width, 1)
    starts = np.arange(0, len(values), width)
    peaks = np.array([start + int(np.argmax(scores[start : start + width])) for start in starts])
    return [row[0] for row in rows], peaks, plugin.conformal_scores.alike(scores[peaks], part[starts])


def test_labelled_stretches_of_series(plugin: Any) -> None:
    """The standard profile of the Numenta benchmark on its open part. As there, one threshold is chosen for all series; unlike
    there, scores may look at the whole series, and alarms less than a hundred values apart are one."""
    folder = reference_folder("06-nab")
    labelled = json.loads((folder / "combined_windows.json").read_text())
    found = {name: stretches(plugin, folder / "data" / name) for name in labelled}
    count, best = sum(map(len, labelled.values())), (-math.inf, 0.0)
    for threshold in np.arange(0.6, 3.0, 0.05):
        score = 0.0
        for name, (times, peaks, ratios) in found.items():
            alarms: list[int] = []
            for peak in peaks[ratios >= threshold]:
                alarms += [int(peak)] if not alarms or peak - alarms[-1] > QUIET else []
            windows = [(times.index(low[:19]), times.index(high[:19])) for low, high in labelled[name]]
            score += numenta(alarms, windows, min(int(0.15 * len(times)), 750))
        best = max(best, (100 * (score + count) / (2 * count), float(threshold)))
    sys.stdout.write(f"\nNumenta standard profile {best[0]:.1f} at a ratio of {best[1]:.2f}; published (open part): {NUMENTA}\n")
    assert best[0] >= FLOOR_NUMENTA


def test_alarms_keep_their_rate_on_a_published_table(plugin: Any) -> None:
    """Of the rows of one table, in any order, the share with a p-value up to a is within a."""
    table = pyarrow.csv.read_csv(reference_folder("26-drift") / "california_reference.csv").drop_columns(["id", "timestamp"])
    matrix = np.column_stack([column.to_numpy().astype(float) for column in table.columns])
    lines = []
    for level in (0.001, 0.01, 0.05, 0.2):
        share = float((row_scores(plugin, matrix)[1] <= level).mean())
        lines.append(f"{level}: {share:.5f}")
        assert level - 2 / len(matrix) - 0.002 <= share <= level
    sys.stdout.write("\nlevel: share of rows with a p-value up to it; " + ", ".join(lines) + "\n")
