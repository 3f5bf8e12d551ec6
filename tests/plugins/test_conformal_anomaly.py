"""Conformal anomalies: planted rows and stretches are found with their columns, noise stays quiet, false alarms keep their rate."""

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from harness_core.sdk.testing import run_plugin
from tests.plugins.null_tables import null_table
from tests.plugins.stock_duckdb import run_again

PLUGINS = Path(__file__).parents[2] / "plugins"
FOLDER = PLUGINS / "analysis_conformal_anomaly"


@pytest.fixture(scope="module")
def scores() -> Iterator[ModuleType]:
    """The plugin's own module of scores, forgotten afterwards."""
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module("conformal_scores")
    sys.path.remove(str(FOLDER))
    sys.modules.pop("conformal_scores", None)


@pytest.fixture(scope="module")
def windows() -> Iterator[ModuleType]:
    """The plugin's own module of windows, forgotten afterwards."""
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module("conformal_windows")
    sys.path.remove(str(FOLDER))
    for name in ("conformal_windows", "conformal_scores"):
        sys.modules.pop(name, None)


def examine(table: pa.Table, seed: int = 1, **settings: Any) -> dict[str, Any]:
    profile = run_plugin(PLUGINS / "profile_basic", table)
    return run_plugin(FOLDER, table, upstream={"profile_basic": profile}, settings=settings, seed=seed)


def rows_of(answer: dict[str, Any]) -> set[int]:
    refs = [item["refs"] for finding in answer["findings"] for item in finding["evidence"] if item["type"] == "rows"]
    return {int(ref.rpartition("=")[2]) for part in refs for ref in part}


def crossed(n: int, odd: int, seed: int = 1) -> tuple[pa.Table, set[int]]:
    """Two columns that go together, a third that does not; in the odd rows the two go against each other, each within its range."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, n)
    y = x + rng.normal(0, 0.2, n)
    rows = rng.choice(n, odd, replace=False)
    x[rows], y[rows] = 1.6, -1.7 + rng.normal(0, 0.05, odd)
    return pa.table({"height": 170 + 9 * x, "weight": 70 + 12 * y, "shoe": rng.lognormal(3, 0.5, n)}), {int(row) for row in rows}


def two_moons(n: int, seed: int = 2) -> pa.Table:
    """Two crescents with nothing between them; the last four rows lie there, in the middle of both columns."""
    rng = np.random.default_rng(seed)
    angle, side = rng.uniform(0, np.pi, n), rng.random(n) < 0.5
    x = np.where(side, np.cos(angle), 1 - np.cos(angle)) + rng.normal(0, 0.03, n)
    y = np.where(side, np.sin(angle), 0.3 - np.sin(angle)) * 3 + rng.normal(0, 0.03, n)
    x[-4:], y[-4:] = (0.5, 0.52, 0.48, 0.51), (8.0, 8.05, 7.97, 8.02)
    return pa.table({"x": x, "y": y})


@pytest.mark.parametrize(("n", "odd"), [(800, 3), (20_000, 8)])
def test_rows_that_go_against_the_rest_are_found_with_their_columns(n: int, odd: int, tmp_path: Path) -> None:
    """Guards recall, precision, the blamed columns, and that the numbers quoted can be had from stock DuckDB."""
    table, rows = crossed(n, odd)
    answer = examine(table)
    (finding,) = answer["findings"]
    assert rows_of(answer) == rows
    assert finding["columns"] == ["height", "weight"]
    assert finding["statistics"]["count"] == odd
    assert finding["statistics"]["conformal_p_value"] <= 4 * (odd + 1) / n
    assert run_again(answer, table, tmp_path) == 1
    kept = json.loads((Path(answer["scratch"]) / "artifacts" / "conformal_scores.json").read_text())
    assert {entry["row_index"] for entry in kept["rows"][:odd]} == rows


def test_what_lies_apart_from_curved_groups_is_found() -> None:
    """Guards against seeing only straight relations."""
    assert rows_of(examine(two_moons(3000))) == {2996, 2997, 2998, 2999}


def test_the_order_of_rows_units_and_names_change_nothing() -> None:
    """Guards metamorphic properties: the same rows with the same scores."""
    table, _ = crossed(3000, 4)
    plain = examine(table)
    order = np.random.default_rng(3).permutation(3000)
    moved = examine(table.take(order))
    assert {int(order[row]) for row in rows_of(moved)} == rows_of(plain)
    assert moved["findings"][0]["statistics"] == plain["findings"][0]["statistics"]
    scaled = table.set_column(0, "height", pa.array(table["height"].to_numpy() * 4)).rename_columns(["a", "b", "c"])
    again = examine(scaled)
    assert rows_of(again) == rows_of(plain)
    assert again["findings"][0]["columns"] == ["a", "b"]


@pytest.mark.parametrize("draw", ["normal", "lognormal", "standard_cauchy"])
def test_false_alarms_keep_their_rate_whatever_the_law(draw: str, scores: ModuleType) -> None:
    """Guards the guarantee: of exchangeable rows at most a share a has a conformal p-value of a or less, heavy tails included."""
    rng = np.random.default_rng(4)
    for level in (0.002, 0.01, 0.1):
        alarms = total = 0
        for seed in range(8):
            matrix = np.clip(np.column_stack([getattr(rng, draw)(size=1500) for _ in range(3)]), -8, 8)
            chooser = scores.Chooser(scores.by_hash, seed)
            fold = chooser.add(matrix)
            found = scores.p_values(chooser.references(np.eye(3)).scores(matrix, fold), fold)
            alarms, total = alarms + int((found <= level).sum()), total + len(found)
        assert alarms <= level * total
        assert alarms >= level * total * 0.5


@pytest.mark.parametrize(("references", "points", "columns"), [(256, 700, 4), (37, 300, 2), (9, 5, 12), (0, 3, 2)])
def test_distances_in_blocks_are_those_by_hand(references: int, points: int, columns: int, scores: ModuleType) -> None:
    """Guards the quick way to the mean distance to the nearest of each sample: full blocks, rests of blocks, and few references."""
    rng = np.random.default_rng(7)
    one, other = rng.normal(0, 2, (points, columns)), rng.normal(0, 2, (references, columns))
    found = scores.mean_distances(one, other)
    size = references // max(1, references // 16)
    samples = [other[start : start + size] for start in range(0, references // 16 * 16 or references, max(1, size))]
    plain = [np.sqrt(((one[:, None, :] - part) ** 2).sum(axis=2)).min(axis=1) for part in samples if len(part) == size]
    assert found == pytest.approx(np.mean(plain, axis=0) if references else np.zeros(points), abs=1e-9)
    assert scores.mean_distances(one[1:], other).tobytes() == found[1:].tobytes()


def test_the_ranks_of_a_few_rows_are_those_among_all(scores: ModuleType) -> None:
    """Guards the ranking of only the largest scores against that of every row, ties and lopsided folds included."""
    rng = np.random.default_rng(8)
    for size, share in ((5000, 0.5), (400, 0.03), (60, 0.0)):
        values, fold = np.round(rng.lognormal(0, 1, size), 2), (rng.random(size) < share).astype(np.uint8)
        every = scores.p_values(values, fold)
        asked = rng.integers(0, size, 50)
        assert scores.p_values(values, fold, asked).tolist() == every[asked].tolist()
        for level in (0.0001, 0.02, 0.2):
            assert scores.alarms(values, fold, level) == (int((every <= level).sum()), every.min())
        assert sorted(values[scores.largest(values, 7)])[-7:] == sorted(values)[-7:]


def test_tables_of_noise_are_quiet() -> None:
    """Guards calibration over many shapes of columns."""
    loud = [seed for seed in range(200, 220) if examine(null_table(seed), seed=seed)["status"] == "ok"]
    assert len(loud) <= 1, loud


def series(n: int = 4000, memory: float = 0.7, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    noise, values = rng.normal(0, 1, n), np.empty(n)
    values[0] = noise[0]
    for k in range(1, n):
        values[k] = memory * values[k - 1] + noise[k]
    times = np.datetime64("2024-01-01", "us") + np.arange(n) * np.timedelta64(900, "s")
    return times, values + 4 * np.sin(2 * np.pi * np.arange(n) / 96)


def test_a_stretch_that_runs_as_no_other_is_found(tmp_path: Path) -> None:
    """Guards series: a swing that stays within the range of the values, told with its time, and nothing else."""
    times, values = series()
    values[2500:2510] = 5.0 * (-1.0) ** np.arange(10)
    table = pa.table({"at": times, "load": values})
    answer = examine(table)
    (finding,) = answer["findings"]
    assert finding["columns"] == ["load", "at"]
    assert all(2495 <= row <= 2535 for row in rows_of(answer))
    assert finding["statistics"]["time"].startswith("2024-01-27")
    assert finding["figure"]["marks"]
    assert run_again(answer, table, tmp_path) == 2


@pytest.mark.parametrize("n", [1500, 4000])
def test_a_day_without_its_rush_is_found(n: int, tmp_path: Path) -> None:
    """Guards the comparison at the same point of a cycle: the quiet day holds nothing but what every night holds."""
    rng = np.random.default_rng(3)
    times, hour = np.datetime64("2024-01-01", "us") + np.arange(n) * np.timedelta64(900, "s"), np.arange(n) % 96 / 4
    rush = (hour >= 8) & (hour < 18)
    day = n // 96 // 2
    values = np.where(rush & (np.arange(n) // 96 != day), 80.0, 20.0) + rng.normal(0, 2, n)
    table = pa.table({"at": times, "load": values})
    answer = examine(table)
    (finding,) = answer["findings"]
    assert "cycle of 96 values" in finding["statement"]
    assert all(96 * day + 32 <= row <= 96 * day + 72 + 12 for row in rows_of(answer))
    assert finding["statistics"]["count"] == 1
    assert answer["metrics"]["searched"][0]["period"] == 96
    assert run_again(answer, table, tmp_path) == 2


def test_a_series_that_rests_at_one_value_is_searched() -> None:
    """Guards the spread of series of which more than half is one number."""
    rng = np.random.default_rng(4)
    values = np.where(np.arange(3000) % 5 == 0, rng.normal(5, 0.5, 3000), 0.0)
    values[1500:1540] = 9.0
    table = pa.table({"at": np.datetime64("2024-01-01", "us") + np.arange(3000) * np.timedelta64(1, "m"), "load": values})
    answer = examine(table)
    assert 1500 <= answer["findings"][0]["statistics"]["row_index"] <= 1552


def test_the_first_value_is_no_stretch() -> None:
    """Guards the beginning: the first value stands in for those before it, which makes a stretch of one value; far out or not, it is one
    value and no stretch."""
    values = np.random.default_rng(4).normal(100, 15, 9000)
    values[0] = 100 + 5 * 15
    answer = examine(pa.table({"at": series(9000)[0], "load": values}))
    assert answer["status"] == "na"


def test_infinite_values_within_an_odd_stretch_are_left_out_of_what_is_said() -> None:
    """Guards the range that is told against infinities, which JSON cannot hold."""
    times, values = series()
    values[2500:2510] = 5.0 * (-1.0) ** np.arange(10)
    values[2505] = np.inf
    (finding,) = examine(pa.table({"at": times, "load": values}))["findings"]
    assert "its values are from " in finding["statement"]


def test_a_run_of_missing_values_is_not_odd() -> None:
    """Guards against taking what stands in for missing values, one number throughout, for a stretch that never moved."""
    rng, n = np.random.default_rng(8), 3000
    times = np.datetime64("2024-01-01", "us") + np.arange(n) * np.timedelta64(900, "s")
    values = 100 * (-1.0) ** np.arange(n) + rng.normal(0, 1, n)
    values[1500:1530] = np.nan
    assert examine(pa.table({"at": times, "load": values}))["status"] == "na"


def test_distances_of_windows_are_those_by_hand(windows: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards both quick ways to the nearest window against comparing every pair, and that few references leave none too near."""
    rng, width, n, period = np.random.default_rng(5), 4, 700, 60
    whole = np.rint(rng.normal(0, 256, n))
    padded = np.concatenate([np.full(width - 1, whole[0]), whole])
    rows = np.array([padded[k : k + width] for k in range(n)])
    squared = ((rows[:, None, :] - rows[None, :, :]) ** 2).sum(axis=2)
    lag = np.abs(np.arange(n)[:, None] - np.arange(n)[None, :])
    free = np.where(lag >= 4 * width, squared, np.inf)
    assert (windows.anywhere(whole, width, 1) == free.min(axis=1)).all()
    at_point = (np.minimum(lag % period, period - lag % period) <= width) & (lag >= period - width)
    assert (windows.in_phase(whole, width, period) == np.where(at_point, squared, np.inf).min(axis=1)).all()
    monkeypatch.setattr(windows, "COMPARISONS", 0)
    few = windows.anywhere(whole, width, 1)
    chosen = windows._references(n, 1)
    assert len(chosen) == 256
    assert (few == free[:, chosen].min(axis=1)).all()


def test_events_have_one_peak_each(windows: ModuleType) -> None:
    """Guards against one event told as two where it lies on the border of two stretches."""
    peaks, largest = np.array([3, 11, 12, 35, 40]), np.array([1.0, 5.0, 4.0, 2.0, 2.0])
    assert windows.events(peaks, largest, 10).tolist() == [1, 3]


@pytest.mark.parametrize("memory", [0.0, 0.9, 0.99])
def test_series_with_memory_and_cycles_are_quiet(memory: float) -> None:
    """Guards against autocorrelation that poses as anomaly."""
    loud = 0
    for seed in range(8):
        times, values = series(2000, memory, seed)
        loud += examine(pa.table({"at": times, "load": values}))["status"] == "ok"
    assert loud <= 1


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"x": [], "y": []}, "too_few_rows"), ({"x": [1.0], "y": [2.0]}, "too_few_rows"),
        ({"x": [None] * 200, "y": [1.0] * 200}, "too_few_measures"), ({"x": list(np.arange(200.0) ** 1.5)}, "too_few_measures"),
        ({"x": [float("inf"), -1e308, 1e308, 0.5, 1.5, None] * 40, "y": [1.25, 2.5, 3.5, 4.5, 5.5, 6.5] * 40}, None),
    ],
)  # fmt: skip
def test_degenerate_tables_are_no_error(columns: dict[str, list[Any]], code: str | None) -> None:
    """Guards empty, single, missing, constant, huge and infinite input."""
    answer = examine(pa.table({name: pa.array(values, pa.float64()) for name, values in columns.items()}))
    assert answer["status"] == "na"
    assert code is None or answer["reason_code"] == code


def test_what_is_beyond_the_limit_of_columns_is_said() -> None:
    """Guards wide tables: the first dozen measures are taken together, the others named."""
    rng = np.random.default_rng(6)
    metrics = examine(pa.table({f"c{k}": rng.normal(0, 1, 300) for k in range(40)}))["metrics"]
    assert len(metrics["columns"]) == 12
    assert [item["name"] for item in metrics["left_out"]] == [f"c{k}" for k in range(12, 40)]
