"""Control charts against the labelled windows of the Numenta Anomaly Benchmark, scored by its rules beside its own detectors."""

import csv
import json
import math
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest

from harness_core.sdk.testing import run_plugin
from tests.reference.folders import reference_folder

pytestmark = pytest.mark.reference

PLUGINS = Path(__file__).parents[2] / "plugins"
PROFILES = {"standard": (0.11, 1.0), "reward low FP": (0.22, 1.0), "reward low FN": (0.11, 2.0)}
PUBLISHED = "same files, standard: HTM 73.6, CAD OSE 71.6, ARTime 71.1, windowed Gaussian 35.0, random 17.0"
FLOOR = 27.0


def sigmoid(place: float) -> float:
    return 2 / (1 + math.exp(5 * place)) - 1 if place <= 3 else -1.0


def score(windows: Sequence[tuple[int, int]], found: Sequence[int], length: int, false: float, missed: float) -> float:
    """NAB's score of one file: the earliest detection in a window counts, all others cost; the first 15 % are for learning."""
    total, best = 0.0, {}
    for place in found:
        if place < min(int(0.15 * length), 750):
            continue
        inside = next((k for k, (low, high) in enumerate(windows) if low <= place <= high), None)
        if inside is not None:
            low, high = windows[inside]
            best[inside] = max(best.get(inside, -9.0), sigmoid(-(high - place + 1) / (high - low + 1)) / sigmoid(-1.0))
            continue
        before = [window for window in windows if window[1] < place]
        total += false * (sigmoid((place - before[-1][1]) / max(1, before[-1][1] - before[-1][0])) if before else -1.0)
    return total + sum(best.values()) - missed * (len(windows) - len(best))


def test_numenta() -> None:
    """The normalised score over all files is above the floor, and series without an anomaly stay quiet."""
    folder = reference_folder("06-nab")
    labels = json.loads((folder / "combined_windows.json").read_text(encoding="utf-8"))
    totals, count, loud, lines = dict.fromkeys(PROFILES, 0.0), 0, [], []
    for name, spans in sorted(labels.items()):
        with (folder / "data" / name).open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))[1:]
        times = [row[0][:19] for row in rows]
        table = pa.table({"timestamp": [datetime.fromisoformat(time) for time in times], "value": [float(row[1]) for row in rows]})
        profile = run_plugin(PLUGINS / "profile_basic", table)
        answer = run_plugin(PLUGINS / "analysis_control_charts", table, upstream={"profile_basic": profile})
        found = sorted({row for f in answer["findings"] for row in f["statistics"]["rows"]})
        windows = [
            (next(i for i, t in enumerate(times) if t >= a[:19]), max(i for i, t in enumerate(times) if t <= b[:19]))
            for a, b in spans
        ]
        for profile_name, (false, missed) in PROFILES.items():
            totals[profile_name] += score(windows, found, len(rows), false, missed)
        count += len(windows)
        loud += [name] if found and not windows else []
        lines.append(f"{name:60} {len(windows)} windows, found {found}")
    for profile_name, (_, missed) in PROFILES.items():
        lines.append(
            f"{profile_name:15} {100 * (totals[profile_name] + missed * count) / (count + missed * count):.1f}  ({PUBLISHED})"
        )
    sys.stdout.write("\n" + "\n".join(lines) + "\n")
    assert 100 * (totals["standard"] + count) / (2 * count) >= FLOOR
    assert len(loud) <= 1, loud
