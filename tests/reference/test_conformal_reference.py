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
MODULES = (
    "conformal_scores", "conformal_units", "conformal_windows", "conformal_series", "conformal_words", "conformal_rows", "conformal_gap"
)  # fmt: skip
ADBENCH = {"isolation forest": 0.783, "largest robust z": 0.778, "5 nearest neighbours": 0.777, "ECOD": 0.721, "LOF": 0.620}
NUMENTA = {"HTM": 73.6, "CAD OSE": 71.6, "ARTime": 71.1, "windowed Gaussian": 35.0, "random": 17.0}
PROFILES = {"standard": (0.11, 1.0), "reward low FP": (0.22, 1.0), "reward low FN": (0.11, 2.0)}
FLOOR_AUROC, FLOOR_NUMENTA, FLOOR_TOLD = 0.75, 50.0, 6
QUIET = 100


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
    correlations = plugin.conformal_units.Correlations(len(kept))
    correlations.add(scaled)
    chooser = plugin.conformal_scores.Chooser(plugin.conformal_scores.by_hash, seed)
    fold = chooser.add(scaled)
    references = chooser.references(correlations.inverse_root())
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


def numenta(alarms: list[int], windows: list[tuple[int, int]], probation: int, false: float, missed: float) -> float:
    """The raw score of one series (Lavin and Ahmad 2015): early alarms in a window earn up to 1, misses and others cost."""
    alarms, score = [alarm for alarm in alarms if alarm >= probation], 0.0
    for low, high in windows:
        inside = [alarm for alarm in alarms if low <= alarm <= high]
        score += sigmoid(-(high - min(inside) + 1) / (high - low + 1)) / sigmoid(-1) if inside else -missed
    for alarm in alarms:
        if not any(low <= alarm <= high for low, high in windows):
            before = [(low, high) for low, high in windows if high < alarm]
            score += false * (sigmoid((alarm - before[-1][1]) / max(1, before[-1][1] - before[-1][0])) if before else -1.0)
    return score


def stretches(plugin: Any, times: list[str], values: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Per stretch where its largest score is, and that score over the 90th percentile; and the chance of the gap above the rest."""
    unit = plugin.conformal_units.unit_of_series("value", values, plugin.conformal_units.FARTHEST_IN_SERIES)
    width = plugin.conformal_series.automatic_width(len(values))
    if isinstance(unit, str):
        return np.arange(0, len(values), width), np.zeros(-(-len(values) // width)), 1.0
    units, moments = unit.scores(values), np.array(times, dtype="datetime64[us]").astype(np.int64)
    period = plugin.conformal_windows.strong_cycle(units, moments, width)
    peaks, largest = plugin.conformal_series.stretch_peaks(plugin.conformal_windows.distances(units, width, period, 1), width)
    ratios = plugin.conformal_scores.alike(largest, np.zeros(len(peaks), dtype=np.uint8))
    apart = plugin.conformal_windows.events(peaks, largest, width)
    return peaks, ratios, plugin.conformal_gap.judge_events(ratios[apart], 2.0).p_value


def apart(peaks: np.ndarray, ratios: np.ndarray, threshold: float) -> list[int]:
    """The largest scores of at least ``threshold``, none within a hundred values of a larger one."""
    kept: list[int] = []
    for k in np.argsort(-ratios, kind="stable"):
        if ratios[k] >= threshold and all(abs(int(peaks[k]) - other) > QUIET for other in kept):
            kept.append(int(peaks[k]))
    return sorted(kept)


def test_labelled_stretches_of_series(plugin: Any) -> None:
    """The profiles of the Numenta benchmark on its open part. As there, one threshold is chosen for all series; unlike there, scores
    may look at the whole series, and alarms less than a hundred values apart are one. What is told is told only of labelled series."""
    folder = reference_folder("06-nab")
    labelled = json.loads((folder / "combined_windows.json").read_text())
    found, told = [], []
    for name, spans in labelled.items():
        rows = list(csv.reader((folder / "data" / name).open(encoding="utf-8")))[1:]
        times = [row[0][:19] for row in rows]
        windows = [(times.index(low[:19]), times.index(high[:19])) for low, high in spans]
        peaks, ratios, p_value = stretches(plugin, times, np.array([float(row[1]) for row in rows]))
        found.append((peaks, ratios, windows, min(int(0.15 * len(times)), 750)))
        told += [name] if p_value <= 0.005 else []
    count, best = sum(len(windows) for _, _, windows, _ in found), dict.fromkeys(PROFILES, (-math.inf, 0.0))
    for threshold in np.arange(1.0, 4.0, 0.05):
        alarms = [apart(peaks, ratios, threshold) for peaks, ratios, _, _ in found]
        for profile, (false, missed) in PROFILES.items():
            pairs = zip(alarms, found, strict=True)
            score = sum(numenta(places, windows, probation, false, missed) for places, (_, _, windows, probation) in pairs)
            normal = 100 * (score + missed * count) / (count + missed * count)
            best[profile] = max(best[profile], (normal, float(threshold)))
    lines = [f"Numenta {profile}: {score:.1f} at a ratio of {threshold:.2f}" for profile, (score, threshold) in best.items()]
    lines.append(f"published, standard, same files: {NUMENTA}; series of which something is told: {len(told)} of {len(labelled)}")
    sys.stdout.write("\n" + "\n".join(lines) + "\n")
    assert best["standard"][0] >= FLOOR_NUMENTA
    assert len(told) >= FLOOR_TOLD
    assert not [name for name in told if not labelled[name]]


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
